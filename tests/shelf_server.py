"""The made-up registry `Shelf` that the plugin in data/plugin speaks to, on a socket of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_SETTABLE = {
    "about",
    "context",
    "name",
    "prices",
    "tags",
    "title",
    "upstream_key",
    "upstream_model",
    "upstream_url",
    "vendor",
    "vision",
}
_FIXED = {"name", "vendor", "upstream_model"}
_NEEDED = {"name", "title", "vendor", "upstream_model", "prices"}
_PAGE = 2


@dataclass
class Shelf:
    """What it holds, by name, secrets included; and every request that came in."""

    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[tuple[str, str, Any]] = field(default_factory=list)
    url: str = ""
    token: str = "shelf-token"
    limited: int = 0
    """How many of the next requests are answered 429."""
    updates: int = 0

    @property
    def written(self) -> list[tuple[str, str, Any]]:
        return [each for each in self.seen if each[0] != "GET"]

    def answer(self, method: str, target: str, body: Any, token: str | None) -> tuple[int, Any]:
        self.seen.append((method, target, body))
        url = urlsplit(target)
        if token != f"Bearer {self.token}":
            return 401, {"problem": "who are you?"}
        if self.limited:
            self.limited -= 1
            return 429, {"problem": "slow down", "retry_in": 1}
        name = unquote(url.path.removeprefix("/api/models").strip("/"))
        match method:
            case "GET" if not name:
                return 200, self.page(int(parse_qs(url.query)["page"][0]))
            case "POST" if not name:
                return self.create(body)
            case "PATCH" if name in self.models:
                return self.update(name, body)
        return 404, {"problem": f"no model {name}"}

    def page(self, number: int) -> dict[str, Any]:
        names = sorted(self.models)
        shown = [self.shown(name) for name in names[(number - 1) * _PAGE : number * _PAGE]]
        return {"models": shown, "pages": max(1, -(-len(names) // _PAGE))}

    def shown(self, name: str) -> dict[str, Any]:
        """A model as answers have it: no false, and no key."""
        model = {key: value for key, value in self.models[name].items() if value not in (False, None, [])}
        key = model.pop("upstream_key", None)
        return {"owner": "acme", **model, "key_set": key is not None, "workspace": "acme"}

    def create(self, body: dict[str, Any]) -> tuple[int, Any]:
        wrong = sorted((set(body) - _SETTABLE) | (_NEEDED - set(body)))
        if wrong:
            return 400, {"problem": f"check {', '.join(wrong)}"}
        if body["name"] in self.models:
            return 409, {"problem": "taken"}
        self.models[body["name"]] = {**body, "updated_at": 0}
        return 201, self.shown(body["name"])

    def update(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        wrong = sorted(set(body) - (_SETTABLE - _FIXED))
        if wrong:
            return 400, {"problem": f"check {', '.join(wrong)}"}
        self.updates += 1
        self.models[name] |= {**body, "updated_at": self.updates}
        return 200, self.shown(name)


@contextmanager
def shelf() -> Iterator[Shelf]:
    """A running Shelf with two models of its vendor's and none of anybody else's."""
    state = Shelf()
    for name in ("house-a", "house-b"):
        prices = {"input": 0.001, "output": 0.002}
        state.models[name] = {
            "name": name,
            "title": name,
            "vendor": "OpenAI",
            "upstream_model": name,
            "prices": prices,
            "owner": "shelf",
        }

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, data = state.answer(self.command, self.path, body, self.headers.get("Authorization"))
            text = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = handle_one  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
