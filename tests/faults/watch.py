"""What stands before the registry in a random run: it counts calls by client, and kills one at its moment."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any
from urllib.parse import unquote

import uvicorn

from reconciler.embedded.faults.cutting import cut

from .drawn import Kill

PATIENCE = 60.0
"""Seconds until something that must come soon is taken for lost."""
ENDED = 0
"""Instead of a process id."""


@dataclass
class Watch:
    """An ASGI app before another. Clients are known by the port that they talk to."""

    app: Any = None
    is_read: Callable[[str, str], bool] = lambda method, _path: method == "GET"
    kills: dict[int, Kill] = field(default_factory=dict)
    pids: dict[int, int] = field(default_factory=dict)
    calls: Counter[int] = field(default_factory=Counter)
    writes: Counter[int] = field(default_factory=Counter)

    def begin(self, app: Any) -> None:
        """Another registry: nothing seen, nobody to kill."""
        self.app = app
        self.forget()

    def forget(self) -> None:
        for known in (self.kills, self.pids, self.calls, self.writes):
            known.clear()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        port = scope["server"][1]
        self.calls[port] += 1
        is_write = not self.is_read(scope["method"], unquote(scope["path"]))
        self.writes[port] += is_write
        kill = self.kills.get(port)
        if kill is None or not self._is_due(kill, port, is_write=is_write):
            await self.app(scope, receive, send)
            return
        del self.kills[port]
        if kill.moment == "before":
            await self._kill(port)
            await cut(scope, receive, reset=False)
            return
        messages: list[Any] = []

        async def keep(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send if kill.moment == "answered" else keep)
        if kill.moment == "answering" and messages:
            raw = _raw(messages)
            await self._kill(port, scope, raw[: len(raw) // 2])
        else:
            await self._kill(port)
        if kill.moment != "answered":
            await cut(scope, receive, reset=False)

    def _is_due(self, kill: Kill, port: int, *, is_write: bool) -> bool:
        if kill.of_writes:
            return is_write and self.writes[port] == kill.at
        return self.calls[port] == kill.at

    async def _kill(self, port: int, scope: Any = None, first: bytes = b"") -> None:
        """Ends the client of ``port``, whose process id may not be told yet, after ``first`` went out."""
        while port not in self.pids:  # noqa: ASYNC110 - another thread tells it
            await asyncio.sleep(0.001)
        if first:
            scope["state"]["reconciler.connection"].write(first)
        if self.pids[port] != ENDED:
            os.kill(self.pids[port], signal.SIGKILL)

    def is_over(self, port: int) -> None:
        """The client of ``port`` has ended: nobody is killed any more."""
        self.kills.pop(port, None)
        self.pids[port] = ENDED


def _raw(messages: list[Any]) -> bytes:
    status, headers = messages[0]["status"], messages[0].get("headers", [])
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    lines = b"".join(b"%b: %b\r\n" % tuple(pair) for pair in headers)
    return head + lines + b"\r\n" + b"".join(message.get("body", b"") for message in messages[1:])


def wait_until_idle(server: uvicorn.Server, port: int) -> None:
    """Returns when nothing is under way any more, also of clients that are gone."""
    # Answered in turn: whoever connected before is known to the server then.
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
    state, until = server.server_state, time.monotonic() + PATIENCE
    while state.connections or state.tasks:
        if time.monotonic() > until:
            raise TimeoutError("calls are under way although every client has ended")
        threading.Event().wait(0.001)
