"""What one registry holds while a plan is executed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Final, cast

from reconciler.executor import timing
from reconciler.matching import Near
from reconciler.registries.interface import (
    Answer,
    LiveObject,
    Observation,
    OutgoingRequest,
    ReaderByName,
    Ref,
    Writer,
)
from reconciler.registries.rows import Table

_NEVER: Final = float("-inf")


class Known:
    """Every object of a registry, as it was last read or answered."""

    def __init__(self, tables: Iterable[Table], objects: Iterable[LiveObject]) -> None:
        self._objects: dict[Ref, LiveObject] = {}
        self._by_name: dict[tuple[str, str], set[Ref]] = defaultdict(set)
        self._keys: dict[str, Counter[str]] = defaultdict(Counter)
        self.near = Near(tables, ())
        for live in objects:
            self.put(live)

    def put(self, live: LiveObject) -> None:
        """Adds an object, or puts it in the place of what was known of it."""
        before = self._objects.get(live.ref)
        if before is not None and before.ours:
            self._keys[before.variant].subtract(before.raw.keys())
        if live.ours:
            counted = self._keys[live.variant]
            for key in live.raw:
                counted[key] += 1
        self._objects[live.ref] = live
        for name in live.names:
            self._by_name[live.resource, name].add(live.ref)
        self.near.add(live)

    def get(self, ref: Ref) -> LiveObject | None:
        return self._objects.get(ref)

    def named(self, table: Table, name: str) -> list[LiveObject]:
        """The objects of that name; of ours, where those may bear a name of the vendor's."""
        refs = sorted(self._by_name.get((table.resource, name), ()))
        return [live for ref in refs if (live := self._objects[ref]).ours or not table.identity.shadows]

    def refs_of_now(self) -> Callable[[], frozenset[Ref]]:
        """Gives the refs of what is known at this moment: of those who may need them, few do."""
        count = len(self._objects)  # nothing is ever taken out, and what is put in stands last
        return lambda: frozenset(islice(self._objects, count))

    def keys_beside(self, live: LiveObject) -> Container[str]:
        """The top-level keys that the other objects of ours show that are of the variant of ``live``, until
        something else is put in."""
        own = self._objects.get(live.ref)
        mine = own.raw if own is not None and own.ours and own.variant == live.variant else {}
        return _Beside(self._keys[live.variant], mine)

    def __iter__(self) -> Iterator[LiveObject]:
        return iter(self._objects.values())


@dataclass(frozen=True, slots=True)
class _Beside(Container[str]):
    """The keys that others show than the one object that is ``mine``. Few are ever asked for."""

    counted: Mapping[str, int]
    mine: Container[str]

    def __contains__(self, key: object) -> bool:
        return self.counted.get(cast("str", key), 0) > (key in self.mine)


class Live:
    """What one registry holds, read again when it has become too old to write on."""

    def __init__(
        self,
        writer: Writer,
        observation: Observation | None,
        tables: Iterable[Table] = (),
        *,
        by_name: Mapping[str, int] = MappingProxyType({}),
        names: frozenset[str] | None = None,
    ) -> None:
        """``by_name``: of which resources the registry can be asked for so many names at once; ``names``:
        nothing else of those need be read."""
        self.writer = writer
        self._by_name = by_name
        self._names = names
        self._wanted: set[str] = set()
        self._looked_at: dict[str, float] = {}
        self._tables = tuple(tables)
        self._lock = asyncio.Lock()
        self._read_at = _NEVER
        self._wrote_at = _NEVER
        self._learned: dict[Ref, tuple[float, LiveObject]] = {}
        self.known = Known(self._tables, ())
        self.observed = observation
        if observation is not None:
            self._take(observation)

    def _take(self, observation: Observation) -> None:
        # A read that began before a write was answered may be from before that write.
        self._learned = {
            ref: (when, live) for ref, (when, live) in self._learned.items() if when >= observation.read_at
        }
        newer = {ref: live for ref, (_, live) in self._learned.items()}
        objects = {live.ref: live for live in observation.objects} | newer
        self.known = Known(self._tables, objects.values())
        self.observed = observation
        self._read_at = observation.read_at

    async def fresh(self) -> Known:
        """Everything, read at most timing.FRESH_SECONDS ago."""
        return await self._newer_than(time.monotonic() - timing.FRESH_SECONDS)

    async def now(self) -> Known:
        """Everything, from a read that begins after this call."""
        return await self._newer_than(time.monotonic())

    async def after_writes(self) -> Known:
        """Everything, from a read that began after the last answer to a write."""
        return await self._newer_than(self._wrote_at)

    async def send(self, request: OutgoingRequest) -> Answer:
        """Writes. Raises what the writer raises."""
        try:
            return await self.writer.send(request)
        finally:
            self._wrote_at = time.monotonic()

    async def _newer_than(self, limit: float) -> Known:
        if self._read_at >= limit and not self._lock.locked():
            return self.known
        async with self._lock:
            if self._read_at < limit:
                self._take(await self._read())
            return self.known

    async def _read(self) -> Observation:
        """Everything, or all that is needed."""
        found = None if self._names is None else await self._of_names(self._names)
        return found or await self.writer.observe()

    async def _of_names(self, names: frozenset[str]) -> Observation | None:
        return await cast("ReaderByName", self.writer).observe_only(names)

    async def with_name(self, resource: str, name: str | None) -> Known:
        """Everything as in `fresh`, and every object that has ``name`` from a read that begins after this
        call. Those who wait for each other's read ask together."""
        if name is None or resource not in self._by_name:
            return await self.now()
        await self.fresh()
        asked_at = time.monotonic()
        self._wanted.add(name)
        async with self._lock:
            if max(self._looked_at.get(name, _NEVER), self._read_at) < asked_at:
                names = frozenset([name, *sorted(self._wanted - {name})][: self._by_name[resource]])
                self._wanted -= names
                found = await self._of_names(names)
                if found is None:
                    self._take(await self.writer.observe())
                    return self.known
                self._looked_at |= dict.fromkeys(names, found.read_at)
                for live in found.objects:
                    if self._learned.get(live.ref, (_NEVER, live))[0] < found.read_at:
                        self.known.put(live)
            return self.known

    def age(self) -> float:
        """Seconds since the read began."""
        return time.monotonic() - self._read_at

    def learn(self, live: LiveObject) -> None:
        """Puts the answer of a write in the place of what was read before."""
        self._learned[live.ref] = (time.monotonic(), live)
        self.known.put(live)
