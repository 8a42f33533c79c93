"""The rate limit: so many requests in any 60 seconds.

Respan documents 60 a minute for each organisation, and answers 429 with the seconds to wait in the body.
"""

from __future__ import annotations

import math
from collections import deque
from time import monotonic

from reconciler.embedded.answers import Refused

_WINDOW = 60.0


class Pace:
    """Counts requests; only for one event loop. ``None`` counts nothing."""

    def __init__(self, requests_per_minute: int | None) -> None:
        self._most = requests_per_minute
        self._taken: deque[float] = deque()

    def take(self) -> None:
        """Raises Refused 429 where there were too many already; a refused request does not count."""
        if self._most is None:
            return
        now = monotonic()
        while self._taken and self._taken[0] <= now - _WINDOW:
            self._taken.popleft()
        if len(self._taken) >= self._most:
            wait = math.ceil(self._taken[0] + _WINDOW - now) if self._taken else int(_WINDOW)
            text = "Rate limit exceeded"
            raise Refused(429, text, body={"detail": text, "retry_after": max(1, wait)})
        self._taken.append(now)
