from __future__ import annotations

import time
from decimal import Decimal

import pytest

from .client import Client, ok, refusal, slider


def test_an_update_changes_what_it_names_and_nothing_else(registry: Client) -> None:
    before = registry.create(parameters=[slider()])
    time.sleep(0.002)
    changes = {"display_name": "Help", "has_functions": True, "model_type": "completion"}
    after = ok(registry.patch("support", changes))
    assert after == registry.model("support")
    assert after == {**before, **changes, "updated": after["updated"]}
    assert after["updated"] > before["updated"]


def test_metadata_is_replaced_whole(registry: Client) -> None:
    registry.create(metadata={"is_private": True, "region": "eu", "supports_vision": True})
    after = ok(registry.patch("support", {"metadata": {"is_private": True, "context_window": 8}}))
    assert after["metadata"] == {
        "is_private": True,
        "context_window": 8,
        "million_tokens_input_cost": Decimal("0.15"),
        "million_tokens_output_cost": Decimal("0.6"),
    }


def test_a_new_cost_derives_the_price_per_million_anew(registry: Client) -> None:
    registry.create(metadata={"is_private": True, "region": "eu"})
    after = ok(registry.patch("support", {"input_cost": Decimal("0.0003"), "output_cost": 0}))
    assert after["metadata"] == {
        "is_private": True,
        "region": "eu",
        "million_tokens_input_cost": Decimal("0.3"),
    }
    assert after["output_cost"] == 0


def test_a_stale_price_per_million_in_new_metadata_is_overruled(registry: Client) -> None:
    registry.create()
    body = {"metadata": {"is_private": True, "million_tokens_input_cost": 77}}
    assert ok(registry.patch("support", body))["metadata"]["million_tokens_input_cost"] == Decimal("0.15")


def test_what_was_read_can_be_sent_back(registry: Client) -> None:
    before = registry.model(registry.create(id="a", parameters=[slider(hints="h", position=3)])["id"])
    parameters = [
        {key: value for key, value in item.items() if key != "is_active" and value is not None}
        for item in before["parameters"]
    ]
    after = ok(registry.patch("a", {"metadata": before["metadata"], "parameters": parameters}))
    assert after == {**before, "updated": after["updated"]}


class TestParameters:
    @pytest.fixture
    def ids(self, registry: Client) -> list[str]:
        created = registry.create(parameters=[slider(), slider(parameter="top_p", description="old")])
        return [item["id"] for item in created["parameters"]]

    def test_they_are_replaced_whole_and_keep_their_ids(self, registry: Client, ids: list[str]) -> None:
        after = ok(registry.patch("support", {"parameters": [slider(id=ids[1], parameter="top_p")]}))
        assert after["parameters"] == [
            {**slider(parameter="top_p"), "description": None, "id": ids[1], "is_active": True}
        ]

    def test_an_empty_list_removes_them_all(self, registry: Client, ids: list[str]) -> None:
        assert ok(registry.patch("support", {"parameters": []}))["parameters"] == []

    def test_a_new_one_is_refused(self, registry: Client, ids: list[str]) -> None:
        assert refusal(registry.patch("support", {"parameters": [slider()]})) == "parameters[0].id: required"

    def test_an_unknown_id_is_refused(self, registry: Client, ids: list[str]) -> None:
        body = {"parameters": [slider(id=ids[0]), slider(id="unknown")]}
        assert refusal(registry.patch("support", body)).startswith("parameters[1].id: not a parameter")

    def test_an_id_named_twice_is_refused(self, registry: Client, ids: list[str]) -> None:
        body = {"parameters": [slider(id=ids[0]), slider(id=ids[0])]}
        assert refusal(registry.patch("support", body)).startswith("parameters[1].id: not a parameter")

    @pytest.mark.parametrize("key", ["config", "name", "parameter", "parameter_type"])
    def test_each_must_be_whole(self, registry: Client, ids: list[str], key: str) -> None:
        item = slider(id=ids[0])
        del item[key]
        message = refusal(registry.patch("support", {"parameters": [item]}))
        assert message == f"parameters[0].{key}: required"

    @pytest.mark.parametrize("wrong", [{"is_active": False}, {"description": None}])
    def test_what_only_the_server_writes_is_refused(
        self, registry: Client, ids: list[str], wrong: dict[str, object]
    ) -> None:
        message = refusal(registry.patch("support", {"parameters": [slider(id=ids[0], **wrong)]}))
        assert message.startswith(f"parameters[0].{next(iter(wrong))}: ")

    def test_null_is_refused(self, registry: Client, ids: list[str]) -> None:
        refusal(registry.patch("support", {"parameters": None}))

    def test_a_refused_update_changes_nothing(self, registry: Client, ids: list[str]) -> None:
        before = registry.model("support")
        refusal(registry.patch("support", {"display_name": "x", "parameters": [slider(id="unknown")]}))
        assert registry.model("support") == before


@pytest.mark.parametrize("identity", ["team/eu/mini", "a b", "50%", "%2F", "a?b#c", "é/ß", "a//b"])
def test_an_id_may_hold_anything_that_a_path_can_carry_encoded(registry: Client, identity: str) -> None:
    registry.create(id=identity)
    assert ok(registry.patch(identity, {"display_name": "Found"}))["id"] == identity


NOT_FOUND = "Model not found or not accessible in this workspace"


@pytest.mark.parametrize("identity", ["nobody", "openai/gpt-4o", ""])
def test_an_unknown_or_built_in_model_is_404(registry: Client, identity: str) -> None:
    assert refusal(registry.patch(identity, {"display_name": "Mine now"}), 404) == NOT_FOUND
    assert "Mine now" not in registry.send("GET", "/v2/models").text
