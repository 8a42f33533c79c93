"""stdout, stderr, colours, and the lines of files that messages point into."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import click

from reconciler.errors import ExitCode, Place, ReconcilerError
from reconciler.report.paint import Paint, plain

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


class OutputError(ReconcilerError):
    """A file that a run shall write cannot be written."""

    code = "output"

    def __init__(self, where: str, error: OSError) -> None:
        super().__init__(f"cannot write to {where}: {error.strerror or type(error).__name__}")


class StdoutError(OutputError):
    """The product of a run is lost. ``silent``: whoever read it has gone, and needs no message."""

    def __init__(self, error: OSError) -> None:
        super().__init__("stdout", error)
        self.silent = isinstance(error, BrokenPipeError)
        _give_up(sys.stdout)


def _give_up(stream: TextIO) -> None:
    """Lets nothing more of ``stream`` be written. Else the interpreter tries once more when it ends, and
    where that fails, ends with a code of its own."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Interrupted(ReconcilerError):
    """A signal came before anything was written."""

    code = "interrupted"

    def __init__(self, exit_code: ExitCode) -> None:
        super().__init__("interrupted; nothing was written")
        self.exit_code = exit_code


def set_up_streams(*, utf8: bool) -> None:
    """No character may end a run: what a terminal's encoding lacks is written out. A document is
    UTF-8 everywhere."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if utf8 and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")


_give_way: Callable[[], None] | None = None


@contextlib.contextmanager
def standing(give_way: Callable[[], None]) -> Iterator[None]:
    """Something stands at the end of the terminal; ``give_way`` takes it away before anything is said."""
    global _give_way  # noqa: PLW0603 - there is one terminal
    before, _give_way = _give_way, give_way
    try:
        yield
    finally:
        _give_way = before


def write(text: str) -> None:
    """Puts ``text`` on stdout, which holds the product and nothing else.

    Raises StdoutError.
    """
    if _give_way is not None:
        _give_way()
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except OSError as error:
        raise StdoutError(error) from None


def say(text: str, *, newline: bool = True) -> None:
    """Puts ``text`` on stderr: progress, prompts, remarks. Never fails: a remark must not end a run."""
    if _give_way is not None:
        _give_way()
    try:
        sys.stderr.write(text + "\n" if newline else text)
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)


def shown_path(path: Path) -> str:
    """``path`` as messages show it: relative to where the command runs, where that is possible."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


class SourceLines:
    """Gives the lines of files that messages point into, secrets masked. Reads each file once."""

    def __init__(self) -> None:
        self._lines = cache(_lines)

    def __call__(self, place: Place) -> str | None:
        """The line that ``place`` is on, or None where it cannot be read."""
        lines = self._lines(place.file)
        return lines[place.line - 1] if 0 < place.line <= len(lines) else None


def _not_followed(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _lines(file: str) -> tuple[str, ...]:
    from reconciler.manifests.yamltree import Limits
    from reconciler.report.masking import masked

    most = Limits().file_bytes
    try:
        # The mistake may be that it is a link to what nobody should see, a pipe, which to open would wait for
        # ever, or too large.
        with open(file, "rb", opener=_not_followed) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > most:
                return ()
            text = stream.read(most).decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return ()
    # Only the line breaks that YAML counts; splitlines knows more.
    return tuple(masked(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))
