"""Progress on stderr: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from reconciler.cli.console import say

LINE_SECONDS = 5.0
"""How often a log gets a line."""


@contextmanager
def working(text: str) -> Iterator[None]:
    """A spinner while something of unknown length runs; silent where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # rich takes a while to load

    with Console(stderr=True).status(text):
        yield


class Progress:
    """Counts ``total`` steps of ``what``."""

    def __init__(self, what: str, total: int) -> None:
        self.what = what
        self.total = total
        self.done = 0
        self.failed = 0
        self._said = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if self.total and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeRemainingColumn,
            )
            from rich.progress import (
                Progress as Bar,
            )

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=self.total)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, *, failed: bool) -> None:
        """One more step is over."""
        self.done += 1
        self.failed += failed
        if self._bar is not None:
            with contextlib.suppress(OSError):  # the terminal has gone; the run goes on
                self._bar.advance(self._task)
        elif time.monotonic() - self._said >= LINE_SECONDS:
            self._said = time.monotonic()
            trouble = f", {self.failed} not done" if self.failed else ""
            say(f"{self.what}: {self.done} of {self.total}{trouble}")
