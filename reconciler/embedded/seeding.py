"""What the three vendors' parts of ``seed`` share."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from typing import Any

from reconciler.embedded.vault import Vault

Put = Callable[[sqlite3.Connection, Vault, dict[str, Any], int], None]
"""Puts one entry, which has this place in its list, into the database. Raises Refused."""

_NAMESPACE = uuid.UUID("6f1d6a0e-5f0b-4c44-9d0d-0a4f6c1f2b7e")


def identity(entry: dict[str, Any], kind: str, index: int, name: str) -> str:
    """The ``id`` of an entry, which it may name; else one that is the same each time."""
    return str(entry.pop("id", None) or uuid.uuid5(_NAMESPACE, f"{kind}/{index}/{name}"))
