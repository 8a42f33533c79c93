"""Switching models on and off, the vendor's own included."""

from __future__ import annotations

import pytest

from .client import Client, refusal

PATH = "/v2/workspace-models"


def disable(registry: Client, identity: str) -> int:
    return registry.send("DELETE", f"{PATH}/{identity}").status_code


def enable(registry: Client, identity: str) -> int:
    return registry.call("POST", PATH, {"model_id": identity}).status_code


@pytest.mark.parametrize("identity", ["support", "openai/gpt-4o", "openai%2Fgpt-4o"])
def test_the_list_shows_what_is_enabled(registry: Client, identity: str) -> None:
    registry.create()
    plain = identity.replace("%2F", "/")
    before = registry.model(plain)
    assert disable(registry, identity) == 204
    assert registry.model(plain) == {**before, "enabled": False}
    assert enable(registry, plain) == 204
    assert registry.model(plain) == before


def test_the_answers_are_empty(registry: Client) -> None:
    assert registry.send("DELETE", f"{PATH}/openai/gpt-4o").content == b""
    assert registry.call("POST", PATH, {"model_id": "openai/gpt-4o"}).content == b""


def test_doing_either_twice_is_fine(registry: Client) -> None:
    assert [enable(registry, "openai/gpt-4o") for _ in range(2)] == [204, 204]
    assert [disable(registry, "openai/gpt-4o") for _ in range(2)] == [204, 204]
    assert registry.model("openai/gpt-4o")["enabled"] is False


def test_the_vendors_models_are_switched_but_never_changed(registry: Client) -> None:
    before = registry.model("openai/gpt-4o")
    assert before["owner"] == "system"
    assert disable(registry, "openai/gpt-4o") == 204
    refusal(registry.patch("openai/gpt-4o", {"display_name": "Mine"}), 404)
    assert registry.model("openai/gpt-4o") == {**before, "enabled": False}


def test_an_unknown_model_is_404(registry: Client) -> None:
    assert refusal(registry.call("POST", PATH, {"model_id": "nobody"}), 404) == "Model not found"
    refusal(registry.send("DELETE", f"{PATH}/nobody"), 404)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "model_id: required"),
        ({"model_id": 1}, "model_id: expected a string, got a number"),
        ({"model_id": "a", "enabled": True}, "enabled: not a known field"),
    ],
)
def test_a_wrong_body_is_refused(registry: Client, body: object, message: str) -> None:
    assert refusal(registry.call("POST", PATH, body)) == message


def test_an_update_leaves_it_as_it_is(registry: Client) -> None:
    registry.create()
    disable(registry, "support")
    registry.patch("support", {"display_name": "New"})
    assert registry.model("support")["enabled"] is False
