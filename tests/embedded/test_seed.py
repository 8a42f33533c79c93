"""What clients cannot create is put in by a function."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconciler.embedded import Options
from reconciler.embedded.seed import SeedError, seed
from reconciler.errors import StorageError

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


def test_what_was_put_in_is_counted(database: Path) -> None:
    assert seed(
        database, {**CONTENTS, "orq": {"deployments": CONTENTS["orq"]["deployments"], "models": []}}
    ) == {
        "orq": {"deployments": 1},
        "respan": {"providers": 2, "vendor_models": 1, "models": 1},
        "watsonx": {"vendor_models": 1, "models": 2},
    }
    assert seed(database, {}) == {}


def test_putting_the_same_in_twice_leaves_the_same(registry: Client, database: Path) -> None:
    seed(database, CONTENTS)
    before = identities(everything(registry))
    seed(database, CONTENTS)
    assert identities(everything(registry)) == before


def test_entries_may_move_in_their_list(registry: Client, database: Path) -> None:
    likes = [{"model_id": name, "base_url": "https://llm.example.com/v1"} for name in ("a", "b", "a")]
    keys = [{"key": name, "model": "gpt-4o", "provider": "openai"} for name in ("x", "y")]
    twins = [{"name": name} for name in ("one", "two", "one")]
    contents = {"orq": {"openai_like": likes, "deployments": keys}, "watsonx": {"models": twins}}
    seed(database, contents)
    before = identities(everything(registry))
    backwards = {"openai_like": likes[::-1], "deployments": keys[::-1]}
    seed(database, {"orq": backwards, "watsonx": {"models": twins[::-1]}})
    assert identities(everything(registry)) == before


def test_an_id_of_its_own_is_kept(registry: Client, database: Path) -> None:
    like = {"id": "like", "model_id": "llama", "base_url": "https://llm.example.com/v1"}
    seed(database, {"orq": {"openai_like": [like]}})
    assert registry.model("like")["refId"] == "embedded@openailike/llama"


def test_decimals_are_kept_digit_for_digit(registry: Client, database: Path) -> None:
    price = Decimal("0.000123456789012345")
    seed(database, {"orq": {"vendor_models": [{"id": "openai/x", "input_cost": price}]}})
    found = registry.model("openai/x")
    assert found["input_cost"] == price
    assert found["metadata"]["million_tokens_input_cost"] == price * 1000
    assert "is_private" not in found["metadata"]
    assert found["refId"] == "openai/x"


def test_a_database_whose_key_is_gone_is_a_storage_error(database: Path) -> None:
    seed(database, CONTENTS)
    database.with_name("registry.db.key").unlink()
    with pytest.raises(StorageError):
        seed(database, {"orq": {"models": [{"id": "new"}]}})


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
        ({"orq": {"models": {}}}, "orq.models: expected a list of objects"),
        ({"orq": {"models": [1]}}, "orq.models[0]: expected an object"),
        ({"orq": {"models": [{"id": "a", "enabled": "no"}]}}, "orq.models[0]: enabled: expected a boolean"),
        ({"orq": {"models": [{"id": "a"}, {"id": "a"}]}}, "orq.models[1]: id: an earlier entry"),
        ({"orq": {"deployments": [{"id": 5}]}}, "orq.deployments[0]: id: expected a string, got a number"),
        (
            {"respan": {"providers": [{"provider_id": "a", "is_managed": 1}]}},
            "respan.providers[0]: is_managed: expected a boolean, got a number",
        ),
        ({"orq": {"models": [{"id": {1, 2}}]}}, "the contents: holds what JSON has no place for"),
        (
            {"orq": {"models": [{"input_cost": float("nan")}]}},
            "the contents: holds what JSON has no place for",
        ),
        ({"orq": {"models": [{"id": "\ud800"}]}}, "the contents: as JSON, it holds half of a surrogate pair"),
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
    with pytest.raises(SeedError) as caught:
        seed(database, contents)
    assert message in str(caught.value)
    assert everything(registry) == before


def test_every_mistake_is_named_but_not_what_follows_from_another(database: Path) -> None:
    contents = {
        "orq": {"models": [{"id": "a", "metadata": {"is_private": 1}}, {"x": 1, "id": "b"}]},
        "respan": {
            "vendor_models": [{"model_name": ""}],
            "models": [{"model_name": "m", "base_model_name": "x"}],
        },
        "watsonx": {"vendor_models": [{}]},
    }
    with pytest.raises(SeedError) as caught:
        seed(database, contents)
    assert [(mistake.path, mistake.kind) for mistake in caught.value.mistakes] == [
        (("orq", "models", 0, "metadata", "is_private"), "type_error"),
        (("orq", "models", 1, "x"), "extra_forbidden"),
        (("respan", "vendor_models", 0, "model_name"), "value_error"),
        (("watsonx", "vendor_models", 0, "name"), "missing"),
    ]
    assert str(caught.value).startswith("orq.models[0]: metadata.is_private: expected a boolean")
