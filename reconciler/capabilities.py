"""What a kind of registry can and cannot do, read from its tables. Pure; report and docs render it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from reconciler.manifests.load import RESOURCES
from reconciler.manifests.portable import ANY_TIER, portable_paths
from reconciler.manifests.problems import dotted
from reconciler.registries.codecs import Money
from reconciler.registries.kind import Kind
from reconciler.registries.rows import Clear, Echo, Path, Row, Table

Updates = Literal["yes", "no", "once there"]
Reads = Literal["yes", "inherited too", "where shown", "never"]
Named = Literal["manifest", "registry", "vendor"]


@dataclass(frozen=True, slots=True)
class FieldSupport:
    """What a table does with one portable field.

    ``required``: a create is refused without it; ``default`` is what we send instead. ``updates``: whether
    it can change later, `once there` where only what the object already has can. ``reads``: whether it
    reads back, so that it is compared. ``clears``: null unsets it. ``one_way``: once set, it cannot go
    back. ``unit`` is what the registry keeps a price in.
    """

    path: str
    held: bool = False
    required: bool = False
    default: str = ""
    updates: Updates = "no"
    reads: Reads = "never"
    clears: bool = False
    one_way: bool = False
    refers: str = ""
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class TableSupport:
    """What one variant of a kind does.

    ``switches`` are native fields that have calls of their own. ``replaces`` is what an update replaces
    whole: containers, or `everything`. ``named_by`` says who chooses the name or id that manifests find an
    object by; ``unique``: that the registry keeps these apart. ``usages``: it tells who uses an object.
    ``native`` counts the native fields. ``fields`` are the portable fields of its resource, in the
    manifest's order, held or not.
    """

    variant: str
    title: str
    resource: str
    vendors: bool
    creates: bool
    updates: bool
    switches: tuple[str, ...]
    replaces: tuple[str, ...]
    named_by: Named
    unique: bool
    usages: bool
    native: int
    fields: tuple[FieldSupport, ...]

    @property
    def held(self) -> tuple[FieldSupport, ...]:
        return tuple(field for field in self.fields if field.held)

    def field(self, path: str) -> FieldSupport:
        """One portable field, also one that this kind has never heard of."""
        return next((field for field in self.fields if field.path == path), FieldSupport(path))


@dataclass(frozen=True, slots=True)
class KindSupport:
    """What a kind does. ``origin`` is the distribution of a plugin; ``lacks`` the resources that it has no
    table for."""

    name: str
    title: str
    origin: str
    requests_per_minute: int
    lacks: tuple[str, ...]
    tables: tuple[TableSupport, ...]


def capabilities(kind: Kind) -> KindSupport:
    """The whole matrix of one kind."""
    tables = tuple(_of_table(kind, table) for table in kind.tables.values())
    lacks = tuple(resource for resource in RESOURCES if not kind.tables_of(resource))
    return KindSupport(kind.name, kind.title, kind.origin, kind.requests_per_minute, lacks, tables)


def ordered_paths(resource: str, tables: Iterable[Table]) -> list[Path]:
    """The portable paths of ``resource`` in the manifest's order, with every tier that ``tables`` know."""
    known = [row.portable for table in tables for row in table.rows if row.portable is not None]
    paths: dict[Path, None] = {}
    for path in portable_paths(resource):
        if ANY_TIER not in path:
            paths[path] = None
            continue
        tiers = sorted({one[2] for one in known if one[:2] == path[:2] and len(one) == len(path)})
        prices = [one[3] for one in portable_paths(resource) if one[:3] == path[:3]]
        paths |= {(*path[:2], tier, price): None for tier in tiers for price in prices}
    return list(paths)


def of_row(row: Row, path: str = "") -> FieldSupport:
    """What a table does with the field of ``row``."""
    money = row.codec if isinstance(row.codec, Money) else None
    return FieldSupport(
        path=path,
        held=True,
        required=row.demanded and row.default is None,
        default=row.default_text,
        updates=_updates(row),
        reads=_reads(row),
        clears=row.switch is None and (row.clear is not Clear.NEVER or row.absent is not None),
        one_way=row.one_way,
        refers=row.refers,
        unit=f"{money.currency} / {money.unit}" if money is not None else None,
    )


def _updates(row: Row) -> Updates:
    if not row.updatable:
        return "no"
    return "once there" if row.existing else "yes"


_READS: Final[dict[Echo, Reads]] = {
    Echo.ECHOED: "yes",
    Echo.EFFECTIVE: "inherited too",
    Echo.MAYBE: "where shown",
    Echo.WRITE_ONLY: "never",
}


def _reads(row: Row) -> Reads:
    return _READS[row.echo] if any(point.read for point in row.points) else "never"


def _of_table(kind: Kind, table: Table) -> TableSupport:
    rows = {row.portable: row for row in table.rows if row.portable is not None}
    paths = ordered_paths(table.resource, kind.tables_of(table.resource))
    return TableSupport(
        variant=table.variant,
        title=table.title,
        resource=table.resource,
        vendors=table.vendors,
        creates=table.create is not None,
        updates=any(row.updatable and row.switch is None for row in table.rows),
        switches=tuple(_switches(table)),
        replaces=("everything",) if table.update.whole else table.update.replaces,
        named_by=_named_by(table),
        unique=table.identity.unique,
        usages=table.tells_users,
        native=sum(len(row.native) for row in table.rows),
        fields=tuple(
            of_row(rows[path], dotted(path)) if path in rows else FieldSupport(dotted(path)) for path in paths
        ),
    )


def _switches(table: Table) -> Iterator[str]:
    for row in table.rows:
        if row.switch is not None:
            yield dotted(row.portable or ("native", table.kind, *row.native[0]))


def _named_by(table: Table) -> Named:
    if table.vendors:
        return "vendor"
    return "manifest" if table.identity.client_chosen else "registry"
