"""Which live object a manifest means: one, none, or ambiguous. One to one over the whole registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from reconciler.desired import Desired
from reconciler.manifests.problems import dotted
from reconciler.refusal import Refusal
from reconciler.registries import KINDS
from reconciler.registries.interface import LiveObject, Observation
from reconciler.registries.rows import Created, Declared, Edit, Path, Table, dig, own_name

if TYPE_CHECKING:
    from reconciler.plan import PlannedEdit

Nearness = tuple[str, str]
"""The id of a live object, and the wire paths in which it is like a create."""


Look = tuple[str, str, tuple[Path, ...], tuple[str, ...]]
"""A resource, a variant (empty: any), and texts at wire paths, of which one look makes a create alike."""


class Near:
    """Objects of ours by what makes a create of ``tables`` like them."""

    def __init__(self, tables: Iterable[Table], objects: Iterable[LiveObject]) -> None:
        self._keys = {(table.resource, *key) for table in tables for key in _near_keys(table)}
        self._ids: dict[Look, set[str]] = defaultdict(set)
        for live in objects:
            self.add(live)

    def add(self, live: LiveObject) -> None:
        for resource, variant, paths in self._keys if live.ours else ():
            values = _texts(paths, partial(dig, live.raw))
            if values is not None and variant in ("", live.variant) and resource == live.resource:
                self._ids[resource, variant, paths, values].add(live.id)

    def like(self, looks: Iterable[Look]) -> frozenset[Nearness]:
        """What has one of ``looks``."""
        found: set[Nearness] = set()
        for look in looks:
            ids = self._ids.get(look)
            if ids:
                what = " and ".join(".".join(path) for path in look[2])
                found.update((live, what) for live in ids)
        return frozenset(found)


def shows(table: Table, edits: Iterable[Edit | PlannedEdit]) -> dict[Path, object]:
    """What an object shows after a create with ``edits``, by the wire paths at which it does."""
    return {table.shown_at(edit.path): edit.value for edit in edits}


def looks(table: Table, sent: Mapping[Path, object]) -> tuple[Look, ...]:
    """Everything that makes a create alike which shows ``sent``."""
    keys = ((variant, paths, _texts(paths, sent.get)) for variant, paths in _near_keys(table))
    return tuple(
        (table.resource, variant, paths, values) for variant, paths, values in keys if values is not None
    )


def _near_keys(table: Table) -> list[tuple[str, tuple[Path, ...]]]:
    """The natural key, within the variant, and each path of which one alone makes a create alike."""
    keys: list[tuple[str, tuple[Path, ...]]] = [("", (path,)) for path in table.identity.resembles]
    return [(table.variant, table.identity.natural), *keys] if table.identity.natural else keys


@dataclass(frozen=True, slots=True)
class Found:
    """The live object, and whether it was taken by what it is rather than by its id."""

    live: LiveObject
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """No live object; ``resembling`` are unclaimed ones that a create would stand beside.

    ``near`` are all that are like it, claimed ones included: what a create rests on. ``shadowed`` is
    the vendor's object that has the name. ``created`` is what the manifest alone makes a create send.
    """

    resembling: tuple[tuple[LiveObject, str], ...] = ()
    near: frozenset[Nearness] = frozenset()
    shadowed: LiveObject | None = None
    created: Created | None = None


@dataclass(frozen=True, slots=True)
class Unclear:
    """A match that must not be guessed, and the live objects that it is about."""

    refusal: Refusal
    about: tuple[LiveObject, ...] = ()


Match = Found | Missing | Unclear


def wanted_key(desired: Desired, table: Table) -> tuple[str | None, bool]:
    """What a manifest's object is named by, and whether the manifest pins it outright.

    None where the server makes the name and none is pinned, or the manifest lacks what it is made of.
    """
    pinned = desired.fields.get(table.identity.pin)
    if pinned is not None and pinned[1]:
        return str(pinned[1]), True
    if not table.identity.client_chosen:
        return None, False
    key = table.identity.key
    if key is own_name:
        return desired.name, False
    return key(Declared(desired.name, desired.fields.normal())), False


def match_all(wanted: Sequence[Desired], observation: Observation) -> list[Match]:
    """One match for each of ``wanted``, in order."""
    return _Matching(wanted, observation).run()


class _Matching:
    def __init__(self, wanted: Sequence[Desired], observation: Observation) -> None:
        self.wanted = wanted
        self.matches: dict[int, Match] = {}
        self.by_name: list[dict[str, dict[str, LiveObject]]] = []
        """The first live object of each name, by the rank of the name and by resource."""
        self.namesakes: dict[tuple[int, str, str], list[LiveObject]] = defaultdict(list)
        """The others of a name."""
        self.shadowed: dict[int, LiveObject] = {}
        self.claims: dict[int, int] = {}
        """Which manifest means a live object, by the identity of the object."""
        self.contested: dict[int, list[int]] = {}
        """Those that mean one object, where there are several."""
        self.objects = observation.objects
        for live in observation.objects:
            for rank, name in enumerate(live.names):
                if rank == len(self.by_name):
                    self.by_name.append(defaultdict(dict))
                known = self.by_name[rank][live.resource]
                if name in known:
                    self.namesakes[rank, live.resource, name].append(live)
                else:
                    known[name] = live

    def run(self) -> list[Match]:
        for index, desired in enumerate(self.wanted):
            if desired.table is not None:
                self._by_key(index, desired, desired.table)
        self._adopt()
        self._settle_claims()
        self._look_for_renames()
        self._settle_creates()
        return [self.matches.get(index, Missing()) for index in range(len(self.wanted))]

    def _named(self, table: Table, key: str) -> list[LiveObject]:
        """The live objects of that name; by the best of their names by which there is one."""
        for rank, names in enumerate(self.by_name):
            found = names[table.resource].get(key)
            if found is not None:
                return [found, *self.namesakes.get((rank, table.resource, key), ())]
        return []

    def _by_key(self, index: int, desired: Desired, table: Table) -> None:
        wanted, pinned = wanted_key(desired, table)
        if wanted is None:
            return
        found = self._named(table, wanted)
        if table.identity.shadows and found and not found[0].ours:
            self.shadowed[index] = found[0]
        if table.identity.shadows:
            found = [live for live in found if live.ours]
        if len(found) == 1 and found[0].ours != table.vendors and found[0].variant == table.variant:
            self._claim(index, found[0], adopted=False)
            return
        pin, what = dotted(table.identity.pin), table.resource.lower()
        if len(found) > 1:
            self.matches[index] = _several(desired, found, f"are named '{wanted}'", table)
        elif found and found[0].ours == table.vendors:
            self.matches[index] = _not_of_this_owner(table, wanted, pin, found)
        elif found and found[0].variant != table.variant:
            message = (
                f"'{wanted}' is live as a {what} of the variant {found[0].variant}; "
                f"this manifest describes one of the variant {table.variant}"
            )
            message += f": {table.described_by}" if table.described_by else ""
            self.matches[index] = _unclear(
                "wrong-variant", message, f"choose another id with {pin}", pin, found
            )
        elif table.vendors:
            message = f"the vendor has no built-in {what} '{wanted}'"
            self.matches[index] = _unclear("pin-missing", message, f"correct {pin}", pin, ())
        elif pinned and not table.identity.client_chosen:
            message = f"no live {what} has the pinned id '{wanted}', which the server makes"
            self.matches[index] = _unclear("pin-missing", message, f"delete {pin}, or correct it", pin, ())

    def _claim(self, index: int, live: LiveObject, *, adopted: bool) -> None:
        self.matches[index] = Found(live, adopted)
        first = self.claims.setdefault(id(live), index)
        if first != index:
            self.contested.setdefault(id(live), [first]).append(index)

    def _open(self) -> list[tuple[int, Desired, Table]]:
        """The manifests without a match so far."""
        return [
            (index, desired, desired.table)
            for index, desired in enumerate(self.wanted)
            if index not in self.matches and desired.table is not None
        ]

    def _free(self) -> list[LiveObject]:
        """The objects of ours that no manifest has claimed so far."""
        return [live for live in self.objects if live.ours and id(live) not in self.claims]

    def _adopt(self) -> None:
        """Manifests without a pin take the one unclaimed object of ours with the same natural key."""
        open_ = [entry for entry in self._open() if not wanted_key(*entry[1:])[1]]
        natural: dict[tuple[str, ...], list[LiveObject]] = defaultdict(list)
        for table in {table.variant: table for _, _, table in open_}.values():
            for live in self._free():
                key = natural_key(table, partial(dig, live.raw))
                if live.variant == table.variant and key is not None:
                    natural[table.variant, *key].append(live)
        for index, desired, table in open_:
            key = natural_key(table, _declared(desired, table).get)
            found = [] if key is None else natural[table.variant, *key]
            if len(found) > 1:
                words = " and ".join(".".join(path) for path in table.identity.natural)
                self.matches[index] = _several(desired, found, f"have the same {words}", table)
            elif found:
                self._claim(index, found[0], adopted=True)

    def _settle_claims(self) -> None:
        for indexes in self.contested.values():
            names = self._names(indexes)
            for index in indexes:
                match, table = self.matches[index], self.wanted[index].table
                assert isinstance(match, Found)
                assert table is not None
                pin, what = dotted(table.identity.pin), table.resource.lower()
                message = f"several manifests mean the live {what} {match.live.label}: {names}"
                self.matches[index] = _unclear(
                    "ambiguous", message, f"give each its own {pin}", pin, [match.live]
                )

    def _names(self, indexes: Iterable[int]) -> str:
        """Manifests with their places."""
        wanted = [self.wanted[index] for index in indexes]
        return ", ".join(f"{each.name} ({each.manifest.place('metadata', 'name')})" for each in wanted)

    def _settle_creates(self) -> None:
        """No two manifests create the same model: it would be made twice, or by one of them only."""
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for index, match in self.matches.items():
            desired = self.wanted[index]
            if not isinstance(match, Missing) or desired.table is None:
                continue
            made_by = desired.table
            wanted, _ = wanted_key(desired, made_by)
            if wanted is not None:
                groups["key", made_by.resource, wanted].append(index)
            elif key := natural_key(made_by, _declared(desired, made_by).get):
                groups["natural", made_by.resource, made_by.variant, *key].append(index)
        for indexes in groups.values():
            for index in indexes if len(indexes) > 1 else ():
                one = self.wanted[index]
                assert one.table is not None
                table = one.table
                pin, what = dotted(table.identity.pin), table.resource.lower()
                if table.identity.client_chosen:
                    same = f"the {table.identity.pin[-1]} '{wanted_key(one, table)[0]}'"
                    fix = f"give each its own {pin}"
                else:
                    words = " and ".join(".".join(path) for path in table.identity.natural)
                    same = f"the same {words}"
                    fix = f"delete one of them, or pin the live {what} that it means with {pin}"
                message = f"several manifests would create a {what} with {same}: {self._names(indexes)}"
                self.matches[index] = _unclear("ambiguous", message, fix, pin, ())

    def _look_for_renames(self) -> None:
        creates = self._open()
        beside = Near({table.variant: table for _, _, table in creates}.values(), self.objects)
        values: dict[tuple[str, Path, object], list[LiveObject]] = defaultdict(list)
        for path in {path for _, _, table in creates for path in table.identity.resembles}:
            for live in self._free():
                wire = dig(live.raw, path)
                if isinstance(wire, str) and wire:
                    values[live.resource, path, wire].append(live)
        for index, desired, table in creates:
            created = table.create_edits(desired.fields, desired.name)
            sent = shows(table, created.edits)
            near: dict[str, tuple[LiveObject, str]] = {}
            for path in table.identity.resembles:
                for live in values.get((table.resource, path, sent.get(path)), ()):
                    near.setdefault(live.id, (live, ".".join(path)))
            resembling = tuple(near[key] for key in sorted(near))
            alike = beside.like(looks(table, sent))
            self.matches[index] = Missing(resembling, alike, self.shadowed.get(index), created)


def natural_key(table: Table | None, value: Callable[[Path], object]) -> tuple[str, ...] | None:
    """The natural key, with ``value`` giving what stands at a wire path; None where it has a gap."""
    return None if table is None else _texts(table.identity.natural, value)


def _texts(paths: Sequence[Path], value: Callable[[Path], object]) -> tuple[str, ...] | None:
    """What ``value`` gives for each path; None where one of them is no text, or empty."""
    texts = [text for path in paths if isinstance(text := value(path), str) and text]
    return tuple(texts) if texts and len(texts) == len(paths) else None


def _declared(desired: Desired, table: Table) -> dict[Path, object]:
    """What an object of this manifest shows, by wire path, for what the manifest declares as text."""
    found: dict[Path, object] = {}
    for item, value in desired.fields.values():
        if isinstance(value, str):
            first = item.points[0]
            found.setdefault(table.shown_at(first.path), (first.codec or item.row.codec).encode(value))
    return found


def _not_of_this_owner(table: Table, wanted: str, pin: str, found: Sequence[LiveObject]) -> Unclear:
    what = table.resource.lower()
    if table.vendors:
        message = f"'{wanted}' is a {what} of your own, not one of the vendor's"
        return _unclear("not-built-in", message, f"describe it without {pin}", pin, found)
    message = f"'{wanted}' is a built-in {what} of the vendor, which is never touched"
    fix = f"choose another {table.identity.pin[-1]} with {pin}"
    switched = KINDS[table.kind].tables.get(found[0].variant)
    if switched is not None and switched.vendors:
        fix += f", or write {dotted(switched.identity.pin)}: {wanted} alone, to switch it"
    return _unclear("not-ours", message, fix, pin, found)


def _several(desired: Desired, found: Iterable[LiveObject], why: str, table: Table) -> Unclear:
    pin = dotted(table.identity.pin)
    message = f"several live {table.resource.lower()}s {why}: {', '.join(live.label for live in found)}"
    fix = f"pin the one that '{desired.name}' means with {pin}"
    if table.identity.client_chosen and not table.identity.unique:
        fix = "delete or rename all but one of them in the registry: it does not keep names apart"
    return _unclear("ambiguous", message, fix, pin, found)


def _unclear(code: str, message: str, fix: str, path: str, about: Iterable[LiveObject]) -> Unclear:
    return Unclear(Refusal(code, message, fix, (path,)), tuple(about))


def left_alone(matches: Iterable[Match], observation: Observation) -> list[LiveObject]:
    """The objects of ours that no manifest means, or may mean."""
    taken: set[int] = set()
    for match in matches:
        if isinstance(match, Found):
            taken.add(id(match.live))
        elif isinstance(match, Unclear):
            taken.update(id(live) for live in match.about)
    return [live for live in observation.objects if live.ours and id(live) not in taken]
