from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable

import pytest
from starlette.routing import Route
from starlette.types import Message

from .client import Client, new_model


@pytest.fixture
def guarded(open_registry: Callable[..., Client]) -> Client:
    return open_registry(token="let-me-in-é")


def bearer(token: str) -> dict[str, bytes]:
    return {"authorization": f"Bearer {token}".encode()}


def test_every_answer_has_its_own_request_id(guarded: Client) -> None:
    paths = ["/healthz", "/v2/models", "/nowhere", "/healthz"]
    ids = [guarded.send("GET", path).headers["x-request-id"] for path in paths]
    assert all(uuid.UUID(text).version == 4 for text in ids)
    assert len(set(ids)) == len(ids)


def test_the_right_token_lets_in(guarded: Client) -> None:
    assert guarded.send("GET", "/v2/models", headers=bearer("let-me-in-é")).status_code == 200


def test_the_scheme_may_be_written_in_any_case(guarded: Client) -> None:
    headers = {"authorization": "bEARER let-me-in-é".encode()}
    assert guarded.send("GET", "/v2/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers", [bearer("wrong"), bearer(""), bearer("let-me-in"), {"authorization": b"Basic let-me-in"}]
)
def test_a_wrong_token_is_401_in_the_documented_shape(guarded: Client, headers: dict[str, bytes]) -> None:
    answer = guarded.send("GET", "/v2/models", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"].keys() == {"code", "message", "doc_url"}
    assert answer.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("path", ["/v2/models", "/nowhere", "/"])
def test_no_token_is_401_on_every_path(guarded: Client, path: str) -> None:
    answer = guarded.send("GET", path)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "authentication_required"


def test_a_create_without_the_token_creates_nothing(guarded: Client) -> None:
    assert guarded.post(new_model()).status_code == 401
    assert '"id":"support"' not in guarded.send("GET", "/v2/models", headers=bearer("let-me-in-é")).text


def test_health_needs_no_token(guarded: Client) -> None:
    assert guarded.send("GET", "/healthz").json() == {"status": "ok"}


def test_without_a_token_any_header_will_do(registry: Client) -> None:
    assert registry.send("GET", "/v2/models", headers=bearer("whatever")).status_code == 200


@pytest.mark.parametrize("token", ["", "  "])
def test_an_empty_token_is_a_mistake_not_an_open_door(
    open_registry: Callable[..., Client], token: str
) -> None:
    with pytest.raises(ValueError, match="token is empty"):
        open_registry(token=token)


def test_a_fault_is_a_500_that_tells_nothing_and_logs_no_secret(
    registry: Client, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "sk-" + "planted"

    async def broken(_request: object) -> None:
        raise RuntimeError(secret)

    registry.app.router.routes.append(Route("/broken", broken))
    with caplog.at_level(logging.DEBUG):
        answer = registry.send("GET", "/broken")
    assert answer.status_code == 500
    assert answer.json() == {"code": 500, "message": "Internal server error"}
    assert answer.headers["x-request-id"] in caplog.text
    assert "RuntimeError" in caplog.text
    assert "in broken" in caplog.text
    assert secret not in caplog.text


def test_a_client_that_leaves_while_it_sends_is_no_fault(
    registry: Client, caplog: pytest.LogCaptureFixture
) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v2/models",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    sent: list[Message] = []
    messages: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(registry.app(scope, receive, send))
    assert sent == []
    assert caplog.text == ""
