"""Time that passes at once where somebody waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.http.pace import Clock


@contextmanager
def no_waiting() -> Iterator[None]:
    """Whoever sleeps puts the clock forward, for everybody."""
    monotonic, now, sleep = time.monotonic, time.time, asyncio.sleep
    ahead = 0.0

    async def skip(seconds: float, result: object = None) -> object:
        nonlocal ahead
        ahead += max(0.0, seconds)
        await sleep(0)
        return result

    def later() -> float:
        return monotonic() + ahead

    def later_now() -> float:
        return now() + ahead

    defaults = Clock.__init__.__defaults__
    time.monotonic, asyncio.sleep = later, skip  # type: ignore[assignment] - for as long as this lasts
    Clock.__init__.__defaults__ = (later_now, later, skip)  # type: ignore[attr-defined] - a dataclass's
    try:
        yield
    finally:
        time.monotonic, asyncio.sleep = monotonic, sleep
        Clock.__init__.__defaults__ = defaults  # type: ignore[attr-defined]
