"""Changes that come back although they are applied again and again: something else sets the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.journal.reading import Run
from reconciler.journal.records import Intent
from reconciler.plan import Plan, canonical

RUNS: Final = 3
"""In so many runs in a row a field was brought to the same value, before that is called a loop."""

Where = tuple[str, str, str]
"""A registry, the key of an action in it, and the path of a field."""


@dataclass(slots=True)
class _Sought:
    """A planned change, and when it was made before."""

    desired: str
    times: list[str] = field(default_factory=list)


def loops(runs: Iterable[Run], plan: Plan) -> Mapping[Where, tuple[str, ...]]:
    """The planned changes that each of the last RUNS runs which touched the field has made, with the times
    of those runs, the oldest first. ``runs`` come with the newest first; no more are read than needed."""
    open_ = {
        (action.registry, action.key, change.path): _Sought(canonical(change.wire_desired))
        for action in plan.actions("update")
        for change in action.changes
    }
    found: dict[Where, tuple[str, ...]] = {}
    if not open_:
        return found
    for run in runs:
        for intent in run.intents.values():
            for where in _touched(intent):
                sought = open_.get(where)
                if sought is None:
                    continue
                if not _was_done(run, intent, where[2], sought.desired):
                    del open_[where]
                    continue
                sought.times.append(run.begin.at)
                if len(sought.times) == RUNS:
                    found[where] = tuple(reversed(sought.times))
                    del open_[where]
        if not open_:
            break
    return found


def _touched(intent: Intent) -> list[Where]:
    return [(*intent.key, change.path) for change in intent.changes]


def _was_done(run: Run, intent: Intent, path: str, desired: str) -> bool:
    result = run.results.get(intent.key)
    same = any(change.path == path and canonical(change.wire) == desired for change in intent.changes)
    return same and result is not None and result.status == "done"
