"""The execution of one registry's part of a plan."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import Any, Protocol

from reconciler.destinations import destinations
from reconciler.errors import InternalError, JournalError, RegistryError
from reconciler.executor import timing
from reconciler.executor.action import ActionRun, create_edits, gone
from reconciler.executor.live import Known, Live
from reconciler.executor.proof import Shown, edits_of
from reconciler.executor.twins import may_double
from reconciler.fingerprints import basis, fingerprint, moved_paths, paths_of, planned_near
from reconciler.matching import Look, looks, natural_key, shows
from reconciler.outcome import ActionResult, Status, result_of
from reconciler.plan import Action, Failure, RegistryPlan
from reconciler.planner import failure_of
from reconciler.registries.interface import Connection, Observation, Ref
from reconciler.registries.kind import Kind
from reconciler.registries.rows import Echo, Edit, Table, dig
from reconciler.registries.wire import body_bytes
from reconciler.secrets import Secret, SecretRef, SecretStore
from reconciler.stages import action as watched_action
from reconciler.stages import count, stage

_log = logging.getLogger("reconciler.executor")


@dataclass(frozen=True, slots=True)
class Target:
    """One registry that a plan is executed against. ``names``: the plan was made on what has these names."""

    kind: Kind
    connection: Connection
    observation: Observation | None = None
    names: frozenset[str] | None = None


@dataclass(slots=True)
class Stop:
    """Set by a signal: calls in flight, and the rest of their actions, are finished; nothing else begins."""

    requested: bool = False
    failure: JournalError | None = None
    """Why nothing else begins, where it was no signal."""

    def halt(self, failure: JournalError) -> None:
        """Stops as a signal would."""
        self.requested = True
        self.failure = failure

    @property
    def interrupted(self) -> bool:
        """Whether a signal has stopped it."""
        return self.requested and self.failure is None

    async def comes_within(self, seconds: float) -> bool:
        """Waits, but not longer than until a stop is requested. Whether it is."""
        until = time.monotonic() + seconds
        while not self.requested:
            left = until - time.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(min(left, timing.STOP_SECONDS))
        return self.requested


class Record(Protocol):
    """Where a run is recorded; journal.writing.Journal is one."""

    async def intend(self, actions: Sequence[Action]) -> None:
        """Returns when it is on the disk that ``actions`` are about to be sent. Raises JournalError."""
        ...

    def result(self, result: ActionResult) -> None:
        """What became of an action; a later one of the same action counts. Waits for nothing."""
        ...

    def check(self) -> None:
        """Raises JournalError where something could not be recorded."""
        ...


class Unrecorded:
    """The record of a run that keeps none."""

    async def intend(self, actions: Sequence[Action]) -> None:
        pass

    def result(self, result: ActionResult) -> None:
        pass

    def check(self) -> None:
        pass


class _Announced:
    """Sees to it that actions are recorded, some together, before the first of them is sent.

    Those that come next are always under way as well, so that no call waits for the disk but the first ones.
    """

    def __init__(self, record: Record, actions: Sequence[Action], concurrency: int) -> None:
        self._record = record
        self._actions = actions
        self._size = max(timing.ANNOUNCED_TOGETHER, 4 * concurrency)
        self._begun: list[asyncio.Future[None]] = []
        self._lock = asyncio.Lock()

    async def reach(self, number: int) -> None:
        """Returns when the action with that number is on the disk. Raises JournalError."""
        wanted = number // self._size
        if len(self._begun) <= wanted or not self._begun[wanted].done():
            async with self._lock:
                if len(self._begun) == wanted:
                    self._begin_next()
                if not self._begun[wanted].done():
                    with stage("journal"):
                        await asyncio.shield(self._begun[wanted])
        self._begun[wanted].result()
        self._record.check()
        if len(self._begun) == wanted + 1:
            self._begin_next()

    def _begin_next(self) -> None:
        start = len(self._begun) * self._size
        if start < len(self._actions):
            begun = asyncio.ensure_future(self._record.intend(self._actions[start : start + self._size]))
            begun.add_done_callback(_is_heard)
            self._begun.append(begun)


def _is_heard(begun: asyncio.Future[None]) -> None:
    """Where a stop comes first, nobody waits for what was announced; its failure is told at the end."""
    if not begun.cancelled():
        begun.exception()


Key = tuple[str, str]
"""A registry, and the key of an action in it."""


@dataclass(slots=True)
class RegistryRun:
    """The execution of one registry's part of a plan."""

    part: RegistryPlan
    target: Target
    stop: Stop
    on_result: Callable[[ActionResult], None]
    store: SecretStore
    record: Record = field(default_factory=Unrecorded)
    every: Sequence[Action] = ()
    """All that happens here at the same time, where that is more than ``part``."""
    actions: list[Action] = field(init=False)
    live: Live = field(init=False)
    results: dict[Key, ActionResult] = field(default_factory=dict)
    failed: RegistryError | None = None
    finished: dict[str, asyncio.Event] = field(default_factory=dict)
    in_flight: dict[str, Action] = field(default_factory=dict)
    own: set[Ref] = field(init=False)
    unchanged: set[str] = field(init=False)
    own_keys: dict[tuple[str, ...], str] = field(default_factory=dict)
    looks: dict[str, tuple[Look, ...]] = field(default_factory=dict)
    resolved: dict[SecretRef, Secret] = field(default_factory=dict)
    """Every secret of this registry's requests: an answer may show one that another request has sent."""
    read_back: Observation | RegistryError | None = None

    def __post_init__(self) -> None:
        self.actions = in_order([action for action in self.part.actions if action.requests])
        every = self.every or self.part.actions
        self.own = {(action.resource, action.id) for action in every if action.id is not None}
        self.unchanged = {action.key for action in self.part.actions if action.operation == "none"}
        for action in every:
            if not action.requests:
                continue
            table = self.table(action)
            sent = shows(table, create_edits(table, action))
            self.looks[action.key] = looks(table, sent)
            key = natural_key(table, sent.get)
            if action.id is None and key is not None:
                self.own_keys[table.variant, *key] = action.key

    # ---- before the first write

    def resolve_secrets(self) -> None:
        """Every secret of every request, each only for the hosts that its object makes it reach.

        An update's object may name them itself, so this comes after reading. Raises SecretError.
        """
        for action in self.actions:
            if not any(edit.secret for request in action.requests for edit in request.edits):
                continue
            edits = edits_of(*action.requests)
            live = None
            if action.operation == "update" and self.failed is None:
                live = self.live.known.get((action.resource, action.id or ""))
            if action.operation == "create" or live is not None:
                table = self.table(action)
                found = self.secrets(table, edits, {} if live is None else live.raw)
                # A text that cannot stand where it shall is found before anything is written, too.
                for edit in edits:
                    if edit.secret is not None:
                        body_bytes({"secret": table.secret_form(edit)}, found)
                self.resolved |= found

    def secrets(self, table: Table, edits: Sequence[Edit], raw: Mapping[str, Any]) -> dict[SecretRef, Secret]:
        """The secrets of ``edits``, for the hosts that the object then names. Raises SecretError."""
        refs = {edit.secret for edit in edits if edit.secret is not None}
        url = None if self.target.connection.wire else self.target.connection.url
        hosts = destinations(table.upstreams(edits, raw), url) if refs else ()
        return {ref: self.store.resolve(ref, hosts) for ref in refs}

    def table(self, action: Action) -> Table:
        return self.target.kind.tables[action.variant]

    async def open(self, stack: AsyncExitStack) -> None:
        """Opens the connection; a registry whose address or network is wrong stops no other one."""
        try:
            writer = await stack.enter_async_context(self.target.kind.client().writer(self.target.connection))
        except RegistryError as error:
            self.failed = error
        else:
            kind = self.target.kind
            self.live = Live(
                writer,
                self.target.observation,
                kind.tables.values(),
                by_name=kind.by_name,
                names=self.target.names if self._is_seen_by_itself() else None,
            )

    def _is_seen_by_itself(self) -> bool:
        """Whether each action's own object tells all that is asked of it: a create rests on what else there
        is, and whether some fields read back at all is only seen of others."""
        return all(
            action.operation == "update"
            and all(
                self.table(action).row_at(edit.path).echo is not Echo.MAYBE
                for edit in edits_of(*action.requests)
            )
            for action in self.actions
        )

    async def read(self) -> None:
        """Reads the registry again where the plan's own read has become too old."""
        if self.failed is not None:
            return
        try:
            await self.live.fresh()
        except RegistryError as error:
            self.failed = error

    def check(self) -> bool:
        """Whether everything is as the plan saw it. Nothing has been written yet.

        Reports what is not, and every action of a registry that cannot be read.
        """
        if self.failed is not None:
            for action in self.actions:
                self._skip(action, self.failed)
            return True
        moved = [(action, self.moved(action, self.live.known)) for action in self.actions]
        for action, why in moved:
            if why is not None:
                self._finish(result_of(action, "stale", reason=why))
        return not any(why for _, why in moved)

    def moved(self, action: Action, known: Known, *, writing: bool = False) -> str | None:
        """Why ``action`` rests on something that is no longer so, or None.

        While a run is ``writing``, only what the action's own request would overwrite counts.
        """
        table = self.table(action)
        if action.operation == "create":
            there = bool(action.id) and known.named(table, action.id or "")
            return _created_since(action.id) if there else self._beside(action)
        live = known.get((action.resource, action.id or ""))
        if live is None:
            return gone(action.id)
        edits = edits_of(*action.requests)
        declared = paths_of(action.basis)
        if fingerprint(table, edits, live, declared) == action.rests_on:
            return None
        moved = set(moved_paths(action.basis, basis(table, edits, live, declared)))
        if writing:
            # What a run has done already may show in another object, as what that one inherits.
            moved &= paths_of(basis(table, edits, live))
        names = ", ".join(".".join(path) for path in sorted(moved))
        return f"'{live.names[0]}' has changed since the plan was made: {names}" if moved else None

    def _beside(self, action: Action) -> str | None:
        """Why a create would stand beside a model that the plan did not see, or None."""
        near = self.live.known.near.like(self.looks[action.key])
        if not near:
            return None
        for identity, what in sorted(near - planned_near(action.rests_on)):
            if not self._is_own(action, identity):
                return f"'{identity}', which has the same {what}, is there since the plan was made"
        return None

    def _is_own(self, action: Action, identity: str) -> bool:
        """Whether a live object is one that this plan is about, or has made, but for ``action``."""
        ref = (action.resource, identity)
        live = self.live.known.get(ref)
        names = set() if live is None else {(live.resource, name) for name in live.names}
        if live is None or ref in self.own or not names.isdisjoint(self.own):
            return True
        key = natural_key(self.target.kind.tables.get(live.variant), partial(dig, live.raw))
        return key is not None and self.own_keys.get((live.variant, *key), action.key) != action.key

    # ---- writing

    async def run(self) -> None:
        """Every action of this registry, as many at once as its concurrency allows; then the proof."""
        if self.failed is not None:
            return
        with stage("apply", self.part.name, kind=self.part.kind, total=len(self.actions)):
            await self._write()
        if self.has_written:
            with stage("proof", self.part.name, kind=self.part.kind):
                await self._prove()

    @property
    def has_written(self) -> bool:
        """Whether something was written here, or may have been."""
        return any(result.status in ("done", "unproven") for result in self.results.values())

    async def _write(self) -> None:
        self.finished = {action.key: asyncio.Event() for action in self.actions}
        announced = _Announced(self.record, self.actions, self.target.connection.concurrency)
        queue = iter(enumerate(self.actions))

        async def worker() -> None:
            for number, action in queue:
                await self._one(action, partial(announced.reach, number))

        await asyncio.gather(
            *(worker() for _ in range(min(self.target.connection.concurrency, len(self.actions))))
        )

    async def _one(self, action: Action, announce: Callable[[], Awaitable[None]]) -> None:
        try:
            if (self.part.name, action.key) in self.results:
                return  # it is stale
            blocked = await self._blocked_by(action)
            if self.stop.requested:
                return
            if self.failed is not None:
                self._skip(action, self.failed)
            elif blocked is not None:
                reason = f"'{blocked}', which comes first, was not done"
                self._finish(result_of(action, "skipped", reason=reason))
            elif await self._announced(announce):
                self._finish(await self._run_action(action))
                self.in_flight.pop(action.key, None)
        finally:
            self.finished[action.key].set()

    async def _announced(self, announce: Callable[[], Awaitable[None]]) -> bool:
        """Whether an action may begin: it is on the disk that it does, and no stop came meanwhile."""
        try:
            await announce()
        except JournalError as error:
            self.stop.halt(error)
        return not self.stop.requested

    async def _run_action(self, action: Action) -> ActionResult:
        try:
            told = {"operation": action.operation, "resource": action.resource, "manifest": action.name}
            with watched_action(f"{action.operation} {action.resource}", **told) as work:
                result = await ActionRun(self, action).run()
                work.tell(result=result.status, error=result.failure.code if result.failure else None)
                return result
        except Exception as error:  # noqa: BLE001 - a bug in one action must not lose what others did
            _log.exception("%s: %s", action.registry, action.name)
            failure = Failure(InternalError.code, f"a bug in reconciler: {type(error).__name__}")
            status: Status = "unproven" if action.key in self.in_flight else "failed"
            return result_of(action, status, failure=failure, reason=failure.message)

    def abandon(self) -> None:
        """Reports what a second signal cut off: it may or may not have happened."""
        for action in self.in_flight.values():
            self._finish(result_of(action, "unproven", reason="cut off while its call was in flight"))

    async def _prove(self) -> None:
        """Reads everything once more, and takes back what the registry does not show. Lists lag behind: while
        something is missing, it is read again."""
        pauses = iter(timing.PAUSES)
        read = self.live.after_writes
        while True:
            try:
                doubts = list(self._doubts(await read()))
            except RegistryError as error:
                self.read_back = error
                self._not_looked_for(error)
                return
            self.read_back = self.live.observed
            pause = next(pauses, None)
            if not doubts or pause is None or await self.stop.comes_within(pause):
                break
            read = self.live.now
        for result, why in doubts:
            self._take(replace(result, status="unproven", reason=why))

    def _not_looked_for(self, error: RegistryError) -> None:
        """Says of what another client may have made as well that nobody knows."""
        remark = f"whether another client made the same is not known: {error.message}"
        for action in self.actions:
            result = self.results.get((action.registry, action.key))
            made = action.operation == "create" and result is not None and result.status == "done"
            if result is not None and made and may_double(self.table(action)):
                self._take(replace(result, remarks=(*result.remarks, remark)))

    def _doubts(self, known: Known) -> Iterator[tuple[ActionResult, str]]:
        """What was done and is not shown, with the reason."""
        shown = Shown.of(known, self.target.kind.tables)
        for action in self.actions:
            result = self.results.get((action.registry, action.key))
            if result is not None and result.status == "done" and result.id is not None:
                why = shown.doubt(self.table(action), action, result.id)
                if why is not None:
                    yield result, why

    async def _blocked_by(self, action: Action) -> str | None:
        """The first action that had to come before this one and does not stand as declared."""
        for key in action.after:
            if key in self.finished:
                await self.finished[key].wait()
            result = self.results.get((action.registry, key))
            if key not in self.unchanged and (result is None or result.status != "done"):
                return key
        return None

    def _skip(self, action: Action, error: RegistryError) -> None:
        failure = failure_of(error)
        self._finish(result_of(action, "skipped", failure=failure, reason=failure.message))

    def _finish(self, result: ActionResult) -> None:
        self._take(result)
        self.on_result(result)
        count("actions")
        if result.status != "done":
            count("not done")

    def _take(self, result: ActionResult) -> None:
        self.results[result.registry, result.key] = result
        self.record.result(result)


def in_order(actions: Sequence[Action]) -> list[Action]:
    """``actions``, each behind those that it comes after: a worker never waits for what nobody has begun."""
    by_key = {action.key: action for action in actions}
    before = {action.key: [key for key in action.after if key in by_key] for action in actions}
    try:
        return [by_key[key] for key in TopologicalSorter(before).static_order()]
    except CycleError as error:
        raise InternalError(f"actions of the plan wait for each other: {', '.join(error.args[1])}") from None


def _created_since(identity: str | None) -> str:
    return f"'{identity}' has been created since the plan was made"
