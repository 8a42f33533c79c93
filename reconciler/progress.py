"""How far a piece of work is, how fast it goes, how long it may still take. Times are monotonic seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

WINDOW_SECONDS: Final = 10.0
"""The rate is that of so much of the past: a registry that slows down is not hidden by its good start."""

MARK_SECONDS: Final = 0.5
"""How far apart the points are that the rate is taken from, however many steps there are between them."""

SOONEST_SECONDS: Final = 1.0
"""Before, a rate says nothing."""


@dataclass(slots=True, eq=False, repr=False)
class Track:
    """One piece of work: ``doing`` (`reading`) so many ``unit`` (`files`), of ``total`` where that is known.

    ``registry`` is where, if it is of one. ``size`` is in bytes.
    """

    doing: str
    unit: str
    began: float
    registry: str | None = None
    total: int | None = None
    done: int = 0
    failed: int = 0
    size: int = 0
    waits_until: float | None = None
    """When the wait for a limit of the registry is over."""
    _marks: deque[tuple[float, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._marks.append((self.began, 0))

    def step(self, at: float, by: int = 1) -> None:
        """``by`` more are done."""
        self.done += by
        if at - self._marks[-1][0] >= MARK_SECONDS:
            self._forget(at)
            self._marks.append((at, self.done))

    def waits(self, at: float, seconds: float) -> None:
        """A call waits for ``seconds``; of several that do, the last one to go on counts."""
        until = at + seconds
        self.waits_until = until if self.waits_until is None else max(until, self.waits_until)

    def _forget(self, at: float) -> None:
        """Keeps one mark that is as old as the window, and those that are younger."""
        while len(self._marks) > 1 and self._marks[1][0] <= at - WINDOW_SECONDS:
            self._marks.popleft()

    def elapsed(self, at: float) -> float:
        """Seconds since it began."""
        return at - self.began

    def rate(self, at: float) -> float | None:
        """How many a second lately; None where it is too early to say."""
        self._forget(at)
        since, before = self._marks[0]
        return (self.done - before) / (at - since) if at - since >= SOONEST_SECONDS else None

    def left(self, at: float) -> float | None:
        """Seconds that the rest takes at that rate, and the wait for a limit before it; None where nobody
        can tell."""
        rate = self.rate(at)
        if self.total is None or not rate:
            return None
        return max(self.total - self.done, 0) / rate + self.waiting(at)

    def waiting(self, at: float) -> float:
        """Seconds of the wait for a limit that are left."""
        return 0.0 if self.waits_until is None else max(self.waits_until - at, 0.0)
