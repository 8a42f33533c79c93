"""A folder for three registries, and what the embedded ones really answer to a run of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from pathlib import Path
from typing import Any

import httpx

from reconciler.cli.loading import Project, load
from reconciler.connect import kind_of
from reconciler.embedded import Options, create_app
from reconciler.embedded.seed import seed
from reconciler.errors import RegistryError
from reconciler.executor import Target, execute
from reconciler.outcome import Outcome
from reconciler.plan import Plan
from reconciler.planner import Selection, make_plan
from reconciler.registries.interface import Connection, Observation, Usages
from reconciler.secrets import SecretStore

ROOT = Path(__file__).parents[2]
KINDS = ("orq", "respan", "watsonx")
BASES = {"orq": "", "respan": "", "watsonx": "/api/v1"}
SECRETS = {"HOUSE_KEY": "planted-text-1", "GATEWAY_KEY": "planted-text-2"}
HOSTS = ["llm.example.com", "gateway.example.com", "127.0.0.1"]

CONFIG = f"""\
apiVersion: reconciler/v1
kind: Config
manifests: models/
default_registries: [orq, respan, watsonx]
registries:
  orq: {{kind: orq, url: "http://127.0.0.1:1{BASES["orq"]}"}}
  respan: {{kind: respan, url: "http://127.0.0.1:2{BASES["respan"]}"}}
  watsonx: {{kind: watsonx, url: "http://127.0.0.1:3{BASES["watsonx"]}"}}
secrets:
  HOUSE_KEY: {{env: HOUSE_KEY, hosts: [{", ".join(HOSTS)}]}}
  GATEWAY_KEY: {{env: GATEWAY_KEY, hosts: [{", ".join(HOSTS)}]}}
"""

MORE = """\
apiVersion: reconciler/v1
kind: Model
metadata: {name: house-llama}
spec:
  registries: [orq]
  display_name: House Llama
  type: chat
  model: llama-3.3-70b
  endpoint: {base_url: "https://llm.example.com/v1", region: europe, api_key: {secret: HOUSE_KEY}}
  pricing: {unit: 1M tokens, currency: USD, input: 0.20, output: 0.25}
  capabilities: {tools: true}
---
apiVersion: reconciler/v1
kind: Model
metadata: {name: wx-mini}
spec:
  registries: [watsonx]
  provider: openai
  model: gpt-4o-mini
  type: chat
  description: For support
  endpoint: {base_url: "https://llm.example.com/v1", api_key: {secret: HOUSE_KEY}}
---
apiVersion: reconciler/v1
kind: Provider
metadata: {name: second-gateway}
spec:
  registries: [respan]
  display_name: Second gateway
  endpoint: {base_url: "https://gateway.example.com/v1", api_key: {secret: GATEWAY_KEY}}
"""

SEED = {
    "orq": {
        "vendor_models": [{"id": "openai/gpt-5", "provider": "openai", "input_cost": 0.00125}],
        "models": [{"id": "stranger", "enabled": False}],
        "deployments": [
            {"key": "answers", "model": "openai/gpt-5", "provider": "openai"},
            {"key": "support", "model": "gpt-4o-mini-2024-07-18", "provider": "openai"},
        ],
    },
    "respan": {
        "providers": [{"provider_id": "acme", "provider_name": "Acme", "is_managed": True}],
        "vendor_models": [{"model_name": "gpt-5", "provider_id": "acme", "input_cost": 1.25}],
        "models": [{"model_name": "stranger", "base_model_name": "gpt-5"}],
    },
    "watsonx": {
        "vendor_models": [{"name": "groq/openai/gpt-oss-20b", "tags": ["default"]}],
        "models": [{"name": "virtual-model/openai/stranger", "connection_id": "c1"}],
    },
}

EDITS = (
    ("input: 0.15,", "input: 0.16,"),
    ("input: 0.165,", "input: 0.17,"),
    ("output: 0.25", "output: 0.24"),
    ("A model for", "One model for"),
    ("For support", "For all support"),
    ("GPT-4o mini", "GPT 4o mini"),
    ("GPT-5.4 mini", "GPT 5.4 mini"),
    ("House gateway", "The house gateway"),
    ("Second gateway", "The second gateway"),
    ("context_window: 400000", "context_window: 300000"),
    ("tools: true, vision: true", "tools: false, vision: true"),
    ("temperature: 0.2", "temperature: 0.3"),
)
"""From the first state of the folder to the second: what an update is about."""


@dataclass(frozen=True)
class Answered:
    """One exchange, as it was."""

    route: str
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass
class Recorder(httpx.AsyncBaseTransport):
    """Before the embedded registry."""

    app: Any
    seen: list[Answered] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await httpx.ASGITransport(app=self.app).handle_async_request(request)
        body = await answer.aread()
        headers = [(key, value) for key, value in answer.headers.items() if key != "content-length"]
        self.seen.append(Answered(route_of(request), answer.status_code, headers, body))
        return httpx.Response(answer.status_code, headers=headers, stream=httpx.ByteStream(body))


def route_of(request: httpx.Request) -> str:
    query = request.url.query.decode()
    return f"{request.method} {request.url.raw_path.decode().partition('?')[0]}{'?' + query if query else ''}"


@cache
def folder() -> Path:
    """Where this process keeps its files: in memory where there is some."""
    memory = Path("/dev/shm")
    made = tempfile.mkdtemp(prefix="fuzz-", dir=memory if os.access(memory, os.W_OK) else None)
    import atexit

    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


@cache
def project(*, edited: bool) -> Project:
    """The folder, read; ``edited`` in its second state."""
    where = folder() / ("second" if edited else "first")
    (where / "models").mkdir(parents=True)
    (where / "reconciler.yaml").write_text(CONFIG)
    texts = {
        path.name: path.read_text()
        for path in sorted((ROOT / "examples" / "multi-registry" / "models").glob("*.yaml"))
    }
    for name, text in {**texts, "more.yaml": MORE}.items():
        told = reduce(lambda so_far, edit: so_far.replace(*edit), EDITS if edited else (), text)
        (where / "models" / name).write_text(told)
    return load(where / "reconciler.yaml")


@dataclass(frozen=True)
class Ran:
    """A run against one registry."""

    observed: Observation | RegistryError
    told: Usages | RegistryError | None
    plan: Plan
    outcome: Outcome | None


def connection(kind: str, wire: Callable[[], Any] | None, auth: Any = None) -> Connection:
    url = project(edited=False).config.value.registries[kind].url
    assert url is not None
    return Connection(kind, url, None, 600_000, 1, wire=wire, auth=auth)


async def run(kind: str, given: Project, way: Connection, *, apply: bool, resend: Sequence[str] = ()) -> Ran:
    """Reads, plans and, with ``apply``, executes, as the command line does."""
    client = kind_of(given.config, kind).client()
    observed: Observation | RegistryError
    told: Usages | RegistryError | None
    async with client.reader(way) as reader:
        try:
            observed = await reader.observe()
        except RegistryError as error:
            observed = error
        try:
            told = await reader.usages()
        except RegistryError as error:
            told = error
    warned = Usages(warning=told.message) if isinstance(told, RegistryError) else told
    plan = planned(kind, given, observed, warned, resend)
    if not apply:
        return Ran(observed, told, plan, None)
    found = observed if isinstance(observed, Observation) else None
    targets = {kind: Target(kind_of(given.config, kind), way, found)} if found else {}
    executed = await execute(plan, targets, store(given))
    return Ran(observed, told, plan, executed.outcome)


def planned(
    kind: str,
    given: Project,
    observed: Observation | RegistryError,
    told: Usages | None = None,
    resend: Sequence[str] = (),
) -> Plan:
    return make_plan(
        given.config,
        given.desired,
        {kind: observed},
        selection=Selection(),
        acknowledged=given.acknowledged,
        usages={kind: told},
        all_usages=True,
        resend=resend,
    )


def store(given: Project) -> SecretStore:
    return SecretStore(given.config.secret_rules(), SECRETS)


@cache
def recorded(kind: str) -> Mapping[str, tuple[Sequence[Answered], Plan]]:
    """What was answered, and planned: where nothing is there, where something is to change, where nothing
    is."""
    database = folder() / f"{kind}.db"
    app = create_app(database, options=Options(probe=False))
    seed(database, {kind: SEED[kind]})
    found = {}
    for name, edited in (("create", False), ("update", True), ("settled", True)):
        recorder = Recorder(app)
        way = connection(kind, lambda recorder=recorder: recorder)
        ran = asyncio.run(run(kind, project(edited=edited), way, apply=True))
        found[name] = tuple(recorder.seen), ran.plan
    return found
