"""What manifests have in common that declare the same fields of one table: worked out once for all of them.

Thousands of manifests have a few dozen shapes. What a shape can say without looking at values (which live
keys nobody declares, what refers to other objects, where each value stands on the wire) is kept with it,
and a manifest adds its values alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from reconciler.money import Price
from reconciler.registries.codecs import (
    Choice,
    Flag,
    Id,
    Money,
    Number,
    Text,
    Value,
    Whole,
    Word,
)
from reconciler.registries.rows import ABSENT, Echo, Field, Path, Point, Table, dig

_ALIKE: Final = (Text, Choice, Id, Whole, Number, Word)
"""Codecs whose normal form equals the wire value that it is sent as, if any wire value does."""

_MOST: Final = 4096


_Amount = tuple[str, int, int, int, bool, Path | None]
"""A price that reads back: its key in its container and its index, the counts of the wire's unit and of the
normal form's, whether the server computes it, and where the object says its currency."""


@dataclass(slots=True)
class _Container:
    """One object on the wire with the declared values that stand in it: each by its key and its index, with
    what its absence means."""

    path: Path
    flags: list[tuple[str, int, Value]]
    alike: list[tuple[str, int, Value]]
    amounts: list[_Amount]

    def indexes(self) -> set[int]:
        plain = {index for _, index, _ in (*self.flags, *self.alike)}
        return plain | {amount[1] for amount in self.amounts}

    def other_amounts(
        self, values: Sequence[Value], raw: Mapping[str, Any], node: Mapping[str, Any]
    ) -> Iterator[int]:
        """The indexes of the prices that do not stand in ``node`` as they would be sent."""
        for key, index, wire_count, count, derived, currency in self.amounts:
            wire, value = node.get(key), values[index]
            if type(value) is not Price or value.unit.count != count:
                yield index
            elif type(wire) is Decimal or type(wire) is int:
                # A wire number of more than 15 digits, which the products round, means the one of 15.
                same = (
                    wire == value.amount if wire_count == count else wire * count == value.amount * wire_count
                )
                if not same or not (currency is None or _is_in(value.currency, raw, currency)):
                    yield index
            elif wire is not None or not derived or key in node:
                yield index


class Comparison:
    """How the fields of a shape are compared with live objects that never show the keys ``unseen``."""

    __slots__ = ("_containers", "_others", "blind")

    def __init__(self, items: Sequence[Field], unseen: Collection[Path]) -> None:
        self.blind: tuple[int, ...] = ()
        """The fields of which nothing tells what is live, whatever they are declared as."""
        self._containers: list[_Container] = []
        self._others: list[int] = []
        blind = []
        for index, item in enumerate(items):
            if item.row.identity and not item.shown:
                continue  # it is what the object was found by
            echo = item.row.echo
            if echo is Echo.WRITE_ONLY or (echo is Echo.MAYBE and item.points[0].path[:1] in unseen):
                blind.append(index)
            elif not self._place(index, item):
                self._others.append(index)
        self.blind = tuple(blind)

    def _place(self, index: int, item: Field) -> bool:
        """Whether the field can be compared as it stands on the wire; then it is put where it stands."""
        codecs: list[tuple[Point, Any]] = [
            (point, point.codec or item.row.codec) for point in item.points if point.read
        ]
        if not codecs or codecs[0][0].derived:
            return False
        if type(item.row.codec) is Money:
            if any(type(codec) is not Money for _, codec in codecs):
                return False
            count = item.row.codec.unit.count
            money = [item.row.codec, *(codec for _, codec in codecs)]
            if len({(codec.currency, codec.unit.dimension) for codec in money}) > 1:
                return False
            for point, codec in codecs:
                self._at(point.path[:-1]).amounts.append(
                    (point.path[-1], index, codec.unit.count, count, point.derived, point.currency)
                )
            return True
        if any(point.derived or type(codec) not in (Flag, *_ALIKE) for point, codec in codecs):
            return False
        for point, codec in codecs:
            container = self._at(point.path[:-1])
            same = container.flags if type(codec) is Flag else container.alike
            same.append((point.path[-1], index, item.row.absent))
        return True

    def _at(self, path: Path) -> _Container:
        found = next((one for one in self._containers if one.path == path), None)
        if found is None:
            found = _Container(path, [], [], [])
            self._containers.append(found)
        return found

    def doubtful(self, values: Sequence[Value], raw: Mapping[str, Any]) -> list[int]:
        """The indexes, in order, of the readable fields that may differ from ``raw``.

        The others are there in the very form in which they would be sent. What is named here may still be
        equal: another spelling of a number, absence that means the value, a list in another order.
        """
        found = list(self._others)
        for container in self._containers:
            node: Any = raw
            for step in container.path:
                node = node.get(step) if isinstance(node, dict) else None
            if not isinstance(node, dict):
                found += container.indexes()
                continue
            get = node.get
            for key, index, absent in container.flags:
                wire = get(key)
                if (absent if wire is None else wire) is not values[index] or values[index] is None:
                    found.append(index)
            for key, index, absent in container.alike:
                wire, value = get(key), values[index]
                if wire is None:
                    wire = absent
                # `==` takes True for 1; what is written as null means what absence means.
                if wire != value or wire is True or wire is False or value is None:
                    found.append(index)
            if container.amounts:
                found += container.other_amounts(values, raw, node)
        return sorted(set(found)) if found else found


def _is_in(currency: str, raw: Mapping[str, Any], path: Path) -> bool:
    """Whether a live object says at ``path`` that its price is in ``currency``, or does not say it."""
    told = raw.get(path[0]) if len(path) == 1 else dig(raw, path)
    return told == currency or not isinstance(told, str) or not told or told.upper() == currency


_Undeclared = tuple[
    Mapping[str, tuple[Field, ...]],
    Mapping[str, Mapping[str, tuple[Field, ...]]],
    tuple[tuple[Path, tuple[Field, ...]], ...],
]
"""Fields by the live key that shows them: at the top, in an object at the top, and by deeper paths."""


class Shape:
    """The fields that a manifest declares of one table, in order."""

    def __init__(self, table: Table | None, items: Mapping[Path, Field]) -> None:
        self.table = table
        self.paths = tuple(items)
        self.items = tuple(items.values())
        self.index = {path: index for index, path in enumerate(self.paths)}
        self._comparisons: dict[frozenset[Path], Comparison] = {}

    def comparison(self, unseen: frozenset[Path]) -> Comparison:
        """How its fields are compared where a registry does not show the keys ``unseen``."""
        found = self._comparisons.get(unseen)
        if found is None:
            found = self._comparisons[unseen] = Comparison(self.items, unseen)
        return found

    @cached_property
    def points(self) -> frozenset[Path]:
        """The first wire path of each field."""
        return frozenset(item.points[0].path for item in self.items)

    @cached_property
    def refers(self) -> bool:
        """Whether a field names an object of another resource."""
        return any(item.row.refers for item in self.items)

    @cached_property
    def _undeclared(self) -> _Undeclared:
        top: dict[str, tuple[Field, ...]] = {}
        inside: dict[str, dict[str, tuple[Field, ...]]] = {}
        deeper: list[tuple[Path, tuple[Field, ...]]] = []
        shown = {} if self.table is None else self.table.shown
        for path, known in shown.items():
            items = tuple(
                item
                for item in known
                if item.row.echo is Echo.ECHOED and item.points[0].path not in self.points
            )
            if not items:
                continue
            if len(path) == 1:
                top[path[0]] = items
            elif len(path) > 2:
                deeper.append((path, items))
            elif path[:1] not in shown:  # what is read whole has no fields inside
                inside.setdefault(path[0], {})[path[1]] = items
        return top, inside, tuple(deeper)

    def undeclared(self, raw: Mapping[str, Any]) -> Sequence[Field]:
        """The fields that read back, that a live object has a key for and that are not declared, each once.

        In the order of the live keys, after those at the top. Of the many fields, most objects have few.
        """
        top, inside, deeper = self._undeclared
        found: list[Field] = []
        for key in _both(raw, top):
            found += top[key]
        for name, fields in inside.items():
            value = raw.get(name)
            if isinstance(value, dict):
                for key in _both(value, fields):
                    found += fields[key]
        for path, items in deeper:
            if dig(raw, path) is not ABSENT:
                found += items
        return found

    @cached_property
    def undeclared_prices(self) -> tuple[Field, ...]:
        """The prices with several points that are not declared."""
        table = self.table
        found = []
        for row in table.rows if table is not None else ():
            if len(row.points) == 1 or row.portable is None or row.points[0].path in self.points:
                continue
            item = table.find(row.portable) if table is not None and isinstance(row.codec, Money) else None
            if item is not None:
                found.append(item)
        return tuple(found)


def _both(node: Mapping[str, Any], fields: Mapping[str, Any]) -> Sequence[str]:
    """The keys of ``node`` that ``fields`` has, in order."""
    both = fields.keys() & node.keys()
    return [key for key in node if key in both] if len(both) > 1 else tuple(both)


def shape_of(table: Table, items: Mapping[Path, Field]) -> Shape:
    """The shape of a manifest; one object for all that have the same."""
    known: dict[tuple[Path, ...], Shape] = table.shapes
    paths = tuple(items)
    found = known.get(paths)
    if found is None:
        if len(known) >= _MOST:
            known.clear()
        found = known[paths] = Shape(table, items)
    return found


class Fields(Mapping[Path, tuple[Field, Value]]):
    """The declared fields of a manifest: each path with its field and normal form."""

    __slots__ = ("given", "shape")

    def __init__(self, shape: Shape, given: tuple[Value, ...]) -> None:
        self.shape = shape
        self.given = given

    @classmethod
    def of(cls, table: Table, fields: Mapping[Path, tuple[Field, Value]]) -> Fields:
        """``fields`` with what their shape knows."""
        shape = shape_of(table, {path: item for path, (item, _) in fields.items()})
        return cls(shape, tuple(value for _, value in fields.values()))

    def normal(self) -> Mapping[Path, Value]:
        """The normal form at each path."""
        return _Normal(self)

    def __getitem__(self, path: Path) -> tuple[Field, Value]:
        index = self.shape.index[path]
        return self.shape.items[index], self.given[index]

    def __contains__(self, path: object) -> bool:
        return path in self.shape.index

    def __iter__(self) -> Iterator[Path]:
        return iter(self.shape.paths)

    def __len__(self) -> int:
        return len(self.given)


class _Normal(Mapping[Path, Value]):
    """The normal forms of fields by their paths. Made for every manifest, and mostly asked for one or two."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def __getitem__(self, path: Path) -> Value:
        return self._fields.given[self._fields.shape.index[path]]

    def __contains__(self, path: object) -> bool:
        return path in self._fields.shape.index

    def __iter__(self) -> Iterator[Path]:
        return iter(self._fields.shape.paths)

    def __len__(self) -> int:
        return len(self._fields.given)


NO_FIELDS: Final = Fields(Shape(None, {}), ())
"""Of a manifest that no table describes."""
