"""The versions of the database. A released migration is never edited: a change is a new one."""

from __future__ import annotations

import sqlite3

from reconciler.embedded import settings
from reconciler.embedded.orq import builtin, deployments, table
from reconciler.embedded.respan import builtin as respan_builtin
from reconciler.embedded.respan import table as respan_table
from reconciler.embedded.store import Migration
from reconciler.embedded.watsonx import builtin as watsonx_builtin
from reconciler.embedded.watsonx import table as watsonx_table


def _first(connection: sqlite3.Connection) -> None:
    settings.create_table(connection)
    table.create(connection)
    builtin.add_all(connection)


def _second(connection: sqlite3.Connection) -> None:
    """Orq's deployments, Respan and watsonx Orchestrate."""
    deployments.create_table(connection)
    respan_table.create(connection)
    respan_builtin.add_all(connection)
    watsonx_table.create(connection)
    watsonx_builtin.add_all(connection)


def _third(connection: sqlite3.Connection) -> None:
    """Whose Respan's providers are."""
    respan_table.add_organization(connection)


MIGRATIONS: tuple[Migration, ...] = (_first, _second, _third)
