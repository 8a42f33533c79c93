"""What the journal knows of the last apply of an object: when, from which commit, which values were sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.errors import JournalError
from reconciler.journal.reading import Key, Run
from reconciler.journal.records import Field, Written


@dataclass(frozen=True, slots=True)
class Moment:
    """A time at which an object was as declared: by a run of the journal, by a commit, or by both."""

    run: str | None = None
    at: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The value that a run sent for a field, and that was read back."""

    moment: Moment
    field: Field


@dataclass(frozen=True, slots=True)
class Applied:
    """What is known of one object.

    ``there`` is the newest time at which a run made or changed it, ``of_commit`` the newest one at which it
    was as a commit declares it, if it was declared there. ``sent`` are values by the paths of their fields,
    none older than ``of_commit``. ``doubt`` says why nothing can be said: a newer run may have written.
    """

    there: Moment | None = None
    of_commit: Moment | None = None
    sent: Mapping[str, Sent] = field(default_factory=dict)
    doubt: str | None = None


def last_applied(
    runs: Iterable[Run | JournalError], registries: Collection[Written], keys: Collection[Key]
) -> dict[Key, Applied]:
    """What ``runs``, the newest first, know of the objects with ``keys``; no more are read than needed.

    Only what was written to ``registries`` as they are now counts: another address is another system. A run
    that cannot be read may have written anything, so nothing before it counts.
    """
    found = {key: Applied() for key in keys}
    open_ = set(found)
    for run in runs if open_ else ():
        if isinstance(run, JournalError):
            found |= {key: _doubted(found[key], run.message) for key in open_}
            break
        same = {one.name for one in run.begin.registries if one in registries}
        for key in [key for key in open_ if key[0] in same]:
            found[key], goes_on = _with(found[key], key, run)
            if not goes_on:
                open_.remove(key)
        if not open_:
            break
    return found


def _doubted(known: Applied, why: str) -> Applied:
    """``known``, in doubt unless something newer is known."""
    return replace(known, doubt=None if known.there else why)


def _with(known: Applied, key: Key, run: Run) -> tuple[Applied, bool]:
    """``known`` with what one older run adds, and whether still older ones may add something."""
    begin, result, intent = run.begin, run.results.get(key), run.intents.get(key)
    moment = Moment(run.id, begin.at, None if begin.dirty in (True, None) else begin.commit)
    status = None if result is None else result.status
    if intent is not None and status in (None, "unproven"):
        why = "did not end" if status is None else "left it unproven"
        text = f"run {run.id} of {begin.at} may have written it, and {why}"
        return _doubted(known, text), False
    done = intent is not None and status == "done"
    if done and intent is not None:
        sent = {change.path: Sent(moment, change) for change in intent.changes}
        known = replace(known, there=known.there or moment, sent={**sent, **known.sent})
    if moment.commit is not None and (done or _was_as_declared(run, key)):
        return replace(known, of_commit=moment), False
    return known, True


def _was_as_declared(run: Run, key: Key) -> bool:
    """Whether a read after the run, or before it where it wrote nothing there, showed nothing to do."""
    proof = next((proof for proof in run.proofs if proof.registry == key[0]), None)
    if not run.begin.whole or proof is None or not proof.is_known:
        return False
    return all((proof.registry, left.key) != key for left in proof.left)
