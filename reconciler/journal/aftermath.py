"""What a run that did not end has left behind, by a plan that was made on what the registries hold now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from reconciler.journal.reading import Run
from reconciler.journal.records import Intent, Written
from reconciler.outcome import Status
from reconciler.plan import Action, Plan, RegistryPlan, canonical

_NAMES_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is told of intents. ``is_final``: a reading has shown it, so that no later run need look again."""

    text: str
    is_final: bool = True


_DONE: Final = _Verdict("had been done")
_NOT_DONE: Final = _Verdict("had not been done, and is planned again")
_REFUSED: Final = _Verdict("had not been done, and is refused now")
_MOVED: Final = _Verdict("was done in part, or somebody else has changed it since: see the plan")
_UNDECLARED: Final = _Verdict("is declared by no manifest any more: what is there of it is left alone")
_UNCLEAR: Final = _Verdict("is not known, because the manifest is refused now: see the plan", is_final=False)
_UNREAD: Final = _Verdict("is not known, because the registry could not be read now", is_final=False)
_NOT_READ: Final = _Verdict("is not known, because this run does not read the registry", is_final=False)
_LEFT_OUT: Final = _Verdict("is not known, because this run leaves the manifest out", is_final=False)
_TAKEN_BACK: Final = _Verdict("was answered as done, and is not so now: see the plan")


_ANSWERED: Final[Status] = "done"
_IN_DOUBT: Final[tuple[Status, ...]] = (_ANSWERED, "unproven")
"""What a run may say of an action that no reading has proven after it."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is told of it, and whether a reading has shown what became of everything that was open."""

    notes: tuple[str, ...]
    is_whole: bool


def aftermath(
    run: Run,
    now: Plan,
    *,
    applied: Plan,
    declared: Collection[tuple[str, str]],
    registries: Collection[Written],
) -> Aftermath:
    """What ``run``, which did not end, has left behind.

    ``now`` is a plan that was made on what the registries hold now; ``applied`` the one that this run is
    about, which may be older, or send fields again that never read back. ``declared`` are the registry and
    key of every manifest, also of those that the plans leave out; ``registries`` all that may be written to.
    """
    verdicts: dict[_Verdict, list[str]] = defaultdict(list)
    for intent in run.intents.values():
        result = run.results.get(intent.key)
        if result is not None and (result.status not in _IN_DOUBT or run.is_proven(intent.registry)):
            continue
        verdict = _verdict(_part(run, intent, now, registries), intent, now, applied, declared)
        if result is not None and result.status == _ANSWERED:
            if verdict in (_NOT_DONE, _REFUSED, _MOVED):
                verdict = _TAKEN_BACK
            elif verdict not in (_UNREAD, _NOT_READ, _LEFT_OUT):
                continue  # it was answered, and nothing speaks against it
        verdicts[verdict].append(f"{intent.registry}: {intent.name}")
    return Aftermath(tuple(_notes(run, verdicts)), all(verdict.is_final for verdict in verdicts))


def _verdict(
    part: RegistryPlan | None,
    intent: Intent,
    now: Plan,
    applied: Plan,
    declared: Collection[tuple[str, str]],
) -> _Verdict:
    if part is None:
        return _NOT_READ
    if part.failure is not None:
        return _UNREAD
    action = next((action for action in part.actions if action.key == intent.key[1]), None)
    if action is None:
        return _LEFT_OUT if intent.key in declared else _UNDECLARED
    refused = action.operation == "refused" or part.name in now.held
    if action.operation == "none":
        return _blind(intent, action, applied) or _DONE
    if _is_same(intent, action):
        return _REFUSED if refused else _blind(intent, action, applied, done=False) or _NOT_DONE
    return _UNCLEAR if refused and not action.changes else _MOVED


def _part(run: Run, intent: Intent, plan: Plan, registries: Collection[Written]) -> RegistryPlan | None:
    """The registry that the intent was for. In a shared journal another one may have its name."""
    then = {one for one in run.begin.registries if one.name == intent.registry}
    if then and then.isdisjoint(registries):
        return None
    return next((part for part in plan.registries if part.name == intent.registry), None)


def _unseen(intent: Intent, action: Action) -> list[str]:
    """The fields of an update that never read back. A create is seen by its object."""
    if intent.operation != "update":
        return []
    return [field.path for field in intent.changes if field.path in action.unverified]


def _blind(intent: Intent, action: Action, applied: Plan, *, done: bool = True) -> _Verdict | None:
    """What is said of an update with fields that nobody can see, or None where it has none."""
    paths = _unseen(intent, action)
    if not paths:
        return None
    what = "cannot be seen by reading" if done else "had not been done in what can be seen"
    sent = {
        change.path
        for one in applied.actions("update")
        if one.key == action.key and one.registry == action.registry and one.registry not in applied.held
        for change in one.changes
    }
    if sent.issuperset(paths):
        return _Verdict(f"{what}, and is sent again by this plan")
    how = " ".join(f"--resend {path}" for path in paths)
    return _Verdict(f"{what}; {how} sends it again", is_final=False)


def _is_same(intent: Intent, action: Action) -> bool:
    """Whether ``action`` would do what the intent was about, but for what never reads back."""
    if action.digest == intent.digest:
        return True
    unseen = _unseen(intent, action)
    before = [asdict(field) for field in intent.changes if field.path not in unseen]
    after = [asdict(field) for field in Intent.of(action).changes if field.path not in unseen]
    return bool(unseen and before) and _ordered(before) == _ordered(after)


def _ordered(fields: list[dict[str, Any]]) -> list[str]:
    return sorted(map(canonical, fields))


def _notes(run: Run, verdicts: dict[_Verdict, list[str]]) -> Iterator[str]:
    unproven: Status = "unproven"
    count, open_ = run.count(_ANSWERED) - len(verdicts.get(_TAKEN_BACK, ())), len(run.open)
    doubted = f", {run.count(unproven)} unproven" if run.count(unproven) else ""
    whose = f"run {run.id} of {run.begin.at} by {run.begin.actor.name} on {run.begin.actor.host}"
    left = f"{open_} without a result" if open_ else "nothing open"
    yield f"{whose} did not end: {count} done{doubted}, {left}"
    for verdict, names in verdicts.items():
        shown = ", ".join(names[:_NAMES_SHOWN])
        rest = len(names) - _NAMES_SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        how = " (found out by reading the registry now)" if verdict.is_final else ""
        yield f"run {run.id}: what it was about to do {verdict.text}{how}: {shown}{more}"
