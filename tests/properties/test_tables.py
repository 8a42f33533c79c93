"""The law of codecs, over every echoed row of every table of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import simplejson
from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifests.vocabulary import MODEL_TYPES
from reconciler.registries import KINDS
from reconciler.registries.codecs import CannotExpress, Choice, EmptyMapping, Money, SetOf, Tree, Word
from reconciler.registries.rows import ANY, REST, Echo, Field, Table

from .profile import examples
from .strategies import native_values, portable_values
from .test_codecs import Server, price_of


def fields(table: Table) -> Iterator[Field]:
    """Every echoed field under each of its names, patterns filled in."""
    for row in table.rows:
        names = [row.portable] if row.portable else []
        names += [("native", table.kind, *path) for path in (*row.native, *row.aliases)]
        for name in names if row.echo is Echo.ECHOED and not isinstance(row.codec, EmptyMapping) else ():
            item = table.find(tuple({ANY: "some", REST: "key"}.get(step, step) for step in name))
            assert item is not None
            if any(point.read and (point.create or point.update) for point in item.points):
                yield item


FIELDS = {
    f"{kind.name} {variant}": found
    for kind in KINDS.values()
    for variant, table in kind.tables.items()
    if (found := list(fields(table)))
}


NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
"""What may name an object in every registry; each has its own rule beyond that."""


def declared(item: Field) -> st.SearchStrategy[Any]:
    if isinstance(item.row.codec, Choice):
        words = item.row.codec.words
        return st.sampled_from(words) if item.native else st.sampled_from([*words, *MODEL_TYPES])
    if item.row.identity:
        return NAMES
    if item.native or item.row.upstream:
        return native_values(item.row.codec, row=item.row)
    return portable_values(item.row)


def wire_of(data: st.DataObject, codec: Any, value: Any) -> Any:
    """What a server shows after ``value`` was sent to it."""
    sent = simplejson.loads(simplejson.dumps(codec.encode(value), use_decimal=True), use_decimal=True)
    if isinstance(codec, Choice | Word) or isinstance(sent, str):
        return sent
    if isinstance(codec, SetOf):
        return data.draw(st.permutations(sent))
    return Server(data).stored(sent, free=isinstance(codec, Tree))


@pytest.mark.parametrize("table", FIELDS)
@examples(150)
@given(data=st.data())
def test_what_was_sent_reads_back(table: str, data: st.DataObject) -> None:
    item = data.draw(st.sampled_from(FIELDS[table]))
    value = data.draw(declared(item))
    if isinstance(item.row.codec, Money) and not item.native:
        value = price_of(value)
    try:
        normal = item.normal(value)
    except CannotExpress:
        return
    if normal is None:
        return
    raw: dict[str, Any] = {}
    for point in item.points:
        below = raw
        for step in point.path[:-1]:
            below = below.setdefault(step, {})
        below[point.path[-1]] = wire_of(data, point.codec or item.row.codec, normal)
    assert item.read(raw) == normal


@pytest.mark.parametrize("table", FIELDS)
def test_null_means_what_a_missing_key_means(table: str) -> None:
    for item in FIELDS[table]:
        if item.row.switch is None:
            assert item.wanted(item.normal(None)) == item.row.absent == item.read({})
