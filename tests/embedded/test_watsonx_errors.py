"""How watsonx Orchestrate says no, in the shapes of FastAPI."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.routing import Route

from .client import Client

PATH = "/v1/orchestrate/models"
NAME = {"name": "virtual-model/openai/gpt-4o"}


def config(**fields: Any) -> dict[str, Any]:
    return {**NAME, "provider_config": fields}


EXTRA = ("extra_forbidden", "Extra inputs are not permitted")
WRONG = [
    ({}, ["name"], "missing", "Field required"),
    ({"name": ""}, ["name"], "value_error", "empty, or holds characters that cannot be printed"),
    ({"name": 1}, ["name"], "type_error", "expected a string, got a number"),
    ({**NAME, "id": "x"}, ["id"], *EXTRA),
    (config(colour="red"), ["provider_config", "colour"], *EXTRA),
    (config(provider="openai"), ["provider_config", "provider"], *EXTRA),
    (config(custom_host="a", customHost="b"), ["provider_config", "customHost"], *EXTRA),
    (config(index="1"), ["provider_config", "index"], "type_error", "expected an integer, got a string"),
    (
        config(forward_headers=["a", 1]),
        ["provider_config", "forward_headers", 1],
        "type_error",
        "expected a string, got a number",
    ),
    (
        config(metadata={"a": 1}),
        ["provider_config", "metadata", "a"],
        "type_error",
        "expected a string, got a number",
    ),
    (config(cache=1), ["provider_config", "cache"], "type_error", "expected an object, got a number"),
    ({**NAME, "provider_config": []}, ["provider_config"], "type_error", "expected an object, got an array"),
    ({**NAME, "config": []}, ["config"], "type_error", "expected an object, got an array"),
    ({**NAME, "tags": "a"}, ["tags"], "type_error", "expected an array, got a string"),
    (
        {**NAME, "model_type": "image"},
        ["model_type"],
        "value_error",
        "must be one of chat, chat_vision, completion, embedding",
    ),
    ([], [], "type_error", "expected an object, got an array"),
    ("{", [], "json_invalid", "the body is not valid JSON: line 1, column 2"),
]


@pytest.mark.parametrize(("body", "place", "kind", "message"), WRONG)
def test_a_wrong_body_is_422_with_its_place(
    registry: Client, body: Any, place: list[str | int], kind: str, message: str
) -> None:
    expected = {"detail": [{"type": kind, "loc": ["body", *place], "msg": message}]}
    for method, path in (("POST", PATH), ("PUT", f"{PATH}/x")):
        answer = registry.call(method, path, body)
        assert (answer.status_code, answer.json()) == (422, expected)
    assert registry.send("GET", PATH).json() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("GET", f"{PATH}/x", 405), ("DELETE", f"{PATH}/x", 405)],
)
def test_what_is_not_served(registry: Client, method: str, path: str, status: int) -> None:
    answer = registry.send(method, path)
    assert answer.status_code == status
    assert list(answer.json()) == ["detail"]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}])
def test_no_token_and_a_wrong_one_are_401(open_registry: Any, headers: dict[str, str]) -> None:
    answer = open_registry(token="right").send("GET", PATH, headers=headers)
    assert answer.status_code == 401
    assert list(answer.json()) == ["detail"]


def test_a_fault_tells_nothing(registry: Client) -> None:
    async def broken(_request: object) -> None:
        raise RuntimeError

    registry.app.router.routes.append(Route("/api/v1/broken", broken))
    answer = registry.send("GET", "/api/v1/broken")
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
