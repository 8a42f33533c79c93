"""The calls of Orq: which lists it takes, which it refuses, and what its errors become."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from house import brisk, run
from orq_server import Exchange, OrqServer, live_model, orq, says
from tenacity import wait_none

from reconciler.errors import (
    InternalError,
    RegistryError,
    Rejected,
    Unauthorised,
    UnexpectedAnswer,
    UnknownOutcome,
)
from reconciler.http import Pace
from reconciler.registries import talk
from reconciler.registries.interface import Answer, Connection, Observation, OutgoingRequest
from reconciler.registries.orq import client
from reconciler.secrets import Secret, SecretRef

TOKEN = Secret("ORQ_API_KEY", "sk-orq-token")
KEY = SecretRef("HOUSE_KEY")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "_settings", brisk())
    monkeypatch.setattr("reconciler.http.repeating._AFTER_FAULT", wait_none())


def reached(server: OrqServer) -> Connection:
    return Connection("orq-prod", server.url, TOKEN, 600_000, 2)


def observed(
    *documents: dict[str, Any], answer: Any = None, prepare: Callable[[OrqServer], None] = lambda _: None
) -> Observation:
    """One observation of a server, which answers ``answer`` where one is given."""

    async def scenario() -> Observation:
        async with orq(*documents) as server:
            if answer is not None:
                server.always["GET"] = says(200, answer)
            prepare(server)
            async with client.reader(reached(server)) as reader:
                return await reader.observe()

    found: Observation = run(scenario())
    return found


def sent(request: OutgoingRequest, *documents: dict[str, Any], **prepared: Any) -> tuple[OrqServer, Answer]:
    async def scenario() -> tuple[OrqServer, Answer]:
        async with orq(*documents) as server:
            server.always |= prepared
            async with client.writer(reached(server)) as writer:
                return server, await writer.send(request)

    found: tuple[OrqServer, Answer] = run(scenario())
    return found


def update(body: Any = None, identity: str = "support-mini", **secrets: Secret) -> OutgoingRequest:
    return OutgoingRequest(
        "PATCH",
        "/v2/models/{id}",
        {"display_name": "New"} if body is None else body,
        identity,
        {SecretRef(name): secret for name, secret in secrets.items()},
    )


# ---- lists


def test_a_list_is_every_model_with_exact_numbers() -> None:
    found = observed(live_model(input_cost=Decimal("0.000150")), live_model(id="b", owner="system"))
    assert [(live.id, live.ours, live.variant) for live in found.objects] == [
        ("support-mini", True, "generic"),
        ("b", False, "builtin"),
    ]
    assert str(found.objects[0].raw["input_cost"]) == "0.000150"


@pytest.mark.parametrize("answer", [b"null", []])
def test_null_is_the_documented_word_for_no_models(answer: Any) -> None:
    assert observed(answer=answer).objects == ()


def test_an_empty_answer_is_no_list_of_no_models() -> None:
    with pytest.raises(UnexpectedAnswer, match="answered with nothing"):
        observed(answer=b"")


def test_keys_that_we_do_not_know_are_kept_and_trouble_nobody() -> None:
    [live] = observed(live_model(of_tomorrow={"a": [1]})).objects
    assert live.raw["of_tomorrow"] == {"a": [1]}


def test_a_model_of_the_other_api_is_told_by_its_provider() -> None:
    [live] = observed(live_model(provider="openailike")).objects
    assert live.variant == "openai-like"


def test_parameters_are_read_by_their_key_and_a_second_one_of_the_same_key_is_not_lost() -> None:
    items = [{"parameter": "top_p", "id": "1"}, {"parameter": "top_p", "id": "2"}, {"id": "3"}]
    [live] = observed(live_model(parameters=items)).objects
    assert [item["id"] for item in live.raw["parameters"].values()] == ["1", "2", "3"]


def test_credentials_in_an_answer_are_dropped_when_it_is_read() -> None:
    leaky = {"provider": "azure", "api_key": "sk-leaked", "assume_role_arn": "arn:leaked", "region": "eu"}
    document = live_model(configuration=leaky)
    [live] = observed(answer=[{**document, "api_key": "sk-leaked"}]).objects
    assert live.raw["configuration"] == {"provider": "azure", "region": "eu"}
    assert "leaked" not in repr(live)
    assert live.hidden == {("api_key",), ("configuration", "api_key")}


LEGACY = {
    "object": "list",
    "data": [{"id": "anthropic@claude", "created": 1718780162791, "type": "chat", "owned_by": "vendor"}],
}


def test_the_older_list_is_refused_by_name() -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        observed(answer=LEGACY)
    assert caught.value.message == (
        "orq-prod: GET /v2/models: answered with the older list of {id, created, type, owned_by}, which "
        "holds too little to compare a model with"
    )
    assert "current API" in str(caught.value.hint)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"models": []},
        {"data": [live_model()]},
        [None],
        ["support-mini"],
        [live_model(), {"provider": "azure"}],
        [live_model(), live_model(id=None)],
        [live_model(), live_model(id=7)],
        [{"id": "anthropic@claude", "created": 1, "type": "chat", "owned_by": "vendor"}],
        b"true",
        b'"text"',
        b"0",
    ],
)
def test_a_shape_that_we_do_not_know_is_refused_whole(answer: Any) -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        observed(answer=answer)
    error = caught.value
    assert error.message == "orq-prod: GET /v2/models: answered with something that is not a list of models"
    assert (error.registry, error.request) == ("orq-prod", "GET /v2/models")
    assert error.hint == "check `url` in reconciler.yaml"


def test_html_is_refused_with_its_content_type() -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        observed(prepare=lambda server: server.fails("GET", says(200, b"<html>", content_type="text/html")))
    assert "not JSON" in caught.value.message
    assert "text/html" in caught.value.message


def test_an_observation_is_as_old_as_its_request() -> None:
    """What it shows may be from any moment after that, and no later write is sure to be in it."""
    arrived: list[float] = []

    async def arrives(exchange: Exchange) -> None:
        arrived.append(time.monotonic())
        await exchange.honest()

    found = observed(prepare=lambda server: server.fails("GET", arrives))
    assert found.read_at <= arrived[0]


def test_reads_are_tried_again() -> None:
    found = observed(live_model(), prepare=lambda server: server.fails("GET", says(503), says(502)))
    assert len(found.objects) == 1


# ---- pace


def test_the_reader_and_the_writer_of_one_connection_share_its_pace() -> None:
    began: list[str] = []

    class Counted(Pace):
        async def start(self) -> None:
            began.append("call")
            await super().start()

    async def scenario() -> None:
        async with orq(live_model()) as server:
            connection = replace(reached(server), pace=Counted(600_000))
            async with client.reader(connection) as reader:
                await reader.observe()
            async with client.writer(connection) as writer:
                await writer.send(update())

    run(scenario())
    assert began == ["call", "call"]


# ---- writes


def test_a_write_carries_the_token_and_its_answer_the_model_and_the_request_id() -> None:
    server, answer = sent(update(), live_model())
    [exchange] = server.seen
    assert exchange.headers["authorization"] == "Bearer sk-orq-token"
    assert exchange.headers["content-type"] == "application/json"
    assert answer.live is not None
    assert (answer.live.id, answer.live.raw["display_name"], answer.request_id) == (
        "support-mini",
        "New",
        "r-1",
    )


@pytest.mark.parametrize("identity", ["a b", "acme@azure/gpt?x#y", "100%2F", "ünï", "a:b", "..x"])
def test_an_id_of_any_text_is_one_segment_of_the_path(identity: str) -> None:
    server, answer = sent(update(identity=identity), live_model(id=identity))
    assert answer.live is not None
    assert answer.live.id == identity
    assert server.seen[0].path.count("/") == 3


def test_a_secret_is_put_in_at_the_last_moment() -> None:
    body = {"configuration": {"provider": "azure", "api_key": KEY}, **new_body()}
    secret = Secret("HOUSE_KEY", 'sk-"quoted"\n')
    request = OutgoingRequest("POST", "/v2/models", body, None, {KEY: secret})
    assert "quoted" not in repr(request)
    server, answer = sent(request)
    assert server.bodies("POST")[0]["configuration"]["api_key"] == 'sk-"quoted"\n'
    assert answer.live is not None
    assert "api_key" not in answer.live.raw["configuration"]


def new_body() -> dict[str, Any]:
    return {
        "id": "b",
        "display_name": "B",
        "metadata": {"is_private": True},
        "parameters": [],
    }


def test_a_secret_that_was_not_resolved_stops_the_request() -> None:
    with pytest.raises(InternalError):
        sent(update({"configuration": {"api_key": KEY}}), live_model())


@pytest.mark.parametrize("answer", [b"", {"message": "ok"}, [], {"id": 7, "provider": "azure"}])
def test_an_answer_that_is_no_model_is_taken_for_none(answer: Any) -> None:
    _, found = sent(update(), live_model(), PATCH=says(200, answer))
    assert found.live is None


# ---- errors

SHAPES: list[tuple[int, Any, str]] = [
    (400, {"error": "model_family is required"}, "model_family is required"),
    (
        403,
        {"error": {"code": "insufficient_scope", "message": "Not yours", "doc_url": "https://x"}},
        "Not yours (insufficient_scope)",
    ),
    (
        401,
        {"error": {"message": "Bad key", "type": "auth", "param": None, "code": "invalid_api_key"}},
        "Bad key (invalid_api_key)",
    ),
    (404, {"code": "not_found", "message": "Model not found"}, "Model not found (not_found)"),
    (422, {"message": "Nope", "code": 7}, "Nope"),
    (400, b"plain words", "plain words"),
    (400, b"", "no message"),
    (400, {"error": {"message": None}}, '{"error": {"message": null}}'),
    (400, ["odd"], '["odd"]'),
]


@pytest.mark.parametrize(("status", "body", "words"), SHAPES)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_every_shape_of_error_becomes_registry_request_and_cause(
    method: str, status: int, body: Any, words: str
) -> None:
    async def scenario() -> tuple[OrqServer, RegistryError]:
        async with orq() as server:
            server.always[method] = says(status, body, x_request_id="r-9")
            async with client.writer(reached(server)) as writer:
                with pytest.raises(RegistryError) as caught:
                    await (writer.observe() if method == "GET" else writer.send(update()))
                return server, caught.value

    server, error = run(scenario())
    address = f"{server.url}/v2/models" + ("" if method == "GET" else "/support-mini")
    assert error.message.startswith(f"orq-prod: {method} {address}: {status} ")
    assert error.message.endswith(f": {words} (request id r-9)")
    assert (error.registry, error.request, error.status) == ("orq-prod", f"{method} {address}", status)
    assert error.request_id == "r-9"
    assert isinstance(error, Unauthorised if status in (401, 403) else Rejected)
    assert server.count(method) == 1


def test_a_500_of_the_deployments_shape_leaves_a_write_unknown() -> None:
    with pytest.raises(UnknownOutcome, match="Boom"):
        sent(update(), live_model(), PATCH=says(500, {"code": "internal", "message": "Boom"}))


def test_no_error_repeats_the_token() -> None:
    with pytest.raises(Unauthorised) as caught:
        sent(update(), PATCH=says(401, {"error": "bad token sk-orq-token"}))
    assert "sk-orq-token" not in str(caught.value)
    assert "[secret ORQ_API_KEY]" in caught.value.message
