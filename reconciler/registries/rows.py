"""Rows and tables: what a kind of registry holds, as data.

A ``Row`` joins the manifest's paths of one field with its points on the wire. A ``Table`` (one for each
kind and variant) is the single source for sending, reading, capability checks, the reference pages and
the JSON Schema of ``native``. Everything here is pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any, Final, NamedTuple

from reconciler.errors import InternalError
from reconciler.money import Price
from reconciler.registries.addresses import upstreams
from reconciler.registries.codecs import (
    BadValue,
    Codec,
    EmptyMapping,
    SecretText,
    Tree,
    TreeOrSecret,
    Unreadable,
    Value,
    Wire,
)
from reconciler.secrets import SecretRef

Path = tuple[str, ...]
"""Steps from ``spec`` of a manifest (``("pricing", "input")``) or from the top of a wire object."""

ANY: Final = "*"
"""One step of a row's path: any name."""
REST: Final = "**"
"""The last step of a row's path: one or more names."""


class Echo(Enum):
    """How a value that was sent reads back."""

    ECHOED = "echoed"
    EFFECTIVE = "effective"
    """An inherited value may read back where none was sent."""
    MAYBE = "maybe"
    """Some servers show it, others do not: write-only where no object of the registry has its key (or, of a
    field inside an object, the key of that object)."""
    WRITE_ONLY = "write-only"


class Clear(Enum):
    """How a field becomes unset."""

    NEVER = "never"
    OMITTED = "left out of the container that an update replaces whole"
    NULL = "sent as null"
    EMPTY = "sent as what the registry keeps for none"


class _Absent(Enum):
    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT
"""No such key on the wire."""


class Point(NamedTuple):
    """Where a row stands on the wire, and which calls write it there.

    A ``derived`` point is computed by the server from the row's first point: it is sent along only
    where its container is replaced anyway (or the server contradicts itself), so that it is never stale.
    ``currency`` is where the live object says what a price at this point is in; without it, or where nothing
    stands there, it is in the codec's.
    """

    path: Path
    create: bool = True
    update: bool = True
    read: bool = True
    derived: bool = False
    codec: Codec | None = None
    currency: Path | None = None

    def told(self, value: Value, raw: Mapping[str, Any]) -> Value:
        """A live value as its object means it: a price in the currency that stands beside it."""
        if self.currency is None or not isinstance(value, Price):
            return value
        currency = dig(raw, self.currency)
        if not isinstance(currency, str) or not currency or currency == value.currency:
            return value
        return replace(value, currency=currency.upper())


class Declared(NamedTuple):
    """What a default may depend on: the manifest's name and the normal forms that it declares."""

    name: str
    values: Mapping[Path, Value]

    def has(self, path: Path) -> bool:
        """Whether ``path`` is declared, and not as null."""
        return self.values.get(path) is not None


class Call(NamedTuple):
    """One documented request. ``path`` may hold ``{id}``.

    ``replaces`` are the containers of the body that the server replaces whole, so that the body must
    carry everything else of them; with ``whole`` that is the object itself. ``always`` are the wire
    paths that every such body must hold, ``together`` those of which the server forgets the others
    where it gets one. ``template`` is a body without fields: texts that may hold ``{id}``.
    """

    name: str
    method: str
    path: str
    replaces: tuple[str, ...] = ()
    whole: bool = False
    always: tuple[Path, ...] = ()
    together: tuple[tuple[Path, ...], ...] = ()
    template: Mapping[str, str] | None = None

    def carries(self, path: Path) -> bool:
        """Whether the body holds all that is live around ``path``."""
        return self.whole or path[0] in self.replaces


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Row:
    """One field.

    ``portable`` is its path in ``spec``, ``native`` its paths below ``native.<kind>``, ``aliases`` those
    that are taken and not documented; the paths of one row are names of the same thing. ``absent`` is
    the normal form that a missing key means. ``demanded`` fields must be in a create; ``default`` gives
    one where the manifest has none (None: incomplete). ``existing`` rows live in an object that an
    update cannot make. ``upstream`` values are addresses that the object's secrets are used at; with
    ``host`` they are what makes one of it, as in ``{}.example.com``.
    ``one_way`` values cannot go back to what absence means. ``switch`` gives each value a call of its
    own, which follows the others. ``refers`` is the resource that the value must name one of.
    ``probed``: the registry tries the object's upstream before it stores another value. ``note`` stands
    beside every change of it.
    """

    codec: Codec
    points: tuple[Point, ...]
    portable: Path | None = None
    native: tuple[Path, ...] = ()
    aliases: tuple[Path, ...] = ()
    echo: Echo = Echo.ECHOED
    absent: Value = None
    clear: Clear = Clear.NEVER
    demanded: bool = False
    default: Callable[[Declared], Value] | None = None
    default_text: str = ""
    existing: bool = False
    upstream: bool = False
    host: str = ""
    identity: bool = False
    one_way: bool = False
    switch: Mapping[Value, Call] | None = None
    refers: str = ""
    probed: bool = False
    note: str = ""

    @property
    def secret(self) -> bool:
        return isinstance(self.codec, SecretText)

    @property
    def updatable(self) -> bool:
        return any(point.update for point in self.points)


def name_row(wire: str, codec: Codec) -> Row:
    """The key ``wire`` by which a create names the object and manifests find it: `metadata.name`, unless the
    manifest has another. It never changes."""
    return Row(
        native=((wire,),),
        points=(Point((wire,), update=False),),
        codec=codec,
        demanded=True,
        default=own_name,
        default_text="metadata.name",
        identity=True,
    )


def display_name_row(wire: str, codec: Codec, echo: Echo = Echo.ECHOED) -> Row:
    """`display_name` at ``wire``, which a create demands: `metadata.name`, unless the manifest has one."""
    return Row(
        portable=("display_name",),
        native=((wire,),),
        points=(Point((wire,)),),
        codec=codec,
        echo=echo,
        demanded=True,
        default=own_name,
        default_text="metadata.name",
    )


def own_name(declared: Declared) -> str | None:
    """The name of the manifest."""
    return declared.name


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A live object that says two things about one field. Equal to nothing."""

    parts: tuple[tuple[str, Value], ...]

    def __str__(self) -> str:
        return "contradicts itself: " + ", ".join(f"{path} is {value}" for path, value in self.parts)


class Field(NamedTuple):
    """A row as one manifest path reaches it, patterns filled in."""

    path: Path
    row: Row
    native: bool
    points: tuple[Point, ...]

    @property
    def shown(self) -> Point | None:
        """The first point at which it reads back."""
        return next((point for point in self.points if point.read), None)

    @property
    def is_created(self) -> bool:
        """Whether a create sends it."""
        for point in self.points:  # noqa: SIM110 - `any` takes longer, and this is asked for each change
            if point.create:
                return True
        return False

    def read(self, raw: Mapping[str, Any]) -> Value:
        """The normal form of the live value, or a Contradiction between the row's points."""
        if len(self.points) == 1:
            return self._read_one(self.points[0], raw)
        found: list[tuple[Point, Value]] = []
        for point in self.points:
            if not point.read:
                continue
            wire = dig(raw, point.path)
            codec = point.codec or self.row.codec
            if wire is None and not isinstance(codec, Tree):
                found.append((point, self.row.absent))  # null is nothing, but for a field that holds any JSON
            elif wire is not ABSENT:
                value = point.told(codec.decode(wire), raw)
                found.append((point, self.row.absent if value is None else value))
            elif not point.derived:
                found.append((point, self.row.absent))
        if not found:
            return self.row.absent
        first = found[0][1]
        if all(value == first for _, value in found[1:]):
            return first
        return Contradiction(tuple((".".join(point.path), value) for point, value in found))

    def _read_one(self, point: Point, raw: Mapping[str, Any]) -> Value:
        """What is read of a field with one point, as most have."""
        row = self.row
        wire = dig(raw, point.path) if point.read else ABSENT
        codec = point.codec or row.codec
        if wire is ABSENT or (wire is None and not isinstance(codec, Tree)):
            return row.absent
        value = codec.decode(wire)
        if point.currency is not None:
            value = point.told(value, raw)
        return row.absent if value is None else value

    def normal(self, value: Any) -> Value:
        """The normal form of a manifest's value; None for null. Raises BadValue, CannotExpress."""
        if value is None and self.row.switch is not None:
            raise BadValue("is one or the other; null says neither")
        return None if value is None else self.row.codec.normal(value, native=self.native)

    def wanted(self, value: Value) -> Value:
        """What must read back for a normal form: null is what absence means."""
        return self.row.absent if value is None else value

    def is_unset(self, value: Value) -> bool:
        """Whether a live value is what absence means; a false is shown as false."""
        return value is None or (value == self.row.absent and not isinstance(value, bool))


@dataclass(frozen=True, slots=True)
class Edit:
    """One point of a request's body: a value to set, a secret to set, or a key to leave out."""

    path: Path
    value: Wire = None
    secret: SecretRef | None = None
    cleared: bool = False


class Keyed(NamedTuple):
    """A container that the wire keeps as a list of objects and that we read as a mapping.

    ``key`` names the item, ``demanded`` are the keys that a new item must have, ``stripped`` those that
    the server makes and no update takes.
    """

    key: str
    demanded: tuple[str, ...] = ()
    stripped: frozenset[str] = frozenset()


class Identity(NamedTuple):
    """How a manifest finds its live object.

    ``pin`` is the native path that names it outright. ``client_chosen``: a create sends that key; else
    the server makes it and a pinned one that is missing is an error. ``key`` gives the key where the
    manifest pins none. ``unique``: the server keeps one object for a key, so that a create that is sent
    twice makes no second one. ``shadows``: an object of ours may bear the name of one of the vendor's.
    ``natural`` are the paths at which objects show what together adopts one of ours where no key
    matches; ``resembles`` those of which one alone makes a create look like a rename.
    """

    pin: Path
    client_chosen: bool
    natural: tuple[Path, ...] = ()
    resembles: tuple[Path, ...] = ()
    key: Callable[[Declared], str | None] = own_name
    unique: bool = True
    shadows: bool = False


class Demand(NamedTuple):
    """What a create needs besides the demanded fields: every path of one of ``choices``.

    ``when`` says for which manifests, and ``when_text`` so in words that follow "a create" (`with provider
    ollama`); empty: for all. ``why`` says in a few words what for.
    """

    choices: tuple[tuple[Path, ...], ...]
    why: str
    when: Callable[[Declared], bool] = lambda _: True
    when_text: str = ""

    def is_met(self, declared: Declared) -> bool:
        met = any(all(declared.has(path) for path in choice) for choice in self.choices)
        return met or not self.when(declared)


def _nothing(_: object) -> tuple[()]:
    return ()


Loses = Callable[[Mapping[Path, Any], Mapping[str, Any], Collection[Path]], tuple[str, str] | None]
"""The wire paths that an update sets, the live object, its hidden secrets: what is lost, and the way out.

Each path with its value, None where it is cleared; with a call that replaces the whole object, everything
that the manifest declares, also where it stays as it is.
"""


def _no_loss(
    _given: Mapping[Path, Any], _raw: Mapping[str, Any], _hidden: Collection[Path]
) -> tuple[str, str] | None:
    return None


def _open_to_updates(_raw: Mapping[str, Any]) -> None:
    return None


def _no_clash(_declared: Declared, _raw: Mapping[str, Any]) -> tuple[()]:
    return ()


_MOST_KEYS: Final = 2048


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Table:
    """Everything that we know of one variant of one kind of registry, as rows and a few facts.

    ``create`` is None where the registry alone makes such objects; ``vendors``: they are the vendor's, and
    only what the rows say of them is ours. ``spelled`` are keys that a replaced container must always
    hold, with what their absence means. ``volatile`` are top-level keys that the server moves on its
    own, ``made`` those that it makes and no body holds. ``demands`` are what a create needs beyond
    single fields. ``implied`` names the declared paths that say nothing beside the others;
    ``impossible`` what cannot stand together, with why; ``clashes`` what an update cannot bring about
    beside what is live and stays. ``called`` is what users of a
    live object may call it. ``loses`` says what secret an update
    would overwrite that sets the given wire paths in an object with ``hidden`` ones, and the way out;
    ``closed`` why no update of a live object is safe, and the way out.
    ``described_by`` is how a manifest of such an object is known among those of its kind. ``updated`` is the
    top-level key that says when an object was last changed; empty where none does.
    """

    kind: str
    variant: str
    title: str
    resource: str
    rows: tuple[Row, ...]
    identity: Identity
    create: Call | None
    update: Call
    vendors: bool = False
    demands: tuple[Demand, ...] = ()
    implied: Callable[[Declared], Iterable[Path]] = _nothing
    impossible: Callable[[Declared], Iterable[tuple[Path, str]]] = _nothing
    called: Callable[[Mapping[str, Any]], Iterable[str]] = _nothing
    loses: Loses = _no_loss
    closed: Callable[[Mapping[str, Any]], tuple[str, str] | None] = _open_to_updates
    described_by: str = ""
    clashes: Callable[[Declared, Mapping[str, Any]], Iterable[tuple[Path, str]]] = _no_clash
    made: frozenset[str] = frozenset()
    spelled: Mapping[Path, Wire] = field(default_factory=dict)
    lists: Mapping[str, Keyed] = field(default_factory=dict)
    volatile: frozenset[str] = frozenset()
    updated: str = ""

    # ---- lookups

    def updated_at(self, raw: Mapping[str, Any]) -> str | None:
        """The registry's own time of the last change of a live object, as it writes it; None where it tells
        none."""
        value = raw.get(self.updated) if self.updated else None
        return str(value) if isinstance(value, str | int) and value else None

    @property
    def tells_users(self) -> bool:
        """Whether who uses a live object can be known."""
        return self.called is not _nothing

    @cached_property
    def _exact(self) -> dict[Path, Field]:
        fields: dict[Path, Field] = {}
        for row in self.rows:
            for path, native in self._paths(row):
                if ANY in path or REST in path:
                    continue
                if path in fields:
                    raise InternalError(f"{self.kind}/{self.variant}: two rows for {'.'.join(path)}")
                fields[path] = Field(path, row, native, row.points)
        return fields

    @cached_property
    def _patterns(self) -> list[tuple[Path, Row]]:
        return [
            (path, row) for row in self.rows for path, _ in self._paths(row) if ANY in path or REST in path
        ]

    def _paths(self, row: Row) -> Iterator[tuple[Path, bool]]:
        if row.portable is not None:
            yield row.portable, False
        for path in (*row.native, *row.aliases):
            yield ("native", self.kind, *path), True

    def find(self, path: Path) -> Field | None:
        """The field at a manifest path, or None: not held."""
        found = self._exact.get(path)
        if found is not None or not self._patterns:
            return found
        for pattern, row in self._patterns:
            taken = _match(pattern, path)
            if taken is not None:
                points = tuple(point._replace(path=_fill(point.path, taken)) for point in row.points)
                return Field(path, row, native=True, points=points)
        return None

    def below(self, above: Path, key: str) -> tuple[Path, Field | None]:
        """The path of ``key`` below ``above``, and its field. Remembers the first few thousand."""
        known = self._below.setdefault(above, {}) if len(self._below) < _MOST_KEYS else {}
        found = known.get(key)
        if found is None:
            path = (*above, key)
            found = (path, self.find(path))
            if len(known) < _MOST_KEYS:
                known[key] = found
        return found

    @cached_property
    def _below(self) -> dict[Path, dict[str, tuple[Path, Field | None]]]:
        return {}

    def native_words(self, above: Path) -> list[str]:
        """The keys that may stand below a native path, for "did you mean"."""
        words = {
            path[len(above)]
            for row in self.rows
            for path in (("native", self.kind, *native) for native in row.native)
            if len(path) > len(above) and _starts(path, above)
        }
        return sorted(words - {ANY, REST})

    @cached_property
    def _inner(self) -> frozenset[Path]:
        """Every path that lies above a row's path; those of patterns hold wildcards."""
        return frozenset(
            path[:length]
            for row in self.rows
            for path, _ in self._paths(row)
            for length in range(1, len(path))
        )

    @cached_property
    def _inner_patterns(self) -> tuple[Path, ...]:
        return tuple(path for path in self._inner if ANY in path)

    def has_below(self, path: Path) -> bool:
        """Whether some row lies deeper than ``path``."""
        return path in self._inner or any(_match(known, path) is not None for known in self._inner_patterns)

    def fields(self) -> Iterable[Field]:
        """Every field without a pattern, once for each of its paths."""
        return self._exact.values()

    @cached_property
    def shown(self) -> dict[Path, list[Field]]:
        """The fields that read back what was sent, by the wire path at which they do: of those that
        stand at one, every portable one, else the first."""
        shown: dict[Path, list[Field]] = {}
        for item in self._exact.values():
            row = item.row
            left_out = row.identity or row.switch is not None or isinstance(row.codec, EmptyMapping)
            if item.shown is None or row.echo is Echo.WRITE_ONLY or left_out:
                continue
            known = shown.setdefault(item.shown.path, [])
            if not known or (not item.native and not known[0].native):
                known.append(item)
        return shown

    @property
    def says_more(self) -> bool:
        """Whether there are rules of what fields mean together."""
        return self.implied is not _nothing or self.impossible is not _nothing

    @cached_property
    def shapes(self) -> dict[tuple[Path, ...], Any]:
        """Room for what manifests have in common that declare the same paths (``shapes.shape_of``)."""
        return {}

    @cached_property
    def surveys(self) -> list[Any]:
        """Room for what is known of its fields, whatever a manifest declares (``shapes``)."""
        return []

    @cached_property
    def layouts(self) -> dict[tuple[Path, ...], Any]:
        """Room for what declared paths mean here (``desired``)."""
        return {}

    def named_at(self, wire: Path) -> Iterator[Field]:
        """The fields whose value stands at a wire path: one for each manifest path, the portable one first.

        What a manifest cannot reach by that path, because another row takes it, is left out.
        """
        for row in self.rows:
            taken = next(
                (found for point in row.points if (found := _match(point.path, wire)) is not None), None
            )
            if taken is None:
                continue
            for path, _ in self._paths(row):
                item = self.find(_fill(path, taken))
                if item is not None and item.row is row:
                    yield item

    def keyed_paths(self, raw: Mapping[str, Any]) -> Iterator[Path]:
        """The wire paths of a live object that rows with a pattern read: down to what is no mapping."""
        for row in self.rows:
            for point in row.points:
                if point.read and (ANY in point.path or REST in point.path):
                    yield from _standing(raw, point.path, ())

    # ---- calls

    @cached_property
    def calls(self) -> Mapping[str, Call]:
        """Every call by its name."""
        switches = (call for row in self.rows for call in (row.switch or {}).values())
        return {call.name: call for call in (self.create, self.update, *switches) if call is not None}

    def requests(self, call: Call, edits: Iterable[Edit]) -> list[tuple[Call, tuple[Edit, ...]]]:
        """The calls that bring ``edits`` about, in order: ``call``, then those that switch something."""
        switched: list[tuple[Call, tuple[Edit, ...]]] = []
        rest: list[Edit] = []
        for edit in edits:
            switch = self.row_at(edit.path).switch
            if switch is None:
                rest.append(edit)
            else:
                switched.append((switch[edit.value], (edit,)))
        return [*([(call, tuple(rest))] if rest else ()), *switched]

    def accompanying(
        self, call: Call, edits: Set[Path], raw: Mapping[str, Any]
    ) -> tuple[list[Edit], list[Path]]:
        """What must go along with ``edits`` as it is live, and the paths of what is not to be had there."""
        along: list[Edit] = []
        missing: list[Path] = []
        together = [path for group in call.together if not edits.isdisjoint(group) for path in group]
        for path in (*call.always, *together):
            if path in edits:
                continue
            row, point = self._by_point[path]
            value = Field((), row, native=False, points=row.points).read(raw)
            if isinstance(value, Unreadable | Contradiction) or (value is None and path in call.always):
                missing.append(next(self._paths(row))[0])
            elif value is not None and value != row.absent:
                along.append(Edit(path, (point.codec or row.codec).encode(value)))
        return along, missing

    # ---- bodies

    def create_edits(self, declared: Mapping[Path, tuple[Field, Value]], name: str) -> Created:
        """What a create sends: the declared fields, our defaults, and what the registry still demands."""
        values = {path: value for path, (_, value) in declared.items()}
        context = Declared(name, values)
        nulled = {id(item.row) for item, value in declared.values() if value is None}
        edits: list[Edit] = []
        for item, value in self.in_order(declared.values()):
            edits += self._edits(item, value, creating=True)
        written = {edit.path for edit in edits}
        defaults: list[tuple[Field, Value]] = []
        missing = list(self._missing_in_items(edits))
        for item in self._demanded:
            if any(point.path in written for point in item.points):
                continue
            default = item.row.default
            value = default(context) if default is not None and id(item.row) not in nulled else None
            if value is not None:
                defaults.append((item, value))
            else:
                missing.append(item.path)
        ours = [edit for item, value in defaults for edit in self._edits(item, value, creating=True)]
        given = Declared(name, values | {item.path: value for item, value in defaults})
        unmet = tuple(demand for demand in self.demands if not demand.is_met(given))
        # Ours first: a default for a whole container must not wipe what the manifest puts into it. Of two
        # rows that write one thing, the later one says it all.
        last = {edit.path: edit for edit in (*ours, *edits)}
        return Created(tuple(last.values()), tuple(defaults), tuple(missing), unmet)

    def _missing_in_items(self, edits: Iterable[Edit]) -> Iterator[Path]:
        for container, keyed in self.lists.items():
            items: dict[str, set[str]] = {}
            for edit in edits:
                if edit.path[0] == container and len(edit.path) > 1:
                    items.setdefault(edit.path[1], set()).update(edit.path[2:3])
            for name, keys in items.items():
                for key in keyed.demanded:
                    if key not in keys:
                        yield ("native", self.kind, container, name, key)

    @cached_property
    def _demanded(self) -> tuple[Field, ...]:
        paths = (next(self._paths(row))[0] for row in self.rows if row.demanded)
        return tuple(self._exact[path] for path in paths)

    def in_order(self, declared: Iterable[tuple[Field, Value]]) -> list[tuple[Field, Value]]:
        """``declared`` in the order of the rows, whatever the order in the manifest and its overrides."""
        return sorted(declared, key=lambda entry: self._ranks[id(entry[0].row)])

    @cached_property
    def _ranks(self) -> dict[int, int]:
        return {id(row): rank for rank, row in enumerate(self.rows)}

    def update_edits(self, item: Field, value: Value, raw: Mapping[str, Any]) -> list[Edit]:
        """What an update sends to bring one field to ``value``."""
        edits = self._edits(item, value, creating=False)
        derived = {point.path for point in item.points if point.derived}
        plain = [edit for edit in edits if edit.path not in derived]
        if any(_differs(edit, dig(raw, edit.path), item) for edit in plain):
            # The server derives the rest from this; where the container goes along, `body` adds it.
            return plain
        return edits

    @staticmethod
    def _edits(item: Field, value: Value, *, creating: bool) -> list[Edit]:
        edits = []
        for point in item.points:
            if not (point.create if creating else point.update):
                continue
            if isinstance(value, SecretRef):
                edits.append(Edit(point.path, secret=value))
            elif value is None:
                edits += Table._clearing(item.row, point, creating=creating)
            else:
                edits.append(Edit(point.path, (point.codec or item.row.codec).encode(value)))
        return edits

    @staticmethod
    def _clearing(row: Row, point: Point, *, creating: bool) -> list[Edit]:
        """How null is written: left out where that unsets, else as what absence means."""
        codec = point.codec or row.codec
        if creating:
            spelled = row.demanded and row.absent is not None
            return [Edit(point.path, codec.encode(row.absent))] if spelled else []
        if row.clear is Clear.OMITTED:
            return [Edit(point.path, cleared=True)]
        if row.clear is Clear.EMPTY:
            return [Edit(point.path, codec.encode(None))]
        return [Edit(point.path, None if row.absent is None else codec.encode(row.absent))]

    def body(
        self, call: Call, edits: Iterable[Edit], raw: Mapping[str, Any], own_id: str | None = None
    ) -> dict[str, Any] | None:
        """The body of ``call``: the edits, laid over what is live where a container is replaced whole.

        ``raw`` is the live object as it was read just now, empty for a create; ``own_id`` its id.
        Secrets stand in the body as SecretRef. None: no body.
        """
        if call.template is not None:
            return {key: text.format(id=own_id) for key, text in call.template.items()} or None
        body: dict[str, Any] = {}
        edits = list(edits)
        if call.whole:
            # What is null on read means nothing there, and may be refused on write.
            body = {
                key: self._carried(key, raw) if key in self.lists else _deep_copy(value)
                for key, value in raw.items()
                if key not in self.made and value is not None
            }
        touched = {edit.path[0] for edit in edits} if call.replaces else ()
        for container in call.replaces:
            if container in touched:
                body[container] = self._carried(container, raw)
        in_force = self._derived_edits(edits, raw, body) if self._derived else ()
        for edit in [*in_force, *edits]:
            path, value = edit.path, edit.value
            # Nearly all are plain values one or two steps deep.
            target: Any = body if len(path) == 1 else body.get(path[0]) if len(path) == 2 else None
            if type(target) is dict and type(value) in _PLAIN and edit.secret is None and not edit.cleared:
                target[path[-1]] = value
            else:
                _lay(body, edit, self._written(edit))
        for path, meaning in self.spelled.items():
            holder = body.get(path[0])
            if isinstance(holder, dict) and path[0] in call.replaces:
                holder.setdefault(path[1], meaning)
        return {key: self._as_list(key, value) for key, value in body.items()} if self.lists else body

    def _written(self, edit: Edit) -> Any:
        """What stands in a body for ``edit``; for a secret, what its codec makes of the reference."""
        return _deep_copy(edit.value) if edit.secret is None else self.secret_form(edit)

    def secret_form(self, edit: Edit) -> Any:
        """What stands in a body for the secret of ``edit``: its text, or the object in its text."""
        row = self.row_at(edit.path)
        return row.codec.encode(edit.secret) if row.secret else edit.secret

    def _carried(self, container: str, raw: Mapping[str, Any]) -> dict[str, Any]:
        live = raw.get(container)
        carried = _deep_copy(live) if isinstance(live, Mapping) else {}
        keyed = self.lists.get(container)
        if keyed is None:
            return carried
        # Keys that are null on read are refused on write.
        return {
            name: {k: v for k, v in item.items() if k not in keyed.stripped and v is not None}
            if isinstance(item, dict)
            else item
            for name, item in carried.items()
        }

    def _derived_edits(
        self, edits: list[Edit], raw: Mapping[str, Any], body: Mapping[str, Any]
    ) -> Iterator[Edit]:
        """The derived keys of every container that is replaced, from the value that will be in force."""
        given = {edit.path: edit for edit in edits}
        for row, derived in self._derived:
            if derived.path[0] not in body:
                continue
            source = row.points[0]
            edit = given.get(source.path)
            wire = edit.value if edit is not None else dig(raw, source.path)
            value = None if wire is ABSENT or wire is None else row.codec.decode(wire)
            # Without a price to compute from, what is live is carried through like any other key.
            if value is not None and not isinstance(value, Unreadable):
                yield Edit(derived.path, (derived.codec or row.codec).encode(value))

    @cached_property
    def _derived(self) -> tuple[tuple[Row, Point], ...]:
        points = {point.path: (row, point) for row in self.rows for point in row.points if point.derived}
        return tuple(points.values())

    def derived_paths(self, edits: Iterable[Edit]) -> frozenset[Path]:
        """The wire paths that the server computes from what ``edits`` change."""
        changed = {edit.path for edit in edits}
        return frozenset(point.path for row, point in self._derived if row.points[0].path in changed)

    def upstreams(self, edits: Iterable[Edit], raw: Mapping[str, Any]) -> Iterator[str]:
        """The addresses that the object's secrets are used at once ``edits`` are laid over ``raw``."""
        changed: set[Path] = set()
        for edit in edits:
            changed.add(self.shown_at(edit.path))
            yield from upstreams(self.row_at(edit.path), edit.path, edit.value)
        for path in self._upstream_paths - changed if raw else ():
            yield from upstreams(self.row_at(path), path, dig(raw, path))
        for container, row in self._free_containers:
            live = dig(raw, container)
            if isinstance(live, Mapping):
                left: dict[str, Any] = {container[-1]: _deep_copy(live)}
                for path in changed:
                    if path[: len(container)] == container and path != container:
                        _lay(left, Edit(path[len(container) - 1 :], cleared=True), None)
                yield from upstreams(row, container, left[container[-1]])

    @cached_property
    def _upstream_paths(self) -> frozenset[Path]:
        rows = (row for row in self.rows if row.upstream)
        return frozenset(self.shown_at(row.points[0].path) for row in rows)

    @cached_property
    def _free_containers(self) -> tuple[tuple[Path, Row], ...]:
        """The objects on the wire that may hold any key, as far as they read back and updates carry them."""
        return tuple(
            (point.path[:-1], row)
            for row in self.rows
            for point in row.points
            if point.path[-1] == REST
            and point.read
            and self.update.carries(point.path)
            and isinstance(row.codec, TreeOrSecret)
        )

    def portable_name(self, item: Field) -> Path:
        """The portable path of what a field holds, also for its native names; its own where there is none."""
        return self._portable_at.get(item.points[0].path, item.path)

    @cached_property
    def _portable_at(self) -> dict[Path, Path]:
        return {row.points[0].path: row.portable for row in self.rows if row.portable is not None}

    def row_at(self, path: Path) -> Row:
        """The row that stands at a wire path."""
        return (self._by_point.get(path) or self._by_pattern(path))[0]

    def is_plain(self, path: Path) -> bool:
        """Whether a row describes what stands at a wire path, and as no free value."""
        rows = [row for row in self.rows for point in row.points if _match(point.path, path) is not None]
        return bool(rows) and not any(row.secret or isinstance(row.codec, Tree) for row in rows)

    def _as_list(self, container: str, value: Any) -> Any:
        keyed = self.lists.get(container)
        if keyed is None or not isinstance(value, Mapping):
            return value
        return [
            item if name.startswith("\0") or not isinstance(item, Mapping) else {keyed.key: name, **item}
            for name, item in value.items()
        ]

    def unwrapped(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """``raw`` with its lists of objects as mappings by their key.

        A second item with the same key is kept under a name that no manifest can write.
        """
        result: dict[str, Any] | None = None
        for container, keyed in self.lists.items():
            items: Any = raw.get(container)
            if not isinstance(items, list):
                continue
            named: dict[str, Any] = {}
            for index, item in enumerate(items):
                name = item.get(keyed.key) if isinstance(item, Mapping) else None
                named[name if isinstance(name, str) and name not in named else f"\0{index}"] = item
            result = dict(raw) if result is None else result
            result[container] = named
        return raw if result is None else result

    # ---- proof

    @cached_property
    def _by_point(self) -> dict[Path, tuple[Row, Point]]:
        return {
            point.path: (row, point)
            for row in self.rows
            for point in row.points
            if ANY not in point.path and REST not in point.path
        }

    @cached_property
    def _plain_points(self) -> frozenset[Path]:
        """The wire paths that read back where they are written."""
        known = self._by_point.items()
        return frozenset(
            path for path, (row, point) in known if point.read and row.echo is not Echo.WRITE_ONLY
        )

    def not_held(self, edits: Iterable[Edit], raw: Mapping[str, Any], seen: Container[str]) -> list[Path]:
        """The paths of ``edits`` for which `holds` says no; of several of one path, the last one counts."""
        plain = self._plain_points
        lost: dict[Path, None] = {}
        for edit in edits:
            path, value = edit.path, edit.value
            # Nearly all stand one or two steps deep, and read back just as they were sent: seen at once.
            wire = raw.get(path[0])
            if len(path) > 1:
                wire = wire.get(path[1]) if len(path) == 2 and type(wire) is dict else dig(raw, path)
            if (_is_same(wire, value) and path in plain and not edit.cleared) or self.holds(
                edit, raw, seen
            ) is not False:
                if lost:
                    lost.pop(path, None)
            else:
                lost[path] = None
        return list(lost)

    def holds(self, edit: Edit, raw: Mapping[str, Any], seen: Container[str] = ()) -> bool | None:
        """Whether a live object holds what ``edit`` asked for; None where it does not read back.

        ``seen`` are keys that the registry shows of other objects, so that one without them has none.
        """
        row, point = self._by_point.get(edit.path) or self._by_pattern(edit.path)
        shows = point if point.read else next((other for other in row.points if other.read), None)
        if edit.secret is not None or shows is None or row.echo is Echo.WRITE_ONLY:
            return None
        wire = dig(raw, edit.path if shows is point else shows.path)
        if wire is ABSENT and shows.derived:
            return None  # zero is dropped on read, and the row's first point tells
        if row.echo is Echo.MAYBE and shows.path[0] not in raw and shows.path[0] not in seen:
            return None
        if shows is point and not edit.cleared and _is_same(wire, edit.value):
            return True
        live = None if wire is ABSENT else (shows.codec or row.codec).decode(wire)
        live = row.absent if live is None else live
        sent = (
            row.absent
            if edit.cleared or edit.value is None
            else (point.codec or row.codec).decode(edit.value)
        )
        return bool(live == sent)

    def shown_at(self, path: Path) -> Path:
        """The wire path at which what is written at ``path`` reads back; the same where nothing does."""
        row, point = self._by_point.get(path) or self._by_pattern(path)
        return path if point.read else next((other.path for other in row.points if other.read), path)

    def _by_pattern(self, path: Path) -> tuple[Row, Point]:
        for row in self.rows:
            for point in row.points:
                if _match(point.path, path) is not None:
                    return row, point
        raise InternalError(f"{self.kind}/{self.variant}: no row writes {'.'.join(path)}")


class Created(NamedTuple):
    """What a create sends, the defaults among it, and the demanded fields and choices that nothing gives."""

    edits: tuple[Edit, ...]
    defaults: tuple[tuple[Field, Value], ...]
    missing: tuple[Path, ...]
    unmet: tuple[Demand, ...] = ()


def dig(raw: Any, path: Path) -> Any:
    """The value at a wire path, or ABSENT."""
    for step in path:
        if type(raw) is not dict and not isinstance(raw, Mapping):  # the first is quick, and nearly always so
            return ABSENT
        raw = raw.get(step, ABSENT)
    return raw


def _is_same(wire: Any, sent: Any) -> bool:
    """Whether two wire values mean the same whatever they mean; no is no answer."""
    return type(wire) in _PLAIN and type(wire) is type(sent) and wire == sent and wire != ""


_PLAIN: Final = frozenset({bool, int, str, Decimal})


def _lay(body: dict[str, Any], edit: Edit, value: Any) -> None:
    target: Any = body
    for step in edit.path[:-1]:
        below = target.get(step)
        if not isinstance(below, dict):
            below = target[step] = {}
        target = below
    if edit.cleared:
        target.pop(edit.path[-1], None)
    else:
        target[edit.path[-1]] = value


def _differs(edit: Edit, wire: Any, item: Field) -> bool:
    live = None if wire is ABSENT else item.row.codec.decode(wire)
    live = item.row.absent if live is None else live
    wanted = item.row.absent if edit.cleared or edit.value is None else item.row.codec.decode(edit.value)
    return bool(live != wanted)


def _deep_copy(value: Any) -> Any:
    """A copy that shares nothing mutable. Wire values hold nothing but mappings, lists and scalars."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return {key: _deep_copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_deep_copy(item) for item in value]
    return value


def _match(pattern: Path, path: Path) -> tuple[Path, ...] | None:
    """What the wildcards of ``pattern`` stand for in ``path``, in order; None where it does not fit."""
    taken: list[Path] = []
    for index, step in enumerate(pattern):
        if step == REST:
            return (*taken, path[index:]) if len(path) > index else None
        if index >= len(path):
            return None
        if step == ANY:
            taken.append((path[index],))
        elif step != path[index]:
            return None
    return tuple(taken) if len(path) == len(pattern) else None


def _standing(raw: Any, pattern: Path, above: Path) -> Iterator[Path]:
    """The paths in ``raw`` that fit ``pattern``."""
    if not pattern:
        yield above
        return
    step, below = pattern[0], pattern[1:]
    keys = raw if isinstance(raw, Mapping) else ()
    for key in keys if step in (ANY, REST) else [step] if step in keys else []:
        if step == REST and isinstance(raw[key], Mapping) and raw[key]:
            yield from _standing(raw[key], pattern, (*above, key))
        else:
            yield from _standing(raw[key], below, (*above, key))


def _fill(pattern: Path, taken: tuple[Path, ...]) -> Path:
    steps: list[str] = []
    values = iter(taken)
    for step in pattern:
        steps.extend(next(values) if step in (ANY, REST) else (step,))
    return tuple(steps)


def _starts(path: Path, above: Path) -> bool:
    return all(step in (ANY, given) for step, given in zip(path, above, strict=False))
