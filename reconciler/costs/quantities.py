"""What a file of usage may count, and the price that each number is multiplied with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Quantity:
    """A column: its ``name``, the portable path of its price, and the dimension that it counts."""

    name: str
    price: tuple[str, ...]
    dimension: str

    @property
    def whole(self) -> bool:
        """Whether half of one is a mistake."""
        return self.dimension != "second"


QUANTITIES: Final = (
    Quantity("input_tokens", ("pricing", "input"), "token"),
    Quantity("output_tokens", ("pricing", "output"), "token"),
    Quantity("cache_read_tokens", ("pricing", "cache_read"), "token"),
    Quantity("cache_write_tokens", ("pricing", "cache_write"), "token"),
    Quantity("cache_write_5m_tokens", ("pricing", "cache_write_5m"), "token"),
    Quantity("cache_write_1h_tokens", ("pricing", "cache_write_1h"), "token"),
    Quantity("reasoning_tokens", ("pricing", "reasoning"), "token"),
    Quantity("batch_input_tokens", ("pricing", "batch", "input"), "token"),
    Quantity("batch_output_tokens", ("pricing", "batch", "output"), "token"),
    Quantity("audio_input_tokens", ("pricing", "audio", "input"), "token"),
    Quantity("audio_output_tokens", ("pricing", "audio", "output"), "token"),
    Quantity("images", ("pricing", "image"), "image"),
    Quantity("video_seconds", ("pricing", "video_second"), "second"),
    Quantity("video_seconds_1080p", ("pricing", "video_second_1080p"), "second"),
    Quantity("searches", ("pricing", "search"), "search"),
)
"""One for each portable price but those of tiers, which no usage of a month can be divided among.

Each counts what is billed at its own price and at no other: a token that came from the cache is one of
``cache_read_tokens`` and none of ``input_tokens``.
"""

BY_NAME: Final = {quantity.name: quantity for quantity in QUANTITIES}
BY_PRICE: Final = {quantity.price: quantity for quantity in QUANTITIES}

FLAG: Final = "--usage-columns"
"""The option that says what a file calls one of its columns."""

MODEL: Final = "model"
MONTH: Final = "month"
REGISTRY: Final = "registry"
COLUMNS: Final = (MODEL, MONTH, REGISTRY, *BY_NAME)
"""Every column that has a meaning; ``registry`` may be left out, and any quantity but one."""
