"""`reconciler apply`: plan, show, ask, execute."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.applying import Recorded, proofs_of, recorded
from reconciler.cli.console import Interrupted, StdoutError, paint, say, write
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.cli.past import with_past
from reconciler.cli.progress import Progress
from reconciler.cli.run import Asked, Planned, load, read_and_plan
from reconciler.errors import ExitCode, ReconcilerError, UsageError
from reconciler.executor import Executed, Stop, Target, execute
from reconciler.outcome import ActionResult, Outcome, apply_exit_code
from reconciler.plan import Plan
from reconciler.planner import Selection
from reconciler.registries.interface import Connection, Observation
from reconciler.report.documents import apply_document, render
from reconciler.report.proof import proof_text
from reconciler.report.text import outcome_text, plan_text, totals
from reconciler.secrets import SecretStore


class Declined(ReconcilerError):
    """The question was answered with anything but yes."""

    code = "declined"


@click.command()
@options.common
@options.selection
@options.resend
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
def command(
    config_path: Path,
    output: str,
    verbose: int,
    registries: tuple[str, ...],
    only: tuple[str, ...],
    without: tuple[str, ...],
    resend: tuple[str, ...],
    yes: bool,
) -> int:
    """Make only the calls that are needed. Shows the plan that it executes, and asks first."""
    set_up_logging(level_of(verbose))
    project = load(config_path)
    text = output == "text"
    signals = _Signals()
    # One loop reads and writes, so that both keep one pace. It stands still while the question is asked.
    with recorded(project.config) as record, asyncio.Runner() as runner:
        asked_for = Asked(registries, Selection(only, without), resend)
        past = with_past(read_and_plan(project, asked_for, run=runner.run), asked_for, applying=True)
        planned = past.planned
        plan = planned.plan
        if text:
            write(plan_text(plan, verbose=verbose > 0, paint=paint(sys.stdout)))
        todo = bool(plan.actions("create", "update"))
        asked = todo and not yes
        if asked:
            _ask(plan, shown=text and sys.stdout.isatty())
        record.begin(planned, past.settles)
        executed = _execute(runner, planned, signals, record, asked=asked)
        outcome, proofs = executed.outcome, proofs_of(planned, asked_for, executed)
        code = apply_exit_code(plan, outcome, proofs, signal=signals.received)
        unrecorded = record.end(outcome, proofs, code)
    if unrecorded is not None:
        say(f"error: {unrecorded.message}; what this run did is in this report alone")
        code = ExitCode.PARTIAL if outcome.written else code
    run = record.run if record.journal is not None else None
    if not text:
        document = apply_document(plan, outcome, code, proofs=proofs, run=run)
        return _report(render(document), outcome, code)
    if todo or plan.failed:
        colours = paint(sys.stdout)
        done = outcome_text(plan, outcome, verbose=verbose > 0, paint=colours)
        parts = [done, proof_text(proofs, paint=colours)]
        return _report("\n".join(["", *filter(None, parts)]), outcome, code)
    return int(code)


def _ask(plan: Plan, *, shown: bool) -> None:
    """Raises UsageError where nobody can be asked, Declined for any answer but yes."""
    if not sys.stdin.isatty():
        raise UsageError("apply asks before it writes, and there is no terminal to ask on", hint="give --yes")
    if not shown:
        say(plan_text(plan, paint=paint(sys.stderr)))
    say(f"\n{totals(plan)} Nothing is ever deleted.")
    say("Type yes to apply: ", newline=False)
    if _answer() != "yes":
        raise Declined("not applied; nothing was written")


def _answer() -> str:
    try:
        return sys.stdin.readline().strip()
    except KeyboardInterrupt:
        say("")  # so that what is said next does not stand behind the question
        raise


def _report(text: str, outcome: Outcome, code: ExitCode) -> int:
    """The last words of a run. Where they cannot be written, what was written before is not forgotten."""
    try:
        write(text)
    except StdoutError as error:
        known = "plan again to see what was done" if outcome.written else "nothing was written"
        say(f"error: {error.message}; {known}")
        return int(code or (ExitCode.PARTIAL if outcome.written else ExitCode.ERROR))
    return int(code)


def _targets(planned: Planned, *, asked: bool) -> dict[str, Target]:
    """Where the plan is executed. What was read before a question is not relied on after it: people
    take their time to answer, and others do not wait for them."""
    from reconciler.connect import kind_of

    return {
        name: Target(kind_of(planned.project.config, name), connection, None if asked else found)
        for name, connection in planned.reached.items()
        if isinstance(connection, Connection) and isinstance(found := planned.observed[name], Observation)
    }


def _execute(
    runner: asyncio.Runner, planned: Planned, signals: _Signals, record: Recorded, *, asked: bool
) -> Executed:
    plan = planned.plan

    async def run() -> Executed:
        total = sum(bool(action.requests) for action in plan.actions())
        with Progress("applying", total) as progress, signals:

            def finished(result: ActionResult) -> None:
                progress.advance(failed=result.status != "done")

            store = SecretStore(planned.project.config.secret_rules())
            targets = _targets(planned, asked=asked)
            return await execute(
                plan, targets, store, stop=signals.stop, on_result=finished, record=record.journal
            )

    try:
        return runner.run(run())
    except asyncio.CancelledError:  # the second signal, while everything was still being read
        raise Interrupted(signals.received) from None


class _Signals:
    """The first SIGINT or SIGTERM lets the calls in flight finish; the second one ends the run.

    After that, only the report is left to write, and further signals are ignored: they would lose it.
    """

    def __init__(self) -> None:
        self.stop = Stop()
        self.signalled = False
        self.received = ExitCode.SIGINT

    def __enter__(self) -> None:
        loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        loop.add_signal_handler(signal.SIGINT, self._receive, ExitCode.SIGINT)
        loop.add_signal_handler(signal.SIGTERM, self._receive, ExitCode.SIGTERM)

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    def _receive(self, code: ExitCode) -> None:
        if not self.signalled:
            self.signalled = self.stop.requested = True
            self.received = code
            say("interrupted: finishing the calls in flight, starting no new one (again to stop at once)")
        elif self.task is not None:
            self.task.cancel()
            self.task = None
