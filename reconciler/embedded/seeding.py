"""What the three vendors' parts of ``seed`` share."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.embedded.shapes import flag, identifier
from reconciler.embedded.vault import Vault

Put = Callable[[sqlite3.Connection, Vault, dict[str, Any], int], None]
"""Puts one entry into the database, which may change it. The number says how many entries with its name
stand before it in its list. Raises Refused."""


@dataclass(frozen=True, slots=True)
class Entries:
    """One list of the contents. ``named_by`` is the key that holds an entry's name, and ``unique`` says
    that the name is the id too: a second entry with it would undo the first."""

    put: Put
    named_by: str
    unique: bool = True


_NAMESPACE = uuid.UUID("6f1d6a0e-5f0b-4c44-9d0d-0a4f6c1f2b7e")


def take_identity(entry: dict[str, Any], kind: str, nth: int, name: object) -> str:
    """The ``id`` of an entry, which it may name; else one that is the same each time, wherever in its list
    the entry stands."""
    if "id" not in entry:
        return str(uuid.uuid5(_NAMESPACE, f"{kind}/{nth}/{name}"))
    chosen = entry.pop("id")
    identifier("id", chosen)
    return str(chosen)


def take_flag(entry: dict[str, Any], key: str, *, default: bool) -> bool:
    """A boolean of an entry that is no field of a create."""
    value = entry.pop(key, default)
    flag(key, value)
    return bool(value)
