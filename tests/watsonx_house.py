"""A folder of manifests for one watsonx registry: the embedded one, in this process, with faults around."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import simplejson

from reconciler.cli.loading import Project, load
from reconciler.embedded import Options, create_app
from reconciler.errors import RegistryError
from reconciler.executor import Target, execute
from reconciler.outcome import ActionResult, Outcome
from reconciler.plan import Action, Plan
from reconciler.planner import Selection, make_plan
from reconciler.registries.interface import Connection, Observation
from reconciler.registries.watsonx.kind import WATSONX
from reconciler.secrets import SecretStore

REGISTRY = "wxo"
URL = "http://embedded/api/v1"
HOST = "llm.example.com"
TEXTS = {
    "KEY": "sk-planted-text-1",
    "OTHER": "sk-planted-text-2",
    "ACCOUNT": '{"type": "service_account", "private_key": "planted-text-3"}',
}
SECRETS = {name: {"env": name, "hosts": [HOST, "embedded", "127.0.0.1"]} for name in TEXTS}

Document = dict[str, Any]
Fault = Callable[["Wire", httpx.Request], Any]


class Wire(httpx.AsyncBaseTransport):
    """The embedded registry, and what happens to requests on the way to it and back."""

    def __init__(self, app: Any) -> None:
        self.inner = httpx.ASGITransport(app=app)
        self.seen: list[tuple[str, str, Any]] = []
        self.faults: dict[str, deque[Fault]] = {}
        self.shows: Callable[[list[Document]], Any] = lambda documents: documents

    def fails(self, method: str, *faults: Fault) -> None:
        """The next requests of ``method`` meet ``faults``, one each."""
        self.faults.setdefault(method, deque()).extend(faults)

    def bodies(self, method: str) -> list[Document]:
        return [body for seen, _, body in self.seen if seen == method]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        request = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        data = simplejson.loads(body, use_decimal=True) if body else None
        self.seen.append((request.method, request.url.path, data or dict(request.url.params) or None))
        if self.faults.get(request.method):
            answer: httpx.Response = await self.faults[request.method].popleft()(self, request)
            return answer
        return await self.honest(request)

    async def honest(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        if request.method != "GET":
            return answer
        shown = self.shows(simplejson.loads(await answer.aread(), use_decimal=True))
        content = shown if isinstance(shown, bytes) else simplejson.dumps(shown, use_decimal=True).encode()
        return httpx.Response(answer.status_code, stream=httpx.ByteStream(content))


def resets(*, commit: bool) -> Fault:
    """The connection breaks, after the registry did it or before."""

    async def fault(wire: Wire, request: httpx.Request) -> httpx.Response:
        if commit:
            await wire.inner.handle_async_request(request)
        raise httpx.ReadError("connection reset by peer")

    return fault


def says(status: int, body: Any, *, commit: bool = False, **headers: str) -> Fault:
    async def fault(wire: Wire, request: httpx.Request) -> httpx.Response:
        if commit:
            await wire.inner.handle_async_request(request)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(
            status, headers=fields, stream=httpx.ByteStream(simplejson.dumps(body).encode())
        )

    return fault


def spec(**changes: Any) -> Document:
    """A whole spec; ``None`` takes a field out."""
    whole = {
        "provider": "openai",
        "model": "gpt-4o-mini",
        "type": "chat",
        "description": "For support",
        "endpoint": {"api_key": {"secret": "KEY"}},
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


def manifest(name: str = "mini", **changes: Any) -> Document:
    head = {"apiVersion": "reconciler/v1", "kind": "Model", "metadata": {"name": name}}
    return {**head, "spec": spec(**changes)}


def native(**values: Any) -> Document:
    return {"watsonx": values}


@dataclass
class House:
    folder: Path
    options: Options = field(default_factory=Options)
    entry: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.app = create_app(self.folder / "registry.db", options=self.options)
        self.wire = Wire(self.app)
        (self.folder / "models").mkdir()
        self.config()

    def config(self, **secrets: Any) -> None:
        config = {
            "apiVersion": "reconciler/v1",
            "kind": "Config",
            "registries": {
                REGISTRY: {"kind": "watsonx", "url": URL, "insecure_http": True, **self.entry},
            },
            "default_registries": [REGISTRY],
            "secrets": {**SECRETS, **secrets},
        }
        (self.folder / "reconciler.yaml").write_text(simplejson.dumps(config))

    def models(self, *manifests: Mapping[str, Any]) -> None:
        texts = [simplejson.dumps(each, use_decimal=True, indent=1) for each in manifests]
        (self.folder / "models" / "all.yaml").write_text("\n---\n".join(texts))

    def load(self) -> Project:
        return load(self.folder / "reconciler.yaml")

    @property
    def connection(self) -> Connection:
        return Connection(REGISTRY, URL, None, 600_000, 8, wire=lambda: self.wire)

    async def _observe(self) -> Observation | RegistryError:
        try:
            async with WATSONX.client().reader(self.connection) as reader:
                return await reader.observe()
        except RegistryError as error:
            return error

    async def _plan(self, **options: Any) -> tuple[Project, Plan, Observation | RegistryError]:
        project = self.load()
        observed = await self._observe()
        plan = make_plan(
            project.config,
            project.desired,
            {REGISTRY: observed},
            selection=Selection(),
            acknowledged=project.acknowledged,
            **options,
        )
        return project, plan, observed

    def plan(self, *manifests: Mapping[str, Any], **options: Any) -> Plan:
        if manifests:
            self.models(*manifests)
        return asyncio.run(self._plan(**options))[1]

    def execute(self, plan: Plan) -> Outcome:
        store = SecretStore(self.load().config.secret_rules(), TEXTS)
        return asyncio.run(execute(plan, {REGISTRY: Target(WATSONX, self.connection)}, store)).outcome

    def apply(self, *manifests: Mapping[str, Any]) -> Outcome:
        return self.execute(self.plan(*manifests))

    # ---- by hand, as anybody else could

    def call(self, method: str, path: str = "/models", body: Any = None) -> Any:
        async def exchange() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url=URL) as client:
                return await client.request(method, URL + path, json=body)

        answer = asyncio.run(exchange())
        assert answer.status_code == 200, answer.text
        return answer.json()

    def live(self) -> list[Document]:
        found: list[Document] = self.call("GET")
        return found

    def only(self) -> Document:
        [found] = self.live()
        return found

    def there(self, **body: Any) -> str:
        """Puts a model there by hand; its id."""
        whole = {"name": "virtual-model/openai/gpt-4o-mini", "display_name": "mini", **body}
        return str(self.call("POST", body=whole)["id"])


def only_action(plan: Plan) -> Action:
    [action] = plan.actions()
    return action


def only_result(outcome: Outcome) -> ActionResult:
    [result] = outcome.results
    return result


def changed(action: Action) -> dict[str, Any]:
    return {change.path: change.desired.value for change in action.changes}


def codes(action: Action) -> list[str]:
    return [refusal.code for refusal in action.refusals]
