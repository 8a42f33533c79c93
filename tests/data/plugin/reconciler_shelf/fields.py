"""The table of Shelf. Facts only; no calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.money import PER_1K_TOKENS
from reconciler.registries.codecs import Address, Flag, Id, Money, SecretText, SetOf, Text, Whole, Word
from reconciler.registries.rows import (
    Call,
    Clear,
    Echo,
    Identity,
    Point,
    Row,
    Table,
    display_name_row,
    name_row,
)

KIND: Final = "shelf"

SPELLINGS: Final = {"openai": "OpenAI", "azure-openai": "Azure", "mistral": "Mistral"}
"""Our words for who serves a model, and Shelf's."""

READABLE: Final = frozenset(
    """
    about context key_set name owner prices tags title updated_at upstream_model upstream_url vendor
    vision workspace
    """.split()
)
"""Every key of an answer that we keep."""

_NAME: Final = name_row("name", Id())
_TITLE: Final = display_name_row("title", Text(80))

_ABOUT: Final = Row(
    portable=("description",),
    native=(("about",),),
    points=(Point(("about",)),),
    codec=Text(empty_is_unset=True),
    clear=Clear.EMPTY,
)
_VENDOR: Final = Row(
    portable=("provider",),
    native=(("vendor",),),
    points=(Point(("vendor",), update=False),),
    codec=Word(SPELLINGS, KIND),
    demanded=True,
)
_MODEL: Final = Row(
    portable=("model",),
    native=(("upstream_model",),),
    points=(Point(("upstream_model",), update=False),),
    codec=Text(),
    demanded=True,
)
_CONTEXT: Final = Row(
    portable=("limits", "context_window"),
    native=(("context",),),
    points=(Point(("context",)),),
    codec=Whole(),
    clear=Clear.NULL,
)
_VISION: Final = Row(
    portable=("capabilities", "vision"),
    native=(("vision",),),
    points=(Point(("vision",)),),
    codec=Flag(),
    absent=False,
)
_TAGS: Final = Row(
    native=(("tags",),),
    points=(Point(("tags",)),),
    codec=SetOf(str),
    absent=(),
)


def _price(name: str, *, demanded: bool = False) -> Row:
    return Row(
        portable=("pricing", name),
        native=(("prices", name),),
        points=(Point(("prices", name)),),
        codec=Money(PER_1K_TOKENS),
        clear=Clear.NEVER if demanded else Clear.OMITTED,
        demanded=demanded,
    )


_URL: Final = Row(
    portable=("endpoint", "base_url"),
    native=(("upstream_url",),),
    points=(Point(("upstream_url",)),),
    codec=Address(),
    upstream=True,
)
_KEY: Final = Row(
    portable=("endpoint", "api_key"),
    native=(("upstream_key",),),
    points=(Point(("upstream_key",), read=False),),
    codec=SecretText(),
    echo=Echo.WRITE_ONLY,
)

MODELS: Final = Table(
    kind=KIND,
    variant="model",
    title="Shelf models (`/api/models`)",
    resource="Model",
    rows=(
        _NAME,
        _TITLE,
        _ABOUT,
        _VENDOR,
        _MODEL,
        _URL,
        _KEY,
        _CONTEXT,
        _price("input", demanded=True),
        _price("output", demanded=True),
        _price("cache_read"),
        _VISION,
        _TAGS,
    ),
    identity=Identity(
        pin=("native", KIND, "name"),
        client_chosen=True,
        natural=(("vendor",), ("upstream_model",)),
        resembles=(("title",), ("upstream_model",)),
    ),
    create=Call("create", "POST", "/api/models"),
    update=Call("update", "PATCH", "/api/models/{id}", replaces=("prices",)),
    volatile=frozenset({"updated_at"}),
)


def ours(document: Mapping[str, Any]) -> bool:
    """Whether a live model is the workspace's own; the others are Shelf's."""
    return bool(document.get("owner") != "shelf")
