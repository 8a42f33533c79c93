"""Asks an OpenAI-compatible endpoint whether it takes the key and serves the model.

The API reference: "The handler probes the target API with the supplied credentials before persisting the
model." How it does that, no source states. Here it lists the models, which not every endpoint can, and
then asks for the smallest answer of the model's type; images are not made for a test.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from reconciler.embedded import wire
from reconciler.embedded.answers import Refused

if TYPE_CHECKING:
    import httpx

_SECONDS = 10.0
"""For the whole probe."""

_HAS_NO_LIST = {404, 405, 501}

_SMALLEST: dict[str, tuple[str, dict[str, object]]] = {
    "chat": ("/chat/completions", {"messages": [{"role": "user", "content": "ping"}], "max_tokens": 1}),
    "completion": ("/completions", {"prompt": "ping", "max_tokens": 1}),
    "embedding": ("/embeddings", {"input": "ping"}),
}


@dataclass(frozen=True, slots=True)
class Target:
    """What is probed. The key is in no text of it."""

    base_url: str
    model_id: str
    model_type: str
    api_key: str = field(repr=False)


async def probe(target: Target) -> None:
    """Raises Refused 400 where the endpoint does not answer as it should.

    The refusal names the endpoint, the call and the status. It quotes nothing of the answer: an endpoint
    may repeat the key in it, in any spelling.
    """
    import httpx  # noqa: PLC0415 - slow to load, and most runs probe nothing

    try:
        async with asyncio.timeout(_SECONDS), httpx.AsyncClient(timeout=_SECONDS) as client:
            await _ask(client, target)
    except TimeoutError:
        raise _failed(target, f"did not answer within {_SECONDS:.0f} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise _failed(target, f"cannot be asked ({type(error).__name__})") from None


async def _ask(client: httpx.AsyncClient, target: Target) -> None:
    smallest = _SMALLEST.get(target.model_type)
    status = await _status(client, target, "GET", "/models", None)
    if not _is_good(status) and (smallest is None or status not in _HAS_NO_LIST):
        raise _failed(target, f"answered {_phrase(status)} to GET /models")
    if smallest is not None:
        path, body = smallest
        status = await _status(client, target, "POST", path, {"model": target.model_id, **body})
        if not _is_good(status):
            raise _failed(target, f"answered {_phrase(status)} to POST {path}")


async def _status(
    client: httpx.AsyncClient, target: Target, method: str, path: str, body: dict[str, object] | None
) -> int:
    """The status of one call. The body of the answer is never read, and no redirect followed."""
    headers = {b"authorization": f"Bearer {target.api_key}".encode(), b"content-type": b"application/json"}
    content = None if body is None else wire.dumps(body).encode()
    url = target.base_url.rstrip("/") + path
    async with client.stream(method, url, headers=headers, content=content, follow_redirects=False) as answer:
        return answer.status_code


def _is_good(status: int) -> bool:
    return 200 <= status < 300


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _failed(target: Target, what: str) -> Refused:
    return Refused(400, f"The endpoint {target.base_url} {what}; nothing was stored")
