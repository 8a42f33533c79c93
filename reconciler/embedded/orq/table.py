"""Where models are kept: each document as the very text that the list shows.

The list is what clients ask for most, and it holds everything. Joining texts that are ready costs next
to nothing beside decoding and encoding thousands of models again.
"""

from __future__ import annotations

import sqlite3
import uuid
from typing import cast

from reconciler.embedded import settings, wire
from reconciler.embedded.orq.document import SYSTEM, Document

_WORKSPACE = "orq_workspace_id"


def create(connection: sqlite3.Connection) -> None:
    """Makes the table, and the workspace that will own what clients create."""
    connection.execute(
        """
        CREATE TABLE orq_model (
            position INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            document TEXT NOT NULL,
            sealed BLOB
        )
        """
    )
    settings.write(connection, _WORKSPACE, str(uuid.uuid4()))


def workspace_id(connection: sqlite3.Connection) -> str:
    """The id that this registry was given when it was made."""
    return cast("str", settings.read(connection, _WORKSPACE))


def all_as_json(connection: sqlite3.Connection) -> bytes:
    """Every model as one JSON array, oldest first. The reference states no order."""
    rows = connection.execute("SELECT CAST(document AS BLOB) FROM orq_model ORDER BY position")
    return b"[" + b",".join(document for (document,) in rows) + b"]"


def exists(connection: sqlite3.Connection, identity: str) -> bool:
    return connection.execute("SELECT 1 FROM orq_model WHERE id = ?", (identity,)).fetchone() is not None


def find_own(connection: sqlite3.Connection, identity: str) -> Document | None:
    """The workspace's model with this id. The vendor's models are not the workspace's, so not found."""
    document = find(connection, identity)
    return None if document is None or document["owner"] == SYSTEM else document


def find(connection: sqlite3.Connection, identity: str) -> Document | None:
    """The model with this id, whoever owns it."""
    row = connection.execute("SELECT document FROM orq_model WHERE id = ?", (identity,)).fetchone()
    return None if row is None else cast("Document", wire.loads(row[0]))


def sealed(connection: sqlite3.Connection, identity: str) -> bytes | None:
    """The sealed credentials of a model."""
    row = connection.execute("SELECT sealed FROM orq_model WHERE id = ?", (identity,)).fetchone()
    return None if row is None else row[0]


def remove(connection: sqlite3.Connection, identity: str) -> None:
    """For ``seed``, which replaces what is there. No route does."""
    connection.execute("DELETE FROM orq_model WHERE id = ?", (identity,))


def insert(connection: sqlite3.Connection, document: Document, *, sealed: bytes | None) -> str:
    """Adds a model whose id is free. Returns its text, as the list will show it."""
    rendered = wire.dumps(document)
    connection.execute(
        "INSERT INTO orq_model (id, document, sealed) VALUES (?, ?, ?)", (document["id"], rendered, sealed)
    )
    return rendered


def replace(connection: sqlite3.Connection, document: Document) -> str:
    """Replaces the document of a model that is there; its credentials stay. Returns its text."""
    rendered = wire.dumps(document)
    connection.execute("UPDATE orq_model SET document = ? WHERE id = ?", (rendered, document["id"]))
    return rendered
