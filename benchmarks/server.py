"""A registry that answers from memory, as fast as one process can: ``python -m benchmarks.server``.

It speaks enough of Orq's and of Respan's API for plans and applies. The documents are JSON text from the
start, lists are joined once, and a write is kept, so that a new read shows it. Says where it listens on its
first line of output. `GET /bench/stats` tells what it was asked since the last such call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import selectors
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import simplejson

from benchmarks import live
from reconciler.embedded.orq.document import new_model, updated_model

Answer = tuple[int, list[bytes]]
"""Status, and the body in pieces."""

_REASONS: Final = {200: b"OK", 201: b"Created", 204: b"No Content", 400: b"Bad Request", 404: b"Not Found"}
_NO_DEPLOYMENTS: Final = b'{"object":"list","data":[],"has_more":false}'


class Orq:
    """The models of a workspace, which are listed whole."""

    def __init__(self, count: int, changed: int) -> None:
        self._models = dict(live.documents("orq", count, changed))
        self._list: bytes | None = None

    def answer(self, method: str, path: str, _query: dict[str, str], body: bytes) -> Answer:
        if (method, path) == ("GET", "/v2/models"):
            if self._list is None:
                self._list = b"[" + b",".join(self._models.values()) + b"]"
            return 200, [self._list]
        if (method, path) == ("GET", "/v2/deployments"):
            return 200, [_NO_DEPLOYMENTS]
        if (method, path) == ("POST", "/v2/models"):
            sent = _loads(body)
            if sent["id"] in self._models:
                return _refused(400, f"A model with id {sent['id']} already exists")
            return self._keep(new_model(sent, owner=live.OWNER).document)
        if method == "PATCH" and path.startswith("/v2/models/"):
            found = self._models.get(unquote(path.removeprefix("/v2/models/")))
            if found is None:
                return _refused(404, "Model not found")
            return self._keep(updated_model(_loads(found), _loads(body)))
        return _refused(404, f"no route {method} {path}")

    def _keep(self, document: live.Document) -> Answer:
        self._list = None
        text = self._models[document["id"]] = live.dumps(document)
        return 200, [text]


class Respan:
    """The models of an organisation, which are listed in pages, and its providers."""

    def __init__(self, count: int, changed: int, page_size: int) -> None:
        self._models = dict(live.documents("respan", count, changed))
        self._providers = list(map(live.dumps, live.respan_providers()))
        self._page_size = page_size
        self._listed: list[bytes] | None = None

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        name = unquote(path.removeprefix("/api/models/").removesuffix("/"))
        if (method, path) == ("POST", "/api/models/list/"):
            if self._listed is None:
                self._listed = list(self._models.values())
            return self._page(self._listed, path, query)
        if (method, path) == ("GET", "/api/providers/"):
            return self._page(self._providers, path, query)
        if (method, path) == ("POST", "/api/models/"):
            sent = _loads(body)
            name = sent["model_name"]
            found = self._models.get(name)
            before = _loads(found) if found is not None else _new_in_respan(name)
            return 201 if found is None else 200, self._keep(name, before, sent)
        if method == "GET" and name in self._models:
            return 200, [self._models[name]]
        if method == "PATCH" and name in self._models:
            return 200, self._keep(name, _loads(self._models[name]), _loads(body))
        return 404, [b'{"detail":"Not found."}']

    def _keep(self, name: str, before: live.Document, sent: live.Document) -> list[bytes]:
        provider = sent.pop("custom_provider_id", None)
        nested = {} if provider is None else {"provider": live.respan_provider(provider)}
        text = self._models[name] = live.dumps({**before, **sent, **nested})
        self._listed = None
        return [text]

    def _page(self, items: list[bytes], path: str, query: dict[str, str]) -> Answer:
        size = min(int(query.get("page_size", "100")), self._page_size)
        number = int(query.get("page", "1"))
        shown = items[(number - 1) * size : number * size]
        has_more = number * size < len(items)
        following = b'"http://127.0.0.1%s?page=%d"' % (path.encode(), number + 1) if has_more else b"null"
        head = b'{"count":%d,"next":%s,"previous":null,"results":[' % (len(shown), following)
        return 200, [head, b",".join(shown), b"]}"]


def _new_in_respan(name: str) -> live.Document:
    prices = dict.fromkeys(
        ("input_cost", "output_cost", "cache_hit_input_cost", "cache_creation_input_cost"), 0
    )
    flags = dict.fromkeys(("streaming_support", "function_call", "image_support"), 0)
    named = {"id": name, "model_name": name, "display_name": name, "affiliation_category": "custom"}
    rest: live.Document = dict.fromkeys(("max_context_window", "provider"))
    rest |= {"source": "db", "supported_params": {}}
    return {**named, **prices, **flags, **rest, "created_at": live.WHEN, "updated_at": live.WHEN}


def _loads(text: bytes) -> Any:
    return simplejson.loads(text, use_decimal=True)


def _refused(status: int, message: str) -> Answer:
    return status, [json.dumps({"message": message}).encode()]


@dataclass(slots=True)
class Stats:
    """What the server was asked since it was last asked about that. Times are of one clock, in seconds."""

    calls: int = 0
    writes: int = 0
    first_write: float = 0.0
    last_write: float = 0.0
    last: float = 0.0
    """When the last answer of all went out."""
    in_flight: int = 0
    most_in_flight: int = 0
    seconds: float = field(default=0.0)
    """Spent on finding answers, the latency apart."""

    def shown(self) -> bytes:
        names = ("calls", "writes", "first_write", "last_write", "last", "most_in_flight", "seconds")
        return json.dumps({name: getattr(self, name) for name in names}).encode()


class Connection(asyncio.Protocol):
    """One client: its requests one after the other, each answered after the latency."""

    def __init__(
        self, answer: Callable[[str, str, dict[str, str], bytes], Answer], stats: Stats, latency: float
    ) -> None:
        self._answer = answer
        self._stats = stats
        self._latency = latency
        self._received = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end])
            length = _length(head)
            if len(self._received) < end + 4 + length:
                return
            body = bytes(self._received[end + 4 : end + 4 + length])
            del self._received[: end + 4 + length]
            self._asked(head, body)

    def _asked(self, head: bytes, body: bytes) -> None:
        began = time.perf_counter()
        method, target, _ = head[: head.find(b"\r\n")].decode().split(" ")
        path, _, query = target.partition("?")
        if path == "/bench/stats":
            self._send(200, [self._stats.shown()])
            self._stats.__init__()  # type: ignore[misc]
            return
        stats = self._stats
        is_write = method in {"POST", "PATCH"} and not path.endswith("/list/")
        stats.calls += 1
        stats.in_flight += 1
        stats.most_in_flight = max(stats.most_in_flight, stats.in_flight)
        if is_write:
            stats.writes += 1
            stats.first_write = stats.first_write or began
        status, pieces = self._answer(method, path, dict(parse_qsl(query)), body)
        stats.seconds += time.perf_counter() - began
        if self._latency:
            left = max(0.0, began + self._latency - time.perf_counter())
            asyncio.get_running_loop().call_later(left, self._end, status, pieces, is_write)
        else:
            self._end(status, pieces, is_write)

    def _end(self, status: int, pieces: list[bytes], is_write: bool) -> None:  # noqa: FBT001 - a callback
        self._send(status, pieces)
        self._stats.in_flight -= 1
        self._stats.last = time.perf_counter()
        if is_write:
            self._stats.last_write = self._stats.last

    def _send(self, status: int, pieces: list[bytes]) -> None:
        if self._transport.is_closing():
            return
        length = sum(map(len, pieces))
        reason = _REASONS.get(status, b"Unknown")
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (
            status,
            reason,
            length,
        )
        if length < 65536:
            self._transport.write(b"".join((head, *pieces)))
        else:  # not joined, which would copy what may be a hundred megabytes
            for piece in (head, *pieces):
                self._transport.write(piece)


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    return int(lower[at + 17 :].partition(b"\r\n")[0]) if at >= 0 else 0


async def serve(
    kind: str, count: int, changed: int, *, latency: float, page_size: int, port: int, leashed: bool
) -> None:
    """Serves for ever; if ``leashed``, until standard input ends, as it does when its parent dies."""
    registry = Orq(count, changed) if kind == "orq" else Respan(count, changed, page_size)
    stats = Stats()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(registry.answer, stats, latency), "127.0.0.1", port, backlog=1024
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    if leashed:
        await loop.run_in_executor(None, sys.stdin.buffer.read)
    else:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server", description=__doc__)
    parser.add_argument("kind", choices=["orq", "respan"])
    parser.add_argument("--models", type=int, default=0, help="how many of the catalogue are there already")
    parser.add_argument("--changed", type=int, default=0, help="how many of them differ in a field")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds from a request to its answer")
    parser.add_argument("--page-size", type=int, default=1000, help="the most on a page (Respan)")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--leashed", action="store_true", help="end when standard input does")
    given = parser.parse_args()
    # epoll counts whole milliseconds, and rounds up: a latency of 20 ms would be one of 20.5.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    loop.run_until_complete(
        serve(
            given.kind,
            given.models,
            given.changed,
            latency=given.latency,
            page_size=given.page_size,
            port=given.port,
            leashed=given.leashed,
        )
    )


if __name__ == "__main__":
    main()
