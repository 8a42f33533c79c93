"""What a run that did not end has left behind, by a plan that was made on what the registries hold now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from reconciler.journal.reading import Run
from reconciler.journal.records import Intent
from reconciler.outcome import Status
from reconciler.plan import Plan

_NAMES_SHOWN: Final = 8

_DONE = "had been done"
_NOT_DONE = "had not been done, and is planned again"
_MOVED = "was done in part, or somebody else has changed it since: see the plan"
_UNREAD = "is not known, because the registry could not be read now"
_LEFT_OUT = "is not known, because this run leaves the manifest out"
_TAKEN_BACK = "was answered as done, and is not so now: see the plan"


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is told of it, and whether everything that was open could be looked at."""

    notes: tuple[str, ...]
    is_whole: bool


def aftermath(run: Run, plan: Plan, *, declared: Collection[tuple[str, str]]) -> Aftermath:
    """What ``run``, which did not end, has left behind.

    ``declared`` are the registry and key of every manifest, also of those that the plan leaves out: what
    nobody declares any more is nothing to wait for.
    """
    verdicts: dict[str, list[str]] = defaultdict(list)
    whole = True
    for intent in run.intents.values():
        result = run.results.get(intent.key)
        if result is not None and result.status not in ("done", "unproven"):
            continue
        verdict = _verdict(intent, plan, declared)
        if result is not None and result.status == "done":
            if run.is_proven(intent.registry) or verdict == _DONE:
                continue
            if verdict in (_NOT_DONE, _MOVED):
                verdict = _TAKEN_BACK
        if verdict is None:
            continue
        whole = whole and verdict not in (_UNREAD, _LEFT_OUT)
        verdicts[verdict].append(f"{intent.registry}: {intent.name}")
    return Aftermath(tuple(_notes(run, verdicts)), whole)


def _verdict(intent: Intent, plan: Plan, declared: Collection[tuple[str, str]]) -> str | None:
    registry, key = intent.key
    part = next((part for part in plan.registries if part.name == registry), None)
    if part is not None and part.failure is not None:
        return _UNREAD
    action = next((action for action in part.actions if action.key == key), None) if part else None
    if action is None:
        return _LEFT_OUT if intent.key in declared else None
    if action.operation == "none":
        return _DONE
    return _NOT_DONE if action.digest == intent.digest else _MOVED


def _notes(run: Run, verdicts: dict[str, list[str]]) -> Iterator[str]:
    done: Status = "done"
    unproven: Status = "unproven"
    count, open_ = run.count(done) - len(verdicts.get(_TAKEN_BACK, ())), len(run.open)
    doubted = f", {run.count(unproven)} unproven" if run.count(unproven) else ""
    whose = f"run {run.id} of {run.begin.at} by {run.begin.actor.name} on {run.begin.actor.host}"
    left = f"{open_} without a result" if open_ else "nothing open"
    yield f"{whose} did not end: {count} done{doubted}, {left}"
    for verdict, names in verdicts.items():
        shown = ", ".join(names[:_NAMES_SHOWN])
        rest = len(names) - _NAMES_SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        how = "" if verdict in (_UNREAD, _LEFT_OUT) else " (found out by reading the registry now)"
        yield f"run {run.id}: what it was about to do {verdict}{how}: {shown}{more}"
