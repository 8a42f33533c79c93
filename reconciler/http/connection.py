"""One connection to a registry: HTTP/1.1 over a socket, one exchange at a time.

An httpx.AsyncClient takes about 0.7 ms of processor time for one exchange, most of it for what no call here
needs: cookies, redirects, a pool. That alone is more than a call may take where 32 are in flight at 20 ms
each. This takes a tenth. What is on the wire is h11's to say, as it is below httpx, but for the usual answer:
one that is all there, and of which its length alone says where it ends. Addresses, answers and errors are
httpx's.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import select
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import h11
import httpx

_TARGET: Final = re.compile(rb"[\x21-\x7e]+")

_LONGEST_HEAD: Final = 100 * 1024
"""Bytes of the status and the headers of an answer."""

_NEXT_ADDRESS: Final = 0.25
"""Seconds after which another address of the same host is tried besides."""


Headers = tuple[tuple[bytes, bytes], ...]
"""Names, in lower case, and values."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What many requests have in common: all but their body, its length, and the header `Authorization`.

    ``head`` is how they begin on the wire.
    """

    method: str
    url: httpx.URL
    headers: Headers
    head: bytes

    @classmethod
    def of(cls, method: str, url: httpx.URL, headers: Headers) -> Asked:
        """Raises httpx.LocalProtocolError."""
        target, lines = url.raw_path, _lines(method, headers)
        if _TARGET.fullmatch(target) is None:
            raise httpx.LocalProtocolError("the address has characters that no request may have")
        return cls(method, url, headers, b"%b %b HTTP/1.1\r\n%b" % (method.encode(), target, lines))

    @property
    def tells_length(self) -> bool:
        """Whether it says how long its body is also where it has none."""
        return self.method not in {"GET", "HEAD", "DELETE"}

    def request(self, body: bytes | None) -> h11.Request:
        """What h11 must know of it to read its answer."""
        told = [*self.headers]
        if body is not None or self.tells_length:
            told.append((b"content-length", b"%d" % len(body or b"")))
        return h11.Request(method=self.method, target=self.url.raw_path, headers=told)


@lru_cache(maxsize=64)
def _lines(method: str, headers: Headers) -> bytes:
    """What ``headers`` are on the wire. To look at every character of each takes a while.

    Raises httpx.LocalProtocolError.
    """
    try:
        head = _side().send(h11.Request(method=method, target="/", headers=list(headers))) or b""
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from None
    return head[head.index(b"\r\n") + 2 : -2]


class Connection:
    """Opened when it is first needed, and anew where it ended or was idle for ``keep_idle`` seconds.

    ``tls`` is for addresses with https. Opening takes ``connect_seconds`` at most, TLS included. No exchange
    begins before the answer to the last one was read or closed.
    """

    def __init__(self, *, tls: ssl.SSLContext | None, connect_seconds: float, keep_idle: float) -> None:
        self._tls = tls
        self._connect_seconds = connect_seconds
        self._keep_idle = keep_idle
        self._link: _Link | None = None

    async def ask(self, asked: Asked, body: bytes | None, authorization: bytes | None) -> httpx.Response:
        """The answer; its body is read already where it came in one piece with its head.

        Raises httpx.ConnectError or ConnectTimeout where nothing was sent, and else another httpx.HTTPError.
        """
        link = self._link
        if link is None or not link.is_open_still(self._keep_idle):
            await self.aclose()
            link = self._link = await self._open(asked.url)
        try:
            return await link.ask(asked, body, authorization)
        except BaseException:
            link.hang_up()
            raise

    async def aclose(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.hang_up()
            await link.gone.wait()

    async def _open(self, url: httpx.URL) -> _Link:
        host, secure = url.raw_host.decode("ascii"), url.scheme == "https"
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, link = await asyncio.get_running_loop().create_connection(
                    _Link,
                    host,
                    url.port if url.port is not None else (443 if secure else 80),
                    ssl=self._tls if secure else None,
                    server_hostname=host if secure else None,
                    happy_eyeballs_delay=_NEXT_ADDRESS,
                )
        except TimeoutError:
            raise httpx.ConnectTimeout("no connection in time") from None
        except (OSError, IndexError, OverflowError) as error:  # what asyncio makes of odd addresses
            raise httpx.ConnectError(str(error)) from error
        return link


class _Link(asyncio.Protocol):
    """One socket while it is open, and where its two sides stand in the protocol."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self._busy = False
        self._http = _side()
        self._transport: Any = None
        self._loop = asyncio.get_running_loop()
        self._came = bytearray()
        self._pieces: list[bytes] = []
        self._ended = False
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._idle_since = self._loop.time()

    # ---- what the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        # It tells also what the loop has not come to look at: that the other side has hung up just now.
        self._arrived = select.poll()
        self._arrived.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        self._came += data
        if not self._busy:
            self.hang_up()  # nobody asked, so the next answer could not be told from this
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended, self._failure = True, exc
        self.gone.set()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ---- one exchange

    async def ask(self, asked: Asked, body: bytes | None, authorization: bytes | None) -> httpx.Response:
        """Sends ``asked`` with ``body``. Reads the head of its answer, and what of its body came at the same
        time.
        """
        self._busy = True
        pieces = [asked.head]
        if body is not None or asked.tells_length:
            pieces.append(b"content-length: %d\r\n" % len(body or b""))
        if authorization is not None:
            pieces.append(b"authorization: %b\r\n" % authorization)
        pieces += (b"\r\n", body or b"")
        # Where this fails, an answer may have come all the same; reading tells.
        self._transport.write(b"".join(pieces))
        data = await self._more()
        usual = _usual_answer(data) if asked.method in _USUAL else None
        if usual is not None:
            self._is_free()
            return usual
        self._http = _side()
        for event in (asked.request(body), h11.Data(body or b""), h11.EndOfMessage()):
            self._http.send(event)
        self._take(data)
        event = await self._event()
        while isinstance(event, h11.InformationalResponse):
            event = await self._event()
        stream = self._rest()
        return httpx.Response(event.status_code, headers=event.headers.raw_items(), stream=stream)

    def _rest(self) -> httpx.AsyncByteStream:
        """The body of the answer; read already, where all of it is there."""
        if not self._came:
            # What is wrong with it is told when it is read: the status counts all the same.
            with contextlib.suppress(httpx.RemoteProtocolError):
                while isinstance(event := self._next_event(), h11.Data):
                    self._pieces.append(bytes(event.data))
                if event is not h11.NEED_DATA:
                    whole = httpx.ByteStream(b"".join(self._pieces))
                    self._pieces = []
                    self.settle()
                    return whole
        return _Body(self)

    async def body(self) -> AsyncIterator[bytes]:
        """The body of the answer as it comes."""
        for piece in self._pieces:
            yield piece
        self._pieces = []
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)

    def settle(self) -> None:
        """Ends an exchange: the connection can be used again, or is closed where its answer was not read
        whole, or is the last one."""
        states = {self._http.our_state, self._http.their_state}
        if states == {h11.DONE} and not self._http.trailing_data[0] and not self._came:
            self._is_free()
        else:
            self.hang_up()

    def _is_free(self) -> None:
        self._busy = False
        self._idle_since = self._loop.time()

    def is_open_still(self, keep_idle: float) -> bool:
        """Whether an exchange may begin: the other side has not hung up meanwhile, and will not right now."""
        idle = self._loop.time() - self._idle_since
        if self._ended or self._busy or idle >= keep_idle:
            return False
        return not self._arrived.poll(0)

    def hang_up(self) -> None:
        self._ended = True
        self._transport.abort()

    async def _event(self) -> Any:
        while (event := self._next_event()) is h11.NEED_DATA:
            self._take(await self._more())
        return event

    def _take(self, data: bytes) -> None:
        if not data and self._http.their_state is h11.SEND_RESPONSE:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        self._http.receive_data(data)

    def _next_event(self) -> Any:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from None

    async def _more(self) -> bytes:
        """What has come since, which is nothing at the end. Raises httpx.ReadError."""
        if not self._came and not self._ended:
            self._waiter = self._loop.create_future()
            await self._waiter
        if not self._came and self._failure is not None:
            raise httpx.ReadError(str(self._failure)) from self._failure
        data = bytes(self._came)
        self._came.clear()
        return data


def _side() -> h11.Connection:
    return h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)


_USUAL: Final = frozenset({"DELETE", "GET", "PATCH", "POST", "PUT"})
_HEAD: Final = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2}) [\t\x20-\x7e\x80-\xff]*\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n"
)


def _usual_answer(data: bytes) -> httpx.Response | None:
    """The answer where ``data`` is just that; None where there is anything about it that h11 must look at."""
    found = _HEAD.match(data)
    if found is None or found.end() > _LONGEST_HEAD or found[1] in {b"204", b"304"}:
        return None
    lines = (line.partition(b":") for line in found[2].split(b"\r\n")[:-1])
    headers = [(name, value.strip(b" \t")) for name, _, value in lines]
    lengths = []
    for name, value in headers:
        word = name.lower()
        if word == b"content-length":
            lengths.append(value)
        elif word in {b"transfer-encoding", b"upgrade"} or (
            word == b"connection" and value.lower() != b"keep-alive"
        ):
            return None
    if len(lengths) != 1 or not lengths[0].isdigit() or lengths[0] != b"%d" % (len(data) - found.end()):
        return None
    return httpx.Response(int(found[1]), headers=headers, stream=httpx.ByteStream(data[found.end() :]))


class _Body(httpx.AsyncByteStream):
    def __init__(self, link: _Link) -> None:
        self._link = link

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._link.body()

    async def aclose(self) -> None:
        self._link.settle()
