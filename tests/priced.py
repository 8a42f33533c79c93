"""Manifests with a line of prices each, through the whole house to embedded registries and back.

What is sent is kept as the text that goes over the wire, because a number that was parsed tells nothing of
how it was written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from any_price import AnyPrice

from reconciler.cli.loading import Project, load
from reconciler.cli.run import connections, observe
from reconciler.connect import kind_of
from reconciler.executor import Target, execute
from reconciler.outcome import Outcome
from reconciler.plan import Action, Plan
from reconciler.planner import Selection, make_plan
from reconciler.registries.interface import Connection, Observation
from reconciler.secrets import SecretStore

CONFIG = """\
apiVersion: reconciler/v1
kind: Config
registries:
  orq: {kind: orq, embedded: orq.db, probe: false}
  respan: {kind: respan, embedded: respan.db}
  watsonx: {kind: watsonx, embedded: watsonx.db}
secrets:
  KEY: {env: KEY, hosts: [llm.example.com]}
"""
REGISTRY = {"orq": "orq", "builtin": "orq", "openai-like": "orq", "respan": "respan", "watsonx": "watsonx"}
"""Which registry a kind of model is for."""


@dataclass(frozen=True)
class Priced:
    """A model of the kind ``to``, and what its manifest says of prices.

    ``line`` is what stands in `pricing` beside the currency, ``native`` what stands in `native.<kind>`.
    """

    to: str
    line: str = ""
    native: str = ""
    currency: str = "USD"
    type: str = "chat"

    def manifest(self, name: str) -> str:
        lines = [f"  registries: [{REGISTRY[self.to]}]"]
        native = [self.native] if self.native else []
        prices = f"currency: {self.currency}, {self.line}" if self.line else ""
        match self.to:
            case "orq":
                lines += [f"  type: {self.type}", "  developer: Acme", "  family: acme", "  provider: openai"]
                lines += [f"  model: upstream-{name}"]
                given = [f"{each}: 1 / 1M tokens" for each in ("input", "output") if not self._says(each)]
                prices = ", ".join([prices or f"currency: {self.currency}", *given]) if given else prices
            case "openai-like":
                endpoint = f"{{base_url: 'https://llm.example.com/{name}', region: europe"
                lines += [f"  type: {self.type}", f"  model: upstream-{name}"]
                lines += [f"  endpoint: {endpoint}, api_key: {{secret: KEY}}}}"]
            case "builtin":
                native = ["builtin: openai/gpt-4o", "enabled: true"]
            case "respan":
                native += ["base_model_name: gpt-4o"]
            case "watsonx":
                lines += [f"  type: {self.type}", "  provider: openai", f"  model: upstream-{name}"]
                native += ["connection_id: c-1"]
        lines += [f"  pricing: {{{prices}}}"] if prices else []
        if native:
            lines += [f"  native: {{{REGISTRY[self.to]}: {{{', '.join(native)}}}}}"]
        head = ["apiVersion: reconciler/v1", "kind: Model", f"metadata: {{name: {name}}}", "spec:"]
        return "\n".join([*head, *lines]) + "\n"

    def _says(self, price: str) -> bool:
        """Whether the one that a create in Orq demands is among them."""
        return f"{price}_cost" in self.native or any(
            each.startswith(f"{price}:") for each in self.line.split(", ")
        )


class Wire(httpx.AsyncBaseTransport):
    """An embedded registry, and the bodies on the way to it and back, as texts."""

    def __init__(self, inner: httpx.AsyncBaseTransport, sent: list[tuple[str, str]]) -> None:
        self.inner = inner
        self.sent = sent

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        if request.method != "GET":
            self.sent.append((request.method, body.decode()))
        request = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        return await self.inner.handle_async_request(request)


@dataclass
class PricedHouse:
    """A folder with those models, named ``row-0``, ``row-1`` and so on."""

    folder: Path
    rows: Sequence[Priced]
    sent: list[tuple[str, str]] = field(default_factory=list)

    def load(self) -> Project:
        (self.folder / "reconciler.yaml").write_text(CONFIG)
        models = self.folder / "models"
        models.mkdir(exist_ok=True)
        texts = [row.manifest(f"row-{index}") for index, row in enumerate(self.rows)]
        (models / "all.yaml").write_text("---\n".join(texts))
        return load(self.folder / "reconciler.yaml")

    def plan(self, *, guarded: bool = False) -> Plan:
        async def planned() -> Plan:
            project = self.load()
            return (await self._planned(project, self._connections(project), guarded=guarded))[0]

        return asyncio.run(planned())

    def apply(self) -> tuple[Plan, Outcome]:
        async def applied() -> tuple[Plan, Outcome]:
            project = self.load()
            reached = self._connections(project)
            plan, observed = await self._planned(project, reached, guarded=False)
            targets = {
                name: Target(kind_of(project.config, name), reached[name], found)
                for name, found in observed.items()
            }
            store = SecretStore(project.config.secret_rules(), {"KEY": "planted-text"})
            return plan, (await execute(plan, targets, store)).outcome

        return asyncio.run(applied())

    def observe(self) -> dict[str, Observation]:
        async def observed() -> dict[str, Observation]:
            project = self.load()
            return await self._observed(project, self._connections(project))

        return asyncio.run(observed())

    def _connections(self, project: Project) -> dict[str, Connection]:
        names = sorted({REGISTRY[row.to] for row in self.rows})
        found: dict[str, Any] = dict(connections(project, names))
        return {name: self._tapped(connection) for name, connection in found.items()}

    def _tapped(self, connection: Connection) -> Connection:
        wire = connection.wire
        assert wire is not None
        return replace(connection, wire=lambda: Wire(wire(), self.sent))

    async def _observed(self, project: Project, reached: dict[str, Connection]) -> dict[str, Observation]:
        observed = await observe(project, reached)
        assert all(isinstance(found, Observation) for found in observed.values()), observed
        return {name: found for name, found in observed.items() if isinstance(found, Observation)}

    async def _planned(
        self, project: Project, reached: dict[str, Connection], *, guarded: bool
    ) -> tuple[Plan, dict[str, Observation]]:
        observed = await self._observed(project, reached)
        known = project.acknowledged
        acknowledged = known if guarded else AnyPrice.beyond(known)
        plan = make_plan(
            project.config, project.desired, observed, selection=Selection(), acknowledged=acknowledged
        )
        return plan, observed


def action_of(plan: Plan, index: int) -> Action:
    [found] = [action for action in plan.actions() if action.name == f"row-{index}"]
    return found
