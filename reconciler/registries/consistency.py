"""What must be true of the tables of a kind, so that the rest of the house can rely on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.manifests.load import RESOURCES
from reconciler.manifests.portable import is_portable
from reconciler.registries.codecs import Codec
from reconciler.registries.kind import Kind
from reconciler.registries.rows import ANY, REST, Call, Echo, Path, Row, Table

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""It stands in paths of manifests, where a dot would say something else."""


def mistakes(kind: Kind) -> list[str]:
    """Every contradiction in the tables of ``kind``, as a sentence each; none where all is well."""
    found = list(_of_kind(kind))
    for variant, table in kind.tables.items() if not found else ():
        found += [f"table {variant}: {text}" for text in _of_table(kind, variant, table)]
    return found


def _of_kind(kind: Kind) -> Iterator[str]:
    tables: object = kind.tables
    if not isinstance(tables, Mapping) or not tables:
        yield "`tables` must be a mapping of at least one Table"
    elif not all(isinstance(table, Table) for table in tables.values()):
        yield "`tables` holds something that is not a Table"
    if _NAME.fullmatch(kind.name) is None:
        yield "its name must be of letters, digits, '-' and '_'"
    if not kind.title:
        yield "`title` is empty"
    yield from (f"`{name}` must be a function" for name in ("choose", "account") if not _can_call(kind, name))
    yield from _of_reading_by_name(kind)
    per_minute: object = kind.requests_per_minute
    if not isinstance(per_minute, int) or per_minute < 1:
        yield "`requests_per_minute` must be a whole number from 1"


def _of_reading_by_name(kind: Kind) -> Iterator[str]:
    by_name: object = kind.by_name
    if not isinstance(by_name, Mapping) or not all(
        isinstance(most, int) and most > 0 for most in by_name.values()
    ):
        yield "`by_name` must be a mapping of resources to whole numbers from 1"
        return
    known: object = kind.tables
    for resource in by_name if isinstance(known, Mapping) else ():
        tables = [table for table in kind.tables.values() if table.resource == resource]
        if not tables or not all(table.identity.client_chosen for table in tables):
            yield f"`by_name` has '{resource}', whose names no create of this kind sends"


def _can_call(kind: Kind, name: str) -> bool:
    return callable(getattr(kind, name))


def _of_table(kind: Kind, variant: str, table: Table) -> Iterator[str]:
    if table.variant != variant:
        yield f"its variant is '{table.variant}'"
    if table.kind != kind.name:
        yield f"its kind is '{table.kind}', not '{kind.name}'"
    if table.resource not in RESOURCES:
        yield f"'{table.resource}' is no resource; known: {', '.join(RESOURCES)}"
        return
    for row in table.rows:
        yield from _of_row(kind, table, row)
    yield from _twice(table)
    yield from _of_identity(kind, table)
    yield from _of_calls(table)


def _of_row(kind: Kind, table: Table, row: Row) -> Iterator[str]:
    name = _name(row)
    codec: object = row.codec
    if not isinstance(codec, Codec):
        yield f"{name}: its codec is a {type(codec).__name__}, not a Codec"
    if not row.points:
        yield f"{name}: it has no point on the wire"
    if row.portable is None and not row.native:
        yield f"the row at {_dotted(row.points[0].path) if row.points else '?'} has no path in a manifest"
    if row.portable is not None and not is_portable(table.resource, row.portable):
        yield f"{name}: manifests of kind {table.resource} have no such portable field"
    if row.secret and row.echo is not Echo.WRITE_ONLY:
        yield f"{name}: a secret must be write-only"
    wild = {_wildcards(path) for path in row.native} or {()}
    if any(_wildcards(point.path) not in wild for point in row.points):
        yield f"{name}: its wildcards are not those of its points"
    if row.demanded and any(wild):
        yield f"{name}: a field with a wildcard cannot be demanded"
    if row.refers and not kind.tables_of(row.refers):
        yield f"{name}: it refers to a {row.refers}, of which the kind has no table"


def _twice(table: Table) -> Iterator[str]:
    paths = Counter(("native", table.kind, *path) for row in table.rows for path in row.native)
    paths.update(row.portable for row in table.rows if row.portable is not None)
    yield from (f"two rows for {_dotted(path)}" for path, count in paths.items() if count > 1)


def _of_identity(kind: Kind, table: Table) -> Iterator[str]:
    pin = table.identity.pin
    known = {("native", kind.name, *path) for row in table.rows for path in row.native if row.identity}
    if pin not in known:
        yield f"the identity's pin {_dotted(pin)} is not the native path of a row with `identity`"


def _of_calls(table: Table) -> Iterator[str]:
    calls: dict[str, Call] = {}
    switches = [call for row in table.rows for call in (row.switch or {}).values()]
    for call in (table.create, table.update, *switches):
        if call is not None and calls.setdefault(call.name, call) != call:
            yield f"two calls have the name '{call.name}'"
    written = {point.path for row in table.rows for point in row.points}
    for call in calls.values():
        for path in (*call.always, *(path for group in call.together for path in group)):
            if path not in written:
                yield f"the call '{call.name}' names {_dotted(path)}, which no row writes"


def _wildcards(path: Path) -> tuple[str, ...]:
    return tuple(step for step in path if step in (ANY, REST))


def _name(row: Row) -> str:
    return _dotted(row.portable or next(iter(row.native), ("?",)))


def _dotted(path: Path) -> str:
    return ".".join(path)
