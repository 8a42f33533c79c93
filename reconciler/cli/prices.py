"""`reconciler prices`: declared prices beside public ones. No network, no registry."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import paint, write
from reconciler.cli.reports import Reports

day = click.option(
    "--date",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Take the prices of this day (UTC). Default: the day of the catalogue's release.",
)


class _Group(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name not in self.commands and not name.startswith("-"):
            from reconciler.manifests.problems import did_you_mean

            hint = did_you_mean(name, self.commands) or f"known: {', '.join(self.commands)}"
            raise click.UsageError(f"no command '{name}'; {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Group, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Compare declared prices with public ones.

    They are those of the package genai-prices, as it is installed: nothing is downloaded. It comes with
    pip install 'model-reconciler[prices]'.
    """
    if context.invoked_subcommand is None:
        write(context.get_help())


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@options.config
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="json: one document on stdout, in every ending; github: annotations of a workflow.",
)
@day
@click.option("--exit-code", is_flag=True, help="Exit with 2 where a price differs.")
@options.report("prices check")
def check(
    names: tuple[str, ...],
    config_path: Path,
    output: str,
    day: datetime | None,
    exit_code: bool,
    reports: Reports,
) -> int:
    """Compare what the manifests declare with the catalogue of public prices.

    NAME is a manifest's name, a glob or label=value; all manifests if left out. Which entry is meant, a
    mark-up and a tolerance stand in `pricing.compare` of a manifest.
    """
    from reconciler.cli.loading import load
    from reconciler.planner import Selection
    from reconciler.prices import check as checking
    from reconciler.prices.catalogue import load_catalogue
    from reconciler.report import prices as report
    from reconciler.report.annotations import github
    from reconciler.report.documents import render

    with reports.of_mistakes():
        project = load(config_path)
        selection = Selection(names)
        selection.check(project.manifests)
        catalogue = load_catalogue(day.date() if day else None)
        chosen = [each for each in project.manifests if selection.takes(each)]
        found = checking.check_prices(catalogue, chosen)
    reports.write(lambda: report.check_findings(found))
    code = checking.exit_code(found, differences_count=exit_code)
    if output == "json":
        write(render(report.check_document(found, code)))
    elif output == "github":
        annotations = github(report.check_findings(found))
        if annotations:
            write(annotations)
    else:
        write(report.check_text(found, paint=paint(sys.stdout)))
    return int(code)


@command.command()
@click.argument("name")
@options.output
@day
def show(name: str, output: str, day: datetime | None) -> None:
    """Print an entry of the catalogue as it would stand in a manifest.

    NAME is openai/gpt-4o-mini, or gpt-4o-mini where one provider alone has it.
    """
    from reconciler.prices.catalogue import load_catalogue
    from reconciler.prices.draft import pricing_lines
    from reconciler.prices.lookup import by_name

    catalogue = load_catalogue(day.date() if day else None)
    reference = by_name(catalogue, name)
    if output == "json":
        from reconciler.report.documents import render
        from reconciler.report.prices import entry_document

        write(render(entry_document(catalogue, reference)))
    else:
        write("\n".join(pricing_lines(catalogue, reference)))
