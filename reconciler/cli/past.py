"""What the journal says beside a plan: a run that did not end, changes that keep coming back."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconciler.cli.run import Planned, planned_anew
from reconciler.connect import kind_of
from reconciler.errors import JournalError
from reconciler.plan import Action, Plan, RegistryPlan, key_of
from reconciler.registries.interface import Observation
from reconciler.stages import staged

if TYPE_CHECKING:
    from reconciler.journal.reading import Folder, Run

NEWEST: Final = 50
"""So many runs are looked at."""

BYTES: Final = 32 << 20
"""So much of the journal is read to find changes that keep coming back, and what was applied last."""


@dataclass(frozen=True, slots=True)
class Past:
    """A plan with what the journal says beside it. ``settles`` are the runs that did not end and whose traces
    have all been looked at."""

    planned: Planned
    settles: tuple[str, ...] = ()


@staged("journal")
def with_past(planned: Planned, *, applying: bool = False) -> Past:
    """``planned`` with notes. ``applying``: it is going to be done.

    What cannot be read of the journal is a note, too: it is a help, never a condition.
    """
    config = planned.project.config
    if not config.journal.is_dir():
        return Past(_noted(planned, _without(planned) if applying else ()))
    from reconciler.journal.reading import Folder

    folder = Folder(config.journal)
    try:
        told, settles = _unended(folder, planned)
        plan = _with_loops(folder, planned)
    except JournalError as error:
        return Past(_noted(planned, [error.message]))
    return Past(_noted(replace(planned, plan=plan), told), settles)


def _noted(planned: Planned, notes: Sequence[str]) -> Planned:
    plan = planned.plan
    return replace(planned, plan=replace(plan, notes=_joined(plan.notes, notes))) if notes else planned


def _joined(notes: Sequence[str], more: Iterable[str]) -> tuple[str, ...]:
    """Each note once: a plan that was saved by `-o json` has those of its own time."""
    return tuple(dict.fromkeys((*notes, *more)))


def _without(planned: Planned) -> list[str]:
    """A new CI runner knows nothing of earlier runs."""
    from reconciler.journal.actor import is_ci

    if not is_ci(os.environ):
        return []
    found = [one for one in planned.observed.values() if isinstance(one, Observation)]
    if not any(live.ours for one in found for live in one.objects):
        return []
    text = "no journal here: whether an earlier run left something half done cannot be told; "
    return [f"{text}the plan shows what differs"]


def _unended(folder: Folder, planned: Planned) -> tuple[list[str], tuple[str, ...]]:
    """What runs that did not end have left behind, and those of them whose traces have all been looked at."""
    entries = planned.project.config.value.registries.values()
    ours = {(entry.kind, entry.url or f"embedded:{entry.embedded}") for entry in entries}
    runs = [run for run in folder.unended(NEWEST) if _concerns(run, ours)]
    notes: list[str] = []
    settles: list[str] = []
    if not runs:
        return notes, ()
    from reconciler.journal.aftermath import aftermath

    declared = {(one.registry, key_of(one.manifest.resource, one.name)) for one in planned.project.desired}
    # A saved plan tells what was so when it was made.
    now = planned_anew(planned, planned.observed)
    for run in runs:
        by = run.begin.actor
        if run.standing == "under way":
            who = f"pid {by.pid} on {by.host} since {run.begin.at}, by {by.name}"
            notes.append(f"an apply is under way: {who}, run {run.id}")
            continue
        if run.standing == "unknown":
            notes.append(
                f"run {run.id} by {by.name} did not end, or still runs on {by.host} since {run.begin.at}: "
                "what it has left behind is told a day after its last line"
            )
            continue
        left = aftermath(run, now, applied=planned.plan, declared=declared)
        notes += left.notes
        if left.is_whole:
            settles.append(run.id)
    return notes, tuple(settles)


def _concerns(run: Run, ours: Collection[tuple[str, str]]) -> bool:
    """Whether the run was about a registry of this checkout: a journal may be shared with others."""
    written = run.begin.registries
    return not written or any((one.kind, one.target) in ours for one in written)


def _with_loops(folder: Folder, planned: Planned) -> Plan:
    """The plan, with a note on every action that keeps coming back."""
    from reconciler.journal.loops import loops
    from reconciler.journal.reading import Run

    plan = planned.plan
    found = loops((run for run in recent(folder) if isinstance(run, Run)), plan)
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
        return replace(action, notes=_joined(action.notes, notes))

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
    table = kind_of(planned.project.config, part.name).tables[action.variant]
    live = next((live for live in observed.objects if live.ref == (action.resource, action.id)), None)
    return None if live is None else table.updated_at(live.raw)


def recent(folder: Folder) -> Iterator[Run | JournalError]:
    """The newest runs, no more than NEWEST of them and BYTES; in the place of one that cannot be read, why.

    Raises JournalError where the folder cannot be read.
    """
    left = BYTES
    for file in folder.files()[:NEWEST]:
        left -= _size(file)
        if left < 0:
            return
        yield from folder.runs([file])


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
