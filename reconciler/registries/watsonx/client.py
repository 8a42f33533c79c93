"""The calls of IBM watsonx Orchestrate: read the list whole, send one request. Decides nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, Final

from reconciler.errors import RegistryError, Rejected
from reconciler.http import ReadTransport, Transport
from reconciler.registries import talk
from reconciler.registries.interface import (
    Answer,
    LiveObject,
    Observation,
    OutgoingRequest,
    Usages,
)
from reconciler.registries.watsonx.fields import MODEL, ours, without_secrets

_LIST: Final = "/models"
_URL_HINT: Final = "`url` in reconciler.yaml is everything before `/models`, such as https://…/v1/orchestrate"
_QUOTA: Final = "RESOURCE_QUOTA_EXCEEDED"


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
        documents = self._documents(reply.data)
        return Observation(self.registry, tuple(live_object(document) for document in documents), began)

    async def observe_only(self, names: frozenset[str]) -> Observation | None:
        """The models with one of ``names``, from `GET /models?name=…&name=…`, which takes exact names, and
        may answer 404 for none. None where an answer has others, so that it is not of the names."""
        began = time.monotonic()
        try:
            reply = await self._transport.read("GET", _LIST, params={"name": sorted(names)})
        except Rejected as error:
            return Observation(self.registry, (), began, names) if error.status == 404 else None
        documents = self._documents(reply.data)
        if not all(document["name"] in names for document in documents):
            return None
        found = tuple(live_object(document) for document in documents)
        return Observation(self.registry, found, began, names)

    def _documents(self, documents: Any) -> list[Mapping[str, Any]]:
        if isinstance(documents, Mapping):
            documents = documents.get("resources", documents.get("models"))
        if not isinstance(documents, list) or not all(_is_model(item) for item in documents):
            what = "answered with something that is not a list of models"
            raise talk.unexpected(self.registry, f"GET {_LIST}", what, _URL_HINT)
        return documents

    async def usages(self) -> Usages | None:
        """None: the service has no list of what uses a model."""
        return None


class WatsonxWriter(WatsonxReader):
    """Reads and writes the virtual models of one tenant."""

    def __init__(self, registry: str, transport: Transport) -> None:
        super().__init__(registry, transport)
        self._writing = transport

    async def send(self, request: OutgoingRequest) -> Answer:
        """Sends one request. What it answers is documented as any value, so the list shows the object."""
        reply = await talk.send(self._writing, request)
        name = request.body.get("name") if request.body is not None else None
        return Answer(await self._shown(name, request.id), reply.request_id)

    async def _shown(self, name: Any, identity: str | None) -> LiveObject | None:
        """The one model of that name, and of that id where it is known; None where it takes the whole list.

        `GET /models?name=` takes exact names, and answers 404 for none.
        """
        try:
            reply = await self._transport.read("GET", _LIST, params={"name": str(name)})
        except RegistryError:
            return None
        found = [
            item
            for item in (reply.data if isinstance(reply.data, list) else ())
            if _is_model(item) and item["name"] == name and identity in (None, item["id"])
        ]
        return live_object(found[0]) if len(found) == 1 else None


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


reader = talk.opens_reader(WatsonxReader, explain, retry_after)
writer = talk.opens_writer(WatsonxWriter, explain, retry_after)
