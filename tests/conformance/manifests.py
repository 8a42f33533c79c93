"""Manifests made from the rows of a table: the least that a create takes, and one with every field.

Values follow from the codecs. Each field has two, so that one can be edited into the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from reconciler.manifests.vocabulary import MODEL_TYPES
from reconciler.money import Price, parse_unit
from reconciler.registries.codecs import (
    Address,
    BadValue,
    CannotExpress,
    EmptyMapping,
    Money,
    SecretObject,
    SecretText,
    Tree,
    Value,
    Word,
)
from reconciler.registries.rows import ANY, REST, Field, Path, Row, Table

from .subject import UPSTREAM, Facts, Variant

NAME = "model-1"
SECRETS = {
    "FIRST_KEY": "planted-first-text",
    "SECOND_KEY": "planted-second-text",
    "FIRST_OBJECT": '{"private_key": "planted-third-text", "client_email": "a@example.com"}',
    "SECOND_OBJECT": '{"private_key": "planted-fourth-text", "client_email": "b@example.com"}',
}
"""The secrets of the suite, as the environment holds them; the objects are for those that are JSON."""
PLANTED = ("planted-first-text", "planted-second-text", "planted-third-text", "planted-fourth-text")
SAMPLE = "sample"
"""What stands for any name in a path."""

Flat = Mapping[Path, Any]
"""A spec, as flat paths."""

# ---- rows


def path_of(table: Table, row: Row) -> Path:
    """The path at which the suite writes a row, ours before the registry's."""
    if row.portable is not None:
        return row.portable
    return ("native", table.kind, *(SAMPLE if step in (ANY, REST) else step for step in row.native[0]))


def field_of(table: Table, path: Path) -> Field:
    found = table.find(path)
    assert found is not None, path
    return found


def is_written(row: Row) -> bool:
    return not row.identity and any(point.create or point.update for point in row.points)


def writable(table: Table, facts: Facts) -> list[Row]:
    """The rows that a manifest can write, one for each place on the wire."""
    rows: list[Row] = []
    taken: set[Path] = set()
    for row in table.rows:
        points = {point.path for point in row.points if point.create or point.update}
        if not is_written(row) or isinstance(row.codec, EmptyMapping) or points & taken:
            continue
        if path_of(table, row) not in facts.newer:
            taken |= points
            rows.append(row)
    return rows


# ---- values


def two(variant: Variant, facts: Facts, path: Path) -> tuple[Any, Any]:
    """Two different values for a path, both of which the registry takes."""
    if path in facts.values:
        return facts.values[path]
    item = field_of(variant.table, path)
    good = [value for value in _candidates(item) if _is_good(item, value)]
    good.sort(key=lambda value: normal(item, value) == item.row.absent)
    assert len(good) > 1, f"{variant}: no two values for {'.'.join(path)}; the subject must give them"
    return good[0], good[1]


def first(variant: Variant, facts: Facts, path: Path) -> Any:
    """The one that manifests have before an edit."""
    if isinstance(field_of(variant.table, path).row.codec, EmptyMapping):
        return {}
    return two(variant, facts, path)[0]


def _is_good(item: Field, value: Any) -> bool:
    try:
        normal(item, value)
    except (BadValue, CannotExpress):
        return False
    return True


def normal(item: Field, value: Any) -> Value:
    """The normal form; of a price, from what the loader makes of it."""
    if isinstance(item.row.codec, Money) and not item.native and value is not None:
        number, _, unit = value.partition(" / ")
        value = Price(Decimal(number), item.row.codec.currency, parse_unit(unit))
    return item.normal(value)


_UNITS = {"token": "1M tokens", "image": "image", "second": "second", "search": "1K searches"}


def _candidates(item: Field) -> Iterable[Any]:
    codec = item.row.codec
    if item.row.upstream or isinstance(codec, Address):
        return [f"https://{UPSTREAM}/v1", f"https://{UPSTREAM}/v2"]
    if item.path == ("type",):
        return MODEL_TYPES
    if item.path[0] == "capabilities":
        return [True, False]
    if item.row.switch is not None:
        return [True, False] if item.row.absent is None else list(item.row.switch)
    if isinstance(codec, SecretObject):
        return [{"secret": "FIRST_OBJECT"}, {"secret": "SECOND_OBJECT"}]
    if isinstance(codec, SecretText):
        return [{"secret": "FIRST_KEY"}, {"secret": "SECOND_KEY"}]
    if isinstance(codec, Money) and not item.native:
        unit = _UNITS[codec.unit.dimension]
        return [f"{number} / {unit}" for number in ("1.25", "2.5")]
    if isinstance(codec, Word) and not item.native:
        return sorted(codec.spellings)
    if isinstance(codec, Tree) and codec.shape is None:
        return ["one", "two"]
    return list(of_schema(codec.schema()))


def of_schema(schema: Mapping[str, Any]) -> Iterable[Any]:
    """Values of the part of JSON Schema that codecs use, each with every key set."""
    if "enum" in schema:
        return list(schema["enum"])
    if "anyOf" in schema:
        return of_schema(schema["anyOf"][0])
    match schema.get("type"):
        case "boolean":
            return [True, False]
        case "integer":
            return [7, 8]
        case "number":
            return [Decimal("0.25"), Decimal("0.5")]
        case "array":
            return [[item] for item in of_schema(schema.get("items", {}))]
        case "object":
            known = {key: list(of_schema(below)) for key, below in schema.get("properties", {}).items()}
            if not known:
                known = {SAMPLE: list(of_schema(schema.get("additionalProperties") or {}))}
            return [{key: values[which] for key, values in known.items()} for which in (0, 1)]
        case _:
            return ["one", "two"]


# ---- manifests


def minimal(
    variant: Variant, facts: Facts, given: Flat | None = None, *, pin: str | None = None
) -> dict[Path, Any]:
    """The least that a create takes beside ``given``. ``pin`` names the live object outright."""
    table = variant.table
    spec = {**facts.always, **(given or {})}
    if pin is not None:
        spec[table.identity.pin] = pin
    if table.create is None:
        switch = next(row for row in table.rows if row.switch is not None)
        spec.setdefault(path_of(table, switch), True)
        return spec
    taken = set(spec)
    for row in table.rows:
        if row.demanded and row.default is None and not _is_declared(table, row, taken):
            spec[path_of(table, row)] = first(variant, facts, path_of(table, row))
    for _ in range(5):
        fields = {path: (item, normal(item, spec[path])) for path in spec for item in [field_of(table, path)]}
        created = table.create_edits(fields, NAME)
        wanted = [*created.missing, *(path for demand in created.unmet for path in demand.choices[0])]
        if not wanted:
            return spec
        spec.update({path: first(variant, facts, path) for path in wanted})
    raise AssertionError(f"{variant}: no complete manifest: {wanted}")


def _is_declared(table: Table, row: Row, declared: Iterable[Path]) -> bool:
    points = {point.path for point in row.points}
    return any(points & {point.path for point in field_of(table, path).points} for path in declared)


def complete(variant: Variant, facts: Facts, *, pin: str | None = None) -> dict[Path, Any]:
    """Every field that can stand in one manifest."""
    table = variant.table
    paths = [path_of(table, row) for row in writable(table, facts)]
    given = {path: first(variant, facts, path) for path in paths if path not in facts.apart}
    return minimal(variant, facts, given, pin=pin)


def document(variant: Variant, spec: Flat, *, name: str = NAME, currency: str = "USD") -> dict[str, Any]:
    """A manifest as a document."""
    tree: dict[str, Any] = {}
    if any(path[0] == "pricing" for path in spec):
        tree["pricing"] = {"unit": "1M tokens", "currency": currency}
    for path, value in spec.items():
        below = tree
        for step in path[:-1]:
            below = below.setdefault(step, {})
        below[path[-1]] = value
    head = {"apiVersion": "reconciler/v1", "kind": variant.table.resource, "metadata": {"name": name}}
    return {**head, "spec": tree}
