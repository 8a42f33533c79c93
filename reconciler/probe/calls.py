"""Sends the requests of a target, one after another and each once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import httpx

from reconciler.destinations import destinations
from reconciler.errors import InternalError, SecretError, Unreachable
from reconciler.http.answer import Answer, Flaw, receive
from reconciler.http.clients import Client, Clients
from reconciler.http.judge import SEND_FAILURES
from reconciler.http.tokens import FixedToken
from reconciler.http.urls import BaseUrl
from reconciler.plan import Failure
from reconciler.probe.reading import (
    Reply,
    Silence,
    Voice,
    first_event,
    read_answer,
    read_json_schema,
    read_list,
    read_stream,
    read_tools,
    read_vision,
    wants_other_limit,
)
from reconciler.probe.requests import (
    CAPABILITIES,
    LIST,
    MAX_COMPLETION_TOKENS,
    MAX_TOKENS,
    Limit,
    Request,
    capability,
    completion,
)
from reconciler.probe.results import MOST_REQUESTS, Declared, Probed, Row, Sight, row
from reconciler.probe.targets import Target
from reconciler.secrets import Secret, SecretStore

_log = logging.getLogger("reconciler.probe")

_AT_ONCE: Final = 4
"""Targets that are probed at the same time."""

_LARGEST: Final = 8 * 1024 * 1024
"""Bytes of an answer; the longest lists of models have a few million."""

_LARGEST_START: Final = 64 * 1024
"""Bytes of a stream in which its first event must come."""

_READERS: Final[dict[str, Callable[[Reply, Voice], Sight]]] = {
    "streaming": read_stream,
    "tools": read_tools,
    "json_schema": read_json_schema,
    "vision": read_vision,
}

_NOT_CONNECTED: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)


async def probe_all(targets: Sequence[Target], secrets: SecretStore, *, seconds: float) -> list[Probed]:
    """Every target, in the order given; one that fails stops no other. ``seconds`` is for each request."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(target: Target) -> Probed:
        async with slots:
            return await probe(target, secrets, seconds=seconds)

    return list(await asyncio.gather(*map(one, targets)))


async def probe(target: Target, secrets: SecretStore, *, seconds: float) -> Probed:
    """What one endpoint shows. Whatever goes wrong is a failure of this target; nothing is raised."""
    if target.api_key is not None and target.api_key.name not in secrets.rules:
        # The name is not repeated: it may be the secret itself, pasted where its name belongs.
        message = "no secret of reconciler.yaml has the name in spec.endpoint.api_key"
        failure = Failure("secret", message, "add it to `secrets:` in reconciler.yaml")
        return _probed(replace(target, api_key=None), failure)
    try:
        key = _key(target, secrets)
        caller = _Caller(target, key, seconds)
    except SecretError as error:
        return _probed(target, Failure(error.code, error.message, error.hint))
    except Unreachable:
        message = f"{target.base_url} is no address that can be called"
        return _probed(target, Failure("unreachable", message, "correct spec.endpoint.base_url"))
    try:
        return await _Probing(target, caller).run()
    except Unreachable as error:  # of proxies and certificates, before anything is sent
        return _probed(target, Failure(error.code, error.message, error.hint))
    finally:
        await caller.aclose()


def _key(target: Target, secrets: SecretStore) -> Secret | None:
    """Raises SecretError: not allowed for this host, or not set."""
    if target.api_key is None:
        return None
    resolved = secrets.resolve(target.api_key, destinations([target.base_url], None))
    base = BaseUrl.parse(target.base_url, registry=target.base_url)
    if base.is_plain and not base.is_loopback and not secrets.rules[target.api_key.name].insecure_http:
        raise SecretError(
            f"{target.api_key.name}: http:// would send it in clear",
            hint="use https:// in spec.endpoint.base_url, or set `insecure_http: true` on this secret",
        )
    return resolved


def _probed(target: Target, failure: Failure | None, rows: Sequence[Row] = (), requests: int = 0) -> Probed:
    return Probed(
        name=target.name,
        registries=target.registries,
        base_url=target.base_url,
        model=target.model,
        type=target.type,
        secret=None if target.api_key is None else target.api_key.name,
        requests=requests,
        rows=tuple(rows),
        failure=failure,
    )


class _Probing:
    """One target, from its list to its last capability."""

    def __init__(self, target: Target, caller: _Caller) -> None:
        self.target = target
        self.caller = caller
        self.voice = caller.voice
        self.rows: list[Row] = []

    async def run(self) -> Probed:
        target = self.target
        reply = await self.caller.ask(LIST)
        listed = read_list(reply, self.voice, model=target.model)
        smallest = completion(target.type, target.model)
        self._row(LIST.about, listed)
        if _is_over(reply) or (smallest is None and not _tells(reply, listed)):
            return self._end(self._failure(LIST, listed))
        if smallest is None:
            return self._end(None)
        reply = await self.caller.ask(smallest)
        answers = read_answer(reply, self.voice, kind=target.type)
        limit: Limit = MAX_TOKENS
        if wants_other_limit(reply) and target.type == "chat":
            limit = MAX_COMPLETION_TOKENS
        elif answers.seen != "yes":
            self._row(smallest.about, answers)
            return self._end(self._failure(smallest, answers))
        if target.type != "chat":
            self._row(smallest.about, answers)
            return self._end(None)
        return await self._chat(smallest, answers, limit)

    async def _chat(self, smallest: Request, answers: Sight, limit: Limit) -> Probed:
        sights: dict[str, Sight] = {}
        for name in CAPABILITIES:
            reply = await self.caller.ask(capability(name, self.target.model, limit))
            sights[name] = _READERS[name](reply, self.voice)
        # A model that only refused the name of the token limit has answered if anything came of the rest.
        if answers.seen != "yes" and any(one.seen == "yes" for one in sights.values()):
            answers = Sight("yes", status=200)
        self._row(smallest.about, answers)
        return self._end(None if answers.seen == "yes" else self._failure(smallest, answers), sights)

    def _row(self, about: str, sight: Sight) -> None:
        self.rows.append(row(about, self.target.registries, "yes", sight))

    def _end(self, failure: Failure | None, sights: dict[str, Sight] | None = None) -> Probed:
        target = self.target
        declared = {name for names in target.capabilities.values() for name in names}
        for name in (*CAPABILITIES, *sorted(declared - {*CAPABILITIES})):
            if name not in declared and (sights is None or name not in sights):
                continue
            sight = (sights or {}).get(name) or Sight("unknown", self._unasked(name, failure))
            for value, registries in target.declared(name).items():
                word: Declared = "not declared" if value is None else "yes" if value else "no"
                self.rows.append(row(name, registries, word, sight))
        return _probed(target, failure, self.rows, self.caller.sent)

    def _unasked(self, name: str, failure: Failure | None) -> str:
        if name not in CAPABILITIES:
            return "not probed"
        if failure is not None:
            return "not asked: the endpoint failed before"
        if self.target.type is None:
            return "not asked: spec.type is not declared"
        return f"not asked: the type is {self.target.type}, not chat"

    def _failure(self, request: Request, sight: Sight) -> Failure:
        shown = f"{request.method} {self.target.base_url}{request.path}"
        return Failure(
            _code(sight.status), f"{shown}: {sight.reason}", self._hint(sight.status), shown, sight.status
        )

    def _hint(self, status: int | None) -> str | None:
        key = self.target.api_key
        if status in {401, 403} and key is None:
            return "no key was sent: the manifest has no spec.endpoint.api_key"
        if status in {401, 403} and key is not None:
            return f"check {key.name}: is it the right one, still valid, and allowed to do this?"
        if status == 404:
            return "check spec.endpoint.base_url and spec.model"
        if status is None:
            return "check spec.endpoint.base_url, and that the endpoint is running"
        return "check spec.endpoint.base_url: does it end where /models begins?" if status < 400 else None


def _is_over(reply: Reply) -> bool:
    """Whether asking on is of no use: nobody is there, or the key is wrong. 403 may be of the list alone."""
    return not reply.connected if isinstance(reply, Silence) else reply.status == 401


def _tells(reply: Reply, listed: Sight) -> bool:
    """Whether the list, the only request, tells something: that there is none is no failure."""
    return listed.seen != "unknown" or (isinstance(reply, Answer) and reply.status in {404, 405, 501})


def _code(status: int | None) -> str:
    if status is None:
        return "unreachable"
    if status in {401, 403}:
        return "unauthorised"
    if status == 429:
        return "rate-limited"
    return "rejected" if 400 <= status < 500 else "unexpected-answer"


class _Caller:
    """Sends requests to one endpoint, each once, and counts them."""

    def __init__(self, target: Target, key: Secret | None, seconds: float) -> None:
        """Raises SecretError for a key that cannot be a header, Unreachable for an address that is none."""
        self.sent = 0
        self._seconds = seconds
        self._base = BaseUrl.parse(target.base_url, registry=target.base_url)
        self._key = key
        FixedToken(key)  # refuses what cannot be a header
        self.voice = Voice(target.base_url, () if key is None else (key,))
        self._clients = Clients(
            registry=target.base_url,
            base=self._base,
            count=1,
            timeout=seconds,
            wire=None,
        )

    async def ask(self, request: Request) -> Reply:
        """Raises Unreachable where proxies or certificates of the environment cannot be used."""
        if self.sent >= MOST_REQUESTS:
            raise InternalError(f"a probe wants to send more than {MOST_REQUESTS} requests")
        try:
            async with self._clients.borrow() as client:
                self.sent += 1
                reply: Reply = await self._exchange(client, request)
        except SEND_FAILURES as failure:
            reply = self._silence(failure)
        said = reply.status if isinstance(reply, Answer) else reply.reason
        _log.debug("%s %s%s: %s", request.method, self._base.text, request.path, said)
        return reply

    async def aclose(self) -> None:
        await self._clients.aclose()

    async def _exchange(self, client: Client, request: Request) -> Answer:
        deadline = asyncio.get_running_loop().time() + self._seconds
        content = None if request.body is None else json.dumps(request.body).encode()
        headers = {} if content is None else {"Content-Type": "application/json"}
        if request.streamed:
            headers |= {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        address = self._base.join(request.path)
        async with asyncio.timeout_at(deadline):
            response = await client.send(
                request.method, address, body=content, headers=headers, token=self._key
            )
        try:
            if request.streamed and response.is_success and "content-encoding" not in response.headers:
                return await _beginning(response, deadline)
            return await receive(response, limit=_LARGEST, deadline=deadline)
        finally:
            await response.aclose()

    def _silence(self, failure: BaseException) -> Silence:
        if isinstance(failure, _NOT_CONNECTED):
            about = self.voice.clean(str(failure)) or type(failure).__name__
            return Silence(f"cannot connect: {about}", connected=False)
        if isinstance(failure, TimeoutError | httpx.TimeoutException):
            return Silence(f"no answer within {self._seconds:g} seconds", connected=True)
        about = self.voice.clean(str(failure)) or type(failure).__name__
        return Silence(f"no answer that can be read: {about}", connected=True)


async def _beginning(response: httpx.Response, deadline: float) -> Answer:
    """A stream up to its first event, in whole lines; the rest of it is never read."""
    lines, rest = bytearray(), b""
    flaw = None
    try:
        async with asyncio.timeout_at(deadline):
            async for piece in response.aiter_raw():
                whole, newline, rest = (rest + piece).rpartition(b"\n")
                lines += whole + newline
                if newline and first_event(whole) is not None:
                    break
                if len(lines) + len(rest) > _LARGEST_START:
                    flaw = Flaw(f"no event in the first {_LARGEST_START} bytes", passing=False)
                    break
            else:
                lines += rest
    except TimeoutError:
        flaw = Flaw("no event came in time", passing=True)
    except (httpx.HTTPError, OSError):
        flaw = Flaw("the answer broke off", passing=True)
    location = response.extensions.get("location")
    return Answer(response.status_code, response.headers, bytes(lines), flaw, location)
