"""Plan -> outcome. Takes a plan, never manifests; the only stage that writes.

Each registry runs on its own. Everything is read, and every secret resolved, before the first write.
A write whose outcome is unknown is looked up before it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from reconciler.destinations import destinations
from reconciler.errors import (
    InternalError,
    RateLimited,
    ReconcilerError,
    RegistryError,
    Rejected,
    Unauthorised,
    UnknownOutcome,
)
from reconciler.matching import Near, natural_key
from reconciler.outcome import ActionResult, Outcome, Status
from reconciler.plan import Action, Failure, Plan, PlannedRequest, RegistryPlan
from reconciler.planner import failure_of, fingerprint, planned_near
from reconciler.registries.codecs import json_of
from reconciler.registries.interface import (
    Answer,
    Connection,
    Kind,
    LiveObject,
    Observation,
    OutgoingRequest,
    Writer,
)
from reconciler.registries.rows import ABSENT, Edit, Table, dig
from reconciler.secrets import Secret, SecretRef, SecretStore

_log = logging.getLogger("reconciler.executor")

FRESH_SECONDS: Final = 30.0
"""How old a read may be when a write rests on it."""

PAUSES: Final = (1.0, 4.0, 16.0)
"""Seconds from a lost answer to the look for what became of the write: one for each time that it is sent.

The write may still be under way, and a look that comes too early would have it sent twice."""


LIMITED_TRIES: Final = 5
"""How often a write that a rate limit keeps turning away is made anew."""

STOP_SECONDS: Final = 0.2
"""How long it may take until a wait for a rate limit hears of a stop."""


@dataclass(frozen=True, slots=True)
class Target:
    """One registry that a plan is executed against."""

    kind: Kind
    connection: Connection
    observation: Observation | None = None


@dataclass(slots=True)
class Stop:
    """Set by a signal: calls in flight are finished, no new one is started."""

    requested: bool = False


async def execute(
    plan: Plan,
    targets: Mapping[str, Target],
    secrets: SecretStore,
    *,
    stop: Stop | None = None,
    on_result: Callable[[ActionResult], None] = lambda _: None,
) -> Outcome:
    """Does what ``plan`` says, against ``targets`` by registry name.

    Raises SecretError before anything is written.
    """
    stop = stop or Stop()
    runs = [
        _RegistryRun(part, targets[part.name], stop, on_result)
        for part in plan.registries
        if any(action.requests for action in part.actions)
    ]
    for run in runs:
        run.resolve_secrets(secrets)
    async with AsyncExitStack() as stack:
        for run in runs:
            await run.open(stack)
        await asyncio.gather(*(run.read() for run in runs))
        checked = [run.check() for run in runs]
        as_planned = all(checked)
        if as_planned:
            await _write(runs, stop)
    results = {key: result for run in runs for key, result in run.results.items()}
    rest: tuple[Status, str] = ("skipped", "interrupted")
    if not as_planned:
        rest = ("stale", "not tried, because something else that this plan rests on has changed")
    return Outcome(tuple(_settled(action, results, rest) for action in plan.actions()), stop.requested)


async def _write(runs: Sequence[_RegistryRun], stop: Stop) -> None:
    try:
        await asyncio.gather(*(run.run() for run in runs))
    except asyncio.CancelledError:
        if not stop.requested:
            raise
        for run in runs:
            run.abandon()


Key = tuple[str, str]
"""A registry, and the key of an action in it."""


def _settled(action: Action, results: Mapping[Key, ActionResult], rest: tuple[Status, str]) -> ActionResult:
    """The result of one action of the plan, also where nobody tried it."""
    if action.operation == "none":
        return _result(action, "unchanged")
    if action.operation == "refused":
        return _result(action, "refused", reason=action.refusals[0].message)
    status, reason = rest
    return results.get((action.registry, action.key)) or _result(action, status, reason=reason)


def _result(action: Action, status: Status, **more: Any) -> ActionResult:
    more.setdefault("id", action.id)
    return ActionResult(action.registry, action.resource, action.name, status, **more)


class _Live:
    """What one registry holds, read again when it has become too old to write on."""

    def __init__(self, writer: Writer, observation: Observation | None, tables: Iterable[Table] = ()) -> None:
        self.writer = writer
        self._tables = tuple(tables)
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self.known: dict[str, LiveObject] = {}
        """Everything by id, as it was last read or answered."""
        self._learned: dict[str, tuple[float, LiveObject]] = {}
        self.near = Near(self._tables, ())
        if observation is not None:
            self._take(observation)

    def _take(self, observation: Observation) -> None:
        # A read that began before a write was answered may be from before that write.
        self._learned = {
            key: (when, live) for key, (when, live) in self._learned.items() if when >= observation.read_at
        }
        self.known = {live.id: live for live in observation.objects}
        self.known |= {key: live for key, (_, live) in self._learned.items()}
        self._read_at = observation.read_at
        self.near = Near(self._tables, self.known.values())

    async def fresh(self) -> Mapping[str, LiveObject]:
        """Everything by id, read at most FRESH_SECONDS ago."""
        return await self._newer_than(time.monotonic() - FRESH_SECONDS)

    async def now(self) -> Mapping[str, LiveObject]:
        """Everything by id, from a read that begins after this call."""
        return await self._newer_than(time.monotonic())

    async def _newer_than(self, limit: float) -> Mapping[str, LiveObject]:
        async with self._lock:
            if self._read_at < limit:
                self._take(await self.writer.observe())
            return self.known

    def age(self) -> float:
        """Seconds since the read began."""
        return time.monotonic() - self._read_at

    def learn(self, live: LiveObject) -> None:
        """Puts the answer of a write in the place of what was read before."""
        self.known[live.id] = live
        self._learned[live.id] = (time.monotonic(), live)
        self.near.add(live)


@dataclass(slots=True)
class _RegistryRun:
    """The execution of one registry's part of a plan."""

    part: RegistryPlan
    target: Target
    stop: Stop
    on_result: Callable[[ActionResult], None]
    actions: list[Action] = field(init=False)
    live: _Live = field(init=False)
    results: dict[Key, ActionResult] = field(default_factory=dict)
    secrets: dict[SecretRef, Secret] = field(default_factory=dict)
    failed: RegistryError | None = None
    finished: dict[str, asyncio.Event] = field(default_factory=dict)
    in_flight: dict[str, Action] = field(default_factory=dict)
    own_ids: set[str] = field(init=False)
    own_keys: dict[tuple[str, ...], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.actions = _in_order([action for action in self.part.actions if action.requests])
        self.own_ids = {action.id for action in self.part.actions if action.id is not None}
        for action in self.actions:
            table = self.table(action)
            sent = {edit.path: edit.value for edit in _create_edits(table, action)}
            key = natural_key(table, sent.get)
            if action.id is None and key is not None:
                self.own_keys[table.variant, *key] = action.key

    # ---- before the first write

    def resolve_secrets(self, store: SecretStore) -> None:
        """Every secret of every request, each only for the hosts that its object makes it reach."""
        url = None if self.target.connection.wire else self.target.connection.url
        for action in self.actions:
            for request in action.requests:
                edits = [edit.edit() for edit in request.edits]
                hosts = destinations(self.table(action).upstreams(edits), url)
                for edit in edits:
                    if edit.secret is not None:
                        self.secrets[edit.secret] = store.resolve(edit.secret, hosts)

    def table(self, action: Action) -> Table:
        return self.target.kind.tables[action.variant]

    async def open(self, stack: AsyncExitStack) -> None:
        """Opens the connection; a registry whose address or network is wrong stops no other one."""
        try:
            writer = await stack.enter_async_context(self.target.kind.client().writer(self.target.connection))
        except RegistryError as error:
            self.failed = error
        else:
            self.live = _Live(writer, self.target.observation, self.target.kind.tables.values())

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
                self._finish(_result(action, "stale", reason=why))
        return not any(why for _, why in moved)

    def moved(self, action: Action, objects: Mapping[str, LiveObject]) -> str | None:
        """Why ``action`` rests on something that is no longer so, or None."""
        table = self.table(action)
        live = None if action.id is None else objects.get(action.id)
        if action.operation == "create":
            return self._beside(table, action) if live is None else _created_since(action.id)
        if live is None:
            return _gone(action.id)
        edits = [edit.edit() for request in action.requests for edit in request.edits]
        if fingerprint(table, edits, live) != action.rests_on:
            return f"'{action.id}' has changed since the plan was made"
        return None

    def _beside(self, table: Table, action: Action) -> str | None:
        """Why a create would stand beside a model that the plan did not see, or None."""
        near = self.live.near.of(table, _create_edits(table, action))
        for identity, what in sorted(near - planned_near(action.rests_on)):
            if not self._is_own(action, identity):
                return f"'{identity}', which has the same {what}, is there since the plan was made"
        return None

    def _is_own(self, action: Action, identity: str) -> bool:
        """Whether a live object is one that this plan is about, or has made, but for ``action``."""
        live = self.live.known.get(identity)
        if live is None or identity in self.own_ids:
            return True
        key = natural_key(self.target.kind.tables.get(live.variant), partial(dig, live.raw))
        return key is not None and self.own_keys.get((live.variant, *key), action.key) != action.key

    # ---- writing

    async def run(self) -> None:
        """Every action of this registry, as many at once as its concurrency allows."""
        if self.failed is not None:
            return
        self.finished = {action.key: asyncio.Event() for action in self.actions}
        queue = iter(self.actions)

        async def worker() -> None:
            for action in queue:
                await self._one(action)

        await asyncio.gather(
            *(worker() for _ in range(min(self.target.connection.concurrency, len(self.actions))))
        )

    async def _one(self, action: Action) -> None:
        try:
            blocked = await self._blocked_by(action)
            if self.stop.requested:
                return
            if self.failed is not None:
                self._skip(action, self.failed)
            elif blocked is not None:
                reason = f"'{blocked}', which comes first, was not done"
                self._finish(_result(action, "skipped", reason=reason))
            else:
                self._finish(await self._run_action(action))
                self.in_flight.pop(action.key, None)
        finally:
            self.finished[action.key].set()

    async def _run_action(self, action: Action) -> ActionResult:
        try:
            return await _ActionRun(self, action).run()
        except Exception as error:  # noqa: BLE001 - a bug in one action must not lose what others did
            _log.exception("%s: %s", action.registry, action.name)
            failure = Failure(InternalError.code, f"a bug in reconciler: {type(error).__name__}")
            status: Status = "unproven" if action.key in self.in_flight else "failed"
            return _result(action, status, failure=failure, reason=failure.message)

    def abandon(self) -> None:
        """Reports what a second signal cut off: it may or may not have happened."""
        for action in self.in_flight.values():
            self._finish(_result(action, "unproven", reason="cut off while its call was in flight"))

    async def _blocked_by(self, action: Action) -> str | None:
        """The first action that had to come before this one and does not stand as declared."""
        unchanged = {known.key for known in self.part.actions if known.operation == "none"}
        for key in action.after:
            if key in self.finished:
                await self.finished[key].wait()
            result = self.results.get((action.registry, key))
            if key not in unchanged and (result is None or result.status != "done"):
                return key
        return None

    def _skip(self, action: Action, error: RegistryError) -> None:
        failure = failure_of(error)
        self._finish(_result(action, "skipped", failure=failure, reason=failure.message))

    def _finish(self, result: ActionResult) -> None:
        self.results[result.registry, result.key] = result
        self.on_result(result)


def _in_order(actions: Sequence[Action]) -> list[Action]:
    """``actions``, each behind those that it comes after: a worker never waits for what nobody has begun."""
    by_key = {action.key: action for action in actions}
    before = {action.key: [key for key in action.after if key in by_key] for action in actions}
    try:
        return [by_key[key] for key in TopologicalSorter(before).static_order()]
    except CycleError as error:
        raise InternalError(f"actions of the plan wait for each other: {', '.join(error.args[1])}") from None


def _created_since(identity: str | None) -> str:
    return f"'{identity}' has been created since the plan was made"


def _gone(identity: str | None) -> str:
    return f"'{identity}' is no longer there"


def _create_edits(table: Table, action: Action) -> list[Edit]:
    """What the create of ``action`` sends; nothing where it is none."""
    requests = [request for request in action.requests if request.call == table.create.name]
    return [edit.edit() for request in requests for edit in request.edits]


class _Ended(Exception):
    """The end of an action, short of done."""

    def __init__(self, status: Status, reason: str, error: ReconcilerError | None = None) -> None:
        super().__init__(reason)
        self.status: Status = status
        self.reason = reason
        self.failure = None if error is None else failure_of(error)


class _ActionRun:
    """One action: its requests in order, each proven by what the registry shows afterwards."""

    def __init__(self, registry: _RegistryRun, action: Action) -> None:
        self.registry = registry
        self.action = action
        self.table = registry.table(action)
        self.live = registry.live
        self.id = action.id
        self.remarks: list[str] = []
        self.request_ids: list[str] = []

    async def run(self) -> ActionResult:
        status: Status = "done"
        reason = failure = None
        try:
            for number, request in enumerate(self.action.requests):
                await _RequestRun(self, request, first=number == 0).run()
        except _Ended as end:
            status, reason, failure = end.status, end.reason, end.failure
            if number > 0:
                status, reason = "unproven", f"done in part: {reason}"
        return _result(
            self.action,
            status,
            id=self.id,
            reason=reason,
            failure=failure,
            remarks=tuple(self.remarks),
            request_ids=tuple(self.request_ids),
        )


class _RequestRun:
    """One request of an action: sent until it took effect, or until it is clear that it does not."""

    def __init__(self, action_run: _ActionRun, request: PlannedRequest, *, first: bool) -> None:
        self.of = action_run
        self.table = action_run.table
        self.live = action_run.live
        self.creating = request.call == self.table.create.name
        self.call = self.table.create if self.creating else self.table.update
        if self.call.name != request.call:
            raise InternalError(f"{self.table.title} has no call '{request.call}'")
        self.edits = [edit.edit() for edit in request.edits]
        self.first = first
        self.before: LiveObject | None = None
        self.there: frozenset[str] = frozenset()
        self.lost: UnknownOutcome | None = None

    async def run(self) -> None:
        """Returns when it took effect. Raises _Ended."""
        times = 0
        for pause in PAUSES:
            times += 1
            await self._ground()
            live = await self._attempt(pause)
            if live is None and self.creating and not self.table.identity.client_chosen:
                live = await self._keep_looking()
            if live is not None:
                self._prove(live)
                return
            if self.of.registry.stop.requested:
                break
        often = "once" if times == 1 else f"{times} times"
        raise _Ended("failed", f"sent {often}; by what the registry shows, it has not happened", self.lost)

    async def _keep_looking(self) -> LiveObject:
        """For a lost create that cannot be repeated: without an id of ours, both would stay."""
        for pause in PAUSES[1:]:
            if self.of.registry.stop.requested:
                break
            await asyncio.sleep(pause)
            assert self.lost is not None
            live = await self._look(self.lost)
            if live is not None:
                return live
        reason = "the answer was lost, and the registry does not show the model; it is not sent again"
        raise _Ended("unproven", f"{reason}, because the registry makes the id", self.lost)

    async def _ground(self) -> None:
        """What the body is laid over: read just now, and still what the plan rests on."""
        failed = self.of.registry.failed
        if failed is not None:
            raise _Ended("unproven" if self.lost else "skipped", failed.message, failed)
        try:
            objects = await self.live.fresh()
        except RegistryError as error:
            self.of.registry.failed = error
            raise _Ended("unproven" if self.lost else "skipped", error.message, error) from None
        why = self.of.registry.moved(self.of.action, objects) if self.first else None
        if why is not None:
            raise _Ended("unproven" if self.lost else "stale", why, self.lost)
        if self.lost is None:
            self.there = frozenset(objects)
        self.before = None if self.creating or self.of.id is None else objects.get(self.of.id)
        if self.before is None and not self.creating:
            raise _Ended("unproven" if self.lost else "stale", _gone(self.of.id or self.of.action.name))

    async def _attempt(self, pause: float) -> LiveObject | None:
        """Sends once. The object as the registry shows it then; None where nothing happened."""
        try:
            answer = await self._send_in_turn()
        except UnknownOutcome as error:
            self.lost = error
            await asyncio.sleep(pause)
            return await self._look(error)
        except RegistryError as error:
            return await self._turned_down(error)
        except InternalError:
            raise
        except ReconcilerError as error:  # it cannot be sent
            raise _Ended("unproven" if self.lost else "failed", error.message, error) from None
        if answer.request_id:
            self.of.request_ids.append(answer.request_id)
        return answer.live or await self._read_back()

    async def _send_in_turn(self) -> Answer:
        """Sends. A limit that outlasts what the body rests on is waited out, and the body made anew."""
        for _ in range(LIMITED_TRIES - 1):
            try:
                return await self._send()
            except RateLimited as error:
                if error.wait is None or not await self._wait(error.wait):
                    raise
                await self._ground()
        return await self._send()

    async def _wait(self, seconds: float) -> bool:
        """Waits for a limit. False where a stop comes first: the call is not made then."""
        until = time.monotonic() + seconds
        while not self.of.registry.stop.requested:
            left = until - time.monotonic()
            if left <= 0:
                return True
            await asyncio.sleep(min(left, STOP_SECONDS))
        return False

    async def _send(self) -> Answer:
        body = self.table.body(self.call, self.edits, self.before.raw if self.before else {})
        secrets = {edit.secret: self.of.registry.secrets[edit.secret] for edit in self.edits if edit.secret}
        own_id = None if self.creating else self.of.id
        patience = max(0.0, FRESH_SECONDS - self.live.age())
        outgoing = OutgoingRequest(self.call.method, self.call.path, body, own_id, secrets, patience)
        in_flight = self.of.registry.in_flight
        in_flight[self.of.action.key] = self.of.action
        try:
            return await self.live.writer.send(outgoing)
        except UnknownOutcome:
            raise
        except ReconcilerError:
            # Not sent, or surely turned away: nothing of this action is under way, unless from before.
            if self.first and self.lost is None:
                in_flight.pop(self.of.action.key, None)
            raise

    async def _look(self, error: UnknownOutcome) -> LiveObject | None:
        """Whether a write with an unknown outcome happened: the object, or None."""
        try:
            live = self._find(await self.live.now())
        except RegistryError as failure:
            reason = f"the answer was lost, and reading it back failed: {failure.message}"
            raise _Ended("unproven", reason, failure) from None
        if live is None or (self.before is not None and not self._updated(self.before, live)):
            return None
        self.of.remarks.append(f"the answer was lost ({error.message}); found done by reading")
        return live

    def _updated(self, before: LiveObject, live: LiveObject) -> bool:
        """Whether an update turned ``before`` into ``live``. Raises _Ended where that cannot be seen."""
        if not any(self.table.holds(edit, live.raw) is not None for edit in self.edits):
            raise _Ended("unproven", "the answer was lost, and what was sent does not read back", self.lost)
        unmoved = fingerprint(self.table, self.edits, live) == fingerprint(self.table, self.edits, before)
        return not unmoved and not self._not_held(live)

    async def _turned_down(self, error: RegistryError) -> LiveObject:
        """What a clear no means. Raises _Ended, but for a create that an earlier try had made after all."""
        reason = error.message
        if isinstance(error, Unauthorised):
            self.of.registry.failed = error  # every other write would be turned away alike
        if self.creating and isinstance(error, Rejected):
            # No source states what a create of an existing id answers: look instead of reading words.
            found = await self._find_or_none()
            if found is not None and self.lost is not None:
                self.of.remarks.append(f"an earlier try, whose answer was lost, had made it ({reason})")
                return found
            if found is not None:
                reason = f"'{found.id}' is there by now: somebody else made it; plan again ({reason})"
        raise _Ended("failed", reason, error)

    async def _find_or_none(self) -> LiveObject | None:
        try:
            return self._find(await self.live.now())
        except RegistryError:
            return None

    async def _read_back(self) -> LiveObject:
        try:
            live = self._find(await self.live.now())
        except RegistryError as error:
            reason = f"accepted, but reading it back failed: {error.message}"
            raise _Ended("unproven", reason, error) from None
        if live is None:
            raise _Ended("unproven", "accepted, but it is not in the registry's list")
        return live

    def _find(self, objects: Mapping[str, LiveObject]) -> LiveObject | None:
        """The object of this request: by its id, or where the server makes that, the new one like it."""
        if self.of.id is not None:
            return objects.get(self.of.id)
        natural = {edit.path: edit.value for edit in self.edits if edit.path in self.table.identity.natural}
        found = [
            live
            for live in objects.values()
            if live.id not in self.there
            and live.ours
            and live.variant == self.table.variant
            and all(dig(live.raw, path) == value for path, value in natural.items())
        ]
        if len(found) > 1:
            ids = ", ".join(live.label for live in found)
            raise _Ended("unproven", f"several new models could be the one that was made: {ids}", self.lost)
        return found[0] if found else None

    def _not_held(self, live: LiveObject) -> list[str]:
        """The wire paths that ``live`` shows otherwise than this request asked for."""
        return [".".join(edit.path) for edit in self.edits if self.table.holds(edit, live.raw) is False]

    def _prove(self, live: LiveObject) -> None:
        """Returns where the registry shows what was asked for. Raises _Ended."""
        wanted = self.of.id
        if wanted is not None and live.id != wanted:
            reason = f"asked for the id '{wanted}', and the registry answered with '{live.id}'"
            raise _Ended("unproven", reason)
        self.of.id = live.id
        self.of.registry.own_ids.add(live.id)
        self.live.learn(live)
        lost = self._not_held(live)
        if lost:
            raise _Ended("unproven", f"accepted, not stored: {', '.join(lost)}", self.lost)
        if self.before is not None:
            self.of.remarks += _besides(self.table, self.edits, self.before.raw, live.raw)


def _besides(
    table: Table, edits: Iterable[Edit], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[str]:
    """What an update changed besides what it was asked to, among the keys that were there before."""
    asked = {edit.path for edit in edits} | table.derived_paths(edits)
    remarks = []
    for path, value in _leaves(before, ()):
        if path[0] in table.volatile or any(path[: len(known)] == known for known in asked):
            continue
        now = dig(after, path)
        there = json_of(None if now is ABSENT else now, drop_empty=True)
        if there != json_of(value, drop_empty=True) and not (now is ABSENT and not value):
            remarks.append(f"{'.'.join(path)} changed besides: {json_of(value)} -> {there}")
    return remarks


def _leaves(value: Any, above: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*above, key))
    elif above:
        yield above, value
