"""What the journal says beside a plan: a run that did not end, changes that keep coming back."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from reconciler.cli.run import Planned, planned_anew
from reconciler.connect import kind_of
from reconciler.errors import JournalError
from reconciler.journal.actor import is_ci
from reconciler.journal.aftermath import aftermath
from reconciler.journal.lock import running
from reconciler.journal.loops import loops
from reconciler.journal.reading import Folder, Run
from reconciler.plan import Action, Plan, RegistryPlan, key_of
from reconciler.registries.interface import Observation

NEWEST: Final = 50
"""So many runs are looked at."""

BYTES: Final = 32 << 20
"""So much of the journal is read to find changes that keep coming back."""


@dataclass(frozen=True, slots=True)
class Past:
    """A plan with what the journal says beside it. ``settles`` are the runs that did not end and whose traces
    have all been looked at."""

    planned: Planned
    settles: tuple[str, ...] = ()


def with_past(planned: Planned, *, applying: bool = False) -> Past:
    """``planned`` with notes. ``applying``: the lock is ours, so that no other run is under way here.

    What cannot be read of the journal is a note, too: it is a help, never a condition.
    """
    config = planned.project.config
    folder = Folder(config.journal)
    if not folder.exists:
        notes = _without(planned) if applying and is_ci(os.environ) else ()
        return Past(_noted(planned, notes))
    try:
        told, settles = _unended(folder, planned, applying=applying)
        plan = _with_loops(folder, planned)
    except JournalError as error:
        return Past(_noted(planned, [error.message]))
    return Past(_noted(replace(planned, plan=plan), told), settles)


def _noted(planned: Planned, notes: Sequence[str]) -> Planned:
    plan = planned.plan
    return replace(planned, plan=replace(plan, notes=(*plan.notes, *notes))) if notes else planned


def _without(planned: Planned) -> list[str]:
    """A new CI runner knows nothing of earlier runs."""
    found = [one for one in planned.observed.values() if isinstance(one, Observation)]
    if not any(live.ours for one in found for live in one.objects):
        return []
    text = "no journal here: whether an earlier run left something half done cannot be told; "
    return [f"{text}the plan shows what differs"]


def _unended(folder: Folder, planned: Planned, *, applying: bool) -> tuple[list[str], tuple[str, ...]]:
    """What runs that did not end have left behind, and those of them whose traces have all been looked at."""
    runs = folder.unended(NEWEST)
    notes: list[str] = []
    settles: list[str] = []
    held_by = running(planned.project.config.folder) if runs and not applying else None
    declared = {(one.registry, key_of(one.manifest.resource, one.name)) for one in planned.project.desired}
    # A saved plan tells what was so when it was made.
    now = planned_anew(planned, planned.observed) if runs else planned.plan
    scope = planned.plan.scope
    whole = not (scope.registries or scope.only or scope.without)
    for run in runs:
        if held_by is not None and held_by.run == run.id:
            notes.append(f"an apply is under way from this checkout: {held_by}, run {run.id}")
            continue
        left = aftermath(run, now, declared=declared)
        notes += left.notes
        if left.is_whole or (whole and not now.failed):
            settles.append(run.id)
    return notes, tuple(settles)


def _with_loops(folder: Folder, planned: Planned) -> Plan:
    """The plan, with a note on every action that keeps coming back."""
    plan = planned.plan
    found = loops(_recent(folder), plan)
    if not found:
        return plan
    by_action: dict[tuple[str, str], list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for (registry, key, path), times in found.items():
        by_action[registry, key].append((path, times))

    def noted(part: RegistryPlan, action: Action) -> Action:
        told = by_action.get((part.name, action.key))
        if told is None:
            return action
        updated = _updated(planned, part, action)
        notes = (_comes_back(path, times, updated) for path, times in told)
        return replace(action, notes=(*action.notes, *notes))

    parts = (
        replace(part, actions=tuple(noted(part, action) for action in part.actions))
        for part in plan.registries
    )
    return replace(plan, registries=tuple(parts))


def _comes_back(path: str, times: Sequence[str], updated: str | None) -> str:
    text = f"{path} came back after being applied in {len(times)} runs ({', '.join(times)})"
    when = f"; the registry says that it was last updated at {updated}" if updated else ""
    return f"{text}: something else sets it{when}"


def _updated(planned: Planned, part: RegistryPlan, action: Action) -> str | None:
    """The registry's own time of the last change of the action's object, where it has one."""
    observed = planned.observed[part.name]
    if not isinstance(observed, Observation):
        return None
    key = kind_of(planned.project.config, part.name).tables[action.variant].updated
    live = next((live for live in observed.objects if live.ref == (action.resource, action.id)), None)
    value = live.raw.get(key) if live is not None and key else None
    return str(value) if isinstance(value, str | int) and value else None


def _recent(folder: Folder) -> Iterator[Run]:
    left = BYTES
    for file in folder.files()[:NEWEST]:
        left -= _size(file)
        if left < 0:
            return
        yield from (run for run in folder.runs([file]) if isinstance(run, Run))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
