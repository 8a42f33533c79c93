"""A forge's API on a real socket, and what was asked of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any

    @property
    def writes(self) -> bool:
        return self.method != "GET"


class Refused(Exception):
    """What the forge answers in place of what was asked for."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Handles(Protocol):
    seen: list[Asked]
    url: str

    def answer(self, asked: Asked) -> tuple[int, Any]: ...


@contextmanager
def running(forge: Handles) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            parts = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(
                self.command,
                unquote(parts.path),
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(data) if data else None,
            )
            forge.seen.append(asked)
            try:
                status, answer = forge.answer(asked)
            except Refused as no:
                status, answer = no.status, {"message": str(no)}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one  # noqa: N815 - what the server calls

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        forge.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def only(given: dict[str, Any], *known: str) -> None:
    """Refuses what the API's description does not have."""
    unknown = set(given) - set(known)
    if unknown:
        raise Refused(422, f"not documented: {', '.join(sorted(unknown))}")


@dataclass
class Items:
    """Things with ids."""

    made: dict[int, dict[str, Any]] = field(default_factory=dict)

    def add(self, **fields: Any) -> dict[str, Any]:
        item = {"id": 1000 + len(self.made), **fields}
        self.made[item["id"]] = item
        return item

    def __getitem__(self, number: Any) -> dict[str, Any]:
        try:
            return self.made[int(number)]
        except (KeyError, ValueError):
            raise Refused(404, "Not Found") from None


def page(items: list[Any], query: dict[str, str]) -> list[Any]:
    size, number = int(query.get("per_page", 30)), int(query.get("page", 1))
    assert size <= 100
    return items[(number - 1) * size : number * size]
