"""The table of IBM watsonx Orchestrate's virtual models. Facts only; no calls.

Sources: the reference page of `POST /models`; the vendor's own client (ibm-watsonx-orchestrate 2.19) for
names, upserts and what each provider needs. What no source answers is marked [?] and takes the path that is
safe under either answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.manifests.concealing import holds_one
from reconciler.manifests.fields import JsonSchema
from reconciler.manifests.providers import spellings
from reconciler.registries.codecs import (
    BadValue,
    Choice,
    Codec,
    Flag,
    SecretText,
    SetOf,
    Text,
    Unreadable,
    Value,
    Wire,
    Word,
)
from reconciler.registries.masks import is_masked
from reconciler.registries.rows import (
    Call,
    Clear,
    Declared,
    Demand,
    Echo,
    Identity,
    Path,
    Point,
    Row,
    Table,
    display_name_row,
)
from reconciler.registries.watsonx.keys import (
    CONFIG,
    DERIVED,
    PROVIDER_CONFIG,
    SECRETS,
    UNSET_KEY,
    Key,
    spelled,
)

KIND: Final = "watsonx"
PREFIX: Final = "virtual-model"

SERVER_TAGS: Final = frozenset(
    {"default", "recommended", "third party", "wxo-reserved-tag-admin-disallowed", "wxo-reserved-tag-premier"}
)
"""Tags that the service puts on models by itself. Never compared, never declared."""

_RESERVED: Final = "wxo-reserved-tag-"
"""How tags begin that only the service sets."""

MADE: Final = frozenset(
    """
    created_by created_by_username created_on id model_name provider tenant_id tenant_name title updated_at
    updated_by updated_by_username
    """.split()
)
"""Keys that the service makes and no body holds."""

KEYLESS: Final = frozenset({"ollama", "redhat-ai"})
"""Providers that need an address and no key."""

INSTEAD_OF_KEY: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "bedrock": (("awsSecretAccessKey", "awsAccessKeyId"),),
    "vertex-ai": (("vertexServiceAccountJson",),),
}
"""Providers that take other credentials in the place of `api_key`."""

_NATIVE: Final = ("native", KIND)
_NAME: Final = (*_NATIVE, "name")
_CONNECTION: Final = (*_NATIVE, "connection_id")
_CONNECTION_AT: Final = ("connection_id",)
_KEY_AT: Final = ("provider_config", "api_key")
_DECLARE: Final = (
    "declare endpoint.api_key (or its secret in native.watsonx.provider_config), or a connection_id"
)


def name_parts(name: Any) -> tuple[str, str] | None:
    """Provider and model of ``virtual-model/<provider>/<model…>``; None for a name of another form."""
    parts = name.split("/", 2) if isinstance(name, str) else []
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == PREFIX else None


@dataclass(frozen=True, slots=True)
class NamePart(Codec):
    """One part of a model's name, as it reads back."""

    index: int

    def decode(self, wire: Wire) -> Value:
        parts = name_parts(wire)
        return Unreadable(str(wire)) if parts is None else parts[self.index]


class Type(Choice):
    """The manifest's word for `model_type`, where vision is a capability and no type of its own."""

    __slots__ = ()

    def decode(self, wire: Wire) -> Value:
        return "chat" if wire == "chat_vision" else Choice.decode(self, wire)


class Vision(Flag):
    """Whether `model_type` is the one of chat models that see."""

    __slots__ = ()

    def decode(self, wire: Wire) -> Value:
        return wire == "chat_vision"

    def encode(self, value: Value) -> Wire:
        return "chat_vision" if value else "chat"


def _is_servers(tag: Any) -> bool:
    return isinstance(tag, str) and (tag in SERVER_TAGS or tag.startswith(_RESERVED))


class Tags(SetOf):
    """Tags, without those that only the service sets."""

    __slots__ = ()

    def decode(self, wire: Wire) -> Value:
        mine = [tag for tag in wire if not _is_servers(tag)] if isinstance(wire, list) else wire
        return SetOf.decode(self, mine)

    def schema(self) -> JsonSchema:
        return {**SetOf.schema(self), "items": {"type": "string", "not": {"enum": sorted(SERVER_TAGS)}}}

    def normal(self, value: Any, *, native: bool) -> Value:
        tags = SetOf.normal(self, value, native=native)
        for tag in tags:
            if _is_servers(tag):
                raise BadValue(f"cannot have '{tag}', which only the service sets")
        return tags


def _declared_name(declared: Declared) -> str | None:
    provider, model = declared.values.get(("provider",)), declared.values.get(("model",))
    return f"{PREFIX}/{provider}/{model}" if provider and model else None


def _served_by(declared: Declared) -> str | None:
    """The provider, in the service's word."""
    parts = name_parts(declared.values.get(_NAME))
    return parts[0] if parts else declared.values.get(("provider",))


def _implied(declared: Declared) -> Iterator[Path]:
    """No vision says nothing beside a type that never has it."""
    path = ("capabilities", "vision")
    if declared.values.get(path) is False and declared.values.get(("type",)) not in (None, "chat"):
        yield path


def _impossible(declared: Declared) -> Iterator[tuple[Path, str]]:
    kind, vision = declared.values.get(("type",)), ("capabilities", "vision")
    if declared.values.get(vision) is True and kind not in (None, "chat"):
        yield vision, f"only chat models can have it here, and type is {kind}"
    name = declared.values.get(_NAME)
    parts = name_parts(name)
    for index, path in enumerate((("provider",), ("model",)) if name else ()):
        value = declared.values.get(path)
        if value is None or (parts is not None and value == parts[index]):
            continue
        says = f"says {parts[index]}" if parts else f"is no {PREFIX}/<provider>/<model>"
        yield path, f"native.watsonx.name {says}, and the name is all that says it here"


def _clashes(declared: Declared, raw: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    vision, kind = ("capabilities", "vision"), raw.get("model_type")
    if (
        declared.values.get(vision) is True
        and not declared.has(("type",))
        and kind in ("completion", "embedding")
    ):
        yield vision, f"only chat models can have it here, and the live one is of the type {kind}"


def _loses(
    given: Mapping[Path, Any], raw: Mapping[str, Any], hidden: Collection[Path]
) -> tuple[str, str] | None:
    """An update replaces the credentials too, and whether they read back no source states. [?]

    Whoever declares a `connection_id` says where the credentials come from. A live one alone does not
    cover what is seen to be set beside it.
    """
    unknown = sorted(".".join(path) for path in hidden if not _is_known(path))
    if unknown:
        return (
            f"the update would overwrite {', '.join(unknown)}, which nobody can read and no field declares",
            "change this model in the registry by hand, or remove what is set there",
        )
    if given.get(_CONNECTION_AT):
        return None
    lost = sorted(".".join(path) for path in hidden if path not in given)
    if lost:
        return (
            f"the update would overwrite {', '.join(lost)}, which nobody can read",
            f"{_DECLARE}; null clears it",
        )
    if raw.get("connection_id") and _CONNECTION_AT not in given:
        return None
    parts = name_parts(raw.get("name"))
    provider = parts[0] if parts else None
    if provider in KEYLESS or given.get(_KEY_AT):
        return None
    secrets = {path[1] for path, value in given.items() if path[0] == "provider_config" and value is not None}
    if any(secrets.issuperset(instead) for instead in INSTEAD_OF_KEY.get(provider or "", ())):
        return None
    if _KEY_AT in given and secrets & SECRETS:
        return None
    if _KEY_AT in given or _CONNECTION_AT in given:
        return "the update would leave the model without credentials", _DECLARE
    # `Dummy`, or nothing, may stand for a key that was sent.
    message = "the update would overwrite the model's api_key, if it has one: nobody can read it"
    return message, f"{_DECLARE}; endpoint.api_key: null where it has none"


def _closed(raw: Mapping[str, Any]) -> tuple[str, str] | None:
    """Whether an update resets the tags of the service, or is refused for them, no source states. [?]"""
    tags = raw.get("tags")
    reserved = sorted(tag for tag in tags if _is_servers(tag)) if isinstance(tags, list) else []
    if not reserved:
        return None
    message = (
        f"the model bears tags that only the service sets ({', '.join(reserved)}), which an update may lose"
    )
    return message, "change this model in the registry by hand"


def _key_row(wire: str, key: Key) -> Row:
    point = Point(("provider_config", wire))
    portable = {"api_key": ("endpoint", "api_key"), "customHost": ("endpoint", "base_url")}.get(wire)
    secret = isinstance(key.codec, SecretText)
    return Row(
        portable=portable,
        native=(("provider_config", wire),),
        aliases=tuple(("provider_config", alias) for alias in key.aliases if alias != wire),
        points=(Point(point.path, read=False),) if secret else (point,),
        codec=key.codec,
        echo=Echo.WRITE_ONLY if secret else Echo.ECHOED,
        absent=() if isinstance(key.codec, SetOf) else None,
        clear=Clear.OMITTED,
        upstream=key.upstream,
        host=key.host,
    )


def _config_row(name: str, codec: Codec) -> Row:
    """Whether a list shows `config`, no source states. [?]"""
    return Row(
        native=(("config", name),),
        points=(Point(("config", name)),),
        codec=codec,
        echo=Echo.MAYBE,
        absent=() if isinstance(codec, SetOf) else None,
        clear=Clear.OMITTED,
    )


_API_KEY: Final = (("endpoint", "api_key"),)
_NATIVE_KEY: Final = ((*_NATIVE, "provider_config", "api_key"),)


def _keys(*names: str) -> tuple[Path, ...]:
    return tuple((*_NATIVE, "provider_config", name) for name in names)


def _spelled_demand(choices: tuple[tuple[Path, ...], ...], why: str, *providers: str) -> Demand:
    if providers:
        words = f"with provider {_one_of(providers)}"
        return Demand(choices, why, lambda declared: _served_by(declared) in providers, words)
    others = {*KEYLESS, *INSTEAD_OF_KEY}
    words = f"with any provider but {_one_of(others)}"
    return Demand(choices, why, lambda declared: _served_by(declared) not in others, words)


def _one_of(providers: Collection[str]) -> str:
    *others, last = (f"`{provider}`" for provider in sorted(providers))
    return f"{', '.join(others)} or {last}" if others else last


_BY_KEY: Final = (_API_KEY, _NATIVE_KEY, (_CONNECTION,))
_DEMANDS: Final = (
    Demand(((("provider",), ("model",)), (_NAME,)), "its name"),
    _spelled_demand(_BY_KEY, "its credentials"),
    *(
        _spelled_demand((*_BY_KEY, *(_keys(*keys) for keys in instead)), "its credentials", provider)
        for provider, instead in INSTEAD_OF_KEY.items()
    ),
    _spelled_demand(
        ((("endpoint", "base_url"),), _keys("customHost"), (_CONNECTION,)), "where it runs", *KEYLESS
    ),
    _spelled_demand(
        (
            _keys("watsonxSpaceId"),
            _keys("watsonxProjectId"),
            _keys("watsonxDeploymentId"),
            (_CONNECTION,),
        ),
        "where watsonx.ai runs it",
        "watsonx",
    ),
)

MODEL: Final = Table(
    kind=KIND,
    variant="model",
    title="IBM watsonx Orchestrate models (`/models`)",
    resource="Model",
    rows=(
        Row(
            native=(("name",),),
            points=(Point(("name",), update=False),),
            codec=Text(),
            demanded=True,
            default=_declared_name,
            default_text="virtual-model/<provider>/<model>",
            identity=True,
        ),
        Row(
            portable=("provider",),
            points=(Point(("name",), create=False, update=False, codec=NamePart(0)),),
            codec=Word(spellings(KIND), KIND),
            identity=True,
        ),
        Row(
            portable=("model",),
            points=(Point(("name",), create=False, update=False, codec=NamePart(1)),),
            codec=Text(),
            identity=True,
        ),
        display_name_row("display_name", Text()),
        Row(
            portable=("description",),
            native=(("description",),),
            points=(Point(("description",)),),
            codec=Text(empty_is_unset=True),
            clear=Clear.NULL,
        ),
        Row(
            portable=("type",),
            points=(Point(("model_type",)),),
            codec=Type(words=("chat", "completion", "embedding")),
            demanded=True,
            default=lambda _: "chat",
            default_text="chat",
        ),
        Row(
            portable=("capabilities", "vision"),
            points=(Point(("model_type",)),),
            codec=Vision(),
            absent=False,
        ),
        # The last one at its wire path: it is the one that tells all four values apart.
        Row(
            native=(("model_type",),),
            points=(Point(("model_type",)),),
            codec=Choice(words=("chat", "chat_vision", "completion", "embedding")),
        ),
        Row(
            native=(("connection_id",),),
            points=(Point(("connection_id",)),),
            codec=Text(empty_is_unset=True),
            clear=Clear.NULL,
        ),
        Row(native=(("tags",),), points=(Point(("tags",)),), codec=Tags(str), absent=()),
        *(_key_row(wire, key) for wire, key in PROVIDER_CONFIG.items()),
        *(_config_row(name, codec) for name, codec in CONFIG.items()),
    ),
    identity=Identity(
        pin=_NAME,
        client_chosen=True,
        resembles=(("display_name",), ("provider_config", "customHost")),
        key=_declared_name,
        unique=False,
    ),
    create=Call("create", "POST", "/models"),
    # Whether a PUT resets what is left out no source states; the vendor's client always sends everything. [?]
    update=Call("update", "PUT", "/models/{id}", whole=True),
    demands=_DEMANDS,
    implied=_implied,
    impossible=_impossible,
    clashes=_clashes,
    loses=_loses,
    closed=_closed,
    made=MADE,
    volatile=frozenset({"updated_at", "updated_by", "updated_by_username"}),
    updated="updated_at",
)


_CONTAINERS: Final = frozenset({("provider_config",), ("config",)})
_POINTS: Final = frozenset(point.path for row in MODEL.rows for point in row.points)


def without_secrets(document: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[Path]]:
    """``document`` in the reference page's spelling, without secrets and what the service makes of them.

    The second part are the wire paths of what it is seen to have and does not show.
    """
    raw = dict(document)
    for container in ("provider_config", "config"):
        inner = document.get(container)
        if isinstance(inner, Mapping):
            raw[container] = {key: value for key, value in inner.items() if value is not None}
    config = raw.get("provider_config")
    hidden: set[Path] = set()
    if isinstance(config, Mapping):
        config = spelled(config)
        # The documented default of `api_key` reads back where none was sent.
        secrets = {key for key in SECRETS & config.keys() if config[key] not in ("", {}, UNSET_KEY)}
        secrets |= {key for key, value in config.items() if is_masked(value)}
        hidden |= {("provider_config", key) for key in secrets}
        raw["provider_config"] = {
            key: value for key, value in config.items() if key not in SECRETS and key != DERIVED
        }
    return _without_unknown(raw, (), hidden), frozenset(hidden)


def _without_unknown(value: Mapping[str, Any], above: Path, hidden: set[Path]) -> dict[str, Any]:
    """``value`` without what nobody documents and holds a credential. Adds the paths to ``hidden``."""
    kept: dict[str, Any] = {}
    for key, item in value.items():
        path = (*above, key)
        if path in _CONTAINERS and isinstance(item, Mapping):
            kept[key] = _without_unknown(item, path, hidden)
        elif _is_known(path) or item in ("", [], {}) or not holds_one({key: item}):
            kept[key] = item
        else:
            hidden.add(path)
    return kept


def _is_known(path: Path) -> bool:
    """Whether the page documents what stands at a wire path."""
    return path in _CONTAINERS or path in _POINTS or (len(path) == 1 and path[0] in MADE)


def ours(document: Mapping[str, Any]) -> bool:
    """Whether a model is the tenant's; the service's own bear its tags and are no virtual models."""
    tags = document.get("tags")
    marked = isinstance(tags, list) and any(_is_servers(tag) for tag in tags)
    return name_parts(document.get("name")) is not None or not marked
