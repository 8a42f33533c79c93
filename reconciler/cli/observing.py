"""Who watches a run: the progress on stderr, the timings where they are asked for, traces where the
environment asks for them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from reconciler.cli.console import say
from reconciler.cli.progress import Display, displayed
from reconciler.stages import unwatched_afterwards, watch

if TYPE_CHECKING:
    from reconciler.timings import Timed, Timings

_SERVES = ("serve",)
"""Commands that last for as long as somebody wants them to: nothing of them is traced."""


class Observed:
    """One run of ``command`` (`apply`) with its ``output`` (`json`). ``code`` is what it ended with."""

    def __init__(self, command: str, output: str) -> None:
        self.command = command
        self.output = output
        self.code = 1
        self.timings: Timings | None = None
        self._timed: Timed | None = None
        self._began = time.perf_counter(), time.process_time()

    def measure(self) -> None:
        """Has the timings shown at the end."""
        from reconciler.timings import Timings

        self.timings = Timings(self._began)
        watch(self.timings)

    def stop_measuring(self) -> None:
        if self.timings is not None:
            self._timed = self.timings.so_far()

    def show_timings(self) -> None:
        if self._timed is None:
            return
        from reconciler.report.timings import timings_json, timings_text

        if self.output == "json":
            say(timings_json(self._timed, peak_memory(), self.command))
        else:
            say(f"\n{timings_text(self._timed, peak_memory())}")


_run: Observed | None = None


@contextmanager
def observed(command: str, output: str) -> Iterator[Observed]:
    """Watches a run. Everything that is still to be said of it is said at the end."""
    global _run  # noqa: PLW0603 - there is one run in a process
    before, _run = _run, Observed(command, output)
    run = _run
    try:
        with ExitStack() as stack:
            stack.callback(run.show_timings)  # at the very end, so that a script finds them there
            stack.enter_context(unwatched_afterwards())
            if command and command not in _SERVES and _traces_wanted():
                from reconciler.cli.spans import traced

                stack.enter_context(traced(run))
            display = Display(sys.stderr)
            watch(display)
            stack.callback(run.stop_measuring)
            stack.enter_context(displayed(display))
            yield run
    finally:
        _run = before


def measure() -> None:
    """Has the run that is under way show its timings at the end."""
    if _run is not None:
        _run.measure()


def _traces_wanted() -> bool:
    """Whether the standard variables ask for traces. OTEL_TRACES_EXPORTER=none and OTEL_SDK_DISABLED=true
    ask for none."""
    given = {name: text.strip().lower() for name, text in os.environ.items() if name.startswith("OTEL_")}
    exporter = given.get("OTEL_TRACES_EXPORTER", "")
    if given.get("OTEL_SDK_DISABLED") == "true" or exporter == "none":
        return False
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return bool(exporter or any(given.get(name) for name in endpoints))


def peak_memory() -> int:
    """Bytes of memory that this process has had at the most."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
