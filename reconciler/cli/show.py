"""`reconciler show`: a plan file, as plan showed it. Asks nobody."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import paint, shown_path, write
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.cli.run import show_command
from reconciler.errors import ExitCode
from reconciler.planfile import load_plan
from reconciler.report.documents import plan_document, render
from reconciler.report.markdown import COMMENT, plan_markdown
from reconciler.report.text import made_text, plan_text


@click.command()
@click.argument("plan_file", type=click.Path(path_type=Path))
@options.report_output
@options.verbose()
def command(plan_file: Path, output: str, verbose: int) -> int:
    """Show a plan file. Nothing is asked and nothing is written; also a plan that is stale can be shown."""
    set_up_logging(level_of(verbose))
    plan = load_plan(plan_file, shown_path(plan_file))
    if output == "json":
        write(render(plan_document(plan, ExitCode.OK)))
        return int(ExitCode.OK)
    if output == "markdown":
        command = show_command(plan_file)
        write(plan_markdown(plan, limit=COMMENT, artefact=plan_file.name, command=command))
        return int(ExitCode.OK)
    colour = paint(sys.stdout)
    write(f"{made_text(plan)}\n\n{plan_text(plan, verbose=verbose > 0, paint=colour)}")
    return int(ExitCode.OK)
