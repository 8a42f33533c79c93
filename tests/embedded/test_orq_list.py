from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from .client import Client, new_model, refusal


def test_a_new_registry_lists_the_vendors_models(registry: Client) -> None:
    models = {model["id"]: model for model in registry.models()}
    assert {"openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"} <= models.keys()
    assert {model["owner"] for model in models.values()} == {"system"}
    assert all(model["refId"] == f"{model['provider']}/{model['model_id']}" for model in models.values())


def test_the_id_of_a_built_in_model_is_taken(registry: Client) -> None:
    assert "already exists" in refusal(registry.post(new_model(id="openai/gpt-4o")))


def test_the_list_has_built_in_and_own_models_in_the_order_of_creation(registry: Client) -> None:
    for name in ("b", "a"):
        registry.create(id=name)
    assert [model["id"] for model in registry.models()][-2:] == ["b", "a"]


def test_a_registry_without_models_lists_an_empty_array(registry: Client, database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM orq_model")
    connection.close()
    assert registry.send("GET", "/v2/models").text == "[]"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v2/models/support"), ("DELETE", "/v2/models/support"), ("PUT", "/v2/models")],
)
def test_methods_that_are_not_served_are_405_as_json(registry: Client, method: str, path: str) -> None:
    assert refusal(registry.send(method, path), 405) == "Method Not Allowed"


@pytest.mark.parametrize("path", ["/", "/v2", "/v2/modelss", "/v3/models"])
def test_unknown_paths_are_404_as_json(registry: Client, path: str) -> None:
    assert refusal(registry.send("GET", path), 404) == "Not Found"


def test_models_are_listed_without_decoding_them(registry: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.create()

    def loads(_data: bytes) -> None:
        raise AssertionError("the list decodes a document")

    monkeypatch.setattr("reconciler.embedded.wire.loads", loads)
    assert [model["id"] for model in registry.send("GET", "/v2/models").json()][-1] == "support"
