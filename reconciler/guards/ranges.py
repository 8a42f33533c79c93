"""What public models cost, from the cheapest to the dearest.

Source: genai-prices 0.2.3 of 2026-11-10, over 2,330 entries of 47 providers, free ones left out; a test
computes every number here anew from that release. Used where a folder has too few models to be a range of
its own. What fewer than eight entries have a price of is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from reconciler.money import PER_1M_TOKENS, Price, Unit
from reconciler.registries.rows import Path

_PER_1K_SEARCHES: Final = Unit("search", 1_000)
_USD: Final[Mapping[Path, tuple[str, str, Unit]]] = {
    ("pricing", "input"): ("0.003", "150", PER_1M_TOKENS),
    ("pricing", "output"): ("0.01", "600", PER_1M_TOKENS),
    ("pricing", "cache_read"): ("0.0011", "37.5", PER_1M_TOKENS),
    ("pricing", "cache_write"): ("0.03125", "37.5", PER_1M_TOKENS),
    ("pricing", "cache_write_1h"): ("0.1", "30", PER_1M_TOKENS),
    ("pricing", "batch", "input"): ("0.025", "75", PER_1M_TOKENS),
    ("pricing", "batch", "output"): ("0.05", "300", PER_1M_TOKENS),
    ("pricing", "audio", "input"): ("0.3", "40", PER_1M_TOKENS),
    ("pricing", "audio", "output"): ("12", "80", PER_1M_TOKENS),
    ("pricing", "search"): ("2.5", "35", _PER_1K_SEARCHES),
}


def usual_range(name: Path) -> tuple[Price, Price] | None:
    """The cheapest and the dearest public price of that name; None where there is no catalogue of it."""
    ends = _USD.get(_as_listed(name))
    if ends is None:
        return None
    lowest, highest, unit = ends
    return Price(Decimal(lowest), "USD", unit), Price(Decimal(highest), "USD", unit)


def _as_listed(name: Path) -> Path:
    """A tier's price is a price like any other of its kind; so is that of a write for five minutes."""
    if name[:2] == ("pricing", "tiers"):
        return ("pricing", *name[3:])
    return ("pricing", "cache_write") if name == ("pricing", "cache_write_5m") else name
