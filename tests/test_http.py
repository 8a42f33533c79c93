"""The transport against real loopback servers that misbehave on purpose.

Waits between tries are recorded, not waited for; only the tests of the pace run on a loop whose time
jumps ahead, so that minutes of it pass in a moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import gc
import gzip
import html
import ipaddress
import json
import logging
import math
import re
import selectors
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from reconciler import __version__
from reconciler.errors import (
    InternalError,
    RateLimited,
    ReconcilerError,
    RegistryError,
    Rejected,
    SecretError,
    Unauthorised,
    UnexpectedAnswer,
    UnknownOutcome,
    Unreachable,
)
from reconciler.http import Clock, Pace, ReadTransport, Reply, Settings, Transport, quote_segment
from reconciler.http.hints import asked_wait
from reconciler.http.text import harmless, is_page, page_text
from reconciler.secrets import Secret

TOKEN_TEXT = "tok-5f1d/+Zx9=="
TOKEN = Secret("ORQ_API_KEY", TOKEN_TEXT)
BODY_SECRET = Secret("HOUSE_LLAMA_KEY", 'sk-"quoted"\\llama\nkey')
NOW = 1_800_000_000.0  # seconds since the epoch


# --- servers ---------------------------------------------------------------------------------------


@dataclass
class Seen:
    """A request as a server got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int = 0


Act = Callable[[Seen, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@dataclass
class Server:
    """Plays ``acts``, one per request, the last one for all that follow."""

    acts: tuple[Act, ...]
    origin: str = ""
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        self._tasks.add(asyncio.get_running_loop().create_task(self._serve(reader, writer, self.connections)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                seen = await _read_request(reader)
                seen.connection = number
                self.seen.append(seen)
                act = self.acts[min(len(self.seen), len(self.acts)) - 1]
                doing = asyncio.create_task(act(seen, writer))
                ending = asyncio.create_task(until(lambda: reader.at_eof() or writer.is_closing()))
                await asyncio.wait({doing, ending}, return_when=asyncio.FIRST_COMPLETED)
                for task in (doing, ending):
                    task.cancel()
                await asyncio.gather(doing, ending, return_exceptions=True)
        self.hung_up.set()
        writer.close()

    async def end(self) -> None:
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - asyncio has no event for what is asked here
        await asyncio.sleep(0.005)


async def _read_request(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, target, _ = first.split(" ")
    return Seen(method, target, headers, body)


@contextlib.asynccontextmanager
async def serving(*acts: Act, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(acts)
    listening = await asyncio.start_server(server.connect, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    server.origin = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listening.close()
        await server.end()
        await listening.wait_closed()


def says(status: int = 200, body: Any = b"", reason: str = "-", **headers: str) -> Act:
    """Answers in full. A ``body`` that is not bytes is sent as JSON; ``_`` in a header name means ``-``."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"content-type": "application/json", "content-length": str(len(raw))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    async def act(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} {reason}\r\n{head}\r\n".encode("latin-1") + raw)
        await writer.drain()

    return act


def breaks_off(raw: bytes) -> Act:
    """Writes ``raw`` and hangs up."""

    async def act(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    return act


async def resets(_seen: Seen, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


async def stays_silent(_seen: Seen, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


def drips(status: int) -> Act:
    """A byte every few milliseconds: no single read times out."""

    async def act(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} -\r\ncontent-length: 100000\r\n\r\n".encode())
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.005)

    return act


HTML = says(200, b"<!doctype html><title>Log in</title>", content_type="text/html")
SHORT = breaks_off(b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"id": ')
SHORT_GZIP = says(
    200, gzip.compress(b'{"a": "' + bytes(range(256)) * 40 + b'"}')[:-20], content_encoding="gzip"
)
HALF_JSON = says(200, b'{"id": [1, 2')


# --- the transport under test ----------------------------------------------------------------------


class Waits:
    """A clock whose sleeps end at once and are written down."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: NOW, monotonic=lambda: sum(self.slept), sleep=self._sleep)


def words(data: Any) -> str | None:
    return data.get("detail") if isinstance(data, dict) else None


def opened(url: str, *, waits: Waits | None = None, **given: Any) -> Transport:
    settings = {"requests_per_minute": 60_000, "timeout": 5.0} | {
        name: given.pop(name) for name in list(given) if name in Settings.__dataclass_fields__
    }
    options: dict[str, Any] = {"token": TOKEN, "explain": words, "clock": (waits or Waits()).clock}
    options |= given
    return Transport(registry="orq-prod", base_url=url, settings=Settings(**settings), **options)


def story(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an async test in a loop of its own."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))

    return run


async def failure_of(call: Awaitable[Reply]) -> RegistryError:
    """The error of ``call``, proven to carry neither a secret nor an object of the HTTP library."""
    with pytest.raises(RegistryError) as caught:
        await call
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    told = f"{error} {error!r} {error.hint} {vars(error)}"
    assert TOKEN_TEXT not in told
    assert BODY_SECRET.reveal() not in told
    assert error.message.isprintable()
    return error


# --- what is sent ----------------------------------------------------------------------------------


@story
async def test_a_read_is_sent_under_the_base_address_with_token_and_query() -> None:
    act = says(200, {"ok": True}, x_request_id="r-1")
    async with serving(act) as server, opened(server.origin + "/api/v1/") as transport:
        reply = await transport.read("GET", "/models/a%2Fb", params={"q": "x y&z", "limit": "50"})
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("GET", "/api/v1/models/a%2Fb?q=x+y%26z&limit=50")
    assert seen.headers["authorization"] == f"Bearer {TOKEN_TEXT}"
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["user-agent"] == f"reconciler/{__version__}"
    assert "content-type" not in seen.headers
    assert reply == Reply(status=200, data={"ok": True}, request_id="r-1")


@story
async def test_a_body_is_sent_as_it_is_and_named_json() -> None:
    async with serving(says(201, {"id": 1})) as server, opened(server.origin) as transport:
        await transport.write("POST", "/v2/models", b'{"input_cost":0.10}')
        await transport.read("POST", "/models/list", body=b"{}")
    assert [seen.body for seen in server.seen] == [b'{"input_cost":0.10}', b"{}"]
    assert {seen.headers["content-type"] for seen in server.seen} == {"application/json"}


@story
async def test_without_a_token_no_credentials_are_sent_even_from_netrc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(says()) as server, opened(server.origin, token=None) as transport:
        await transport.read("GET", "/models")
    assert "authorization" not in server.seen[0].headers


@story
async def test_cookies_of_an_answer_are_not_sent_back() -> None:
    async with serving(says(set_cookie="session=1; Path=/")) as server, opened(server.origin) as transport:
        await transport.read("GET", "/models")
        await transport.read("GET", "/models")
    assert "cookie" not in server.seen[1].headers


def test_the_planning_type_has_no_method_that_writes() -> None:
    public = {name for name in dir(ReadTransport) if not name.startswith("_")}
    assert public == {"read", "aclose"}


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("../x", "..%2Fx"),
        ("a/b", "a%2Fb"),
        ("?q=1", "%3Fq%3D1"),
        ("#", "%23"),
        ("é %", "%C3%A9%20%25"),
        ("...", "..."),
    ],
)
@story
async def test_an_id_stays_one_segment_of_the_path(text: str, sent: str) -> None:
    async with serving(says()) as server, opened(server.origin + "/api") as transport:
        await transport.read("GET", f"/models/{quote_segment(text)}/enable")
    assert server.seen[0].target == f"/api/models/{sent}/enable"


@pytest.mark.parametrize("text", ["", ".", "..", "\ud800"])
def test_an_id_that_no_encoding_makes_safe_is_refused(text: str) -> None:
    with pytest.raises(ReconcilerError, match="cannot be part of an address") as caught:
        quote_segment(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "path", ["models", "/a/../b", "/a/%2e%2E/b", "/a/.", "/a?b", "/a#b", "/a b", "/é", "/a\n", "/%zz"]
)
@story
async def test_a_path_that_could_mean_another_resource_is_never_sent(path: str) -> None:
    async with serving(says()) as server, opened(server.origin) as transport:
        with pytest.raises(InternalError):
            await transport.read("GET", path)
    assert server.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "api.orq.ai",
        "ftp://api.orq.ai",
        "https://",
        "https://me:hunter2@api.orq.ai",
        "https://api.orq.ai/?a=hunter2",
        "https://api.orq.ai/#hunter2",
        "https://[::1",
        "https://a..b",
        "https://x\n.example",
        f"https://{'a' * 64}.example",
    ],
)
def test_a_base_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Unreachable, match="orq-prod: its url") as caught:
        opened(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["line\nbreak", "esc\x1b[31m", "schlüssel", " edge ", ""])
def test_a_token_that_cannot_be_a_header_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(SecretError, match="ORQ_API_KEY") as caught:
        opened("https://api.orq.ai", token=Secret("ORQ_API_KEY", text))
    assert caught.value.__context__ is None
    assert text not in str(caught.value) or not text


# --- what is accepted ------------------------------------------------------------------------------


@story
async def test_numbers_keep_their_digits() -> None:
    body = b'{"a": 0.10, "b": 1e-06, "c": 3, "d": 12345678901234567890, "e": 0.1234567890123456789}'
    async with serving(says(200, body)) as server, opened(server.origin) as transport:
        data = (await transport.read("GET", "/")).data
    assert list(map(str, data.values())) == [
        "0.10",
        "0.000001",
        "3",
        "12345678901234567890",
        "0.1234567890123456789",
    ]
    assert [type(value) for value in data.values()] == [Decimal, Decimal, int, int, Decimal]


@pytest.mark.parametrize(
    "act", [says(204), says(200, b""), says(200, b" \n"), says(200, b"", content_encoding="gzip")]
)
@story
async def test_an_empty_success_is_a_reply_without_data(act: Act) -> None:
    async with serving(act) as server, opened(server.origin) as transport:
        assert (await transport.write("POST", "/", b"{}")).data is None


@story
async def test_a_compressed_answer_is_read() -> None:
    act = says(200, gzip.compress(json.dumps(list(range(50_000))).encode()), content_encoding="gzip")
    async with serving(act) as server, opened(server.origin) as transport:
        assert len((await transport.read("GET", "/")).data) == 50_000


def test_a_reply_does_not_show_its_data() -> None:
    assert "sk-1" not in repr(Reply(status=200, data={"api_key": "sk-1"}, request_id=None))


UNUSABLE = {
    "html": (HTML, "not JSON .*text/html"),
    "half of its JSON": (HALF_JSON, "not JSON .*application/json"),
    "NaN": (says(200, b'{"price": NaN}'), "NaN"),
    "Infinity": (says(200, b"[-Infinity]"), "-Infinity"),
    "65 lists": (says(200, b"[" * 65 + b"]" * 65), "nested too deeply"),
    "65 lists and objects": (says(200, b'[{"a":' * 32 + b"{}" + b"}]" * 32), "nested too deeply"),
    "deep nesting": (says(200, b"[" * 200_000 + b"]" * 200_000), "nested too deeply"),
    "a huge int": (says(200, b"1" * 5_000), "a number of 5000 digits"),
    "a huge exponent": (says(200, b"1e99999"), "a number that no registry"),
    "an endless exponent": (says(200, b"1e99999999999999999999"), "a number that no registry"),
    "not UTF-8": (says(200, b'"\xff\xfe"'), "not JSON"),
    "not asked encoding": (says(200, b"{}", content_encoding="br"), "cannot be decompressed"),
    "no gzip at all": (says(200, b"{}", content_encoding="gzip"), "cannot be decompressed"),
    "too many bytes": (says(200, b" " * 3_000_000), "larger than 1048576 bytes"),
}


@pytest.mark.parametrize("body", [b"[" * 64 + b"]" * 64, b'{"a":' * 64 + b"1" + b"}" * 64])
@story
async def test_an_answer_may_be_nested_64_deep(body: bytes) -> None:
    async with serving(says(200, body)) as server, opened(server.origin) as transport:
        assert (await transport.read("GET", "/")).data == json.loads(body)


@story
async def test_an_error_that_is_nested_too_deeply_is_told_by_its_text() -> None:
    async with serving(says(400, b"[" * 500 + b"]" * 500)) as server, opened(server.origin) as transport:
        error = await failure_of(transport.read("GET", "/"))
    assert type(error) is Rejected
    assert "[[[[" in error.message


@pytest.mark.parametrize("case", UNUSABLE)
@story
async def test_a_success_that_cannot_be_used(case: str) -> None:
    act, text = UNUSABLE[case]
    async with serving(act) as server, opened(server.origin, max_answer_bytes=1 << 20) as transport:
        read = await failure_of(transport.read("GET", "/models"))
        write = await failure_of(transport.write("POST", "/models", b"{}"))
    assert type(read) is UnexpectedAnswer
    assert type(write) is UnknownOutcome
    assert read.hint is not None
    assert "reconciler.yaml" in read.hint
    assert re.search(text, read.message)
    assert len(server.seen) == 2  # neither was tried again


@story
async def test_a_compression_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    act = says(200, bomb, content_encoding="gzip")
    async with serving(act) as server, opened(server.origin, max_answer_bytes=1 << 20) as transport:
        tracemalloc.start()
        try:
            error = await failure_of(transport.read("GET", "/"))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert "larger than" in error.message
    assert peak < 20_000_000


# --- retries of reads ------------------------------------------------------------------------------

PASSING = {
    "reset": (resets, Unreachable),
    "closed before an answer": (breaks_off(b""), Unreachable),
    "body shorter than said": (SHORT, Unreachable),
    "compressed body cut short": (SHORT_GZIP, Unreachable),
    "not HTTP": (breaks_off(b"220 smtp.example ESMTP\r\n"), Unreachable),
    **{
        str(status): (says(status, {"detail": "later"}), UnexpectedAnswer)
        for status in (408, 500, 502, 503, 504, 522)
    },
}


@pytest.mark.parametrize("case", PASSING)
@story
async def test_a_read_gets_over_a_passing_fault(case: str) -> None:
    waits = Waits()
    act, _ = PASSING[case]
    async with serving(act, act, says(200, [1])) as server, opened(server.origin, waits=waits) as transport:
        assert (await transport.read("GET", "/")).data == [1]
    assert len(server.seen) == 3
    first, second = waits.slept
    assert 0.5 <= first <= 1.0
    assert 1.0 <= second <= 1.5


@pytest.mark.parametrize("case", PASSING)
@story
async def test_a_read_gives_up_after_its_tries(case: str) -> None:
    act, kind = PASSING[case]
    async with serving(act) as server, opened(server.origin, read_attempts=3) as transport:
        assert type(await failure_of(transport.read("GET", "/"))) is kind
    assert len(server.seen) == 3


@pytest.mark.parametrize("act", [stays_silent, drips(200)])
@story
async def test_a_read_ends_with_its_deadline(act: Act) -> None:
    waits = Waits()
    options = {"timeout": 0.3, "read_attempts": 2, "waits": waits}
    async with serving(act) as server, opened(server.origin, **options) as transport, asyncio.timeout(40):
        assert type(await failure_of(transport.read("GET", "/"))) is Unreachable
    assert len(waits.slept) == 1
    assert len(server.seen) <= 2  # a machine that is busy may not even connect in a third of the time


@story
async def test_a_clear_no_stays_clear_when_its_body_drips() -> None:
    async with serving(drips(400)) as server, opened(server.origin, timeout=0.6) as transport:
        assert type(await failure_of(transport.write("POST", "/", b"{}"))) is Rejected


@story
async def test_a_transport_goes_on_after_a_fault() -> None:
    acts = (says(400), resets, stays_silent, says(200, [1]))
    async with serving(*acts) as server, opened(server.origin, concurrency=1, timeout=0.6) as transport:
        for _ in range(3):
            await failure_of(transport.write("POST", "/", b"{}"))
        assert (await transport.read("GET", "/")).data == [1]


# --- writes ----------------------------------------------------------------------------------------

UNCLEAR = {
    **{name: act for name, (act, _) in PASSING.items()},
    "no answer in time": stays_silent,
    "answer drips": drips(200),
    "303": says(303, location="/models/1"),
    "501": says(501),
}


@pytest.mark.parametrize("case", UNCLEAR)
@story
async def test_a_write_without_a_clear_answer_is_sent_once_and_its_outcome_unknown(case: str) -> None:
    timeout = 0.6 if case in ("no answer in time", "answer drips") else 30.0
    async with serving(UNCLEAR[case]) as server, opened(server.origin, timeout=timeout) as transport:
        error = await failure_of(transport.write("POST", "/models", b"{}"))
    assert type(error) is UnknownOutcome
    assert "may have taken effect" in error.message
    assert len(server.seen) == 1


class _BadRecord(httpx.AsyncBaseTransport):
    """TLS that breaks as no loopback server can make it: before the answer, or (``late``) inside it."""

    def __init__(self, *, late: bool, status: int = 200) -> None:
        self.late = late
        self.status = status

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.late:
            return httpx.Response(self.status, stream=_BadStream())
        raise ssl.SSLError("bad record mac")


class _BadStream(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        raise ssl.SSLError("bad record mac")


@pytest.mark.parametrize("late", [False, True])
@story
async def test_a_damaged_tls_record_leaves_the_outcome_unknown(late: bool) -> None:
    async with opened("https://registry.example", wire=lambda: _BadRecord(late=late)) as transport:
        assert type(await failure_of(transport.write("POST", "/", b"{}"))) is UnknownOutcome
        assert type(await failure_of(transport.read("GET", "/"))) is Unreachable


@story
async def test_a_clear_no_stays_clear_when_its_body_is_damaged() -> None:
    async with opened(
        "https://registry.example", wire=lambda: _BadRecord(late=True, status=400)
    ) as transport:
        assert type(await failure_of(transport.write("POST", "/", b"{}"))) is Rejected


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@story
async def test_a_write_that_finds_nobody_is_tried_again_and_surely_not_sent() -> None:
    waits = Waits()
    async with opened(f"http://127.0.0.1:{_free_port()}", waits=waits) as transport:
        error = await failure_of(transport.write("POST", "/models", b"{}"))
    assert type(error) is Unreachable
    assert "cannot connect" in error.message
    assert error.hint == "check `url` in reconciler.yaml, and that the registry is running"
    assert len(waits.slept) == 3


@story
async def test_a_write_that_times_out_in_the_tls_handshake_is_surely_not_sent() -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # takes the greeting, never answers it
        writer.close()

    listening = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with opened(f"https://127.0.0.1:{port}", timeout=0.3, read_attempts=2) as transport:
        assert type(await failure_of(transport.write("POST", "/models", b"{}"))) is Unreachable
    listening.close()
    await listening.wait_closed()
    await asyncio.sleep(0.01)


@story
async def test_an_address_that_is_too_long_to_send_is_surely_not_sent() -> None:
    async with serving(says()) as server, opened(server.origin) as transport:
        assert type(await failure_of(transport.write("POST", "/" + "a" * 70_000, b"{}"))) is Unreachable
    assert server.seen == []


@story
async def test_a_write_answered_429_is_sent_again() -> None:
    async with (
        serving(says(429), says(429), says(201, {"id": "x"})) as server,
        opened(server.origin) as transport,
    ):
        assert (await transport.write("POST", "/", b"{1}")).data == {"id": "x"}
    assert [seen.body for seen in server.seen] == [b"{1}"] * 3


@story
async def test_a_write_whose_body_would_be_too_old_is_not_sent_again_and_says_how_long_to_wait() -> None:
    async with (
        serving(says(429, retry_after="50"), says(201)) as server,
        opened(server.origin) as transport,
    ):
        error = await failure_of(transport.write("POST", "/", b"{}", patience=30))
    assert isinstance(error, RateLimited)
    assert error.wait == 50
    assert len(server.seen) == 1


@story
async def test_a_write_whose_turn_comes_when_its_body_is_too_old_is_not_sent_at_all() -> None:
    waits = Waits()
    pace = Pace(60_000, waits.clock)
    async with serving(says(201)) as server, opened(server.origin, waits=waits, pace=pace) as transport:
        pace.pause(50)  # what the registry asked of another call
        error = await failure_of(transport.write("POST", "/", b"{}", patience=30))
        assert isinstance(error, RateLimited)
        assert error.wait == 0
        assert server.seen == []
        assert (await transport.write("POST", "/", b"{}", patience=30)).status == 201


# --- rate limits -----------------------------------------------------------------------------------


def _date(seconds: float) -> str:
    return format_datetime(dt.datetime.fromtimestamp(NOW + seconds, dt.UTC), usegmt=True)


@pytest.mark.parametrize(
    "headers",
    [
        {"retry_after": "7"},
        {"retry_after": _date(7)},
        {"retry_after": _date(7).replace(" GMT", " -0000")},
        {"retry_after_ms": "7000"},
        {"retry_after_ms": "7000", "retry_after": "8"},
        {"x_ratelimit_reset": "7"},
        {"x_ratelimit_reset": str(NOW + 7)},
        {"x_ratelimit_reset": str(int(NOW + 7) * 1000)},
        {"retry_after": "soon", "x_ratelimit_reset": "7"},
        {"retry_after": "0", "x_ratelimit_reset": "7"},
    ],
)
@story
async def test_a_wait_that_is_asked_for_is_kept(headers: dict[str, str]) -> None:
    waits = Waits()
    async with (
        serving(says(429, **headers), says(200, [1])) as server,
        opened(server.origin, waits=waits) as transport,
    ):
        await transport.read("GET", "/")
    assert waits.slept == [pytest.approx(7)]


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-5", "Wed, 99 Foo 2026", "Fri, 31 Dec 0001 23:59:59 +2359", ""]
)
def test_a_hint_that_says_nothing_is_no_hint(text: str) -> None:
    headers = {"retry-after-ms": text, "retry-after": text, "x-ratelimit-reset": text}
    assert asked_wait(httpx.Headers(headers), NOW) is None


@story
async def test_a_wait_in_the_body_is_kept() -> None:
    waits = Waits()
    act = says(429, {"detail": "Rate limit exceeded", "retry_after": 30}, retry_after="2")
    async with (
        serving(act, says(200, [1])) as server,
        opened(server.origin, waits=waits, retry_after=lambda data: data["retry_after"]) as transport,
    ):
        await transport.read("GET", "/")
    assert waits.slept == [30]


@story
async def test_without_a_hint_the_waits_grow_and_end() -> None:
    waits = Waits()
    async with (
        serving(says(429, {"detail": "slow down"})) as server,
        opened(server.origin, waits=waits) as transport,
    ):
        error = await failure_of(transport.write("POST", "/", b"{}"))
    assert isinstance(error, RateLimited)
    assert error.wait is None
    assert "slow down" in error.message
    assert [math.floor(wait) for wait in waits.slept] == [4 * 2**n for n in range(4)]
    assert len(server.seen) == 5


@pytest.mark.parametrize(
    ("act", "hint", "text"),
    [
        (
            says(429, {"detail": "quota"}, retry_after="3600"),
            None,
            "a wait of 3600 s, and we wait 120 s at most: quota",
        ),
        (says(429, {"detail": "quota"}), math.inf, "waiting does not lift this limit: quota"),
    ],
)
@story
async def test_a_wait_that_is_too_long_is_an_error_at_once(act: Act, hint: float | None, text: str) -> None:
    waits = Waits()
    async with (
        serving(act) as server,
        opened(server.origin, waits=waits, retry_after=lambda _: hint) as transport,
    ):
        error = await failure_of(transport.read("GET", "/"))
    assert type(error) is RateLimited
    assert text in error.message
    assert waits.slept == []


@story
async def test_a_busy_registry_is_given_the_time_that_it_asks_for() -> None:
    waits = Waits()
    acts = (says(503, retry_after="9"), says(503, retry_after="900"))
    async with serving(*acts) as server, opened(server.origin, waits=waits) as transport:
        assert type(await failure_of(transport.read("GET", "/"))) is UnexpectedAnswer
    assert waits.slept == [9]


# --- pace ------------------------------------------------------------------------------------------


class _Ahead(selectors.SelectSelector):
    """Never waits: what would have been waited is added to ``ahead``."""

    ahead = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.ahead += timeout or 0.0
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer."""

    def __init__(self) -> None:
        self._jumps = _Ahead()
        super().__init__(self._jumps)

    def time(self) -> float:
        return super().time() + self._jumps.ahead


class Wire(httpx.AsyncBaseTransport):
    """Notes when each request starts and answers in the order of ``acts``, after a second."""

    def __init__(self, acts: Iterator[tuple[int, dict[str, str]]]) -> None:
        self.acts = acts
        self.times: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.times.append(asyncio.get_running_loop().time())
        status, headers = next(self.acts, (200, {}))
        await asyncio.sleep(1)
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(b"{}"))


def timed(calls: int, wire: Wire, **settings: Any) -> list[float]:
    """When each request of ``calls`` concurrent reads started, in seconds after the first."""

    async def run() -> None:
        clock = Clock(monotonic=asyncio.get_running_loop().time)
        async with opened(
            "http://registry.example", wire=lambda: wire, clock=clock, timeout=30, **settings
        ) as it:
            await asyncio.gather(*(it.read("GET", "/") for _ in range(calls)), return_exceptions=True)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(run())
    return [time - wire.times[0] for time in wire.times]


@pytest.mark.parametrize("per_minute", [1, 2, 5, 7, 60, 300])
def test_no_minute_holds_more_calls_than_allowed_repeated_ones_included(per_minute: int) -> None:
    faults: Iterator[tuple[int, dict[str, str]]] = iter(
        [(503 if n % 3 == 0 else 200, {}) for n in range(10_000)]
    )
    times = timed(max(6, 3 * per_minute), Wire(faults), requests_per_minute=per_minute, concurrency=8)
    assert len(times) > max(6, 3 * per_minute)
    windows = [later - first for first, later in zip(times, times[per_minute:], strict=False)]
    assert min(windows) > 60


@pytest.mark.parametrize("per_minute", [60, 300])
def test_a_sixth_of_the_calls_starts_at_once_and_the_rest_use_the_limit(per_minute: int) -> None:
    calls = 4 * per_minute
    times = timed(calls, Wire(iter(())), requests_per_minute=per_minute, concurrency=64)
    assert times[per_minute // 6 - 1] < 1
    assert times[-1] < 4 * 60 * 1.2


def test_a_wait_asked_of_one_call_holds_all_even_those_that_waited_for_their_turn() -> None:
    acts = iter([(429, {"retry-after": "100"})])
    times = timed(3, Wire(acts), requests_per_minute=6, concurrency=8)
    assert len(times) == 4
    assert times[1] >= 101


@pytest.mark.parametrize("per_minute", [2, 60])
def test_transports_that_share_a_pace_keep_one_limit_together(per_minute: int) -> None:
    wire = Wire(iter(()))

    async def run() -> None:
        clock = Clock(monotonic=asyncio.get_running_loop().time)
        pace = Pace(per_minute, clock)
        for _ in range(2):  # one after the other, as a plan and then its writes
            async with opened("http://registry.example", wire=lambda: wire, clock=clock, pace=pace) as it:
                await asyncio.gather(*(it.read("GET", "/") for _ in range(per_minute)))

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(run())
    windows = [later - first for first, later in zip(wire.times, wire.times[per_minute:], strict=False)]
    assert len(windows) == per_minute
    assert min(windows) > 60


def test_a_pace_begins_anew_in_another_loop() -> None:
    pace = Pace(60)
    for _ in range(2):
        asyncio.run(asyncio.wait_for(pace.start(), 1))


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
@story
async def test_unauthorised_names_the_token_and_never_its_text(status: int) -> None:
    act = says(status, {"detail": f"bad key {TOKEN_TEXT}"}, x_amzn_requestid="r-9")
    async with serving(act) as server, opened(server.origin) as transport:
        error = await failure_of(transport.read("GET", "/models", params={"cursor": "c-1"}))
    assert type(error) is Unauthorised
    assert (error.registry, error.status, error.request_id) == ("orq-prod", status, "r-9")
    assert error.request == f"GET {server.origin}/models"
    reason = httpx.codes.get_reason_phrase(status)
    assert (
        error.message
        == f"orq-prod: {error.request}: {status} {reason}: bad key [secret ORQ_API_KEY] (request id r-9)"
    )
    assert "ORQ_API_KEY" in str(error.hint)
    assert len(server.seen) == 1


@story
async def test_unauthorised_without_a_token_says_that_there_is_none() -> None:
    async with serving(says(401)) as server, opened(server.origin, token=None) as transport:
        error = await failure_of(transport.read("GET", "/"))
    assert "no token" in str(error.hint)
    assert "no message" in error.message


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
@story
async def test_rejected_has_the_registrys_own_words(status: int) -> None:
    async with (
        serving(says(status, {"detail": "Base model not found"})) as server,
        opened(server.origin) as transport,
    ):
        error = await failure_of(transport.write("POST", "/", b"{}"))
    assert type(error) is Rejected
    assert error.status == status
    assert "Base model not found" in error.message
    assert len(server.seen) == 1


@story
async def test_rejected_without_words_has_a_short_excerpt() -> None:
    act = says(400, b"<h1>Bad\n gateway</h1>" + b"x" * 200_000, content_type="text/html")
    async with serving(act) as server, opened(server.origin) as transport:
        error = await failure_of(transport.read("GET", "/"))
    assert "Bad gateway xxx" in error.message
    assert "<" not in error.message
    assert len(error.message) < 350


@story
async def test_secrets_that_a_registry_echoes_are_struck_out_of_its_words_and_excerpts() -> None:
    def echo(explained: bool) -> Act:
        async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
            told = {
                "detail" if explained else "other": f"{seen.headers['authorization']} {json.loads(seen.body)}"
            }
            told["body"] = seen.body.decode()
            await says(422, told, x_request_id=TOKEN_TEXT)(seen, writer)

        return act

    body = json.dumps({"api_key": BODY_SECRET.reveal()}).encode()
    async with serving(echo(True), echo(False)) as server, opened(server.origin) as transport:
        for _ in server.acts:
            error = await failure_of(transport.write("POST", "/", body, secrets=[BODY_SECRET]))
            assert "llama" not in f"{error} {vars(error)}"
            assert "[secret HOUSE_LLAMA_KEY]" in error.message
            assert "[secret ORQ_API_KEY]" in error.message
    assert error.request_id == "[secret ORQ_API_KEY]"


def test_words_are_cut_and_made_safe_for_a_terminal() -> None:
    assert harmless("a\x1b[31mb\u202ec\ud800\x9b \r\n d") == "a\\x1b[31mb\\u202ec\\ud800\\x9b d"
    assert harmless("x" * 501) == "x" * 500 + "…"
    assert harmless("é – 日本") == "é – 日本"


def test_a_secret_is_struck_out_before_the_text_is_cut() -> None:
    assert harmless("x" * 495 + TOKEN_TEXT, [TOKEN]) == "x" * 495 + "[secr…"


SPELLINGS: list[Callable[[str], str]] = [
    str,
    repr,
    json.dumps,
    functools.partial(json.dumps, ensure_ascii=False),
    functools.partial(quote, safe=""),
    quote_plus,
    html.escape,
    ascii,
    lambda text: " ".join(text.split()),
]


@pytest.mark.parametrize("outer", SPELLINGS)
@pytest.mark.parametrize("inner", SPELLINGS)
def test_a_secret_is_struck_out_in_every_usual_spelling_and_spelling_of_one(
    inner: Callable[[str], str], outer: Callable[[str], str]
) -> None:
    secret = Secret("KEY", '-/\'sk"\\\\quoted" & <llama>\n\té😀=')
    said = harmless(f"it is {outer(inner(secret.reveal()))} I think", [Secret("SHORT", "sk"), secret])
    assert "[secret KEY]" in said
    assert "llama" not in said


PAGES = {
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center>"
    "<hr><center>nginx</center></body></html>": "502 Bad Gateway nginx",
    "<!DOCTYPE html><title>Log in</title><style>b {}</style><script>go('<p>')</script><p>Who are you?": (
        "Log in: Who are you?"
    ),
    "<html><!-- <p>unseen</p> --><body class='a'>R&amp;D &lt;team&gt;<br/>only<a href='": "R&D <team> only",
    "<html><title>Sorry</title></html>": "Sorry",
    "<html><p>5 < 6, to<wbr>ken</p>": "5 < 6, token",
    "<html><script>never ends": "",
}


@pytest.mark.parametrize(("page", "text"), PAGES.items())
def test_a_page_is_told_as_a_person_reads_it(page: str, text: str) -> None:
    assert is_page(page)
    assert page_text(page) == text


def test_a_page_is_known_by_its_type_or_its_beginning() -> None:
    assert is_page("<h1>Sorry</h1>", "text/html; charset=utf-8")
    assert is_page("\n<!DOCTYPE HTML>")
    assert not is_page("a list of <html> pages", "text/plain")
    assert not is_page("<htmlish>")


def test_no_tag_hides_a_secret_and_no_secret_is_taken_for_a_tag() -> None:
    secrets = [Secret("TAGGED", "sk<llama>key"), Secret("PLAIN", "sk-alpaca-key")]
    page = "<html><p>sk<llama>key, sk-<b>alpaca</b>-<wbr>key, sk-&#97;lpaca-key"
    said = harmless(page_text(page, secrets), secrets)
    assert said == "[secret TAGGED], [secret PLAIN], [secret PLAIN]"


@pytest.mark.parametrize("spelled", [str, lambda text: json.dumps(text)[1:-1], repr, html.escape, quote])
def test_a_secret_of_a_thousand_signs_is_found_whole(spelled: Callable[[str], str]) -> None:
    """A registry makes its own access tokens; to build a pattern for each sign of one takes seconds."""
    secret = Secret("TOKEN", "<[{\"'/" * 2_000)
    said = harmless(f"it is {spelled(secret.reveal())} I think", [secret])
    assert "[secret TOKEN]" in said
    assert "[{" not in said


def test_a_secret_of_backslashes_is_looked_for_quickly() -> None:
    assert harmless("\\" * 5_000, [Secret("ODD", "\\" * 40 + "x\\" * 40)]) == "\\" * 500 + "…"


def test_the_strings_inside_a_secret_document_are_secret_too() -> None:
    account = {"type": "x", "keys": [{"private_key": "-----BEGIN\nMIIE"}]}
    said = harmless(repr(account), [Secret("ACCOUNT", json.dumps(account))])
    assert "MIIE" not in said
    assert harmless("plain {not json", [Secret("BROKEN", "{not json")]) == "plain [secret BROKEN]"
    assert harmless("plain", [Secret("EMPTY", ""), Secret("BYTES", "\udcff")]) == "plain"


# --- redirects -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@story
async def test_a_redirect_to_another_origin_is_not_followed_and_the_token_stays(status: int) -> None:
    async with serving(says(200, [1])) as other:
        target = f"{other.origin.replace('http://', 'http://user:hunter2@')}/x?y=1"
        async with serving(says(status, location=target)) as server, opened(server.origin) as transport:
            for call in (transport.read("GET", "/"), transport.write("POST", "/", b"{}")):
                error = await failure_of(call)
                assert type(error) is UnexpectedAnswer
                assert (
                    f"redirected to {other.origin}; not followed, and nothing was sent there" in error.message
                )
    assert other.seen == []
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (says(308, location="/models/"), "redirected to another path of the same origin; not followed"),
        (says(300, location="http://[::1"), "an address that is not valid"),
        (says(304), "an answer that we do not know"),
    ],
)
@story
async def test_any_other_3xx_is_not_accepted(act: Act, text: str) -> None:
    async with serving(act) as server, opened(server.origin) as transport:
        error = await failure_of(transport.read("GET", "/"))
    assert type(error) is UnexpectedAnswer
    assert text in error.message


# --- clients, proxies, TLS -------------------------------------------------------------------------


@story
async def test_calls_one_after_the_other_share_a_connection() -> None:
    async with serving(says(200, [1])) as server, opened(server.origin) as transport:
        for _ in range(5):
            await transport.read("GET", "/")
    assert server.connections == 1


def in_pieces(*pieces: bytes) -> Act:
    """Answers with what is on the wire, in pieces that arrive one after the other."""

    async def act(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)

    return act


OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
FORGED = OK + b'content-length: 8\r\n\r\n"forged"'


@pytest.mark.parametrize(
    "pieces",
    [
        (OK + b"content-length: 3\r\n\r\n[1]" + FORGED,),
        (OK + b"content-length: 3\r\n\r\n[1]", FORGED),
        (OK + b"content-length: 3\r\n\r\n", b"[1]" + FORGED),
        (OK + b"transfer-encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n" + FORGED,),
    ],
)
@story
async def test_what_follows_an_answer_is_not_the_answer_to_the_next_call(pieces: tuple[bytes, ...]) -> None:
    async with serving(in_pieces(*pieces), says(200, [2])) as server, opened(server.origin) as transport:
        assert (await transport.read("GET", "/")).data == [1]
        await asyncio.sleep(0.1)
        assert (await transport.read("GET", "/")).data == [2]
    assert server.connections == 2


@pytest.mark.parametrize(
    "pieces",
    [
        (OK + b"content-length: 3\r\n\r\n", b"[1]"),
        (OK + b"content-length: 3\r\n\r\n[", b"1", b"]"),
        (OK[:20], OK[20:], b"content-length: 3\r\n\r\n[1]"),
        (OK + b"transfer-encoding: chunked\r\n\r\n1\r\n[\r", b"\n2\r\n1]\r\n0\r\n", b"\r\n"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", OK + b"content-length: 3\r\n\r\n[1]"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 3\r\n\r\n[1]",),
    ],
)
@story
async def test_an_answer_may_come_in_any_pieces(pieces: tuple[bytes, ...]) -> None:
    async with serving(in_pieces(*pieces)) as server, opened(server.origin) as transport:
        for _ in range(2):
            assert (await transport.write("POST", "/", b"{}")).data == [1]
    assert server.connections == 1


@pytest.mark.parametrize("version", [b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\nconnection: close\r\n"])
@story
async def test_a_connection_that_the_server_ends_is_not_used_again(version: bytes) -> None:
    last = breaks_off(version + b"content-type: application/json\r\n\r\n[1]")
    async with serving(last) as server, opened(server.origin) as transport:
        for _ in range(3):
            assert (await transport.write("POST", "/", b"{}")).data == [1]
    assert server.connections == 3


@story
async def test_a_server_that_hangs_up_without_a_word_after_an_answer_loses_no_write() -> None:
    hangs_up = breaks_off(OK + b"content-length: 3\r\n\r\n[1]")
    async with serving(hangs_up) as server, opened(server.origin) as transport:
        for _ in range(20):
            assert (await transport.write("POST", "/", b"{}")).data == [1]
            await asyncio.sleep(0.01)
    assert len(server.seen) == server.connections == 20


@story
async def test_the_headers_of_a_call_are_those_that_it_needs() -> None:
    async with serving(says(200, [1])) as server, opened(server.origin) as transport:
        await transport.write("POST", "/a", b'{"a": 1}')
        await transport.write("DELETE", "/a", None)
        await transport.write("POST", "/a", None)
    usual = {
        "accept": "application/json",
        "accept-encoding": "gzip",
        "authorization": f"Bearer {TOKEN_TEXT}",
        "host": server.origin.removeprefix("http://"),
        "user-agent": f"reconciler/{__version__}",
    }
    assert [seen.headers for seen in server.seen] == [
        usual | {"content-length": "8", "content-type": "application/json"},
        usual,
        usual | {"content-length": "0"},
    ]


@story
async def test_the_connection_used_last_is_used_next() -> None:
    answered = 0

    async def answers_late(seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        if seen.target == "/late":
            await until(lambda: answered == 2)
            await asyncio.sleep(0.05)
        await says(200, [1])(seen, writer)
        answered += 1

    async with serving(answers_late) as server, opened(server.origin) as transport:
        await asyncio.gather(*(transport.read("GET", path) for path in ("/a", "/late", "/b")))
        await transport.read("GET", "/next")
    used = {seen.target: seen.connection for seen in server.seen}
    assert server.connections == 3
    assert used["/next"] == used["/late"]


@story
async def test_no_more_calls_are_in_flight_than_allowed() -> None:
    now = most = 0

    async def busy(seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        await says(200, [1])(seen, writer)

    async with serving(busy) as server, opened(server.origin, concurrency=3) as transport:
        await asyncio.gather(*(transport.read("GET", "/") for _ in range(12)))
    assert most == 3
    assert server.connections == 3


@story
async def test_an_interrupt_hangs_up_and_leaves_nothing_open() -> None:
    async with serving(stays_silent) as server:
        async with opened(server.origin) as transport:
            reading = asyncio.create_task(transport.read("GET", "/"))
            await until(lambda: server.seen)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        await asyncio.wait_for(server.hung_up.wait(), 30)
    gc.collect()  # an open socket would warn here, and warnings are errors


@story
async def test_a_closed_transport_closes_a_call_in_flight_when_it_ends_and_starts_no_other() -> None:
    async def slow(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        await says(200, [1])(seen, writer)

    async with serving(slow) as server:
        transport = opened(server.origin)
        reading = asyncio.create_task(transport.read("GET", "/"))
        await until(lambda: server.seen)
        await transport.aclose()
        assert (await reading).data == [1]
        with pytest.raises(RuntimeError, match="closed"):
            await transport.read("GET", "/")
        await transport.aclose()


@story
async def test_an_app_in_this_process_is_called_without_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{_free_port()}")

    async def models(request: Request) -> JSONResponse:
        return JSONResponse({"got": (await request.body()).decode(), "id": request.path_params["id"]})

    app = Starlette(routes=[Route("/v2/models/{id}", models, methods=["PATCH"])])
    async with opened("http://registry.invalid", wire=lambda: httpx.ASGITransport(app)) as transport:
        reply = await transport.write("PATCH", "/v2/models/m-1", b"{}")
    assert reply.data == {"got": "{}", "id": "m-1"}


@story
async def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(says(200, ["proxy"])) as proxy, serving(says(200, ["direct"])) as server:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with opened("http://registry.example/api") as transport:
            assert (await transport.read("GET", "/models")).data == ["proxy"]
        for host in ("127.0.0.1", "localhost"):
            async with opened(server.origin.replace("127.0.0.1", host)) as transport:
                assert (await transport.read("GET", "/models")).data == ["direct"]
    assert proxy.seen[0].target == "http://registry.example/api/models"


@story
async def test_a_proxy_that_refuses_the_tunnel_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(says(407, reason="Proxy Authentication Required")) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with opened("https://registry.example") as transport:
            error = await failure_of(transport.write("POST", "/models", b"{}"))
    assert type(error) is Unreachable
    assert "407" in error.message
    assert all("authorization" not in seen.headers for seen in proxy.seen)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SSL_CERT_FILE", "/nowhere/ca.pem"), ("ALL_PROXY", "gopher://user:hunter2@127.0.0.1:1")],
)
@story
async def test_settings_of_the_environment_that_cannot_be_used(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    async with opened("https://registry.example") as transport:
        error = await failure_of(transport.read("GET", "/"))
    assert type(error) is Unreachable
    assert name in str(error.hint)
    assert "hunter2" not in f"{error} {error.hint}"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A fresh certificate for 127.0.0.1 that signs itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    built = built.add_extension(address, critical=False)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    file = tmp_path / "cert.pem"
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        + built.sign(key, hashes.SHA256()).public_bytes(pem)
    )
    return file


@story
async def test_a_certificate_counts_when_the_environment_names_it(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    waits = Waits()
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    async with serving(says(200, [1]), tls=tls) as server:
        async with opened(server.origin, waits=waits) as transport:
            error = await failure_of(transport.write("POST", "/", b"{}"))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with opened(server.origin) as transport:
            assert (await transport.read("GET", "/")).data == [1]
    assert type(error) is Unreachable
    assert "not trusted" in error.message
    assert "SSL_CERT_FILE" in str(error.hint)
    assert waits.slept == []  # no further try would change it
    assert [seen.method for seen in server.seen] == ["GET"]


# --- logs ------------------------------------------------------------------------------------------


@story
async def test_no_log_record_holds_a_secret_though_every_logger_is_at_debug(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("", *logging.root.manager.loggerDict):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]
    leak = {"x_token": TOKEN_TEXT, "x_request_id": f"id {TOKEN_TEXT}", "reason": TOKEN_TEXT}
    told = {"detail": [TOKEN_TEXT, BODY_SECRET.reveal()]}
    acts = (says(200, told, **leak), says(429, told, retry_after="1", **leak), says(400, told, **leak))
    body = json.dumps(BODY_SECRET.reveal()).encode()
    async with serving(*acts) as server, opened(server.origin, explain=str) as transport:
        await transport.write("POST", "/", body, secrets=[BODY_SECRET])
        await failure_of(transport.write("POST", "/", body, secrets=[BODY_SECRET]))
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]
    told_by_us = [record.getMessage() for record in caplog.records if record.name == "reconciler.http"]
    assert f"orq-prod: POST {server.origin}/: 200" in told_by_us
    assert any("trying again in 1.0 s" in line for line in told_by_us)
    everything = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert TOKEN_TEXT not in everything
    assert "llama" not in everything
