"""An app on a loopback socket, from a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

PATIENCE = 10  # seconds for what is under way when a test ends


class PromptServer(uvicorn.Server):
    """uvicorn's server, for hundreds in a row: it ends as soon as it is told to and nothing is under way.

    uvicorn's own looks ten times a second whether it should end, and then waits for as long again.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.ready.set()

    def end(self) -> None:
        """From any thread, once it is ready."""
        self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        while not self._told.is_set():
            await self.on_tick(0)  # sets the date of the answers
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for one in sockets or []:
            one.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        state = self.server_state
        while state.connections or state.tasks:  # noqa: ASYNC110 - sets without events
            await asyncio.sleep(0.002)
        for server in self.servers:
            await server.wait_closed()


@contextmanager
def serving(
    app: Any, *, sockets: list[socket.socket] | None = None, port: int = 0, http: Any = "auto"
) -> Iterator[PromptServer]:
    """Serves ``app`` on ``sockets``, which it closes, or else on ``port``, 0 for any that is free."""
    config = uvicorn.Config(
        app, port=port, http=http, lifespan="off", log_config=None, log_level="critical", ws="none"
    )
    server = PromptServer(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": sockets}, daemon=True)
    thread.start()
    while not server.ready.wait(0.1):
        assert thread.is_alive()
    try:
        yield server
    finally:
        server.end()
        thread.join(timeout=PATIENCE)


def ports(server: uvicorn.Server) -> list[int]:
    """Where it listens."""
    return [one.getsockname()[1] for listening in server.servers for one in listening.sockets]
