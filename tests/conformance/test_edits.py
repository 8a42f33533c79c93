"""One line of a manifest is edited: the plan has that change and no other, or says why it cannot.

What is expected of a field follows from its row. All fields are tried in this process; on a socket, all
that an update takes are edited at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.errors import InputError
from reconciler.manifests.problems import dotted
from reconciler.registries.rows import ABSENT, Clear, Echo, Field, Path, Row, Table, dig

from .cases import IN_PROCESS, each
from .manifests import field_of, normal, path_of, writable
from .stand import Applied, Stand
from .subject import Facts, Variant
from .subjects import subject_of


def fields(variant: Variant) -> Mapping[str, Path]:
    """Every field that a manifest can write, by its path."""
    subject = subject_of(variant.kind.name)
    facts = Facts() if subject is None else subject.facts_of(variant.table)
    found = [path_of(variant.table, row) for row in writable(variant.table, facts)]
    return {dotted(path): path for path in found if path not in facts.elsewhere}


def is_blind(stand: Stand, item: Field) -> bool:
    """Whether the registry shows nothing of a field."""
    if item.row.echo is Echo.MAYBE:
        raws = [live.raw for live in stand.objects() if live.ours and live.variant == stand.table.variant]
        return all(dig(raw, item.points[0].path) is ABSENT for raw in raws)
    return item.row.echo is Echo.WRITE_ONLY


def can_become(row: Row, item: Field, value: Any) -> bool:
    """Whether an update brings a field that is set to ``value``; None clears it."""
    if not row.updatable:
        return False
    wanted = None if value is None else normal(item, value)
    if row.one_way and (value is None or wanted == row.absent):
        return False
    return value is not None or row.clear is not Clear.NEVER or row.absent is not None


def assert_one_change(stand: Stand, applied: Applied, path: Path) -> None:
    """Exactly this change, in one action, by as few requests as the table has for it."""
    action = applied.action
    assert action.operation == "update"
    assert [change.path for change in action.changes] == [dotted(path)]
    stand.assert_done(applied)
    assert applied.result.remarks == ()
    assert len(stand.door.writes) == len(action.requests) == 1
    allowed = written_for(stand.table, path)
    for request in action.requests:
        assert {edit.path for edit in request.edits if edit.secret is None} <= allowed
    stand.assert_settled()


def written_for(table: Table, path: Path) -> set[Path]:
    """The wire paths that an update of one field may write."""
    call = table.update
    own = {point.path for point in field_of(table, path).points if point.update}
    groups = [set(group) for group in call.together if own & set(group)]
    return own.union(call.always, *groups)


def assert_nothing_told(stand: Stand, applied: Applied, path: Path) -> None:
    """What does not read back is no change; the plan says that it cannot be checked."""
    assert (applied.action.operation, applied.action.changes) == ("none", ())
    assert dotted(path) in applied.action.unverified
    assert stand.door.writes == []


def assert_taken_away(stand: Stand, applied: Applied, item: Field) -> None:
    """A secret that is set and declared as null: one change where the registry can do that, else refused."""
    assert [change.path for change in applied.action.changes] == [dotted(item.path)]
    if item.row.clear is Clear.NEVER:
        assert [refusal.code for refusal in applied.action.refusals] == ["cannot-express"]
        assert stand.door.writes == []
    else:
        assert applied.outcome.results[0].status == "done"
        stand.assert_settled()


def check(stand: Stand, path: Path, before: Any, after: Any) -> None:
    """Makes an object with ``before``, and applies a manifest that has ``after`` there."""
    item = field_of(stand.table, path)
    beside = stand.facts.beside if after is None else {}
    spec = stand.minimal({**stand.facts.along, **beside, path: before})
    live = stand.made(spec)
    blind = is_blind(stand, item)
    stand.door.forget()
    stand.write(stand.pinned({**spec, path: after}, live))
    if after is None and item.row.switch is not None:
        with pytest.raises(InputError):
            stand.apply()
        assert stand.door.writes == []
        return
    hidden = any(point.path in live.hidden for point in item.points)
    applied = stand.apply()
    if blind and after is None and hidden:
        assert_taken_away(stand, applied, item)
    elif blind:
        assert_nothing_told(stand, applied, path)
    elif can_become(item.row, item, after):
        assert_one_change(stand, applied, path)
    else:
        [action] = stand.assert_refused("cannot-express")
        assert [change.path for change in action.changes] == [dotted(path)]
        assert action.refusals[0].paths == (dotted(path),)


@each("path", fields, ways=(IN_PROCESS,))
def test_an_edited_field_is_the_one_change(stand: Stand, path: Path) -> None:
    check(stand, path, *stand.two(path))


@each("path", fields, ways=(IN_PROCESS,))
def test_a_cleared_field_is_the_one_change(stand: Stand, path: Path) -> None:
    check(stand, path, stand.two(path)[0], None)


def one_way(variant: Variant) -> Mapping[str, Path]:
    return {name: path for name, path in fields(variant).items() if field_of(variant.table, path).row.one_way}


@each("path", one_way)
def test_what_goes_one_way_goes_that_way(stand: Stand, path: Path) -> None:
    set_, absent = stand.two(path)
    check(stand, path, absent, set_)


def test_all_fields_edited_at_once_are_one_action(stand: Stand) -> None:
    spec = stand.complete()
    live = stand.made(spec)
    changing = [path for path in fields(stand.variant).values() if path in spec and changes(stand, path)]
    edits = {path: stand.two(path)[1] for path in changing}
    stand.write(stand.pinned({**spec, **edits}, live))
    applied = stand.apply()
    stand.assert_done(applied)
    assert {change.path for change in applied.action.changes} == {dotted(path) for path in changing}
    assert len(stand.door.writes) == len(applied.action.requests)
    stand.assert_settled()


def changes(stand: Stand, path: Path) -> bool:
    """Whether an edit of the field is one that an update makes and shows."""
    item = field_of(stand.table, path)
    return not is_blind(stand, item) and can_become(item.row, item, stand.two(path)[1])
