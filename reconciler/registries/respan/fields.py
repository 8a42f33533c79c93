"""The tables of Respan: custom models and providers. Facts only; no calls.

Sources: the API reference of `POST /api/models/`; the vendor's published client (respan-api, versions of
April to November 2026). What no source answers is marked [?] and takes the path that is safe under either
answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from reconciler.manifests.fields import JsonSchema
from reconciler.manifests.secretkeys import is_address_with_secret, names_secret
from reconciler.money import PER_1M_TOKENS, Price
from reconciler.registries.codecs import (
    Address,
    BadValue,
    Money,
    SecretText,
    Text,
    Tree,
    TreeOrSecret,
    Value,
    Whole,
    ZeroOrOne,
)
from reconciler.registries.masks import is_masked, is_masked_key
from reconciler.registries.rows import (
    REST,
    Call,
    Declared,
    Demand,
    Echo,
    Identity,
    Path,
    Point,
    Row,
    Table,
    dig,
    display_name_row,
    name_row,
)
from reconciler.secrets import SecretRef

KIND: Final = "respan"
OWN: Final = "custom"
"""`affiliation_category` of an organisation's own models; the vendor's have had several other words."""

MODELS: Final = "/api/models/"
PROVIDERS: Final = "/api/providers/"

EXTRA: Final = "extra_kwargs"

_PLACEHOLDER: Final = "Dummy"
"""What gateways show, or ask for, in the place of a key."""

_NOT_MODELS: Final = frozenset({"list", "public", "summary"})
"""What stands at `/api/models/{model_name}/` and is no model."""


class ModelName(Text):
    """A model's name, which stands in addresses with its slashes as they are."""

    __slots__ = ()

    def normal(self, value: Any, *, native: bool) -> Value:
        name = Text.normal(self, value, native=native)
        if not name.isprintable() or any(part in {"", ".", ".."} for part in name.split("/")):
            raise BadValue(
                "cannot stand in an address: between its slashes is nothing, '.' or '..', "
                "or it has unprintable characters"
            )
        if name in _NOT_MODELS:
            raise BadValue(f"cannot stand in an address: {MODELS}{name}/ is a call of its own")
        return name


class ProviderId(Text):
    """A provider's id, which is one segment of an address."""

    __slots__ = ()

    def normal(self, value: Any, *, native: bool) -> Value:
        identity = Text.normal(self, value, native=native)
        if not identity.isprintable() or "/" in identity or identity in {".", ".."}:
            raise BadValue(
                "cannot stand in an address: it is '.' or '..', or has a slash or unprintable characters"
            )
        return identity


class ProviderName(Text):
    """What a model names its provider by: the provider's id, or its number as the older pages allow."""

    __slots__ = ()

    def schema(self) -> JsonSchema:
        return {"type": ["string", "integer"], "minLength": 1}

    def normal(self, value: Any, *, native: bool) -> Value:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        return Text.normal(self, value, native=native)


class Overrides(Tree):
    """Parameters by name; null takes one away."""

    __slots__ = ()

    def schema(self) -> JsonSchema:
        return {"type": "object"}

    def normal(self, value: Any, *, native: bool) -> Value:
        if not isinstance(value, dict):
            raise BadValue("must be a mapping")
        return Tree.normal(self, value, native=native)


# ---- models

_FREE: Final = Price(Decimal(0), "USD", PER_1M_TOKENS)
_SHOWN_PROVIDER: Final = Point(("provider", "provider_id"), create=False, update=False)


def _price(name: str, wire: str, **more: Any) -> Row:
    return Row(
        portable=("pricing", name),
        native=((wire,),),
        points=(Point((wire,)),),
        codec=Money(PER_1M_TOKENS),
        echo=Echo.EFFECTIVE,
        **more,
    )


def _flag(name: str, wire: str, echo: Echo = Echo.EFFECTIVE) -> Row:
    return Row(
        portable=("capabilities", name),
        native=((wire,),),
        points=(Point((wire,)),),
        codec=ZeroOrOne(),
        echo=echo,
    )


def _provider(wire: str) -> Row:
    """One of the two keys that name a provider; both read back in the nested `provider`."""
    return Row(
        native=((wire,),),
        points=(Point((wire,), read=False), _SHOWN_PROVIDER),
        codec=ProviderName(),
        echo=Echo.EFFECTIVE,  # without one, it is the base model's
        refers="Provider",
    )


def _native(*steps: str) -> Path:
    return ("native", KIND, *steps)


_BY_PROVIDER: Final = (_native("custom_provider_id"), _native("provider_id"))


def _impossible_model(declared: Declared) -> Iterator[tuple[Path, str]]:
    if all(declared.has(path) for path in _BY_PROVIDER):
        yield _BY_PROVIDER[1], "the provider is named by custom_provider_id already; keep one of them"
    if not declared.has(_native("model_name")) and declared.name in _NOT_MODELS:
        yield _native("model_name"), f"must be given: {MODELS}{declared.name}/ is a call of its own"


MODEL: Final = Table(
    kind=KIND,
    variant="model",
    title="Respan models (`/api/models/`)",
    resource="Model",
    rows=(
        name_row("model_name", ModelName()),
        # The newest client (0.1.49) knows neither this nor `streaming_support`.
        display_name_row("display_name", Text(), Echo.MAYBE),
        # Another model's name, the vendor's or one's own; an unknown one is answered with 400.
        Row(
            native=(("base_model_name",),),
            points=(Point(("base_model_name",)),),
            codec=Text(),
            refers="Model",
        ),
        _provider("custom_provider_id"),
        _provider("provider_id"),
        Row(
            portable=("limits", "context_window"),
            native=(("max_context_window",),),
            points=(Point(("max_context_window",)),),
            codec=Whole(),
            echo=Echo.EFFECTIVE,
        ),
        _price("input", "input_cost"),
        _price("output", "output_cost"),
        # Unset, these two read back as 0.0.
        _price("cache_read", "cache_hit_input_cost", absent=_FREE),
        _price("cache_write", "cache_creation_input_cost", absent=_FREE),
        _flag("tools", "function_call"),
        _flag("vision", "image_support"),
        _flag("streaming", "streaming_support", Echo.MAYBE),
        # `supported_params`, which reads back, is computed from it and from what is inherited.
        Row(
            native=(("supported_params_override",),),
            points=(Point(("supported_params_override",), read=False),),
            codec=Overrides(),
            echo=Echo.WRITE_ONLY,
        ),
    ),
    identity=Identity(
        pin=_native("model_name"),
        client_chosen=True,
        resembles=(("display_name",), ("base_model_name",)),
        shadows=True,
    ),
    # Both are needed: whether the upsert resets what its body leaves out is not stated [?], the update is
    # documented as partial.
    create=Call("create", "POST", MODELS),
    update=Call("update", "PATCH", f"{MODELS}{{id}}/"),
    demands=(
        Demand(
            choices=((_native("base_model_name"),), *((path,) for path in _BY_PROVIDER)),
            why="who serves it",
        ),
    ),
    impossible=_impossible_model,
    volatile=frozenset({"created_at", "updated_at", "supported_params", "throughput"}),
    updated="updated_at",
)


# ---- providers


def _shows_secret(declared: Declared) -> Iterator[tuple[Path, str]]:
    """Secrets under keys that do not say so, which a later read would show."""
    above = _native(EXTRA)
    for path, value in declared.values.items():
        if isinstance(value, SecretRef) and path[: len(above)] == above and not _is_credential(path):
            yield path, "the registry may show it: only what is named like a credential is kept from reports"


def _is_credential(path: Path) -> bool:
    return any(names_secret(step) for step in path)


def _loses(
    paths: Collection[Path], raw: Mapping[str, Any], hidden: Collection[Path]
) -> tuple[str, str] | None:
    """What an update of `extra_kwargs` would overwrite: whether it replaces it whole is not stated. [?]

    Neither is whether a server shows a key that is there, so each must bring the key or say that there is
    none.
    """
    if not any(path[0] == EXTRA for path in paths):
        return None
    lost = {path for path in hidden if path[0] == EXTRA} | {(EXTRA, "api_key")}
    lost = {path for path in lost if not any(path[: len(given)] == given for given in paths)}
    if not lost:
        return None
    names = ", ".join(".".join(path) for path in sorted(lost))
    message = f"an update of {EXTRA} may replace it whole, and {names} cannot be read to be sent along"
    ways = dict.fromkeys(_way(path, raw, hidden) for path in sorted(lost))
    return message, f"declare {' and '.join(ways)}"


def _way(path: Path, raw: Mapping[str, Any], hidden: Collection[Path]) -> str:
    """How a manifest declares what is hidden at ``path``; of what is in a list, the list whole."""
    if path == (EXTRA, "api_key"):
        return "endpoint.api_key" + ("" if path in hidden else " (null where there is none)")
    above = next((path[:end] for end in range(1, len(path)) if isinstance(dig(raw, path[:end]), list)), None)
    if above is not None:
        return f"native.{KIND}.{'.'.join(above)} whole"
    return f"native.{KIND}.{'.'.join(path)} by reference"


PROVIDER: Final = Table(
    kind=KIND,
    variant="provider",
    title="Respan providers (`/api/providers/`)",
    resource="Provider",
    rows=(
        name_row("provider_id", ProviderId()),
        display_name_row("provider_name", Text()),
        Row(
            portable=("endpoint", "base_url"),
            native=((EXTRA, "base_url"),),
            points=(Point((EXTRA, "base_url")),),
            codec=Address(),
            echo=Echo.MAYBE,
            upstream=True,
        ),
        # The pages until summer take the key at the top; the newest only know `extra_kwargs.api_key`. Which
        # of them a server goes by, no source says [?], so a key goes to both places: sent to one alone, it
        # might be dropped without a word. `extra_kwargs` is free in both, and unknown keys are ignored.
        Row(
            portable=("endpoint", "api_key"),
            native=((EXTRA, "api_key"), ("api_key",)),
            points=(Point((EXTRA, "api_key"), read=False), Point(("api_key",), read=False)),
            codec=SecretText(),
            echo=Echo.WRITE_ONLY,
        ),
        # Until spring nothing of it was shown, now all of it is.
        Row(
            native=((EXTRA, REST),),
            points=(Point((EXTRA, REST)),),
            codec=TreeOrSecret(),
            echo=Echo.MAYBE,
        ),
    ),
    identity=Identity(
        pin=_native("provider_id"),
        client_chosen=True,
        resembles=(("provider_name",), (EXTRA, "base_url")),
    ),
    # The POST was an upsert until spring; of the newest pages, "to update an existing provider, use PATCH".
    create=Call("create", "POST", PROVIDERS),
    update=Call("update", "PATCH", f"{PROVIDERS}{{id}}/", replaces=(EXTRA,)),
    impossible=_shows_secret,
    loses=_loses,
    volatile=frozenset({"created_at", "updated_at"}),
    updated="updated_at",
)


# ---- reading


def without_secrets(document: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[Path]]:
    """``document`` without anything that could be a credential, and where one stood.

    The newest pages say of providers: "handle the response as sensitive". Whether a server masks some of it
    instead, no source says [?]: what looks masked counts as a credential that is there, but for the texts
    at the top of the document, which no update sends back.
    """
    hidden: set[Path] = set()

    def kept(value: Any, above: Path) -> Any:
        if isinstance(value, dict):
            result = {}
            for key, item in value.items():
                if _is_hidden(key, item, above):
                    if item not in (None, "", [], {}):
                        hidden.add((*above, key))
                else:
                    result[key] = kept(item, (*above, key)) if isinstance(item, _NESTED) else item
            return result
        if isinstance(value, list):
            items = [(str(index), item) for index, item in enumerate(value)]
            hidden.update((*above, index) for index, item in items if _is_hidden("", item, above))
            return [kept(item, (*above, index)) for index, item in items if not _is_hidden("", item, above)]
        return value

    return kept(dict(document), ()), frozenset(hidden)


_NESTED: Final = (dict, list)


def _is_hidden(key: str, value: Any, above: Path) -> bool:
    if isinstance(value, str):
        return _is_named(key) or is_address_with_secret(value) or (bool(above) and _stands_for_secret(value))
    return _is_named(key) and not isinstance(value, bool)


@lru_cache(maxsize=4096)  # thousands of objects have the same keys
def _is_named(key: str) -> bool:
    """Whether a key is named like that of a credential, or of the mask of one."""
    return names_secret(key) or is_masked_key(key)


def _stands_for_secret(text: str) -> bool:
    return text == _PLACEHOLDER or is_masked(text)
