"""Patterns of JSON Schema as Python's `re` reads them."""

from __future__ import annotations

import re
from typing import Final

_PART: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$|.|\n", re.DOTALL)


def translated(pattern: str) -> str:
    r"""``pattern`` so that it means what JSON Schema says (ECMA 262): `\d` and `\w` are ASCII, and `$` is the
    very end. In Python `$` also stands before a last line break, which would let `prod\n` through.

    Raises re.error for what is no pattern of Python's.
    """
    text = "".join(r"\Z" if part == "$" else part for part in _PART.findall(pattern))
    # A group of its own, because jsonschema joins several patterns to one.
    result = f"(?a:{text})"
    re.compile(pattern)  # first as it is written, so that the message counts as its author does
    re.compile(result)
    return result
