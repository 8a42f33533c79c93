"""The calls of Shelf: read the list whole, send one request. Decides nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from reconciler.http import ReadTransport, Transport
from reconciler.registries import talk
from reconciler.registries.interface import Answer, LiveObject, Observation, OutgoingRequest
from reconciler_shelf.fields import MODELS, READABLE, ours

_LIST = "/api/models"


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
        what = "answered with something that is not a page of models"
        raise talk.unexpected(self.registry, f"GET {_LIST}", what)

    async def usages(self) -> None:
        """Shelf does not tell who uses a model."""
        return


class ShelfWriter(ShelfReader):
    """Reads and writes the models of one workspace."""

    def __init__(self, registry: str, transport: Transport) -> None:
        super().__init__(registry, transport)
        self._writing = transport

    async def send(self, request: OutgoingRequest) -> Answer:
        reply = await talk.send(self._writing, request)
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


reader = talk.opens_reader(ShelfReader, explain, retry_after)
writer = talk.opens_writer(ShelfWriter, explain, retry_after)
