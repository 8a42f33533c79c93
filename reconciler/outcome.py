"""What became of a plan: one result for each action, and the exit code of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.errors import ExitCode
from reconciler.plan import Failure, Plan

Status = Literal["done", "unchanged", "refused", "failed", "unproven", "skipped", "stale"]


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What happened to one action.

    `done`: written and read back; `unchanged`: nothing to do; `refused`: by the plan; `failed`: not
    written, with the reason; `unproven`: it may have been written, or was accepted and does not read
    back; `skipped`: not tried, with the reason; `stale`: not tried, because something moved since the
    plan. ``remarks`` say what the answer changed besides.
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """Every action's result, in the order of the plan; ``interrupted`` by a signal."""

    results: tuple[ActionResult, ...]
    interrupted: bool = False

    def count(self, status: Status) -> int:
        return sum(result.status == status for result in self.results)

    @property
    def written(self) -> bool:
        return any(result.status in ("done", "unproven") for result in self.results)


def plan_exit_code(plan: Plan, *, changes_count: bool) -> ExitCode:
    """The exit code of a run that only planned. ``changes_count``: `--exit-code` was given."""
    if plan.failed:
        return ExitCode.ERROR
    if plan.actions("refused"):
        return ExitCode.REFUSED
    if changes_count and plan.actions("create", "update"):
        return ExitCode.CHANGES
    return ExitCode.OK


def apply_exit_code(plan: Plan, outcome: Outcome) -> ExitCode:
    """The exit code of a run that applied: the first of 4, 1, 5, 3, 0 that holds."""
    left = any(result.status in ("failed", "unproven", "skipped") for result in outcome.results)
    if outcome.count("unproven") or (outcome.written and (left or plan.failed or outcome.interrupted)):
        return ExitCode.PARTIAL
    if outcome.interrupted:
        return ExitCode.SIGINT
    if left or plan.failed:
        return ExitCode.ERROR
    if outcome.count("stale"):
        return ExitCode.STALE
    return ExitCode.REFUSED if plan.actions("refused") else ExitCode.OK
