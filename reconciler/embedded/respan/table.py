"""Where Respan's models and providers are kept.

A model is one document. A provider is a document too, but its ``extra_kwargs`` may hold credentials, and
are kept sealed.
"""

from __future__ import annotations

import sqlite3
import uuid
from typing import Any, cast

from reconciler.embedded import settings, wire
from reconciler.embedded.respan.model import Document

_ORGANIZATION = "respan_organization_id"


def create(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE respan_model (position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
        "document TEXT NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE respan_provider (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "
        "document TEXT NOT NULL, sealed BLOB)"
    )


def add_organization(connection: sqlite3.Connection) -> None:
    """Makes the organisation that everything but the vendor's own belongs to."""
    # Of what form its id is, no source states.
    settings.write(connection, _ORGANIZATION, str(uuid.uuid4()))


def owner(connection: sqlite3.Connection, provider: Document) -> Document:
    """What an answer says of whose ``provider`` is; of a managed one, nothing."""
    return {} if provider["is_managed"] else {"organization_id": settings.read(connection, _ORGANIZATION)}


def models(connection: sqlite3.Connection) -> dict[str, Document]:
    """Every model by its name, in the order in which they were made."""
    rows = connection.execute("SELECT name, document FROM respan_model ORDER BY position")
    return {name: wire.loads(document) for name, document in rows}


def model(connection: sqlite3.Connection, name: str) -> Document | None:
    return _one(connection, "SELECT document FROM respan_model WHERE name = ?", name)


def put_model(connection: sqlite3.Connection, document: Document) -> None:
    """Adds a model, or replaces the one with its name."""
    connection.execute(
        "INSERT INTO respan_model (name, document) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET document = excluded.document",
        (document["model_name"], wire.dumps(document)),
    )


def providers(connection: sqlite3.Connection) -> dict[str, Document]:
    """Every provider by its id, without its ``extra_kwargs``."""
    rows = connection.execute("SELECT id, document FROM respan_provider ORDER BY position")
    return {identity: wire.loads(document) for identity, document in rows}


def provider(connection: sqlite3.Connection, reference: str) -> Document | None:
    """The provider with this id, else the one with this number: the reference allows both."""
    return _one(connection, "SELECT document FROM respan_provider WHERE id = ?", reference) or _one(
        connection, "SELECT document FROM respan_provider WHERE CAST(position AS TEXT) = ?", reference
    )


def sealed(connection: sqlite3.Connection, identity: str) -> bytes | None:
    row = connection.execute("SELECT sealed FROM respan_provider WHERE id = ?", (identity,)).fetchone()
    return None if row is None else row[0]


def put_provider(connection: sqlite3.Connection, document: Document, *, sealed: bytes | None) -> None:
    """Adds a provider, or replaces the one with its id."""
    connection.execute(
        "INSERT INTO respan_provider (id, document, sealed) VALUES (?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET document = excluded.document, sealed = excluded.sealed",
        (document["provider_id"], wire.dumps(document), sealed),
    )


def _one(connection: sqlite3.Connection, query: str, value: Any) -> Document | None:
    row = connection.execute(query, (value,)).fetchone()
    return None if row is None else cast("Document", wire.loads(row[0]))
