"""Texts of manifests and registries, made harmless for a terminal."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_COMMAND: Final = re.compile(r"##\[|^::(?=[a-z])")
"""How the commands of a job's log begin: in GitHub's old form anywhere, in its new one where lines begin."""

LONGEST: Final = 16_384
"""Characters of one text; nobody reads more of a name, and a registry may send millions."""


def safe(text: object) -> str:
    """``text`` on one line, with everything written out that a terminal could obey, hide or not encode.

    What is longer than LONGEST is cut. What the log of a CI job would take for a command is broken up.
    """
    line = str(text)
    if len(line) > LONGEST:
        line = f"{line[:LONGEST]}…"
    line = _COMMAND.sub(lambda found: f"{found[0][0]}{_hex(found[0][1])}{found[0][2:]}", line)
    return line if line.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in line)


def _hex(character: str) -> str:
    return f"\\x{ord(character):02x}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def width(text: str) -> int:
    """How many cells ``text`` takes in a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
