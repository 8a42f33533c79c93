"""Manifests that declare the same keys: what those mean for a registry is worked out once.

An outline is the keys of a manifest without their values. Where everything about an outline is plain (every
key a field or of no place there, no secrets, no free trees, no overrides), another manifest of the same
outline needs nothing but the codecs of its values. Whatever is not plain, and whatever has a mistake, goes
the way of ``desired``: nothing here refuses or complains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from reconciler.manifests.fields import Amount, Shared, is_shared
from reconciler.money import Price, Unit
from reconciler.registries import BUILT_IN
from reconciler.registries.codecs import (
    BadValue,
    CannotExpress,
    Codec,
    Flag,
    Money,
    Value,
    Word,
)
from reconciler.registries.kind import Kind, Unsupported
from reconciler.registries.rows import Declared, Field, Path, Table
from reconciler.registries.shapes import Fields, Shape, shape_of

COMPARE: Final = ("pricing", "compare")
"""What `prices check` compares with: of no concern to any registry."""

NOT_PORTABLE: Final = frozenset({"native", "registries", "overrides"})
"""The fields of a spec that no registry is told under their names."""

Keys = tuple[str | bool, ...]
"""The keys of a manifest in order: True after one whose object begins, False where it ends."""

_SCALARS: Final = frozenset({str, int, bool, Decimal, type(None)})
_UNIT: Final = ("pricing", "unit")
_CURRENCY: Final = ("pricing", "currency")
_MOST: Final = 4096


@lru_cache(maxsize=1024)
def paths_of_model(model: type[BaseModel], above: Path) -> tuple[tuple[str, Path], ...]:
    """The fields of a model that stands at ``above``, with their paths."""
    return tuple(
        (name, (*above, name))
        for name in model.model_fields
        if (above or name not in NOT_PORTABLE) and (*above, name) != COMPARE
    )


@dataclass(slots=True, eq=False, repr=False)
class _Part:
    """What a part of a spec comes to in one table: its normal forms, and the units of its prices."""

    given: tuple[Value, ...]
    units: tuple[Unit, ...]


@dataclass(slots=True, eq=False, repr=False)
class _Leaves:
    """The keys and values of a part of a spec that many have, and what it came to, by the table."""

    model: Shared
    keys: Keys
    values: tuple[Any, ...]
    parts: dict[tuple[str, str], _Part] = field(default_factory=dict)


_leaves: dict[int, _Leaves] = {}
"""By the identity of the part, which is in it, so that no other has that."""


def _leaves_of(model: Shared, path: Path) -> _Leaves | None:
    """What is known of a part that many have; None of another."""
    known = _leaves.get(id(model))
    if known is not None or not is_shared(model):
        return known
    keys: list[str | bool] = []
    values: list[Any] = []
    _walk(model, path, keys, values, [])
    if len(_leaves) >= _MOST:
        _leaves.clear()
    _leaves[id(model)] = made = _Leaves(model, tuple(keys), tuple(values))
    return made


_Blocks = list[tuple[int, _Leaves]]
"""The parts of a spec that many have, and where their values start."""


def _walk(model: BaseModel, above: Path, keys: list[str | bool], values: list[Any], blocks: _Blocks) -> None:
    declared, known = model.model_fields_set, model.__dict__
    for name, path in paths_of_model(type(model), above):
        if name not in declared:
            continue
        value = known[name]
        keys.append(name)
        if isinstance(value, BaseModel):
            keys.append(True)
            leaves = _leaves_of(value, path) if not above and isinstance(value, Shared) else None
            if leaves is None:
                _walk(value, path, keys, values, blocks)
            else:
                blocks.append((len(values), leaves))
                keys += leaves.keys
                values += leaves.values
            keys.append(False)
        elif isinstance(value, dict):
            keys.append(True)
            for key, item in value.items():
                keys += (key, True)
                _walk(item, (*path, key), keys, values, blocks)
                keys.append(False)
            keys.append(False)
        else:
            values.append(value)


def _walk_native(tree: Mapping[str, Any], keys: list[str | bool], values: list[Any]) -> None:
    if _SCALARS.issuperset(map(type, tree.values())):
        keys += tree
        values += tree.values()
        return
    for key, value in tree.items():
        keys.append(key)
        if isinstance(value, dict):
            keys.append(True)
            _walk_native(value, keys, values)
            keys.append(False)
        else:
            values.append(value)


def _paths(keys: Keys) -> tuple[list[Path], list[Path]]:
    """The paths of the values, and those of the objects around them, native ones from `native` on."""
    leaves: list[Path] = []
    objects: list[Path] = []
    above: list[str] = []
    name: str | None = None
    for key in keys:
        if key is True:
            assert name is not None
            above.append(name)
            objects.append(tuple(above))
            name = None
            continue
        if name is not None:
            leaves.append((*above, name))
            name = None
        if key is False:
            above.pop()
        else:
            assert isinstance(key, str)
            name = key
    if name is not None:
        leaves.append((*above, name))
    return leaves, objects


class _NotPlainError(Exception):
    pass


@dataclass(slots=True, eq=False, repr=False)
class Asked:
    """What a manifest asks of a registry: its fields, what has no place there, the units of its prices.

    ``portable`` are the keys of its spec but for the native ones; none of them is null.
    """

    table: Table
    fields: Fields
    unheld: tuple[Path, ...]
    units: Mapping[Path, Unit]
    portable: Keys


class _Step(NamedTuple):
    """What a value of one field needs. One of the type ``same`` is its own normal form; a portable word is
    one of ``spellings``, or not plain."""

    codec: Codec
    native: bool
    same: type | None
    spellings: Mapping[str, str] | None

    @classmethod
    def of(cls, item: Field) -> _Step:
        codec = item.row.codec
        word = codec.spellings if type(codec) is Word and not item.native else None
        return cls(codec, item.native, bool if type(codec) is Flag else None, word)


@dataclass(slots=True, eq=False, repr=False)
class _Outline:
    """What one set of keys means for one kind. ``steps`` are what the values need, by position; None
    where there is no place, or for the unit and the currency, whose positions are ``unit`` and ``currency``.
    ``place`` is the table's kind and variant.
    """

    table: Table
    shape: Shape
    steps: tuple[_Step | None, ...]
    unheld: tuple[Path, ...]
    unit: int | None
    currency: int | None
    paths: tuple[Path, ...]
    together: bool
    place: tuple[str, str]
    units: dict[tuple[Unit, ...], Mapping[Path, Unit]] = field(default_factory=dict)

    def asked(self, name: str, values: Sequence[Any], blocks: _Blocks, portable: Keys) -> Asked | None:
        """None where a value is anything but plain."""
        given: list[Value] = []
        units: list[Unit] = []
        at = 0
        try:
            for start, leaves in blocks:
                self._add(at, start, values, given, units)
                at = start + len(leaves.values)
                part = leaves.parts.get(self.place)
                if part is None:
                    part = leaves.parts[self.place] = self._part(start, at, values)
                given += part.given
                units += part.units
            self._add(at, len(values), values, given, units)
        except (BadValue, CannotExpress, TypeError, _NotPlainError):
            return None  # TypeError: a list is no key of the spellings
        known = self.units.get(tuple(units))
        if known is None:
            priced = (path for path, value in zip(self.paths, values, strict=True) if type(value) is Amount)
            known = dict(zip(priced, units, strict=True))
            if len(self.units) < _MOST:
                self.units[tuple(units)] = known
        fields = Fields(self.shape, tuple(given))
        if self.together and self._says_more(name, fields):
            return None
        return Asked(self.table, fields, self.unheld, known, portable)

    def _part(self, start: int, stop: int, values: Sequence[Any]) -> _Part:
        given: list[Value] = []
        units: list[Unit] = []
        self._add(start, stop, values, given, units)
        return _Part(tuple(given), tuple(units))

    def _add(
        self, start: int, stop: int, values: Sequence[Any], given: list[Value], units: list[Unit]
    ) -> None:
        """Adds what the values from ``start`` to ``stop`` come to."""
        for step, value in zip(self.steps[start:stop], values[start:stop], strict=True):
            kind = type(value)
            if step is not None and kind is step.same:
                given.append(value)
            elif value is None:
                raise _NotPlainError
            elif kind is Amount:
                units.append(self._price(step, value, values, given))
            elif step is not None:
                if step.spellings is not None and value not in step.spellings:
                    raise _NotPlainError
                given.append(step.codec.normal(value, native=step.native))

    def _price(self, step: _Step | None, value: Amount, values: Sequence[Any], given: list[Value]) -> Unit:
        """The unit of a price, whose normal form is added to ``given`` where it has a place."""
        per = value.unit or (None if self.unit is None else values[self.unit])
        if per is None or self.currency is None:
            raise _NotPlainError
        if step is not None:
            if type(step.codec) is not Money:
                raise _NotPlainError
            currency = values[self.currency]
            given.append(normal_price(step.codec, step.native, str(value.number), currency, per))
        return per

    def _says_more(self, name: str, fields: Fields) -> bool:
        declared = Declared(name, fields.normal())
        return any(True for _ in self.table.implied(declared)) or any(
            True for _ in self.table.impossible(declared)
        )


@lru_cache(maxsize=65_536)
def normal_price(codec: Money, native: bool, amount: str, currency: str, unit: Unit) -> Value:  # noqa: FBT001
    """The normal form of a price, which takes long and is asked for the same few again and again."""
    # Not by the price itself: all prices of a currency have one hash, because equal ones may look different.
    return codec.normal(Price(Decimal(amount), currency, unit), native=native)


_UNKNOWN: Final = _Outline.__new__(_Outline)
_known: dict[tuple[str, str, Keys], _Outline | None] = {}


def plainly_asked(kind: Kind, resource: str, name: str, spec: BaseModel) -> Asked | None:
    """What a manifest asks of a registry of ``kind``; None where that is not plain, or is a mistake."""
    if BUILT_IN.get(kind.name) is not kind:
        return None  # the tables of others may be chosen by values
    keys: list[str | bool] = []
    values: list[Any] = []
    blocks: _Blocks = []
    _walk(spec, (), keys, values, blocks)
    portable = tuple(keys)
    native = (getattr(spec, "native", None) or {}).get(kind.name)
    if native:
        keys += ("native", True, kind.name, True)
        _walk_native(native, keys, values)
        keys += (False, False)
    key = (kind.name, resource, tuple(keys))
    outline = _known.get(key, _UNKNOWN)
    if outline is _UNKNOWN:
        if len(_known) >= _MOST:
            _known.clear()
        outline = _known[key] = _new_outline(kind, resource, key[2])
    return None if outline is None else outline.asked(name, values, blocks, portable)


def _new_outline(kind: Kind, resource: str, keys: Keys) -> _Outline | None:
    """What ``keys`` mean; None where they are not plain."""
    paths, objects = _paths(keys)
    native = (path[:3] for path in (*paths, *objects) if path[0] == "native" and len(path) > 2)
    told = [*(path for path in paths if path[0] != "native"), *native]
    table = kind.choose(resource, dict.fromkeys(told, True))
    if isinstance(table, Unsupported) or table.vendors:
        return None
    if any(path[0] == "native" and len(path) > 2 and not _is_group(table, path) for path in objects):
        return None
    known = _places_of(table.kind, table.variant)
    places = [place for path in paths if (place := known[path]) is not None]
    if len(places) < len(paths):
        return None
    held = [item for item, _ in places if item is not None]
    if may_share(held):
        return None
    unheld = (path for path, (item, _) in zip(paths, places, strict=True) if item is None)
    return _Outline(
        table,
        shape_of(table, {item.path: item for item in held}),
        tuple(step for _, step in places),
        tuple(path for path in unheld if path not in (_UNIT, _CURRENCY)),
        paths.index(_UNIT) if _UNIT in paths else None,
        paths.index(_CURRENCY) if _CURRENCY in paths else None,
        tuple(paths),
        together=table.says_more,
        place=(table.kind, table.variant),
    )


_Place = tuple[Field | None, _Step | None]
"""A field and what its values need; neither where the table has no place for a path."""


class _Places(dict[Path, _Place | None]):
    """The places of a table, by manifest path; None where a value is not plain."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __missing__(self, path: Path) -> _Place | None:
        place = self._place(path)
        if len(self) < _MOST:
            self[path] = place
        return place

    def _place(self, path: Path) -> _Place | None:
        item = None if path in (_UNIT, _CURRENCY) else self._table.find(path)
        if item is not None:
            return (item, _Step.of(item)) if _is_plain(item) else None
        return None if path[0] == "native" or path[:2] == ("pricing", "tiers") else (None, None)


@cache
def _places_of(kind: str, variant: str) -> _Places:
    return _Places(BUILT_IN[kind].tables[variant])


def _is_group(table: Table, path: Path) -> bool:
    return table.find(path) is None and table.has_below(path)


def _is_plain(item: Field) -> bool:
    row = item.row
    odd = row.upstream or row.switch is not None or row.secret
    return row.codec.plain and not odd and item.path[2:] not in row.aliases


def may_share(held: Sequence[Field]) -> bool:
    """Whether some of the fields may be the same one under two names."""
    written = [point.path for item in held for point in item.points if point.create or point.update]
    first = [item.points[0].path for item in held]
    return len(set(written)) < len(written) or len(set(first)) < len(first)
