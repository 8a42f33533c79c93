"""Values that a database holds once: a name and a text."""

from __future__ import annotations

import sqlite3


def create_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")


def read(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def write(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Sets ``name`` for the first time; a second time is a mistake of the caller and fails."""
    connection.execute("INSERT INTO setting (name, value) VALUES (?, ?)", (name, value))
