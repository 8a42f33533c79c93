"""What public models cost, from the cheapest to the dearest.

Source: genai-prices 0.2.3 of 2026-11-10, over 2,330 entries of 47 providers; tests/data/price_ranges.json
holds the entries at both ends. Used where a folder has too few models to be a range of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from reconciler.money import PER_1M_TOKENS, Price
from reconciler.registries.rows import Path

_USD_PER_1M_TOKENS: Final[Mapping[Path, tuple[str, str]]] = {
    ("pricing", "input"): ("0.003", "150"),
    ("pricing", "output"): ("0.01", "600"),
    ("pricing", "cache_read"): ("0.0011", "37.5"),
    ("pricing", "cache_write"): ("0.03125", "37.5"),
}


def usual_range(name: Path) -> tuple[Price, Price] | None:
    """The cheapest and the dearest public price of that name; None where there is no catalogue of it."""
    ends = _USD_PER_1M_TOKENS.get(name)
    if ends is None:
        return None
    lowest, highest = (Price(Decimal(end), "USD", PER_1M_TOKENS) for end in ends)
    return lowest, highest
