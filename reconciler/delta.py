"""A plan against the plan that was reviewed: what still holds, and what became of the rest. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from reconciler.fingerprints import moved_paths
from reconciler.plan import Action, Change, Plan, RegistryPlan, Shown, key_of
from reconciler.registries import KINDS
from reconciler.registries.rows import Table

Verdict = Literal["holds", "done", "moved", "refused", "gone", "unknown", "new"]
"""What became of a reviewed action.

`holds`: it would be done as it was reviewed. `done`: somebody did it; nothing is left to do. `moved`: what
it rests on, or what it asks for, is not what was reviewed. `refused`: it is refused now. `gone`: no manifest
asks for it any more. `unknown`: the registry cannot be read now. `new`: nobody has reviewed it.
"""


@dataclass(frozen=True, slots=True)
class MovedField:
    """One field that is not as it was reviewed; None for what the one plan does not say."""

    path: str
    live_then: Shown | None
    live_now: Shown | None
    desired_then: Shown | None
    desired_now: Shown | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One action of either plan. ``undeclared`` are wire paths that moved and that no change is about."""

    registry: str
    resource: str
    name: str
    verdict: Verdict
    digest: str
    fields: tuple[MovedField, ...] = ()
    undeclared: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def key(self) -> str:
        return key_of(self.resource, self.name)


@dataclass(frozen=True, slots=True)
class Delta:
    """Every action that was reviewed or would be done now.

    ``reviewed`` and ``now`` are the digests of the plans.
    """

    reviewed: str
    now: str
    entries: tuple[Entry, ...]

    def of(self, *verdicts: Verdict) -> list[Entry]:
        return [entry for entry in self.entries if entry.verdict in verdicts]


def delta(reviewed: Plan, now: Plan) -> Delta:
    """What became of each action of ``reviewed``, by ``now``, and what nobody has reviewed."""
    parts = {part.name: part for part in now.registries}
    entries: list[Entry] = []
    for part in reviewed.registries:
        entries += _entries(part, parts.get(part.name))
    known = {part.name for part in reviewed.registries}
    entries += [
        entry for part in now.registries if part.name not in known for entry in _new(part.actions, ())
    ]
    return Delta(reviewed.digest, now.digest, tuple(entries))


def _entries(then: RegistryPlan, now: RegistryPlan | None) -> Iterator[Entry]:
    actions = {action.key: action for action in now.actions} if now is not None else {}
    asked = {action.key: action for action in then.actions if action.requests}
    for action in asked.values():
        if now is None or now.failure is not None:
            reason = "this run leaves it out" if now is None or now.failure is None else now.failure.message
            yield _entry(action, "unknown", reason=reason)
        else:
            yield _one(action, actions.get(action.key), KINDS[then.kind].tables[action.variant])
    yield from _new(actions.values(), asked)


def _new(actions: Iterable[Action], asked: Collection[str]) -> Iterator[Entry]:
    for action in actions:
        if action.requests and action.key not in asked:
            yield _entry(action, "new", fields=tuple(_fields((), action.changes)))


def _one(then: Action, now: Action | None, table: Table) -> Entry:
    if now is None:
        return _entry(then, "gone", reason="no manifest asks for it any more")
    if now.operation == "none":
        return _entry(then, "done", reason="it is as declared by now")
    if now.operation == "refused":
        return _entry(then, "refused", reason=now.refusals[0].message)
    if now.digest == then.digest:
        return _entry(then, "holds")
    fields = tuple(_fields(then.changes, now.changes))
    edits = [edit.edit() for action in (then, now) for request in action.requests for edit in request.edits]
    told = {path for edit in edits for path in (edit.path, table.shown_at(edit.path))}
    told |= table.derived_paths(edits)
    undeclared = tuple(".".join(path) for path in moved_paths(then.basis, now.basis) if path not in told)
    reason = None if then.operation == now.operation else f"{then.operation} then, {now.operation} now"
    return _entry(then, "moved", fields=fields, undeclared=undeclared, reason=reason)


def _fields(then: tuple[Change, ...], now: tuple[Change, ...]) -> Iterator[MovedField]:
    before, after = ({change.path: change for change in some} for some in (then, now))
    for path in dict.fromkeys([*before, *after]):
        old, new = before.get(path), after.get(path)
        if old is not None and new is not None and (old.live, old.desired) == (new.live, new.desired):
            continue
        yield MovedField(
            path,
            old.live if old else None,
            new.live if new else None,
            old.desired if old else None,
            new.desired if new else None,
        )


def _entry(
    action: Action,
    verdict: Verdict,
    *,
    fields: tuple[MovedField, ...] = (),
    undeclared: tuple[str, ...] = (),
    reason: str | None = None,
) -> Entry:
    return Entry(
        action.registry, action.resource, action.name, verdict, action.digest, fields, undeclared, reason
    )
