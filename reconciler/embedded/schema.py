"""The versions of the database. A released migration is never edited: a change is a new one."""

from __future__ import annotations

import sqlite3

from reconciler.embedded import settings
from reconciler.embedded.orq import builtin, table
from reconciler.embedded.store import Migration


def _first(connection: sqlite3.Connection) -> None:
    settings.create_table(connection)
    table.create(connection)
    builtin.add_all(connection)


MIGRATIONS: tuple[Migration, ...] = (_first,)
