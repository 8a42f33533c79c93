"""The law of every echoed row: what was sent reads back as what was meant, however the server writes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import is_dataclass
from decimal import Decimal
from typing import Any

import pytest
import simplejson
from hypothesis import given
from hypothesis import strategies as st

from reconciler.money import PER_1M_TOKENS, Price, parse_unit
from reconciler.registries.codecs import BadValue, CannotExpress, Codec, Money, Text, Tree, Word
from reconciler.registries.orq.fields import GENERIC
from reconciler.registries.rows import ANY, REST, Echo, Field, Path, dig

from .profile import examples
from .strategies import found, names_of, values


def fields() -> Iterator[Field]:
    """Every echoed field under each of its names, patterns filled in."""
    for row in GENERIC.rows:
        if row.echo is Echo.ECHOED:
            for path in names_of(row):
                yield found(tuple({ANY: "some", REST: "key"}.get(step, step) for step in path))


FIELDS = list(fields())


def price_of(written: Any) -> Price:
    """A portable price as the manifest's model hands it on."""
    if isinstance(written, str):
        number, _, unit = written.partition(" / ")
        return Price(Decimal(number), "USD", parse_unit(unit))
    return Price(Decimal(written), "USD", PER_1M_TOKENS)


class Server:
    """Writes what it stores in another way than it was sent, as far as that keeps its meaning."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def stored(self, wire: Any, *, free: bool) -> Any:
        """``free``: any JSON, where a text that looks like a number is a text."""
        if isinstance(wire, dict):
            return {key: self.stored(item, free=free) for key, item in wire.items()}
        if isinstance(wire, list):
            return [self.stored(item, free=free) for item in wire]
        if isinstance(wire, bool) or not isinstance(wire, int | Decimal):
            return wire
        return self.data.draw(st.sampled_from(list(self._spellings(wire, free=free))))

    @staticmethod
    def _spellings(number: int | Decimal, *, free: bool) -> Iterator[Any]:
        double = Decimal(repr(float(number)))
        yield number
        yield double
        yield Decimal(f"{double:.14e}")
        if double == double.to_integral_value():
            yield int(double)
        if not free:
            yield str(number)
            yield f"{double:.14e}"

    def drops(self, wire: Any) -> bool:
        return not wire and not isinstance(wire, dict) and self.data.draw(st.booleans())


def over_the_wire(item: Field, value: Any, server: Server) -> dict[str, Any]:
    """The object that a server shows after ``value`` was sent to it."""
    raw: dict[str, Any] = {}
    for point in item.points:
        codec = point.codec or item.row.codec
        sent = simplejson.dumps(codec.encode(value), use_decimal=True)
        wire = simplejson.loads(sent, use_decimal=True)
        if not isinstance(codec, Text | Word):
            wire = server.stored(wire, free=isinstance(codec, Tree))
        if point.path[0] == "metadata" and server.drops(wire):
            continue
        below = raw
        for step in point.path[:-1]:
            below = below.setdefault(step, {})
        below[point.path[-1]] = wire
    return raw


def by_codec() -> dict[str, list[Field]]:
    """The fields that share a codec and what a missing key means."""
    groups: dict[str, list[Field]] = {}
    for item in FIELDS:
        where = "native" if item.native else "portable"
        groups.setdefault(f"{where} {described(item.row.codec):.60} absent {item.row.absent}", []).append(
            item
        )
    return groups


def described(codec: Codec) -> str:
    """A codec by its type and what it was made with."""
    parts = dataclasses.fields(codec) if is_dataclass(codec) else ()
    given = (f"{part.name}={getattr(codec, part.name)!r}" for part in parts)
    return f"{type(codec).__name__}({', '.join(given)})"


GROUPS = by_codec()
each_codec = pytest.mark.parametrize("group", GROUPS, ids=range(len(GROUPS)))


@each_codec
@examples(50)
@given(data=st.data())
def test_what_was_sent_reads_back(group: str, data: st.DataObject) -> None:
    item = data.draw(st.sampled_from(GROUPS[group]))
    declared = data.draw(values(item))
    if isinstance(item.row.codec, Money) and not item.native:
        declared = price_of(declared)
    try:
        normal = item.normal(declared)
    except CannotExpress:
        return
    if normal is None:
        assert item.wanted(normal) == item.row.absent
        return
    assert item.read(over_the_wire(item, normal, Server(data))) == normal


def test_null_means_what_a_missing_key_means() -> None:
    for item in FIELDS:
        if item.row.switch is not None:
            with pytest.raises(BadValue, match="null says neither"):
                item.normal(None)
            continue
        assert item.wanted(item.normal(None)) == item.row.absent == item.read({})


NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
ODD = st.sampled_from(["NaN", "1e999999999", "Infinity", Decimal("1e400"), Decimal("1e-400"), 10**300])
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text() | ODD,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


@each_codec
@examples(40)
@given(data=st.data())
def test_any_live_value_can_be_read(group: str, data: st.DataObject) -> None:
    item = data.draw(st.sampled_from(GROUPS[group]))
    wire = data.draw(ANYTHING)
    path: Path = item.points[0].path
    raw: Any = wire
    for step in reversed(path):
        raw = {step: raw}
    assert dig(raw, path) is wire
    item.row.codec.shown(item.read(raw), native=item.native)
