"""The calls of Orq.ai: read the list whole, send one request. Decides nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.errors import UnexpectedAnswer
from reconciler.http import ReadTransport, Transport
from reconciler.registries import talk
from reconciler.registries.interface import (
    Answer,
    LiveObject,
    Observation,
    OutgoingRequest,
    Usages,
)
from reconciler.registries.orq.fields import GENERIC, ours, variant_of, without_secrets

_LIST = "/v2/models"
_DEPLOYMENTS = "/v2/deployments"


class OrqReader:
    """Reads the models of one workspace."""

    def __init__(self, registry: str, transport: ReadTransport) -> None:
        self.registry = registry
        self._transport = transport

    async def observe(self) -> Observation:
        """Every model, built-in ones included, from `GET /v2/models`, which has no pages.

        Raises RegistryError; UnexpectedAnswer for any shape but a list of models or null.
        """
        began = time.monotonic()  # the answer may be older than its arrival, never than its request
        reply = await self._transport.read("GET", _LIST)
        if reply.empty:
            # Taken for no models, it would have all of them made anew.
            raise self._unexpected("answered with nothing")
        documents = self._documents(reply.data)
        objects = tuple(live_object(document) for document in documents)
        return Observation(self.registry, objects, began)

    def _documents(self, data: Any) -> list[Mapping[str, Any]]:
        if data is None:
            return []  # documented: `ModelDocument[] | null`
        if isinstance(data, Mapping) and data.get("object") == "list":
            raise self._unexpected(
                "answered with the older list of {id, created, type, owned_by}, which holds too little to "
                "compare a model with",
                "ask Orq for an account on the current API, or check `url` in reconciler.yaml",
            )
        if not isinstance(data, list) or not all(_is_model(item) for item in data):
            raise self._unexpected("answered with something that is not a list of models")
        return data

    async def usages(self) -> Usages:
        """The deployments by the model that their listed `prompt_config` names.

        From `GET /v2/deployments`, newest first, 50 to a page. Stops on `has_more: false`, an empty
        page, or a cursor that repeats. Raises RegistryError, also for a shape that we do not know.
        """
        users: dict[str, dict[str, None]] = {}
        seen: set[str] = set()
        cursor: str | None = None
        pages = talk.Pages(self.registry, f"GET {_DEPLOYMENTS}")
        while True:
            after = {} if cursor is None else {"starting_after": cursor}
            reply = await self._transport.read("GET", _DEPLOYMENTS, params={"limit": "50", **after})
            pages.add(reply)
            page = reply.data.get("data") if isinstance(reply.data, Mapping) else None
            if not isinstance(page, list) or not all(_is_deployment(item) for item in page):
                what = "answered with something that is not a page of deployments"
                raise self._unexpected(what, request=f"GET {_DEPLOYMENTS}")
            for deployment in page:
                for name in _models_of(deployment):
                    users.setdefault(name, {})[_name_of(deployment)] = None
            last = page[-1]["id"] if page else None
            if not reply.data.get("has_more") or last is None or last in seen:
                return Usages("deployment", {name: tuple(keys) for name, keys in users.items()})
            seen.add(last)
            cursor = last

    def _unexpected(
        self, what: str, hint: str = talk.CHECK_URL, *, request: str = f"GET {_LIST}"
    ) -> UnexpectedAnswer:
        return talk.unexpected(self.registry, request, what, hint)


class OrqWriter(OrqReader):
    """Reads and writes the models of one workspace."""

    def __init__(self, registry: str, transport: Transport) -> None:
        super().__init__(registry, transport)
        self._writing = transport

    async def send(self, request: OutgoingRequest) -> Answer:
        reply = await talk.send(self._writing, request)
        live = live_object(reply.data) if _is_model(reply.data) else None
        return Answer(live, reply.request_id)


def _is_model(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), str) and "provider" in item


def _is_deployment(item: Any) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get("id"), str)


def _name_of(deployment: Mapping[str, Any]) -> str:
    """What people know a deployment by."""
    return str(deployment.get("key") or deployment["id"])


def _models_of(deployment: Mapping[str, Any]) -> Iterator[str]:
    """Every name by which a deployment may mean its model; the bare one only with its provider."""
    config = deployment.get("prompt_config")
    model = config.get("model") if isinstance(config, Mapping) else None
    if isinstance(config, Mapping) and isinstance(model, str) and model:
        yield model
        if isinstance(config.get("provider"), str):
            yield f"{config['provider']}/{model}"


def live_object(document: Mapping[str, Any]) -> LiveObject:
    """One ModelDocument, without anything that could be a credential."""
    raw, hidden = without_secrets(document)
    identity, reference, own = str(document["id"]), document.get("refId"), ours(document)
    keys = (identity, reference) if isinstance(reference, str) and not own else ()
    return LiveObject(identity, GENERIC.unwrapped(raw), own, variant_of(document), keys=keys, hidden=hidden)


def explain(data: Any) -> str | None:
    """Orq's own words in an error body; four shapes are in use, none of them everywhere.

    Sources: the vendor's Terraform provider; docs.orq.ai/reference/errors.
    """
    if not isinstance(data, Mapping):
        return None
    error = data.get("error")
    if isinstance(error, str):
        return error
    inner = error if isinstance(error, Mapping) else data
    message, code = inner.get("message"), inner.get("code")
    if not isinstance(message, str):
        return None
    return f"{message} ({code})" if isinstance(code, str) else message


reader = talk.opens_reader(OrqReader, explain)
writer = talk.opens_writer(OrqWriter, explain)
