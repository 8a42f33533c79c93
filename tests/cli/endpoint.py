"""An OpenAI-compatible endpoint on a loopback port, whose every answer a test can write."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

MODEL = "llama-3.3-70b"


@dataclass(frozen=True)
class Asked:
    """One request. ``about`` is the question that it asks, by what is in it."""

    about: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Says:
    """One answer. ``then`` runs after ``body`` is out, before the connection ends."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    then: Callable[[], object] | None = None

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def choice(message: Mapping[str, Any], finish_reason: str = "stop") -> Says:
    one = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    return Says(body={"object": "chat.completion", "choices": [one]})


CALL = {"id": "1", "type": "function", "function": {"name": "answer", "arguments": '{"answer": "pong"}'}}
EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "pong"}}]}\n\n'
STREAM = {"content-type": "text/event-stream"}

HONEST = {
    "listed": Says(body={"object": "list", "data": [{"id": MODEL, "object": "model"}]}),
    "answers": choice({"content": "pong"}, "length"),
    "streaming": Says(body=b": a comment\n\n" + EVENT + b"data: [DONE]\n\n", headers=STREAM),
    "tools": choice({"content": None, "tool_calls": [CALL]}, "tool_calls"),
    "json_schema": choice({"content": '{"answer": "pong"}'}),
    "vision": choice({"content": "red"}),
}


class Endpoint:
    """Does everything, but for what ``says`` holds by question, and takes ``key`` alone if there is one."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.says: dict[str, Says | Callable[[Asked], Says | None]] = {}
        self.key: str | None = None
        self.ended = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else every answer waits 40 ms for an acknowledgement

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                size = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(about(self.path, body), self.command, self.path, headers, body)
                endpoint.asked.append(asked)
                said = endpoint.answer(asked)
                if said is None:
                    self.close_connection = True
                    return
                self.send_response(said.status)
                fields = {"content-type": "application/json", **said.headers}
                if said.then is None:
                    fields = {"content-length": str(len(said.raw)), **fields}
                else:
                    self.close_connection = True
                for name, value in fields.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(said.raw)
                    if said.then is not None:
                        said.then()
                except OSError:
                    self.close_connection = True

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def answer(self, asked: Asked) -> Says | None:
        """None: hangs up."""
        if self.key is not None and asked.headers.get("authorization") != f"Bearer {self.key}":
            return Says(401, {"error": {"message": f"no such key: {asked.headers.get('authorization')}"}})
        said = self.says.get(asked.about, HONEST.get(asked.about, Says(404)))
        return said if isinstance(said, Says) else said(asked)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def questions(self) -> list[str]:
        return [asked.about for asked in self.asked]

    def hangs(self, _asked: Asked) -> Says:
        """Never answers, until the test is over."""
        self.ended.wait()
        return Says(500)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def about(path: str, body: Any) -> str:
    """The question that a request asks."""
    if path == "/v1/models":
        return "listed"
    if path in ("/v1/completions", "/v1/embeddings"):
        return "answers"
    if path != "/v1/chat/completions":
        return "elsewhere"
    for key, name in (("stream", "streaming"), ("tools", "tools"), ("response_format", "json_schema")):
        if key in body:
            return name
    return "vision" if isinstance(body["messages"][0]["content"], list) else "answers"
