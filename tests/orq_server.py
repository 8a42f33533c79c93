"""A server like Orq's on a loopback socket, that misbehaves on request.

It keeps whole documents, keys that nobody knows included, and goes by the vendor's pages: `metadata` and
`parameters` are replaced whole by an update, `false` and `0` in `metadata` are dropped on read, and the
per-million prices are derived from those per thousand. Models behind an endpoint have calls of their own,
which merge, and build `parameters` from three fields. It shares no code with the adapter.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import socket
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import simplejson

Document = dict[str, Any]

UPDATABLE = {
    "display_name",
    "has_functions",
    "input_cost",
    "metadata",
    "model_type",
    "output_cost",
    "parameters",
}
CREATABLE = UPDATABLE | {"configuration", "id", "model_developer", "model_family", "model_id", "provider"}
WORKSPACE = "ws-1"

DEMANDED = {"display_name", "model_type", "region"}
OPENAI_LIKE = DEMANDED | {
    "base_url",
    "cache_read_cost",
    "cache_write_cost",
    "cost_per_image",
    "description",
    "has_reasoning",
    "input_cost",
    "max_tokens",
    "model_id",
    "output_cost",
    "supports_image_edit",
    "supports_strict_tool",
    "supports_tool_calling",
    "supports_vision",
    "temperature",
}
"""What an update of a model behind an endpoint may hold; of the costs of caches, nothing reads back."""


@dataclass
class Exchange:
    """One request, and everything that a fault may do with it."""

    server: OrqServer
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter
    committed: tuple[int, Any] | None = None

    @property
    def data(self) -> Any:
        return json.loads(self.body, parse_float=Decimal) if self.body else None

    @property
    def id(self) -> str | None:
        """The object that it is about: in the path of an update, in the body of a create."""
        if self.method in ("PATCH", "DELETE"):
            return unquote(self.path.rsplit("/", 1)[1])
        return (self.data.get("id") or self.data.get("model_id")) if self.method == "POST" else None

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}

    def commit(self) -> tuple[int, Any]:
        """Does it, once: the status and the body of an honest answer."""
        if self.committed is None:
            self.committed = self.server.handle(self)
        return self.committed

    async def answer(self, status: int, body: Any, headers: Mapping[str, str] = {}) -> None:
        raw = body if isinstance(body, bytes) else simplejson.dumps(body, use_decimal=True).encode()
        fields = {"content-type": "application/json", "content-length": str(len(raw)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.writer.write(f"HTTP/1.1 {status} -\r\n{head}\r\n".encode() + raw)
        await self.writer.drain()

    async def honest(self) -> None:
        status, body = self.commit()
        await self.answer(status, body, {"x-request-id": f"r-{len(self.server.seen)}"})


Fault = Callable[[Exchange], Awaitable[None]]


@dataclass
class OrqServer:
    """The documents by position, and what it was asked."""

    documents: list[Document] = field(default_factory=list)
    deployments: list[Document] = field(default_factory=list)
    url: str = ""
    seen: list[Exchange] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    faults: dict[str, deque[Fault]] = field(default_factory=dict)
    always: dict[str, Fault] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _moment: int = 0

    # ---- what a test says and asks

    def fails(self, method: str, *faults: Fault) -> None:
        """The next requests of ``method`` (or of ``POST id``) meet ``faults``, one each, in order."""
        self.faults.setdefault(method, deque()).extend(faults)

    def count(self, method: str) -> int:
        return sum(exchange.method == method for exchange in self.seen)

    def bodies(self, method: str) -> list[Any]:
        return [exchange.data for exchange in self.seen if exchange.method == method]

    @property
    def writes(self) -> int:
        return len(self.seen) - self.count("GET")

    def stored(self, identity: str) -> Document:
        """The document as it is kept, nothing dropped."""
        [found] = [document for document in self.documents if document["id"] == identity]
        return found

    def read(self, document: Document) -> Document:
        shown = copy.deepcopy(document)
        shown["metadata"] = {
            key: value for key, value in shown["metadata"].items() if value is not False and value != 0
        }
        shown.get("configuration", {}).pop("api_key", None)
        return shown

    # ---- the API

    def handle(self, exchange: Exchange) -> tuple[int, Any]:
        if exchange.method == "GET" and exchange.path == "/v2/models":
            return 200, [self.read(document) for document in self.documents]
        if exchange.method == "POST" and exchange.path == "/v2/models":
            return self._create(exchange.data)
        if exchange.method == "GET" and urlsplit(exchange.path).path == "/v2/deployments":
            return self._deployments(exchange.query)
        if exchange.path.startswith("/v2/workspace-models"):
            return self._switch(exchange)
        if exchange.method == "POST" and exchange.path == "/v2/models/openai-like":
            return self._create_openai_like(exchange.data)
        if exchange.method == "PATCH" and exchange.path.startswith("/v2/models/openai-like/"):
            return self._update_openai_like(exchange.id, exchange.data)
        if exchange.method == "PATCH" and exchange.path.startswith("/v2/models/"):
            return self._update(exchange.id, exchange.data)
        return 404, {"error": f"no route for {exchange.method} {exchange.path}"}

    def _create(self, body: Document) -> tuple[int, Any]:
        wrong = _flaw(body, CREATABLE)
        if wrong is None and any(body.get("id") == document["id"] for document in self.documents):
            wrong = "a model with this id already exists"
        if wrong is not None:
            return 400, {"error": wrong}
        document = live_model(**({"id": new_id()} | body))
        for index, parameter in enumerate(document["parameters"] or ()):
            parameter |= {"id": f"p-{index}", "is_active": True}
        self._derive(document, body)
        self._touch(document)
        self.documents.append(document)
        return 200, self.read(document)

    def _update(self, identity: str | None, body: Document) -> tuple[int, Any]:
        found = [document for document in self.documents if document["id"] == identity]
        if not found:
            return 404, {"error": "Model not found or not accessible in this workspace"}
        wrong = _flaw(body, UPDATABLE) or _parameters_flaw(body.get("parameters"))
        if wrong is not None:
            return 400, {"error": wrong}
        document = found[0]
        # First derived, then replaced: a stale derived key in the body would stay.
        self._derive(document, body)
        document |= {key: copy.deepcopy(value) for key, value in body.items() if key != "parameters"}
        if "parameters" in body:
            active = {item["parameter"]: item["is_active"] for item in document["parameters"] or ()}
            document["parameters"] = [
                {**item, "is_active": active[item["parameter"]]} for item in body["parameters"]
            ]
        self._touch(document)
        return 200, self.read(document)

    def _create_openai_like(self, body: Document) -> tuple[int, Any]:
        wrong = _openai_like_flaw(body, {*DEMANDED, "api_key", "base_url", "model_id"}, {"api_key"})
        if wrong is not None:
            return 400, {"error": wrong}
        document = live_openai_like(
            id=new_id(), description=None, input_cost=0, output_cost=0, metadata={"is_private": True},
            parameters=[], has_functions=False,
        )  # fmt: skip
        self._merge(document, body)
        self.documents.append(document)
        return 200, self.read(document)

    def _update_openai_like(self, identity: str | None, body: Document) -> tuple[int, Any]:
        found = [document for document in self.documents if document["id"] == identity]
        if not found:
            return 404, {"error": "Model not found or not accessible in this workspace"}
        wrong = _openai_like_flaw(body, DEMANDED, set())
        if wrong is not None:
            return 400, {"error": wrong}
        self._merge(found[0], body)
        return 200, self.read(found[0])

    def _merge(self, document: Document, body: Document) -> None:
        for name in ("display_name", "model_type", "model_id", "description", "input_cost", "output_cost"):
            if name in body:
                document[name] = body[name]
        self._derive(document, body)
        if "base_url" in body:
            document["configuration"]["base_url"] = body["base_url"]
        kept = [name for name in body if name.startswith("supports_")]
        for name in [*kept, *body.keys() & {"region", "cost_per_image"}]:
            document["metadata"][name] = body[name]
        if "supports_tool_calling" in body:
            document["has_functions"] = body["supports_tool_calling"]
        if body.get("has_reasoning"):
            document["metadata"]["supports_reasoning"] = True
        sliders = {"maxTokens": body.get("max_tokens"), "temperature": body.get("temperature")}
        made = [parameter(name, max=value) for name, value in sliders.items() if value]
        made += [parameter("reasoning_effort")] if body.get("has_reasoning") else []
        document["parameters"] = made or document["parameters"]
        document["refId"] = f"acme@openailike/{document['model_id']}"
        self._touch(document)

    def _switch(self, exchange: Exchange) -> tuple[int, Any]:
        """Enables or disables; the second time it disables, it answers 404, as some platforms do."""
        enabling = exchange.method == "POST"
        wanted = exchange.data["model_id"] if enabling else exchange.id
        found = [document for document in self.documents if document["id"] == wanted]
        if not found or not (enabling or found[0]["enabled"]):
            return 404, {"error": "Model not found"}
        found[0]["enabled"] = enabling
        return 204, b""

    def _deployments(self, query: dict[str, str]) -> tuple[int, Any]:
        """A page, newest first; the first of ``deployments`` is the newest."""
        ids = [deployment["id"] for deployment in self.deployments]
        first = ids.index(query["starting_after"]) + 1 if "starting_after" in query else 0
        last = first + int(query.get("limit", "10"))
        page = self.deployments[first:last]
        return 200, {"object": "list", "data": page, "has_more": last < len(ids)}

    def _derive(self, document: Document, body: Document) -> None:
        for name in ("input", "output"):
            if f"{name}_cost" in body:
                document["metadata"][f"million_tokens_{name}_cost"] = body[f"{name}_cost"] * 1000

    def _touch(self, document: Document) -> None:
        self._moment += 1
        document["updated"] = f"2026-10-01T00:00:00.{self._moment:06d}Z"

    # ---- the wire

    def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._tasks.add(asyncio.get_running_loop().create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                exchange = await self._receive(reader, writer)
                self.seen.append(exchange)
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    await self._next_fault(exchange)(exchange)
                finally:
                    self.in_flight -= 1
        writer.close()

    def _next_fault(self, exchange: Exchange) -> Fault:
        for key in (f"{exchange.method} {exchange.id}", exchange.method):
            if self.faults.get(key):
                return self.faults[key].popleft()
            if key in self.always:
                return self.always[key]
        return Exchange.honest

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = first.split(" ")
        return Exchange(self, method, target, headers, body, writer)

    async def end(self) -> None:
        for writer in self._writers:
            writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def new_id() -> str:
    """The id of a model whose create names none."""
    return str(uuid.uuid4())


def _flaw(body: Document, known: set[str]) -> str | None:
    unknown = sorted(set(body) - known)
    if unknown:
        return f"unknown field {unknown[0]}"
    if "metadata" in body and "is_private" not in body["metadata"]:
        return "metadata.is_private is required"
    return None


def _openai_like_flaw(body: Document, demanded: set[str], more: set[str]) -> str | None:
    unknown, missing = sorted(set(body) - OPENAI_LIKE - more), sorted(demanded - set(body))
    if unknown:
        return f"unknown field {unknown[0]}"
    return f"{missing[0]} is required" if missing else None


def _parameters_flaw(parameters: list[Document] | None) -> str | None:
    for item in parameters or ():
        if "id" not in item:
            return "parameters: id is required"
        if "is_active" in item or None in item.values():
            return "parameters: unknown field or null"
    return None


@contextlib.asynccontextmanager
async def orq(*documents: Document) -> AsyncIterator[OrqServer]:
    """A server that holds ``documents``, in the loop of the test."""
    server = OrqServer(copy.deepcopy(list(documents)))
    listening = await asyncio.start_server(server.connect, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        await server.end()
        await listening.wait_closed()


def live_model(**changes: Any) -> Document:
    """A ModelDocument of the workspace, as the vendor's pages show it."""
    document: Document = {
        "id": "support-mini",
        "created": "2026-09-01T00:00:00.000Z",
        "updated": "2026-09-01T00:00:00.000Z",
        "display_name": "Support mini",
        "model_id": "gpt-4o-mini",
        "is_active": True,
        "provider": "azure",
        "owner": WORKSPACE,
        "input_cost": Decimal("0.00015"),
        "input_currency": "USD",
        "output_cost": Decimal("0.0006"),
        "output_currency": "USD",
        "description": None,
        "pricing_url": None,
        "docs_url": None,
        "model_type": "chat",
        "has_functions": True,
        "has_cpu_pricing": False,
        "enabled_for_playground": True,
        "enabled_for_endpoints": True,
        "configuration": {"provider": "azure"},
        "metadata": {
            "is_private": True,
            "supports_tool_calling": True,
            "million_tokens_input_cost": Decimal("0.15"),
            "million_tokens_output_cost": Decimal("0.6"),
        },
        "parameters": [],
        "enabled": True,
        "refId": "acme@azure/gpt-4o-mini",
        "model_developer": "OpenAI",
        "model_family": "gpt-4o",
    }
    return copy.deepcopy(document | changes)


def live_openai_like(**changes: Any) -> Document:
    """A model behind an endpoint, which `house.endpoint_spec` describes."""
    return live_model(
        **{
            "id": "019facd8-a87e-7664-885b-41cdc118e18b",
            "display_name": "House Llama",
            "model_id": "llama-3.3-70b",
            "provider": "openailike",
            "input_cost": Decimal("0.0002"),
            "output_cost": Decimal("0.0002"),
            "configuration": {
                "provider": "openailike",
                "base_url": "https://llm.example.com/v1",
                "is_openai_compatible": True,
                "api_key_env": None,
            },
            "metadata": {
                "is_private": True,
                "region": "europe",
                "supports_tool_calling": True,
                "million_tokens_input_cost": Decimal("0.2"),
                "million_tokens_output_cost": Decimal("0.2"),
            },
            "refId": "acme@openailike/llama-3.3-70b",
            "model_developer": "",
            "model_family": "",
        }
        | changes
    )


def live_builtin(**changes: Any) -> Document:
    """One of the vendor's own models."""
    known = {"id": "openai/gpt-4o", "provider": "openai", "model_id": "gpt-4o", "refId": "openai/gpt-4o"}
    return live_model(**{**known, "owner": "system", "display_name": "GPT-4o", "enabled": False} | changes)


def parameter(name: str, **config: Any) -> Document:
    """A parameter of a model, such as a slider."""
    return {
        "id": f"p-{name}",
        "name": name,
        "parameter": name,
        "parameter_type": "slider",
        "config": config,
        "is_active": True,
        "description": None,
    }


def deployment(key: str, model: str, provider: str = "openailike") -> Document:
    """An entry of the list of deployments."""
    prompt = {"model": model, "provider": provider, "model_type": "chat", "messages": [], "tools": []}
    return {"id": f"d-{key}", "key": key, "prompt_config": prompt, "version": "1"}


# ---- faults


def says(status: int, body: Any = b"", *, commit: bool = False, **headers: str) -> Fault:
    """Answers ``status``; ``_`` in a header's name means ``-``."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    async def fault(exchange: Exchange) -> None:
        if commit:
            exchange.commit()
        await exchange.answer(status, body, fields)

    return fault


def resets(*, commit: bool = False, commit_after: float | None = None) -> Fault:
    """Breaks the connection; with ``commit_after`` it does what it was asked that much later."""

    async def fault(exchange: Exchange) -> None:
        if commit:
            exchange.commit()
        sock = exchange.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        exchange.writer.transport.abort()
        if commit_after is not None:
            await asyncio.sleep(commit_after)
            exchange.commit()

    return fault


def hangs(*, commit: bool = False) -> Fault:
    """Never answers."""

    async def fault(exchange: Exchange) -> None:
        if commit:
            exchange.commit()
        await asyncio.sleep(3600)

    return fault


def slow(seconds: float) -> Fault:
    async def fault(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.honest()

    return fault


async def truncated(exchange: Exchange) -> None:
    """Does it, and breaks off in the middle of the answer."""
    status, body = exchange.commit()
    raw = simplejson.dumps(body, use_decimal=True).encode()
    exchange.writer.write(f"HTTP/1.1 {status} -\r\ncontent-length: {len(raw)}\r\n\r\n".encode() + raw[:40])
    await exchange.writer.drain()
    exchange.writer.close()


def stores(change: Callable[[Document], None]) -> Fault:
    """Does it, with ``change`` made to what is stored, and answers with that."""

    async def fault(exchange: Exchange) -> None:
        exchange.commit()
        document = exchange.server.stored(exchange.id or "")
        change(document)
        await exchange.answer(200, exchange.server.read(document))

    return fault


def answers_with(change: Callable[[Document], None]) -> Fault:
    """Does it, and answers with something else than what is stored."""

    async def fault(exchange: Exchange) -> None:
        status, body = exchange.commit()
        changed = copy.deepcopy(body)
        change(changed)
        await exchange.answer(status, changed)

    return fault


def stale(documents: list[Document]) -> Fault:
    """A list from before."""
    frozen = copy.deepcopy(documents)

    async def fault(exchange: Exchange) -> None:
        await exchange.answer(200, frozen)

    return fault
