"""The calls of IBM watsonx Orchestrate: read the list whole, send one request. Decides nothing."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from reconciler.errors import Rejected, UnexpectedAnswer
from reconciler.http import ReadTransport, Settings, Transport, quote_segment
from reconciler.registries.interface import (
    Answer,
    Connection,
    LiveObject,
    Observation,
    OutgoingRequest,
    Usages,
)
from reconciler.registries.watsonx.fields import MODEL, ours, without_secrets
from reconciler.registries.wire import body_bytes

_LIST: Final = "/models"
_URL_HINT: Final = "`url` in reconciler.yaml is everything before `/models`, such as https://…/v1/orchestrate"
_QUOTA: Final = "RESOURCE_QUOTA_EXCEEDED"

T = TypeVar("T", bound=ReadTransport)


class WatsonxReader:
    """Reads the virtual models of one tenant."""

    def __init__(self, registry: str, transport: ReadTransport) -> None:
        self.registry = registry
        self._transport = transport

    async def observe(self) -> Observation:
        """Every model of the tenant, from `GET /models`, which has no pages.

        Raises RegistryError; UnexpectedAnswer for any shape but a list of models, bare or under
        `resources` or `models`.
        """
        began = time.monotonic()  # the answer may be older than its arrival, never than its request
        try:
            reply = await self._transport.read("GET", _LIST)
        except Rejected as error:
            if error.status in {404, 405}:
                error.hint = _URL_HINT
            raise
        documents = reply.data
        if isinstance(documents, Mapping):
            documents = documents.get("resources", documents.get("models"))
        if not isinstance(documents, list) or not all(_is_model(item) for item in documents):
            request = f"GET {_LIST}"
            message = "answered with something that is not a list of models"
            raise UnexpectedAnswer(
                f"{self.registry}: {request}: {message}",
                registry=self.registry,
                request=request,
                hint=_URL_HINT,
            )
        return Observation(self.registry, tuple(live_object(document) for document in documents), began)

    async def usages(self) -> Usages | None:
        """None: the service has no list of what uses a model."""
        return None


class WatsonxWriter(WatsonxReader):
    """Reads and writes the virtual models of one tenant."""

    def __init__(self, registry: str, transport: Transport) -> None:
        super().__init__(registry, transport)
        self._writing = transport

    async def send(self, request: OutgoingRequest) -> Answer:
        """Sends one request. What it answers is documented as any value, so the list is asked instead."""
        path = request.path if request.id is None else request.path.format(id=quote_segment(request.id))
        body = None if request.body is None else body_bytes(request.body, request.secrets)
        secrets = tuple(request.secrets.values())
        reply = await self._writing.write(
            request.method, path, body, secrets=secrets, patience=request.patience
        )
        return Answer(None, reply.request_id)


def _is_model(item: Any) -> bool:
    return isinstance(item, Mapping) and all(isinstance(item.get(key), str) for key in ("id", "name"))


def live_object(document: Mapping[str, Any]) -> LiveObject:
    """One model, without anything that could be a credential."""
    raw, hidden = without_secrets(document)
    identity, name = str(document["id"]), str(document["name"])
    return LiveObject(identity, raw, ours(document), MODEL.variant, keys=(name,), hidden=hidden)


def explain(data: Any) -> str | None:
    """The service's own words in an error body: FastAPI's `detail`, a text, a list or a mapping."""
    detail = data.get("detail") if isinstance(data, Mapping) else None
    if isinstance(detail, str):
        return detail
    if isinstance(detail, Mapping):
        message, code = detail.get("message"), detail.get("code")
        figures = ", ".join(f"{key} {detail[key]}" for key in ("current", "limit") if key in detail)
        words = " ".join(str(word) for word in (message, f"({code})" if code else None) if word)
        return ", ".join(part for part in (words, figures) if part) or None
    if isinstance(detail, list):
        return "; ".join(_validation(item) for item in detail if isinstance(item, Mapping)) or None
    return None


def _validation(item: Mapping[str, Any]) -> str:
    place = item.get("loc")
    where = ".".join(str(step) for step in place) if isinstance(place, list) else ""
    return f"{where}: {item.get('msg')}" if where else str(item.get("msg"))


def retry_after(data: Any) -> float | None:
    """A quota of the tenant is no rate: waiting does not lift it."""
    detail = data.get("detail") if isinstance(data, Mapping) else None
    return math.inf if isinstance(detail, Mapping) and detail.get("code") == _QUOTA else None


def _settings(connection: Connection) -> Settings:
    return Settings(requests_per_minute=connection.requests_per_minute, concurrency=connection.concurrency)


def _transport(kind: type[T], connection: Connection) -> T:
    return kind(
        registry=connection.registry,
        base_url=connection.url,
        token=connection.credentials,
        settings=_settings(connection),
        explain=explain,
        retry_after=retry_after,
        wire=connection.wire,
        pace=connection.pace,
    )


@asynccontextmanager
async def reader(connection: Connection) -> AsyncIterator[WatsonxReader]:
    async with _transport(ReadTransport, connection) as transport:
        yield WatsonxReader(connection.registry, transport)


@asynccontextmanager
async def writer(connection: Connection) -> AsyncIterator[WatsonxWriter]:
    async with _transport(Transport, connection) as transport:
        yield WatsonxWriter(connection.registry, transport)
