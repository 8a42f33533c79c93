"""A folder of manifests for tests, and the steps from it to a plan and an outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import simplejson

from reconciler.desired import Desired
from reconciler.errors import Problem, RegistryError
from reconciler.executor import Target, execute
from reconciler.guards.acknowledgements import FILE, Acknowledged, load_acknowledgements
from reconciler.http import Settings
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.outcome import ActionResult, Outcome
from reconciler.plan import Action, Plan
from reconciler.planner import Selection, make_plan
from reconciler.registries import BUILT_IN
from reconciler.registries.builtin import BuiltIn
from reconciler.registries.interface import Connection, Observation
from reconciler.registries.kind import Kind
from reconciler.registries.orq.client import live_object
from reconciler.registries.orq.kind import ORQ
from reconciler.secrets import SecretStore
from tests.folders import read

URL = "https://orq.invalid"


def build_in(monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    """Makes ``kind`` one of those that come with reconciler, for the time of a test."""
    assert isinstance(BUILT_IN, BuiltIn)
    monkeypatch.setitem(BUILT_IN._places, kind.name, f"{__name__}:nothing")
    monkeypatch.setitem(BUILT_IN._loaded, kind.name, kind)


def spec(**changes: Any) -> dict[str, Any]:
    """A whole spec, whose object `orq_server.live_model` shows. ``None`` takes a field out."""
    whole = {
        "display_name": "Support mini",
        "type": "chat",
        "developer": "OpenAI",
        "family": "gpt-4o",
        "provider": "azure-openai",
        "model": "gpt-4o-mini",
        "pricing": {"unit": "1M tokens", "currency": "USD", "input": 0.15, "output": 0.60},
        "capabilities": {"tools": True},
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


KEY = {"HOUSE_LLAMA_KEY": {"env": "HOUSE_LLAMA_KEY", "hosts": ["llm.example.com", "new.example.com"]}}
"""The secrets of a reconciler.yaml for `endpoint_spec`."""


def endpoint_spec(**changes: Any) -> dict[str, Any]:
    """A model behind an endpoint, whose object `orq_server.live_openai_like` shows."""
    endpoint = {
        "base_url": "https://llm.example.com/v1",
        "region": "europe",
        "api_key": {"secret": "HOUSE_LLAMA_KEY"},
    }
    known = {"display_name": "House Llama", "model": "llama-3.3-70b", "endpoint": endpoint}
    without = dict.fromkeys(("developer", "family", "provider"))
    prices = {"unit": "1M tokens", "currency": "USD", "input": Decimal("0.2"), "output": Decimal("0.2")}
    return spec(**{**known, **without, "pricing": prices, **changes})


def manifest(
    name: str = "support-mini", _spec: Mapping[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "reconciler/v1",
        "kind": "Model",
        "metadata": {"name": name},
        "spec": spec(**changes) if _spec is None else dict(_spec),
    }


@dataclass
class House:
    """A folder, written and read as the command line would."""

    folder: Path
    urls: Mapping[str, str] = field(default_factory=lambda: {"orq": URL})
    manifests: Sequence[Mapping[str, Any]] = ()
    entries: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    acknowledgements: str = ""
    guards: Mapping[str, Any] | None = None

    def write(self) -> LoadedConfig:
        """Writes the folder; what its reconciler.yaml says."""
        models = self.folder / "models"
        models.mkdir(parents=True, exist_ok=True)
        entries = {
            name: {"kind": "orq", "url": url, "requests_per_minute": 600_000, **self.entries}
            for name, url in self.urls.items()
        }
        config = {
            "apiVersion": "reconciler/v1",
            "kind": "Config",
            "default_registries": list(entries),
            "registries": entries,
            "secrets": dict(self.secrets),
            **({} if self.guards is None else {"guards": self.guards}),
        }
        # JSON is YAML, and leaves no doubt what is a text.
        (self.folder / "reconciler.yaml").write_text(simplejson.dumps(config))
        documents = [simplejson.dumps(each, use_decimal=True, indent=1) for each in self.manifests]
        (models / "all.yaml").write_text("\n---\n".join(documents))
        if self.acknowledgements:
            (self.folder / "acknowledgements.yaml").write_text(self.acknowledgements)
        return load_config(self.folder / "reconciler.yaml", "reconciler.yaml")

    def load(self) -> tuple[LoadedConfig, list[Desired], Acknowledged]:
        loaded = self.write()
        _, desired, problems = read(loaded, self.folder)
        assert problems == []
        return loaded, desired, load_acknowledgements(self.folder / FILE, FILE)

    def plan(
        self,
        live: Sequence[Mapping[str, Any]] | Mapping[str, Observation | RegistryError] = (),
        *,
        only: tuple[str, ...] = (),
        without: tuple[str, ...] = (),
        acknowledged: Acknowledged | None = None,
        **asked: Any,
    ) -> Plan:
        """The plan for ``live``: the documents of every registry, or what was observed in each."""
        config, desired, loaded = self.load()
        observed: Mapping[str, Observation | RegistryError]
        if isinstance(live, Mapping):
            observed = live
        else:
            observed = {name: observation(live, name) for name in self.urls}
        return make_plan(
            config,
            desired,
            observed,
            selection=Selection(only, without),
            acknowledged=acknowledged or loaded,
            **asked,
        )

    def connection(self, name: str) -> Connection:
        return Connection(name, self.urls[name], None, 600_000, int(self.entries.get("concurrency", 8)))

    async def observe(self) -> dict[str, Observation | RegistryError]:
        observed: dict[str, Observation | RegistryError] = {}
        for name in self.urls:
            async with ORQ.client().reader(self.connection(name)) as reader:
                try:
                    observed[name] = await reader.observe()
                except RegistryError as error:
                    observed[name] = error
        return observed

    async def planned(self, **options: Any) -> Plan:
        """The plan for what the registries hold now."""
        return self.plan(await self.observe(), **options)

    async def execute(
        self,
        plan: Plan,
        *,
        environment: Mapping[str, str] | None = None,
        observed: Mapping[str, Observation | RegistryError] | None = None,
        **options: Any,
    ) -> Outcome:
        config, _, _ = self.load()
        targets = {
            name: Target(ORQ, self.connection(name), found if isinstance(found, Observation) else None)
            for name in self.urls
            for found in [(observed or {}).get(name)]
        }
        store = SecretStore(config.secret_rules(), environment or {})
        return (await execute(plan, targets, store, **options)).outcome

    def problems(self) -> list[Problem]:
        """Every mistake in the manifests, of the loader and of the tables."""
        loaded = self.write()
        return read(loaded, self.folder)[2]

    async def apply(self, **options: Any) -> tuple[Plan, Outcome]:
        """Plans on what the registries hold now, and does that."""
        observed = await self.observe()
        plan = self.plan(observed)
        return plan, await self.execute(plan, observed=observed, **options)


def observation(documents: Sequence[Mapping[str, Any]], registry: str = "orq") -> Observation:
    return Observation(registry, tuple(live_object(document) for document in documents), time.monotonic())


def one(plan: Plan, name: str = "support-mini", registry: str = "orq") -> Action:
    """The action of one manifest."""
    [found] = [action for action in plan.actions() if (action.registry, action.name) == (registry, name)]
    return found


def result(outcome: Outcome, name: str = "support-mini", registry: str = "orq") -> ActionResult:
    [found] = [each for each in outcome.results if (each.registry, each.name) == (registry, name)]
    return found


def brisk(timeout: float = 2.0, **changes: Any) -> Any:
    """In the place of the clients' own settings: the same attempts, no long time-outs."""

    def settings(connection: Connection) -> Settings:
        return Settings(
            requests_per_minute=connection.requests_per_minute,
            concurrency=connection.concurrency,
            timeout=timeout,
            **changes,
        )

    return settings


def run(scenario: Any) -> Any:
    return asyncio.run(scenario)
