"""What the rules do to a call, around a registry that knows nothing of them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.embedded import dialects, wire
from reconciler.embedded.answers import Refused
from reconciler.embedded.faults.calls import Call, call_of
from reconciler.embedded.faults.cutting import cut
from reconciler.embedded.faults.faults import Faults
from reconciler.embedded.faults.rules import READS, Rule, Staleness
from reconciler.embedded.store import Snapshot, Store

_PAGE: Final = "<!doctype html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_UNTOUCHED: Final = ("/healthz",)


@dataclass(slots=True)
class _Answer:
    """What the registry itself answered."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
        else:
            self.body += message.get("body", b"")

    def response(self, **changes: Any) -> Response:
        """It as it is, but for ``changes`` of its status, its body or its content type."""
        response = Response(changes.get("body", self.body), changes.get("status", self.status))
        kept = [(name, value) for name, value in self.headers if name != b"content-length"]
        if "content_type" in changes:
            kept = [(name, value) for name, value in kept if name != b"content-type"]
            kept.append((b"content-type", changes["content_type"].encode()))
        response.raw_headers.extend(kept)
        return response

    def raw(self, body: bytes) -> bytes:
        """It as bytes on the wire, with the length of the whole body and only ``body`` behind it."""
        head = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n".encode()
        return head + b"".join(b"%b: %b\r\n" % pair for pair in self.headers) + b"\r\n" + body


@dataclass(slots=True)
class _Stale:
    """Reads that are answered from before a write."""

    snapshot: Snapshot
    until: float
    reads: float
    readers: int = 0
    is_over: bool = False

    def takes(self) -> bool:
        """Whether one more read is stale. Counts it."""
        self.reads -= 1
        return self.reads >= 0 and time.monotonic() < self.until

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """Keeps the snapshot open, also where it ends meanwhile for the reads that come later."""
        self.readers += 1
        try:
            yield self.snapshot
        finally:
            self.readers -= 1
            self._close()

    def end(self) -> None:
        self.is_over = True
        self._close()

    def _close(self) -> None:
        if self.is_over and not self.readers:
            self.snapshot.close()


class FaultInjector:
    """ASGI middleware: the outermost of a registry, so that a fault may come before every check."""

    def __init__(self, app: ASGIApp, *, faults: Faults, store: Store) -> None:
        self._app = app
        self._faults = faults
        self._store = store
        self._stale: _Stale | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _UNTOUCHED:
            await self._app(scope, receive, send)
            return
        content = await _content(receive)
        call = call_of(scope["method"], scope["path"], scope["query_string"], content)
        await _Exchange(self, scope, receive, send, content, call).run(self._faults.meeting(call))

    # ---- what an exchange asks of it

    async def ask(self, scope: Scope, content: bytes, call: Call, *, losing: bool = False) -> _Answer:
        """What the registry answers to a call; of a stale state, where reads are stale just now."""
        answer = _Answer()
        sent = iter([{"type": "http.request", "body": content, "more_body": False}])

        async def receive() -> Message:
            return next(sent, {"type": "http.disconnect"})

        with ExitStack() as stack:
            if call.kind in READS and (stale := self._still_stale()) is not None:
                stack.enter_context(self._store.as_of(stack.enter_context(stale.reading())))
            if losing:
                stack.enter_context(self._store.losing())
            await self._app({**scope}, receive, answer.take)
        return answer

    def snapshot(self) -> Snapshot:
        return self._store.snapshot()

    def be_stale(self, snapshot: Snapshot, staleness: Staleness) -> None:
        """From now on, list and get are answered from ``snapshot``."""
        self._forget()
        until = math.inf if staleness.seconds is None else time.monotonic() + staleness.seconds
        self._stale = _Stale(snapshot, until, staleness.reads or math.inf)

    def _still_stale(self) -> _Stale | None:
        if self._stale is not None and not (self._faults.on and self._stale.takes()):
            self._forget()
        return self._stale

    def _forget(self) -> None:
        stale, self._stale = self._stale, None
        if stale is not None:
            stale.end()


@dataclass(slots=True)
class _Exchange:
    """One request, and what its rules make of it."""

    of: FaultInjector
    scope: Scope
    receive: Receive
    send: Send
    content: bytes
    call: Call

    stale: Rule | None = None
    twice: bool = False

    async def run(self, rules: Iterable[Rule]) -> None:
        for rule in rules:
            if rule.fault == "latency":
                await asyncio.sleep(rule.latency)
            elif rule.fault == "stale":
                self.stale = rule
            elif rule.fault == "duplicate":
                self.twice = True
            else:
                await self._meet(rule)
                return
        await self._give((await self._asked()).response())

    async def _meet(self, rule: Rule) -> None:
        match rule.fault:
            case "status":
                if rule.status != 429 and rule.when == "after":
                    await self._asked()
                await self._give(
                    _limit(self.scope, rule) if rule.status == 429 else self._failure(rule.status)
                )
            case "reset":
                if rule.reset == "after":
                    await self._asked()
                await cut(self.scope, self.receive, reset=True)
            case "truncate":
                await self._truncated(await self._asked(), rule)
            case "malformed":
                await self._give(_malformed(await self._asked(), rule))
            case _:
                await self._give((await self._lost(rule)).response())

    async def _asked(self, content: bytes | None = None, *, losing: bool = False) -> _Answer:
        sent = self.content if content is None else content
        if self.twice:
            await self.of.ask(self.scope, self.content, self.call)
        if self.stale is not None:
            self.of.be_stale(self.of.snapshot(), self.stale.stale)
        return await self.of.ask(self.scope, sent, self.call, losing=losing)

    async def _lost(self, rule: Rule) -> _Answer:
        """A write that is answered as if it were stored."""
        if rule.lose is True:
            return await self._asked(losing=True)
        return await self._asked(_without(self.content, rule.lose))

    async def _truncated(self, answer: _Answer, rule: Rule) -> None:
        half = answer.body[: len(answer.body) // 2]
        if rule.truncate == "json" and half:
            await self._give(answer.response(body=half))
        else:
            # An answer without a body has no half: it ends in its headers.
            raw = answer.raw(half) if answer.body else answer.raw(b"")[:-8]
            await cut(self.scope, self.receive, answer=raw, reset=False)

    def _failure(self, status: int) -> Response:
        """In the vendor's words where it is the registry's own, else as a gateway says it."""
        if status == 500:
            return dialects.of(self.scope["path"]).fault()
        return Response(_PAGE.format(f"{status} {HTTPStatus(status).phrase}"), status, media_type="text/html")

    async def _give(self, response: Response) -> None:
        await response(self.scope, self.receive, self.send)


async def _content(receive: Receive) -> bytes:
    content, more = b"", True
    while more:
        message = await receive()
        content += message.get("body", b"")
        more = message.get("more_body", False)
    return content


def _limit(scope: Scope, rule: Rule) -> Response:
    """429, with its hint in the form that the rule asks for."""
    response = dialects.of(scope["path"]).refused(Refused(429, "Rate limit exceeded"))
    moment = time.time() + rule.wait
    match rule.hint:
        case "retry-after":
            response.headers["retry-after"] = f"{rule.wait:g}"
        case "retry-after-date":
            response.headers["retry-after"] = formatdate(math.ceil(moment), usegmt=True)
        case "retry-after-ms":
            response.headers["retry-after-ms"] = f"{rule.wait * 1000:g}"
        case "x-ratelimit-reset":
            response.headers["x-ratelimit-reset"] = f"{rule.wait:g}"
        case "x-ratelimit-reset-at":
            response.headers["x-ratelimit-reset"] = f"{moment:.3f}"
        case "body":
            body = {**wire.loads(bytes(response.body)), "retry_after": rule.wait}
            kept = dict(response.headers)
            kept.pop("content-length")
            return Response(wire.dumps(body), 429, kept)
        case _:
            pass
    return response


def _malformed(answer: _Answer, rule: Rule) -> Response:
    """200, and something else than the answer."""
    match rule.malformed:
        case "html":
            body = _PAGE.format("Sign in").encode()
            return answer.response(status=200, body=body, content_type="text/html; charset=utf-8")
        case "content-type":
            return answer.response(content_type="text/plain")
        case _:
            return answer.response(status=200, body=b'{"unfinished": ', content_type="application/json")


def _without(content: bytes, fields: Iterable[str]) -> bytes:
    """A body without ``fields`` (`metadata.region`). One that is no object stays as it is."""
    try:
        body = wire.loads(content)
    except wire.InvalidJSONError:
        return content
    for name in fields:
        *above, last = name.split(".")
        inner: Any = body
        for step in above:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner.pop(last, None)
    return wire.dumps(body).encode()
