"""How fast calls may start, and the pause that a registry asks for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

_WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as a transport sees it; a test puts its own in."""

    now: Callable[[], float] = time.time
    """Seconds since the epoch, for dates in answers."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds, for pauses."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Pace:
    """Lets at most ``per_minute`` calls start in any 60 seconds, a sixth of them at once.

    Everything that calls one registry shares one of these. It counts within one event loop, and begins
    anew in another.
    """

    def __init__(self, per_minute: int, clock: Clock | None = None) -> None:
        # A leaky bucket lets ``burst + 60 * rate`` calls start in the worst window. Half a call above
        # the whole number still rounds down to it, and keeps a limit of 1 from meaning a rate of 0.
        burst = max(1, per_minute // 6)
        rate = (per_minute + 0.5 - burst) / _WINDOW
        self._burst, self._seconds = burst, burst / rate
        self._limiter: AsyncLimiter | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clock = clock or Clock()
        self._paused_until = self._clock.monotonic()

    def pause(self, seconds: float) -> None:
        """Lets no call start for ``seconds``: what the registry asked of one, it asked of all."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    async def start(self) -> None:
        """Returns when the next call may be sent, which must be right after."""
        while True:
            while (left := self._paused_until - self._clock.monotonic()) > 0:
                await self._clock.sleep(left)
            await self._here().acquire()
            # A pause that began meanwhile voids the permit: calls that had kept theirs would all
            # start after it, on top of the burst.
            if self._paused_until <= self._clock.monotonic():
                return

    def _here(self) -> AsyncLimiter:
        """The limiter of the running loop; one cannot serve two."""
        loop = asyncio.get_running_loop()
        if self._limiter is None or self._loop is not loop:
            self._limiter, self._loop = AsyncLimiter(self._burst, self._seconds), loop
        return self._limiter
