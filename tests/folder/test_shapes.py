"""The quick comparison with live objects finds what comparing field by field finds, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired import Desired
from reconciler.diff import compare, creation, is_blind, unmanaged
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.problems import dotted
from reconciler.money import Price, Unit
from reconciler.registries import BUILT_IN
from reconciler.registries.codecs import Codec, Flag, Whole
from reconciler.registries.interface import LiveObject
from reconciler.registries.rows import (
    ABSENT,
    Call,
    Declared,
    Echo,
    Field,
    Identity,
    Path,
    Point,
    Row,
    Table,
    dig,
)
from reconciler.registries.shapes import Fields, Shape
from reconciler.secrets import SecretRef
from tests.properties.profile import examples

from .manifests import TABLES, documents, loaded_config, manifest_of, ordinarily


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> LoadedConfig:
    return loaded_config(tmp_path_factory.mktemp("shapes"))


# ---- live objects


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, "", "0", "1", "true", [], {}, ["b", "a"], Decimal("1.0"), Decimal(0), "x"]
)


def _sent(item: Field, value: Any) -> Iterator[tuple[Path, Any]]:
    """What stands on the wire where ``value`` was taken."""
    for point in item.points:
        if point.read:
            codec = point.codec or item.row.codec
            yield point.path, ABSENT if value is None else codec.encode(value)


@st.composite
def _wire(draw: st.DrawFn, wire: Any) -> Any:
    """What is sent, as it may read back: equal in another form, or not equal at all."""
    match draw(st.integers(0, 9)):
        case 0:
            return ABSENT
        case 1:
            return draw(ODD)
        case 2 if type(wire) in (int, Decimal):
            return draw(st.sampled_from([str(wire), Decimal(wire) + 0, wire + 1, wire * 1000, -wire]))
        case 2 if isinstance(wire, bool):
            return draw(st.sampled_from([int(wire), not wire, str(wire).lower(), None]))
        case 2 if isinstance(wire, str):
            return draw(st.sampled_from([wire.upper(), wire + " ", "", [wire]]))
        case 2 if isinstance(wire, list):
            return draw(st.sampled_from([wire[::-1], [*wire, "more"], wire[1:], wire * 2]))
        case 3 if type(wire) in (int, Decimal):
            return Decimal(wire) + Decimal("1e-18")  # beyond the digits that count
    return wire


def _put(raw: dict[str, Any], path: Path, value: Any) -> None:
    for step in path[:-1]:
        below = raw.setdefault(step, {})
        if not isinstance(below, dict):
            return
        raw = below
    if value is not ABSENT:
        raw[path[-1]] = value


@st.composite
def live_objects(draw: st.DrawFn, table: Table, desired: Desired) -> dict[str, Any]:
    raw: dict[str, Any] = {}
    for item, value in desired.fields.values():
        if isinstance(value, SecretRef):
            continue
        for path, wire in _sent(item, value):
            _put(raw, path, wire if draw(st.booleans()) else draw(_wire(wire)))
        for point in item.points:
            if point.currency is not None and draw(st.booleans()):
                _put(raw, point.currency, draw(st.sampled_from(["USD", "usd", "EUR", "", None, 1])))
    fields = sorted(table.fields(), key=lambda item: item.path)
    for item in draw(st.lists(st.sampled_from(fields), max_size=4, unique_by=lambda item: item.path)):
        for point in item.points:
            if point.read and dig(raw, point.path) is ABSENT and draw(st.booleans()):
                _put(raw, point.path, draw(ODD | st.just(Decimal("0.15"))))
    containers = sorted(key for key, value in raw.items() if isinstance(value, dict))
    if containers and draw(st.integers(0, 9)) == 0:
        raw[draw(st.sampled_from(containers))] = draw(st.sampled_from([None, [], "text", {}]))
    return raw


# ---- the reference: field by field, as the tables say


def reference(
    desired: Desired, raw: dict[str, Any], unseen: frozenset[Path]
) -> tuple[list[Path], list[Path]]:
    """The paths that differ, and those of which nothing tells what is live."""
    differing, blind = [], []
    for path, (item, value) in desired.fields.items():
        if item.row.identity and not any(point.read for point in item.points):
            continue
        if is_blind(item, value, unseen):
            blind.append(path)
        elif item.read(raw) != item.wanted(value):
            differing.append(path)
    return differing, blind


def reference_unmanaged(desired: Desired, table: Table, raw: dict[str, Any]) -> set[str]:
    """The paths that are set live and that nothing declares."""
    declared = {item.points[0].path for item, _ in desired.fields.values()}
    context = Declared(desired.name, desired.fields.normal())
    found = set()
    for path, items in table.shown.items():
        for item in items:
            if item.row.echo is not Echo.ECHOED or item.points[0].path in declared:
                continue
            value = item.read(raw) if dig(raw, path) is not ABSENT else None
            ours = item.row.default(context) if item.row.default is not None else item.row.absent
            if not item.is_unset(value) and value not in (item.row.absent, ours):
                found.add(dotted(item.path))
    return found


# ---- the tests


def check(desired: Desired, table: Table, raw: dict[str, Any], unseen: frozenset[Path]) -> list[Path]:
    differing, blind = reference(desired, raw, unseen)
    shape, given_ = desired.fields.shape, desired.fields.given
    comparison = shape.comparison(unseen)
    doubtful = comparison.doubtful(given_, raw)
    assert doubtful == sorted(set(doubtful))
    named = {*doubtful, *comparison.blind}
    assert {shape.index[path] for path in (*differing, *blind)} <= named
    live = LiveObject("id", raw, ours=True, variant=table.variant, resource=table.resource)
    difference = compare(desired, table, live, unseen=unseen)
    assert [change.path for change in difference.changes] == [dotted(path) for path in differing]
    assert list(difference.unverified) == [dotted(path) for path in blind]
    assert {one.path for one in unmanaged(desired, live)} == reference_unmanaged(desired, table, raw)
    return differing


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.kind}-{table.variant}")
def test_any_live_object(config: LoadedConfig, table: Table) -> None:
    outcomes = {"equal": 0, "other": 0}
    tops = sorted({item.points[0].path[:1] for item in table.fields() if item.row.echo is Echo.MAYBE})

    @examples(90)
    @given(data=st.data())
    def compared(data: st.DataObject) -> None:
        manifest = manifest_of(config, data.draw(documents(table)))
        if manifest is None:
            return
        desired, problems = ordinarily(config, manifest, BUILT_IN[table.kind])
        if problems or desired.refusals or desired.table is None:
            return
        raw = data.draw(live_objects(desired.table, desired))
        unseen = frozenset(data.draw(st.sets(st.sampled_from(tops)))) if tops else frozenset()
        differing = check(desired, desired.table, raw, unseen)
        outcomes["other" if differing else "equal"] += 1

    compared()
    assert min(outcomes.values()) > 0


def asked(config: LoadedConfig, spec: dict[str, Any]) -> Desired:
    head = {"apiVersion": "reconciler/v1", "kind": "Model", "metadata": {"name": "one"}}
    manifest = manifest_of(config, {**head, "spec": {"registries": ["orq"], **spec}})
    assert manifest is not None
    desired, problems = ordinarily(config, manifest, BUILT_IN["orq"])
    assert problems == []
    return desired


def test_what_was_sent_is_certain(config: LoadedConfig) -> None:
    """Else every field would be read twice, and nothing be quick."""
    prices = {"unit": "1M tokens", "currency": "USD", "input": Decimal("0.15"), "cache_read": 1}
    spec = {"type": "chat", "family": "f", "capabilities": {"tools": True}, "pricing": prices}
    desired = asked(config, spec)
    raw: dict[str, Any] = {}
    for item, value in desired.fields.values():
        for path, wire in _sent(item, value):
            _put(raw, path, wire)
    assert desired.table is not None
    assert desired.fields.shape.comparison(frozenset()).doubtful(desired.fields.given, raw) == []
    assert check(desired, desired.table, raw, frozenset()) == []


def test_two_points_of_a_price_that_say_two_things(config: LoadedConfig) -> None:
    prices = {"unit": "1M tokens", "currency": "USD", "input": Decimal("0.15")}
    desired = asked(config, {"pricing": prices})
    table = desired.table
    assert table is not None
    [(item, value)] = desired.fields.values()
    points = [point for point in item.points if point.read]
    assert len(points) > 1
    for wrong in points:
        raw: dict[str, Any] = {}
        for path, wire in _sent(item, value):
            _put(raw, path, wire * 2 if path == wrong.path else wire)
        assert check(desired, table, raw, frozenset()) == [("pricing", "input")]


def _live(desired: Desired, changes: dict[Path, Any]) -> dict[str, Any]:
    """The object as it was sent, but for what stands at some wire paths."""
    raw: dict[str, Any] = {}
    for item, value in desired.fields.values():
        for path, wire in _sent(item, value):
            _put(raw, path, changes.get(path, wire))
    return raw


def test_true_is_not_1(config: LoadedConfig) -> None:
    for number, flag in ((1, True), (0, False)):
        desired = asked(config, {"native": {"orq": {"metadata": {"max_input_tokens": number}}}})
        [(item, _)] = desired.fields.values()
        assert desired.table is not None
        raw = _live(desired, {item.points[0].path: flag})
        assert check(desired, desired.table, raw, frozenset()) == [item.path]
    desired = asked(config, {"capabilities": {"tools": True}})
    [(item, _)] = desired.fields.values()
    assert desired.table is not None
    raw = _live(desired, {item.points[0].path: 1})
    assert check(desired, desired.table, raw, frozenset()) == [item.path]


def test_a_price_that_the_server_computes_and_shows_as_null(config: LoadedConfig) -> None:
    """Left out, it says nothing (zero is); null says that there is none."""
    prices = {"unit": "1M tokens", "currency": "USD", "input": Decimal("0.15")}
    desired = asked(config, {"pricing": prices})
    [(item, _)] = desired.fields.values()
    derived = [point.path for point in item.points if point.read and point.derived]
    assert derived
    assert desired.table is not None
    for path in derived:
        left_out, null = _live(desired, {path: ABSENT}), _live(desired, {path: None})
        assert check(desired, desired.table, left_out, frozenset()) == []
        assert check(desired, desired.table, null, frozenset()) == [item.path]


# ---- what is remembered, and what must not be mixed up


def _table(codec: Codec, absent: Any = None) -> Table:
    """A table of one row, at a path that others have, too."""
    row = Row(codec=codec, points=(Point(("size",)),), native=(("size",),), absent=absent)
    call = Call("update", "PATCH", "/things/{id}")
    identity = Identity(("native", "shelf", "size"), client_chosen=True)
    return Table(
        kind="shelf",
        variant="thing",
        title="things",
        resource="Model",
        rows=(row,),
        identity=identity,
        create=None,
        update=call,
    )


SIZE = ("native", "shelf", "size")


def _doubtful(table: Table, item: Field, value: Any, raw: dict[str, Any]) -> list[int]:
    fields = Fields.of(table, {SIZE: (item, value)})
    return fields.shape.comparison(frozenset()).doubtful(fields.given, raw)


def test_one_path_of_two_tables_is_two_fields() -> None:
    flags, numbers = _table(Flag(), absent=False), _table(Whole(), absent=7)
    flag, number = flags.find(SIZE), numbers.find(SIZE)
    assert flag is not None
    assert number is not None
    assert _doubtful(flags, flag, value=False, raw={}) == []
    assert _doubtful(numbers, number, value=7, raw={}) == []
    assert _doubtful(flags, flag, value=True, raw={}) == [0]
    assert _doubtful(numbers, number, value=0, raw={}) == [0]


def test_one_path_of_two_fields_of_one_table_is_compared_by_each_of_them() -> None:
    """A path that a pattern reaches has a field of its own in each manifest."""
    table = _table(Whole())
    first = table.find(SIZE)
    assert first is not None
    other = first._replace(points=(Point(("other",)),))
    raw = {"size": 1, "other": 2}
    for item, value in ((first, 1), (other, 2), (first, 1)):
        shape = Shape(table, {SIZE: item})
        assert shape.comparison(frozenset()).doubtful((value,), raw) == []
        assert shape.comparison(frozenset()).doubtful((3 - value,), raw) == [0]


def test_what_one_manifest_declares_another_leaves_out(config: LoadedConfig) -> None:
    """Both are of one table, and what is known of that is known to both."""
    raw = {"model_type": "chat", "metadata": {"region": "eu", "context_window": 8}}
    live = LiveObject("id", raw, ours=True, variant="generic")
    more = asked(config, {"type": "chat", "native": {"orq": {"metadata": {"region": "eu"}}}})
    less = asked(config, {"type": "chat"})
    for desired, left_out in ((more, set()), (less, {"native.orq.metadata.region"}), (more, set())):
        there = {one.path for one in unmanaged(desired, live)}
        assert there == {"limits.context_window", *left_out}


def test_a_price_in_another_unit_or_currency_is_read_again(config: LoadedConfig) -> None:
    """Whatever its number: 1 per 1K tokens is 1,000 per 1M, and 1 EUR is not 1 USD."""
    prices = {"unit": "1K tokens", "currency": "USD", "input": Decimal(1)}
    desired = asked(config, {"pricing": prices})
    [(item, value)] = desired.fields.values()
    raw = _live(desired, {})
    doubtful = desired.fields.shape.comparison(frozenset()).doubtful
    assert doubtful((value,), raw) == []
    assert doubtful((replace(value, currency="EUR"),), {**raw, "input_currency": "USD"}) == [0]
    assert doubtful((Price(Decimal(1), "USD", Unit("token", 1)),), raw) == [0]
    assert doubtful((Decimal(1),), raw) == [0]
    assert doubtful((value,), {**raw, item.points[0].path[0]: True}) == [0]


def test_fields_are_a_mapping_like_any_other(config: LoadedConfig) -> None:
    fields = asked(config, {"type": "chat", "family": "f", "developer": None}).fields
    plain = {path: fields[path] for path in fields}
    assert list(fields.items()) == list(plain.items())
    assert list(fields.values()) == list(plain.values())
    assert (len(fields.items()), len(fields.values())) == (3, 3)
    for path in [*plain, ("provider",)]:
        assert fields.get(path) == plain.get(path)
        assert fields.get(path, "none") == plain.get(path, "none")
        assert fields.normal().get(path, "none") == (plain[path][1] if path in plain else "none")
    assert next(iter(plain.items())) in fields.items()
    assert (("type",), None) not in fields.items()


def test_a_create_tells_where_each_value_is_written(config: LoadedConfig) -> None:
    desired = asked(
        config,
        {
            "type": "chat",
            "family": "house",
            "native": {"orq": {"metadata": {"region": "eu", "offline": True}}},
            "overrides": {"orq": {"family": "other", "native": {"orq": {"metadata": {"region": "us"}}}}},
        },
    )
    assert desired.table is not None
    changes = creation(desired, desired.table)[0].changes
    told = {change.path: str(change.place) for change in changes if change.place is not None}
    assert told == {dotted(path): str(desired.place(path)) for path in desired.fields}
    assert len(set(told.values())) == len(told) == 4
