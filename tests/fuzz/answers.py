"""What a registry answers, through the real client to the planner, the reports, import and the executor."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final

import httpx
import simplejson

from reconciler.errors import ReconcilerError, RegistryError
from reconciler.http import AccessToken, exchange
from reconciler.importing import choose, import_objects
from reconciler.manifests.yamltree import parse
from reconciler.registries import KINDS
from reconciler.registries.interface import Observation
from reconciler.secrets import Secret, TokenExchange

from . import checks, stage
from .mutation import Mutator, keys, subtrees, with_depth
from .runner import Broken
from .stage import Answered, route_of

TOKEN_URL: Final = "http://127.0.0.1:4/token"
TOKENS: Final = {
    "iam": {"access_token": "t", "refresh_token": "r", "token_type": "Bearer", "expires_in": 3600},
    "mcsp": {"token": "t", "token_type": "jwt", "expires_in": 7200},
}
STATUSES: Final = (
    *(200, 201, 202, 204, 206, 299, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 408),
    *(409, 410, 412, 413, 415, 418, 422, 423, 425, 429, 431, 451, 499, 500, 501, 502, 503, 504, 520, 599),
)
FAULTS: Final[Mapping[int, type[Exception]]] = {
    1: httpx.ConnectError,
    2: httpx.ConnectTimeout,
    3: httpx.ReadTimeout,
    4: httpx.ReadError,
    5: httpx.RemoteProtocolError,
    6: httpx.WriteError,
    7: httpx.DecodingError,
    8: httpx.PoolTimeout,
    9: OSError,
}
"""What happens in place of an answer, by the status that stands for it."""

ERRORS: Final = (
    {"detail": "Not found."},
    {"detail": "no", "error_code": "E1", "errors": {"model_name": ["taken", "short"]}, "retry_after": 3},
    {"error": "words"},
    {"error": {"message": "words", "code": "E1"}},
    {"message": "words", "code": "E1"},
    {"detail": [{"loc": ["body", "name"], "msg": "field required", "type": "missing"}]},
    {"detail": {"message": "words", "code": "RESOURCE_QUOTA_EXCEEDED", "current": 3, "limit": 3}},
    {"errorCode": "BXNIM0415E", "errorMessage": "no key", "errorDetails": "x"},
    {"retry_after": Decimal("1.5")},
)
HEADERS: Final = {
    "retry-after": (
        *(b"0", b"1", b"-1", b"1e9", b"999999999999999999999", b"1.5", b"nan", b"inf", b"\xd9\xa1"),
        *(b"Fri, 31 Dec 9999 23:59:59 GMT", b"Sat, 30 Feb 2026 00:00:00 +9999", b"", b"\xff\xfe"),
    ),
    "ratelimit-reset": (b"5", b"-5", b"x", b"1e400", b"99999999999999999999999"),
    "x-ratelimit-reset": (b"5", b"1799999999", b"9" * 400, b"x"),
    "x-ratelimit-reset-requests": (b"1s", b"6m0s", b"1e99h", b"x"),
    "content-type": (b"text/html", b"application/json; charset=utf-16", b"", b"\xff", b"application/xml"),
    "content-encoding": (b"gzip", b"x-gzip", b"br", b"identity", b"gzip, gzip", b"", b"\xff"),
    "content-length": (b"0", b"5", b"x", b"-1", b"99999999999"),
    "location": (b"http://127.0.0.1:9/", b"/x", b"http://[::1", b"\xff", b"//", b"javascript:1", b""),
    "x-request-id": (b"a", b"x" * 5000, b"\x1b[31m", b"\xff\xff", b"", b"a\tb"),
    "date": (b"Sat, 21 Nov 2026 00:00:00 GMT", b"x", b"", b"Fri, 31 Dec 9999 23:59:59 -9999"),
    "set-cookie": (b"a=b; Domain=x; Path=/; Max-Age=99999999999999999999", b"=;;=", b"\xff"),
    "transfer-encoding": (b"chunked",),
    "www-authenticate": (b"Bearer error=x", b"\xff"),
    "": (b"x",),
}
TOKENS_OF_JSON: Final[Sequence[bytes]] = (
    *(b'{ } [ ] , : " null true NaN Infinity -Infinity 1e999 -0 1E+400 1e99999 -1E-99999999 1e-999'.split()),
    *(b'\xef\xbb\xbf \xff \x00 \\ud800 \\u0000 "id" [[[[[[[[ {"":{"": 999999999999 <html> \x1f\x8b'.split()),
    *(b" ", b"9" * 5000, b"[" * 5000),
)

Case = dict[str, Any]


def encoded(case: Case) -> bytes:
    return json.dumps(case).encode()


def _case(seen: Sequence[Answered], *, edited: bool, auth: str | None = None) -> Case:
    answers = [[one.route, one.status, list(one.headers), one.body.decode("latin-1")] for one in seen]
    if auth:
        answers.insert(0, [f"POST {TOKEN_URL}", 200, [], json.dumps(TOKENS[auth])])
    return {"edited": edited, "auth": auth, "answers": answers}


class Script(httpx.AsyncBaseTransport):
    """Answers as a case says: each route its answers in order, the last one from then on."""

    def __init__(self, case: Case) -> None:
        self.left: dict[str, list[Any]] = {}
        for route, *answer in case["answers"]:
            self.left.setdefault(route, []).append(answer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        route = route_of(request)
        if str(request.url) == TOKEN_URL:
            route = f"POST {TOKEN_URL}"
        answers = self.left.get(route) or self._like(route)
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        if status in FAULTS:
            raise FAULTS[status]("a fault")
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return httpx.Response(status, headers=raw, stream=httpx.ByteStream(body.encode("latin-1")))

    def _like(self, route: str) -> list[Any]:
        """Answers to the same address but for its query, or else to the same method."""
        path = route.partition("?")[0]
        for fits in (path, route.partition(" ")[0] + " "):
            for known, answers in self.left.items():
                if known.partition("?")[0] == path or (fits.endswith(" ") and known.startswith(fits)):
                    return answers
        return [[404, [], "{}"]]


class Answers:
    """The answers of one kind of registry."""

    def __init__(self, kind: str) -> None:
        self.name = kind
        self._corpus: list[bytes] = []

    def corpus(self) -> Sequence[bytes]:
        if not self._corpus:
            for state, (seen, _) in stage.recorded(self.name).items():
                for auth in (None, *(TOKENS if KINDS[self.name].takes_auth else ())):
                    self._corpus.append(encoded(_case(seen, edited=state != "create", auth=auth)))
        return self._corpus

    def start(self, seed: int) -> Callable[[Sequence[bytes]], bytes]:
        trees = [
            simplejson.loads(answer[3], use_decimal=True)
            for case in map(json.loads, self.corpus())
            for answer in case["answers"]
            if answer[3]
        ]
        grafts = [part for tree in (*trees, *ERRORS) for part in subtrees(tree)]
        words = {key for tree in (*trees, *ERRORS) for key in keys(tree)}
        words |= {step for table in KINDS[self.name].tables.values() for row in table.rows
                  for point in row.points for step in point.path}  # fmt: skip
        mutator = Mutator(seed, words, grafts)
        random = mutator.random
        bodies = [json.dumps(tree, default=str).encode() for tree in trees]

        def make(kept: Sequence[bytes]) -> bytes:
            case: Case = json.loads(random.choice(kept if random.random() < 0.5 else self.corpus()))
            for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
                if not case["answers"]:
                    break
                # The first ones are the lists, that all depends on.
                most = len(case["answers"]) if random.random() < 0.6 else min(2, len(case["answers"]))
                _change(case["answers"], random.randrange(most), mutator, bodies)
            return encoded(case)

        return make

    def run(self, data: bytes) -> str:
        case: Case = json.loads(data)
        script = Script(case)
        given = stage.project(edited=case["edited"])
        with _token_endpoint(script):
            auth = None
            if case["auth"]:
                key = Secret("IBM_KEY", "planted-text-3")
                auth = AccessToken(TokenExchange(key, TOKEN_URL, case["auth"]), registry=self.name)
            way = stage.connection(self.name, lambda: script, auth)
            ran = asyncio.run(_run(self.name, given, way))
        if isinstance(ran, str):
            return ran
        kinds = [
            checks.failure(error) if isinstance(error, RegistryError) else "read"
            for error in (ran.observed, ran.told)
        ]
        kinds.append(checks.plan(ran.plan, given.config))
        if ran.outcome is not None:
            before = stage.recorded(self.name)["create"][1]
            kinds.append(checks.outcome(ran.plan, ran.outcome, before))
        if isinstance(ran.observed, Observation):
            # Import tries its manifests in plans of their own, which takes longer than all the rest.
            if zlib.crc32(data) % 4 == 0:
                kinds.append(_import(given, ran.observed))
            KINDS[self.name].account(ran.observed.objects)
        return " / ".join(kinds)


async def _run(kind: str, given: Any, way: Any) -> stage.Ran | str:
    """A run; what it ended in before anything was written, where it may."""
    try:
        return await stage.run(kind, given, way, apply=True)
    except ReconcilerError as error:
        return f"ended: {checks.failure(error)}"


def _import(given: Any, observed: Observation) -> str:
    made = import_objects(given.config, (), observed, choose(observed, ()), set())
    for one in made.manifests:
        text = one.text("model.schema.json")
        checks.shown(text, *(stub.line for stub in one.secrets), *one.left_out)
        documents, problems = parse(text.encode(), "imported.yaml")
        if problems or len(documents) != 1:
            raise Broken(f"import wrote what cannot be read: {[each.message for each in problems]}")
    checks.shown(*(one.reason.encode("utf-8", "replace").decode() for one in made.skipped))
    return f"imported {bool(made.manifests)} failed {any(one.failed for one in made.skipped)}"


@contextmanager
def _token_endpoint(script: Script) -> Iterator[None]:
    """The token endpoint is the script as well: the client of it has no way in."""
    real = exchange._Endpoint.__init__

    def near(self: Any, *given: Any) -> None:
        real(self, *given)
        self._clients._wire = lambda: script

    exchange._Endpoint.__init__ = near  # type: ignore[method-assign]
    try:
        yield
    finally:
        exchange._Endpoint.__init__ = real  # type: ignore[method-assign]


def _change(answers: list[Any], at: int, mutator: Mutator, bodies: Sequence[bytes]) -> None:
    """Changes one answer of a case, or which there are."""
    random = mutator.random
    route, status, headers, body = answers[at]
    what = random.random()
    if what < 0.55:
        body = _tree(mutator, body)
    elif what < 0.70:
        body = mutator.bytes(body.encode("latin-1"), bodies, TOKENS_OF_JSON).decode("latin-1")
    elif what < 0.82:
        status = random.choice(STATUSES) if random.random() < 0.85 else random.choice(list(FAULTS))
        if random.random() < 0.7:
            error = random.choice(ERRORS)
            body = _text(mutator, mutator.tree(error) if random.random() < 0.8 else error)
        if status == 429 and random.random() < 0.6:
            headers = [*headers, _header(mutator, "retry-after")]
    elif what < 0.92:
        headers = [*headers, _header(mutator, random.choice(list(HEADERS)))]
        if random.random() < 0.3:
            headers = [*headers, ["content-encoding", "gzip"]]
            packed = gzip.compress(body.encode("latin-1"))
            cut = mutator.bytes(packed, [packed], TOKENS_OF_JSON) if random.random() < 0.5 else packed
            body = cut.decode("latin-1")
    elif what < 0.97:
        answers.insert(at, [route, status, headers, _tree(mutator, body)])
        return
    else:
        del answers[at]
        return
    answers[at] = [route, status, headers, body]


def _header(mutator: Mutator, name: str) -> list[str]:
    value = mutator.random.choice(HEADERS[name])
    if mutator.random.random() < 0.3:
        value = mutator.bytes(value, [value], TOKENS_OF_JSON).replace(b"\r", b"").replace(b"\n", b"")
    return [name or "x-odd", value.decode("latin-1")]


def _tree(mutator: Mutator, body: str) -> str:
    try:
        tree = simplejson.loads(body.encode("latin-1"), use_decimal=True)
        return _text(mutator, mutator.tree(tree))
    except (ValueError, ArithmeticError, RecursionError):
        return body


def _text(mutator: Mutator, tree: Any) -> str:
    """As JSON in the bytes of an answer. Half characters stay escaped."""
    return with_depth(simplejson.dumps(tree, use_decimal=True, ensure_ascii=True), mutator.random)


KINDS_OF_ANSWERS = tuple(Answers(kind) for kind in stage.KINDS)
