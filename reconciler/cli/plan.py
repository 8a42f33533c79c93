"""`reconciler plan`: what would change. Gets read-only connections; there is nothing here that writes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import OutputError, paint, write
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.cli.past import with_past
from reconciler.cli.run import Asked, load, read_and_plan
from reconciler.outcome import plan_exit_code
from reconciler.planner import Selection
from reconciler.report.documents import plan_document, render
from reconciler.report.text import plan_text


@click.command()
@options.common
@options.selection
@options.resend
@click.option(
    "--usages", is_flag=True, help="Also tell who uses the models that do not change, where that is known."
)
@click.option("--exit-code", is_flag=True, help="Exit with 2 where there are changes.")
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
    usages: bool,
    exit_code: bool,
    out: Path | None,
) -> int:
    """Show what would change in each registry. Nothing is written anywhere."""
    set_up_logging(level_of(verbose))
    selection = Selection(only, without)
    asked = Asked(registries, selection, resend, all_usages=usages)
    plan = with_past(read_and_plan(load(config_path), asked, run=asyncio.run), asked).planned.plan
    code = plan_exit_code(plan, changes_count=exit_code)
    document = render(plan_document(plan, code)) if out is not None or output == "json" else ""
    if out is not None:
        _save(document, out)
    write(document if output == "json" else plan_text(plan, verbose=verbose > 0, paint=paint(sys.stdout)))
    return int(code)


def _save(document: str, path: Path) -> None:
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise OutputError(str(path), error) from None
