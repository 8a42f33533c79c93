"""`reconciler plan`: what would change. Gets read-only connections; there is nothing here that writes."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from collections.abc import Collection, Mapping
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import OutputError, paint, shown_path, write
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.cli.past import with_past
from reconciler.cli.reports import Reports
from reconciler.cli.run import Asked, Project, load, read_and_plan
from reconciler.cli.sharded import own_part, split_for
from reconciler.costs.count import count_costs
from reconciler.costs.quantities import BY_NAME
from reconciler.costs.usage import FLAG, UsageFile, columns_of, read_usage
from reconciler.errors import UsageError
from reconciler.outcome import plan_exit_code
from reconciler.planner import Selection
from reconciler.report.costs import costs_text
from reconciler.report.documents import plan_document, render
from reconciler.report.findings import of_plan
from reconciler.report.markdown import COMMENT, plan_markdown
from reconciler.report.text import plan_text
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
@options.selection
@options.resend
@options.shard
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
    resend: tuple[str, ...],
    shard: Shard | None,
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
    asked = Asked(registries, selection, resend, all_usages=usages)
    columns = columns_of(usage_columns)
    if columns and usage_path is None:
        raise UsageError(
            f"{FLAG} says how to read a file of usage, and there is none", hint="give --usage CSV"
        )
    with reports.of_mistakes():
        project = load(config_path)
    # Before any registry is asked: a mistake in the file is found at once.
    usage = _usage(project, usage_path, columns) if usage_path is not None else None
    project = split_for(project, asked, None, shard)
    planned = own_part(read_and_plan(project, asked, run=asyncio.run), None)
    plan = with_past(planned).planned.plan
    code = plan_exit_code(plan, changes_count=exit_code)
    reports.write(lambda: of_plan(plan))
    costs = count_costs(plan, usage, _held(project)) if usage is not None else None
    if out is not None:
        # Without what the journal says now: it is told anew when the plan is applied.
        _save(render(plan_document(planned.plan, code, costs)), out)
    if output == "json":
        write(render(plan_document(plan, code, costs)))
        return int(code)
    if output == "markdown":
        artefact = None if out is None else out.name
        command = asked.command(config_path, shard=shard)
        write(plan_markdown(plan, costs, limit=COMMENT, artefact=artefact, command=command))
        return int(code)
    text = plan_text(plan, verbose=verbose > 0, paint=paint(sys.stdout))
    write(text if costs is None else f"{text}\n\n{costs_text(costs, paint=paint(sys.stdout))}")
    return int(code)


def _usage(project: Project, path: Path, columns: Mapping[str, str]) -> UsageFile:
    return read_usage(path, shown_path(path), columns=columns, registries=project.config.value.registries)


def _held(project: Project) -> dict[str, Collection[str]]:
    """The registries of every manifest of a model."""
    return {each.name: each.registries for each in project.manifests if each.resource == "Model"}


def _save(document: str, path: Path) -> None:
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise OutputError(str(path), error) from None
