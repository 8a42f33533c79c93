"""The calls of Shelf: read the list whole, send one request. Decides nothing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from reconciler.errors import UnexpectedAnswer
from reconciler.http import ReadTransport, Settings, Transport, quote_segment
from reconciler.registries.interface import Answer, Connection, LiveObject, Observation, OutgoingRequest
from reconciler.registries.wire import body_bytes
from reconciler_shelf.fields import MODELS, READABLE, ours

_LIST = "/api/models"

T = TypeVar("T", bound=ReadTransport)


def live_object(document: Mapping[str, Any]) -> LiveObject:
    """One answered model, without anything that could be a credential."""
    raw = {key: value for key, value in document.items() if key in READABLE}
    hidden = frozenset({("upstream_key",)} if document.get("key_set") is True else ())
    return LiveObject(document["name"], raw, ours(document), MODELS.variant, hidden=hidden)


def _is_model(item: Any) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get("name"), str) and "vendor" in item


class ShelfReader:
    """Reads every model of one workspace."""

    def __init__(self, registry: str, transport: ReadTransport) -> None:
        self.registry = registry
        self._transport = transport

    async def observe(self) -> Observation:
        """Every page of `GET /api/models`, or a RegistryError."""
        began = time.monotonic()
        objects: list[LiveObject] = []
        page, pages = 1, 1
        while page <= pages:
            reply = await self._transport.read("GET", _LIST, params={"page": str(page)})
            models, pages = self._page(reply.data)
            objects += map(live_object, models)
            page += 1
        return Observation(self.registry, tuple(objects), began)

    def _page(self, data: Any) -> tuple[list[Mapping[str, Any]], int]:
        models = data.get("models") if isinstance(data, Mapping) else None
        pages = data.get("pages") if isinstance(data, Mapping) else None
        if isinstance(models, list) and isinstance(pages, int) and all(map(_is_model, models)):
            return models, pages
        request = f"GET {_LIST}"
        message = f"{self.registry}: {request}: answered with something that is not a page of models"
        hint = "check `url` in reconciler.yaml"
        raise UnexpectedAnswer(message, registry=self.registry, request=request, hint=hint)

    async def usages(self) -> None:
        """Shelf does not tell who uses a model."""
        return


class ShelfWriter(ShelfReader):
    """Reads and writes the models of one workspace."""

    def __init__(self, registry: str, transport: Transport) -> None:
        super().__init__(registry, transport)
        self._writing = transport

    async def send(self, request: OutgoingRequest) -> Answer:
        path = request.path if request.id is None else request.path.format(id=quote_segment(request.id))
        body = None if request.body is None else body_bytes(request.body, request.secrets)
        secrets = tuple(request.secrets.values())
        reply = await self._writing.write(
            request.method, path, body, secrets=secrets, patience=request.patience
        )
        live = live_object(reply.data) if _is_model(reply.data) else None
        return Answer(live, reply.request_id)


def explain(data: Any) -> str | None:
    """Shelf's own words in an error: `{"problem": "…"}`."""
    problem = data.get("problem") if isinstance(data, Mapping) else None
    return problem if isinstance(problem, str) else None


def retry_after(data: Any) -> float | None:
    """The seconds that the body of a 429 asks for: `{"retry_in": 2}`."""
    seconds = data.get("retry_in") if isinstance(data, Mapping) else None
    return float(seconds) if isinstance(seconds, int) else None


def _transport(kind: type[T], connection: Connection) -> T:
    return kind(
        registry=connection.registry,
        base_url=connection.url,
        token=connection.credentials,
        settings=Settings(connection.requests_per_minute, connection.concurrency),
        explain=explain,
        retry_after=retry_after,
        wire=connection.wire,
        pace=connection.pace,
    )


@asynccontextmanager
async def reader(connection: Connection) -> AsyncIterator[ShelfReader]:
    async with _transport(ReadTransport, connection) as transport:
        yield ShelfReader(connection.registry, transport)


@asynccontextmanager
async def writer(connection: Connection) -> AsyncIterator[ShelfWriter]:
    async with _transport(Transport, connection) as transport:
        yield ShelfWriter(connection.registry, transport)
