"""A server like Respan's on a loopback socket, that answers lists in any of their known forms.

Models and providers are whole documents. Models are kept when they are written; any other write is answered
by a script. It shares no code with the adapter.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from orq_server import Document, Exchange, OrqServer

Handle = Callable[[Exchange], tuple[int, Any]]

NOT_FOUND = 404, {"detail": "Not found."}


def live_model(name: str = "support", **changes: Any) -> Document:
    """A model of the organisation, as the reference page shows it. ``...`` takes a key out."""
    document = {
        "id": name,
        "model_name": name,
        "display_name": name,
        "base_model_name": "gpt-4",
        "affiliation_category": "custom",
        "input_cost": 30,
        "output_cost": 60,
        "cache_hit_input_cost": 0,
        "cache_creation_input_cost": 0,
        "max_context_window": 8192,
        "streaming_support": 1,
        "function_call": 1,
        "image_support": 0,
        "source": "db",
        "provider": {"id": "openai", "provider_id": "openai", "provider_name": "OpenAI"},
        **changes,
    }
    return {key: value for key, value in document.items() if value is not ...}


def live_provider(identity: str = "house", **changes: Any) -> Document:
    document = {
        "id": identity,
        "provider_id": identity,
        "provider_name": identity,
        "is_managed": False,
        "extra_kwargs": {},
        **changes,
    }
    return {key: value for key, value in document.items() if value is not ...}


@dataclass
class RespanServer(OrqServer):
    """``lists`` answers the lists, by method and path; ``largest_page`` is what one page holds at most.

    ``written`` is the answer to every write; where it is None, models are kept, but for keys that it
    ``hides``, and shown, but for all of them where it does not answer in full.
    """

    models: list[Document] = field(default_factory=list)
    providers: list[Document] = field(default_factory=list)
    largest_page: int = 100
    lists: dict[str, Handle] = field(default_factory=dict)
    written: tuple[int, Any] | None = None
    hides: set[str] = field(default_factory=set)
    answers_in_full: bool = True

    def __post_init__(self) -> None:
        self.lists = {
            "POST /api/models/list/": lambda exchange: self.page(exchange, self.models),
            "GET /api/providers/": lambda exchange: self.page(exchange, self.providers),
            **self.lists,
        }

    def page(self, exchange: Exchange, items: list[Document]) -> tuple[int, Any]:
        """The newest form. `count` is of the page, and `next` an address that nobody should go to."""
        query = parse_qs(urlsplit(exchange.path).query)
        size = min(int(query.get("page_size", ["100"])[0]), self.largest_page)
        number = int(query.get("page", ["1"])[0])
        start = (number - 1) * size
        if number > 1 and start >= len(items):
            return 404, {"detail": "Invalid page."}
        shown = items[start : start + size]
        following = "https://elsewhere.invalid/steal" if start + size < len(items) else None
        return 200, {"count": len(shown), "next": following, "previous": None, "results": shown}

    def handle(self, exchange: Exchange) -> tuple[int, Any]:
        route = f"{exchange.method} {urlsplit(exchange.path).path}"
        if route in self.lists:
            return self.lists[route](exchange)
        if exchange.method == "GET" and exchange.path.startswith("/api/models/"):
            found = [one for one in self._own() if f"/api/models/{one['model_name']}/" == exchange.path]
            return (200, found[0]) if found else NOT_FOUND
        if exchange.method not in {"POST", "PATCH"} or self.written is not None:
            return self.written or NOT_FOUND
        if exchange.method == "POST" and exchange.path == "/api/models/":
            named = [one for one in self._own() if one["model_name"] == exchange.data["model_name"]]
            self.models += [] if named else [{"affiliation_category": "custom"}]
            _, answer = self._keep((named or self.models)[-1], exchange.data)
            return 200 if named else 201, answer
        name = exchange.path.removeprefix("/api/models/").removesuffix("/")
        [found] = [model for model in self._own() if model["model_name"] == name]
        return self._keep(found, exchange.data)

    def _own(self) -> list[Document]:
        return [one for one in self.models if one["affiliation_category"] == "custom"]

    def _keep(self, model: Document, body: Document) -> tuple[int, Any]:
        named = body.get("provider_id", body.get("custom_provider_id"))
        provider = {} if named is None else {"provider": {"id": named, "provider_id": named}}
        name = body.get("model_name", model.get("model_name"))
        new = live_model(name) if "model_name" not in model else {}
        sent = {key: value for key, value in body.items() if not key.endswith("provider_id")}
        model.update(
            {key: item for key, item in {**new, **sent, **provider}.items() if key not in self.hides}
        )
        return 200, model if self.answers_in_full else {"detail": "done"}

    def asked(self) -> list[str]:
        """Every request so far, with its query."""
        return [f"{exchange.method} {exchange.path}" for exchange in self.seen]


@contextlib.asynccontextmanager
async def respan(**more: Any) -> AsyncIterator[RespanServer]:
    """A server, in the loop of the test."""
    server = RespanServer(**more)
    listening = await asyncio.start_server(server.connect, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        await server.end()
        await listening.wait_closed()
