"""A create, and nothing to do afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cases import each
from .stand import Stand

Spec = Callable[[Stand], dict[tuple[str, ...], Any]]


def specs(_: object) -> dict[str, Spec]:
    return {"": Stand.minimal, "every field": Stand.complete}


@each("spec", specs)
def test_second_plan_is_empty(stand: Stand, spec: Spec) -> None:
    stand.write(spec(stand))
    applied = stand.apply()
    stand.assert_done(applied)
    # The vendor's own objects are there already, and switched on.
    assert applied.action.operation == ("none" if stand.table.create is None else "create")
    assert stand.only().variant == stand.table.variant
    planned = [(one.method, one.path.format(id=applied.result.id)) for one in applied.action.requests]
    sent = [(one.method, one.path.removeprefix(stand.subject.base)) for one in stand.door.writes]
    # A new object may be as a later request would make it, and then that is not sent.
    assert sent[:1] == planned[:1]
    assert sent == [one for one in planned if one in sent]
    stand.door.forget()
    again = stand.apply()
    assert (again.action.operation, again.action.changes, again.result.status) == ("none", (), "unchanged")
    assert stand.door.writes == []
