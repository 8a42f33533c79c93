"""Plan -> outcome. Takes a plan, never manifests; the only stage that writes.

Each registry runs on its own. Everything is read, and every secret resolved, before the first write.
A write whose outcome is unknown is looked up before it is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from reconciler.executor.registry import RegistryRun, Stop, Target
from reconciler.outcome import ActionResult, Outcome, Status, settled
from reconciler.plan import Action, Plan
from reconciler.secrets import SecretStore

__all__ = ["Stop", "Target", "execute"]


async def execute(
    plan: Plan,
    targets: Mapping[str, Target],
    secrets: SecretStore,
    *,
    stop: Stop | None = None,
    skip_stale: bool = False,
    on_result: Callable[[ActionResult], None] = lambda _: None,
) -> Outcome:
    """Does what ``plan`` says, against ``targets`` by registry name.

    Where anything has moved since the plan, nothing is written; with ``skip_stale``, all that still holds.

    Raises SecretError before anything is written.
    """
    stop = stop or Stop()
    held = plan.held
    runs = [
        RegistryRun(part, targets[part.name], stop, on_result, secrets)
        for part in plan.registries
        if part.name not in held and any(action.requests for action in part.actions)
    ]
    async with AsyncExitStack() as stack:
        for run in runs:
            await run.open(stack)
        await asyncio.gather(*(run.read() for run in runs))
        for run in runs:
            run.resolve_secrets()
        checked = [run.check() for run in runs]
        as_planned = skip_stale or all(checked)
        if as_planned:
            await _write(runs, stop)
    results = {key: result for run in runs for key, result in run.results.items()}
    rest: tuple[Status, str] = ("skipped", "interrupted")
    if not as_planned:
        rest = ("stale", "not tried, because something else that this plan rests on has changed")

    def result_of(action: Action) -> ActionResult:
        refusal = held.get(action.registry)
        found = results.get((action.registry, action.key))
        return found or settled(action, *(rest if refusal is None else ("refused", refusal.message)))

    return Outcome(tuple(result_of(action) for action in plan.actions()), stop.requested)


async def _write(runs: Sequence[RegistryRun], stop: Stop) -> None:
    try:
        await asyncio.gather(*(run.run() for run in runs))
    except asyncio.CancelledError:
        if not stop.requested:
            raise
        for run in runs:
            run.abandon()
