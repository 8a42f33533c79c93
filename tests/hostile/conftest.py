"""One folder with a registry of each kind, all of them on hostile servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from cli.conftest import Run, cli, folder
from cli.folder import Folder, Result
from tenacity import wait_none

from reconciler.http import Settings
from reconciler.registries import talk
from reconciler.registries.interface import Connection

from .server import Act, HostileServer, says

__all__ = ["cli", "folder"]

TOKEN = "tok-5eAq0XvR9zLw2Km7"
LIMIT = 256 * 1024
"""Bytes of an answer."""


@dataclass(frozen=True)
class Kind:
    """Where a kind lists and creates models, what an empty registry answers, and a manifest of one."""

    name: str
    lists: tuple[str, str]
    creates: tuple[str, str]
    honest: Mapping[tuple[str, str], Any]
    spec: str
    model: Mapping[str, Any]
    """One model of the team's, as it is listed."""
    key: str
    """The field that calls name a model by."""
    wrap: Callable[[Sequence[Any]], Any] = list
    """A list of models as it is answered."""

    def manifest(self, spec: str = "") -> str:
        head = f"apiVersion: reconciler/v1\nkind: Model\nmetadata: {{name: house-{self.name}}}\n"
        return f"{head}spec:\n  registries: [{self.name}]\n{spec or self.spec}"


def _pages(items: Sequence[Any]) -> Any:
    return {"results": list(items), "next": None}


_BASE = {"model_name": "gpt-4o", "affiliation_category": "standard"}

KINDS = (
    Kind(
        "orq",
        ("GET", "/v2/models"),
        ("POST", "/v2/models"),
        {("GET", "/v2/models"): [], ("GET", "/v2/deployments"): {"data": [], "has_more": False}},
        "  type: chat\n  developer: OpenAI\n  family: gpt-4o\n  provider: openai\n  model: gpt-4o\n"
        "  display_name: House\n"
        "  pricing: {unit: 1M tokens, currency: USD, input: 0.15, output: 0.60}\n",
        {"id": "live", "provider": "openai", "owner": "b1a7c0de", "model_type": "chat", "metadata": {}},
        "id",
    ),
    Kind(
        "respan",
        ("POST", "/api/models/list/"),
        ("POST", "/api/models/"),
        {("POST", "/api/models/list/"): _pages([_BASE]), ("GET", "/api/providers/"): _pages([])},
        "  display_name: House\n  native: {respan: {base_model_name: gpt-4o}}\n",
        {"model_name": "live", "affiliation_category": "custom", "base_model_name": "gpt-4o"},
        "model_name",
        lambda items: _pages([_BASE, *items]),
    ),
    Kind(
        "watsonx",
        ("GET", "/models"),
        ("POST", "/models"),
        {("GET", "/models"): []},
        "  provider: ollama\n  model: llama3\n  display_name: House\n"
        "  endpoint: {base_url: https://a.example}\n",
        {"id": "0b1a7c0d", "name": "virtual-model/ollama/live", "provider_config": {}, "config": {}},
        "id",
    ),
)


class House:
    """The command line in front of three registries, which are honest and empty until a test says else.

    ``timeout`` is of an exchange, in seconds; ``attempts`` are the tries of a read.
    """

    timeout = 30.0
    attempts = 2

    def __init__(self, folder: Folder, cli: Run, servers: Mapping[str, HostileServer]) -> None:
        self.folder = folder
        self._cli = cli
        self.servers = servers
        self.configure()
        self.folder.models(*(kind.manifest() for kind in KINDS))

    def configure(self, top: str = "", **urls: str) -> None:
        entries = "".join(
            f"  {kind.name}: {{kind: {kind.name}, url: '{urls.get(kind.name, self.servers[kind.name].url)}', "
            "token: {env: TOKEN}, requests_per_minute: 600000}\n"
            for kind in KINDS
        )
        self.folder.config(f"{top}registries:\n{entries}")

    def lists(self, act: Act) -> None:
        for kind in KINDS:
            self.servers[kind.name].acts = {kind.lists: act}

    def holds(self, *models: Callable[[Kind], Mapping[str, Any]]) -> None:
        """Lists these models."""
        for kind in KINDS:
            listed = says(kind.wrap([model(kind) for model in models]))
            self.servers[kind.name].acts = {kind.lists: listed}

    def creates(self, act: Act) -> None:
        for kind in KINDS:
            self.servers[kind.name].acts = {kind.creates: act}

    def run(self, *arguments: str) -> Result:
        """Runs a command; whatever it says is fit for a terminal, no bug, and without the token."""
        result = self._cli(*arguments)
        for text in (result.out, result.err):
            assert "bug in reconciler" not in text
            assert "Traceback" not in text
            assert TOKEN not in text
            assert [c for c in text if not c.isprintable() and c != "\n"] == []
        return result


@pytest.fixture
def house(folder: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("TOKEN", TOKEN)
    monkeypatch.setattr("reconciler.http.repeating._AFTER_LIMIT", wait_none())
    with ExitStack() as stack:
        servers = {kind.name: stack.enter_context(HostileServer(kind.honest)) for kind in KINDS}
        house = House(folder, cli, servers)

        def small(connection: Connection) -> Settings:
            per_minute = connection.requests_per_minute
            return Settings(
                per_minute, read_attempts=house.attempts, timeout=house.timeout, max_answer_bytes=LIMIT
            )

        monkeypatch.setattr(talk, "_settings", small)
        yield house
