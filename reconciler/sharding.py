"""A run that several processes share: which of them does what, and what each may take of a registry's limits.

Pure. What a shard does follows from reconciler.yaml, the manifests (or the plan file) and its own number
alone, so that shards agree without talking to each other.

The rule. Registries come first: where there are as many registries as shards or more, each registry is whole
in one shard, the heaviest first to the shard with the least. Only where shards are left over is a registry
split by name, into no more parts than its limits make worth it (`widest`). A manifest's part is a hash of its
name; those that come before or after each other (`Action.after`) have the hash of the first of them, so that
no shard waits for another one.

How heavy a registry is counts in powers of two: one more manifest moves other ones only where it makes their
number pass such a power.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final, Self

from reconciler.desired import Desired
from reconciler.errors import UsageError
from reconciler.manifests.config import LoadedConfig
from reconciler.plan import Action, Plan, Portion, Scope, ShardOf, digest_of, plan_digest
from reconciler.registries import KINDS

MOST: Final = 999
"""Shards of one run."""

WORTH_PER_MINUTE: Final = 60
"""A registry is split only so far that every part may still send so many requests a minute."""

READING: Final = 4
"""One part in so many of the requests per minute is for the shards that only read a registry."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` processes that share a run; ``number`` counts from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The shard that ``text`` means, as 3/8. Raises ValueError with what is wrong."""
        found = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", text)
        if found is None:
            raise ValueError(f"'{text[:80]}' is not I/N, as 3/8")
        number, count = int(found[1]), int(found[2])
        if not 1 <= count <= MOST:
            raise ValueError(f"'{text}': there can be 1 to {MOST} shards")
        if not 1 <= number <= count:
            raise ValueError(f"'{text}': shards count from 1 to {count}")
        return cls(number, count)


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls that may start in any minute, and calls in flight at once."""

    per_minute: int
    concurrency: int


def limits_of(config: LoadedConfig, registry: str) -> Limits | None:
    """What a registry allows in all; None for an embedded one, which is a file and has no limits."""
    entry = config.value.registries[registry]
    if entry.embedded is not None:
        return None
    kind = KINDS.get(entry.kind)
    default = kind.requests_per_minute if kind is not None else WORTH_PER_MINUTE
    return Limits(entry.requests_per_minute or default, entry.concurrency)


def widest(limits: Limits | None) -> int:
    """Into how many parts it is worth to split a registry: each has a call in flight and a call a second.
    An embedded one is a file on one machine, and is never split."""
    if limits is None:
        return 1
    return max(1, min(limits.concurrency, limits.per_minute // WORTH_PER_MINUTE))


@dataclass(frozen=True, slots=True)
class Split:
    """What one shard does of a run. ``owners`` are, by registry, the numbers of the shards that write there,
    in order; ``limits`` what this shard may take of each registry that has any."""

    shard: Shard
    owners: Mapping[str, tuple[int, ...]]
    limits: Mapping[str, Limits] = field(default_factory=dict)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing for this shard: the registries are not worth so many."""
        return not any(self.has(registry) for registry in self.owners)

    def has(self, registry: str) -> bool:
        """Whether any of ``registry`` is for this shard."""
        return self.shard.number in self.owners.get(registry, ())

    def takes(self, registry: str, root: str) -> bool:
        """Whether the group of actions with this root is for this shard."""
        owners = self.owners.get(registry, ())
        return bool(owners) and owners[_hash(registry, root) % len(owners)] == self.shard.number

    def own(self, plan: Plan) -> Plan:
        """``plan`` with the registries and the actions of this shard alone."""
        return self._cut(plan)[0]

    def part_of(self, whole: Plan, *, of: str, run: str | None = None) -> Plan:
        """The part of ``whole`` that this shard executes. ``of`` is what tells what its run is about, ``run``
        the id of that run."""
        part, portions = self._cut(whole)
        known = tuple(registry.name for registry in whole.registries)
        told = ShardOf(self.shard.number, self.shard.count, of, whole.digest, known, portions, run)
        return replace(part, shard=told)

    def _cut(self, whole: Plan) -> tuple[Plan, tuple[Portion, ...]]:
        parts, portions = [], []
        for registry in whole.registries:
            if not self.has(registry.name):
                continue
            root = roots(registry.actions)
            at = tuple(
                index
                for index, action in enumerate(registry.actions)
                if self.takes(registry.name, root[action.key])
            )
            parts.append(replace(registry, actions=tuple(registry.actions[index] for index in at)))
            portions.append(Portion(registry.name, len(registry.actions), at))
        return replace(whole, registries=tuple(parts), digest=plan_digest(parts)), tuple(portions)


def split(config: LoadedConfig, counts: Mapping[str, int], shard: Shard, *, all_read: bool) -> Split:
    """How a run over the registries in ``counts``, each with its number of manifests, is split.

    ``all_read``: every shard with work reads every registry, as one that makes the plan itself; else only
    those that write to it do. Raises UsageError where the limits of a registry are too small for so many.
    """
    allowed = {name: limits_of(config, name) for name in counts}
    owners = _owners(counts, {name: widest(limits) for name, limits in allowed.items()}, shard.count)
    busy = {number for numbers in owners.values() for number in numbers}
    found = Split(shard, owners)
    shares = {}
    for name, limits in allowed.items():
        readers = len(busy) - len(owners[name]) if all_read else 0
        if limits is not None:
            shares[name] = _share(name, limits, len(owners[name]), readers, writes=found.has(name))
    return replace(found, limits=shares)


def _owners(counts: Mapping[str, int], most: Mapping[str, int], shards: int) -> dict[str, tuple[int, ...]]:
    """By registry, the shards that write there."""
    weights = {name: 1 << (count.bit_length() - 1) if count else 0 for name, count in counts.items()}
    if len(weights) >= shards:
        load = dict.fromkeys(range(1, shards + 1), 0)
        owners = {}
        for name in sorted(weights, key=lambda name: -weights[name]):  # stable: else as in the file
            number = min(load, key=lambda number: (load[number], number))
            load[number] += max(1, weights[name])
            owners[name] = (number,)
        return {name: owners[name] for name in counts}
    parts = dict.fromkeys(weights, 1)
    for _ in range(shards - len(parts)):
        can = [name for name in parts if parts[name] < min(most[name], weights[name])]
        if not can:
            break
        # To the one whose parts are the heaviest; exactly, and the first one of several alike.
        heaviest = max(can, key=lambda name: weights[name] * MOST**2 // parts[name])
        parts[heaviest] += 1
    numbers = iter(range(1, shards + 1))
    return {name: tuple(next(numbers) for _ in range(count)) for name, count in parts.items()}


def _share(name: str, limits: Limits, owners: int, readers: int, *, writes: bool) -> Limits:
    """What one shard may take of a registry: all of them together never more than its limits."""
    kept = limits.per_minute // READING if readers else 0
    owner = Limits((limits.per_minute - kept) // owners, (limits.concurrency - readers) // owners)
    reader = Limits(kept // readers, 1) if readers else owner
    if min(owner.per_minute, owner.concurrency, reader.per_minute) < 1:
        told = f"{limits.per_minute} requests a minute and {limits.concurrency} at once"
        message = f"--shard: registry '{name}' allows {told}, too little for {owners + readers} that read it"
        hint = "plan once, and give each the file: apply PLAN_FILE --shard I/N; or use fewer shards"
        raise UsageError(message, hint=hint)
    return owner if writes else reader


def roots(actions: Sequence[Action]) -> dict[str, str]:
    """By the key of each action, that of the first of its group: all that come before or after each other.

    Of several that nothing comes before it is the one whose key sorts first.
    """
    parent = {action.key: action.key for action in actions}

    def find(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    leading = set(parent)
    for action in actions:
        before = [key for key in action.after if key in parent]
        for key in before:
            parent[find(action.key)] = find(key)
        if before:
            leading.discard(action.key)
    groups: dict[str, list[str]] = defaultdict(list)
    for key in parent:
        groups[find(key)].append(key)
    return {key: _first(group, leading) for group in groups.values() for key in group}


def _first(group: Sequence[str], leading: Collection[str]) -> str:
    return min([key for key in group if key in leading] or group)


def _hash(registry: str, root: str) -> int:
    """The same on any machine, in any version of Python."""
    return int.from_bytes(hashlib.sha256(f"{registry}\n{root}".encode("utf-8", "surrogatepass")).digest()[:8])


def of_declared(config: LoadedConfig, scope: Scope, desired: Iterable[Desired]) -> str:
    """What tells a run from others that plans what is declared: the manifests, the registries, the scope."""
    wanted = list(desired)
    used = {one.registry for one in wanted}
    registries = []
    for name, entry in config.value.registries.items():
        if name in used:
            limits = limits_of(config, name)
            target = entry.url or f"embedded:{entry.embedded}"
            registries.append([name, entry.kind, target, None if limits is None else asdict(limits)])
    manifests = {id(one.manifest): one.manifest for one in wanted}
    declared = sorted(digest_of(manifest.document.root) for manifest in manifests.values())
    return digest_of("declared", asdict(scope), registries, declared)


def of_saved(plan: Plan) -> str:
    """What tells a run of the plan in a file from others."""
    registries = [[part.name, part.kind, part.target, len(part.actions)] for part in plan.registries]
    made = None if plan.made is None else asdict(plan.made)
    return digest_of("saved", asdict(plan.scope), registries, plan.digest, made)
