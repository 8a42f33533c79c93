"""`reconciler history`: what the journal has of earlier applies."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import paint, shown_path, write
from reconciler.cli.logs import set_up_logging
from reconciler.journal.reading import Folder, Run
from reconciler.manifests.config import load_config
from reconciler.report.documents import render
from reconciler.report.history import history_document, history_text, run_document, run_text


@click.group(invoke_without_command=True)
@options.config
@options.output
@click.option(
    "-n", "--number", type=click.IntRange(min=1), default=20, show_default=True, help="So many runs."
)
@click.pass_context
def command(context: click.Context, config_path: Path, output: str, number: int) -> int:
    """List what was applied, the newest first; `history show RUN` has one run in full."""
    set_up_logging()
    if context.invoked_subcommand is not None:
        context.obj = (config_path, output)
        return 0
    folder = _folder(config_path)
    found = list(islice(folder.runs(), number))
    runs = [one for one in found if isinstance(one, Run)]
    unreadable = [one for one in found if not isinstance(one, Run)]
    if output == "json":
        write(render(history_document(runs, unreadable)))
    elif not folder.exists:
        here = shown_path(folder.path)
        write(f"There is no journal in {here}: what earlier runs did, or left half done, cannot be told.")
    else:
        write(history_text(runs, unreadable, paint=paint(sys.stdout)))
    return 0


@command.command("show")
@click.argument("run")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default=None, help="As of history.")
@click.pass_obj
def show(given: tuple[Path, str], run: str, output: str | None) -> int:
    """Show one run: every action with its changes, what became of it, the ids of its requests.

    RUN is the id of a run, or the beginning of one.
    """
    config_path, above = given
    found = _folder(config_path).find(run)
    as_json = (output or above) == "json"
    write(render(run_document(found)) if as_json else run_text(found, paint=paint(sys.stdout)))
    return 0


def _folder(config_path: Path) -> Folder:
    return Folder(load_config(config_path, shown_path(config_path)).journal)
