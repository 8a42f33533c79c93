"""`reconciler merge`: the plans, or the outcome reports, of a run's shards as one. Asks nobody."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.console import OutputError, paint, shown_path, write
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.errors import UsageError
from reconciler.merging import UNTOLD, Joined, join, read_part
from reconciler.report.counting import counted
from reconciler.report.documents import merged_document, render
from reconciler.report.markdown import COMMENT, outcome_markdown, plan_markdown
from reconciler.report.proof import proof_text
from reconciler.report.text import outcome_text, plan_text


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILES..."
)
@options.report_output
@options.verbose("every result, unchanged resources and wire values")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write what is joined, as JSON, to this file; of plans it is a plan file.",
)
def command(files: tuple[Path, ...], output: str, verbose: int, out: Path | None) -> int:
    """Join what the shards of one run wrote: plan files, or the JSON reports of apply.

    All of them must be there, each once, and of one run. Ends as one process that did it all would have, or
    with the worst of the shards' own exit codes.
    """
    set_up_logging(level_of(verbose))
    if len({file.resolve() for file in files}) != len(files):
        raise UsageError("merge: a file is named twice")
    if out is not None and any(_is_same(out, file) for file in files):
        raise UsageError(f"--out: {shown_path(out)} is one of the files to join; name another")
    joined = join(read_part(file, shown_path(file)) for file in files)
    document = merged_document(joined)
    if out is not None:
        _save(document, out)
    if output == "json":
        write(render(document))
    elif output == "markdown":
        write(_markdown(joined, out))
    else:
        write(_text(joined, verbose=verbose > 0))
    return int(joined.code)


def _text(joined: Joined, *, verbose: bool) -> str:
    colours = paint(sys.stdout)
    head = _shards(joined)
    if joined.outcome is None:
        return f"{plan_text(joined.plan, verbose=verbose, paint=colours)}\n{head}"
    done = outcome_text(joined.plan, joined.outcome, verbose=verbose, paint=colours)
    return "\n".join(filter(None, [done, proof_text(joined.proofs, paint=colours), head]))


def _shards(joined: Joined) -> str:
    """How many there were, and which did not end well."""
    bad = [
        f"shard {part.shard} ended with {int(part.code)} ({part.file})" for part in joined.parts if part.code
    ]
    text = f"Joined from {counted(len(joined.parts), 'shard', 'shards')}"
    told = [f"note: {UNTOLD}"] if joined.outcome is not None and UNTOLD in joined.plan.notes else []
    return "\n".join([f"{text}{':' if bad else '.'}", *(f"  {line}" for line in bad), *told])


def _markdown(joined: Joined, out: Path | None) -> str:
    artefact = None if out is None else out.name
    if joined.outcome is None:
        return plan_markdown(joined.plan, limit=COMMENT, artefact=artefact)
    return outcome_markdown(
        joined.plan, joined.outcome, proofs=joined.proofs, limit=COMMENT, artefact=artefact
    )


def _is_same(one: Path, other: Path) -> bool:
    """Whether two names are of one file, also where one is a link to it."""
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))


def _save(document: dict[str, Any], path: Path) -> None:
    """Writes all of it or nothing: what stood there before stays until the new one is complete."""
    text, target = render(document), path.resolve()
    try:
        if target.exists() and not target.is_file():  # a pipe or a device, which cannot be replaced
            target.write_text(text, encoding="utf-8")
            return
        beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
        try:
            with beside.open("x", encoding="utf-8") as file:
                file.write(text)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(str(path), error) from None
