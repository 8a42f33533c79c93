"""What kinds of registries can do, in words: the cells of the matrix, and the matrix as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from reconciler.capabilities import FieldSupport, KindSupport, TableSupport
from reconciler.report.counting import counted
from reconciler.report.safe import safe, width

NOT_HELD: Final = "–"
LEGEND: Final = {
    "held": "sent when the object is created and when it changes, read back and compared",
    "a unit": "held, and the registry keeps the price in it",
    "required": "a create without it is refused, because there is no default",
    "create only": "cannot change once the object is there",
    "once there": "can change where the object has it; an update cannot add it",
    "write-only": "never reads back: sent, but not verified",
    "where shown": "write-only on servers that do not show it",
    "inherited too": "a value may read back that the object has from elsewhere",
    "one way": "once set, it cannot go back",
    "no null": "cannot be unset",
    NOT_HELD: "not held: neither sent nor compared",
}
"""Every word of a cell, and what it means."""

_NAMED: Final = {
    "manifest": "the manifest",
    "registry": "the registry",
    "vendor": "the vendor",
}


def cell(field: FieldSupport) -> str:
    """One field of one table in a few words of ``LEGEND``."""
    if not field.held:
        return NOT_HELD
    words = [field.unit] if field.unit else []
    if field.updates == "no":
        words.append("create only")
    elif not words:
        words.append("held")
    words += ["required"] if field.required else []
    words += ["once there"] if field.updates == "once there" else []
    words += ["write-only" if field.reads == "never" else field.reads] if field.reads != "yes" else []
    words += ["one way"] if field.one_way else []
    words += ["no null"] if not field.clears and field.updates != "no" else []
    return ", ".join(words)


def features(table: TableSupport) -> dict[str, str]:
    """What a table does besides fields, by the name of each feature."""
    return {
        "holds": f"{_plural(table.resource)} of the vendor" if table.vendors else _plural(table.resource),
        "create": _yes(table.creates),
        "update": _yes(table.updates),
        "an update replaces whole": ", ".join(table.replaces) or NOT_HELD,
        "on and off": ", ".join(table.switches) or NOT_HELD,
        "named by": _NAMED[table.named_by],
        "refuses a second of one name": _yes(table.unique),
        "tells who uses one": _yes(table.usages),
        "portable fields": str(len(table.held)) if table.held else NOT_HELD,
        "native fields": str(table.native) if table.native else NOT_HELD,
    }


def summary(kind: KindSupport) -> Iterator[str]:
    """A line for each table, and one for what the kind has no table for."""
    for table in kind.tables:
        can = [word for word, does in (("created", table.creates), ("updated", table.updates)) if does]
        can += [f"switched ({', '.join(table.switches)})"] if table.switches else []
        whose = "the vendor's, " if table.vendors else ""
        line = f"{_called(table)}: {whose}{', '.join(can) or 'only read'}"
        yield f"{line}; {_fields(table)}" if table.held else line
    if kind.lacks:
        yield f"no {' or '.join(map(_plural, kind.lacks))}"


def _fields(table: TableSupport) -> str:
    fixed = sum(field.updates == "no" for field in table.held)
    unread = sum(field.reads == "never" for field in table.held)
    parts = [f"{fixed} create only"] if fixed else []
    parts += [f"{unread} write-only"] if unread else []
    held = counted(len(table.held), "portable field", "portable fields")
    held = f"{held} ({', '.join(parts)})" if parts else held
    lacking = len(table.fields) - len(table.held)
    return f"{held}, {lacking} not held" if lacking else held


def _called(table: TableSupport) -> str:
    """``generic models``; ``models`` where the variant says no more than the resource."""
    plural = _plural(table.resource)
    return plural if table.variant in (table.resource.lower(), plural) else f"{table.variant} {plural}"


def matrix_text(kind: KindSupport) -> list[str]:
    """Everything about one kind, for a terminal: a column for each table, resource by resource."""
    lines: list[str] = []
    for resource in dict.fromkeys(table.resource for table in kind.tables):
        tables = [table for table in kind.tables if table.resource == resource]
        rows = [("", *(table.variant for table in tables)), *feature_rows(tables), *field_rows(tables)]
        lines += [*_aligned([[safe(text) for text in row] for row in rows]), ""]
    return lines[:-1]


def feature_rows(tables: Sequence[TableSupport]) -> list[tuple[str, ...]]:
    """The name of each feature, and what it is in each table."""
    columns = [features(table) for table in tables]
    return [(name, *(column[name] for column in columns)) for name in columns[0]]


def field_rows(tables: Sequence[TableSupport], paths: Iterable[str] | None = None) -> list[tuple[str, ...]]:
    """The path of each portable field, and its cell in each table; ``paths`` are those of the first one."""
    named = [field.path for field in tables[0].fields] if paths is None else paths
    return [(path, *(cell(table.field(path)) for table in tables)) for path in named]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(width(text) for text in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text + " " * (wide - width(text)) for text, wide in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _plural(resource: str) -> str:
    return f"{resource.lower()}s"


def _yes(fact: bool) -> str:  # noqa: FBT001 - a word for a fact
    return "yes" if fact else "no"
