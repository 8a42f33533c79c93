"""What manifests have in common that declare the same fields of one table: worked out once for all of them.

Thousands of manifests have a few dozen shapes. What a shape can say without looking at values (which live
keys nobody declares, what refers to other objects, where each value stands on the wire) is kept with it,
and a manifest adds its values alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from itertools import repeat
from operator import attrgetter, is_, itemgetter, mul
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

_NUMBERS: Final = (Whole, Number)
_TEXTS: Final = (Text, Choice, Id, Word)
"""With the numbers, the codecs whose normal form equals the wire value that it is sent as, if any does."""

_MOST: Final = 4096

_Plain = tuple[str, int, Value]
"""A value that stands on the wire as it is: its key in its container, its index, what its absence means."""

_Amount = tuple[str, int, int, int, bool, Path | None]
"""A price that reads back: its key in its container and its index, the counts of the wire's unit and of the
normal form's, whether the server computes it, and where the object says its currency."""

_Pick = Callable[[Sequence[Value]], Sequence[Value]]

_Column = tuple[tuple[str, ...], tuple[Value, ...], _Pick]
"""Values of one container that are compared at once: their keys, what their absence means, and what picks
them out of all of a manifest's."""

_Amounts = tuple[tuple[str, ...], _Pick, Decimal | None, bool]
"""Prices of one container that are compared at once: their keys, what picks them, how many times the number
of the normal form the wire's is (None: it is the same), and whether the server computes them."""

_amount: Final = attrgetter("amount")
_currency: Final = attrgetter("currency")
_unit: Final = attrgetter("unit")


class _Container:
    """One object on the wire with the declared values that stand in it: each by its key and its index, with
    what its absence means."""

    __slots__ = ("_amounts", "_flags", "_numbers", "_texts", "amounts", "flags", "numbers", "path", "texts")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.flags: list[_Plain] = []
        self.texts: list[_Plain] = []
        self.numbers: list[_Plain] = []
        self.amounts: list[_Amount] = []

    def close(self) -> None:
        """Nothing more will stand in it."""
        self._flags = _column(self.flags)
        self._texts = _column(self.texts)
        self._numbers = _column(self.numbers)
        self._amounts = _columns_of_amounts(self.amounts) if self.amounts else []

    def is_as_sent(self, values: Sequence[Value], node: Mapping[str, Any], *, priced: bool) -> bool:
        """Whether every value stands in ``node`` as it would be sent, or means what absence means and is
        absent. No says nothing: it may be so all the same. ``priced``: the prices are of the currencies and
        units that their fields keep."""
        get = node.get
        column = self._flags
        if column is not None:
            keys, absent, pick = column
            if not all(map(is_, map(get, keys, absent), pick(values))):
                return False
        column = self._texts
        if column is not None:
            keys, absent, pick = column
            if tuple(map(get, keys, absent)) != pick(values):
                return False
        column = self._numbers
        if column is not None:
            keys, absent, pick = column
            there = tuple(map(get, keys, absent))
            if there != pick(values) or bool in map(type, there):
                return False  # `==` takes True for 1
        if self._amounts is None or (self._amounts and not priced):
            return False
        for keys, pick, times, derived in self._amounts:
            wanted = tuple(map(_amount, pick(values)))
            if times is not None:
                wanted = tuple(map(mul, wanted, repeat(times)))
            there = tuple(map(get, keys, wanted) if derived else map(get, keys))
            if there != wanted or bool in map(type, there):
                return False
        return True

    def doubtful(
        self, values: Sequence[Value], raw: Mapping[str, Any], node: Mapping[str, Any]
    ) -> Iterator[int]:
        """The indexes of the values that do not stand in ``node`` as they would be sent."""
        get = node.get
        for key, index, absent in self.flags:
            wire = get(key)
            if (absent if wire is None else wire) is not values[index] or values[index] is None:
                yield index
        for key, index, absent in (*self.texts, *self.numbers):
            wire, value = get(key), values[index]
            if wire is None:
                wire = absent
            # `==` takes True for 1; what is written as null means what absence means.
            if wire != value or wire is True or wire is False or value is None:
                yield index
        for key, index, wire_count, count, derived, currency in self.amounts:
            wire, value = get(key), values[index]
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

    def indexes(self) -> set[int]:
        plain = {index for _, index, _ in (*self.flags, *self.texts, *self.numbers)}
        return plain | {amount[1] for amount in self.amounts}


def _picking(indexes: Sequence[int]) -> _Pick:
    """Gives the values at ``indexes``, two or more, as a tuple."""
    pick: _Pick = itemgetter(*indexes)
    return pick


def _column(entries: list[_Plain]) -> _Column | None:
    if not entries:
        return None
    if len(entries) == 1:
        entries = entries * 2  # what picks one alone gives no tuple
    keys, indexes, absent = zip(*entries, strict=True)
    return keys, absent, _picking(indexes)


def _columns_of_amounts(amounts: list[_Amount]) -> list[_Amounts] | None:
    """None where the number of one of them is no whole multiple of the normal form's."""
    columns: dict[tuple[int, bool], list[_Amount]] = {}
    for amount in amounts:
        _, _, wire_count, count, derived, _ = amount
        if wire_count % count:
            return None
        columns.setdefault((wire_count // count, derived), []).append(amount)
    return [
        (
            tuple(amount[0] for amount in (*some, *some[:1])),
            _picking([amount[1] for amount in (*some, *some[:1])]),
            None if times == 1 else Decimal(times),
            derived,
        )
        for (times, derived), some in columns.items()
    ]


_FLAG, _TEXT, _NUMBER, _AMOUNT = range(4)


class _Standing:
    """What is known of one field, whatever is declared beside it.

    ``columns`` are where it stands as it is: the container, what it is there, and all of its entry but for the
    index; None where it does not. ``first`` is the key at the top that tells whether a server shows it, where
    some do not.
    """

    __slots__ = ("columns", "first", "is_found_by", "is_write_only", "item", "money")

    def __init__(self, item: Field) -> None:
        self.item = item
        self.is_found_by = item.row.identity and not item.shown
        self.is_write_only = item.row.echo is Echo.WRITE_ONLY
        self.first = item.points[0].path[:1] if item.row.echo is Echo.MAYBE else None
        self.columns = _columns_of(item)
        codec = item.row.codec
        self.money = codec if type(codec) is Money else None


def _columns_of(item: Field) -> list[tuple[Path, int, tuple[Any, ...]]] | None:
    """Whether, and where, a field can be compared as it stands on the wire."""
    codecs: list[tuple[Point, Any]] = [
        (point, point.codec or item.row.codec) for point in item.points if point.read
    ]
    if not codecs or codecs[0][0].derived:
        return None
    if type(item.row.codec) is Money:
        if any(type(codec) is not Money for _, codec in codecs):
            return None
        count = item.row.codec.unit.count
        money = [item.row.codec, *(codec for _, codec in codecs)]
        if len({(codec.currency, codec.unit.dimension) for codec in money}) > 1:
            return None
        return [
            (
                point.path[:-1],
                _AMOUNT,
                (point.path[-1], codec.unit.count, count, point.derived, point.currency),
            )
            for point, codec in codecs
        ]
    if any(point.derived or type(codec) not in (Flag, *_TEXTS, *_NUMBERS) for point, codec in codecs):
        return None
    return [
        (
            point.path[:-1],
            _FLAG if type(codec) is Flag else _NUMBER if type(codec) in _NUMBERS else _TEXT,
            (point.path[-1], item.row.absent),
        )
        for point, codec in codecs
    ]


class Comparison:
    """How the fields of a shape are compared with live objects that never show the keys ``unseen``."""

    __slots__ = ("_containers", "_currencies", "_money", "_others", "_units", "blind")

    def __init__(self, items: Iterable[_Standing], unseen: Collection[Path]) -> None:
        self.blind: tuple[int, ...] = ()
        """The fields of which nothing tells what is live, whatever they are declared as."""
        self._others: list[int] = []
        containers: dict[Path, _Container] = {}
        currencies: dict[tuple[str, Path], None] = {}
        money: list[tuple[int, Money]] = []
        blind = []
        for index, one in enumerate(items):
            if one.is_found_by:
                continue  # it is what the object was found by
            if one.is_write_only or (one.first is not None and one.first in unseen):
                blind.append(index)
                continue
            if one.columns is None:
                self._others.append(index)
                continue
            if one.money is not None:
                money.append((index, one.money))
            for path, kind, entry in one.columns:
                container = containers.get(path)
                if container is None:
                    container = containers[path] = _Container(path)
                if kind == _AMOUNT:
                    key, wire_count, count, derived, currency = entry
                    container.amounts.append((key, index, wire_count, count, derived, currency))
                    if currency is not None and one.money is not None:
                        currencies[one.money.currency, currency] = None
                    continue
                key, absent = entry
                column = (
                    container.flags
                    if kind == _FLAG
                    else container.texts
                    if kind == _TEXT
                    else container.numbers
                )
                column.append((key, index, absent))
        for container in containers.values():
            container.close()
        self._containers = tuple(containers.values())
        self._currencies = tuple(currencies)
        money += money[:1]
        self._money = _picking([index for index, _ in money]) if money else None
        self._units = tuple((codec.unit, codec.currency) for _, codec in money)
        self.blind = tuple(blind)

    def _is_priced(self, values: Sequence[Value], raw: Mapping[str, Any]) -> bool:
        """Whether every price is of the unit and the currency that its field keeps, as is what is live."""
        if self._money is None:
            return True
        for price, (unit, currency) in zip(self._money(values), self._units, strict=True):
            if type(price) is not Price or price.unit is not unit or price.currency != currency:
                return False
        return all(_is_in(currency, raw, path) for currency, path in self._currencies)

    def doubtful(self, values: Sequence[Value], raw: Mapping[str, Any]) -> list[int]:
        """The indexes, in order, of the readable fields that may differ from ``raw``.

        The others are there in the very form in which they would be sent. What is named here may still be
        equal: another spelling of a number, absence that means the value, a list in another order.
        """
        found = list(self._others)
        priced = self._is_priced(values, raw)
        for container in self._containers:
            node: Any = raw
            for step in container.path:
                node = node.get(step) if isinstance(node, dict) else None
            if not isinstance(node, dict):
                found += container.indexes()
            elif not container.is_as_sent(values, node, priced=priced):
                found += container.doubtful(values, raw, node)
        return sorted(set(found)) if found else found


def _is_in(currency: str, raw: Mapping[str, Any], path: Path) -> bool:
    """Whether a live object says at ``path`` that its price is in ``currency``, or does not say it."""
    told = raw.get(path[0]) if len(path) == 1 else dig(raw, path)
    return told == currency or not isinstance(told, str) or not told or told.upper() == currency


_Known = Mapping[str, tuple[Field, ...]]
"""Fields by the live key that shows them."""


class _Survey:
    """What is known of the fields of one table, whatever a manifest declares.

    ``top`` and ``inside`` are the fields that read back what was sent, by the live key that shows them, at
    the top and in an object at the top; ``deeper`` are those by longer paths. ``keys_of`` are those keys (with
    the empty name for the top) by the first wire path of their fields, and ``mixed`` the keys whose fields
    have several: one of them may be declared without the others. ``prices`` have several points.
    """

    def __init__(self, table: Table | None) -> None:
        self._standings: dict[Path, _Standing] = {}
        self.top: dict[str, tuple[Field, ...]] = {}
        self.inside: dict[str, dict[str, tuple[Field, ...]]] = {}
        self.deeper: list[tuple[Path, tuple[Field, ...]]] = []
        self.keys_of: dict[Path, list[tuple[str, str]]] = {}
        self.mixed: set[tuple[str, str]] = set()
        shown = {} if table is None else table.shown
        for path, known in shown.items():
            items = tuple(item for item in known if item.row.echo is Echo.ECHOED)
            if not items:
                continue
            if len(path) > 2:
                self.deeper.append((path, items))
                continue
            if len(path) == 1:
                holder = ""
                self.top[path[0]] = items
            elif path[:1] not in shown:  # what is read whole has no fields inside
                holder = path[0]
                self.inside.setdefault(holder, {})[path[1]] = items
            else:
                continue
            firsts = {item.points[0].path for item in items}
            if len(firsts) > 1:
                self.mixed.add((holder, path[-1]))
            else:
                self.keys_of.setdefault(firsts.pop(), []).append((holder, path[-1]))
        self.prices: list[Field] = []
        for row in table.rows if table is not None else ():
            if len(row.points) == 1 or row.portable is None or not isinstance(row.codec, Money):
                continue
            item = table.find(row.portable) if table is not None else None
            if item is not None:
                self.prices.append(item)

    def standing(self, path: Path, item: Field) -> _Standing:
        """What is known of the field that is declared at ``path``."""
        found = self._standings.get(path)
        if found is None or found.item is not item:
            found = _Standing(item)  # those of a pattern are made anew for each shape
            if len(self._standings) < _MOST:
                self._standings[path] = found
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
    tuple[tuple[str, frozenset[str], _Known], ...],
    tuple[tuple[Path, tuple[Field, ...]], ...],
]
"""The live keys of which a shape declares no field: at the top, in each object at the top with all that is
known of it, and by deeper paths."""


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
            survey = _survey(self.table)
            found = self._comparisons[unseen] = Comparison(
                map(survey.standing, self.paths, self.items), unseen
            )
        return found

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
        survey, points = _survey(self.table), self.points
        declared: dict[str, set[str]] = {}
        for point in points & survey.keys_of.keys():
            for holder, key in survey.keys_of[point]:
                declared.setdefault(holder, set()).add(key)
        return (
            frozenset(survey.top.keys() - declared.get("", ())),
            tuple(
                (holder, frozenset(fields.keys() - declared.get(holder, ())), fields)
                for holder, fields in survey.inside.items()
            ),
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
        survey = _survey(self.table)
        top, inside, deeper = self._left
        found: list[Field] = []
        for key in _both(raw, top):
            found += survey.top[key]
        for holder, keys, fields in inside:
            value = raw.get(holder)
            if isinstance(value, dict):
                for key in _both(value, keys):
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
        return tuple(
            [item for item in _survey(self.table).prices if item.points[0].path not in self.points]
        )


def _both(node: Mapping[str, Any], keys: frozenset[str]) -> Sequence[str]:
    """The keys of ``node`` that are among ``keys``, in order."""
    both = keys & node.keys()
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
