"""Which live object a manifest means: one, none, or ambiguous. One to one over the whole registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.desired import Desired
from reconciler.manifests.problems import dotted
from reconciler.plan import Refusal
from reconciler.registries.interface import LiveObject, Observation
from reconciler.registries.rows import ABSENT, Path, Table, dig


@dataclass(frozen=True, slots=True)
class Found:
    """The live object, and whether it was taken by what it is rather than by its id."""

    live: LiveObject
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """No live object; ``resembling`` are unclaimed ones that a create would stand beside."""

    resembling: tuple[tuple[LiveObject, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Unclear:
    """A match that must not be guessed."""

    refusal: Refusal


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
        self.by_id: dict[str, list[LiveObject]] = defaultdict(list)
        self.claims: dict[int, list[int]] = defaultdict(list)
        self.objects = observation.objects
        for live in observation.objects:
            self.by_id[live.id].append(live)

    def run(self) -> list[Match]:
        for index, desired in enumerate(self.wanted):
            if desired.table is not None:
                self._by_id(index, desired, desired.table)
        self._adopt()
        self._settle_claims()
        self._look_for_renames()
        return [self.matches.get(index, Missing()) for index in range(len(self.wanted))]

    def _by_id(self, index: int, desired: Desired, table: Table) -> None:
        wanted, pinned = wanted_id(desired, table)
        found = self.by_id.get(wanted, [])
        pin = dotted(table.identity.pin)
        if len(found) > 1:
            self.matches[index] = _several(desired, found, f"have the id '{wanted}'", pin)
        elif found and not found[0].ours:
            message = f"'{wanted}' is a built-in model of the vendor, which is never touched"
            self.matches[index] = _unclear("not-ours", message, f"choose another id with {pin}", pin)
        elif found and found[0].variant != table.variant:
            message = (
                f"'{wanted}' is live as a model of the variant {found[0].variant}; "
                f"this manifest describes one of the variant {table.variant}"
            )
            self.matches[index] = _unclear("wrong-variant", message, None, pin)
        elif found:
            self._claim(index, found[0], adopted=False)
        elif pinned and not table.identity.client_chosen:
            message = f"no live model has the pinned id '{wanted}', which the server makes"
            self.matches[index] = _unclear("pin-missing", message, f"delete {pin}, or correct it", pin)

    def _claim(self, index: int, live: LiveObject, *, adopted: bool) -> None:
        self.matches[index] = Found(live, adopted)
        self.claims[id(live)].append(index)

    def _adopt(self) -> None:
        """Manifests without a pin take the one unclaimed object of ours with the same natural key."""
        natural: dict[tuple[object, ...], list[LiveObject]] = defaultdict(list)
        open_ = [
            (index, desired, desired.table)
            for index, desired in enumerate(self.wanted)
            if index not in self.matches and desired.table is not None
        ]
        if not open_:
            return
        tables = {id(table): table for _, _, table in open_}
        for table in tables.values():
            for live in self.objects:
                if live.ours and live.variant == table.variant and id(live) not in self.claims:
                    natural[(id(table), *(dig(live.raw, path) for path in table.identity.natural))].append(
                        live
                    )
        for index, desired, table in open_:
            if wanted_id(desired, table)[1]:
                continue
            key = tuple(_wire_value(desired, path) for path in table.identity.natural)
            found = natural.get((id(table), *key), []) if ABSENT not in key and None not in key else []
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
            names = ", ".join(
                f"{self.wanted[index].name} ({self.wanted[index].manifest.place('metadata', 'name')})"
                for index in indexes
            )
            for index in indexes:
                match, table = self.matches[index], self.wanted[index].table
                assert isinstance(match, Found)
                assert table is not None
                pin = dotted(table.identity.pin)
                message = f"several manifests mean the live model {match.live.label}: {names}"
                self.matches[index] = _unclear("ambiguous", message, f"give each its own {pin}", pin)

    def _look_for_renames(self) -> None:
        creates = [
            (index, desired, desired.table)
            for index, desired in enumerate(self.wanted)
            if index not in self.matches and desired.table is not None
        ]
        if not creates:
            return
        free = [live for live in self.objects if live.ours and id(live) not in self.claims]
        values: dict[tuple[Path, object], list[LiveObject]] = defaultdict(list)
        for path in {path for _, _, table in creates for path in table.identity.resembles}:
            for live in free:
                wire = dig(live.raw, path)
                if isinstance(wire, str) and wire:
                    values[path, wire].append(live)
        for index, desired, table in creates:
            near: dict[str, tuple[LiveObject, str]] = {}
            for path in table.identity.resembles:
                for live in values.get((path, _wire_value(desired, path)), ()):
                    near.setdefault(live.id, (live, ".".join(path)))
            self.matches[index] = Missing(tuple(near[key] for key in sorted(near)))


def _wire_value(desired: Desired, path: Path) -> object:
    """What a manifest would put at a wire path; ABSENT where it declares nothing for it."""
    for item, value in desired.fields.values():
        if item.points[0].path == path:
            return None if value is None else item.row.codec.encode(value)
    return ABSENT


def _several(desired: Desired, found: Iterable[LiveObject], why: str, pin: str) -> Unclear:
    ids = ", ".join(live.label for live in found)
    message = f"several live models {why}: {ids}"
    return _unclear("ambiguous", message, f"pin the one that '{desired.name}' means with {pin}", pin)


def _unclear(code: str, message: str, fix: str | None, path: str) -> Unclear:
    return Unclear(Refusal(code, message, fix, (path,)))


def left_alone(matches: Iterable[Match], observation: Observation) -> list[LiveObject]:
    """The objects of ours that no manifest names."""
    taken = {id(match.live) for match in matches if isinstance(match, Found)}
    return [live for live in observation.objects if live.ours and id(live) not in taken]
