"""What the embedded registry holds, read from its file and not by any code of the tool."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from reconciler.registries.rows import Table

_TABLES = {
    "orq_model": ("model_id", ("id",)),
    "respan_model": ("model_name", ("model_name",)),
    "respan_provider": ("provider_id", ("provider_id", "id")),
    "watsonx_model": ("name", ("id", "name")),
}
"""By the name of a table: the key by which an object is known whatever its id is, and keys of its ids."""

_TIMES = {"updated", "updated_at", "updated_on"}

Mark = tuple[str, str]
"""A table of the database, and what an object is known by in it."""


def table_of(table: Table) -> str:
    """Where the database keeps the objects of a table of ours."""
    return f"{table.kind}_{table.resource.lower()}"


@dataclass(frozen=True)
class Row:
    """One object. ``content`` is everything that is stored of it, ``shown`` what a list says of it but for
    the time of its last change."""

    table: str
    position: int
    mark: str
    ids: frozenset[str]
    content: tuple[object, ...]
    shown: str


@dataclass(frozen=True)
class Truth:
    """Everything at one moment."""

    rows: Mapping[tuple[str, int], Row]

    def of(self, mark: Mark) -> list[Row]:
        return [row for row in self.rows.values() if (row.table, row.mark) == mark]

    def changed(self, before: Truth) -> dict[Mark, list[Row]]:
        """What is new or other than it was before, or no longer there."""
        found: dict[Mark, list[Row]] = defaultdict(list)
        for at in self.rows.keys() | before.rows.keys():
            now, then = self.rows.get(at), before.rows.get(at)
            if now != then:
                row = now or then
                assert row is not None
                found[row.table, row.mark].append(row)
        return dict(found)

    def moved(self, before: Truth) -> set[Mark]:
        """What shows something else than it did before: not what was written once more as it was."""
        return {
            (row.table, row.mark)
            for rows in self.changed(before).values()
            for row in rows
            if row.shown != (then.shown if (then := before.rows.get((row.table, row.position))) else None)
        }

    def several(self) -> dict[Mark, list[Row]]:
        """What is there more than once."""
        found: dict[Mark, list[Row]] = defaultdict(list)
        for row in self.rows.values():
            found[row.table, row.mark].append(row)
        return {mark: rows for mark, rows in found.items() if len(rows) > 1}


def truth(database: Path) -> Truth:
    """What ``database`` holds now."""
    rows = {}
    with closing(sqlite3.connect(database)) as connection:
        for table, (known_by, ids) in _TABLES.items():
            cursor = connection.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in cursor.description]
            for values in cursor:
                kept = dict(zip(columns, values, strict=True))
                document = json.loads(kept["document"])
                named = {str(document[key]) for key in ids if key in document}
                mark = str(document.get(known_by) or document.get("id") or kept.get("id"))
                if document.get("owner") == "system":  # the vendor's own
                    mark = str(document["id"])
                at = (table, kept["position"])
                shown = json.dumps({key: value for key, value in document.items() if key not in _TIMES})
                rows[at] = Row(table, kept["position"], mark, frozenset(named), tuple(kept.values()), shown)
    return Truth(rows)


def remove(database: Path, rows: Iterable[Row]) -> None:
    """What a human does who deletes objects by hand."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for row in rows:
            connection.execute(f"DELETE FROM {row.table} WHERE position = ?", (row.position,))
