"""The embedded registry on a real socket, with a hook between the socket and it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from serving import ports, serving

from reconciler.embedded import Options, create_app
from reconciler.embedded.options import DEFAULT


@dataclass(frozen=True)
class Seen:
    """One request as it came off the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def name(self) -> str:
        """The id that a write is about."""
        return str(json.loads(self.body).get("id") or self.path.rsplit("/", 1)[-1])


Answer = tuple[int, Any]


@dataclass
class Live:
    """A running registry. ``answer`` may answer in its place; ``before_write`` runs before each write."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answer: Callable[[Seen], Answer | None] = lambda _seen: None
    measure: Callable[[Seen, int], None] = lambda _seen, _size: None
    """Is told how many bytes each part of an answer of the registry has."""
    write_seconds: float = 0.0
    read_seconds: float = 0.0
    let_go: threading.Event = field(default_factory=threading.Event)
    """Ends every wait of an answer at once."""

    def seconds(self, seen: Seen) -> float:
        """How long the answer to ``seen`` takes."""
        return self.write_seconds if seen.writes else self.read_seconds

    @property
    def written(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.writes]

    def models(self, token: str | None = None) -> list[dict[str, Any]]:
        """What it holds, without what differs from run to run."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = httpx.get(f"{self.url}/v2/models", headers=headers, trust_env=False)
        return settled(answer.json())


def settled(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Models in the order of their ids, without the times and the other ids that the server makes."""
    made = {"created", "updated"}
    kept = [
        {key: _settled(key, value) for key, value in model.items() if key not in made} for model in models
    ]
    return sorted(kept, key=lambda model: str(model["id"]))


def _settled(key: str, value: Any) -> Any:
    if key == "owner":
        return value if value == "system" else "ours"  # the id of a workspace, new with each database
    if not isinstance(value, list):
        return value
    return [{inner: item[inner] for inner in item if inner != "id"} for item in value]


@contextmanager
def live_registry(
    database: Path, *, token: str | None = None, options: Options = DEFAULT, port: int = 0
) -> Iterator[Live]:
    live = Live()
    app = create_app(database, token=token, options=options)

    async def hooked(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        seen = Seen(scope["method"], scope["path"], headers, body)
        live.seen.append(seen)
        until = time.monotonic() + live.seconds(seen)
        while time.monotonic() < until and not live.let_go.is_set():  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.01)
        given = live.answer(seen)
        if given is None:
            messages = iter([{"type": "http.request", "body": body, "more_body": False}])

            async def again() -> Any:
                return next(messages, None) or await receive()

            async def measured(message: Any) -> None:
                if message["type"] == "http.response.body":
                    live.measure(seen, len(message.get("body", b"")))
                await send(message)

            await app(scope, again, measured)
            return
        status, content = given
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": data})

    try:
        with serving(hooked, port=port) as server:
            [port] = ports(server)
            live.url = f"http://127.0.0.1:{port}"
            try:
                yield live
            finally:
                live.let_go.set()
    finally:
        app.state.store.close()
