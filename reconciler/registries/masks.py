"""Values that stand for others: what a registry shows in the place of a credential."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

_KEY: Final = re.compile(r"^masked[_-]", re.IGNORECASE)


@cache  # compiled when it is asked for: a run that reads no registry has no use for it
def _masked() -> re.Pattern[str]:
    return re.compile(
        r"[*\u2022\u25cf]{3,}|^\W*(?:hidden|masked|redacted)\W*\Z",
        re.IGNORECASE,
    )


def is_masked(value: Any) -> bool:
    """Whether a text of asterisks, or a word like `[redacted]`, stands for a value or for a part of it.

    Written back, it would take the place of what it hides.
    """
    if isinstance(value, str):
        return _masked().search(value) is not None
    if isinstance(value, Mapping):
        return any(is_masked(item) for item in value.values())
    return isinstance(value, list) and any(is_masked(item) for item in value)


def is_masked_key(key: str) -> bool:
    """Whether a key like `masked_api_key` says that its value is a mask."""
    return _KEY.search(key) is not None
