"""Models behind an OpenAI-compatible endpoint, with probing switched off."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .client import DATA, Client, new_model, ok, refusal

KEYS = json.loads((DATA / "orq_response_keys.json").read_text())
PATH = "/v2/models/openai-like"
SECRET = "sk-planted-0123456789"


def body(**changes: Any) -> dict[str, Any]:
    """A create body with every required field and nothing else."""
    return {
        "api_key": SECRET,
        "base_url": "https://llm.example.com/v1",
        "display_name": "House Llama",
        "model_id": "llama-3.3-70b",
        "model_type": "chat",
        "region": "europe",
        **changes,
    }


EVERY_FIELD = body(
    cost_per_image=Decimal("0.04"),
    description="Runs in the cellar",
    has_reasoning=True,
    input_cost=Decimal("0.0002"),
    max_tokens=4096,
    output_cost=Decimal("0.0004"),
    supports_image_edit=True,
    supports_strict_tool=True,
    supports_tool_calling=True,
    supports_vision=True,
    temperature=Decimal("1.5"),
)


def patch_body(**changes: Any) -> dict[str, Any]:
    return {"display_name": "House Llama", "model_type": "chat", "region": "europe", **changes}


def create(registry: Client, **changes: Any) -> dict[str, Any]:
    return ok(registry.call("POST", PATH, body(**changes)))


def update(registry: Client, model: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return ok(registry.call("PATCH", f"{PATH}/{model['id']}", patch_body(**changes)))


def parameters(model: dict[str, Any]) -> dict[str, Any]:
    return {entry["parameter"]: entry["config"] for entry in model["parameters"]}


class TestCreate:
    def test_the_answer_is_the_document_that_the_list_then_shows(self, unprobed: Client) -> None:
        created = create(unprobed)
        assert created == unprobed.model(created["id"])

    def test_the_server_says_id_provider_owner_and_privacy(self, unprobed: Client) -> None:
        created = create(unprobed)
        assert str(uuid.UUID(created["id"])) == created["id"]
        assert created["provider"] == "openailike"
        assert created["owner"] == unprobed.create()["owner"]
        assert created["metadata"]["is_private"] is True
        assert created["refId"] == "embedded@openailike/llama-3.3-70b"

    def test_the_configuration_has_the_documented_shape_and_no_key(self, unprobed: Client) -> None:
        answer = unprobed.call("POST", PATH, body())
        assert ok(answer)["configuration"] == {
            "provider": "openailike",
            "base_url": "https://llm.example.com/v1",
            "is_openai_compatible": True,
            "api_key_env": None,
        }
        assert SECRET not in answer.text
        assert SECRET not in unprobed.send("GET", "/v2/models").text

    def test_a_document_has_every_key_of_the_reference_but_the_optional_two(self, unprobed: Client) -> None:
        created = ok(unprobed.call("POST", PATH, EVERY_FIELD))
        assert sorted({*created, "model_developer", "model_family"}) == KEYS["model"]

    def test_every_documented_field_is_read_back_in_its_place(self, unprobed: Client) -> None:
        created = ok(unprobed.call("POST", PATH, EVERY_FIELD))
        for key in ("description", "display_name", "input_cost", "model_id", "model_type", "output_cost"):
            assert created[key] == EVERY_FIELD[key], key
        assert created["has_functions"] is True
        assert created["metadata"] == {
            "is_private": True,
            "region": "europe",
            "cost_per_image": Decimal("0.04"),
            "million_tokens_input_cost": Decimal("0.2"),
            "million_tokens_output_cost": Decimal("0.4"),
            "supports_image_edit": True,
            "supports_reasoning": True,
            "supports_strict_tool": True,
            "supports_tool_calling": True,
            "supports_vision": True,
        }

    def test_limits_become_parameters_with_their_value_in_config_max(self, unprobed: Client) -> None:
        created = ok(unprobed.call("POST", PATH, EVERY_FIELD))
        found = parameters(created)
        assert list(found) == ["maxTokens", "temperature", "reasoning_effort"]
        assert found["maxTokens"]["max"] == 4096
        assert found["temperature"]["max"] == Decimal("1.5")

    def test_what_was_left_out_is_unset(self, unprobed: Client) -> None:
        created = create(unprobed)
        assert created["description"] is None
        assert (created["input_cost"], created["output_cost"]) == (0, 0)
        assert created["metadata"] == {"is_private": True, "region": "europe"}
        assert created["parameters"] == []
        assert created["has_functions"] is False

    def test_an_image_model_stores_no_cost_per_token(self, unprobed: Client) -> None:
        created = create(
            unprobed, model_type="image", input_cost=1, output_cost=2, cost_per_image=Decimal("0.04")
        )
        assert (created["input_cost"], created["output_cost"]) == (0, 0)
        assert created["metadata"]["cost_per_image"] == Decimal("0.04")
        assert "million_tokens_input_cost" not in created["metadata"]

    def test_the_same_body_twice_makes_two_models(self, unprobed: Client) -> None:
        first, second = create(unprobed), create(unprobed)
        assert first["id"] != second["id"]
        assert first["refId"] == second["refId"]
        assert len(unprobed.models()) == 3 + 2


REQUIRED = sorted(body())


@pytest.mark.parametrize("key", REQUIRED)
def test_a_create_without_a_required_field_names_it(unprobed: Client, key: str) -> None:
    sent = body()
    del sent[key]
    assert refusal(unprobed.call("POST", PATH, sent)) == f"{key}: required"


WRONG = [
    ({"id": "mine"}, "id: not a known field"),
    ({"provider": "openailike"}, "provider: not a known field"),
    ({"display_name": "x" * 129}, "display_name: longer than 128 characters (129)"),
    ({"model_type": "tts"}, "model_type: must be one of chat, completion, embedding, image"),
    ({"region": ""}, "region: empty, or holds characters that cannot be printed"),
    ({"api_key": ""}, "api_key: empty, or holds characters that cannot be printed"),
    ({"max_tokens": Decimal("1.5")}, "max_tokens: expected an integer, got a number"),
    ({"temperature": "1"}, "temperature: expected a number, got a string"),
    ({"has_reasoning": None}, "has_reasoning: expected a boolean, got null"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_a_wrong_value_is_refused_by_name(unprobed: Client, changes: dict[str, Any], message: str) -> None:
    assert refusal(unprobed.call("POST", PATH, body(**changes))) == message


@pytest.mark.parametrize(
    "url",
    [
        "llm.example.com",
        "ftp://llm.example.com",
        "https://",
        "https://user:pass@llm.example.com",
        "https://llm.example.com/v1?key=1",
        "https://llm.example.com/v1#x",
        "https://[::1",
        "https://llm.example.com:99999/v1",
        "https://llm.example.com/a b",
        "https://llm.example.com/\n",
    ],
)
def test_a_base_url_must_be_absolute_and_bare(unprobed: Client, url: str) -> None:
    assert refusal(unprobed.call("POST", PATH, body(base_url=url))).startswith(
        "base_url: must be an absolute"
    )


class TestUpdate:
    def test_the_metadata_is_merged(self, unprobed: Client) -> None:
        created = create(unprobed, supports_vision=True, supports_strict_tool=True)
        changed = update(unprobed, created, supports_vision=False, region="us")
        assert changed == unprobed.model(created["id"])
        assert changed["metadata"] == {"is_private": True, "region": "us", "supports_strict_tool": True}

    def test_it_changes_what_it_names_and_nothing_else(self, unprobed: Client) -> None:
        created = ok(unprobed.call("POST", PATH, EVERY_FIELD))
        changed = update(unprobed, created, input_cost=Decimal("0.001"))
        metadata = {**created["metadata"], "million_tokens_input_cost": 1}
        assert changed == {
            **created,
            "input_cost": Decimal("0.001"),
            "metadata": metadata,
            "updated": changed["updated"],
        }

    def test_tool_calling_is_mirrored_in_has_functions(self, unprobed: Client) -> None:
        created = create(unprobed, supports_tool_calling=True)
        changed = update(unprobed, created, supports_tool_calling=False)
        assert changed["has_functions"] is False
        assert "supports_tool_calling" not in changed["metadata"]

    def test_endpoint_and_model_change_in_place(self, unprobed: Client) -> None:
        created = create(unprobed)
        changed = update(unprobed, created, base_url="http://other.example.com/v1", model_id="llama-4")
        assert changed["id"] == created["id"]
        assert changed["configuration"] == {
            **created["configuration"],
            "base_url": "http://other.example.com/v1",
        }
        assert changed["refId"] == "embedded@openailike/llama-4"

    def test_an_empty_description_blanks_it_and_none_leaves_it(self, unprobed: Client) -> None:
        created = create(unprobed, description="Old")
        assert update(unprobed, created)["description"] == "Old"
        assert update(unprobed, created, description="")["description"] == ""

    def test_becoming_an_image_model_drops_the_costs(self, unprobed: Client) -> None:
        created = create(unprobed, input_cost=1)
        assert update(unprobed, created, model_type="image")["input_cost"] == 0

    @pytest.mark.parametrize(
        "clearing",
        [{}, {"max_tokens": 0, "temperature": 0, "has_reasoning": False}, {"has_reasoning": False}],
    )
    def test_limits_and_reasoning_cannot_be_cleared(self, unprobed: Client, clearing: dict[str, Any]) -> None:
        created = ok(unprobed.call("POST", PATH, EVERY_FIELD))
        changed = update(unprobed, created, **clearing)
        assert changed["parameters"] == created["parameters"]
        assert changed["metadata"]["supports_reasoning"] is True

    def test_a_body_with_one_limit_drops_the_others(self, unprobed: Client) -> None:
        created = ok(unprobed.call("POST", PATH, EVERY_FIELD))
        changed = update(unprobed, created, max_tokens=8192)
        assert list(parameters(changed)) == ["maxTokens"]
        assert parameters(changed)["maxTokens"]["max"] == 8192
        assert changed["parameters"][0]["id"] == created["parameters"][0]["id"]

    @pytest.mark.parametrize("key", ["display_name", "model_type", "region"])
    def test_three_fields_are_required(self, unprobed: Client, key: str) -> None:
        sent = patch_body()
        del sent[key]
        path = f"{PATH}/{create(unprobed)['id']}"
        assert refusal(unprobed.call("PATCH", path, sent)) == f"{key}: required"

    def test_the_key_cannot_be_changed(self, unprobed: Client) -> None:
        path = f"{PATH}/{create(unprobed)['id']}"
        message = refusal(unprobed.call("PATCH", path, patch_body(api_key="new")))
        assert message == "api_key: not a known field"

    @pytest.mark.parametrize("identity", ["nobody", "openai/gpt-4o"])
    def test_an_unknown_or_built_in_model_is_404(self, unprobed: Client, identity: str) -> None:
        refusal(unprobed.call("PATCH", f"{PATH}/{identity}", patch_body()), 404)


def test_each_kind_of_model_has_its_own_update(unprobed: Client) -> None:
    like, generic = create(unprobed), unprobed.create()
    assert "PATCH /v2/models/openai-like" in refusal(unprobed.patch(like["id"], {"display_name": "x"}))
    message = refusal(unprobed.call("PATCH", f"{PATH}/{generic['id']}", patch_body()))
    assert message == "Not an openai-like model: use PATCH /v2/models/{id}"
    assert unprobed.model(like["id"]) == like


def test_no_file_holds_the_text_of_a_key(unprobed: Client, database: Path) -> None:
    update(unprobed, create(unprobed))
    assert all(SECRET.encode() not in file.read_bytes() for file in database.parent.iterdir())


def test_models_outlive_the_process(unprobed: Client, open_registry: Callable[..., Client]) -> None:
    created = create(unprobed)
    assert open_registry().model(created["id"]) == created


def test_a_generic_model_of_this_provider_counts_as_one(unprobed: Client) -> None:
    unprobed.post(new_model(provider="openailike"))
    assert "openai-like" in refusal(unprobed.patch("support", {"display_name": "x"}))
