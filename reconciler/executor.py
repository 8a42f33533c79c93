"""Plan -> outcome. Takes a plan, never manifests; the only stage that writes.

Each registry runs on its own. Everything is read, and every secret resolved, before the first write.
A write whose outcome is unknown is looked up before it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.desired import destinations
from reconciler.errors import InternalError, RegistryError, Rejected, UnknownOutcome
from reconciler.outcome import ActionResult, Outcome, Status
from reconciler.plan import Action, Failure, Plan, PlannedRequest, RegistryPlan
from reconciler.planner import failure_of, fingerprint
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
from reconciler.registries.rows import ABSENT, Call, Edit, Table, dig
from reconciler.secrets import Secret, SecretRef, SecretStore

_log = logging.getLogger("reconciler.executor")

FRESH_SECONDS: Final = 30.0
"""How old a read may be when an update lays its fields over it."""

ATTEMPTS: Final = 3
"""How often a write is sent at most, each time only after a look showed that it had not happened."""


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
    async with AsyncExitStack() as stack:
        runs = [
            await stack.enter_async_context(_registry_run(part, targets[part.name], stop, on_result))
            for part in plan.registries
            if any(action.requests for action in part.actions)
        ]
        for run in runs:
            run.resolve_secrets(secrets)
        await asyncio.gather(*(run.read() for run in runs))
        moved = [result for run in runs for result in run.moved()]
        if moved:
            results = {(result.registry, result.resource, result.name): result for result in moved}
            reason = "another action of this plan is stale"
            return _outcome(plan, results, Stop(), otherwise=("stale", reason))
        try:
            await asyncio.gather(*(run.run() for run in runs))
        except asyncio.CancelledError:
            if not stop.requested:
                raise
            for run in runs:
                run.abandon()
    results = {key: result for run in runs for key, result in run.results.items()}
    return _outcome(plan, results, stop, otherwise=("skipped", "interrupted"))


Key = tuple[str, str, str]


def _outcome(
    plan: Plan, results: Mapping[Key, ActionResult], stop: Stop, *, otherwise: tuple[Status, str]
) -> Outcome:
    """One result for each action of the plan, also for those that nobody tried."""
    every = []
    for action in plan.actions():
        key = (action.registry, action.resource, action.name)
        if key in results:
            every.append(results[key])
        elif action.operation == "none":
            every.append(_result(action, "unchanged"))
        elif action.operation == "refused":
            every.append(_result(action, "refused", reason=action.refusals[0].message))
        else:
            every.append(_result(action, otherwise[0], reason=otherwise[1]))
    return Outcome(tuple(every), stop.requested)


def _result(action: Action, status: Status, **more: Any) -> ActionResult:
    more.setdefault("id", action.id)
    return ActionResult(action.registry, action.resource, action.name, status, **more)


@asynccontextmanager
async def _registry_run(
    part: RegistryPlan, target: Target, stop: Stop, on_result: Callable[[ActionResult], None]
) -> AsyncIterator[_RegistryRun]:
    async with target.kind.client().writer(target.connection) as writer:
        yield _RegistryRun(part, target, writer, stop, on_result)


class _Live:
    """What one registry holds, read again when it has become too old to lay changes over."""

    def __init__(self, writer: Writer, observation: Observation | None) -> None:
        self._writer = writer
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self._objects: dict[str, LiveObject] = {}
        if observation is not None:
            self._take(observation)

    def _take(self, observation: Observation) -> None:
        self._objects = {live.id: live for live in observation.objects}
        self._read_at = observation.read_at

    async def objects(self, *, newer_than: float | None = None) -> Mapping[str, LiveObject]:
        """Everything by id, read at most FRESH_SECONDS ago, or after ``newer_than`` (monotonic)."""
        async with self._lock:
            limit = time.monotonic() - FRESH_SECONDS if newer_than is None else newer_than
            if self._read_at < limit:
                self._take(await self._writer.observe())
            return self._objects

    def learn(self, live: LiveObject) -> None:
        """Puts the answer of a write in the place of what was read before."""
        self._objects[live.id] = live


@dataclass(slots=True)
class _RegistryRun:
    """The execution of one registry's part of a plan."""

    part: RegistryPlan
    target: Target
    writer: Writer
    stop: Stop
    on_result: Callable[[ActionResult], None]
    results: dict[Key, ActionResult] = field(default_factory=dict)
    secrets: dict[SecretRef, Secret] = field(default_factory=dict)
    failed: RegistryError | None = None
    live: _Live = field(init=False)
    finished: dict[str, asyncio.Event] = field(default_factory=dict)
    in_flight: dict[str, Action] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.live = _Live(self.writer, self.target.observation)

    @property
    def actions(self) -> list[Action]:
        return [action for action in self.part.actions if action.requests]

    # ---- before the first write

    def resolve_secrets(self, store: SecretStore) -> None:
        """Every secret of every request, each only for the hosts that its object makes it reach."""
        url = None if self.target.connection.wire else self.target.connection.url
        for action in self.actions:
            table = self.target.kind.tables[action.variant]
            for request in action.requests:
                edits = [edit.edit() for edit in request.edits]
                hosts = destinations(table.upstreams(edits), url)
                for edit in edits:
                    if edit.secret is not None:
                        self.secrets[edit.secret] = store.resolve(edit.secret, hosts)

    async def read(self) -> None:
        """Reads the registry again where the plan's own read has become too old."""
        try:
            await self.live.objects()
        except RegistryError as error:
            self.failed = error

    def moved(self) -> list[ActionResult]:
        """The actions that rest on something that is no longer so. Nothing has been written yet."""
        if self.failed is not None:
            return []
        objects = self.live._objects  # noqa: SLF001 - read just before, in the same step
        return [
            _result(action, "stale", reason=why)
            for action in self.actions
            if (why := self._moved(action, objects)) is not None
        ]

    def _moved(self, action: Action, objects: Mapping[str, LiveObject]) -> str | None:
        live = objects.get(action.id or "")
        if action.operation == "create":
            return None if live is None else f"'{action.id}' has been created since the plan was made"
        if live is None:
            return f"'{action.id}' is no longer there"
        table = self.target.kind.tables[action.variant]
        edits = [edit.edit() for request in action.requests for edit in request.edits]
        if fingerprint(table.update, edits, live) != action.rests_on:
            return f"'{action.id}' has changed since the plan was made"
        return None

    # ---- writing

    async def run(self) -> None:
        """Every action of this registry, as many at once as its concurrency allows."""
        if self.failed is not None:
            failure = failure_of(self.failed)
            for action in self.actions:
                self._finish(_result(action, "skipped", failure=failure, reason=self.failed.message))
            return
        self.finished = {action.name: asyncio.Event() for action in self.actions}
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
            if blocked is not None:
                self._finish(
                    _result(action, "skipped", reason=f"'{blocked}', which comes first, was not done")
                )
            else:
                self.in_flight[action.name] = action
                self._finish(await self._run_action(action))
                del self.in_flight[action.name]
        finally:
            self.finished[action.name].set()

    async def _run_action(self, action: Action) -> ActionResult:
        try:
            return await _ActionRun(self, action).run()
        except Exception as error:  # noqa: BLE001 - a bug in one action must not lose what others did
            _log.exception("%s: %s", action.registry, action.name)
            failure = Failure(InternalError.code, f"a bug in reconciler: {type(error).__name__}")
            return _result(action, "unproven", failure=failure, reason=failure.message)

    def abandon(self) -> None:
        """Reports what a second signal cut off: it may or may not have happened."""
        for action in self.in_flight.values():
            self._finish(_result(action, "unproven", reason="cut off while its call was in flight"))

    async def _blocked_by(self, action: Action) -> str | None:
        for name in action.after:
            if name in self.finished:
                await self.finished[name].wait()
                result = self.results.get((action.registry, action.resource, name))
                if result is None or result.status != "done":
                    return name
        return None

    def _finish(self, result: ActionResult) -> None:
        self.results[result.registry, result.resource, result.name] = result
        self.on_result(result)


@dataclass(slots=True)
class _ActionRun:
    """One action: its requests in order, each proven by what the registry shows afterwards."""

    registry: _RegistryRun
    action: Action
    id: str | None = None
    remarks: list[str] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)

    @property
    def table(self) -> Table:
        return self.registry.target.kind.tables[self.action.variant]

    async def run(self) -> ActionResult:
        self.id = self.action.id
        for request in self.action.requests:
            result = await self._request(request)
            if result is not None:
                return result
        return self._result("done")

    def _result(self, status: Status, **more: Any) -> ActionResult:
        return _result(
            self.action,
            status,
            id=self.id,
            remarks=tuple(self.remarks),
            request_ids=tuple(self.request_ids),
            **more,
        )

    async def _request(self, request: PlannedRequest) -> ActionResult | None:
        """Sends one request. None when it took effect, else the action's result."""
        edits = [edit.edit() for edit in request.edits]
        unknown: UnknownOutcome | None = None
        for _ in range(ATTEMPTS):
            before, problem = await self._before(edits, unknown)
            if problem is not None:
                return problem
            sent_at = time.monotonic()
            try:
                answer = await self._send(request, edits, before)
            except UnknownOutcome as error:
                unknown = error
                found = await self._look(edits, sent_at)
                if isinstance(found, ActionResult):
                    return found
                if found is not None:
                    self.remarks.append(f"the answer was lost ({error.message}); found done by reading")
                    return self._proof(edits, before, found)
                continue
            except RegistryError as error:
                return await self._failed(error)
            if answer.request_id:
                self.request_ids.append(answer.request_id)
            live = answer.live
            if live is None:
                live = await self._read_back(sent_at)
            return self._proof(edits, before, live)
        assert unknown is not None
        return self._result(
            "failed",
            failure=failure_of(unknown),
            reason=f"sent {ATTEMPTS} times; a look showed each time that it had not happened",
        )

    async def _before(
        self, edits: Sequence[Edit], unknown: UnknownOutcome | None
    ) -> tuple[LiveObject | None, ActionResult | None]:
        """The object that the body is laid over, fresh, and still the one that the plan rests on."""
        if self.action.operation == "create":
            return None, None
        try:
            objects = await self.registry.live.objects()
        except RegistryError as error:
            return None, self._result("skipped", failure=failure_of(error), reason=error.message)
        live = objects.get(self.id or "")
        if live is None:
            return None, self._result("skipped", reason=f"'{self.id}' is no longer there")
        if unknown is None and fingerprint(self.table.update, edits, live) != self.action.rests_on:
            return None, self._result("skipped", reason=f"'{self.id}' has changed since the plan was made")
        return live, None

    async def _send(
        self, request: PlannedRequest, edits: Sequence[Edit], before: LiveObject | None
    ) -> Answer:
        raw = before.raw if before is not None else {}
        creating = self.action.operation == "create"
        call: Call = self.table.create if creating else self.table.update
        if call.name != request.call:
            raise InternalError(f"{self.action.name}: the plan's call {request.call} is not {call.name}")
        body = self.table.body(call, edits, raw)
        secrets = {edit.secret: self.registry.secrets[edit.secret] for edit in edits if edit.secret}
        outgoing = OutgoingRequest(call.method, call.path, body, None if creating else self.id, secrets)
        return await self.registry.writer.send(outgoing)

    async def _look(self, edits: Sequence[Edit], sent_at: float) -> LiveObject | ActionResult | None:
        """Whether a write with an unknown outcome happened: the object, None, or that we cannot tell."""
        try:
            objects = await self.registry.live.objects(newer_than=sent_at)
        except RegistryError as error:
            reason = f"the answer was lost, and reading it back failed: {error.message}"
            return self._result("unproven", failure=failure_of(error), reason=reason)
        live = objects.get(self.id or "")
        if self.action.operation == "create":
            return live
        if live is not None and all(self.table.holds(edit, live.raw) is not False for edit in edits):
            return live
        return None

    async def _read_back(self, sent_at: float) -> LiveObject | None:
        try:
            objects = await self.registry.live.objects(newer_than=sent_at)
        except RegistryError:
            return None
        return objects.get(self.id or "")

    def _proof(
        self, edits: Sequence[Edit], before: LiveObject | None, live: LiveObject | None
    ) -> ActionResult | None:
        """None when the registry shows what was asked for, else why that is not proven."""
        if live is None:
            return self._result("unproven", reason="accepted, but it cannot be read back")
        if self.id is not None and live.id != self.id:
            reason = f"asked for the id '{self.id}', and the registry answered with '{live.id}'"
            return self._result("unproven", reason=reason)
        self.id = live.id
        self.registry.live.learn(live)
        lost = [".".join(edit.path) for edit in edits if self.table.holds(edit, live.raw) is False]
        if lost:
            return self._result("unproven", reason=f"accepted, not stored: {', '.join(lost)}")
        if before is not None:
            self.remarks += _besides(self.table, edits, before.raw, live.raw)
        return None

    async def _failed(self, error: RegistryError) -> ActionResult:
        reason = error.message
        if isinstance(error, Rejected) and self.action.operation == "create" and self.id:
            # No source states what a create of an existing id answers: look instead of reading words.
            found = await self._read_back(time.monotonic())
            if found is not None:
                reason = f"'{self.id}' is there by now: somebody else made it; plan again ({reason})"
        return self._result("failed", failure=failure_of(error), reason=reason)


def _besides(
    table: Table, edits: Iterable[Edit], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[str]:
    """What an update changed besides what it was asked to, among the keys that were there before."""
    asked = {edit.path for edit in edits} | table.derived_paths
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
