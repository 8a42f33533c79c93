"""Which live object a manifest means: one, none, or ambiguous. One to one over the whole registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from reconciler.desired import Desired
from reconciler.manifests.problems import dotted
from reconciler.plan import Refusal
from reconciler.registries.interface import LiveObject, Observation
from reconciler.registries.rows import ABSENT, Edit, Path, Table, dig

Nearness = tuple[str, str]
"""The id of a live object, and the wire paths in which it is like a create."""


class Near:
    """Objects of ours by what makes a create of ``tables`` like them."""

    def __init__(self, tables: Iterable[Table], objects: Iterable[LiveObject]) -> None:
        self._keys = {key for table in tables for key in _near_keys(table)}
        self._ids: dict[tuple[str, tuple[Path, ...], tuple[str, ...]], set[str]] = defaultdict(set)
        for live in objects:
            self.add(live)

    def add(self, live: LiveObject) -> None:
        for variant, paths in self._keys if live.ours else ():
            values = _texts(paths, partial(dig, live.raw))
            if values is not None and variant in ("", live.variant):
                self._ids[variant, paths, values].add(live.id)

    def of(self, table: Table, edits: Iterable[Edit]) -> frozenset[Nearness]:
        """What a create that sends ``edits`` is like."""
        sent = {edit.path: edit.value for edit in edits}
        found: set[Nearness] = set()
        for variant, paths in _near_keys(table):
            values = _texts(paths, sent.get)
            what = " and ".join(".".join(path) for path in paths)
            ids = () if values is None else self._ids.get((variant, paths, values), ())
            found.update((live, what) for live in ids)
        return frozenset(found)


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

    ``near`` are all that are like it, claimed ones included: what a create rests on.
    """

    resembling: tuple[tuple[LiveObject, str], ...] = ()
    near: frozenset[Nearness] = frozenset()


@dataclass(frozen=True, slots=True)
class Unclear:
    """A match that must not be guessed, and the live objects that it is about."""

    refusal: Refusal
    about: tuple[LiveObject, ...] = ()


Match = Found | Missing | Unclear


def wanted_id(desired: Desired, table: Table) -> tuple[str, bool]:
    """The id that a manifest means, and whether it pins it outright."""
    pinned = desired.fields.get(table.identity.pin)
    return (str(pinned[1]), True) if pinned is not None and pinned[1] else (desired.name, False)


def match_all(wanted: Sequence[Desired], observation: Observation) -> list[Match]:
    """One match for each of ``wanted``, in order."""
    return _Matching(wanted, observation).run()


class _Matching:
    def __init__(self, wanted: Sequence[Desired], observation: Observation) -> None:
        self.wanted = wanted
        self.matches: dict[int, Match] = {}
        self.by_id: dict[tuple[str, str], list[LiveObject]] = defaultdict(list)
        self.claims: dict[int, list[int]] = defaultdict(list)
        self.objects = observation.objects
        for live in observation.objects:
            self.by_id[live.resource, live.id].append(live)

    def run(self) -> list[Match]:
        for index, desired in enumerate(self.wanted):
            if desired.table is not None:
                self._by_id(index, desired, desired.table)
        self._adopt()
        self._settle_claims()
        self._look_for_renames()
        self._settle_creates()
        return [self.matches.get(index, Missing()) for index in range(len(self.wanted))]

    def _by_id(self, index: int, desired: Desired, table: Table) -> None:
        wanted, pinned = wanted_id(desired, table)
        found = self.by_id.get((table.resource, wanted), [])
        pin = dotted(table.identity.pin)
        if len(found) > 1:
            self.matches[index] = _several(desired, found, f"have the id '{wanted}'", pin)
        elif found and not found[0].ours:
            message = f"'{wanted}' is a built-in model of the vendor, which is never touched"
            self.matches[index] = _unclear("not-ours", message, f"choose another id with {pin}", pin, found)
        elif found and found[0].variant != table.variant:
            message = (
                f"'{wanted}' is live as a model of the variant {found[0].variant}; "
                f"this manifest describes one of the variant {table.variant}"
            )
            self.matches[index] = _unclear(
                "wrong-variant", message, f"choose another id with {pin}", pin, found
            )
        elif found:
            self._claim(index, found[0], adopted=False)
        elif pinned and not table.identity.client_chosen:
            message = f"no live model has the pinned id '{wanted}', which the server makes"
            self.matches[index] = _unclear("pin-missing", message, f"delete {pin}, or correct it", pin, ())

    def _claim(self, index: int, live: LiveObject, *, adopted: bool) -> None:
        self.matches[index] = Found(live, adopted)
        self.claims[id(live)].append(index)

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
        open_ = [entry for entry in self._open() if not wanted_id(*entry[1:])[1]]
        natural: dict[tuple[str, ...], list[LiveObject]] = defaultdict(list)
        for table in {table.variant: table for _, _, table in open_}.values():
            for live in self._free():
                key = natural_key(table, partial(dig, live.raw))
                if live.variant == table.variant and key is not None:
                    natural[table.variant, *key].append(live)
        for index, desired, table in open_:
            key = natural_key(table, partial(_wire_value, desired))
            found = [] if key is None else natural[table.variant, *key]
            if len(found) > 1:
                words = " and ".join(".".join(path) for path in table.identity.natural)
                self.matches[index] = _several(
                    desired, found, f"have the same {words}", dotted(table.identity.pin)
                )
            elif found:
                self._claim(index, found[0], adopted=True)

    def _settle_claims(self) -> None:
        for indexes in self.claims.values():
            if len(indexes) < 2:
                continue
            names = self._names(indexes)
            for index in indexes:
                match, table = self.matches[index], self.wanted[index].table
                assert isinstance(match, Found)
                assert table is not None
                pin = dotted(table.identity.pin)
                message = f"several manifests mean the live model {match.live.label}: {names}"
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
            if desired.table.identity.client_chosen:
                groups["id", wanted_id(desired, desired.table)[0]].append(index)
            elif key := natural_key(desired.table, partial(_wire_value, desired)):
                groups["natural", desired.table.variant, *key].append(index)
        for indexes in groups.values():
            for index in indexes if len(indexes) > 1 else ():
                table = self.wanted[index].table
                assert table is not None
                pin = dotted(table.identity.pin)
                if table.identity.client_chosen:
                    same = f"the id '{wanted_id(self.wanted[index], table)[0]}'"
                    fix = f"give each its own {pin}"
                else:
                    words = " and ".join(".".join(path) for path in table.identity.natural)
                    same = f"the same {words}"
                    fix = f"delete one of them, or pin the live model that it means with {pin}"
                message = f"several manifests would create a model with {same}: {self._names(indexes)}"
                self.matches[index] = _unclear("ambiguous", message, fix, pin, ())

    def _look_for_renames(self) -> None:
        creates = self._open()
        beside = Near({table.variant: table for _, _, table in creates}.values(), self.objects)
        values: dict[tuple[Path, object], list[LiveObject]] = defaultdict(list)
        for path in {path for _, _, table in creates for path in table.identity.resembles}:
            for live in self._free():
                wire = dig(live.raw, path)
                if isinstance(wire, str) and wire:
                    values[path, wire].append(live)
        for index, desired, table in creates:
            edits = table.create_edits(desired.fields, desired.name).edits
            sent = {edit.path: edit.value for edit in edits}
            near: dict[str, tuple[LiveObject, str]] = {}
            for path in table.identity.resembles:
                for live in values.get((path, sent.get(path)), ()):
                    near.setdefault(live.id, (live, ".".join(path)))
            resembling = tuple(near[key] for key in sorted(near))
            self.matches[index] = Missing(resembling, beside.of(table, edits))


def natural_key(table: Table | None, value: Callable[[Path], object]) -> tuple[str, ...] | None:
    """The natural key, with ``value`` giving what stands at a wire path; None where it has a gap."""
    return None if table is None else _texts(table.identity.natural, value)


def _texts(paths: Sequence[Path], value: Callable[[Path], object]) -> tuple[str, ...] | None:
    """What ``value`` gives for each path; None where one of them is no text, or empty."""
    texts = [text for path in paths if isinstance(text := value(path), str) and text]
    return tuple(texts) if texts and len(texts) == len(paths) else None


def _wire_value(desired: Desired, path: Path) -> object:
    """What a manifest would put at a wire path; ABSENT where it declares nothing for it."""
    for item, value in desired.fields.values():
        if item.points[0].path == path:
            return None if value is None else item.row.codec.encode(value)
    return ABSENT


def _several(desired: Desired, found: Iterable[LiveObject], why: str, pin: str) -> Unclear:
    ids = ", ".join(live.label for live in found)
    message = f"several live models {why}: {ids}"
    return _unclear("ambiguous", message, f"pin the one that '{desired.name}' means with {pin}", pin, found)


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
