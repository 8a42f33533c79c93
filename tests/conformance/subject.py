"""What one kind adds to its tables so that the suite can try it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from reconciler.registries.kind import Kind
from reconciler.registries.rows import Path, Table

DATA = File(__file__).parent.parent / "data"
UPSTREAM = "llm.example.com"
"""The one host that the suite's secrets may go to, besides the registry."""

Json = Any


@dataclass(frozen=True)
class Listing:
    """The call that reads every object of a resource.

    ``items`` gives the list of objects inside a decoded answer (the list itself, so that a test can change
    it). ``unknown`` are answers of a shape that no documentation knows. ``identify`` gives what
    ``LiveObject.id`` is made of; ``rename`` gives an object of an answer another one. ``body`` is what the
    call needs where it is a POST.
    """

    method: str
    path: str
    body: Json = None
    items: Callable[[Json], list[dict[str, Json]]] = lambda data: data
    unknown: Sequence[Json] = ()
    identify: Callable[[dict[str, Json]], str] = lambda item: str(item["id"])
    rename: Callable[[dict[str, Json], str], None] = lambda item, name: item.update(id=name)


@dataclass(frozen=True)
class Vendor:
    """An object that belongs to the vendor: what to seed for it, and the name that manifests would use."""

    name: str
    seed: Mapping[str, Json]


@dataclass(frozen=True)
class Failure:
    """One documented error: its status and body, and the words of it that a message must have."""

    title: str
    status: int
    body: Json
    words: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Limit:
    """One documented 429. ``wait``: the seconds that it asks for; None where waiting does not help."""

    title: str
    wait: float | None
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pages:
    """A list that comes in pages of ``size``.

    ``seed`` puts ``count`` things into it, ``count`` reads with the kind's reader how many of them it
    finds.
    """

    title: str
    path: str
    size: int
    seed: Callable[[int], Mapping[str, Json]]
    count: Callable[[Any], Any]


@dataclass(frozen=True)
class Facts:
    """What one table needs.

    ``always`` stands in every manifest of it, ``another`` in that of a second object, ``beside`` in one
    that takes a field away, ``along`` in one that edits a field; ``pin`` is a name that a manifest may give
    its object outright. ``values`` are
    two good values for a path, where those that follow from its codec are not; ``apart`` are paths that
    cannot stand in one manifest with all others; ``elsewhere`` those of which an edit means another
    object; ``newer`` those that only newer servers take, and the embedded one does not. ``made`` are wire
    paths that the server makes of other fields; ``keys`` those that the reference page has for a create
    (an item of a list by its number).
    """

    always: Mapping[Path, Json] = field(default_factory=dict)
    another: Mapping[Path, Json] = field(default_factory=dict)
    beside: Mapping[Path, Json] = field(default_factory=dict)
    along: Mapping[Path, Json] = field(default_factory=dict)
    pin: str = "model-0"
    values: Mapping[Path, tuple[Json, Json]] = field(default_factory=dict)
    apart: frozenset[Path] = frozenset()
    elsewhere: frozenset[Path] = frozenset()
    newer: frozenset[Path] = frozenset()
    made: frozenset[Path] = frozenset()
    keys: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class Subject:
    """One kind.

    ``listings`` and ``vendors`` are by resource; ``vendors`` has none where the list shows no object of the
    vendor's. ``base`` follows the address of the embedded registry. ``seed`` is what must be there before
    anything else; ``reads`` are further calls, by method and path, that only read.
    """

    listings: Mapping[str, Listing]
    vendors: Mapping[str, Vendor] = field(default_factory=dict)
    errors: Sequence[Failure] = ()
    limits: Sequence[Limit] = ()
    pages: Sequence[Pages] = ()
    facts: Mapping[str, Facts] = field(default_factory=dict)
    seed: Mapping[str, Json] = field(default_factory=dict)
    base: str = ""
    reads: frozenset[tuple[str, str]] = frozenset()

    def facts_of(self, table: Table) -> Facts:
        return self.facts.get(table.variant, Facts())


@dataclass(frozen=True)
class Variant:
    """One table of one kind, as tests take it."""

    kind: Kind
    table: Table

    def __str__(self) -> str:
        return f"{self.kind.name}/{self.table.variant}"


def key_list(file: str) -> Json:
    """The keys of a reference page, as they were extracted into tests/data."""
    return json.loads((DATA / file).read_text(encoding="utf-8"))


def paths(keys: Mapping[str, Json], *above: str) -> Iterator[Path]:
    """The wire paths of a page's keys, below ``above``."""
    return ((*above, key) for key in keys)
