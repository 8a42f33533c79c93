"""What goes to stderr of what the code logs. Bodies, headers and values are never logged."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

from reconciler.cli.console import say


class _Lines(logging.Formatter):
    """One line for a record. An exception is shown by its type and by lines of code, never by its text,
    which may quote a value."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(name)s: %(message)s")

    def formatException(  # noqa: N802 - the name that logging calls
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        kind, _, trace = ei
        frames = "".join(traceback.format_list(traceback.extract_tb(trace)))
        return f"{frames}{kind.__name__ if kind else ''}"


class _Said(logging.Handler):
    """Says each record, so that what stands at the end of the terminal gives way to it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            say(self.format(record))
        except Exception:  # noqa: BLE001 - as every handler does: a log line must not end a run
            self.handleError(record)


def set_up_logging(level: int | None = None) -> None:
    """Logs what is at least ``level`` to stderr; nothing at all without one."""
    # Without a handler, Python itself puts warnings and tracebacks on stderr.
    logging.getLogger().handlers = [logging.NullHandler()]
    logger = logging.getLogger("reconciler")
    logger.handlers = []
    if level is not None:
        handler = _Said()
        handler.setFormatter(_Lines())
        logger.handlers = [handler]
        logger.setLevel(level)


def level_of(verbosity: int) -> int | None:
    """-vv logs every request."""
    return logging.DEBUG if verbosity > 1 else None
