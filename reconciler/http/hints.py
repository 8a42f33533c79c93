"""How long a registry asks us to wait, in each of the forms in use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_EPOCH_SECONDS = 1e9  # 2001; a larger X-RateLimit-Reset is a date, a smaller one a wait
_EPOCH_MILLISECONDS = 1e12


def asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait from ``now`` (seconds since the epoch), or None where no header says.

    ``headers`` finds names in any case. A wait that is over counts as none.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    waits = (
        None if milliseconds is None else milliseconds / 1000,
        _retry_after(headers.get("retry-after"), now),
        _reset(headers.get("x-ratelimit-reset"), now),
    )
    return next((wait for wait in waits if wait is not None and wait > 0), None)


def _retry_after(text: str | None, now: float) -> float | None:
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
        # HTTP dates are in GMT; one that names no zone is parsed as naive.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _reset(text: str | None, now: float) -> float | None:
    value = _number(text)
    if value is None or value < _EPOCH_SECONDS:
        return value
    return (value / 1000 if value >= _EPOCH_MILLISECONDS else value) - now


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
