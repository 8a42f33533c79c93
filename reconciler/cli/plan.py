"""`reconciler plan`: what would change. Gets read-only connections; there is nothing here that writes."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.console import OutputError, paint, shown_path, write
from reconciler.cli.loading import Project, load
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.cli.past import with_past
from reconciler.cli.reports import Reports
from reconciler.cli.run import Asked, read_and_plan
from reconciler.cli.sharded import own_part, split_for
from reconciler.costs.quantities import BY_NAME, FLAG
from reconciler.errors import ExitCode, UsageError
from reconciler.outcome import plan_exit_code
from reconciler.plan import Plan
from reconciler.planner import Selection
from reconciler.stages import stage

if TYPE_CHECKING:
    from reconciler.costs.count import Costs
    from reconciler.costs.usage import UsageFile
    from reconciler.report.findings import Finding
    from reconciler.sharding import Shard

_EPILOG = f"""\b
Columns of a file of usage:
  model       the manifest's name
  month       2026-10, or a day of it; rows of one month are summed
  registry    may be left out: the usage then counts for each registry
  and any of  {", ".join(list(BY_NAME)[:3])},
{textwrap.fill(", ".join(list(BY_NAME)[3:]), 76, initial_indent=" " * 14, subsequent_indent=" " * 14)}
Each counts what is billed at its own price: input_tokens are those billed at
the input price; those that came from the cache are cache_read_tokens alone."""


class _Command(click.Command):
    """Tells two options apart whose names are alike: one takes a file, the other tells of deployments."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            files = [word for word in given if word.lower().endswith(".csv")]
            if isinstance(error, click.BadOptionUsage) and error.option_name == "--usage":
                text = "--usage needs a CSV file; --usages, which tells who uses the models, takes none"
                raise click.UsageError(text, ctx) from None
            if "--usages" in given and files and "unexpected extra argument" in error.message:
                text = f"--usages tells who uses the models, and takes no file: --usage {files[0]}"
                raise click.UsageError(text, ctx) from None
            raise


@click.command(cls=_Command, epilog=_EPILOG)
@options.common
@options.no_cache
@options.selection
@options.since
@options.resend
@options.shard
@options.run
@click.option(
    "--usages", is_flag=True, help="Also tell who uses the models that do not change, where that is known."
)
@click.option(
    "--usage",
    "usage_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="Also count what each change of a price would have cost at the usage in this file.",
)
@click.option(
    FLAG,
    "usage_columns",
    multiple=True,
    metavar="NAME=COLUMN",
    help="What the file calls one of the columns below; may be repeated.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 2 where there are changes.")
@options.report("plan")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the plan, as JSON, to this file.",
)
def command(
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
    usages: bool,
    usage_path: Path | None,
    usage_columns: tuple[str, ...],
    exit_code: bool,
    reports: Reports,
    out: Path | None,
) -> int:
    """Show what would change in each registry. Nothing is written anywhere."""
    set_up_logging(level_of(verbose))
    selection = Selection(only, without)
    asked = Asked(registries, selection, resend, all_usages=usages, since=since)
    columns = _columns(usage_columns, usage_path)
    with reports.of_mistakes():
        project = load(config_path)
    # Before any registry is asked: a mistake in the file is found at once.
    usage = _usage(project, usage_path, columns) if usage_path is not None else None
    import asyncio

    project = split_for(project, asked, None, shard)
    planned = own_part(read_and_plan(project, asked, run=asyncio.run), None, run)
    plan = with_past(planned).planned.plan
    code = plan_exit_code(plan, changes_count=exit_code)
    with stage("report"):
        reports.write(lambda: _findings(plan))
        costs = _costs(plan, usage, project) if usage is not None else None
        if out is not None:
            # Without what the journal says now: it is told anew when the plan is applied.
            _save(_document(planned.plan, code, costs), out)
        if output == "json":
            write(_document(plan, code, costs))
        elif output == "markdown":
            from reconciler.report.markdown import COMMENT, plan_markdown

            artefact = None if out is None else out.name
            command = asked.command(config_path, shard=shard)
            write(plan_markdown(plan, costs, limit=COMMENT, artefact=artefact, command=command))
        else:
            write(_text(plan, costs, verbose=verbose > 0))
    return int(code)


def _columns(given: Sequence[str], usage_path: Path | None) -> Mapping[str, str]:
    if not given:
        return {}
    from reconciler.costs.usage import columns_of

    columns = columns_of(given)
    if usage_path is None:
        raise UsageError(
            f"{FLAG} says how to read a file of usage, and there is none", hint="give --usage CSV"
        )
    return columns


def _findings(plan: Plan) -> list[Finding]:
    from reconciler.report.findings import of_plan

    return of_plan(plan)


def _document(plan: Plan, code: ExitCode, costs: Costs | None) -> str:
    from reconciler.report.documents import plan_document, render

    return render(plan_document(plan, code, costs))


def _text(plan: Plan, costs: Costs | None, *, verbose: bool) -> str:
    from reconciler.report.text import plan_text

    text = plan_text(plan, verbose=verbose, paint=paint(sys.stdout))
    if costs is None:
        return text
    from reconciler.report.costs import costs_text

    return f"{text}\n\n{costs_text(costs, paint=paint(sys.stdout))}"


def _costs(plan: Plan, usage: UsageFile, project: Project) -> Costs:
    from reconciler.costs.count import count_costs

    return count_costs(plan, usage, _held(project))


def _usage(project: Project, path: Path, columns: Mapping[str, str]) -> UsageFile:
    from reconciler.costs.usage import read_usage

    return read_usage(path, shown_path(path), columns=columns, registries=project.config.value.registries)


def _held(project: Project) -> dict[str, Collection[str]]:
    """The registries of every manifest of a model."""
    return {each.name: each.registries for each in project.manifests if each.resource == "Model"}


def _save(document: str, path: Path) -> None:
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise OutputError(str(path), error) from None
