"""The pool of clients: one per call in flight, each with one connection.

One AsyncClient shared by many calls spends its time in its own connection pool: throughput falls to a
fifth at 32 calls in flight. So each call borrows a client of its own, the last one used first, whose
connection is the likeliest to be open. Most go over a connection of ours; what goes through a proxy, or to an
app in this process, goes through httpx.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol
from urllib.request import getproxies

import httpx

from reconciler import __version__
from reconciler.errors import Unreachable
from reconciler.http.connection import Asked, Connection
from reconciler.http.tokens import BearerAuth, bearer
from reconciler.http.urls import BaseUrl
from reconciler.secrets import Secret

# Servers commonly close idle connections after 5 seconds. A write on a connection that closes in that
# moment ends without an answer, so an idle connection is given up well before.
_KEEP_IDLE = 3.0


class Client(Protocol):
    """Sends one request at a time."""

    async def send(
        self,
        method: str,
        address: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        token: Secret | None,
    ) -> httpx.Response:
        """The answer, its body unread; where it redirects to stands in its extensions as `location`.

        ``headers`` are sent in the place of the usual ones of the same name. Raises one of SEND_FAILURES.
        """
        ...

    async def aclose(self) -> None: ...


class Clients:
    """Lends out at most ``count`` clients at a time, made when first needed."""

    def __init__(
        self,
        *,
        registry: str,
        base: BaseUrl,
        count: int,
        timeout: float,
        wire: Callable[[], httpx.AsyncBaseTransport] | None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._registry = registry
        self._base = base
        # Connecting ends before the exchange does, so whoever runs out of time meanwhile knows that nothing
        # was sent. To httpx the limit is one for the name lookup and TCP, and once more for TLS.
        self._timeout = httpx.Timeout(timeout, connect=timeout / 3)
        self._connect = timeout * 2 / 3
        self._wire = wire
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"reconciler/{__version__}",
            **(headers or {}),
        }
        self._slots = asyncio.Semaphore(count)
        self._idle: list[Client] = []
        self._closed = False
        _silence()

    def borrow(self) -> _Loan:
        """A client for one exchange. One that fails is closed: its connection is in an unknown state.

        Raises Unreachable where proxies or certificates of the environment cannot be used.
        """
        return _Loan(self)

    async def lend(self) -> Client:
        """For `borrow`: a client, as soon as there are fewer than ``count`` of them out."""
        await self._slots.acquire()
        try:
            return self._idle.pop() if self._idle else self._make()
        except BaseException:
            self._slots.release()
            raise

    async def take_back(self, client: Client, *, fit: bool) -> None:
        """For `borrow`: ends a loan. ``fit``: the client can be used again."""
        try:
            if fit and not self._closed:
                self._idle.append(client)
            else:
                await client.aclose()
        finally:
            self._slots.release()

    async def aclose(self) -> None:
        """Closes every idle client now, and each borrowed one as it comes back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().aclose()

    def _make(self) -> Client:
        if self._closed:
            raise RuntimeError("the transport is closed")
        if self._wire is not None:
            return _Through(self._client(transport=self._wire()))
        try:
            proxied = not self._base.is_loopback and not getproxies().keys().isdisjoint(_PROXIES)
            tls = None
            if proxied or self._base.text.startswith("https:"):  # to load certificates takes 20 ms
                tls = _tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
            if proxied:
                return _Through(self._client(verify=tls or True))
        except (OSError, ValueError, ImportError, httpx.InvalidURL):
            # The text of these may repeat a proxy's address with its password.
            hint = "check SSL_CERT_FILE, SSL_CERT_DIR, HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY"
        else:
            return _Direct(
                Connection(tls=tls, connect_seconds=self._connect, keep_idle=_KEEP_IDLE), self._headers
            )
        raise Unreachable(
            f"{self._registry}: the proxy or certificate settings of the environment cannot be used",
            registry=self._registry,
            hint=hint,
        )

    def _client(
        self, *, transport: httpx.AsyncBaseTransport | None = None, verify: ssl.SSLContext | bool = True
    ) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers=self._headers,
            # Calls land on any client, so a cookie would come back on some and not on others.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=self._timeout,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=_KEEP_IDLE),
            follow_redirects=False,
            event_hooks={"response": [_on_response]},
            trust_env=not self._base.is_loopback,
            verify=verify,
            transport=transport,
        )


class _Loan:
    """A borrowed client; quicker than what `contextlib` makes of a generator."""

    __slots__ = ("_client", "_clients")

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def __aenter__(self) -> Client:
        self._client = await self._clients.lend()
        return self._client

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self._clients.take_back(self._client, fit=kind is None)


class _Direct:
    """A client whose requests go over a connection of ours."""

    def __init__(self, connection: Connection, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self._headers = tuple(headers.items())

    async def send(
        self,
        method: str,
        address: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        token: Secret | None,
    ) -> httpx.Response:
        asked = _asked(method, address, self._headers, tuple(headers.items()))
        authorization = None if token is None else bearer(token).encode()
        response = await self._connection.ask(asked, body, authorization)
        if not response.is_success:
            _put_location_aside(response)
        return response

    async def aclose(self) -> None:
        await self._connection.aclose()


@lru_cache(maxsize=64)  # most calls of a run go to one address
def _asked(method: str, address: str, *headers: tuple[tuple[str, str], ...]) -> Asked:
    """A request with ``headers``, of which the later one of the same name counts.

    Raises httpx.InvalidURL, httpx.LocalProtocolError.
    """
    url = httpx.URL(address)
    told = {b"host": url.netloc}
    for some in headers:
        told |= {name.lower().encode(): value.encode() for name, value in some}
    return Asked.of(method, url, tuple(told.items()))


class _Through:
    """A client whose requests go through httpx, wherever that sends them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(
        self,
        method: str,
        address: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        token: Secret | None,
    ) -> httpx.Response:
        request = self._client.build_request(method, address, content=body, headers=headers)
        return await self._client.send(request, auth=BearerAuth(token), stream=True)

    async def aclose(self) -> None:
        await self._client.aclose()


async def _on_response(response: httpx.Response) -> None:
    _put_location_aside(response)


def _put_location_aside(response: httpx.Response) -> None:
    """httpx reads where a redirect leads also where it shall not follow, and fails on what is no address.

    A failure would hide that an answer came, and a write that was answered must not count as not sent.
    """
    location = response.headers.pop("location", None)
    if location is not None:
        response.extensions["location"] = location


@lru_cache(maxsize=4)
def _tls(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:  # noqa: ARG001
    """The one TLS context of the process; reading the certificates takes 20 ms.

    httpx reads the two variables itself; as arguments they make a changed environment count.
    """
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


_PROXIES = ("all", "http", "https")


class _WarningsOnly(logging.Filter):
    """At DEBUG, httpcore logs the headers of answers, and a registry may echo the token in one."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_WARNINGS_ONLY = _WarningsOnly()
_TALKATIVE = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))


def _silence() -> None:
    # A filter, since a level would be undone by whoever sets one. Loggers take the same one only once.
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_WARNINGS_ONLY)
