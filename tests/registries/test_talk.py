"""What the clients of all kinds do alike."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.embedded import create_app
from reconciler.http.tokens import FixedToken
from reconciler.registries import KINDS, talk
from reconciler.registries.interface import Connection
from reconciler.secrets import Secret


class Recorder(httpx.ASGITransport):
    """An app in this process, and the head that each request came with."""

    def __init__(self, app: Any, heads: list[str | None]) -> None:
        super().__init__(app=app)
        self._heads = heads

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._heads.append(request.headers.get("authorization"))
        return await super().handle_async_request(request)


@pytest.mark.parametrize("name", ["orq", "respan", "watsonx"])
@pytest.mark.parametrize("which", ["reader", "writer"])
def test_every_client_calls_with_the_tokens_that_stand_in_for_a_fixed_one(
    name: str, which: str, tmp_path: Path
) -> None:
    kind = KINDS[name]
    app = create_app(tmp_path / "registry.db")
    heads: list[str | None] = []
    connection = Connection(
        registry=name,
        url=f"http://embedded{kind.embedded_path}",
        token=None,
        requests_per_minute=600_000,
        concurrency=1,
        wire=lambda: Recorder(app, heads),
        auth=FixedToken(Secret("EXCHANGED", "tok-exchanged")),
    )

    async def scenario() -> None:
        async with getattr(kind.client(), which)(connection) as talker:
            await talker.observe()

    asyncio.run(scenario())
    app.state.store.close()
    assert set(heads) == {"Bearer tok-exchanged"}


def test_an_answer_that_nobody_expects_says_of_which_request_and_what_to_look_at() -> None:
    error = talk.unexpected("prod", "GET /models", "answered with poetry")
    assert (str(error.message), error.registry, error.request) == (
        "prod: GET /models: answered with poetry",
        "prod",
        "GET /models",
    )
    assert error.hint == "check `url` in reconciler.yaml"
