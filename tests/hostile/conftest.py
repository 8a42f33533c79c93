from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tenacity import wait_none
from cli.conftest import Run, cli, folder
from cli.folder import Folder

from reconciler.http import Settings
from reconciler.registries import talk
from reconciler.registries.interface import Connection

from .server import Act, HostileServer

__all__ = ["cli", "folder"]

TOKEN = "tok-5eAq0XvR9zLw2Km7"
TIMEOUT = 0.4
LIMIT = 256 * 1024


@dataclass(frozen=True)
class Kind:
    """Where a kind lists and creates models, what an empty registry answers, and one manifest."""

    name: str
    lists: tuple[str, str]
    creates: tuple[str, str]
    honest: dict[tuple[str, str], Any]
    manifest: str
    model: dict[str, Any]
    """One of its models, as it lists it."""
    wrap: Any = field(default=lambda items: items)


_HEAD = "apiVersion: reconciler/v1\nkind: Model\nmetadata: {name: house}\nspec:\n"

ORQ = Kind(
    "orq",
    ("GET", "/v2/models"),
    ("POST", "/v2/models"),
    {
        ("GET", "/v2/models"): [],
        ("GET", "/v2/deployments"): {"object": "list", "data": [], "has_more": False},
    },
    _HEAD + "  type: chat\n  developer: OpenAI\n  family: gpt-4o\n  provider: openai\n  model: gpt-4o\n"
    "  display_name: House\n"
    "  pricing: {unit: 1M tokens, currency: USD, input: 0.15, output: 0.60}\n",
    {
        "id": "house",
        "provider": "openai",
        "owner": "b1a7c0de-0000-4000-8000-000000000000",
        "display_name": "Live",
        "model_type": "chat",
        "metadata": {},
        "configuration": {},
        "parameters": [],
    },
)
RESPAN = Kind(
    "respan",
    ("POST", "/api/models/list/"),
    ("POST", "/api/models/"),
    {
        ("POST", "/api/models/list/"): {
            "results": [{"model_name": "gpt-4o", "affiliation_category": "standard"}],
            "next": None,
        },
        ("GET", "/api/providers/"): {"results": [], "next": None},
    },
    _HEAD + "  display_name: House\n  native: {respan: {base_model_name: gpt-4o}}\n",
    {"model_name": "house", "affiliation_category": "custom", "display_name": "Live"},
    lambda items: {"results": items, "next": None},
)
WATSONX = Kind(
    "watsonx",
    ("GET", "/models"),
    ("POST", "/models"),
    {("GET", "/models"): []},
    _HEAD + "  provider: ollama\n  model: llama3\n  display_name: House\n"
    "  endpoint: {base_url: https://llm.example.com}\n",
    {
        "id": "0b1a7c0d-0000-4000-8000-000000000000",
        "name": "virtual-model/ollama/llama3",
        "display_name": "Live",
    },
)
KINDS = {kind.name: kind for kind in (ORQ, RESPAN, WATSONX)}


class House:
    """A folder with one manifest, and a registry of one kind that a test makes hostile."""

    def __init__(self, kind: Kind, folder: Folder, cli: Run, server: HostileServer) -> None:
        self.kind = kind
        self.folder = folder
        self.cli = cli
        self.server = server

    def lists(self, act: Act) -> None:
        self.server.acts[self.kind.lists] = act

    def creates(self, act: Act) -> None:
        self.server.acts[self.kind.creates] = act


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def house(kind: Kind, folder: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("TOKEN", TOKEN)
    monkeypatch.setattr("reconciler.http.transport._AFTER_LIMIT", wait_none())

    def small(connection: Connection) -> Settings:
        return Settings(
            connection.requests_per_minute, read_attempts=2, timeout=TIMEOUT, max_answer_bytes=LIMIT
        )

    monkeypatch.setattr(talk, "_settings", small)
    with HostileServer(kind.honest) as server:
        folder.config(
            "default_registries: [one]\nregistries:\n"
            f'  one: {{kind: {kind.name}, url: "{server.url}", token: {{env: TOKEN}}, requests_per_minute: 600000}}\n'
        )
        folder.models(kind.manifest)
        yield House(kind, folder, cli, server)
