"""What an action rests on: the values that it was planned upon, as digests.

An update rests on every declared field that reads back, on what it changes, and on every key of each
container that its request replaces whole. A create rests on the live objects that it is like. A plan holds
the digests, never the values: what is not declared has no place in a plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import simplejson

from reconciler.desired import Desired
from reconciler.matching import Nearness
from reconciler.plan import Basis, canonical, digest_of
from reconciler.registries.interface import LiveObject
from reconciler.registries.rows import ABSENT, Echo, Edit, Path, Table, dig
from reconciler.secrets import SecretRef

_SHORT: Final = 16
"""Hexadecimal digits of a `Basis`: it tells which of the values moved, ``fingerprint`` whether one did."""


def declared_paths(desired: Desired) -> set[Path]:
    """The wire paths at which the declared fields of a manifest read back."""
    return {
        item.shown.path
        for item, value in desired.fields.values()
        if item.shown is not None
        and item.row.echo is not Echo.WRITE_ONLY
        and not item.row.secret
        and not isinstance(value, SecretRef)
    }


def _rested_on(
    table: Table, edits: Sequence[Edit], declared: Collection[Path], raw: Mapping[str, Any]
) -> Iterator[tuple[Path, Any]]:
    """Each wire path that an update rests on, with its value; absent as null."""
    call = table.update
    touched = {edit.path[0] for edit in edits if table.row_at(edit.path).switch is None}
    names = [name for name in raw if name not in table.made] if call.whole and touched else call.replaces
    paths = {*declared, *(table.shown_at(edit.path) for edit in edits)}
    for name in names:
        if call.whole or name in touched:
            inside = raw.get(name)
            paths |= {(name, key) for key in inside} if isinstance(inside, Mapping) and inside else {(name,)}
    for path in sorted(paths):
        value = dig(raw, path)
        yield path, None if value is ABSENT else value


def fingerprint(
    table: Table, edits: Sequence[Edit], live: LiveObject, declared: Collection[Path] = ()
) -> str:
    """The digest of what an update with ``edits`` rests on, as ``live`` shows it.

    ``declared`` are the wire paths of the declared fields. Numbers count by their value, however written.
    """
    return digest_of(live.id, [[list(path), value] for path, value in rested(table, edits, live, declared)])


def rested(
    table: Table, edits: Sequence[Edit], live: LiveObject, declared: Collection[Path] = ()
) -> list[tuple[Path, Any]]:
    """Each wire path that an update with ``edits`` rests on, with its live value."""
    return list(_rested_on(table, edits, declared, live.raw))


def basis(
    table: Table, edits: Sequence[Edit], live: LiveObject, declared: Collection[Path] = ()
) -> tuple[Basis, ...]:
    """The short digest of each value that an update with ``edits`` rests on."""
    return tuple(
        Basis(path, digest_of(value)[:_SHORT]) for path, value in rested(table, edits, live, declared)
    )


def paths_of(rests: Collection[Basis]) -> frozenset[Path]:
    """The wire paths of a basis."""
    return frozenset(one.path for one in rests)


def moved_paths(before: Collection[Basis], now: Collection[Basis]) -> tuple[Path, ...]:
    """The wire paths whose values are not those of ``before``, also those that came or went."""
    then, there = ({one.path: one.digest for one in some} for some in (before, now))
    return tuple(path for path in sorted({*then, *there}) if then.get(path) != there.get(path))


def surroundings(near: Collection[Nearness]) -> str:
    """What a create rests on: the live objects that it is like; empty where there is none."""
    return canonical(sorted(near)) if near else ""


def planned_near(rests_on: str) -> frozenset[Nearness]:
    """What `surroundings` was made of; nothing where the text is no such thing."""
    try:
        return frozenset((str(identity), str(what)) for identity, what in simplejson.loads(rests_on or "[]"))
    except (TypeError, ValueError):
        return frozenset()
