"""What cannot or must not be done is refused by the plan, and nothing is sent."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from reconciler.manifests.problems import dotted
from reconciler.registries.codecs import Money, Number, Whole
from reconciler.registries.rows import Path, Row, Table

from .cases import each
from .manifests import NAME, minimal, path_of, writable
from .stand import Stand
from .subject import Facts, Variant
from .subjects import subject_of

OTHER = "model-2"


def facts_of(variant: Variant) -> Facts:
    subject = subject_of(variant.kind.name)
    return Facts() if subject is None else subject.facts_of(variant.table)


# ---- what a create lacks, what the registry cannot say


def demanded(variant: Variant) -> Mapping[str, Path]:
    """Every line without which a manifest makes no object."""
    if variant.table.create is None:
        return {}
    facts = facts_of(variant)
    return {dotted(path): path for path in minimal(variant, facts) if path not in facts.always}


@each("path", demanded)
def test_an_incomplete_create_is_refused(stand: Stand, path: Path) -> None:
    spec = stand.minimal()
    del spec[path]
    stand.write(spec)
    [action] = stand.assert_refused("incomplete")
    assert dotted(path) in action.refusals[0].message


def inexpressible(variant: Variant) -> Mapping[str, tuple[Path, Any, str]]:
    """Values that no row of the table can put on the wire, and the currency of the manifest."""
    if variant.table.vendors:
        return {"a field that is the vendor's": (("display_name",), "Mine", "USD")}
    found: dict[str, tuple[Path, Any, str]] = {}
    for row in writable(variant.table, facts_of(variant)):
        path = path_of(variant.table, row)
        if isinstance(row.codec, Money) and path[0] == "pricing" and row.codec.unit.dimension == "token":
            found.setdefault("a currency", (path, 1, "EUR"))
            found.setdefault("a price of too many digits", (path, Decimal("0.1234567890123456789"), "USD"))
        elif isinstance(row.codec, Number):
            found.setdefault("a number of too many digits", (path, Decimal("0.1234567890123456789"), "USD"))
        elif isinstance(row.codec, Whole) and path[0] != "native":
            found.setdefault("a size of too many digits", (path, 10**15 + 1, "USD"))
    return found


@each("case", inexpressible)
def test_what_cannot_be_expressed_is_refused(stand: Stand, case: tuple[Path, Any, str]) -> None:
    path, value, currency = case
    stand.write({**stand.minimal(), path: value}, currency=currency)
    [action] = stand.assert_refused("cannot-express")
    assert any(dotted(path) in refusal.paths for refusal in action.refusals)


# ---- which object is meant


def test_two_live_objects_for_one_manifest_are_refused(stand: Stand) -> None:
    identity = stand.table.identity
    if identity.unique and not identity.natural:
        pytest.skip("the registry keeps one object for a name, and nothing else is looked at")
    spec = stand.minimal()
    live = stand.made(spec)

    def doubled(items: list[dict[str, Any]]) -> None:
        [item] = [item for item in items if stand.listing.identify(item) == live.id]
        twin = copy.deepcopy(item)
        if identity.natural:  # else their common name makes them alike
            stand.listing.rename(item, "twin-1")
            stand.listing.rename(twin, "twin-2")
        items.append(twin)

    stand.edit_list(doubled)
    stand.write(spec)
    stand.assert_refused("ambiguous")


def test_two_manifests_for_one_live_object_are_refused(stand: Stand) -> None:
    spec = stand.minimal()
    live = stand.made(spec)
    spec[stand.table.identity.pin] = live.names[0]
    stand.write(spec, spec, names=(NAME, OTHER))
    actions = stand.assert_refused("ambiguous")
    assert len(actions) == 2
    assert all(
        NAME in action.refusals[0].message and OTHER in action.refusals[0].message for action in actions
    )


def test_two_manifests_that_would_make_one_object_are_refused(stand: Stand) -> None:
    identity = stand.table.identity
    if stand.table.create is None or not (identity.client_chosen or identity.natural):
        pytest.skip("nothing says that they would make one object")
    spec = stand.minimal(pin=stand.facts.pin) if identity.client_chosen else stand.minimal()
    stand.write(spec, spec, names=(NAME, OTHER))
    assert len(stand.assert_refused("ambiguous")) == 2


def resembling(variant: Variant) -> Mapping[str, Path]:
    """Each wire path of which one alone makes a create look like a rename."""
    identity = variant.table.identity
    return {dotted(path): path for path in identity.resembles if set(identity.natural) != {path}}


@each("wire", resembling)
def test_a_likely_rename_is_refused(stand: Stand, wire: Path) -> None:
    """A new name, and one thing that it has in common with what is there."""
    identity = stand.table.identity
    telling = {
        path: path_of(stand.table, shown_at(stand.table, path))
        for path in (*identity.natural, *identity.resembles)
    }
    stand.made(stand.minimal({path: stand.two(path)[0] for path in telling.values()}))
    new = {**stand.facts.another} | {
        path: stand.two(path)[0 if at == wire else 1] for at, path in telling.items()
    }
    stand.write(stand.minimal(new), names=(OTHER,))
    [action] = stand.assert_refused("rename")
    assert action.refusals[0].acknowledge is not None


def shown_at(table: Table, wire: Path) -> Row:
    return next(row for row in table.rows if any(point.path == wire and point.read for point in row.points))
