"""One folder, one registry, and a door between them: the steps of a run as the command line takes them."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import httpx
import simplejson
from any_price import AnyPrice

from reconciler.cli.loading import Project, load
from reconciler.cli.run import connections, observe
from reconciler.connect import kind_of
from reconciler.embedded import Options, create_app
from reconciler.embedded.seed import seed
from reconciler.executor import Target, execute
from reconciler.outcome import ActionResult, Outcome
from reconciler.plan import Action, Plan
from reconciler.planner import Selection, make_plan
from reconciler.registries.interface import Connection, LiveObject, Observation
from reconciler.registries.rows import Path, Table
from reconciler.secrets import SecretStore

from . import manifests
from .door import Door
from .manifests import NAME, SECRETS, Flat
from .subject import UPSTREAM, Facts, Listing, Subject, Variant, Vendor

REGISTRY = "sandbox"
TOKEN = "planted-registry-token"
OPTIONS = Options(probe=False)


@dataclass(frozen=True)
class Applied:
    """A run: its plan and what became of it."""

    plan: Plan
    outcome: Outcome

    @property
    def action(self) -> Action:
        [action] = self.plan.actions()
        return action

    @property
    def result(self) -> ActionResult:
        [result] = self.outcome.results
        return result


class Stand:
    """The folder and the registry of one test. ``url`` is the door's, where it is on a socket."""

    def __init__(self, folder: File, variant: Variant, subject: Subject, door: Door, url: str | None) -> None:
        self.folder = folder
        self.variant = variant
        self.subject = subject
        self.facts: Facts = subject.facts_of(variant.table)
        self.door = door
        self.url = url
        self.database = folder / "registry.db"
        self._id: str | None = None
        door.reset()
        door.is_read = self._is_read
        door.app = create_app(self.database, token=TOKEN if url else None, options=OPTIONS)
        self.seed(subject.seed)
        for vendor in subject.vendors.values():
            self.seed(vendor.seed)
        (folder / "models").mkdir()
        secrets = {name: {"env": name, "hosts": [UPSTREAM, "127.0.0.1"]} for name in SECRETS}
        self.configure(secrets)

    def configure(self, secrets: Mapping[str, Any]) -> None:
        """Writes reconciler.yaml, with the secrets that manifests may name."""
        self._write("reconciler.yaml", self._config(secrets))

    def _config(self, secrets: Mapping[str, Any]) -> dict[str, Any]:
        entry: dict[str, Any] = {"kind": self.variant.kind.name, "requests_per_minute": 600_000}
        if self.url is None:
            entry["embedded"] = self.database.name
        else:
            entry |= {"url": self.url + self.subject.base, "token": {"env": "REGISTRY_TOKEN"}}
        return {
            "apiVersion": "reconciler/v1",
            "kind": "Config",
            "default_registries": [REGISTRY],
            "registries": {REGISTRY: entry},
            "secrets": dict(secrets),
        }

    def _is_read(self, method: str, path: str) -> bool:
        if method == "GET" or (method, path) in self.subject.reads:
            return True
        return any(
            (one.method, self.subject.base + one.path) == (method, path)
            for one in self.subject.listings.values()
        )

    def close(self) -> None:
        self.door.app.state.store.close()

    def seed(self, contents: Mapping[str, Any]) -> None:
        if contents:
            seed(self.database, copy.deepcopy(dict(contents)))

    @property
    def table(self) -> Table:
        return self.variant.table

    @property
    def listing(self) -> Listing:
        return self.subject.listings[self.table.resource]

    @property
    def vendor(self) -> Vendor | None:
        return self.subject.vendors.get(self.table.resource)

    @property
    def read(self) -> str:
        """The request that a message about a read names."""
        return f"{self.listing.method} {self.url or 'http://embedded'}{self.subject.base}{self.listing.path}"

    # ---- manifests

    def minimal(self, given: Flat | None = None, **more: Any) -> dict[Path, Any]:
        return manifests.minimal(self.variant, self.facts, self._given(given), **more)

    def complete(self, **more: Any) -> dict[Path, Any]:
        return {**manifests.complete(self.variant, self.facts, **more), **self._given(None)}

    def _given(self, given: Flat | None) -> dict[Path, Any]:
        """With the name of what only the vendor makes."""
        vendor = self.vendor
        pin = {self.table.identity.pin: vendor.name} if self.table.vendors and vendor else {}
        return {**pin, **(given or {})}

    def two(self, path: Path) -> tuple[Any, Any]:
        return manifests.two(self.variant, self.facts, path)

    def write(self, *specs: Flat, names: tuple[str, ...] = (NAME,), currency: str = "USD") -> None:
        """Writes one manifest for each of ``specs``, and nothing else."""
        documents = [
            manifests.document(self.variant, spec, name=name, currency=currency)
            for spec, name in zip(specs, names, strict=True)
        ]
        # JSON is YAML, and simplejson writes every digit of a Decimal.
        texts = [simplejson.dumps(each, use_decimal=True, indent=1) for each in documents]
        (self.folder / "models" / "all.yaml").write_text("\n---\n".join(texts), encoding="utf-8")

    def _write(self, file: str, document: Mapping[str, Any]) -> None:
        (self.folder / file).write_text(simplejson.dumps(document, use_decimal=True), encoding="utf-8")

    # ---- steps

    def load(self) -> tuple[Project, dict[str, Any]]:
        project = load(self.folder / "reconciler.yaml")
        return project, connections(project, [REGISTRY])

    async def _plan(self, project: Project, reached: Mapping[str, Any]) -> tuple[Plan, Any]:
        observed = await observe(project, reached)
        plan = make_plan(
            project.config,
            project.desired,
            observed,
            selection=Selection(),
            acknowledged=AnyPrice.beyond(project.acknowledged),
        )
        return plan, observed[REGISTRY]

    def plan(self) -> Plan:
        return asyncio.run(self._plan(*self.load()))[0]

    def apply(self) -> Applied:
        project, reached = self.load()

        async def both() -> Applied:
            plan, found = await self._plan(project, reached)
            target = Target(
                kind_of(project.config, REGISTRY),
                reached[REGISTRY],
                found if isinstance(found, Observation) else None,
            )
            store = SecretStore(project.config.secret_rules(), os.environ)
            return Applied(plan, (await execute(plan, {REGISTRY: target}, store)).outcome)

        applied = asyncio.run(both())
        if len(applied.outcome.results) == 1:
            self._id = applied.result.id
        return applied

    def connection(self) -> Connection:
        connection = self.load()[1][REGISTRY]
        assert isinstance(connection, Connection), connection
        return connection

    def with_reader(self, use: Any) -> Any:
        """What ``use`` gives for the kind's reader."""
        connection = self.connection()

        async def scenario() -> Any:
            async with self.variant.kind.client().reader(connection) as reader:
                return await use(reader)

        return asyncio.run(scenario())

    def objects(self) -> list[LiveObject]:
        """Everything that the adapter reads."""
        observation: Observation = self.with_reader(lambda reader: reader.observe())
        return list(observation.objects)

    def only(self) -> LiveObject:
        """The object that the last run was about; before any, the vendor's."""
        wanted = self._id or (self.vendor.name if self.vendor else None)
        [live] = [
            live
            for live in self.objects()
            if live.resource == self.table.resource and wanted in (live.id, *live.names[: self._id is None])
        ]
        return live

    # ---- by hand

    def listed(self) -> list[dict[str, Any]]:
        """The list of the registry itself, past the door and the adapter."""

        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.door.app)
            base = f"http://registry{self.subject.base}"
            headers = {"authorization": f"Bearer {TOKEN}"}
            async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as client:
                return await client.request(self.listing.method, self.listing.path, json=self.listing.body)

        answer = asyncio.run(exchange())
        assert answer.status_code == 200, answer.text
        return self.listing.items(simplejson.loads(answer.text, use_decimal=True))

    def document(self, live: LiveObject) -> dict[str, Any]:
        """What the registry shows of an object, lists of objects as mappings."""
        [found] = [item for item in self.listed() if self.listing.identify(item) == live.id]
        return self.table.unwrapped(found)

    def edit_objects(self, edit: Callable[[dict[str, Any]], None]) -> None:
        """Puts every object of an answer through ``edit``, which changes it in place."""

        def on(body: Any) -> Any:
            try:
                found = self.listing.items(body)
            except (KeyError, TypeError):
                found = body
            for item in found if isinstance(found, list) else [body]:
                edit(item)
            return body

        self.door.edit_answers(on)

    def edit_list(self, edit: Callable[[list[dict[str, Any]]], None]) -> None:
        """Puts the list of objects of this table's resource through ``edit``, which changes it in place."""

        def on(body: Any) -> Any:
            edit(self.listing.items(body))
            return body

        self.door.edit_answers(on, path=self.subject.base + self.listing.path)

    # ---- what must be so

    def made(self, spec: Flat) -> LiveObject:
        """Creates what ``spec`` asks for, and takes no notice of how."""
        self.write(spec)
        self.assert_done(self.apply())
        self.door.forget()
        return self.only()

    def pinned(self, spec: Flat, live: LiveObject) -> dict[Path, Any]:
        """``spec`` so that it means ``live``, also where the server made its id."""
        if self.table.identity.client_chosen:
            return dict(spec)
        return {**spec, self.table.identity.pin: live.names[0]}

    def assert_done(self, applied: Applied) -> None:
        action, result = applied.action, applied.result
        assert not action.refusals, [refusal.message for refusal in action.refusals]
        assert result.status in ("done", "unchanged"), (result.status, result.reason, result.failure)

    def assert_settled(self) -> None:
        """A plan right after an apply has nothing to do."""
        for action in self.plan().actions():
            assert action.operation == "none", (action.changes, action.refusals)

    def assert_refused(self, *codes: str) -> list[Action]:
        """Every action is refused for one of ``codes``, and neither the plan nor the run writes anything."""
        self.door.forget()
        applied = self.apply()
        actions = applied.plan.actions()
        assert actions
        for action in actions:
            assert action.operation == "refused", (action.operation, action.changes)
            assert not action.requests
            assert {refusal.code for refusal in action.refusals} & set(codes), action.refusals
            assert all(refusal.message and refusal.fix is not None for refusal in action.refusals), (
                action.refusals
            )
        assert [result.status for result in applied.outcome.results] == ["refused"] * len(actions)
        assert self.door.writes == []
        return actions


def everything_of(applied: Applied) -> str:
    """All that a run shows of itself, as text and as JSON."""
    from reconciler.outcome import apply_exit_code
    from reconciler.report.documents import apply_document, plan_document, render
    from reconciler.report.text import outcome_text, plan_text

    plan, outcome = applied.plan, applied.outcome
    code = apply_exit_code(plan, outcome)
    parts = [
        render(plan_document(plan, code)),
        render(apply_document(plan, outcome, code)),
        plan_text(plan, verbose=True),
        outcome_text(plan, outcome, verbose=True),
        repr(dataclasses.asdict(plan)),
        repr(outcome),
    ]
    return "\n".join(parts)
