"""Numbers with their nouns."""

from __future__ import annotations


def counted(number: int, one: str, many: str) -> str:
    """A number and its noun: ``1 registry``, ``2 registries``."""
    return f"{number} {one if number == 1 else many}"
