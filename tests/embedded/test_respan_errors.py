"""How Respan says no: shapes, slashes, the rate limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.routing import Route

from reconciler.embedded import Options
from reconciler.embedded.respan import pace

from .client import JSON_HEADERS, Client

PATH = "/api/models/"
BASE = {"model_name": "m", "base_model_name": "gpt-4o"}

Open = Callable[..., Client]


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "model_name", "required"),
        ({"model_name": ""}, "model_name", "empty, or holds characters that cannot be printed"),
        ({"model_name": "m"}, "custom_provider_id", "Required unless base_model_name is set."),
        ({**BASE, "input_cost": "1"}, "input_cost", "expected a number, got a string"),
        ({**BASE, "input_cost": None}, "input_cost", "expected a number, got null"),
        ({**BASE, "input_cost": -1}, "input_cost", "must not be negative"),
        ({**BASE, "max_context_window": 1.5}, "max_context_window", "expected an integer, got a number"),
        ({**BASE, "function_call": True}, "function_call", "expected an integer, got a boolean"),
        ({**BASE, "function_call": 2}, "function_call", "must be 0 or 1"),
        ({**BASE, "provider_id": True}, "provider_id", "expected a string, got a boolean"),
        (
            {**BASE, "provider_id": "openai", "custom_provider_id": "anthropic"},
            "provider_id",
            "differs from custom_provider_id; send one of them",
        ),
        (
            {**BASE, "supported_params_override": []},
            "supported_params_override",
            "expected an object, got an array",
        ),
        ([], "non_field_errors", "expected an object, got an array"),
    ],
)
def test_a_wrong_body_is_422_by_field(registry: Client, body: Any, field: str, reason: str) -> None:
    answer = registry.call("POST", PATH, body)
    assert answer.status_code == 422
    assert answer.json() == {"detail": "Validation error", "errors": {field: [reason]}}
    assert registry.send("GET", f"{PATH}m/").status_code == 404


def test_a_body_that_is_no_json_is_400(registry: Client) -> None:
    answer = registry.call("POST", PATH, "{")
    assert (answer.status_code, answer.json()) == (
        400,
        {"detail": "the body is not valid JSON: line 1, column 2"},
    )


def test_a_body_that_is_not_declared_as_json_is_415(registry: Client) -> None:
    answer = registry.send("POST", PATH, content=b"{}")
    assert (answer.status_code, list(answer.json())) == (415, ["detail"])


def test_no_token_and_a_wrong_one_are_401(open_registry: Open) -> None:
    registry = open_registry(token="right")
    answer = registry.send("GET", f"{PATH}?all=true")
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Authentication credentials were not provided."}
    headers = {"authorization": "Bearer wrong"}
    assert registry.send("GET", PATH, headers=headers).json() == {"detail": "Invalid token."}
    assert registry.send("GET", PATH, headers={"authorization": "Bearer right"}).status_code == 200


def test_a_fault_has_an_error_code(registry: Client) -> None:
    async def broken(_request: object) -> None:
        raise RuntimeError

    registry.app.router.routes.insert(0, Route("/api/broken", broken))
    answer = registry.send("GET", "/api/broken")
    assert answer.status_code == 500
    assert list(answer.json()) == ["detail", "error_code"]


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_a_method_that_is_not_served_is_405(registry: Client, method: str) -> None:
    answer = registry.send(method, f"{PATH}gpt-4/", content=b"{}", headers=JSON_HEADERS)
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/api/", "/api/models//", "/api/modelss", "/api/x/", "/api/providers/a/b/"])
def test_an_unknown_path_is_404(registry: Client, path: str) -> None:
    answer = registry.send("GET", path)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


class TestSlashes:
    @pytest.mark.parametrize(
        ("path", "location"),
        [
            ("/api/models", "/api/models/"),
            ("/api/models?all=true", "/api/models/?all=true"),
            ("/api/models/gpt-4", "/api/models/gpt-4/"),
            ("/api/models/openai/gpt-4o-mini", "/api/models/openai/gpt-4o-mini/"),
            ("/api/models/a%20b", "/api/models/a%20b/"),
            ("/api/providers", "/api/providers/"),
            ("/api/providers/openai", "/api/providers/openai/"),
        ],
    )
    def test_a_get_without_one_is_sent_on(self, registry: Client, path: str, location: str) -> None:
        answer = registry.send("GET", path)
        assert answer.status_code == 301
        assert answer.headers["location"] == f"http://registry{location}"

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/api/models"),
            ("POST", "/api/models/list"),
            ("PATCH", "/api/models/m"),
            ("PUT", "/api/models/m"),
        ],
    )
    def test_anything_else_without_one_fails(self, registry: Client, method: str, path: str) -> None:
        answer = registry.call(method, path, BASE)
        assert answer.status_code == 405
        assert registry.send("GET", f"{PATH}m/").status_code == 404


class TestPace:
    def test_the_request_beyond_the_limit_is_429_with_the_seconds_to_wait(
        self, open_registry: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 1000.0
        monkeypatch.setattr(pace, "monotonic", lambda: now)
        registry = open_registry(options=Options(respan_requests_per_minute=2))
        assert registry.send("GET", PATH).status_code == 200
        now += 12.5
        assert registry.call("POST", PATH, BASE).status_code == 201
        answer = registry.send("GET", PATH)
        assert answer.status_code == 429
        assert answer.json() == {"detail": "Rate limit exceeded", "retry_after": 48}
        now += 48
        assert registry.send("GET", PATH).status_code == 200
        assert registry.send("GET", PATH).json()["retry_after"] == 12

    def test_it_is_off_by_default_and_only_for_respan(self, open_registry: Open, registry: Client) -> None:
        assert {registry.send("GET", PATH).status_code for _ in range(70)} == {200}
        strict = open_registry(options=Options(respan_requests_per_minute=0))
        assert strict.send("GET", PATH).json()["retry_after"] == 60
        assert strict.send("GET", "/v2/models").status_code == 200
