"""What clients cannot create is put in by a function."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconciler.embedded import Options
from reconciler.embedded.seed import seed

from .client import Client, ok
from .test_orq_openai_like import PATH, patch_body

SECRET = "sk-planted-0123456789"

CONTENTS: dict[str, Any] = {
    "orq": {
        "vendor_models": [{"id": "openai/gpt-5", "provider": "openai", "input_cost": 0.00125}],
        "models": [{"id": "support", "enabled": False, "configuration": {"api_key": SECRET}}],
        "openai_like": [{"model_id": "llama", "base_url": "https://llm.example.com/v1", "api_key": SECRET}],
        "deployments": [{"key": "answers", "model": "openai/gpt-5", "provider": "openai"}],
    },
    "respan": {
        "providers": [
            {"provider_id": "acme", "provider_name": "Acme", "extra_kwargs": {"api_key": SECRET}},
            {"provider_id": "groq", "provider_name": "Groq", "is_managed": True},
        ],
        "vendor_models": [{"model_name": "gpt-5", "provider_id": "openai", "input_cost": 1.25}],
        "models": [{"model_name": "support", "base_model_name": "gpt-5"}],
    },
    "watsonx": {
        "vendor_models": [{"name": "groq/openai/gpt-oss-20b", "tags": ["default"]}],
        "models": [
            {"name": "virtual-model/openai/gpt-4o", "provider_config": {"api_key": SECRET}},
            {"name": "virtual-model/openai/gpt-4o", "connection_id": "c1"},
        ],
    },
}


def everything(registry: Client) -> dict[str, Any]:
    paths = [
        "/v2/models",
        "/v2/deployments",
        "/api/models/?all=true",
        "/api/providers/",
        "/api/v1/models/list",
    ]
    return {path: registry.send("GET", path).json() for path in paths}


def test_what_was_put_in_is_listed(registry: Client, database: Path) -> None:
    seed(database, CONTENTS)
    models = {model["id"]: model for model in registry.models()}
    assert models["openai/gpt-5"]["owner"] == "system"
    assert models["openai/gpt-5"]["input_cost"] == Decimal("0.00125")
    assert models["openai/gpt-5"]["model_id"] == "gpt-5"
    assert models["support"]["enabled"] is False
    assert [model["model_id"] for model in models.values() if model["provider"] == "openailike"] == ["llama"]
    found = everything(registry)
    assert [item["key"] for item in found["/v2/deployments"]["data"]] == ["answers"]
    respan = {model["model_name"]: model for model in found["/api/models/?all=true"]}
    assert respan["support"]["input_cost"] == 1.25
    assert respan["gpt-5"]["affiliation_category"] != "custom"
    watsonx = [model["name"] for model in found["/api/v1/models/list"]["resources"]]
    assert watsonx.count("virtual-model/openai/gpt-4o") == 2
    assert "groq/openai/gpt-oss-20b" in watsonx


def test_putting_the_same_in_twice_leaves_the_same(registry: Client, database: Path) -> None:
    seed(database, CONTENTS)
    before = identities(everything(registry))
    seed(database, CONTENTS)
    assert identities(everything(registry)) == before


def identities(found: dict[str, Any]) -> dict[str, list[str]]:
    rows = {
        path: body if isinstance(body, list) else body.get("data") or body.get("results") or body["resources"]
        for path, body in found.items()
    }
    return {path: sorted(row["id"] for row in body) for path, body in rows.items()}


def test_the_contents_are_not_changed_and_their_secrets_are_sealed(database: Path) -> None:
    before = copy.deepcopy(CONTENTS)
    seed(database, CONTENTS)
    assert before == CONTENTS
    assert all(SECRET.encode() not in file.read_bytes() for file in database.parent.iterdir())


def test_a_seeded_model_can_be_updated_by_its_client(
    open_registry: Callable[..., Client], database: Path
) -> None:
    seed(database, CONTENTS)
    registry = open_registry(options=Options(probe=False))
    (like,) = [model for model in registry.models() if model["provider"] == "openailike"]
    assert ok(registry.call("PATCH", f"{PATH}/{like['id']}", patch_body(display_name="New")))
    assert ok(registry.patch("support", {"display_name": "New"}))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"azure": {}}, "the contents: 'azure' is not one of orq, respan, watsonx"),
        ({"orq": []}, "orq: expected an object"),
        (
            {"orq": {"model": []}},
            "orq: 'model' is not one of vendor_models, models, openai_like, deployments",
        ),
        ({"orq": {"models": [1]}}, "orq.models: expected a list of objects"),
        ({"orq": {"models": [{}]}}, "orq.models[0]: id: required"),
        ({"orq": {"models": [{"id": "a"}, {"id": "b", "x": 1}]}}, "orq.models[1]: x: not a known field"),
        ({"orq": {"openai_like": [{"model_id": "m"}]}}, "orq.openai_like[0]: base_url: required"),
        ({"orq": {"deployments": [{"key": "k"}]}}, "orq.deployments[0]: model: required"),
        ({"respan": {"models": [{"model_name": "m", "provider_id": "nobody"}]}}, "Provider not found"),
        ({"respan": {"models": [{"model_name": "m", "base_model_name": "x"}]}}, "Base model not found"),
        (
            {"watsonx": {"models": [{"name": "m", "id": "i", "x": 1}]}},
            "watsonx.models[0]: x: not a known field",
        ),
    ],
)
def test_contents_that_are_wrong_are_named_and_nothing_is_put_in(
    registry: Client, database: Path, contents: dict[str, Any], message: str
) -> None:
    before = everything(registry)
    with pytest.raises(ValueError) as caught:
        seed(database, contents)
    assert message in str(caught.value)
    assert everything(registry) == before
