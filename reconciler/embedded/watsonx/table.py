"""Where the models of watsonx Orchestrate are kept: each document as the text that lists show."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from typing import cast

from reconciler.embedded import settings, wire
from reconciler.embedded.watsonx.model import Document

_TENANT = "watsonx_tenant_id"


def create(connection: sqlite3.Connection) -> None:
    """Makes the table, and the tenant that all models belong to. Names are not unique."""
    connection.execute(
        """
        CREATE TABLE watsonx_model (
            position INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            is_virtual INTEGER NOT NULL,
            document TEXT NOT NULL,
            sealed BLOB
        )
        """
    )
    settings.write(connection, _TENANT, str(uuid.uuid4()))


def tenant_id(connection: sqlite3.Connection) -> str:
    return cast("str", settings.read(connection, _TENANT))


def virtual(connection: sqlite3.Connection, names: Sequence[str]) -> list[str]:
    """The texts of the tenant's own models, oldest first; with ``names``, only those."""
    rows = connection.execute("SELECT name, document FROM watsonx_model WHERE is_virtual ORDER BY position")
    return [document for name, document in rows if not names or name in names]


def everything(connection: sqlite3.Connection, ids: Sequence[str]) -> list[str]:
    """The texts of all models, the vendor's own included; with ``ids``, only those."""
    rows = connection.execute("SELECT id, document FROM watsonx_model ORDER BY position")
    return [document for identity, document in rows if not ids or identity in ids]


def count(connection: sqlite3.Connection) -> int:
    """How many models the tenant has."""
    return int(connection.execute("SELECT count(*) FROM watsonx_model WHERE is_virtual").fetchone()[0])


def find_virtual(connection: sqlite3.Connection, identity: str) -> Document | None:
    row = connection.execute(
        "SELECT document FROM watsonx_model WHERE id = ? AND is_virtual", (identity,)
    ).fetchone()
    return None if row is None else cast("Document", wire.loads(row[0]))


def put(
    connection: sqlite3.Connection, document: Document, *, sealed: bytes | None, is_virtual: bool = True
) -> str:
    """Adds a model, or replaces the one with its id. Returns its text."""
    rendered = wire.dumps(document)
    connection.execute(
        "INSERT INTO watsonx_model (id, name, is_virtual, document, sealed) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET "
        "name = excluded.name, document = excluded.document, sealed = excluded.sealed",
        (document["id"], document["name"], is_virtual, rendered, sealed),
    )
    return rendered
