"""The registry on a socket, for clients in other processes."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from reconciler.embedded import create_app
from reconciler.embedded.faults.faults import Faults
from reconciler.embedded.faults.protocol import CuttableProtocol
from reconciler.embedded.options import DEFAULT, Options
from reconciler.errors import StorageError

_GRACE_SECONDS = 5
_HIGHEST_PORT = 65_535


def serve(
    database: Path,
    *,
    host: str,
    port: int,
    token: str | None,
    on_ready: Callable[[str], None],
    options: Options = DEFAULT,
    faults: Faults | None = None,
    before_listening: Callable[[], None] = lambda: None,
) -> None:
    """Serves the registry in ``database`` until SIGINT or SIGTERM, then returns.

    ``port`` 0 takes any that is free. ``before_listening`` is called when the address is taken and the
    database is open, and ends everything by raising. ``on_ready`` is called once with the base URL
    (``http://127.0.0.1:8080``) when requests are answered. Running requests get five seconds to end.
    With ``faults`` it misbehaves as they say. Only for the main thread, because that is where signals
    arrive.

    Raises StorageError: the address cannot be taken, or the database cannot be used (``create_app``).
    """
    app = create_app(database, token=token, options=options, faults=faults)
    try:
        with contextlib.closing(_listen(host, port)) as listener:
            before_listening()
            config = uvicorn.Config(
                app,
                http="auto" if faults is None else CuttableProtocol,
                access_log=False,
                lifespan="off",
                log_config=None,
                log_level="critical",  # faults are logged by the app, without the text that they may quote
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                ws="none",
            )
            _Server(config, lambda: on_ready(_url(listener))).run(sockets=[listener])
    finally:
        app.state.store.close()


class _Server(uvicorn.Server):
    """uvicorn's server that says when it is ready, and ends without raising the signal a second time."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again after the shutdown, which would kill the caller, who has
        # locks to give back and an exit code to choose.
        before = {name: signal.signal(name, self.handle_exit) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _HIGHEST_PORT:  # the system would take 70000 for 4464
        raise _cannot_listen(host, port, f"ports go from 0 to {_HIGHEST_PORT}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot_listen(host, port, error.strerror) from error
    except UnicodeError as error:
        raise _cannot_listen(host, port, "not a host name") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error.strerror) from error
    return listener


def _cannot_listen(host: str, port: int, reason: str | None) -> StorageError:
    return StorageError(
        f"{host}:{port}: cannot serve the embedded registry there: {reason}",
        hint="choose another port, or port 0 for any that is free",
    )


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
