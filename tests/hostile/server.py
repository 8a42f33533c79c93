"""A registry on a loopback socket that answers whatever a test wants, byte by byte."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

_PATIENCE = 20.0  # seconds that a server waits for a client that has forgotten it


@dataclass(frozen=True)
class Asked:
    """One request as it came off the wire; ``target`` is the path with its query, as it was sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def about(self) -> tuple[str, str]:
        return self.method, self.path


class Line:
    """The way back to the client. ``ended`` is set when the test is over."""

    def __init__(self, connection: socket.socket, ended: threading.Event) -> None:
        self._connection = connection
        self.ended = ended
        self.sent = 0

    def send(self, data: bytes) -> bool:
        """False where the client has hung up."""
        try:
            self._connection.sendall(data)
        except OSError:
            return False
        self.sent += len(data)
        return True

    def send_for_ever(self, data: bytes, *, pause: float = 0.0) -> None:
        while self.send(data) and not self.ended.wait(pause):
            pass

    def reset(self) -> None:
        """Ends the connection without a farewell."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


Act = Callable[[Line], object]


def says(
    body: Any = b"",
    status: int = 200,
    media: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Act:
    """An orderly answer. ``body``: bytes as they are, anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = {"content-type": media, "content-length": str(len(data)), "connection": "close", **(headers or {})}
    return raw(_head(status, head) + data)


def raw(data: bytes) -> Act:
    return lambda line: line.send(data)


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def head(status: int = 200, **headers: str) -> bytes:
    """The head of an answer whose body ends with the connection."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return _head(status, {"content-type": "application/json", "connection": "close", **named})


class HostileServer:
    """Answers with ``acts`` by method and path, else with ``honest``, else as ``otherwise`` says."""

    def __init__(self, honest: Mapping[tuple[str, str], Any] | None = None) -> None:
        self.honest = dict(honest or {})
        self.acts: dict[tuple[str, str], Act] = {}
        self.asked: list[Asked] = []
        self.lines: list[Line] = []
        self.otherwise: Callable[[Asked], Act] = lambda _asked: says({}, 404)
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._thread = threading.Thread(target=self._accept)
        self._serving: list[threading.Thread] = []

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [asked.target for asked in self.asked]

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._serving.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(_PATIENCE)
            asked = _read(connection)
            if asked is None:
                return
            self.asked.append(asked)
            line = Line(connection, self._ended)
            self.lines.append(line)
            self._act(asked)(line)

    def _act(self, asked: Asked) -> Act:
        act = self.acts.get(asked.about)
        if act is not None:
            return act
        if asked.about in self.honest:
            return says(self.honest[asked.about])
        return self.otherwise(asked)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        # A listener that is only closed would leave its thread in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for thread in self._serving:
            thread.join()


def _read(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    top, _, body = data.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    method, target, _ = first.split(" ")
    return Asked(method, target, headers, body)
