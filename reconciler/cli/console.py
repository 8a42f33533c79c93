"""stdout, stderr, colours, and the lines of files that messages point into."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

import click

from reconciler.errors import Place
from reconciler.report.text import Paint, plain

_STYLES: dict[str, dict[str, Any]] = {
    "add": {"fg": "green"},
    "change": {"fg": "yellow"},
    "refuse": {"fg": "red"},
    "error": {"fg": "red", "bold": True},
    "dim": {"dim": True},
    "bold": {"bold": True},
}


def paint(stream: TextIO) -> Paint:
    """Colours for ``stream``: only on a terminal, and not where NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return plain
    return lambda text, style: click.style(text, **_STYLES[style])


def write(text: str) -> None:
    """Puts ``text`` on stdout, which holds the product and nothing else."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def say(text: str, *, newline: bool = True) -> None:
    """Puts ``text`` on stderr: progress, prompts, remarks."""
    click.echo(text, err=True, nl=newline)


def shown_path(path: Path) -> str:
    """``path`` as messages show it: relative to where the command runs, where that is possible."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def source_line(place: Place) -> str | None:
    """The line of a file that ``place`` is on, or None where it cannot be read as text."""
    lines = _lines(place.file)
    return lines[place.line - 1] if 0 < place.line <= len(lines) else None


@lru_cache(maxsize=64)
def _lines(file: str) -> tuple[str, ...]:
    try:
        text = Path(file).read_bytes().decode("utf-8-sig", "replace")
    except OSError:
        return ()
    # Only the line breaks that YAML counts; splitlines knows more.
    return tuple(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
