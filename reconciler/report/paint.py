"""What a text of ours is painted with; a module of its own, so that --help needs nothing else."""

from __future__ import annotations

from collections.abc import Callable

Paint = Callable[[str, str], str]
"""``paint(text, style)`` with style one of add, change, refuse, error, dim, bold."""


def plain(text: str, style: str) -> str:
    """No colours."""
    del style
    return text
