"""The table of Orq.ai's models behind an OpenAI-compatible endpoint. Facts only; no calls.

Sources: the API reference of `POST /v2/models/openai-like`; for the update, and for what reads back where,
the vendor's published client and its Terraform provider.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from reconciler.money import PER_1K_TOKENS, PER_1M_TOKENS, PER_IMAGE, Price
from reconciler.registries.codecs import (
    Address,
    Choice,
    Codec,
    Flag,
    Id,
    Money,
    Number,
    SecretText,
    Text,
    Whole,
)
from reconciler.registries.orq.enabling import ENABLED, called
from reconciler.registries.orq.fields import CURRENCY
from reconciler.registries.rows import (
    Call,
    Clear,
    Declared,
    Echo,
    Identity,
    Keyed,
    Path,
    Point,
    Row,
    Table,
    display_name_row,
)


def _sent(name: str, shown: Path | None = None) -> tuple[Point, ...]:
    """A field that is sent at the top, and reads back there or where ``shown`` says."""
    if shown is None:
        return (Point((name,)),)
    return Point((name,), read=False), Point(shown, create=False, update=False)


def _slider(name: str) -> Path:
    return "parameters", name, "config", "max"


def _made(*path: str) -> Point:
    """What the server makes of a flag besides; nothing is read from it."""
    return Point(path, create=False, update=False, read=False, derived=True)


def _flag(name: str, portable: str, shown: Path, *made: Point, **more: Any) -> Row:
    return Row(
        portable=("capabilities", portable),
        native=((name,),),
        points=(*_sent(name, shown), *made),
        codec=Flag(),
        absent=False,
        **more,
    )


def _price(name: str) -> Row:
    derived = Point(
        ("metadata", f"million_tokens_{name}_cost"),
        create=False,
        update=False,
        derived=True,
        codec=Money(PER_1M_TOKENS),
        currency=(f"{name}_currency",),
    )
    return Row(
        portable=("pricing", name),
        native=((f"{name}_cost",),),
        points=(Point((f"{name}_cost",), currency=(f"{name}_currency",)), derived),
        codec=Money(PER_1K_TOKENS),
    )


def _text(
    portable: Path, name: str, codec: Codec, points: tuple[Point, ...] | None = None, **more: Any
) -> Row:
    return Row(portable=portable, native=((name,),), points=points or _sent(name), codec=codec, **more)


def _images(declared: Declared) -> Iterator[tuple[Path, str]]:
    """Image models store 0 for both token prices, whatever is sent."""
    kind = declared.values.get(("type",)) or declared.values.get(("native", "orq", "model_type"))
    if kind != "image":
        return
    for name in ("input", "output"):
        for path in (("pricing", name), ("native", "orq", f"{name}_cost")):
            price = declared.values.get(path)
            if isinstance(price, Price) and price.amount:
                yield path, "an image model has no token prices here; its price is pricing.image"


OPENAI_LIKE_TABLE: Final = Table(
    kind="orq",
    variant="openai-like",
    title="Orq.ai OpenAI-compatible models (`/v2/models/openai-like`)",
    resource="Model",
    rows=(
        Row(
            native=(("id",),),
            points=(Point(("id",), create=False, update=False),),
            codec=Id(),
            identity=True,
        ),
        display_name_row("display_name", Text(128)),
        _text(("description",), "description", Text(empty_is_unset=True), clear=Clear.EMPTY),
        _text(
            ("type",), "model_type", Choice(words=("chat", "completion", "embedding", "image")), demanded=True
        ),
        _text(("model",), "model_id", Text(256), demanded=True, probed=True),
        _text(
            ("endpoint", "base_url"),
            "base_url",
            Address(),
            _sent("base_url", ("configuration", "base_url")),
            demanded=True,
            upstream=True,
            probed=True,
        ),
        _text(
            ("endpoint", "region"), "region", Text(), _sent("region", ("metadata", "region")), demanded=True
        ),
        _text(
            ("endpoint", "api_key"),
            "api_key",
            SecretText(),
            (Point(("api_key",), update=False, read=False),),
            demanded=True,
            echo=Echo.WRITE_ONLY,
        ),
        _price("input"),
        _price("output"),
        Row(
            portable=("pricing", "image"),
            native=(("cost_per_image",),),
            points=(
                Point(("cost_per_image",), read=False),
                Point(("metadata", "cost_per_image"), create=False, update=False, currency=CURRENCY),
            ),
            codec=Money(PER_IMAGE),
            absent=Price(Decimal(0), "USD", PER_IMAGE),
        ),
        # Newer servers only, and no source says for what unit, or where they read back. [?]
        *(
            Row(
                native=((name,),),
                points=(Point((name,), read=False),),
                codec=Number(),
                echo=Echo.WRITE_ONLY,
            )
            for name in ("cache_read_cost", "cache_write_cost")
        ),
        # No source says whether a limit of 0 is kept or is no limit; it cannot be gone back to. [?]
        _text(
            ("limits", "max_output_tokens"),
            "max_tokens",
            Whole(),
            _sent("max_tokens", _slider("maxTokens")),
            absent=0,
            one_way=True,
        ),
        Row(
            native=(("temperature",),),
            points=_sent("temperature", _slider("temperature")),
            codec=Number(),
            absent=Decimal(0),
            one_way=True,
        ),
        # False is dropped from `metadata` on read, so the top-level mirror tells a flip.
        _flag(
            "supports_tool_calling", "tools", ("has_functions",), _made("metadata", "supports_tool_calling")
        ),
        _flag("supports_vision", "vision", ("metadata", "supports_vision")),
        _flag("supports_strict_tool", "strict_tools", ("metadata", "supports_strict_tool")),
        _flag("supports_image_edit", "image_edit", ("metadata", "supports_image_edit")),
        _flag(
            "has_reasoning",
            "reasoning",
            ("metadata", "supports_reasoning"),
            _made("parameters", "reasoning_effort"),
            one_way=True,
        ),
        ENABLED,
    ),
    identity=Identity(
        pin=("native", "orq", "id"),
        client_chosen=False,
        # The address too: whoever takes over another team's model would send its stored key to ours.
        natural=(("model_id",), ("configuration", "base_url")),
        resembles=(("display_name",), ("configuration", "base_url"), ("model_id",)),
        unique=False,
    ),
    create=Call("create", "POST", "/v2/models/openai-like"),
    update=Call(
        "update",
        "PATCH",
        "/v2/models/openai-like/{id}",
        always=(("display_name",), ("region",), ("model_type",)),
        # The server builds `parameters` anew from those of the three that a body has.
        together=((("max_tokens",), ("temperature",), ("has_reasoning",)),),
    ),
    impossible=_images,
    described_by="a model with `endpoint`",
    called=called,
    lists={"parameters": Keyed("parameter")},
    volatile=frozenset({"updated", "refId"}),
    updated="updated",
)
