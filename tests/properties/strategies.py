"""Manifests drawn from the rows of a table: values by codec, either name of a field, nulls, overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from reconciler.manifests.problems import dotted
from reconciler.manifests.vocabulary import MODEL_TYPES
from reconciler.registries.addresses import upstreams
from reconciler.registries.codecs import (
    Codec,
    EmptyMapping,
    Flag,
    Id,
    Money,
    Number,
    SecretObject,
    SecretText,
    SetOf,
    Text,
    Tree,
    TreeOrSecret,
    Whole,
    Word,
)
from reconciler.registries.orq.fields import GENERIC
from reconciler.registries.rows import ANY, REST, Field, Path, Row

from .house import REGISTRY, SECRETS, UPSTREAM

NATIVE = ("native", "orq")
PIN = (*NATIVE, "id")
UNHELD = ("description",)

# ---- values

_LETTERS = st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"))
_ANY_TEXT = st.text(_LETTERS | st.sampled_from("\n\t"), max_size=12)
_SHORT = st.text("abcxyz0189-_. ", min_size=1, max_size=6)
_WORDS_OF_YAML = st.sampled_from(
    ["no", "null", "~", "1e3", "0x10", "12:30", "{a: 1}", "- x", "# x", "<<", " x "]
)
TEXTS = _SHORT | _ANY_TEXT | _WORDS_OF_YAML
NONEMPTY = TEXTS.filter(bool)

_EXACT = st.integers(0, 10**15 - 1)
WHOLES = st.sampled_from([0, 1, 8192, 10**15]) | _EXACT


def _number(digits: int, exponent: int) -> int | Decimal:
    number = Decimal(digits).scaleb(exponent)
    return int(number) if number == number.to_integral_value() and digits % 2 else number


AMOUNTS = st.sampled_from(
    [0, 1, Decimal("0.15"), Decimal("0.000125"), Decimal("1e-06"), Decimal("2.50")]
) | st.builds(_number, _EXACT, st.integers(-20, 6))
"""Numbers that a double keeps: at most 15 significant digits."""

TOKEN_UNITS = {"1M tokens": 1_000_000, "1K tokens": 1_000, "token": 1, "500K tokens": 500_000}
_UNITS = {
    "token": list(TOKEN_UNITS),
    "image": ["image", "10 images", "1K images"],
    "second": ["second", "10 seconds"],
    "search": ["1K searches", "1M searches", "search"],
}
_AWKWARD = ["3 tokens", "7K tokens"]  # most prices per these have no end per 1K


def _priced(number: int | Decimal, unit: str) -> str:
    text = str(number).replace("E+", "e").replace("E", "e")
    return f"{text} / {unit}"


def portable_prices(codec: Money) -> st.SearchStrategy[Any]:
    """A bare number where tokens allow it, else or also a text with its own unit."""
    small = st.builds(_number, st.integers(0, 99999), st.integers(-6, 2))
    with_unit = st.builds(_priced, small, st.sampled_from(_UNITS[codec.unit.dimension]))
    return small | with_unit if codec.unit.dimension == "token" else with_unit


_SCALARS = st.none() | st.booleans() | WHOLES | AMOUNTS | TEXTS
JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_SHORT, inner, max_size=3),
    max_leaves=5,
)
LEAVES = _SCALARS | st.lists(JSON, max_size=3) | st.just({})
"""What stands at one path below a free object; a mapping there is more paths."""

SECRET = st.sampled_from(sorted(SECRETS)).map(lambda name: {"secret": name})


def shaped(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values of the small part of JSON Schema that the tables use."""
    if "anyOf" in schema:
        return st.one_of([shaped(choice) for choice in schema["anyOf"]])
    match schema.get("type"):
        case None:
            return LEAVES
        case "boolean":
            return st.booleans()
        case "object" if "properties" not in schema:
            return st.dictionaries(_SHORT, shaped(schema.get("additionalProperties", {})), max_size=3)
        case "object":
            known = {key: shaped(below) for key, below in schema["properties"].items()}
            needed = schema.get("required", ())
            return st.fixed_dictionaries(
                {key: known[key] for key in needed},
                optional={key: value for key, value in known.items() if key not in needed},
            )
        case "array":
            return st.lists(shaped(schema.get("items", {})), max_size=3)
        case "string":
            return TEXTS
        case "integer":
            return WHOLES
        case _:
            return AMOUNTS


IDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=8).filter(
    lambda text: text.isprintable() and text not in (".", "..")
) | st.sampled_from(["team/model", "a b", "a%2Fb", "ü?x=1#y", "{id}"])


def native_values(codec: Codec, *, row: Row | None = None) -> st.SearchStrategy[Any]:
    """Valid values of a field in the registry's own words."""
    if row is not None and row.upstream:
        return st.sampled_from([f"https://{UPSTREAM}/v1", f"https://{UPSTREAM}", f"http://{UPSTREAM}:8080/a"])
    match codec:
        case Text(max_length=longest, empty_is_unset=may_be_empty):
            texts = TEXTS if may_be_empty else NONEMPTY
            texts = texts if longest is None else texts | st.just("x" * longest) | st.just("é" * longest)
            return IDS if isinstance(codec, Id) else texts
        case SetOf(item=item):
            return st.lists(TEXTS if item is str else WHOLES, max_size=4, unique=True)
        case Tree(shape=shape):
            set_ = LEAVES.filter(lambda value: value is not None)
            tree = set_ if shape is None else shaped(shape)
            return tree | SECRET if isinstance(codec, TreeOrSecret) else tree
        case Word():
            return st.sampled_from(sorted(codec.spellings.values())) | _SHORT
        case Whole(signed=True) | Number(signed=True):
            return _SIMPLE[type(codec)].flatmap(lambda number: st.sampled_from([number, -number]))
        case _:
            return next(_SIMPLE[kind] for kind in type(codec).__mro__ if kind in _SIMPLE)


_SIMPLE: dict[type[Codec], st.SearchStrategy[Any]] = {
    Flag: st.booleans(),
    Whole: WHOLES,
    Number: AMOUNTS,
    Money: AMOUNTS,
    SecretText: SECRET,
    SecretObject: SECRET,
    EmptyMapping: st.just({}),
}


def portable_values(row: Row) -> st.SearchStrategy[Any]:
    """Valid values of a field in our own words."""
    if row.portable == ("type",):
        return st.sampled_from(MODEL_TYPES)
    match row.codec:
        case Word(spellings=spellings):
            return st.sampled_from(sorted(spellings))
        case Money():
            return portable_prices(row.codec)
        case Text(max_length=longest):
            return NONEMPTY if longest is None else NONEMPTY | st.just("é" * longest)
        case Whole():
            return WHOLES.map(lambda number: max(number, 1))
        case codec:
            return native_values(codec)


_CREDENTIAL = "vendor_token"
"""A key of a free object that by its name holds a credential, so that only a reference may stand there."""


def values(item: Field) -> st.SearchStrategy[Any]:
    if item.path[-1] == _CREDENTIAL:
        return SECRET
    return native_values(item.row.codec, row=item.row) if item.native else portable_values(item.row)


def may_be_null(item: Field) -> bool:
    if item.row.switch is not None:
        return False
    return not (isinstance(item.row.codec, EmptyMapping) and item.row.clear.value == "never")


# ---- manifests


@dataclass(frozen=True)
class Draft:
    """A manifest as flat paths below `spec`: what it says, and what it overrides for the registry."""

    name: str = "model-1"
    spec: Mapping[Path, Any] = field(default_factory=dict)
    over: Mapping[Path, Any] = field(default_factory=dict)
    unit: str = "1M tokens"
    currency: str = "USD"

    @property
    def effective(self) -> dict[Path, Any]:
        return {**self.spec, **self.over}

    def document(self) -> dict[str, Any]:
        spec = _tree(self.spec)
        if any(path[0] == "pricing" for path in self.effective):
            spec["pricing"] = {"unit": self.unit, "currency": self.currency, **spec.get("pricing", {})}
        spec["registries"] = [REGISTRY]
        if self.over:
            spec["overrides"] = {REGISTRY: _tree(self.over)}
        head = {"apiVersion": "reconciler/v1", "kind": "Model", "metadata": {"name": self.name}}
        return {**head, "spec": spec}

    def with_value(self, path: Path, value: Any) -> Draft:
        """The same with one line changed, in the layer that counts."""
        if path in self.over:
            return replace(self, over={**self.over, path: value})
        return replace(self, spec={**self.spec, path: value})

    def without(self, path: Path) -> Draft:
        return replace(self, spec=_less(self.spec, path), over=_less(self.over, path))


def _less(layer: Mapping[Path, Any], path: Path) -> dict[Path, Any]:
    return {known: value for known, value in layer.items() if known != path}


def _tree(flat: Mapping[Path, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        below = tree
        for step in path[:-1]:
            below = below.setdefault(step, {})
        below[path[-1]] = value
    return tree


def names_of(row: Row) -> list[Path]:
    """Every manifest path of a row."""
    return ([row.portable] if row.portable else []) + [(*NATIVE, *path) for path in row.native]


def patterned(row: Row) -> bool:
    return any(ANY in path or REST in path for path in row.native)


def found(path: Path) -> Field:
    item = GENERIC.find(path)
    assert item is not None, path
    return item


DEMANDED = [
    row
    for row in GENERIC.rows
    if row.demanded and (row.default is None or (row.portable and row.portable[0] == "pricing"))
]
OPTIONAL = [
    row
    for row in GENERIC.rows
    if row not in DEMANDED
    and not row.identity
    and not patterned(row)
    and not isinstance(row.codec, EmptyMapping)
    and not (row.native and row.native[0][-1] in ("million_tokens_input_cost", "million_tokens_output_cost"))
]
_PRICE_NAMES = {
    ("pricing", name): [
        ("pricing", name),
        (*NATIVE, f"{name}_cost"),
        (*NATIVE, "metadata", f"million_tokens_{name}_cost"),
    ]
    for name in ("input", "output")
}


@st.composite
def _parameters(draw: st.DrawFn) -> dict[Path, Any]:
    flat: dict[Path, Any] = {}
    for name in sorted(
        draw(st.sets(st.sampled_from(["temperature", "maxTokens", "a.b", "*", "**"]), max_size=2))
    ):
        above = (*NATIVE, "parameters", name)
        flat[(*above, "name")] = draw(NONEMPTY)
        flat[(*above, "parameter_type")] = draw(NONEMPTY)
        for key in ("description", "hints"):
            if draw(st.booleans()):
                flat[(*above, key)] = draw(st.none() | TEXTS)
        if draw(st.booleans()):
            flat[(*above, "position")] = draw(st.none() | WHOLES)
        keys = st.sampled_from(["max", "min", "step", "a.b"])
        config = draw(st.dictionaries(keys, LEAVES, max_size=3))
        if config:
            flat.update({(*above, "config", key): value for key, value in config.items()})
            flat[*above, "config", "deep", "er"] = draw(LEAVES.filter(lambda value: value is not None))
        else:
            flat[*above, "config"] = {}
    return flat


def _names_a_host(path: Path, value: Any) -> bool:
    """Whether the secrets of the object would reach a host that their list does not name."""
    return any(upstreams(found(path).row, path, value))


@st.composite
def _configuration(draw: st.DrawFn) -> dict[Path, Any]:
    flat: dict[Path, Any] = {}
    for key in sorted(draw(st.sets(st.sampled_from(["rollout", "x.y", "weights"]), max_size=2))):
        path = (*NATIVE, "configuration", key)
        flat[path] = draw(LEAVES.filter(lambda value, path=path: not _names_a_host(path, value)))
    if draw(st.booleans()):
        flat[(*NATIVE, "configuration", _CREDENTIAL)] = draw(SECRET)
    return flat


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    """A manifest that every create takes: all that is demanded, and some of everything else."""
    spec: dict[Path, Any] = {}
    for row in DEMANDED:
        path = draw(st.sampled_from(_PRICE_NAMES.get(row.portable or ()) or names_of(row)))
        spec[path] = draw(values(found(path)))
    for row in draw(st.lists(st.sampled_from(OPTIONAL), max_size=14, unique_by=id)):
        path = draw(st.sampled_from(names_of(row)))
        item = found(path)
        plain = row.demanded and row.default is not None
        nothing = st.nothing() if plain or not may_be_null(item) else st.none()
        spec[path] = draw(nothing | values(item))
    if draw(st.integers(0, 3)) == 0:
        spec[PIN] = draw(IDS)
    if draw(st.integers(0, 3)) == 0:
        spec[UNHELD] = draw(st.none() | TEXTS)
    if draw(st.integers(0, 2)) == 0:
        spec.update(draw(_parameters()))
    if draw(st.integers(0, 3)) == 0:
        spec.update(draw(_configuration()))
    over = {path: spec.pop(path) for path in sorted(draw(st.sets(st.sampled_from(sorted(spec)), max_size=3)))}
    for path in list(over):
        if path in _scalar_paths(over) and draw(st.booleans()):
            spec[path] = draw(values(found(path)))
    return Draft(spec=spec, over=over, unit=draw(st.sampled_from(list(TOKEN_UNITS))))


def _scalar_paths(flat: Mapping[Path, Any]) -> set[Path]:
    """Paths of rows without a pattern: an override of these may stand over a value of the base."""
    return {path for path in flat if path in {item.path for item in GENERIC.fields()}}


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[Draft, str]:
    """A manifest that the registry cannot take, and the field that is to blame."""
    draft = draw(drafts())
    spec = {**draft.spec}
    match draw(
        st.sampled_from(
            ["tier", "unit", "digits", "currency", "missing", "null", "parameter", "native digits"]
        )
    ):
        case "tier":
            spec["pricing", "tiers", "above_999k", "input"] = 1
            return replace(draft, spec=spec), "pricing.tiers.above_999k.input"
        case "unit":
            spec["pricing", "cache_read"] = f"0.1 / {draw(st.sampled_from(_AWKWARD))}"
            path = ("pricing", "cache_read")
        case "digits":
            spec["pricing", "reasoning"] = Decimal("0.1234567890123456789")
            path = ("pricing", "reasoning")
        case "native digits":
            path = (*NATIVE, "metadata", "reasoning_cost")
            spec[path] = Decimal("1.2345678901234567")
        case "currency":
            spec["pricing", "cache_read"] = 1
            draft = replace(draft, currency="EUR")
            path = ("pricing", "cache_read")
        case "missing":
            gone = draw(st.sampled_from([("developer",), ("family",), ("model",)]))
            native = (*NATIVE, "model_id" if gone == ("model",) else f"model_{gone[0]}")
            return draft.without(gone).without(native), gone[0]
        case "null":
            gone = draw(st.sampled_from([("developer",), ("family",)]))
            draft = draft.without((*NATIVE, f"model_{gone[0]}")).without(gone)
            return replace(draft, spec={**draft.spec, gone: None}), gone[0]
        case _:
            path = (*NATIVE, "parameters", "top_p", "name")
            spec[path] = "Top p"
            return replace(draft, spec=spec), dotted((*NATIVE, "parameters", "top_p", "config"))
    twins = [twin for twin in names_of(found(path).row) if twin != path]
    draft = replace(draft, spec=spec, over=_less(draft.over, path))
    for twin in twins:
        draft = draft.without(twin)
    return draft, dotted(path)
