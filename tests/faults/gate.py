"""The socket that registries are put behind, one after another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import uvicorn

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
def on_a_socket(app: Any) -> Iterator[str]:
    """Serves ``app`` on a loopback port, and gives its address."""
    config = uvicorn.Config(
        app,
        port=0,
        http=CuttableProtocol,
        lifespan="off",
        log_config=None,
        log_level="critical",
        ws="none",
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.005)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
