"""What a value of a manifest means on the wire, worked out without the codecs.

Fractions instead of prices, the reference's own rules instead of normal forms: a mistake in a codec must
not be able to agree with itself here.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from reconciler.registries.rows import Path

from .strategies import NATIVE

_BASE = {
    "token": ("token", 1),
    "tokens": ("token", 1),
    "image": ("image", 1),
    "images": ("image", 1),
    "second": ("second", 1),
    "seconds": ("second", 1),
    "search": ("search", 1),
    "searches": ("search", 1),
}
_SIZES = {"K": 1_000, "M": 1_000_000}
_TOP_PRICES = ("input_cost", "output_cost")
_NO_UNIT = (
    "cached_image_input_cost",
    "cached_input_cost",
    "image_input_cost",
    "image_output_cost",
    "image_token_cost",
    "reasoning_cost",
)


def unit_of(text: str) -> Fraction:
    """How many tokens, images, seconds or searches a unit is."""
    count, _, noun = text.rpartition(" ")
    size = _SIZES.get(count[-1:], 1)
    return Fraction(int(count.rstrip("KM") or 1) * size * _BASE[noun][1])


def wire_unit(key: str) -> Fraction:
    """What a price of the wire is per, by the name of its key."""
    if key in _TOP_PRICES:
        return Fraction(1_000)
    return Fraction(1_000_000 if key.startswith("million_") else 1)


def is_price(path: Path) -> bool:
    key = path[-1]
    if path[0] == "pricing":
        return True
    if path[:2] != NATIVE or len(path) > 4 or path[2] in ("parameters", "configuration"):
        return False
    return (key.endswith("_cost") and key not in _NO_UNIT) or key.startswith(("cost_per_", "per_video_"))


def price(path: Path, value: Any, unit: str) -> Fraction:
    """A price for one token, image, second or search."""
    if path[0] != "pricing":
        return Fraction(value) / wire_unit(path[-1])
    if isinstance(value, str):
        number, _, own = value.partition("/")
        return Fraction(Decimal(number.strip())) / unit_of(own.strip())
    return Fraction(value) / unit_of(unit)


def meaning(path: Path, wire: Path, value: Any, unit: str) -> Any:
    """Equal for two values of ``path`` exactly where the registry cannot tell them apart.

    ``wire`` is where the value stands in a request.
    """
    if value is not None and is_price(path):
        value = price(path, value, unit)
    if wire[0] == "metadata":
        known_set = wire[1].startswith("supported_") or wire[1] == "allowed_passthrough_parameters"
        return _without_empty(sorted(value) if known_set and value else value) or None
    if wire[0] == "has_functions" or (wire[0] == "configuration" and wire[-1].startswith(("is_", "should_"))):
        return value or False
    if isinstance(value, str) and wire[0] in ("parameters", "configuration") and wire[2:3] != ("config",):
        return value or None
    if wire[0] == "parameters" and wire[2:] == ("position",):
        return value or 0
    return _exact(value)


def _without_empty(value: Any) -> Any:
    """As Go's `omitempty` would write it; the four keys of a price are required, so they stay."""
    if isinstance(value, dict) and "cost" in value:
        return value
    if isinstance(value, dict):
        pairs = ((key, _without_empty(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item}
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    return value


def _exact(value: Any) -> Any:
    """Python's ``==`` takes 1 for true; JSON does not."""
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return ("flag", value) if isinstance(value, bool) else value
