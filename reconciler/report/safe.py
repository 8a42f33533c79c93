"""Texts of manifests and registries, made harmless for a terminal."""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 16_384
"""Characters of one text; nobody reads more of a name, and a registry may send millions."""


def safe(text: object) -> str:
    """``text`` on one line, with everything written out that a terminal could obey, hide or not encode.

    What is longer than LONGEST is cut.
    """
    line = str(text)
    if len(line) > LONGEST:
        line = f"{line[:LONGEST]}…"
    return line if line.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in line)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def width(text: str) -> int:
    """How many cells ``text`` takes in a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
