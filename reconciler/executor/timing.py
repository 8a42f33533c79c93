"""How long the executor waits, and how old a read may be."""

from __future__ import annotations

from typing import Final

FRESH_SECONDS: Final = 30.0
"""How old a read may be when a write rests on it."""

TURN_SECONDS: Final = 0.05
"""How long a body that was just made may wait for its turn, however old its read is."""

PAUSES: Final = (1.0, 4.0, 16.0)
"""Seconds from a lost answer to the look for what became of the write: one for each time that it is sent.

The write may still be under way, and a look that comes too early would have it sent twice."""

ANNOUNCED_TOGETHER: Final = 64
"""So many actions at least are recorded together, before the first of them is sent."""

LIMITED_TRIES: Final = 5
"""How often a write that a rate limit keeps turning away is made anew."""

STOP_SECONDS: Final = 0.2
"""How long it may take until a wait for a rate limit hears of a stop."""
