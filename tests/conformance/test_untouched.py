"""What nobody declared stays as it is: other fields, unknown keys, objects of the vendor."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from reconciler.registries.codecs import Tree
from reconciler.registries.interface import LiveObject
from reconciler.registries.rows import Path, Table, dig

from .cases import each, where
from .manifests import field_of, writable
from .stand import Stand
from .subject import Variant
from .test_edits import changes, fields, written_for
from .test_refusals import facts_of

NEW = "x_of_tomorrow"
"""A key that nobody documents yet."""
SOMETHING = {"deep": [1, {"er": None}]}


def one_for_each_key(variant: Variant) -> Mapping[str, Path]:
    """One field that an update takes for each top-level key of its body."""
    found: dict[str, Path] = {}
    for path in fields(variant).values():
        item = field_of(variant.table, path)
        if item.row.updatable and item.shown is not None and path not in facts_of(variant).apart:
            found.setdefault(item.points[0].path[0], path)
    return {path[-1] if path[0] == "native" else ".".join(path): path for path in found.values()}


def leaves(value: Any, above: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*above, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*above, str(index)))
    else:
        yield above, value


def differing(before: Mapping[str, Any], after: Mapping[str, Any], table: Table) -> set[Path]:
    one, other = dict(leaves(dict(before))), dict(leaves(dict(after)))
    paths = {path for path in {*one, *other} if one.get(path) != other.get(path)}
    return {path for path in paths if path[0] not in table.volatile}


def may_differ(stand: Stand, path: Path) -> set[Path]:
    """Where a changed field stands and what the server makes of it; and secrets, which nobody can read.

    Whether an update may leave those out is for the table to say (``Table.loses``).
    """
    table = stand.table
    found = {point.path for point in field_of(table, path).points}
    found |= {point.path for row in table.rows if row.secret for point in row.points}
    return found | {(key,) for key in table.made} | stand.facts.made


def is_below(path: Path, known: set[Path]) -> bool:
    return any(path[: len(above)] == above for above in known)


@each("path", one_for_each_key)
def test_undeclared_fields_stay(stand: Stand, path: Path) -> None:
    """Another client has set everything there is; our manifest has the least, and one line that differs."""
    everything = stand.complete()
    live = stand.made(everything)
    if not changes(stand, path):
        pytest.skip("no update makes this change")
    before = stand.document(live)
    edited = {**stand.minimal(), path: stand.two(path)[1]}
    stand.write(stand.pinned(edited, live))
    applied = stand.apply()
    if {refusal.code for refusal in applied.action.refusals} == {"unreadable-secret"}:
        assert stand.door.writes == []  # the body would replace a secret that our manifest does not name
        return
    stand.assert_done(applied)
    assert applied.result.remarks == ()
    different = differing(before, stand.document(live), stand.table)
    assert different
    known = may_differ(stand, path)
    assert {each for each in different if not is_below(each, known)} == set()


def add_unknown(table: Table, item: dict[str, Any]) -> None:
    """Puts a new key into an object, and into all of its parts that are no field by themselves."""
    whole = {
        point.path[0]
        for row in table.rows
        for point in row.points
        if len(point.path) == 1 and isinstance(row.codec, Tree)
    }
    parts = [value for key, value in item.items() if key not in whole and isinstance(value, dict)]
    for container in table.lists:
        parts += [each for each in item.get(container) or () if isinstance(each, dict)]
    for part in (*parts, item):
        part[NEW] = copy.deepcopy(SOMETHING)


def without_unknown(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_unknown(item) for key, item in value.items() if key != NEW}
    return [without_unknown(item) for item in value] if isinstance(value, list) else value


@each("path", one_for_each_key)
def test_unknown_keys_are_ignored_and_carried_through(stand: Stand, path: Path) -> None:
    """The registry shows keys of tomorrow; a container that is replaced whole must still hold them."""
    table = stand.table
    spec = stand.complete()
    live = stand.made(spec)
    if not changes(stand, path):
        pytest.skip("no update makes this change")
    stand.edit_objects(lambda item: add_unknown(table, item))
    stand.door.edit_requests(without_unknown)
    stand.write(stand.pinned(spec, live))
    stand.assert_settled()
    stand.write(stand.pinned({**spec, path: stand.two(path)[1]}, live))
    applied = stand.apply()
    stand.assert_done(applied)
    assert applied.result.remarks == ()
    [write] = stand.door.writes
    body = write.body or {}
    for key in body:
        if table.update.carries((key,)) and key in table.lists:
            assert all(item[NEW] == SOMETHING for item in body[key])
        elif table.update.carries((key,)) and isinstance(body[key], dict) and key != NEW:
            assert body[key][NEW] == SOMETHING, key
        else:
            assert NEW not in str(body[key]) or key == NEW
    assert (NEW in body) == (table.update.whole and not is_switch(stand, path))
    stand.assert_settled()


def is_switch(stand: Stand, path: Path) -> bool:
    return field_of(stand.table, path).row.switch is not None


# ---- the vendor's


def vendors(stand: Stand) -> LiveObject:
    vendor = stand.vendor
    assert vendor is not None
    [found] = [live for live in stand.objects() if vendor.name in live.names and not live.ours]
    return found


def is_own(variant: Variant) -> bool:
    """Whether the objects of a table are ours to make."""
    return not variant.table.vendors


def all_of_the_vendors(stand: Stand) -> dict[str, Any]:
    ids = {live.id for live in stand.objects() if not live.ours}
    return {key: item for item in stand.listed() if (key := stand.listing.identify(item)) in ids}


@where(is_own)
def test_the_vendors_objects_are_in_no_write(stand: Stand, case: None) -> None:
    if stand.vendor is None:
        pytest.skip("the vendor has no such objects")
    before = all_of_the_vendors(stand)
    assert before
    spec = stand.complete()
    stand.write(spec)
    stand.assert_done(stand.apply())
    live = stand.only()
    path = next(path for path in fields(stand.variant).values() if path in spec and changes(stand, path))
    stand.write(stand.pinned({**spec, path: stand.two(path)[1]}, live))
    stand.assert_done(stand.apply())
    assert len(stand.door.writes) >= 2
    for write in stand.door.writes:
        assert not any(write.path.rstrip("/").endswith(f"/{name}") for name in before)
    assert all_of_the_vendors(stand) == before


@where(is_own)
def test_a_name_of_the_vendors_is_refused(stand: Stand, case: None) -> None:
    vendor = stand.vendor
    if vendor is None:
        pytest.skip("the vendor has no such objects")
    stand.write(stand.minimal(pin=vendor.name))
    stand.assert_refused("shadow" if stand.table.identity.shadows else "not-ours")


@where(is_own)
def test_a_vendors_object_is_never_adopted(stand: Stand, case: None) -> None:
    """Not even where it shows all that an own object would be adopted for."""
    table = stand.table
    if not table.identity.natural or stand.vendor is None:
        pytest.skip("nothing is adopted here")
    document = stand.document(vendors(stand))
    alike = {}
    for wire in table.identity.natural:
        row = next(row for row in table.rows if any(point.path == wire for point in row.points))
        shown = dig(document, wire)
        if isinstance(shown, str) and shown:
            alike["native", table.kind, *row.native[0]] = shown
    stand.write(stand.minimal(alike))
    applied = stand.apply()
    assert applied.action.operation == "create"
    stand.assert_done(applied)
    assert stand.document(vendors(stand)) == document


@where(lambda variant: variant.table.vendors)
def test_of_a_vendors_object_only_the_switch_moves(stand: Stand, case: None) -> None:
    before = stand.document(stand.only())
    [row] = writable(stand.table, stand.facts)
    path = next(path for path in fields(stand.variant).values())
    stand.write(stand.minimal({path: stand.two(path)[1]}))
    stand.assert_done(stand.apply())
    after = stand.document(stand.only())
    assert differing(before, after, stand.table) == {point.path for point in row.points}
    assert written_for(stand.table, path)
