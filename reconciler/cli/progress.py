"""Progress on stderr: a line for each registry on a terminal, a plain line every few seconds elsewhere.

On a terminal the lines are drawn over each other, and gone when the work is over, so that the report stands
alone. Nothing runs beside the work: what is counted draws, and while an event loop waits, a timer of it does.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

from reconciler.cli.console import say, standing
from reconciler.progress import Track
from reconciler.report.progress import cut, track_text
from reconciler.report.safe import width
from reconciler.stages import Watcher, Work

LINE_SECONDS: Final = 5.0
"""How often a log gets a line; a run that is over before gets none."""

FRAME_SECONDS: Final = 0.1
"""How often the lines on a terminal are drawn."""

FIRST_SECONDS: Final = 0.3
"""What is over before is not worth a line on a terminal, which would only flicker."""

MOST_REGISTRIES: Final = 8
"""So many registries one line of a log tells of."""

_ALONE: Final = {
    "load": ("loading", "files"),
    "revisions": ("asking git", ""),
    "plan": ("planning", ""),
    "compare": ("comparing", ""),
}
_OF_A_REGISTRY: Final = {
    "read": ("reading", "pages"),
    "usages": ("asking who uses what", "pages"),
    "apply": ("applying", "actions"),
    "proof": ("reading back", "pages"),
}
"""The stages that are shown: what is being done, and what is counted of it."""

_COUNTED_AS: Final = {"files": "files", "requests": "pages", "actions": "actions"}


class Display(Watcher):
    """Shows the stages that are under way on ``stream``, which is stderr. ``clock`` gives seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._every = FRAME_SECONDS if self._live else LINE_SECONDS
        self._next: float | None = None
        self._tracks: dict[object, Track] = {}
        self._drawn: list[str] = []
        self._loop: Any = None
        self._broken = False

    # ---- what happens

    def begins(self, work: Work) -> None:
        shown = (_ALONE if work.registry is None else _OF_A_REGISTRY).get(work.name)
        if shown is None or (work.registry is None and work.above is not None):
            return  # a part of another stage is nothing that anybody waits for
        total = work.facts.get("total")
        track = Track(*shown, self._clock(), work.registry, int(total) if total is not None else None)
        self.add(work, track)

    def add(self, key: object, track: Track, *, at_once: bool = False) -> None:
        """Shows ``track`` until ``remove``. ``at_once``: nothing will be heard of it before its end."""
        now = self._clock()
        if self._next is None:
            self._next = now + (FIRST_SECONDS if self._live else LINE_SECONDS)
        self._tracks[key] = track
        self._keep_time()
        if now >= self._next or (at_once and self._live):
            self._show(now)

    def ends(self, work: Work, error: BaseException | None) -> None:
        self.remove(work)

    def remove(self, key: object) -> None:
        self._tracks.pop(key, None)
        if not self._tracks:
            self.erase()

    def counts(self, work: Work, what: str, by: int) -> None:
        track = self._tracks.get(work.stage)
        if track is None:
            return
        now = self._clock()
        if what == "not done":
            track.failed += by
        elif what == "bytes" and track.unit == "pages":
            track.size += by
        elif _COUNTED_AS.get(what) == track.unit:
            track.step(now, by)
        if self._next is not None and now >= self._next:
            self._show(now)

    def waits(self, registry: str, seconds: float) -> None:
        now = self._clock()
        for track in self._tracks.values():
            if track.registry == registry:
                track.waits(now, seconds)

    # ---- what is shown

    def _keep_time(self) -> None:
        """Has the running event loop draw while nothing happens, where there is one."""
        if "asyncio" not in sys.modules:  # a command without one shall not load it
            return
        import asyncio

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._loop is not loop:
            self._loop = loop
            self._rearm()

    def _rearm(self) -> None:
        assert self._next is not None
        self._loop.call_later(min(max(self._next - self._clock(), 0.01), self._every), self._tick)

    def _tick(self) -> None:
        if not self._tracks or self._broken:
            self._loop = None
            return
        now = self._clock()
        if self._next is not None and now >= self._next:
            self._show(now)
        self._rearm()

    def _show(self, now: float) -> None:
        self._next = now + self._every
        if self._broken:
            return
        lines = self._lines(now)
        if self._live:
            self._draw(lines)
            return
        more = len(lines) - MOST_REGISTRIES
        rest = [f"and {more} more registries"] if more > 0 else []
        say("; ".join([*lines[:MOST_REGISTRIES], *rest]))

    def _lines(self, now: float) -> list[str]:
        """One line for each registry: of what began first."""
        first: dict[str | None, Track] = {}
        for track in self._tracks.values():
            first.setdefault(track.registry, track)
        if len(first) > 1:
            first.pop(None, None)
        return [track_text(track, now) for track in first.values()]

    def _draw(self, lines: list[str]) -> None:
        columns, rows = self._size()
        if len(lines) >= rows:
            more = len(lines) - max(rows - 2, 1)
            lines = [*lines[: max(rows - 2, 1)], f"and {more} more registries"]
        lines = [cut(line, max(columns - 1, 1)) for line in lines]
        # The cursor waits below the lines, where a ^C is echoed: both go together.
        new = "".join(f"{line}\x1b[K\n" for line in lines)
        self._put(f"{self._up(columns)}{new}\x1b[J")
        self._drawn = lines

    def erase(self) -> None:
        """Leaves nothing of what is drawn; it is drawn anew when there is something to show."""
        if self._drawn:
            up = self._up(self._size()[0])
            self._drawn = []
            self._put(f"{up}\x1b[J")

    def _up(self, columns: int) -> str:
        """To where the first line begins. A terminal that has become narrower has broken the lines."""
        rows = sum(max(-(-width(line) // columns), 1) for line in self._drawn)
        return f"\r\x1b[{rows}A" if rows else "\r"

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return 80, 24
        return size.columns or 80, size.lines or 24

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal has gone; the run goes on
            self._broken, self._drawn = True, []


_display: Display | None = None


@contextmanager
def displayed(display: Display) -> Iterator[None]:
    """Has ``display`` give way to everything else that is said, and leaves nothing of it."""
    global _display  # noqa: PLW0603 - there is one run in a process
    before, _display = _display, display
    try:
        with standing(display.erase):
            yield
    finally:
        display.erase()
        _display = before


@contextmanager
def working(text: str) -> Iterator[None]:
    """Shows ``text`` on a terminal while something runs that counts nothing."""
    display, key = _display, object()
    if display is None:
        yield
        return
    display.add(key, Track(text, "", display._clock()), at_once=True)  # noqa: SLF001
    try:
        yield
    finally:
        display.remove(key)
