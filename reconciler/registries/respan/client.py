"""The calls of Respan: read both lists whole, send one request. Decides nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import simplejson

from reconciler.errors import Rejected, Unauthorised, UnexpectedAnswer
from reconciler.http import ReadTransport, Reply, Transport, quote_segment
from reconciler.registries import talk
from reconciler.registries.interface import (
    Answer,
    LiveObject,
    Observation,
    OutgoingRequest,
    Usages,
)
from reconciler.registries.respan.fields import MODEL, MODELS, OWN, PROVIDER, PROVIDERS, without_secrets
from reconciler.registries.rows import Echo, Table

_LIST: Final = f"{MODELS}list/"
_PAGE_SIZE: Final = "100"
"""What every version of the list takes; the newest takes 1000, that of June 100."""

_OF_PROVIDER: Final = ("provider_id", "organization_id")
_EVERYTHING: Final = b'{"filters": {}}'
_VENDORS: Final = "/"
"""Before the id of the vendor's models: an own one may have the same name, and none begins with a slash."""

_CREATED: Final = {201: True, 200: False}
"""What a POST says: both were upserts, and that of models still is."""

Document = Mapping[str, Any]


class RespanReader:
    """Reads the models and the providers of one organisation."""

    def __init__(self, registry: str, transport: ReadTransport) -> None:
        self.registry = registry
        self._transport = transport

    async def observe(self) -> Observation:
        """Every model and provider, the vendor's included.

        Raises RegistryError; UnexpectedAnswer for a list of a shape that we do not know.
        """
        began = time.monotonic()  # the answers may be older than their arrival, never than their request
        providers = await self._list("GET", PROVIDERS, _is_provider)
        models = await self._models()
        return Observation(self.registry, tuple(_objects(models, providers)), began)

    async def observe_only(self, names: frozenset[str]) -> Observation | None:
        """Every provider, and the models with one of ``names``, the vendor's included, by the filter of the
        newest list. None where a server has no such list, takes no such filter, or does not go by it."""

        def is_asked_for(item: Any) -> bool:
            return _is_model(item) and item["model_name"] in names

        began = time.monotonic()
        wanted = {"filters": {"model_name": {"operator": "in", "value": sorted(names)}}}
        try:
            models = await self._list("POST", _LIST, is_asked_for, body=simplejson.dumps(wanted).encode())
        except (Rejected, UnexpectedAnswer):
            return None
        providers = await self._list("GET", PROVIDERS, _is_provider)
        return Observation(self.registry, tuple(_objects(models, providers)), began, names)

    async def usages(self) -> Usages | None:
        """Nothing tells who calls a model."""
        return None

    async def _models(self) -> list[Document]:
        """The list has moved twice: now it is a POST; from May to June also a GET; before, the whole of
        another one."""
        for method in ("POST", "GET"):
            body = _EVERYTHING if method == "POST" else None
            try:
                return await self._list(method, _LIST, _is_model, body=body)
            except Rejected as error:
                if error.status not in {404, 405}:
                    raise
        return await self._list("GET", MODELS, _is_model, first={"all": "true"})

    async def _list(
        self,
        method: str,
        path: str,
        is_one: Callable[[Any], bool],
        *,
        first: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> list[Document]:
        """A list whole, page by page until `next` is null or a page is empty. Raises RegistryError.

        `count` is of the page, so it tells nothing; `next` is an address, and none is ever followed.
        ``first`` asks for the first page in another way.
        """
        found: list[Document] = []
        seen: set[tuple[str, str]] = set()
        pages = talk.Pages(self.registry, f"{method} {path}")
        number = 1
        while True:
            asked = {"page": str(number), "page_size": _PAGE_SIZE}
            if first is not None:
                asked = dict(first) if number == 1 else {**first, **asked}
            reply = await self._transport.read(method, path, params=asked, body=body)
            pages.add(reply)
            page, more = self._page(reply.data, f"{method} {path}", is_one)
            found += page
            if not more or not page:
                return found
            names = {
                (str(item.get("affiliation_category")), str(item.get("model_name", item.get("provider_id"))))
                for item in page
            }
            if names <= seen:
                # Where the rest may be, nobody knows, and a create on half a list overwrites.
                what = f"answered page {number} with nothing but what is on the pages before it"
                raise talk.unexpected(self.registry, f"{method} {path}", what)
            seen |= names
            number += 1

    def _page(self, data: Any, request: str, is_one: Callable[[Any], bool]) -> tuple[list[Document], bool]:
        """The documents of one answer, and whether there are more."""
        more = False
        if isinstance(data, Mapping):
            more = data.get("next") is not None
            data = data.get("results", data.get("models"))
        if not isinstance(data, list) or not all(is_one(item) for item in data):
            what = "providers" if is_one is _is_provider else "models"
            raise talk.unexpected(
                self.registry, request, f"answered with something that is not a list of {what}"
            )
        return data, more


class RespanWriter(RespanReader):
    """Reads and writes the models and the providers of one organisation."""

    def __init__(self, registry: str, transport: Transport) -> None:
        super().__init__(registry, transport)
        self._writing = transport

    async def send(self, request: OutgoingRequest) -> Answer:
        # "The route supports names containing slashes"; the vendor's client sends them as they are.
        slashes = "/" if request.path.startswith(MODELS) else ""
        try:
            if (request.method, request.path) == ("POST", MODELS):
                await self._check_free((request.body or {}).get("model_name"))
            reply = await talk.send(self._writing, request, safe=slashes)
        except Unauthorised as error:
            if error.status != 403:
                raise
            # Here it is about the one object: a model of the vendor's, a managed provider.
            raise Rejected(
                error.message,
                registry=error.registry,
                request=error.request,
                status=error.status,
                request_id=error.request_id,
                hint=error.hint,
            ) from None
        made = _CREATED.get(reply.status) if request.method == "POST" else None
        return Answer(_answered(request.path, reply, request.body or {}), reply.request_id, made)

    async def _check_free(self, name: Any) -> None:
        """Raises Rejected where the organisation has a model ``name``, which a POST would write over.

        Pages move while they are read, so a list may lack a model that is there. Which of the two a path
        names where the vendor has one of that name as well, no source says [?]; then the status tells.
        """
        path = f"{MODELS}{quote_segment(str(name), safe='/')}/"
        try:
            reply = await self._transport.read("GET", path, template=f"{MODELS}{{id}}/")
        except Rejected as error:
            if error.status == 404:
                return
            raise
        if not _is_model(reply.data):
            raise talk.unexpected(self.registry, f"GET {path}", "answered with something that is not a model")
        if reply.data["affiliation_category"] == OWN:
            raise Rejected(
                f"{self.registry}: a create would write over the live '{name}'",
                registry=self.registry,
                request=f"GET {path}",
                status=reply.status,
                request_id=reply.request_id,
                hint="plan again",
            )


def _answered(path: str, reply: Reply, body: Mapping[str, Any]) -> LiveObject | None:
    """The object that an answer shows; None where it lacks what the list shows of what was sent."""
    document = reply.data
    table, is_one = (MODEL, _is_model) if path.startswith(MODELS) else (PROVIDER, _is_provider)
    if not is_one(document) or not _shown(table, body) <= set(document):
        return None
    return model(document) if table is MODEL else provider(document)


def _shown(table: Table, body: Mapping[str, Any]) -> set[str]:
    """The keys of an answer that tell whether ``body`` was stored."""
    points = [(point.path, row) for row in table.rows for point in row.points if point.path[0] in body]
    sure = [path for path, row in points if row.echo in (Echo.ECHOED, Echo.EFFECTIVE)]
    return {table.shown_at(path)[0] for path in sure}


# ---- documents


def _is_model(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("model_name"), str)
        and item["model_name"] != ""
        and "affiliation_category" in item
    )


def _is_provider(item: Any) -> bool:
    return (
        isinstance(item, Mapping) and isinstance(item.get("provider_id"), str) and item["provider_id"] != ""
    )


def _objects(models: Sequence[Document], providers: Sequence[Document]) -> Iterator[LiveObject]:
    """Each once: what is made while pages are read moves others to the next page."""
    found = {live.ref: live for live in map(model, models)}
    yield from found.values()
    listed = {document["provider_id"]: document for document in providers}
    nested = [item["provider"] for item in models if _is_provider(item.get("provider"))]
    for document in nested:
        name = document.get("provider_name")
        # The vendor's may be known from its models alone.
        known = {"provider_id": document["provider_id"], "provider_name": name, "is_managed": True}
        listed.setdefault(document["provider_id"], known)
    numbers: dict[str, dict[str, None]] = {}
    for document in (*providers, *nested):
        number = document.get("id")
        if isinstance(number, int | str) and not isinstance(number, bool):
            numbers.setdefault(document["provider_id"], {})[str(number)] = None
    for identity, document in listed.items():
        yield provider(document, tuple(numbers.get(identity, ())))


def model(document: Document) -> LiveObject:
    """One model, without anything that could be a credential."""
    raw, hidden = without_secrets(document)
    if isinstance(raw.get("provider"), dict):
        # What else it shows is the provider's own, and moves with it.
        raw["provider"] = {key: raw["provider"][key] for key in _OF_PROVIDER if key in raw["provider"]}
    name, ours = str(document["model_name"]), document["affiliation_category"] == OWN
    identity, keys = (name, ()) if ours else (f"{_VENDORS}{name}", (name,))
    return LiveObject(identity, raw, ours, MODEL.variant, MODEL.resource, keys, hidden)


def provider(document: Document, numbers: Sequence[str] = ()) -> LiveObject:
    """One provider, without anything that could be a credential. ``numbers`` name it as well."""
    raw, hidden = without_secrets(document)
    identity = str(document["provider_id"])
    others = tuple(number for number in numbers if number != identity)
    keys = (identity, *others) if others else ()
    # Where the key is missing, no source says what that means [?]: 403 protects the vendor's own.
    ours = document.get("is_managed") is not True
    return LiveObject(identity, raw, ours, PROVIDER.variant, PROVIDER.resource, keys, hidden)


# ---- errors


def explain(data: Any) -> str | None:
    """Respan's own words in an error body.

    Source: the error models of the vendor's client: `{detail}`, `{error}`, `{detail, errors: {field:
    [text]}}`, `{detail, error_code}`.
    """
    if not isinstance(data, Mapping):
        return None
    words = data.get("detail", data.get("error"))
    if not isinstance(words, str):
        return None
    errors, code = data.get("errors"), data.get("error_code")
    if isinstance(errors, Mapping):
        fields = [f"{field}: {' '.join(map(str, _texts(texts)))}" for field, texts in errors.items()]
        return f"{words}: {'; '.join(fields)}" if fields else words
    return f"{words} ({code})" if isinstance(code, str) else words


def _texts(texts: Any) -> list[Any]:
    return texts if isinstance(texts, list) else [texts]


def retry_after(data: Any) -> float | None:
    """The seconds that a 429 asks to wait, which stand in its body."""
    seconds = data.get("retry_after") if isinstance(data, Mapping) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal):
        return None
    wait = float(seconds)
    return wait if math.isfinite(wait) else None


# ---- connections


reader = talk.opens_reader(RespanReader, explain, retry_after)
writer = talk.opens_writer(RespanWriter, explain, retry_after)
