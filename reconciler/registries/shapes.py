"""What manifests have in common that declare the same fields of one table: worked out once for all of them.

Thousands of manifests have a few dozen shapes. What a shape can say without looking at values (which live
keys nobody declares, what refers to other objects, where each value stands on the wire) is kept with it,
and a manifest adds its values alone.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Collection,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    ValuesView,
)
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

_ALIKE: Final = frozenset({Flag, Text, Choice, Id, Whole, Number, Word})
"""Codecs whose normal form equals the wire value that it is sent as, if any wire value does."""

_MOST: Final = 4096

_Get = Callable[[str, Any], Any]

_Point = tuple[int, str, Value]
"""Where a value stands as it is: the number of its container, its key there, what its absence means."""

_Amount = tuple[int, str, Decimal | None, bool]
"""Where a price stands: the number of its container, its key there, how many times the number of the normal
form the wire's is (None: it is the same), and whether the server computes it."""


class _Money:
    """A price that reads back: the unit of its normal form, where it stands, and where its object says the
    currency."""

    __slots__ = ("amounts", "told_at", "unit")

    def __init__(self, codec: Money, amounts: tuple[_Amount, ...], told_at: tuple[Path, ...]) -> None:
        self.unit = codec.unit
        self.amounts = amounts
        self.told_at = told_at

    def is_as_sent(self, value: Value, raw: Mapping[str, Any], gets: Sequence[_Get]) -> bool:
        """Whether a live object has the price wherever it stands. No says nothing."""
        if type(value) is not Price or value.unit.count != self.unit.count:
            return False
        amount = value.amount
        for container, key, times, derived in self.amounts:
            wire = gets[container](key, ABSENT)
            if wire == (amount if times is None else amount * times):
                if type(wire) is bool:  # `==` takes True for 1
                    return False
            elif wire is not ABSENT or not derived:
                return False
        currency = value.currency
        for path in self.told_at:
            if raw.get(path[0]) != currency and not _is_in(currency, raw, path):
                return False
        return True


_Standing = tuple[int, str, Value, "_Money | tuple[_Point, ...] | None"]
"""How a field can be compared as it stands on the wire: its first point, and what more there is to it: its
other points, or that it is a price."""


class _Known:
    """What is known of one field, whatever is declared beside it.

    ``standing`` is None where it cannot be compared as it stands; ``containers`` are those that it stands in.
    ``first`` is the key at the top that tells whether a server shows it, where some do not.
    """

    __slots__ = ("containers", "first", "is_found_by", "is_write_only", "item", "standing")

    def __init__(self, item: Field, containers: dict[Path, int]) -> None:
        self.item = item
        self.is_found_by = item.row.identity and not item.shown
        self.is_write_only = item.row.echo is Echo.WRITE_ONLY
        self.first = item.points[0].path[:1] if item.row.echo is Echo.MAYBE else None
        self.standing = _standing(item, containers)
        paths = {point.path[:-1] for point in item.points} & containers.keys()
        self.containers = [(path, containers[path]) for path in paths]


def _standing(item: Field, containers: dict[Path, int]) -> _Standing | None:
    """``containers`` are numbered; new ones are added."""
    codecs: list[tuple[Point, Any]] = [
        (point, point.codec or item.row.codec) for point in item.points if point.read
    ]
    if not codecs or codecs[0][0].derived:
        return None

    def place(point: Point) -> tuple[int, str]:
        return containers.setdefault(point.path[:-1], len(containers)), point.path[-1]

    if type(item.row.codec) is not Money:
        if any(point.derived or type(codec) not in _ALIKE for point, codec in codecs):
            return None
        first, *others = [(*place(point), item.row.absent) for point, _ in codecs]
        return *first, tuple(others) or None
    if any(type(codec) is not Money for _, codec in codecs):
        return None
    unit = item.row.codec.unit
    money = [item.row.codec, *(codec for _, codec in codecs)]
    if len({(codec.currency, codec.unit.dimension) for codec in money}) > 1:
        return None
    amounts = []
    for point, codec in codecs:
        times, rest = divmod(codec.unit.count, unit.count)
        if rest:
            return None
        amounts.append((*place(point), None if times == 1 else Decimal(times), point.derived))
    told_at = dict.fromkeys(point.currency for point, _ in codecs if point.currency is not None)
    return *amounts[0][:2], None, _Money(item.row.codec, tuple(amounts), tuple(told_at))


def _nowhere(_key: str, _absent: object) -> object:
    """In the place of what looks into a container that is not there."""
    return _NOWHERE


_NOWHERE: Final = object()


class Comparison:
    """How the fields of a shape are compared with live objects that never show the keys ``unseen``."""

    __slots__ = ("_containers", "_indexes", "_others", "_size", "_standings", "blind")

    def __init__(self, fields: Iterable[_Known], unseen: Collection[Path]) -> None:
        containers: dict[Path, int] = {}
        blind, others, indexes = [], [], []
        standings: list[_Standing] = []
        for index, one in enumerate(fields):
            if one.is_found_by:
                continue  # it is what the object was found by
            if one.is_write_only or (one.first is not None and one.first in unseen):
                blind.append(index)
            elif one.standing is None:
                others.append(index)
            else:
                indexes.append(index)
                standings.append(one.standing)
                containers.update(one.containers)
        self.blind = tuple(blind)
        """The fields of which nothing tells what is live, whatever they are declared as."""
        self._others = others
        self._indexes = tuple(indexes)
        self._standings = tuple(standings)
        self._containers = tuple(containers.items())
        self._size = max(containers.values(), default=-1) + 1

    def doubtful(self, values: Sequence[Value], raw: Mapping[str, Any]) -> list[int]:
        """The indexes, in order, of the readable fields that may differ from ``raw``.

        The others are there in the very form in which they would be sent. What is named here may still be
        equal: another spelling of a number, absence that means the value, a list in another order.
        """
        gets = self._gets(raw)
        found = self._others.copy()
        for index, (container, key, absent, more) in zip(self._indexes, self._standings, strict=True):
            wire, value = gets[container](key, absent), values[index]
            if more is None:
                # `==` takes True for 1.
                if wire is not value and (
                    wire != value or wire is True or wire is False or value is True or value is False
                ):
                    found.append(index)
            elif isinstance(more, _Money):
                if not more.is_as_sent(value, raw, gets):
                    found.append(index)
            elif _may_differ(wire, value) or _may_differ_at(more, value, gets):
                found.append(index)
        if self._others:
            found.sort()
        return found

    def _gets(self, raw: Mapping[str, Any]) -> Sequence[_Get]:
        """What looks into each container of a live object, by its number."""
        gets: list[_Get] = [_nowhere] * self._size
        for path, number in self._containers:
            node: Any = raw
            for step in path:
                node = node.get(step) if isinstance(node, dict) else None
            if isinstance(node, dict):
                gets[number] = node.get
        return gets


def _may_differ(wire: Any, value: Value) -> bool:
    """Whether a wire value may mean something else than a normal form."""
    return wire is not value and (wire != value or type(wire) is bool or type(value) is bool)


def _may_differ_at(points: Iterable[_Point], value: Value, gets: Sequence[_Get]) -> bool:
    """Whether a value may differ at one of ``points``."""
    for container, key, absent in points:  # noqa: SIM110 - `any` takes longer, and this is asked for each manifest
        if _may_differ(gets[container](key, absent), value):
            return True
    return False


def _is_in(currency: str, raw: Mapping[str, Any], path: Path) -> bool:
    """Whether a live object says at ``path`` that its price is in ``currency``, or does not say it."""
    told = raw.get(path[0]) if len(path) == 1 else dig(raw, path)
    return told == currency or not isinstance(told, str) or not told or told.upper() == currency


_ByKey = dict[str, tuple[Field, ...]]
"""Fields by the live key that shows them."""


class _Survey:
    """What is known of the fields of one table, whatever a manifest declares.

    ``top`` and ``inside`` are the fields that read back what was sent, by the live key that shows them, at
    the top and in an object at the top; ``deeper`` are those by longer paths. ``keys_of`` are those keys,
    the ones at the top in no object, by the first wire path of their fields. ``mixed``: a key shows fields
    with several first paths, of which one may be declared without the others. ``prices`` have several points.
    """

    def __init__(self, table: Table | None) -> None:
        self._containers: dict[Path, int] = {}
        self._known: dict[Path, _Known] = {}
        self.top: _ByKey = {}
        self.inside: dict[str, _ByKey] = {}
        self.deeper: list[tuple[Path, tuple[Field, ...]]] = []
        self.keys_of: dict[Path, list[tuple[str, str]]] = {}
        self.mixed = False
        self.prices: list[Field] = []
        if table is not None:
            self._look(table)

    def _look(self, table: Table) -> None:
        for path, known in table.shown.items():
            items = tuple(item for item in known if item.row.echo is Echo.ECHOED)
            if not items:
                continue
            if len(path) > 2:
                self.deeper.append((path, items))
                continue
            if len(path) == 1:
                holder = ""
                self.top[path[0]] = items
            elif path[:1] not in table.shown:  # what is read whole has no fields inside
                holder = path[0]
                self.inside.setdefault(holder, {})[path[1]] = items
            else:
                continue
            firsts = {item.points[0].path for item in items}
            self.mixed = self.mixed or len(firsts) > 1
            if len(firsts) == 1:
                self.keys_of.setdefault(firsts.pop(), []).append((holder, path[-1]))
        for row in table.rows:
            if len(row.points) > 1 and row.portable is not None and isinstance(row.codec, Money):
                item = table.find(row.portable)
                self.prices += [] if item is None else [item]

    def known(self, path: Path, item: Field) -> _Known:
        """What is known of the field that is declared at ``path``."""
        found = self._known.get(path)
        if found is None or found.item is not item:  # those of a pattern are made anew for each shape
            found = _Known(item, self._containers)
            if len(self._known) < _MOST:
                self._known[path] = found
        return found


def _survey(table: Table | None) -> _Survey:
    if table is None:
        return _NOTHING
    if not table.surveys:
        table.surveys.append(_Survey(table))
    survey: _Survey = table.surveys[0]
    return survey


_NOTHING: Final = _Survey(None)

_Left = tuple[
    frozenset[str],
    tuple[tuple[str, frozenset[str], _ByKey], ...],
    tuple[tuple[Path, tuple[Field, ...]], ...],
]
"""What a shape does not declare: the keys at the top that show other fields; of each object at the top the
keys that it does declare, and all fields there; and other fields by deeper paths."""


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
            fields = map(self._survey.known, self.paths, self.items)
            found = self._comparisons[unseen] = Comparison(fields, unseen)
        return found

    @cached_property
    def _survey(self) -> _Survey:
        return _survey(self.table)

    @cached_property
    def points(self) -> frozenset[Path]:
        """The first wire path of each field."""
        return frozenset([item.points[0].path for item in self.items])

    @cached_property
    def refers(self) -> bool:
        """Whether a field names an object of another resource."""
        return any(item.row.refers for item in self.items)

    @cached_property
    def _left(self) -> _Left:
        survey, points = self._survey, self.points
        declared: dict[str, set[str]] = {holder: set() for holder in ("", *survey.inside)}
        for point in points & survey.keys_of.keys():
            for holder, key in survey.keys_of[point]:
                declared[holder].add(key)
        return (
            frozenset(survey.top.keys() - declared[""]),
            tuple((holder, frozenset(declared[holder]), fields) for holder, fields in survey.inside.items()),
            tuple(
                (path, left)
                for path, items in survey.deeper
                if (left := tuple(item for item in items if item.points[0].path not in points))
            ),
        )

    def undeclared(self, raw: Mapping[str, Any]) -> Sequence[Field]:
        """The fields that read back, that a live object has a key for and that are not declared, each once.

        In the order of the live keys, after those at the top. Of the many fields, most objects have few.
        """
        survey = self._survey
        top, inside, deeper = self._left
        found: list[Field] = []
        for key in raw:
            if key in top:
                found += survey.top[key]
        for holder, declared, fields in inside:
            value = raw.get(holder)
            if isinstance(value, dict):
                for key in value:
                    if key not in declared and key in fields:
                        found += fields[key]
        if survey.mixed:
            found = [item for item in found if item.points[0].path not in self.points]
        for path, items in deeper:
            if dig(raw, path) is not ABSENT:
                found += items
        return found

    @cached_property
    def undeclared_prices(self) -> tuple[Field, ...]:
        """The prices with several points that are not declared."""
        return tuple([item for item in self._survey.prices if item.points[0].path not in self.points])


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

    def get(self, path: Path, default: Any = None) -> Any:
        """As of any mapping; that of the library raises and catches an error for what is not there."""
        index = self.shape.index.get(path)
        return default if index is None else (self.shape.items[index], self.given[index])

    def items(self) -> ItemsView[Path, tuple[Field, Value]]:
        return _Items(self)

    def values(self) -> ValuesView[tuple[Field, Value]]:
        return _Values(self)

    def __contains__(self, path: object) -> bool:
        return path in self.shape.index

    def __iter__(self) -> Iterator[Path]:
        return iter(self.shape.paths)

    def __len__(self) -> int:
        return len(self.given)


class _Items(ItemsView[Path, tuple[Field, Value]]):
    """As any other, and goes through them without a look-up for each."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Fields) -> None:
        super().__init__(fields)
        self._fields = fields

    def __iter__(self) -> Iterator[tuple[Path, tuple[Field, Value]]]:
        shape = self._fields.shape
        return zip(shape.paths, zip(shape.items, self._fields.given, strict=True), strict=True)


class _Values(ValuesView[tuple[Field, Value]]):
    """As any other, and goes through them without a look-up for each."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Fields) -> None:
        super().__init__(fields)
        self._fields = fields

    def __iter__(self) -> Iterator[tuple[Field, Value]]:
        return zip(self._fields.shape.items, self._fields.given, strict=True)


class _Normal(Mapping[Path, Value]):
    """The normal forms of fields by their paths. Made for every manifest, and mostly asked for one or two."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def __getitem__(self, path: Path) -> Value:
        return self._fields.given[self._fields.shape.index[path]]

    def get(self, path: Path, default: Any = None) -> Any:
        index = self._fields.shape.index.get(path)
        return default if index is None else self._fields.given[index]

    def __contains__(self, path: object) -> bool:
        return path in self._fields.shape.index

    def __iter__(self) -> Iterator[Path]:
        return iter(self._fields.shape.paths)

    def __len__(self) -> int:
        return len(self._fields.given)


NO_FIELDS: Final = Fields(Shape(None, {}), ())
"""Of a manifest that no table describes."""
