"""What became of a plan: one result for each action, and the exit code of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reconciler.errors import ExitCode
from reconciler.plan import Action, Failure, Operation, Plan, RegistryPlan, Scope, canonical, key_of

Status = Literal["done", "unchanged", "refused", "failed", "unproven", "skipped", "stale"]


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What happened to one action.

    `done`: written and read back; `unchanged`: nothing to do; `refused`: by the plan; `failed`: not
    written, with the reason; `unproven`: it may have been written, or was accepted and does not read
    back; `skipped`: not tried, with the reason; `stale`: not tried, because something moved since the
    plan. ``remarks`` say how a lost answer was made good, and what the answer changed besides.
    """

    registry: str
    resource: str
    name: str
    status: Status
    id: str | None = None
    failure: Failure | None = None
    reason: str | None = None
    remarks: tuple[str, ...] = ()
    request_ids: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The key of its action."""
        return key_of(self.resource, self.name)


def result_of(action: Action, status: Status, **more: Any) -> ActionResult:
    """The result of ``action``; its id, unless ``more`` has another."""
    more.setdefault("id", action.id)
    return ActionResult(action.registry, action.resource, action.name, status, **more)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Every action's result, in the order of the plan; ``interrupted`` by a signal.

    ``unexpected`` says that another plan than this one was expected, so that nothing was tried.
    """

    results: tuple[ActionResult, ...]
    interrupted: bool = False
    unexpected: str | None = None

    def count(self, status: Status) -> int:
        return sum(result.status == status for result in self.results)

    @property
    def written(self) -> bool:
        return any(result.status in ("done", "unproven") for result in self.results)


@dataclass(frozen=True, slots=True)
class Left:
    """What a new plan would still do, or refuse: one action and the fields that it is about.

    ``again`` are those of the fields that this run has just set to what the new plan asks for once more.
    """

    resource: str
    name: str
    operation: Operation
    fields: tuple[str, ...] = ()
    again: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return key_of(self.resource, self.name)


@dataclass(frozen=True, slots=True)
class Proof:
    """What one registry shows after the run, and what a new plan on that would do.

    ``read``: `again` after its writes; `failed`, with ``failure``; `interrupted`, where a second signal
    came first; `before` where nothing was written, so that what was read for the plan still counts;
    `left-out` where the plan is not about it. With the last two and `failed`, what is left is not known.
    ``selected``: the plan was for some of the manifests only.
    """

    registry: str
    read: Literal["again", "before", "failed", "interrupted", "left-out"]
    failure: Failure | None = None
    left: tuple[Left, ...] = ()
    selected: bool = False

    @property
    def is_known(self) -> bool:
        return self.read in ("again", "before") and self.failure is None


def proof_of(part: RegistryPlan, read: Literal["again", "before"], outcome: Outcome, executed: Plan) -> Proof:
    """A registry by its part of a new plan. ``executed`` is the plan that has the ``outcome``."""
    done = {
        result.key for result in outcome.results if (result.registry, result.status) == (part.name, "done")
    }
    tried = {
        action.key: action
        for action in executed.actions()
        if action.registry == part.name and action.key in done
    }

    def left(action: Action) -> Left:
        before = tried[action.key].changes if action.key in tried else ()
        was_set = {(change.path, canonical(change.wire_desired)) for change in before}
        again = (c.path for c in action.changes if (c.path, canonical(c.wire_desired)) in was_set)
        fields = tuple(change.path for change in action.changes)
        return Left(action.resource, action.name, action.operation, fields, tuple(again))

    rest = tuple(left(action) for action in part.actions if action.operation != "none")
    return Proof(part.name, read, part.failure, rest, selected=executed.scope != Scope())


def is_proven(proofs: Sequence[Proof]) -> bool:
    """Whether every registry that was written to shows what was done, so that a new plan does not ask for
    it once more."""
    once_more = any(each.again for proof in proofs for each in proof.left)
    return not once_more and all(proof.is_known or proof.read in ("before", "left-out") for proof in proofs)


def settled(action: Action, status: Status, reason: str) -> ActionResult:
    """The result of an action that nobody tried: ``status``, unless there was nothing to try."""
    if action.operation == "none":
        return result_of(action, "unchanged")
    if action.operation == "refused":
        return result_of(action, "refused", reason=action.refusals[0].message)
    return result_of(action, status, reason=reason)


def not_expected(plan: Plan, digest: str) -> Outcome:
    """The outcome where ``plan`` was made, and the plan with ``digest`` was expected: nothing was tried."""
    found = plan.shard.digest if plan.shard else plan.digest
    reason = f"the digest of this plan is {found}, and {digest} was expected"
    results = tuple(settled(action, "stale", "not the plan that was expected") for action in plan.actions())
    return Outcome(results, unexpected=reason)


def plan_exit_code(plan: Plan, *, changes_count: bool) -> ExitCode:
    """The exit code of a run that only planned. ``changes_count``: `--exit-code` was given."""
    if plan.failed:
        return ExitCode.ERROR
    if plan.actions("refused"):
        return ExitCode.REFUSED
    if changes_count and plan.actions("create", "update"):
        return ExitCode.CHANGES
    return ExitCode.OK


def apply_exit_code(
    plan: Plan, outcome: Outcome, proofs: Sequence[Proof] = (), *, signal: ExitCode = ExitCode.SIGINT
) -> ExitCode:
    """The exit code of a run that applied: the first of 4, 1, 5, 3, 0 that holds.

    What was done and could not be proven by one more read counts as unproven. ``signal`` is the code of
    the signal that interrupted it before any write, where one did.
    """
    left = any(result.status in ("failed", "unproven", "skipped") for result in outcome.results)
    stale = outcome.count("stale") > 0
    if outcome.count("unproven") or (
        outcome.written and (left or stale or plan.failed or outcome.interrupted or not is_proven(proofs))
    ):
        return ExitCode.PARTIAL
    if outcome.interrupted:
        return signal
    if left or plan.failed:
        return ExitCode.ERROR
    if stale or outcome.unexpected is not None:
        return ExitCode.STALE
    refused = plan.actions("refused") or outcome.count("refused")
    return ExitCode.REFUSED if refused else ExitCode.OK
