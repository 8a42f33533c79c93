"""`reconciler apply`: plan, show, ask, execute."""

from __future__ import annotations

import asyncio
import gc
import re
import signal
import sys
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.cli import forge as forges
from reconciler.cli import options
from reconciler.cli.applying import Recorded, proofs_of, recorded
from reconciler.cli.console import Interrupted, StdoutError, paint, say, shown_path, write
from reconciler.cli.loading import Project, load
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.cli.past import with_past
from reconciler.cli.reports import Reports
from reconciler.cli.run import Asked, Planned, read_and_plan, show_command
from reconciler.cli.saved import delta_now, read_for
from reconciler.cli.sharded import check_whole, own_part, split_for
from reconciler.delta import Delta
from reconciler.errors import ExitCode, ReconcilerError, UsageError
from reconciler.executor import Executed, Stop, Target, execute
from reconciler.outcome import Outcome, apply_exit_code, not_expected
from reconciler.plan import Plan
from reconciler.planfile import hold_against, load_plan
from reconciler.planner import Selection
from reconciler.registries.interface import Connection, Observation
from reconciler.report.delta import delta_text
from reconciler.report.documents import apply_document, render
from reconciler.report.markdown import COMMENT, outcome_markdown
from reconciler.report.proof import proof_text
from reconciler.report.text import outcome_text, plan_text, totals
from reconciler.secrets import SecretStore
from reconciler.sharding import Shard
from reconciler.stages import stage, staged

if TYPE_CHECKING:
    from reconciler.cli.approved import ApprovedRun


T = TypeVar("T")


class Declined(ReconcilerError):
    """The question was answered with anything but yes."""

    code = "declined"


@click.command()
@click.argument("plan_file", required=False, type=click.Path(path_type=Path), metavar="[PLAN_FILE]")
@options.common
@options.no_cache
@options.selection
@options.since
@options.resend
@options.shard
@options.run
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@click.option(
    "--expect",
    metavar="DIGEST",
    help="Go on only if the plan has this digest, as `plan` printed it; else exit with 5.",
)
@click.option(
    "--skip-stale", is_flag=True, help="Where something has moved since the plan, apply what still holds."
)
@click.option(
    "--approved",
    is_flag=True,
    help="For the push that merged a request: apply exactly what its review showed; never asks.",
)
@click.option("--branch", metavar="NAME", help="The branch of the push, with --approved; found in CI.")
@forges.options
@options.report("apply", "junit")
def command(
    plan_file: Path | None,
    config_path: Path,
    output: str,
    verbose: int,
    registries: tuple[str, ...],
    only: tuple[str, ...],
    without: tuple[str, ...],
    since: str | None,
    resend: tuple[str, ...],
    shard: Shard | None,
    run: str | None,
    yes: bool,
    expect: str | None,
    skip_stale: bool,
    approved: bool,
    branch: str | None,
    reports: Reports,
    **forge: str | None,
) -> int:
    """Make only the calls that are needed. Shows the plan that it executes, and asks first.

    PLAN_FILE is a plan that `plan --out` wrote: exactly it is executed, or, where something that it rests on
    has moved, nothing.

    With --approved, what is done is what `reconciler review` showed of the request that the push has merged.
    Where any of it has moved, nothing is done; what nobody has reviewed is left out.
    """
    set_up_logging(level_of(verbose))
    asked_for = Asked(registries, Selection(only, without), resend, since=since)
    saved = _saved(plan_file, asked_for)
    _check_expected(expect)
    chosen = asked_for != Asked((), Selection()) or any(one is not None for one in (plan_file, expect, shard))
    push = _push(config_path, {"branch": branch, **forge}, approved=approved, chosen=chosen)
    with reports.of_mistakes():
        project = split_for(load(config_path), asked_for, saved, shard)
    text = output == "text"
    signals = _Signals()
    # One loop reads and writes, so that both keep one pace. It stands still while the question is asked.
    with push as review, recorded(project.config, shard) as record, asyncio.Runner() as runner:
        planned = own_part(_planned(project, saved, asked_for, plan_file, runner), saved, run)
        past = with_past(planned, applying=True)
        planned = past.planned if review is None else review.restrict(past.planned)
        plan = planned.plan
        if text:
            _show(plan, verbose=verbose > 0)
        changes = plan.actions("create", "update")
        moved = None
        if expect is not None and _is_another(plan, expect):
            executed = Executed(not_expected(plan, expect))
        elif review is not None and review.stale:
            outcome, moved = review.stopped()
            executed = Executed(outcome)
        else:
            closed = {*plan.held, *(part.name for part in plan.registries if part.failure is not None)}
            asked = not (yes or review) and any(action.registry not in closed for action in changes)
            if asked:
                _ask(plan, shown=text and sys.stdout.isatty())
            record.begin(planned, past.settles)
            executed, moved = _execute(runner, planned, signals, record, asked=asked, skip_stale=skip_stale)
        outcome, proofs = executed.outcome, proofs_of(planned, executed)
        code = apply_exit_code(plan, outcome, proofs, signal=signals.received)
        code = _recorded(record.end(outcome, proofs, code), outcome, code)
        if review is not None:
            review.tell(plan, outcome, moved, code, proofs)
    with stage("report"):
        code = reports.write_outcome(plan, outcome, code)
        if output == "json":
            document = apply_document(plan, outcome, code, moved, proofs=proofs, run=record.known_as)
            return _report(render(document), outcome, code)
        if output == "markdown":
            file = {} if plan_file is None else {"artefact": plan_file.name}
            again = show_command(plan_file) if plan_file else asked_for.command(config_path, shard=shard)
            told = outcome_markdown(plan, outcome, moved, proofs=proofs, limit=COMMENT, command=again, **file)
            return _report(told, outcome, code)
        if changes or plan.failed or outcome.unexpected is not None:
            colours = paint(sys.stdout)
            told = "" if moved is None else f"\n{delta_text(moved, paint=colours)}\n"
            done = outcome_text(plan, outcome, verbose=verbose > 0, paint=colours)
            shown = "\n".join(filter(None, [done, proof_text(proofs, shard=bool(shard), paint=colours)]))
            return _report(f"{told}\n{shown}", outcome, code)
        return int(code)


@staged("report")
def _show(plan: Plan, *, verbose: bool) -> None:
    write(plan_text(plan, verbose=verbose, paint=paint(sys.stdout)))


def _push(
    config_path: Path, given: Mapping[str, str | None], *, approved: bool, chosen: bool
) -> AbstractContextManager[ApprovedRun | None]:
    """The run for a push, where one was asked for. ``chosen``: something else says what to do.

    Raises UsageError for options that do not go together.
    """
    if approved and chosen:
        raise UsageError("--approved: the review says what to do; nothing can be chosen from it")
    if not approved:
        if any(given.values()):
            raise UsageError("--branch, --forge and what belongs to it are for --approved")
        return nullcontext()
    from reconciler.cli.approved import approved_push

    return approved_push(config_path, given)


def _is_another(plan: Plan, digest: str) -> bool:
    """Whether the plan, or the one that it is a part of, is not the one with that digest.

    A shard with nothing to do has seen none.
    """
    if plan.shard is None:
        return plan.digest != digest
    return bool(plan.shard.portions) and plan.shard.digest != digest


def _recorded(failure: ReconcilerError | None, outcome: Outcome, code: ExitCode) -> ExitCode:
    """The exit code of a run whose end the journal may have failed to take."""
    if failure is None:
        return code
    say(f"error: {failure.message}; what this run did is in this report alone")
    return ExitCode.PARTIAL if outcome.written else code


def _saved(plan_file: Path | None, asked: Asked) -> Plan | None:
    """The plan in the file.

    Raises PlanFileError, and UsageError where the command line asks for something besides.
    """
    if plan_file is None:
        return None
    if asked != Asked((), Selection()):
        hint = "choose when you plan, or leave out the file"
        raise UsageError("a plan file says itself what to do; nothing can be chosen from it", hint=hint)
    plan = load_plan(plan_file, shown_path(plan_file))
    check_whole(plan, shown_path(plan_file))
    return plan


def _check_expected(digest: str | None) -> None:
    if digest is not None and not re.fullmatch("[0-9a-f]{64}", digest):
        raise UsageError("--expect: a digest is 64 hexadecimal digits, as `plan` prints it")


def _planned(
    project: Project, saved: Plan | None, asked: Asked, plan_file: Path | None, runner: asyncio.Runner
) -> Planned:
    """A new plan, or the saved one with what its registries hold now."""
    if saved is None:
        return read_and_plan(project, asked, run=runner.run)
    hold_against(saved, project.config, shown_path(plan_file or Path()))
    return read_for(project, saved, run=runner.run)


async def _delta(planned: Planned, outcome: Outcome, signals: _Signals) -> Delta | None:
    """What a new plan says of the one that was executed, where something had moved; else None.

    It is a help for the reader. Nothing that goes wrong with it takes away the report of what was done.
    """
    if not outcome.count("stale") or outcome.interrupted:
        return None
    try:
        return await signals.unless_one_comes(delta_now(planned))
    except ReconcilerError as error:
        say(f"what has moved cannot be told: {error.message}")
        return None


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
        name: Target(kind_of(planned.project.config, name), connection, None if asked else found, found.names)
        for name, connection in planned.reached.items()
        if isinstance(connection, Connection) and isinstance(found := planned.observed[name], Observation)
    }


def _execute(
    runner: asyncio.Runner,
    planned: Planned,
    signals: _Signals,
    record: Recorded,
    *,
    asked: bool,
    skip_stale: bool,
) -> tuple[Executed, Delta | None]:
    plan = planned.plan

    async def apply() -> Executed:
        store = SecretStore(planned.project.config.secret_rules())
        targets = _targets(planned, asked=asked)
        with stage("apply"):
            return await execute(
                plan,
                targets,
                store,
                stop=signals.stop,
                skip_stale=skip_stale,
                record=record.journal,
                whole=planned.whole,
            )

    async def run() -> tuple[Executed, Delta | None]:
        with signals, _settled_memory():
            executed = await apply()
            return executed, await _delta(planned, executed.outcome, signals)

    try:
        return runner.run(run())
    except asyncio.CancelledError:  # the second signal, while everything was still being read
        raise Interrupted(signals.received) from None


@contextmanager
def _settled_memory() -> Iterator[None]:
    """Keeps the garbage collector from looking again and again through all that the plan is made of."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Signals:
    """The first SIGINT or SIGTERM lets the calls in flight finish; the second one ends the run.

    After that, only the report is left to write, and further signals are ignored: they would lose it.
    """

    def __init__(self) -> None:
        self.stop = Stop()
        self.signalled = False
        self.received = ExitCode.SIGINT
        self.aside: asyncio.Future[Any] | None = None

    def __enter__(self) -> None:
        loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        loop.add_signal_handler(signal.SIGINT, self._receive, ExitCode.SIGINT)
        loop.add_signal_handler(signal.SIGTERM, self._receive, ExitCode.SIGTERM)

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    async def unless_one_comes(self, reading: Coroutine[Any, Any, T]) -> T | None:
        """What ``reading`` gives, after everything is done; None where a signal comes first, or came."""
        self.aside = asyncio.ensure_future(reading)
        if self.signalled:
            self.aside.cancel()
        try:
            return await self.aside  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            return None

    def _receive(self, code: ExitCode) -> None:
        if self.aside is not None:
            if self.aside.cancel():
                say("interrupted: not reading what has moved; the report follows")
        elif not self.signalled:
            self.signalled = self.stop.requested = True
            self.received = code
            say("interrupted: finishing the calls in flight, starting no new one (again to stop at once)")
        elif self.task is not None:
            self.task.cancel()
            self.task = None
