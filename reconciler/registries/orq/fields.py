"""The tables of Orq.ai. Facts only; no calls.

Sources: the API reference pages of `POST /v2/models` and `PATCH /v2/models/{id}`; the vendor's own
Terraform provider for what reads back where. What no source answers is marked [?] and takes the path
that is safe under either answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from reconciler.manifests.providers import spellings
from reconciler.manifests.secretkeys import names_secret
from reconciler.money import PER_1K_TOKENS, PER_1M_TOKENS, Price
from reconciler.registries.codecs import (
    Address,
    Codec,
    EmptyMapping,
    Flag,
    Id,
    Json,
    Money,
    Number,
    SecretText,
    SetOf,
    Text,
    Tree,
    TreeOrSecret,
    Value,
    Whole,
    Word,
)
from reconciler.registries.orq.enabling import ENABLED, called
from reconciler.registries.orq.metadata import KEYS
from reconciler.registries.rows import (
    ANY,
    REST,
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
    name_row,
)

KIND: Final = "orq"
SYSTEM_OWNER: Final = "system"
"""`owner` of the built-in models; every other owner is a workspace."""

OPENAI_LIKE: Final = "openailike"
"""`provider` of the models that were made through `/v2/models/openai-like`."""

READABLE_CONFIGURATION: Final = frozenset(
    """
    api_key_env api_version auth_mode auth_type base_url deployment_name endpoint inference_profile_arn
    integration_id is_openai_compatible is_tuned_model location model_id project_id provider region
    should_use_beta_features subtype workspace_id
    """.split()
)
"""All that an answer's `configuration` is documented to hold; credentials are never among it."""

CURRENCY: Final = ("input_currency",)
"""Where a model says what its prices are in; of those in `metadata` no source says otherwise. [?]"""

_NOT_GENERIC: Final = f"'{OPENAI_LIKE}' marks the models of another call, `/v2/models/openai-like`"

_UPSTREAM_KEYS: Final = ("base_url", "endpoint")

PORTABLE_METADATA: Final[Mapping[str, Path]] = {
    "context_window": ("limits", "context_window"),
    "max_output_tokens": ("limits", "max_output_tokens"),
    "million_tokens_cache_read_cost": ("pricing", "cache_read"),
    "million_tokens_cache_write_cost": ("pricing", "cache_write"),
    "million_tokens_cache_write_5m_cost": ("pricing", "cache_write_5m"),
    "million_tokens_cache_write_1h_cost": ("pricing", "cache_write_1h"),
    "million_tokens_reasoning_cost": ("pricing", "reasoning"),
    "million_tokens_batches_input_cost": ("pricing", "batch", "input"),
    "million_tokens_batches_output_cost": ("pricing", "batch", "output"),
    "million_tokens_audio_input_cost": ("pricing", "audio", "input"),
    "million_tokens_audio_output_cost": ("pricing", "audio", "output"),
    **{
        f"million_tokens_{tier}_{price}_cost": ("pricing", "tiers", tier, price)
        for tier in ("above_128k", "above_200k")
        for price in ("input", "output", "cache_read", "cache_write")
    },
    "million_searches_cost": ("pricing", "search"),
    "cost_per_image": ("pricing", "image"),
    "per_video_second_cost": ("pricing", "video_second"),
    "per_video_second_cost_1080p": ("pricing", "video_second_1080p"),
    "supports_vision": ("capabilities", "vision"),
    "supports_streaming": ("capabilities", "streaming"),
    "supports_reasoning": ("capabilities", "reasoning"),
    "supports_strict_tool": ("capabilities", "strict_tools"),
    "supports_image_edit": ("capabilities", "image_edit"),
    "supports_json_schema_response_format": ("capabilities", "json_schema"),
}
_COUPLED: Final = {"million_tokens_input_cost", "million_tokens_output_cost", "supports_tool_calling"}
"""Keys that have no row of their own: they say what a top-level field says."""

_ELSEWHERE_PRICED: Final = (
    ("pricing", "image"),
    ("pricing", "video_second"),
    ("pricing", "video_second_1080p"),
)
_NO_OUTPUT: Final = frozenset({"embedding", "rerank", "moderation"})


def _absent(codec: Codec) -> Value:
    """What a missing metadata key means: `false` and `0` are dropped on read (Go `omitempty`)."""
    if isinstance(codec, Flag):
        return False
    if isinstance(codec, Whole):
        return 0
    if isinstance(codec, Number):
        return Decimal(0)
    if isinstance(codec, Money):
        return Price(Decimal(0), codec.currency, codec.unit)
    return () if isinstance(codec, SetOf) else None


def _metadata_row(key: str, codec: Codec) -> Row:
    private = key == "is_private"
    return Row(
        portable=PORTABLE_METADATA.get(key),
        native=(("metadata", key),),
        points=(Point(("metadata", key), currency=CURRENCY if isinstance(codec, Money) else None),),
        codec=codec,
        absent=_absent(codec),
        clear=Clear.OMITTED,
        demanded=private,
        default=(lambda _: True) if private else None,
        default_text="true" if private else "",
    )


_ZERO: Final = Price(Decimal(0), "USD", PER_1K_TOKENS)


def _priced_elsewhere(declared: Declared) -> bool:
    return any(declared.values.get(path) is not None for path in _ELSEWHERE_PRICED)


def _type(declared: Declared) -> Value:
    return declared.values.get(("type",)) or declared.values.get(("native", KIND, "model_type"))


def _default_input(declared: Declared) -> Value:
    return _ZERO if _priced_elsewhere(declared) else None


def _default_output(declared: Declared) -> Value:
    return _ZERO if _priced_elsewhere(declared) or _type(declared) in _NO_OUTPUT else None


def _default_provider(declared: Declared) -> Value:
    return declared.values.get(("provider",)) or declared.values.get(("native", KIND, "provider"))


def _price_row(name: str, default: Any = None, default_text: str = "") -> Row:
    """A price per 1K tokens at the top, which the server also keeps per 1M in `metadata`."""
    return Row(
        portable=("pricing", name),
        native=((f"{name}_cost",),),
        points=_price_points(name),
        codec=Money(PER_1K_TOKENS),
        demanded=True,
        default=default,
        default_text=default_text,
    )


def _million_row(name: str) -> Row:
    """The same price under the name of its derived key, whose bare number is per 1M."""
    return Row(
        native=(("metadata", f"million_tokens_{name}_cost"),),
        points=_price_points(name),
        codec=Money(PER_1K_TOKENS, native_unit=PER_1M_TOKENS),
    )


def _price_points(name: str) -> tuple[Point, Point]:
    derived = ("metadata", f"million_tokens_{name}_cost")
    currency = (f"{name}_currency",)
    return (
        Point((f"{name}_cost",), currency=currency),
        Point(derived, derived=True, codec=Money(PER_1M_TOKENS), currency=currency),
    )


_BODY_ROWS: Final = (
    name_row("id", Id()),
    display_name_row("display_name", Text(128)),
    Row(
        portable=("type",),
        native=(("model_type",),),
        points=(Point(("model_type",)),),
        codec=Text(),
        demanded=True,
    ),
    Row(
        portable=("developer",),
        native=(("model_developer",),),
        points=(Point(("model_developer",), update=False),),
        codec=Text(),
        demanded=True,
    ),
    Row(
        portable=("family",),
        native=(("model_family",),),
        points=(Point(("model_family",), update=False),),
        codec=Text(),
        demanded=True,
    ),
    Row(
        portable=("provider",),
        native=(("provider",),),
        points=(Point(("provider",), update=False),),
        codec=Word(spellings(KIND), KIND, {OPENAI_LIKE: _NOT_GENERIC}),
        demanded=True,
    ),
    Row(
        portable=("model",),
        native=(("model_id",),),
        # Newer servers (October 2026) take model_id on update; the reference page does not. [?]
        points=(Point(("model_id",), update=False),),
        codec=Text(256),
        demanded=True,
    ),
    Row(
        portable=("capabilities", "tools"),
        native=(("has_functions",), ("metadata", "supports_tool_calling")),
        points=(Point(("has_functions",)), Point(("metadata", "supports_tool_calling"))),
        codec=Flag(),
        absent=False,
        demanded=True,
        default=lambda _: False,
        default_text="false",
    ),
    _price_row("input", _default_input, "0 where priced per image or second"),
    _price_row(
        "output",
        _default_output,
        "0 for embedding, rerank and moderation, and where priced per image or second",
    ),
    _million_row("input"),
    _million_row("output"),
)

_PARAMETER_TEXTS: Final = ("name", "parameter_type", "description", "hints")
_PARAMETER_ROWS: Final = (
    Row(
        native=(("parameters",),),
        points=(Point(("parameters",), update=False),),
        codec=EmptyMapping(),
        demanded=True,
        default=lambda _: Json("{}"),
        default_text="none",
    ),
    Row(
        native=(("parameters", ANY),),
        points=(Point(("parameters", ANY)),),
        codec=EmptyMapping(),
        clear=Clear.OMITTED,
        existing=True,
    ),
    *(
        Row(
            native=(("parameters", ANY, key),),
            points=(Point(("parameters", ANY, key)),),
            codec=Text(empty_is_unset=True),
            clear=Clear.OMITTED if key in ("description", "hints") else Clear.NEVER,
            existing=True,
        )
        for key in _PARAMETER_TEXTS
    ),
    Row(
        native=(("parameters", ANY, "position"),),
        points=(Point(("parameters", ANY, "position")),),
        codec=Whole(),
        absent=0,  # no source says whether 0 is dropped on read, as it is in `metadata` [?]
        clear=Clear.OMITTED,
        existing=True,
    ),
    Row(
        native=(("parameters", ANY, "config"),),
        points=(Point(("parameters", ANY, "config")),),
        codec=EmptyMapping(),
        existing=True,
    ),
    Row(
        native=(("parameters", ANY, "config", REST),),
        points=(Point(("parameters", ANY, "config", REST)),),
        codec=Tree(),
        clear=Clear.OMITTED,
        existing=True,
    ),
)

_CONFIGURATION_ROWS: Final = (
    Row(
        native=(("configuration",),),
        points=(Point(("configuration",), update=False),),
        codec=EmptyMapping(),
    ),
    Row(
        native=(("configuration", "provider"),),
        points=(Point(("configuration", "provider"), update=False),),
        codec=Text(),
        demanded=True,
        default=_default_provider,
        default_text="provider",
    ),
    Row(
        native=(("configuration", "api_key"),),
        points=(Point(("configuration", "api_key"), update=False, read=False),),
        codec=SecretText(),
        echo=Echo.WRITE_ONLY,
    ),
    *(
        Row(
            native=(("configuration", key),),
            points=(Point(("configuration", key), update=False),),
            codec=Flag() if key.startswith(("is_", "should_")) else Text(empty_is_unset=True),
            absent=False if key.startswith(("is_", "should_")) else None,
        )
        for key in sorted(READABLE_CONFIGURATION - {"provider", "model_id", *_UPSTREAM_KEYS})
    ),
    *(
        Row(
            native=(("configuration", key),),
            points=(Point(("configuration", key), update=False),),
            codec=Address(empty_is_unset=True, bare=key == "endpoint"),
            upstream=True,
        )
        for key in _UPSTREAM_KEYS
    ),
    # Only newer servers (October 2026) show it, and the reference page does not: never relied on. [?]
    Row(
        native=(("configuration", "model_id"),),
        points=(Point(("configuration", "model_id"), update=False, read=False),),
        codec=Text(),
        echo=Echo.WRITE_ONLY,
    ),
    # The request's `configuration` is a free object; what the answer does not document never reads back.
    Row(
        native=(("configuration", REST),),
        points=(Point(("configuration", REST), update=False, read=False),),
        codec=TreeOrSecret(),
        echo=Echo.WRITE_ONLY,
    ),
)

GENERIC: Final = Table(
    kind=KIND,
    variant="generic",
    title="Orq.ai models (`/v2/models`)",
    resource="Model",
    rows=(
        *_BODY_ROWS,
        *(_metadata_row(key, codec) for key, codec in KEYS.items() if key not in _COUPLED),
        *_PARAMETER_ROWS,
        *_CONFIGURATION_ROWS,
        ENABLED,
    ),
    identity=Identity(
        pin=("native", KIND, "id"),
        client_chosen=True,
        natural=(("provider",), ("model_id",)),
        resembles=(("display_name",), ("configuration", "base_url"), ("model_id",)),
    ),
    create=Call("create", "POST", "/v2/models"),
    update=Call("update", "PATCH", "/v2/models/{id}", replaces=("metadata", "parameters")),
    # `is_private` is the one required key of a metadata object, and false is dropped on read.
    spelled={("metadata", "is_private"): False},
    lists={
        # An update's items need their `id`; nothing documents that it takes `is_active`. [?]
        "parameters": Keyed("parameter", ("name", "parameter_type", "config"), frozenset({"is_active"}))
    },
    volatile=frozenset({"updated"}),
    updated="updated",
    described_by="a model without `endpoint`",
    called=called,
)


def ours(document: Mapping[str, Any]) -> bool:
    """Whether a live model belongs to the workspace; built-in ones are never touched."""
    return bool(document.get("owner") != SYSTEM_OWNER)


def variant_of(document: Mapping[str, Any]) -> str:
    """Which table a live model has: the vendor's own, else by its `provider` the API that made it."""
    if not ours(document):
        return "builtin"
    return "openai-like" if document.get("provider") == OPENAI_LIKE else "generic"


def without_secrets(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], frozenset[Path]]:
    """``document`` without its `api_key`, and any key of `configuration` that could be a credential.

    The second part are the wire paths of what stood there and is named like one.
    """
    configuration = document.get("configuration")
    free = configuration.keys() - READABLE_CONFIGURATION if isinstance(configuration, dict) else ()
    if not free and "api_key" not in document:
        return document, frozenset()
    raw = {key: value for key, value in document.items() if key != "api_key"}
    hidden: set[Path] = {("api_key",)} if document.get("api_key") else set()
    if isinstance(configuration, dict):
        raw["configuration"] = {key: value for key, value in configuration.items() if key not in free}
        hidden |= {("configuration", key) for key in free if configuration[key] and names_secret(key)}
    return raw, frozenset(hidden)
