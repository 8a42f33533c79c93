"""What stands between the adapters and the embedded registry: it records, and can answer in its place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import simplejson
from serving import ports, serving

Json = Any
Edit = Callable[[Json], Json]


@dataclass(frozen=True)
class Exchange:
    """One request as it arrived. ``repeated`` are the keys that stand twice in one object of its body."""

    method: str
    path: str
    content: bytes = field(repr=False)
    status: int = 0
    repeated: frozenset[str] = frozenset()

    @property
    def body(self) -> Json:
        return decoded(self.content)


@dataclass(frozen=True)
class Answer:
    """What is answered in the registry's place; a ``body`` of bytes is sent as it is."""

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else encoded(self.body)


def encoded(value: Json) -> bytes:
    text: str = simplejson.dumps(value, use_decimal=True)
    return text.encode()


def decoded(content: bytes) -> Json:
    return simplejson.loads(content, use_decimal=True) if content.strip() else None


@dataclass
class _Rule:
    fits: Callable[[str, str], bool]
    answers: list[Answer]
    always: bool


class Door:
    """An ASGI app before another. ``app`` is put in by whoever opens it; ``is_read`` tells reads."""

    def __init__(self) -> None:
        self.app: Any = None
        self.is_read: Callable[[str, str], bool] = lambda method, _path: method == "GET"
        self.reset()

    def reset(self) -> None:
        """As new: nothing seen, nothing replaced."""
        self.seen: list[Exchange] = []
        self._rules: list[_Rule] = []
        self._sent: list[Edit] = []
        self._shown: list[tuple[str | None, Edit]] = []

    @property
    def writes(self) -> list[Exchange]:
        return [one for one in self.seen if not self.is_read(one.method, one.path)]

    def forget(self) -> None:
        """Only what is seen from now on counts."""
        self.seen.clear()

    # ---- answers in its place

    def answer_reads(self, *answers: Answer, path: str | None = None, always: bool = False) -> None:
        """Gives ``answers`` to the next reads, each once; with ``always`` the last one from then on."""
        self._rules.append(
            _Rule(
                lambda method, asked: self.is_read(method, asked) and path in (None, asked),
                [*answers],
                always,
            )
        )

    def answer_writes(self, *answers: Answer, always: bool = False) -> None:
        """The same for writes: the registry never sees them."""
        self._rules.append(_Rule(lambda method, asked: not self.is_read(method, asked), [*answers], always))

    def edit_answers(self, edit: Edit, *, path: str | None = None) -> None:
        """Puts every JSON answer of a success through ``edit``, or those of one path."""
        self._shown.append((path, edit))

    def edit_requests(self, edit: Edit) -> None:
        """Puts the body of every write through ``edit`` before the registry sees it; recorded as it came."""
        self._sent.append(edit)

    def _instead(self, method: str, path: str) -> Answer | None:
        for rule in self._rules:
            if rule.answers and rule.fits(method, path):
                return rule.answers[0] if rule.always and len(rule.answers) == 1 else rule.answers.pop(0)
        return None

    # ---- ASGI

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        content, more = b"", True
        while more:
            message = await receive()
            content += message.get("body", b"")
            more = message.get("more_body", False)
        method, path = scope["method"], unquote(scope["path"])
        answer = self._instead(method, path)
        if answer is None:
            answer = await self._asked(scope, content, method, path)
        self.seen.append(Exchange(method, path, content, answer.status, _repeated(content)))
        headers = {"content-type": "application/json", **answer.headers}
        headers["content-length"] = str(len(answer.content))
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer.content})

    async def _asked(self, scope: Any, content: bytes, method: str, path: str) -> Answer:
        """The registry's own answer."""
        if self._sent and content and not self.is_read(method, path):
            body = decoded(content)
            for edit in self._sent:
                body = edit(body)
            content = encoded(body)
            # The length is a header, and the registry counts.
            kept = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
            scope = {**scope, "headers": [*kept, (b"content-length", str(len(content)).encode())]}
        waiting = [{"type": "http.request", "body": content, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        status = sent[0]["status"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
        headers.pop("content-length", None)
        body: Json = b"".join(message.get("body", b"") for message in sent[1:])
        edits = [edit for asked, edit in self._shown if asked in (None, path)]
        if edits and body and 200 <= status < 300:
            body = decoded(body)
            for edit in edits:
                body = edit(body)
        return Answer(status, body, headers)


def _repeated(content: bytes) -> frozenset[str]:
    found: set[str] = set()

    def note(pairs: list[tuple[str, Json]]) -> None:
        found.update(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)

    try:
        json.loads(content, object_pairs_hook=note)
    except ValueError:
        return frozenset()
    return frozenset(found)


@contextmanager
def on_a_socket(door: Door) -> Iterator[str]:
    """Serves ``door`` on a loopback port, and gives its address."""
    with serving(door) as server:
        [port] = ports(server)
        yield f"http://127.0.0.1:{port}"
