"""A small synchronous client for the registry in this process, and bodies to send to it."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import simplejson
from starlette.applications import Starlette

DATA = Path(__file__).parent / "data"
JSON_HEADERS = {"content-type": "application/json"}


class Client:
    """Speaks to one app. Numbers of answers are Decimal or int, as they stand in the text."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
                return await client.request(method, path, **options)

        return asyncio.run(exchange())

    def call(self, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
        """Sends ``body`` as JSON, where there is one."""
        if body is not None:
            options |= {"content": encode(body), "headers": {**JSON_HEADERS, **options.get("headers", {})}}
        return self.send(method, path, **options)

    def post(self, body: object) -> httpx.Response:
        return self.send("POST", "/v2/models", content=encode(body), headers=JSON_HEADERS)

    def patch(self, identity: str, body: object) -> httpx.Response:
        path = f"/v2/models/{quote(identity, safe='')}"
        return self.send("PATCH", path, content=encode(body), headers=JSON_HEADERS)

    def models(self) -> list[Any]:
        answer = self.send("GET", "/v2/models")
        assert answer.status_code == 200
        models: list[Any] = decode(answer)
        return models

    def model(self, identity: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = [model for model in self.models() if model["id"] == identity]
        assert len(found) == 1
        return found[0]

    def create(self, **changes: Any) -> dict[str, Any]:
        return ok(self.post(new_model(**changes)))


def ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = decode(answer)
    return document


def refusal(answer: httpx.Response, status: int = 400) -> str:
    """The text of an error answer, which must have the documented shape."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert list(body) == ["error"]
    message = body["error"]
    assert isinstance(message, str)
    return message


def encode(body: object) -> str:
    return body if isinstance(body, str) else simplejson.dumps(body, use_decimal=True)


def decode(answer: httpx.Response) -> Any:
    assert answer.headers["content-type"] == "application/json"
    return json.loads(answer.content, parse_float=Decimal)


def new_model(**changes: Any) -> dict[str, Any]:
    """A create body with every required field and nothing else."""
    return {
        "configuration": {"provider": "openai"},
        "display_name": "Support",
        "has_functions": False,
        "id": "support",
        "input_cost": Decimal("0.00015"),
        "metadata": {"is_private": True},
        "model_developer": "OpenAI",
        "model_family": "gpt-4o",
        "model_id": "gpt-4o-mini-2024-07-18",
        "model_type": "chat",
        "output_cost": Decimal("0.0006"),
        "parameters": None,
        "provider": "openai",
        **changes,
    }


def slider(**changes: Any) -> dict[str, Any]:
    """A parameter as a create sends it."""
    return {
        "config": {"max": 2},
        "name": "Temperature",
        "parameter": "temperature",
        "parameter_type": "slider",
        **changes,
    }
