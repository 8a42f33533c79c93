"""What comes around the writes of an apply: the lock, the record of it, the proof after them."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from reconciler.cli.console import Interrupted
from reconciler.cli.run import Planned, planned_anew
from reconciler.errors import ExitCode, InternalError, JournalError, ReconcilerError, RegistryError
from reconciler.executor import Executed
from reconciler.journal.actor import actor
from reconciler.journal.lock import only_one
from reconciler.journal.records import Actor, Begin, End, Written
from reconciler.journal.writing import Journal
from reconciler.manifests.config import LoadedConfig
from reconciler.outcome import Outcome, Proof, proof_of
from reconciler.plan import Scope
from reconciler.planner import failure_of
from reconciler.registries.interface import Observation
from reconciler.stages import staged


@staged("proof")
def proofs_of(planned: Planned, executed: Executed) -> tuple[Proof, ...]:
    """What every registry of the run shows now, and what a new plan would do there; nothing where nothing was
    written. Reads nothing: the executor has read each registry after its writes."""
    if not executed.read_back:
        return ()
    observed = {name: _seen(executed, name, found) for name, found in planned.observed.items()}
    again = planned_anew(planned, {name: found for name, found in observed.items() if found is not None})
    parts = {part.name: part for part in again.registries}

    def proofs() -> Iterator[Proof]:
        for part in planned.plan.registries:
            if part.name not in observed:  # it could not be read when the plan was made
                yield Proof(part.name, "before", part.failure)
        for name, found in observed.items():
            if found is None:
                yield Proof(name, "interrupted")
            elif name in executed.read_back and isinstance(found, RegistryError):
                yield Proof(name, "failed", failure_of(found))
            else:
                read: Literal["again", "before"] = "again" if name in executed.read_back else "before"
                yield proof_of(parts[name], read, executed.outcome, planned.plan)

    return (*proofs(), *_left_out(planned))


def _left_out(planned: Planned) -> Iterator[Proof]:
    """The registries that manifests are for, and that a plan of everything says nothing of: they have come
    since it was made."""
    if planned.plan.scope == Scope():
        known = {part.name for part in planned.plan.registries}
        wanted = dict.fromkeys(one.registry for one in planned.project.desired)
        yield from (Proof(name, "left-out") for name in wanted if name not in known)


def _seen(
    executed: Executed, name: str, planned: Observation | RegistryError
) -> Observation | RegistryError | None:
    read_back: Mapping[str, Observation | RegistryError | None] = executed.read_back
    return read_back.get(name, planned)


def new_run() -> str:
    """The id of a run: short enough to type, long enough not to come twice."""
    return secrets.token_hex(4)


@dataclass
class Recorded:
    """An apply that holds the lock of its checkout and is recorded, once there is something to record."""

    run: str
    who: Actor
    journal: Journal | None = None
    settles: tuple[str, ...] = ()

    @property
    def known_as(self) -> str | None:
        """The id of the run in the journal, where it has a record there."""
        return None if self.journal is None else self.run

    @staged("journal")
    def begin(self, planned: Planned, settles: tuple[str, ...]) -> None:
        """Opens the record, where something is to be done, or an earlier run to be settled.

        Raises JournalError: then nothing must be written.
        """
        plan = planned.plan
        if not (
            settles or any(action.requests and action.registry not in plan.held for action in plan.actions())
        ):
            return
        begin = Begin(
            self.run,
            self.who,
            plan.digest,
            tuple(Written(part.name, part.kind, part.target) for part in plan.registries),
            plan.made.commit if plan.made else None,
            plan.made.dirty if plan.made else None,
            whole=not (plan.scope.only or plan.scope.without or plan.scope.since),
        )
        self.settles = settles
        self.journal = Journal.open(planned.project.config.journal, begin)

    @staged("journal")
    def end(self, outcome: Outcome, proofs: Sequence[Proof], code: ExitCode) -> JournalError | None:
        """Writes the last lines. Why they could not be written, where they could not."""
        if self.journal is None:
            return None
        well = code in (ExitCode.OK, ExitCode.REFUSED)
        last = End(int(code), outcome.interrupted, self.settles if well else ())
        try:
            if proofs:
                self.journal.proofs(proofs)
            self.journal.end(last)
        except JournalError as error:
            return error
        return None

    def fail(self, error: ReconcilerError) -> None:
        """The last line of a run that an error ended before anything was written."""
        if self.journal is not None and not isinstance(error, InternalError):
            with contextlib.suppress(JournalError):
                self.journal.end(
                    End(int(error.exit_code), isinstance(error, Interrupted), error=error.message)
                )

    def close(self) -> None:
        if self.journal is not None:
            self.journal.close()


@contextmanager
def recorded(config: LoadedConfig) -> Iterator[Recorded]:
    """Holds the lock of the checkout. Raises LockedError where another apply does."""
    one = Recorded(new_run(), actor(os.environ))
    with only_one(config.folder, one.who, one.run):
        try:
            yield one
        except ReconcilerError as error:
            one.fail(error)
            raise
        finally:
            one.close()
