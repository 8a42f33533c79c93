"""What the create and update routes refuse, and that they say which field it was."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .client import JSON_HEADERS, Client, encode, new_model, ok, refusal, slider

REQUIRED = sorted(new_model())


@pytest.mark.parametrize("key", REQUIRED)
def test_a_create_without_a_required_field_names_it(registry: Client, key: str) -> None:
    body = new_model()
    del body[key]
    assert refusal(registry.post(body)) == f"{key}: required"


@pytest.mark.parametrize("key", sorted({*REQUIRED} - {"parameters"}))
def test_null_is_no_value_for_a_required_field(registry: Client, key: str) -> None:
    assert refusal(registry.post(new_model(**{key: None}))).startswith(f"{key}: expected ")


WRONG_VALUES = [
    ({"description": "no such field"}, "description: not a known field"),
    ({"api_key": "hush"}, "api_key: not a known field"),
    ({"x" * 5000: 1}, f"{'x' * 80}…: not a known field"),
    ({"display_name": "x" * 129}, "display_name: longer than 128 characters (129)"),
    ({"model_id": "x" * 257}, "model_id: longer than 256 characters (257)"),
    ({"id": ""}, "id: empty, or holds characters that cannot be printed"),
    ({"id": "a\nb"}, "id: empty, or holds characters that cannot be printed"),
    ({"has_functions": 1}, "has_functions: expected a boolean, got a number"),
    ({"input_cost": True}, "input_cost: expected a number, got a boolean"),
    ({"input_cost": "0.1"}, "input_cost: expected a number, got a string"),
    ({"output_cost": Decimal("-0.1")}, "output_cost: must not be negative"),
    ({"configuration": []}, "configuration: expected an object, got an array"),
    ({"parameters": {}}, "parameters: expected an array, got an object"),
    ({"parameters": [7]}, "parameters[0]: expected an object, got a number"),
    ({"parameters": [slider(), slider(name=None)]}, "parameters[1].name: expected a string, got null"),
    ({"parameters": [slider(id="x")]}, "parameters[0].id: not a known field"),
    ({"parameters": [slider(is_active=True)]}, "parameters[0].is_active: not a known field"),
    ({"parameters": [slider(config="x")]}, "parameters[0].config: expected an object, got a string"),
    (
        {"parameters": [slider(position=Decimal("1.5"))]},
        "parameters[0].position: expected an integer, got a number",
    ),
    ({"parameters": [slider(position=2**63)]}, "parameters[0].position: does not fit in 64 bits"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG_VALUES)
def test_a_wrong_value_is_refused_by_name(registry: Client, changes: dict[str, Any], message: str) -> None:
    assert refusal(registry.post(new_model(**changes))) == message
    assert all(model["owner"] == "system" for model in registry.models())


PRICE = {"cost": 1, "currency": "USD", "per": 1000, "unit": "tokens"}
WRONG_METADATA = [
    ({"supports_telepathy": True}, "supports_telepathy: not a known field"),
    ({"supports_vision": "yes"}, "supports_vision: expected a boolean, got a string"),
    ({"is_private": 1}, "is_private: expected a boolean, got a number"),
    ({"context_window": Decimal("1.0")}, "context_window: expected an integer, got a number"),
    ({"context_window": True}, "context_window: expected an integer, got a boolean"),
    ({"context_window": -1}, "context_window: must not be negative"),
    ({"cost_per_image": "1"}, "cost_per_image: expected a number, got a string"),
    ({"region": None}, "region: expected a string, got null"),
    ({"supported_video_sizes": ["a", 1]}, "supported_video_sizes[1]: expected a string, got a number"),
    ({"supported_video_durations": "8"}, "supported_video_durations: expected an array, got a string"),
    ({"autorouter": {"speed": "x"}}, "autorouter.speed: not a known field"),
    ({"autorouter": {"id": 1}}, "autorouter.id: expected a string, got a number"),
    ({"pricing": {"audio": PRICE}}, "pricing.audio: not a known field"),
    ({"pricing": {"input": {"cost": 1}}}, "pricing.input.currency: required"),
    ({"pricing": {"input": {**PRICE, "tax": 1}}}, "pricing.input.tax: not a known field"),
    ({"pricing": {"variants": [{"input": PRICE}]}}, "pricing.variants[0].when: required"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG_METADATA)
def test_wrong_metadata_is_refused_by_path_in_both_calls(
    registry: Client, changes: dict[str, Any], message: str
) -> None:
    metadata = {"is_private": True, **changes}
    assert refusal(registry.post(new_model(metadata=metadata))) == f"metadata.{message}"
    registry.create()
    assert refusal(registry.patch("support", {"metadata": metadata})) == f"metadata.{message}"


def test_metadata_without_is_private_is_refused_in_both_calls(registry: Client) -> None:
    message = "metadata.is_private: required"
    assert refusal(registry.post(new_model(metadata={}))) == message
    registry.create()
    assert refusal(registry.patch("support", {"metadata": {}})) == message


FIXED = ["id", "provider", "model_developer", "model_family", "model_id", "configuration", "description"]


@pytest.mark.parametrize("key", [*FIXED, "enabled", "refId"])
def test_an_update_refuses_a_field_that_it_cannot_change(registry: Client, key: str) -> None:
    created = registry.create()
    assert refusal(registry.patch("support", {key: "x"})) == f"{key}: not a known field"
    assert registry.model("support") == created


BAD_BODIES = [
    ("", "the body is not valid JSON: line 1, column 1"),
    ("{", "the body is not valid JSON: line 1, column 2"),
    ("[]", "the body: expected an object, got an array"),
    ("null", "the body: expected an object, got null"),
    ("[" * 100_000, "the body is nested deeper than 64"),
    ('{"a":' * 70 + "1" + "}" * 70, "the body is nested deeper than 64"),
    (r'{"id":"\ud800"}', "the body holds half of a surrogate pair"),
    (r'{"\udfff":1}', "the body holds half of a surrogate pair"),
    (b"\xff", "the body is not UTF-8"),
]


@pytest.mark.parametrize(("body", "message"), BAD_BODIES)
@pytest.mark.parametrize(("method", "path"), [("POST", "/v2/models"), ("PATCH", "/v2/models/support")])
def test_a_body_that_is_no_json_object_is_refused(
    registry: Client, method: str, path: str, body: str | bytes, message: str
) -> None:
    assert refusal(registry.send(method, path, content=body, headers=JSON_HEADERS)) == message


def test_a_body_over_ten_megabytes_is_413(registry: Client) -> None:
    body = new_model(configuration={"api_key": "x" * 10_000_000})
    assert "10000000 bytes" in refusal(registry.post(body), 413)


def test_a_body_of_nearly_ten_megabytes_is_taken(registry: Client) -> None:
    assert ok(registry.post(new_model(configuration={"api_key": "x" * 9_900_000})))


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_a_web_page_could_post_is_415(registry: Client, media_type: str | None) -> None:
    headers = {"content-type": media_type} if media_type else {}
    refusal(registry.send("POST", "/v2/models", content=encode(new_model()), headers=headers), 415)


def test_a_charset_in_the_content_type_is_fine(registry: Client) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert ok(registry.send("POST", "/v2/models", content=encode(new_model()), headers=headers))
