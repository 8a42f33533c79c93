"""Texts of manifests and registries, made harmless for a terminal."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# C0 and C1 controls, line and paragraph separators, and what reorders or hides text.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def safe(text: object) -> str:
    """``text`` on one line, with every control character written out."""
    return _UNSAFE.sub(lambda found: _escaped(found[0]), str(text))


def _escaped(character: str) -> str:
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def width(text: str) -> int:
    """How many cells ``text`` takes in a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
