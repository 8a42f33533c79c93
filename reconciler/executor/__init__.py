"""Plan -> outcome. Takes a plan, never manifests; the only stage that writes.

Each registry runs on its own. Everything is read, and every secret resolved, before the first write.
A write whose outcome is unknown is looked up before it is tried again. After its writes, each registry
is read once more: what it does not show then is not done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from reconciler.errors import RegistryError
from reconciler.executor.registry import Record, RegistryRun, Stop, Target, Unrecorded
from reconciler.outcome import ActionResult, Outcome, Status, settled
from reconciler.plan import Action, Plan
from reconciler.registries.interface import Observation
from reconciler.secrets import SecretStore
from reconciler.stages import stage

__all__ = ["Executed", "ReadBack", "Record", "Stop", "Target", "execute"]

ReadBack = Observation | RegistryError | None
"""What a registry held after its writes, why that could not be read, or None: cut off by a second signal."""


@dataclass(frozen=True, slots=True)
class Executed:
    """What became of a plan; ``read_back`` is of every registry in which something was written."""

    outcome: Outcome
    read_back: Mapping[str, ReadBack] = field(default_factory=dict)


async def execute(
    plan: Plan,
    targets: Mapping[str, Target],
    secrets: SecretStore,
    *,
    stop: Stop | None = None,
    skip_stale: bool = False,
    on_result: Callable[[ActionResult], None] = lambda _: None,
    record: Record | None = None,
) -> Executed:
    """Does what ``plan`` says, against ``targets`` by registry name.

    Where anything has moved since the plan, nothing is written; with ``skip_stale``, all that still holds.
    The actions of a registry with a failure are skipped; it needs no target, and stops no other registry.
    Nothing is sent before ``record`` holds that it is about to be. Where that fails, calls in flight are
    finished, and nothing else begins.

    Raises SecretError before anything is written.
    """
    stop, record = stop or Stop(), record or Unrecorded()
    held = plan.held
    failures = {part.name: part.failure for part in plan.registries if part.failure is not None}
    runs = [
        RegistryRun(part, targets[part.name], stop, on_result, secrets, record)
        for part in plan.registries
        if part.name not in held
        and part.name not in failures
        and any(action.requests for action in part.actions)
    ]
    async with AsyncExitStack() as stack:
        for run in runs:
            await run.open(stack)
        with stage("read"):
            await asyncio.gather(*(run.read() for run in runs))
        for run in runs:
            run.resolve_secrets()
        checked = [run.check() for run in runs]
        as_planned = skip_stale or all(checked)
        if as_planned:
            await _write(runs, stop)
    results = {key: result for run in runs for key, result in run.results.items()}
    rest: tuple[Status, str] = ("skipped", "interrupted" if stop.failure is None else stop.failure.message)
    if not as_planned:
        rest = ("stale", "not tried, because something else that this plan rests on has changed")

    def result_of(action: Action) -> ActionResult:
        refusal = held.get(action.registry)
        failure = failures.get(action.registry)
        if refusal is None and failure is not None:
            result = settled(action, "skipped", failure.message)
            return replace(result, failure=failure) if result.status == "skipped" else result
        found = results.get((action.registry, action.key))
        return found or settled(action, *(rest if refusal is None else ("refused", refusal.message)))

    every = tuple(result_of(action) for action in plan.actions())
    for result in every:
        if result.status != "unchanged" and (result.registry, result.key) not in results:
            record.result(result)
    read_back = {run.part.name: run.read_back for run in runs if run.has_written}
    return Executed(Outcome(every, stop.interrupted), read_back)


async def _write(runs: Sequence[RegistryRun], stop: Stop) -> None:
    try:
        await asyncio.gather(*(run.run() for run in runs))
    except asyncio.CancelledError:
        if not stop.requested:
            raise
        for run in runs:
            run.abandon()
