"""What the stages of a run took: wall time, processor time, what was counted in them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from reconciler.stages import Watcher, Work


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time as it is measured, in seconds; a test puts its own in."""

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time
    """Of this process, all threads together."""

    def now(self) -> tuple[float, float]:
        return self.wall(), self.cpu()


Step = tuple[str, str | None]
"""A stage, and its registry."""


@dataclass(slots=True)
class Row:
    """All times that one stage was gone through in one place.

    ``cpu`` is None for the stages of one registry: others run at the same time, and what of the processor's
    time is whose cannot be told.
    """

    path: tuple[Step, ...]
    """The stages that it is in, outermost first, then itself."""
    times: int = 0
    wall: float = 0
    cpu: float | None = None
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        return self.path[-1][0]

    @property
    def registry(self) -> str | None:
        return self.path[-1][1]


@dataclass(frozen=True, slots=True)
class Timed:
    """Everything that is known of a run.

    ``waited`` is by registry: seconds in which calls waited for a limit of it.
    """

    rows: tuple[Row, ...]
    """In the order in which they began, each followed by those that are in it."""
    wall: float
    cpu: float
    counts: Counter[str]
    waited: dict[str, float]

    def outermost(self) -> tuple[Row, ...]:
        """The rows that follow each other, so that they sum up to no more than the whole."""
        return tuple(row for row in self.rows if len(row.path) == 1)


class Timings(Watcher):
    """Measures from ``began`` (wall and processor time) on."""

    def __init__(self, began: tuple[float, float] | None = None, clocks: Clocks | None = None) -> None:
        self._clocks = clocks or Clocks()
        self._began = began or self._clocks.now()
        self._rows: dict[tuple[Step, ...], Row] = {}
        self._open: dict[Work, tuple[float, float]] = {}
        self._counts: Counter[str] = Counter()
        self._waited: dict[str, float] = {}
        self._waits_until: dict[str, float] = {}

    def begins(self, work: Work) -> None:
        if work.kind != "stage":
            return
        now = self._clocks.now()
        if not self._rows:
            wall, cpu = self._began
            start = Row((("start", None),), 1, now[0] - wall, now[1] - cpu)
            self._rows[start.path] = start
        self._row(work)
        self._open[work] = now

    def ends(self, work: Work, error: BaseException | None) -> None:  # noqa: ARG002
        began = self._open.pop(work, None)
        if began is None:
            return
        wall, cpu = self._clocks.now()
        row = self._row(work)
        row.times += 1
        row.wall += wall - began[0]
        if work.registry is None:
            row.cpu = (row.cpu or 0) + cpu - began[1]

    def counts(self, work: Work, what: str, by: int) -> None:
        self._counts[what] += by
        if work.name:
            self._row(work.stage).counts[what] += by

    def waits(self, registry: str, seconds: float) -> None:
        # Calls wait side by side; time in which several did counts once.
        now = self._clocks.wall()
        known = max(self._waits_until.get(registry, now), now)
        until = max(known, now + seconds)
        self._waited[registry] = self._waited.get(registry, 0) + until - known
        self._waits_until[registry] = until

    def so_far(self) -> Timed:
        """What is known now. A stage that has not ended yet counts up to now."""
        for work in list(self._open):
            self.ends(work, None)
        wall, cpu = self._clocks.now()
        rows = tuple(self._ordered(()))
        return Timed(rows, wall - self._began[0], cpu - self._began[1], self._counts, self._waited)

    def _row(self, work: Work) -> Row:
        path = _path(work)
        row = self._rows.get(path)
        if row is None:
            row = self._rows[path] = Row(path)
        return row

    def _ordered(self, above: tuple[Step, ...]) -> Iterator[Row]:
        for path, row in self._rows.items():
            if path[:-1] == above:
                yield row
                yield from self._ordered(path)


def _path(work: Work) -> tuple[Step, ...]:
    steps: list[Step] = []
    at: Work | None = work
    while at is not None:
        if at.kind == "stage":
            steps.append((at.name, at.registry))
        at = at.above
    return tuple(reversed(steps))
