"""`reconciler apply`: plan, show, ask, execute."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import paint, say, write
from reconciler.cli.progress import Progress, working
from reconciler.cli.run import (
    Project,
    choose_registries,
    connections,
    load,
    observe,
    set_up_logging,
)
from reconciler.errors import ReconcilerError, RegistryError, UsageError
from reconciler.executor import Stop, Target, execute
from reconciler.outcome import ActionResult, Outcome, apply_exit_code
from reconciler.plan import Plan
from reconciler.planner import Selection, make_plan
from reconciler.registries.interface import Connection, Observation
from reconciler.report.documents import apply_document, render
from reconciler.report.text import outcome_text, plan_text, totals
from reconciler.secrets import SecretStore


class Declined(ReconcilerError):
    """The question was answered with anything but yes."""

    code = "declined"


@click.command()
@options.common
@options.selection
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
def command(
    config_path: Path,
    output: str,
    verbose: int,
    registries: tuple[str, ...],
    only: tuple[str, ...],
    without: tuple[str, ...],
    yes: bool,
) -> int:
    """Make only the calls that are needed. Shows the plan that it executes, and asks first."""
    set_up_logging(verbose)
    project = load(config_path)
    selection = Selection(only, without)
    selection.check(project.manifests)
    reached = connections(project, choose_registries(project, registries))
    with working(f"reading {len(reached)} registries"):
        observed = asyncio.run(observe(project, reached))
    plan = make_plan(
        project.config, project.desired, observed, selection=selection, acknowledged=project.acknowledged
    )
    text = output == "text"
    if text:
        write(plan_text(plan, verbose=verbose > 0, paint=paint(sys.stdout)))
        sys.stdout.flush()
    todo = len(plan.actions("create", "update"))
    if todo and not yes:
        _ask(plan, shown=text)
    outcome = asyncio.run(_execute(project, plan, reached, observed))
    code = apply_exit_code(plan, outcome)
    if not text:
        write(render(apply_document(plan, outcome, code)))
    elif todo or plan.failed:
        write("\n" + outcome_text(outcome, paint=paint(sys.stdout)))
    return int(code)


def _ask(plan: Plan, *, shown: bool) -> None:
    """Raises UsageError where nobody can be asked, Declined for any answer but yes."""
    if not sys.stdin.isatty():
        raise UsageError("apply asks before it writes, and there is no terminal to ask on", hint="give --yes")
    if not shown:
        say(plan_text(plan))
    say(f"\n{totals(plan)} Nothing is ever deleted.")
    say("Apply? Only 'yes' is taken for a yes: ", newline=False)
    if sys.stdin.readline().strip() != "yes":
        raise Declined("not applied; nothing was written")


async def _execute(
    project: Project,
    plan: Plan,
    reached: dict[str, Connection],
    observed: dict[str, Observation | RegistryError],
) -> Outcome:
    from reconciler.connect import kind_of

    targets = {
        name: Target(kind_of(project.config, name), connection, found)
        for name, connection in reached.items()
        if isinstance(found := observed[name], Observation)
    }
    stop = Stop()
    total = sum(bool(action.requests) for action in plan.actions())
    with Progress("applying", total) as progress, _signals(stop):

        def finished(result: ActionResult) -> None:
            progress.advance(failed=result.status != "done")

        store = SecretStore(project.config.secret_rules())
        return await execute(plan, targets, store, stop=stop, on_result=finished)


class _signals:  # noqa: N801 - reads as a verb where it is used
    """The first SIGINT or SIGTERM lets the calls in flight finish; the second one ends the run."""

    def __init__(self, stop: Stop) -> None:
        self.stop = stop
        self.task = asyncio.current_task()

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._received)

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    def _received(self) -> None:
        if self.stop.requested and self.task is not None:
            self.task.cancel()
            return
        self.stop.requested = True
        say("interrupted: finishing the calls in flight, starting no new one (again to stop at once)")
