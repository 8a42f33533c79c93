"""A folder with manifests, the registry beside it, and the steps of a run as the command line takes them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import simplejson
from any_price import AnyPrice

from reconciler.cli.loading import Project, load
from reconciler.cli.run import connections, observe
from reconciler.connect import kind_of
from reconciler.executor import Target, execute
from reconciler.outcome import ActionResult
from reconciler.plan import Action, Plan
from reconciler.planner import Selection, make_plan
from reconciler.registries.interface import Connection, Observation
from reconciler.registries.wire import body_bytes
from reconciler.secrets import SecretStore

REGISTRY = "sandbox"
UPSTREAM = "llm.example.com"
SECRETS = {"FIRST_KEY": "first-planted-text", "SECOND_KEY": "second-planted-text"}
CONFIG = f"""\
apiVersion: reconciler/v1
kind: Config
registries:
  {REGISTRY}: {{kind: orq, embedded: registry.db}}
secrets:
  FIRST_KEY: {{env: FIRST_KEY, hosts: [{UPSTREAM}]}}
  SECOND_KEY: {{env: SECOND_KEY, hosts: [{UPSTREAM}]}}
"""


class House:
    """One folder, one registry in a file. Every step is the real one, over real files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection: dict[str, Connection] = {}
        (folder / "reconciler.yaml").write_text(CONFIG)
        (folder / "models").mkdir()

    def write(self, document: Mapping[str, Any], file: str = "model.yaml") -> None:
        """Writes one manifest. JSON is YAML, and simplejson writes every digit of a Decimal."""
        text = simplejson.dumps(document, use_decimal=True, ensure_ascii=False, indent=1)
        (self.folder / "models" / file).write_text(text, encoding="utf-8")

    def load(self) -> Project:
        project = load(self.folder / "reconciler.yaml")
        if not self.connection:
            self.connection = connections(project, [REGISTRY])
        return project

    async def _plan(self, project: Project) -> tuple[Plan, Observation]:
        observed = await observe(project, self.connection)
        found = observed[REGISTRY]
        assert isinstance(found, Observation), found
        plan = make_plan(
            project.config,
            project.desired,
            observed,
            selection=Selection(),
            acknowledged=AnyPrice.beyond(project.acknowledged),
        )
        return plan, found

    def plan(self) -> Plan:
        project = self.load()
        return asyncio.run(self._plan(project))[0]

    def apply(self) -> tuple[Plan, tuple[ActionResult, ...]]:
        project = self.load()

        async def both() -> tuple[Plan, tuple[ActionResult, ...]]:
            plan, found = await self._plan(project)
            target = Target(kind_of(project.config, REGISTRY), self.connection[REGISTRY], found)
            store = SecretStore(project.config.secret_rules(), SECRETS)
            executed = await execute(plan, {REGISTRY: target}, store)
            return plan, executed.outcome.results

        return asyncio.run(both())

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request by hand, as anybody else could make it."""

        async def exchange() -> httpx.Response:
            wire = self.connection[REGISTRY].wire
            assert wire is not None
            async with httpx.AsyncClient(transport=wire(), base_url="http://registry") as client:
                content = None if body is None else simplejson.dumps(body, use_decimal=True).encode()
                headers = {"content-type": "application/json"}
                return await client.request(method, path, content=content, headers=headers)

        answer = asyncio.run(exchange())
        assert answer.status_code == 200, answer.text
        return simplejson.loads(answer.text, use_decimal=True)

    def live(self) -> list[dict[str, Any]]:
        """The workspace's own models, as the registry lists them."""
        return [model for model in self.call("GET", "/v2/models") if model["owner"] != "system"]

    def only(self) -> dict[str, Any]:
        [model] = self.live()
        return model

    def patch(self, identity: str, body: Mapping[str, Any]) -> None:
        self.call("PATCH", f"/v2/models/{quote(identity, safe='')}", body)


@contextmanager
def house() -> Iterator[House]:
    with tempfile.TemporaryDirectory() as folder:
        yield House(Path(folder))


def only_action(plan: Plan) -> Action:
    [action] = plan.actions()
    return action


def changed(action: Action) -> set[str]:
    return {change.path for change in action.changes}


def named(action: Action) -> set[str]:
    """The fields that the refusals of ``action`` are about."""
    return {path for refusal in action.refusals for path in refusal.paths}


def assert_settled(house: House) -> None:
    """A plan right after an apply has nothing to do."""
    action = only_action(house.plan())
    assert action.operation == "none", (action.changes, action.refusals)
    assert not action.changes


class sent_bodies:  # noqa: N801 - reads as what it gives
    """The bodies of the writes that are sent while it holds."""

    def __enter__(self) -> list[dict[str, Any]]:
        self.bodies: list[dict[str, Any]] = []
        self.patch = pytest.MonkeyPatch()

        def recording(body: Any, secrets: Any) -> bytes:
            data = body_bytes(body, secrets)
            self.bodies.append(simplejson.loads(data, use_decimal=True))
            return data

        self.patch.setattr("reconciler.registries.talk.body_bytes", recording)
        return self.bodies

    def __exit__(self, *_: object) -> None:
        self.patch.undo()
