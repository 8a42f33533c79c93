"""A plan against the plan that was reviewed: what still holds, and what became of the rest. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from reconciler.fingerprints import moved_paths, paths_of, planned_near
from reconciler.manifests.problems import dotted
from reconciler.plan import Action, Change, Plan, RegistryPlan, Shown, key_of
from reconciler.registries import KINDS
from reconciler.registries.rows import Path, Table

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
    beside = sorted(planned_near(now.rests_on) ^ planned_near(then.rests_on)) if not then.basis else []
    if now.digest == then.digest:
        if not beside:
            return _entry(then, "holds")
        names = ", ".join(f"'{identity}' (the same {what})" for identity, what in beside)
        return _entry(then, "moved", reason=f"what it would stand beside is not what it was: {names}")
    moved = _moved(then, now, table)
    fields = tuple(_fields(then.changes, now.changes, _still(table, moved)))
    edits = [edit.edit() for action in (then, now) for request in action.requests for edit in request.edits]
    told = {path for edit in edits for path in (edit.path, table.shown_at(edit.path))}
    told |= table.derived_paths(edits)
    undeclared = tuple(".".join(path) for path in moved if path not in told)
    reason = None if then.operation == now.operation else f"{then.operation} then, {now.operation} now"
    return _entry(then, "moved", fields=fields, undeclared=undeclared, reason=reason)


def _moved(then: Action, now: Action, table: Table) -> list[Path]:
    """The wire paths whose live values moved between two plans.

    What only one of them rests on says that only where both replace what it stands in.
    """
    both = paths_of(then.basis) & paths_of(now.basis)
    inside = _touched(then) & _touched(now)
    whole = table.update.whole and bool(inside)
    return [
        path
        for path in moved_paths(then.basis, now.basis)
        if path in both or whole or (path[0] in inside and path[0] in table.update.replaces)
    ]


def _touched(action: Action) -> set[str]:
    return {edit.path[0] for request in action.requests for edit in request.edits}


def _still(table: Table, moved: Collection[Path]) -> frozenset[str]:
    """The fields whose live values are known not to have moved."""
    return frozenset(
        dotted(item.path) for item in table.fields() if item.shown and item.shown.path not in moved
    )


def _fields(
    then: tuple[Change, ...], now: tuple[Change, ...], still: Collection[str] = ()
) -> Iterator[MovedField]:
    """``still`` are the fields whose live values have not moved: there it is the manifest that has."""
    before, after = ({change.path: change for change in some} for some in (then, now))
    for path in dict.fromkeys([*before, *after]):
        old, new = before.get(path), after.get(path)
        if old is not None and new is not None:
            if (old.live, old.desired) != (new.live, new.desired):
                yield MovedField(path, old.live, new.live, old.desired, new.desired)
        elif old is not None:
            # As declared by now: what is live is what the manifest asks for.
            yield (
                MovedField(path, old.live, old.live, old.desired, old.live)
                if path in still
                else MovedField(path, old.live, None, old.desired, None)
            )
        elif new is not None:
            yield (
                MovedField(path, new.live, new.live, new.live, new.desired)
                if path in still
                else MovedField(path, None, new.live, None, new.desired)
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
