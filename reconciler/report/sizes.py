"""Sizes, durations and rates as people read them."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("kB", "MB", "GB", "TB")


def size_text(size: int) -> str:
    """``size`` bytes: ``812 bytes``, ``3.4 MB``."""
    if size < 1000:
        return f"{size} byte{'' if size == 1 else 's'}"
    unit = min((len(str(size)) - 1) // 3, len(_UNITS))
    return f"{size / 1000**unit:.1f} {_UNITS[unit - 1]}"


def duration_text(seconds: float) -> str:
    """``seconds``, rounded up: ``42 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = int(-(-seconds // 1))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def rate_text(per_second: float) -> str:
    """``210/s``, ``1.3/s``, ``12/min``."""
    if per_second < 1:
        return f"{per_second * 60:.0f}/min"
    return f"{per_second:.1f}/s" if per_second < 10 else f"{per_second:,.0f}/s"
