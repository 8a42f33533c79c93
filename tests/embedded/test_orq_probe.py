"""The endpoint is asked before a model of it is stored."""

from __future__ import annotations

import asyncio
import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from reconciler.embedded.orq import openai_like_routes
from reconciler.embedded.orq import probe as probe_module

from .client import Client, new_model, ok, refusal
from .test_orq_openai_like import PATH, SECRET, body, patch_body, update
from .upstream import Upstream


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def post(registry: Client, upstream: Upstream, **changes: Any) -> Any:
    return registry.call("POST", PATH, body(base_url=upstream.url, **changes))


def own_models(registry: Client) -> int:
    return sum(model["owner"] != "system" for model in registry.models())


@pytest.mark.parametrize(
    ("model_type", "calls"),
    [
        ("chat", ["GET /v1/models", "POST /v1/chat/completions"]),
        ("completion", ["GET /v1/models", "POST /v1/completions"]),
        ("embedding", ["GET /v1/models", "POST /v1/embeddings"]),
        ("image", ["GET /v1/models"]),
    ],
)
def test_a_create_asks_for_the_list_and_one_token(
    registry: Client, upstream: Upstream, model_type: str, calls: list[str]
) -> None:
    ok(post(registry, upstream, model_type=model_type))
    assert upstream.paths == calls
    assert {call.authorization for call in upstream.calls} == {f"Bearer {SECRET}"}


def test_the_completion_is_of_the_model_and_as_small_as_can_be(registry: Client, upstream: Upstream) -> None:
    ok(post(registry, upstream))
    assert upstream.calls[-1].body == {
        "model": "llama-3.3-70b",
        "messages": [{"role": "user", "content": "ping"}],
        "max_tokens": 1,
    }


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v1/models", 401, "401 Unauthorized to GET /models"),
        ("/v1/models", 500, "500 Internal Server Error to GET /models"),
        ("/v1/chat/completions", 404, "404 Not Found to POST /chat/completions"),
        ("/v1/chat/completions", 777, "777 to POST /chat/completions"),
    ],
)
def test_a_refused_probe_is_400_and_stores_nothing(
    registry: Client, upstream: Upstream, path: str, status: int, said: str
) -> None:
    upstream.statuses[path] = status
    answer = post(registry, upstream)
    assert refusal(answer) == f"The endpoint {upstream.url} answered {said}; nothing was stored"
    assert own_models(registry) == 0


def test_the_key_is_in_no_answer_file_or_log_even_where_the_endpoint_repeats_it(
    registry: Client, upstream: Upstream, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.statuses["/v1/chat/completions"] = 400
    with caplog.at_level(logging.DEBUG):
        assert SECRET not in post(registry, upstream).text
    assert SECRET not in caplog.text
    assert all(SECRET.encode() not in file.read_bytes() for file in database.parent.iterdir())


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_endpoint_without_a_list_is_asked_for_a_completion(
    registry: Client, upstream: Upstream, status: int
) -> None:
    upstream.statuses["/v1/models"] = status
    ok(post(registry, upstream))
    refusal(post(registry, upstream, model_type="image"))


def test_a_redirect_is_not_followed(registry: Client, upstream: Upstream) -> None:
    with Upstream() as elsewhere:
        upstream.statuses["/v1/models"] = 307
        upstream.location = f"{elsewhere.url}/models"
        assert "307 Temporary Redirect" in refusal(post(registry, upstream))
        assert elsewhere.calls == []


def test_an_endpoint_that_is_not_there_is_named(registry: Client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        message = refusal(registry.call("POST", PATH, body(base_url=url)))
    assert message == f"The endpoint {url} cannot be asked (ConnectError); nothing was stored"


def test_an_endpoint_that_never_answers_is_given_up(
    registry: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_arguments: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(probe_module, "_SECONDS", 0.01)
    monkeypatch.setattr(probe_module, "_ask", never)
    assert "did not answer within" in refusal(registry.call("POST", PATH, body()))


class TestUpdate:
    def test_only_a_new_endpoint_or_model_is_probed(self, registry: Client, upstream: Upstream) -> None:
        created = ok(post(registry, upstream))
        upstream.calls.clear()
        update(registry, created, display_name="New", base_url=upstream.url, model_id=created["model_id"])
        assert upstream.calls == []
        update(registry, created, model_id="llama-4")
        assert upstream.calls[-1].body["model"] == "llama-4"

    def test_it_is_probed_with_the_stored_key(self, registry: Client, upstream: Upstream) -> None:
        created = ok(post(registry, upstream))
        with Upstream() as elsewhere:
            update(registry, created, base_url=elsewhere.url)
            assert {call.authorization for call in elsewhere.calls} == {f"Bearer {SECRET}"}
            assert len(elsewhere.calls) == 2

    def test_a_refused_probe_changes_nothing(self, registry: Client, upstream: Upstream) -> None:
        created = ok(post(registry, upstream))
        upstream.statuses["/v1/chat/completions"] = 404
        answer = registry.call("PATCH", f"{PATH}/{created['id']}", patch_body(model_id="llama-4"))
        assert "404 Not Found" in refusal(answer)
        assert SECRET not in answer.text
        assert registry.model(created["id"]) == created

    def test_a_model_without_a_stored_key_cannot_be_probed(
        self, registry: Client, upstream: Upstream
    ) -> None:
        registry.post(new_model(provider="openailike"))
        answer = registry.call("PATCH", f"{PATH}/support", patch_body(base_url=upstream.url))
        assert refusal(answer) == "The model has no api_key to probe its endpoint with"

    def test_a_model_that_changes_during_the_probe_is_probed_again(
        self, registry: Client, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        created = ok(post(registry, upstream))
        probed: list[tuple[str, str]] = []

        async def meanwhile(target: probe_module.Target) -> None:
            probed.append((target.base_url, target.model_id))
            if len(probed) == 1:
                await asyncio.to_thread(update, registry, created, base_url=f"{upstream.url}/other")

        monkeypatch.setattr(openai_like_routes, "probe", meanwhile)
        changed = update(registry, created, model_id="llama-4")
        assert probed[0] == (upstream.url, "llama-4")
        assert probed[-1] == (f"{upstream.url}/other", "llama-4")
        assert changed["configuration"]["base_url"] == f"{upstream.url}/other"


def test_nothing_is_probed_where_that_is_switched_off(unprobed: Client, upstream: Upstream) -> None:
    update(unprobed, ok(post(unprobed, upstream)), model_id="llama-4")
    assert upstream.calls == []
