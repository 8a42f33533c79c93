"""The words that mean the same in every registry and that are not field names."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

API_VERSION: Final = "reconciler/v1"

MODEL_TYPES: Final = (
    "chat",
    "completion",
    "embedding",
    "image",
    "moderation",
    "ocr",
    "rerank",
    "stt",
    "tts",
    "vision",
)

NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
"""Names of models and registries; they stand in addresses, file names and tables."""

SECRET_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]{0,127}"  # noqa: S105 - the form of a name

TIER: Final = r"above_[1-9][0-9]{0,5}[km]"
"""A price that holds past so many tokens of input: ``above_200k``."""

_PORT: Final = r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

BASE_URL: Final = (
    r"https?://(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])"
    rf"(?::{_PORT})?(?:/[!$-.0->@-\[\]-~/]*)?"
)
"""Absolute, without user information, query or fragment: addresses are logged, by us and by servers."""

HOST: Final = rf"(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::{_PORT})?"


@cache
def full(pattern: str) -> re.Pattern[str]:
    """``pattern`` anchored at both ends, without the newline that ``$`` would let through.

    Of the many forms of values a run meets a few: whoever asks for one when a value comes, and not before,
    has only those compiled.
    """
    return re.compile(rf"(?:{pattern})\Z")
