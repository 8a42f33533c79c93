"""Desired x live -> changes. Both sides in normal forms; equality is `==`, without tolerance."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from reconciler.desired import Desired
from reconciler.destinations import destinations
from reconciler.draft import above
from reconciler.errors import InternalError
from reconciler.manifests.concealing import HIDDEN, concealed, reads_like_one
from reconciler.manifests.problems import dotted
from reconciler.manifests.yamltree import Map, locate
from reconciler.money import PER_1M_TOKENS, InexactPrice, Price, Unit
from reconciler.plan import UNSET, Change, Shown, Unmanaged, shown
from reconciler.refusal import PlanPlace, Refusal
from reconciler.registries.addresses import upstreams
from reconciler.registries.codecs import Json, Tree, Unreadable, Value
from reconciler.registries.interface import LiveObject
from reconciler.registries.rows import (
    ABSENT,
    Clear,
    Contradiction,
    Created,
    Declared,
    Echo,
    Edit,
    Field,
    Path,
    Table,
    dig,
)
from reconciler.secrets import SecretRef


@dataclass(frozen=True, slots=True)
class Difference:
    """How one manifest and its live object differ: the changes, what an update sends, what it cannot."""

    changes: tuple[Change, ...]
    edits: tuple[Edit, ...]
    refusals: tuple[Refusal, ...]
    unverified: tuple[str, ...]
    notes: tuple[str, ...] = ()


EQUAL = Difference((), (), (), ())
NEVER_READ = Unreadable("never read back")


def compare(
    desired: Desired,
    table: Table,
    live: LiveObject,
    *,
    unseen: frozenset[Path] = frozenset(),
    resend: Collection[str] = (),
) -> Difference:
    """Every declared field that differs from what is live, with the edits that would end that.

    ``unseen`` are the keys (as wire paths) that this registry shows of no object; ``resend`` the
    manifest paths that are sent although nobody can tell what is live.
    """
    raw = live.raw
    unverified: list[str] = []
    blind: list[tuple[Field, Value]] = []
    differing: list[tuple[Path, Field, Value, Value]] = []
    shape, given = desired.fields.shape, desired.fields.given
    comparison = shape.comparison(unseen)
    indexes = comparison.doubtful(given, raw)
    if comparison.blind:
        indexes = sorted({*indexes, *comparison.blind})
    for index in indexes:
        path, item, value = shape.paths[index], shape.items[index], given[index]
        if is_blind(item, value, unseen):
            unverified.append(dotted(path))
            blind.append((item, value))
            is_there = any(point.path in live.hidden for point in item.points)
            if is_there if value is None else dotted(path) in resend:
                differing.append((path, item, NEVER_READ, value))
            continue
        there = item.read(raw)
        if there != item.wanted(value):
            differing.append((path, item, there, value))
    if not differing:
        return Difference((), (), (), tuple(unverified)) if unverified else EQUAL
    changes: list[Change] = []
    edits: dict[Path, Edit] = {}
    differs: list[tuple[Field, Value]] = []
    declared = Declared(desired.name, desired.fields.normal())
    refusals = [
        Refusal("cannot-express", f"{dotted(path)}: {message}", None, (dotted(path),))
        for path, message in table.clashes(declared, raw)
    ]
    for path, item, there, value in differing:
        changes.append(_change(desired, path, item, there, value, raw=raw))
        problem = _why_not(table, item, path, value, raw) or _other_currency(table, path, there, value)
        if problem is not None:
            refusals.append(problem)
            continue
        differs.append((item, value))
    for item, value in table.in_order(differs):
        edits.update({edit.path: edit for edit in table.update_edits(item, value, raw)})
    if not edits and not refusals:
        raise InternalError(f"{desired.name}: a change without a request: {[c.path for c in changes]}")
    refusals += _go_along(table, desired, edits, live, blind=blind, unseen=unseen)
    notes = tuple(_replaced_unread(table, edits, raw))
    return Difference(tuple(changes), tuple(edits.values()), tuple(refusals), tuple(unverified), notes)


def _replaced_unread(table: Table, edits: Collection[Path], raw: Mapping[str, Any]) -> Iterator[str]:
    """What an update replaces whole although this object does not show it."""
    maybe = {row.points[0].path[0] for row in table.rows if row.echo is Echo.MAYBE}
    sent = {path[0] for path in edits}
    for name in table.update.replaces:
        if name in maybe & sent and not isinstance(raw.get(name), Mapping):
            yield f"replaces {name} whole: what is not declared there may be lost"


def is_blind(item: Field, value: Value, unseen: Collection[Path]) -> bool:
    """Whether nothing tells what is live of a field that is declared as ``value``."""
    if item.row.echo is Echo.WRITE_ONLY or isinstance(value, SecretRef):
        return True
    return item.row.echo is Echo.MAYBE and item.points[0].path[:1] in unseen


def _go_along(
    table: Table,
    desired: Desired,
    edits: dict[Path, Edit],
    live: LiveObject,
    *,
    blind: Iterable[tuple[Field, Value]],
    unseen: Collection[Path],
) -> Iterator[Refusal]:
    """Adds what must go along with ``edits`` in the same body, and tells what that would destroy."""
    call = table.update
    plain = {path for path in edits if table.row_at(path).switch is None}
    if not plain:
        return
    containers = {path[0] for path in plain}
    for item, value in blind:
        # What does not read back would be lost from a body that replaces everything around it.
        if value is None and not (call.whole and item.row.clear is Clear.OMITTED):
            continue
        for edit in table.update_edits(item, value, live.raw):
            if call.whole or (edit.path[0] in containers and call.carries(edit.path)):
                edits[edit.path] = edit
                plain.add(edit.path)
    along, missing = table.accompanying(call, plain, live.raw)
    edits.update({edit.path: edit for edit in along})
    if missing:
        names = tuple(dotted(path) for path in missing)
        message = (
            f"{table.title}: updating demands {', '.join(names)}, which cannot be read from the live one"
        )
        yield Refusal("incomplete", message, "declare it", names)
    given = {
        path: edits[path].secret or edits[path].value for path in [*plain, *(edit.path for edit in along)]
    }
    declared = _declared_at(desired)
    if call.whole:
        given = declared | given
        yield from _dark(table, readable_points(desired), unseen)
    else:
        # Null is sent nowhere, and says all the same that nothing is to be kept there.
        given |= {
            path: None
            for path, value in declared.items()
            if value is None and path not in given and path[0] in containers
        }
    closed = table.closed(live.raw)
    if closed is not None:
        message, fix = closed
        yield Refusal("unreadable", message, fix, ())
    lost = table.loses(given, live.raw, live.hidden)
    if lost is not None:
        message, fix = lost
        yield Refusal("unreadable-secret", message, fix, ())


def _declared_at(desired: Desired) -> dict[Path, Value]:
    """What the manifest declares, by the wire paths at which an update would write it."""
    return {
        point.path: value for item, value in desired.fields.values() for point in item.points if point.update
    }


def readable_points(desired: Desired) -> set[Path]:
    """The wire paths of what the manifest declares, but for secrets: a key says nothing of what is beside."""
    return {
        point.path
        for item, _ in desired.fields.values()
        for point in item.points
        if point.update and not item.row.secret
    }


def _dark(table: Table, given: Collection[Path], unseen: Collection[Path]) -> Iterator[Refusal]:
    """Objects that no live one shows, and of which nothing is declared: a whole body would reset them."""
    for name in sorted({path[0] for path in unseen} - {path[0] for path in given}):
        yield Refusal(
            "unreadable",
            f"the registry shows `{name}` of no {table.resource.lower()}, and an update replaces everything: "
            f"what is live there would be lost",
            f"declare what native.{table.kind}.{name} shall hold; null for a key of it that shall not be set",
            (f"native.{table.kind}.{name}",),
        )


def creation(desired: Desired, table: Table, created: Created | None = None) -> tuple[Difference, Created]:
    """What a create sends, as changes from nothing, and what it lacks. ``created`` where it is known."""
    created = created or table.create_edits(desired.fields, desired.name)
    places = _Places(desired)
    changes: list[Change] = []
    unverified = []
    for path, (item, value) in desired.fields.items():
        if value is None or not item.is_created:
            continue
        changes.append(_made(path, item, value, desired.units.get(path), places.of(path)))
        if is_blind(item, value, ()):
            unverified.append(_dotted(path))
    changes += [
        _made(item.path, item, value, desired.units.get(item.path), None) for item, value in created.defaults
    ]
    return Difference(tuple(changes), created.edits, (), tuple(unverified)), created


def declared_changes(before: Desired, after: Desired) -> tuple[Change, ...]:
    """Every field that two manifests declare differently, as changes; ``live`` is what was declared before.

    Values are compared in their normal forms: another spelling of a number or a unit is no change.
    """
    changes = []
    for path in dict.fromkeys([*before.fields, *after.fields]):
        old, new = before.fields.get(path), after.fields.get(path)
        given = new or old
        assert given is not None
        item = given[0]
        there, value = (None if one is None else one[1] for one in (old, new))
        if there == value and (old is None) == (new is None):
            continue
        change = _change(after if new is not None else before, path, item, there, value, raw={})
        closed = _is_closed(item)
        wire = None if there is None or closed else _open(item, _wire(item, there))
        notes = [] if change.note is None else [change.note]
        if new is None:
            notes.append("declared no more: what is live stays")
        elif value is None and there is None:
            notes.append("declared as null: what is live is cleared")
        unit = after.units.get(path) or before.units.get(path)
        changes.append(
            replace(
                change,
                live=_shown(item, there, unit),
                desired=_shown(item, value, unit),
                place=None if new is None else change.place,
                wire_live=wire,
                note="; ".join(notes) or None,
            )
        )
    return tuple(changes)


def declared_value(desired: Desired, path: Path) -> Shown:
    """What a manifest declares for one of its fields, as a plan shows it."""
    item, value = desired.fields[path]
    return _shown(item, value, desired.units.get(path))


def unmanaged(desired: Desired, live: LiveObject) -> Iterator[Unmanaged]:
    """The fields that are set live and that the manifest leaves out."""
    context: Declared | None = None
    raw = live.raw
    for item in desired.fields.shape.undeclared(raw):
        value = item.read(raw)
        if item.is_unset(value):
            continue
        row = item.row
        if value == row.absent:
            continue
        if row.default is not None:
            context = context or Declared(desired.name, desired.fields.normal())
            if value == row.default(context):
                continue
        yield Unmanaged(dotted(item.path), _shown(item, value), row.clear is not Clear.NEVER)


def _why_not(table: Table, item: Field, path: Path, value: Value, raw: Mapping[str, Any]) -> Refusal | None:
    """Why an update cannot bring a field that differs to ``value``, or None."""
    name = dotted(path)
    if not item.row.updatable and item.row.secret:
        anew = "delete the model in the registry: the next apply makes it anew, with the new key"
        if not table.identity.client_chosen:
            anew += f" and another id (a {dotted(table.identity.pin)} in the manifest must go, too)"
        message = f"{name}: {table.title} takes a key on create only; no update rotates it"
        return Refusal("cannot-express", message, anew, (name,))
    if not item.row.updatable:
        return Refusal(
            "cannot-express",
            f"{name}: {table.title} sets it on create only; no update takes it",
            "set it back in the manifest, or make a new model under another id and retire this one",
            (name,),
        )
    if item.row.existing and dig(raw, item.points[0].path[:2]) is ABSENT:
        return Refusal(
            "cannot-express",
            f"{name}: an update cannot add '{item.points[0].path[1]}', because it needs an id "
            "that only the server makes",
            "add it in the registry, or make a new model under another id",
            (name,),
        )
    if item.row.one_way and item.wanted(value) == item.row.absent:
        fix = "leave the field out, or make a new model and retire this one"
        return Refusal("cannot-express", f"{name}: {table.title} has no way to unset it", fix, (name,))
    if value is None and item.row.clear is Clear.NEVER and item.row.absent is None:
        fix = "write a value, or leave the field out"
        return Refusal("cannot-express", f"{name}: {table.title} has no way to clear it", fix, (name,))
    return None


def _other_currency(table: Table, path: Path, there: Value, value: Value) -> Refusal | None:
    """An amount that is sent would be taken for one in the currency that the object is in."""
    if not isinstance(there, Price) or not isinstance(value, Price) or there.currency == value.currency:
        return None
    message = (
        f"{dotted(path)}: is in {there.currency} there, not in {value.currency}, and no update of "
        f"{table.title} sets the currency"
    )
    fix = "leave the prices out for this registry, or make a new model and retire this one"
    return Refusal("cannot-express", message, fix, (dotted(path),))


def contradictions(desired: Desired, live: LiveObject) -> Iterator[str]:
    """What the price fields of a live object say against each other, of prices that are not declared:
    a declared one is a change."""
    raw = live.raw
    for item in desired.fields.shape.undeclared_prices:
        for point in item.points:
            if dig(raw, point.path) is not ABSENT:
                value = item.read(raw)
                if isinstance(value, Contradiction):
                    yield f"{dotted(item.path)} {value}"
                break


@lru_cache(maxsize=8192)
def _dotted(path: Path) -> str:
    """`dotted`, of which every manifest asks for the same few."""
    return dotted(path)


class _Places:
    """Where the values of one manifest are written. Its tree is gone through once for all of them."""

    def __init__(self, desired: Desired) -> None:
        self._desired = desired
        self._document = desired.manifest.document
        self._around: dict[Path, Any] = {}
        """The object around a value, by its path; None where there is none."""

    def of(self, path: Path) -> PlanPlace:
        """Where the value of ``path`` is written."""
        desired = self._desired
        whole = (*above(desired.registry, overridden=path in desired.overridden), *path)
        around, last = whole[:-1], whole[-1]
        if around not in self._around:
            self._around[around] = _object_at(self._document.root, around)
        node = self._around[around]
        if node is not None and last in node:
            return PlanPlace(self._document.file, *node.value_place(last))
        place = locate(self._document, whole)
        return PlanPlace(place.file, place.line, place.column)


def _object_at(root: Any, path: Path) -> Map | None:
    for step in path:
        if not isinstance(root, Map) or step not in root:
            return None
        root = root[step]
    return root if isinstance(root, Map) else None


def _made(path: Path, item: Field, value: Value, unit: Unit | None, place: PlanPlace | None) -> Change:
    """A field that a create sets; one without a place is a default."""
    row = item.row
    return Change(
        _dotted(path),
        UNSET,
        _shown(item, value, unit),
        place,
        None,
        None if _is_closed(item) else _open(item, _wire(item, value)),
        place is None,
        _note(item, None, value, {}) if row.note or row.probed else None,
    )


def _change(
    desired: Desired, path: Path, item: Field, there: Value, value: Value, *, raw: Mapping[str, Any]
) -> Change:
    place = desired.place(path)
    wire_there = ABSENT if item.shown is None else dig(raw, item.shown.path)
    return Change(
        path=_dotted(path),
        live=UNSET if item.is_unset(there) else _shown(item, there, desired.units.get(path)),
        desired=_shown(item, value, desired.units.get(path)),
        place=PlanPlace(place.file, place.line, place.column),
        wire_live=None if wire_there is ABSENT or _is_closed(item) else _open(item, wire_there),
        wire_desired=None if value is None or _is_closed(item) else _open(item, _wire(item, value)),
        note=_note(item, there, value, raw),
        details=_details(item, there, value),
    )


def _is_closed(item: Field) -> bool:
    """Whether wire values of a field may be, or hold, credentials."""
    return item.row.secret or (isinstance(item.row.codec, Tree) and item.row.codec.free)


def _open(item: Field, wire: Any) -> Any:
    """A wire value as plans may hold it."""
    return concealed(wire, by_key=False) if isinstance(item.row.codec, Tree) else wire


def _wire(item: Field, value: Value) -> Any:
    return None if isinstance(value, SecretRef) else item.row.codec.encode(value)


def _shown(item: Field, value: Value, unit: Unit | None = None) -> Shown:
    """A value in the words and the unit of the manifest; tokens per 1M where it names none."""
    if value is None:
        return UNSET
    value = item.row.codec.shown(value, native=item.native)
    if isinstance(value, Unreadable) and reads_like_one(value.text):
        value = Unreadable(HIDDEN)
    if isinstance(value, Price) and not item.native:
        wanted = unit or (PER_1M_TOKENS if value.unit.dimension == "token" else value.unit)
        try:
            value = value.to(wanted)
        except InexactPrice:
            return shown(value)
    return shown(value)


def _note(item: Field, there: Value, value: Value, raw: Mapping[str, Any]) -> str | None:
    notes = [item.row.note] if item.row.note else []
    if item.row.probed and raw:
        notes.append("the registry probes the endpoint again, with the stored key, before it stores this")
    elif item.row.probed and item.row.upstream:
        notes.append("the registry probes the endpoint, with the key, before it stores the model")
    if item.row.upstream and isinstance(value, str) and isinstance(there, str) and raw:
        before, after = (destinations(upstreams(item.row, item.path, each), None) for each in (there, value))
        notes += [] if before == after else [f"sends the stored key to {after[0]}"]
    return "; ".join(notes) or None


_IN_PARTS: Final = (Json, tuple)


def _details(item: Field, there: Value, value: Value) -> tuple[str, ...]:
    """Which parts of two trees or lists differ."""
    if not isinstance(value, _IN_PARTS) or not isinstance(there, _IN_PARTS) or not there:
        return ()
    from deepdiff import DeepDiff  # noqa: PLC0415 - 93 ms, and only pairs that differ get here

    there, value = (item.row.codec.shown(each, native=True) for each in (there, value))
    before = there.value if isinstance(there, Json) else list(there)
    after = value.value if isinstance(value, Json) else list(value)
    text = DeepDiff(before, after, verbose_level=2, threshold_to_diff_deeper=0).pretty()
    # What changed as a whole is said by the change itself.
    lines = (line for line in text.splitlines() if "root[" in line)
    return tuple(line.replace("root", "", 1) for line in lines)
