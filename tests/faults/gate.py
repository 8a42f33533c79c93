"""The socket that registries are put behind, one after another."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import uvicorn
from serving import serving

from reconciler.embedded.faults.protocol import CuttableProtocol


class Gate:
    """An ASGI app before another: ``app`` behaves; ``faulty``, where there is one, answers in its place."""

    def __init__(self) -> None:
        self.app: Any = None
        self.is_read: Callable[[str, str], bool] = lambda method, _path: method == "GET"
        self.reset()

    def reset(self) -> None:
        self.faulty: Any = None
        self.seen: list[tuple[str, str]] = []

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [one for one in self.seen if not self.is_read(*one)]

    def forget(self) -> None:
        self.seen.clear()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append((scope["method"], unquote(scope["path"])))
        await (self.faulty or self.app)(scope, receive, send)


@contextmanager
def on_sockets(app: Any, count: int) -> Iterator[tuple[list[int], uvicorn.Server]]:
    """Serves ``app`` on that many loopback ports; gives them, and the server."""
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    for one in listening:
        # asyncio sets this only where a socket names its protocol, which these do not. Without it a body
        # waits 40 ms after its head, until the client has told that the head is there.
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ports = [one.getsockname()[1] for one in listening]
    with serving(app, sockets=listening, http=CuttableProtocol) as server:
        yield ports, server


@contextmanager
def on_a_socket(app: Any) -> Iterator[str]:
    """Serves ``app`` on a loopback port, and gives its address."""
    with on_sockets(app, 1) as ([port], _server):
        yield f"http://127.0.0.1:{port}"
