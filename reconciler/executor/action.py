"""The execution of one action: its requests, each proven by what the registry shows afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.errors import (
    InternalError,
    RateLimited,
    ReconcilerError,
    RegistryError,
    Rejected,
    Unauthorised,
    UnknownOutcome,
)
from reconciler.executor import timing
from reconciler.executor.live import Known
from reconciler.executor.proof import edits_of, not_held, not_stored
from reconciler.executor.twins import may_double
from reconciler.fingerprints import fingerprint
from reconciler.manifests.concealing import holds_one
from reconciler.matching import shows
from reconciler.outcome import ActionResult, Status, result_of
from reconciler.plan import Action, PlannedEdit, PlannedRequest
from reconciler.planner import failure_of
from reconciler.registries.codecs import json_of
from reconciler.registries.interface import Answer, LiveObject, OutgoingRequest, Ref
from reconciler.registries.rows import ABSENT, Edit, Path, Table, dig
from reconciler.stages import waits

if TYPE_CHECKING:
    from reconciler.executor.registry import RegistryRun


def gone(identity: str | None) -> str:
    return f"'{identity}' is no longer there"


def create_edits(table: Table, action: Action) -> list[PlannedEdit]:
    """What the create of ``action`` sends; nothing where it is none."""
    requests = [request for request in action.requests if table.calls.get(request.call) is table.create]
    return [edit for request in requests for edit in request.edits]


class _Ended(Exception):
    """The end of an action, short of done."""

    def __init__(
        self, status: Status, reason: str, error: ReconcilerError | None = None, hint: str | None = None
    ) -> None:
        super().__init__(reason)
        self.status: Status = status
        self.reason = reason
        self.failure = None if error is None else failure_of(error)
        if self.failure is not None and hint is not None:
            hints = (self.failure.hint, hint)
            self.failure = replace(self.failure, hint="; ".join(text for text in hints if text))


class ActionRun:
    """One action: its requests in order, each proven by what the registry shows afterwards."""

    def __init__(self, registry: RegistryRun, action: Action) -> None:
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
        return result_of(
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

    def __init__(self, action_run: ActionRun, request: PlannedRequest, *, first: bool) -> None:
        self.of = action_run
        self.table = action_run.table
        self.live = action_run.live
        call = self.table.calls.get(request.call)
        if call is None:
            raise InternalError(f"{self.table.title} has no call '{request.call}'")
        self.call = call
        self.creating = call is self.table.create
        self.edits = edits_of(request)
        self.first = first
        self.before: LiveObject | None = None
        self.there: Callable[[], frozenset[Ref]] = frozenset
        self.lost: UnknownOutcome | None = None
        self.held: LiveObject | None = None  # an answer that shows all that was asked for

    async def run(self) -> None:
        """Returns when it took effect. Raises _Ended."""
        times = 0
        for pause in timing.PAUSES:
            times += 1
            await self._ground()
            if not self.first and self._is_so():
                return
            live = await self._attempt(pause)
            if live is None and self.creating and may_double(self.table):
                live = await self._keep_looking()
            if live is not None:
                self._prove(live)
                return
            if self.of.registry.stop.requested:
                break
        often = "once" if times == 1 else f"{times} times"
        # Not `failed`: what a registry shows may be older than what it has stored.
        raise _Ended("unproven", f"sent {often}; by what the registry shows, it has not happened", self.lost)

    def _is_so(self) -> bool:
        """Whether an earlier request of the action has brought about what this one is for."""
        return self.before is not None and all(self.table.holds(edit, self.before.raw) for edit in self.edits)

    @property
    def _may_double(self) -> bool:
        """Whether only looking keeps a create from standing beside one of the same name."""
        return self.creating and not self.table.identity.unique

    async def _keep_looking(self) -> LiveObject:
        """For a lost create that cannot be repeated: nothing would keep two of them apart."""
        for pause in timing.PAUSES[1:]:
            if self.of.registry.stop.requested:
                break
            await asyncio.sleep(pause)
            assert self.lost is not None
            live = await self._look(self.lost)
            if live is not None:
                return live
        what = self.of.action.resource.lower()
        reason = f"the answer was lost, and the registry does not show the {what}; it is not sent again"
        because = "the registry makes the id"
        if self.table.identity.client_chosen:
            because = "the registry does not keep names apart"
        raise _Ended("unproven", f"{reason}, because {because}", self.lost)

    async def _ground(self) -> None:
        """What the body is laid over: read just now, and still what the plan rests on."""
        failed = self.of.registry.failed
        if failed is not None:
            raise _Ended("unproven" if self.lost else "skipped", failed.message, failed)
        try:
            known = await (
                self.live.with_name(self.of.action.resource, self.of.id)
                if self._may_double
                else self.live.fresh()
            )
        except RegistryError as error:
            self.of.registry.failed = error
            raise _Ended("unproven" if self.lost else "skipped", error.message, error) from None
        why = self.of.registry.moved(self.of.action, known, writing=True) if self.first else None
        if why is not None:
            raise _Ended("unproven" if self.lost else "stale", why, self.lost)
        if self.lost is None:
            self.there = known.refs_of_now()
        self.before = None if self.creating or self.of.id is None else known.get(self._ref(self.of.id))
        if self.before is None and not self.creating:
            raise _Ended("unproven" if self.lost else "stale", gone(self.of.id or self.of.action.name))

    def _ref(self, identity: str) -> Ref:
        return self.of.action.resource, identity

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
        if self.creating and answer.created is False and self.lost is None:
            if answer.live is not None:
                self.live.learn(answer.live)
            what = self.of.action.resource.lower()
            reason = f"it updated a {what} that was there since the plan: see what it was, and plan again"
            raise _Ended("unproven", reason)
        if answer.live is None or self._lacks_what_others_show(answer.live):
            return await self._read_back()
        return answer.live

    async def _send_in_turn(self) -> Answer:
        """Sends. A limit that outlasts what the body rests on is waited out, and the body made anew."""
        for _ in range(timing.LIMITED_TRIES - 1):
            try:
                return await self._send()
            except RateLimited as error:
                if error.wait is None or not await self._wait(error.wait):
                    raise
                await self._ground()
        return await self._send()

    async def _wait(self, seconds: float) -> bool:
        """Waits for a limit. False where a stop comes first: the call is not made then."""
        waits(self.of.registry.part.name, seconds)
        return not await self.of.registry.stop.comes_within(seconds)

    async def _send(self) -> Answer:
        raw = self.before.raw if self.before else {}
        own = self.of.registry.secrets(self.table, self.edits, raw)
        secrets = {**self.of.registry.resolved, **own}
        own_id = None if self.creating else self.of.id
        body = self.table.body(self.call, self.edits, raw, own_id)
        patience = max(timing.TURN_SECONDS, timing.FRESH_SECONDS - self.live.age())
        outgoing = OutgoingRequest(self.call.method, self.call.path, body, own_id, secrets, patience)
        in_flight = self.of.registry.in_flight
        in_flight[self.of.action.key] = self.of.action
        try:
            return await self.live.send(outgoing)
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
            if found is None and self.lost is not None:
                found = await self._find_in_time()
            if found is not None and self.lost is not None:
                self.of.remarks.append(f"an earlier try, whose answer was lost, had made it ({reason})")
                return found
            if found is not None:
                reason = f"'{found.names[0]}' is there by now: somebody else made it; plan again ({reason})"
        if self.call.template is not None and isinstance(error, Rejected):
            # To switch off what is off is answered with 404 by some servers.
            found = await self._find_or_none()
            if found is not None and not self._not_held(found):
                self.of.remarks.append(f"it was so already ({reason})")
                return found
        raise _Ended("failed", reason, error, self._tried_with() if isinstance(error, Rejected) else None)

    def _tried_with(self) -> str | None:
        """What the registry tried the upstream with, where this request makes it do so."""
        if not any(self.table.row_at(edit.path).probed for edit in self.edits):
            return None
        raw = self.before.raw if self.before else {}
        key = next((f"secret {edit.secret.name}" for edit in self.edits if edit.secret), "the stored one")
        endpoint = ", ".join(self.table.upstreams(self.edits, raw)) or "unknown"
        return f"if its probe failed: endpoint {endpoint}, key: {key}"

    async def _find_in_time(self) -> LiveObject:
        """What an earlier try may have made, where a later one was turned down: for all that we know because
        of the earlier one. The list may lag behind."""
        for pause in timing.PAUSES:
            await asyncio.sleep(pause)
            found = await self._find_or_none()
            if found is not None:
                return found
            if self.of.registry.stop.requested:
                break
        reason = "the answer was lost, the next try was turned down, and the registry does not show it"
        raise _Ended("unproven", reason, self.lost)

    async def _find_or_none(self) -> LiveObject | None:
        try:
            return self._find(await self.live.now())
        except RegistryError:
            return None

    async def _read_back(self) -> LiveObject:
        """The object as the registry shows it, read again while it does not show what was accepted: some
        registries' lists lag behind."""
        live: LiveObject | None = None
        for pause in (0.0, *timing.PAUSES):
            await asyncio.sleep(pause)
            try:
                live = self._find(await self.live.now())
            except RegistryError as error:
                reason = f"accepted, but reading it back failed: {error.message}"
                raise _Ended("unproven", reason, error) from None
            if (live is not None and not self._not_held(live)) or self.of.registry.stop.requested:
                break
        if live is None:
            raise _Ended("unproven", "accepted, but it is not in the registry's list")
        return live

    def _find(self, known: Known) -> LiveObject | None:
        """The object of this request: by its id, by its name, or the new one that is like it."""
        if not self.creating:
            return None if self.of.id is None else known.get(self._ref(self.of.id))
        if self.of.id is not None:
            named, there = known.named(self.table, self.of.id), self.there()
            return self._only([live for live in named if live.ref not in there] or named)
        sent = shows(self.table, self.edits)
        natural = {path: sent[path] for path in self.table.identity.natural if path in sent}
        there = self.there()
        return self._only(
            [
                live
                for live in known
                if live.ref not in there
                and live.ours
                and live.variant == self.table.variant
                and all(dig(live.raw, path) == value for path, value in natural.items())
            ]
        )

    def _only(self, found: list[LiveObject]) -> LiveObject | None:
        if len(found) > 1:
            ids = ", ".join(live.label for live in found)
            what = self.of.action.resource.lower()
            raise _Ended("unproven", f"several new {what}s could be the one that was made: {ids}", self.lost)
        return found[0] if found else None

    def _lacks_what_others_show(self, live: LiveObject) -> bool:
        lost = self._not_held(live)
        if not lost:
            self.held = live
        return bool(lost) and lost != self._not_held(live, seen=())

    def _not_held(self, live: LiveObject, seen: Container[str] | None = None) -> list[Path]:
        """The wire paths that ``live`` shows otherwise than this request asked for; ``seen`` as `not_held`
        has it, by default from what is known."""
        if seen is None:
            seen = self.live.known.keys_beside(live)
        return not_held(self.table, self.edits, live, seen)

    def _prove(self, live: LiveObject) -> None:
        """Returns where the registry shows what was asked for. Raises _Ended."""
        wanted = self.of.id
        if wanted is not None and wanted not in (live.id, *live.names):
            reason = f"asked for the id '{wanted}', and the registry answered with '{live.names[0]}'"
            raise _Ended("unproven", reason)
        self.of.id = live.id
        self.of.registry.own.add(live.ref)
        self.live.learn(live)
        lost = [] if live is self.held else self._not_held(live)
        if lost:
            raise _Ended("unproven", not_stored(self.table, lost), self.lost)
        if self.before is not None:
            self.of.remarks += _besides(self.table, self.edits, self.before.raw, live.raw)


def _besides(
    table: Table, edits: Sequence[Edit], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[str]:
    """What an update changed besides what it was asked to, among the keys that were there before.

    With the values only of what a row describes: anything may stand in the rest, credentials too.
    """
    asked = {path for edit in edits for path in (edit.path, table.shown_at(edit.path))}
    asked |= table.derived_paths(edits)
    remarks = []
    for path, value in _leaves(before, ()):
        if (
            path[0] in table.volatile
            or path[0] in table.made
            or any(path[: len(known)] == known for known in asked)
        ):
            continue
        if not value and any(known[: len(path)] == path for known in asked):
            continue  # it was empty, and what was asked for is in it now
        now = dig(after, path)
        there = json_of(None if now is ABSENT else now, drop_empty=True)
        if there != json_of(value, drop_empty=True) and not (now is ABSENT and not value):
            told = (
                f": {json_of(value)} -> {there}"
                if table.is_plain(path) and not holds_one([value, now])
                else ""
            )
            remarks.append(f"{'.'.join(path)} changed besides{told}")
    return remarks


def _leaves(value: Any, above: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*above, key))
    elif above:
        yield above, value
