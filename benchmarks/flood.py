"""Creates of models, as fast as they can be sent: ``python -m benchmarks.flood CLIENT URL COUNT``.

`raw` sends prepared bytes over plain sockets, which is as hard as one process can load a server; `httpx` is
the bare loop of a client that knows nothing but its calls. Says seconds from the first to the last, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from urllib.parse import urlsplit

from benchmarks.live import dumps, orq_body
from benchmarks.models import models

PATH = "/v2/models"


def bodies(count: int) -> list[bytes]:
    """The requests that would make the first ``count`` models."""
    return [dumps(orq_body(model)) for model in models(count)]


class _Socket(asyncio.Protocol):
    """One connection: sends the next request when the last one is answered."""

    def __init__(self, waiting: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self._waiting = waiting
        self._done = done
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._waiting, None)
        if request is None:
            self._transport.close()
            self._done.set_result(None)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._received.find(b"content-length: ") + 16
        length = int(self._received[at : self._received.index(b"\r\n", at)])
        if len(self._received) < end + 4 + length:
            return
        if not self._received.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"flood: {self._received[:300]!r}")
        self._received = b""
        self._next()


async def raw(url: str, sent: Sequence[bytes], in_flight: int) -> float:
    parts = urlsplit(url)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\nContent-Length: "
    )
    requests = iter([head.encode() + b"%d\r\n\r\n" % len(body) + body for body in sent])
    loop = asyncio.get_running_loop()
    ends = [loop.create_future() for _ in range(in_flight)]
    began = time.perf_counter()
    for end in ends:
        await loop.create_connection(partial(_Socket, requests, end), parts.hostname or "", parts.port or 0)
    await asyncio.gather(*ends)
    return time.perf_counter() - began


async def with_httpx(url: str, sent: Sequence[bytes], in_flight: int) -> float:
    import httpx  # noqa: PLC0415 - the other client has no use for it

    waiting = iter(sent)
    headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, trust_env=False) as client:

        async def worker() -> None:
            for body in waiting:
                (await client.post(PATH, content=body)).raise_for_status().json()

        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(in_flight)))
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood", description=__doc__)
    parser.add_argument("client", choices=["raw", "httpx"])
    parser.add_argument("url")
    parser.add_argument("count", type=int)
    parser.add_argument("--in-flight", type=int, default=32)
    given = parser.parse_args()
    send = raw if given.client == "raw" else with_httpx
    print(json.dumps({"seconds": asyncio.run(send(given.url, bodies(given.count), given.in_flight))}))


if __name__ == "__main__":
    main()
