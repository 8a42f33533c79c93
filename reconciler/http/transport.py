"""ReadTransport and Transport: one call, its attempts, its verdict."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from reconciler.errors import RegistryError
from reconciler.http.answer import Answer, Reply, receive
from reconciler.http.clients import Client, Clients
from reconciler.http.judge import SEND_FAILURES, Call, Failed, Judge, Verdict
from reconciler.http.pace import Clock, Pace
from reconciler.http.tokens import FixedToken, TokenSource
from reconciler.http.urls import BaseUrl, Query, with_query
from reconciler.secrets import Secret
from reconciler.stages import count, request

_log = logging.getLogger("reconciler.http")


@dataclass(frozen=True, slots=True)
class Settings:
    """How one registry is called. ``timeout`` and ``longest_wait`` are seconds."""

    requests_per_minute: int
    """Calls that may start in any 60 seconds, repeated ones included; at least 1."""
    concurrency: int = 8
    """Calls in flight."""
    timeout: float = 60.0
    """For one whole exchange, however steadily its answer drips."""
    read_attempts: int = 4
    """Tries of a read, and of a connection for a write."""
    rate_limited_attempts: int = 5
    """Tries of a call that is answered 429."""
    max_answer_bytes: int = 256 * 1024 * 1024
    """Size of an answer, decompressed."""
    longest_wait: float = 120.0
    """The longest wait that a registry may ask for; a longer one is an error at once."""


def _no_hint(_data: Any) -> None:
    return None


class ReadTransport:
    """Calls one registry, and has no method that writes.

    ``registry`` is its name in reconciler.yaml, ``setting`` the field that ``base_url`` comes from.
    ``token`` is sent with every call, or comes from a source that may renew it. ``explain`` takes the
    decoded body of an error and gives the registry's own message; ``retry_after`` gives the seconds that
    such a body asks us to wait, and ``math.inf`` for a limit that waiting does not lift. Both take
    whatever JSON may come, None included.
    ``wire`` makes another httpx transport than sockets, such as one for an app in this process. ``pace``
    is one that other transports to the same registry share; without it, this one has its own.
    ``headers`` are sent with every call, in the place of ours of the same name.

    Raises Unreachable for a ``base_url`` that is none, SecretError for a token that cannot be a header.
    Close it, or use it as a context manager.
    """

    def __init__(
        self,
        *,
        registry: str,
        base_url: str,
        token: Secret | TokenSource | None,
        settings: Settings,
        explain: Callable[[Any], str | None],
        retry_after: Callable[[Any], float | None] = _no_hint,
        wire: Callable[[], httpx.AsyncBaseTransport] | None = None,
        clock: Clock | None = None,
        pace: Pace | None = None,
        setting: str = "url",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        self._base = BaseUrl.parse(base_url, registry=registry, setting=setting)
        self._pace = pace or Pace(settings.requests_per_minute, self._clock)
        self._tokens = FixedToken(token) if token is None or isinstance(token, Secret) else token
        self._clients = Clients(
            registry=registry,
            base=self._base,
            count=settings.concurrency,
            timeout=settings.timeout,
            wire=wire,
            headers=headers,
        )
        self._judge = Judge(
            registry=registry,
            credential=self._tokens.name,
            explain=explain,
            retry_after=retry_after,
            longest_wait=settings.longest_wait,
            now=self._clock.now,
            setting=setting,
        )

    async def read(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        body: bytes | None = None,
        template: str = "",
    ) -> Reply:
        """Asks for something; some registries list by POST, so the method is no proof of a read.

        ``path`` starts with a slash and is percent-encoded; ``template`` is what it was made from, where it
        names an object. ``body`` is JSON. Tried again while that may help. Raises RegistryError of the kind
        that the table in ``judge`` gives.
        """
        call = self._call(method, path, params=params, body=body, template=template)
        return await self._settle(call, patience=math.inf)

    async def aclose(self) -> None:
        await self._clients.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None,
        params: Query | None = None,
        writes: bool = False,
        secrets: Sequence[Secret] = (),
        good_until: float = math.inf,
        template: str = "",
    ) -> Call:
        address = self._base.join(path)
        return Call(
            method=method,
            address=with_query(address, params),
            shown=f"{method} {address}",
            body=body,
            writes=writes,
            secrets=tuple(secrets),
            good_until=good_until,
            template=template or path,
        )

    async def _settle(self, call: Call, *, patience: float) -> Reply:
        """Tries ``call`` until its verdict is final, or the next try would come after ``patience``."""
        _, _, url = call.shown.partition(" ")
        name = f"{call.method} {call.template}".rstrip()
        with request(name, self._judge.registry, method=call.method, template=call.template, url=url) as work:
            verdict = await self._tried(call, patience)
            if isinstance(verdict, Failed):
                error = verdict.error
                work.tell(status=error.status, request_id=error.request_id, error=error.code)
                raise error
            work.tell(status=verdict.status, request_id=verdict.request_id)
            return verdict

    async def _tried(self, call: Call, patience: float) -> Verdict:
        began = time.monotonic()
        verdict = await self._attempt(call)
        if isinstance(verdict, Failed) and verdict.repeat:
            from reconciler.http.repeating import Repeating  # noqa: PLC0415 - most calls are made once

            repeating = Repeating(self._settings, self._clock.sleep, patience - (time.monotonic() - began))
            return await repeating.run(verdict, lambda: self._attempt(call))
        return verdict

    async def _attempt(self, call: Call) -> Verdict:
        try:
            async with self._clients.borrow() as client:
                # Only now: a token that waited for a client would be nearer to its end.
                call, answer = await self._ask(client, call, await self._tokens.current())
        except RegistryError as error:
            return Failed(error)
        except _TooOld:
            return self._judge.too_old(call)
        except SEND_FAILURES as failure:
            _log.debug("%s: %s: %s", self._judge.registry, call.shown, type(failure).__name__)
            return self._judge.failure(call, failure)
        _log.debug("%s: %s: %d", self._judge.registry, call.shown, answer.status)
        verdict = self._judge.answer(call, answer)
        if isinstance(verdict, Failed) and verdict.repeat and verdict.wait is not None:
            self._pace.pause(verdict.wait)
        return verdict

    async def _ask(self, client: Client, call: Call, token: Secret | None) -> tuple[Call, Answer]:
        """Sends ``call`` with ``token``, and once more with a new one if that one is refused.

        A 401 was not processed, so a write may follow it too. The call that is given back carries what
        its answer may repeat.
        """
        answer = await self._exchange(client, call, token)
        if answer.status == 401 and self._tokens.refused(token):
            token = await self._tokens.current()
            answer = await self._exchange(client, call, token)
        return call.carrying(token), answer

    async def _exchange(self, client: Client, call: Call, token: Secret | None) -> Answer:
        """Sends ``call`` once. Raises one of SEND_FAILURES where no answer came."""
        # Only now: a permit that waited for a client would be used up late, on top of others.
        await self._pace.start()
        if self._clock.monotonic() > call.good_until:
            raise _TooOld
        deadline = asyncio.get_running_loop().time() + self._settings.timeout
        headers = {} if call.body is None else {"Content-Type": call.content_type}
        async with asyncio.timeout_at(deadline):
            response = await client.send(
                call.method, call.address, body=call.body, headers=headers, token=token
            )
        try:
            answer = await receive(response, limit=self._settings.max_answer_bytes, deadline=deadline)
        finally:
            if not isinstance(response.stream, httpx.ByteStream):  # else it is read already
                await response.aclose()
        count("requests")
        count("bytes", len(answer.body))
        return answer


class Transport(ReadTransport):
    """A ReadTransport that can also write."""

    async def write(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        secrets: Sequence[Secret] = (),
        patience: float = math.inf,
        template: str = "",
    ) -> Reply:
        """Changes something. Sent again only where the registry surely did not process it.

        ``body`` is JSON, None for none. ``secrets`` are those in it: a message that repeats one of them
        has its name instead.
        ``patience``: seconds after which ``body`` is too old to be sent, for the first time or again; a
        limit that lasts longer, and a turn that comes later, is RateLimited, with the wait that is left.
        Raises UnknownOutcome where no answer tells whether it took effect, else RegistryError of the
        kind that the table in ``judge`` gives.
        """
        until = self._clock.monotonic() + patience
        call = self._call(
            method, path, body=body, writes=True, secrets=secrets, good_until=until, template=template
        )
        return await self._settle(call, patience=patience)


class _TooOld(Exception):
    """The turn of a call came when its body was too old to be sent."""
