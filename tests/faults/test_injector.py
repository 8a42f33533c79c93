"""What a client sees of each fault on a socket, and what the registry holds then."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli.folder import Folder
from embedded.client import new_model
from starlette.responses import PlainTextResponse

from reconciler.embedded import Options, create_app
from reconciler.embedded.faults.faults import Faults
from reconciler.embedded.faults.injector import FaultInjector
from reconciler.embedded.faults.rules import FaultFile

from .gate import Gate

OPTIONS = Options(probe=False)
MODEL = {**new_model(), "input_cost": 1, "output_cost": 2}


class Served:
    """A registry on a socket, and one that behaves over the same file."""

    def __init__(self, url: str, gate: Gate, database: Path) -> None:
        self.http = httpx.Client(base_url=url, trust_env=False)
        self.gate = gate
        self.database = database
        self.honest = create_app(database, options=OPTIONS)

    def rules(self, *rules: dict[str, Any]) -> Faults:
        found = Faults(FaultFile.model_validate({"faults": list(rules)}))
        self.gate.app = create_app(self.database, options=OPTIONS, faults=found)
        return found

    def create(self, **changes: Any) -> httpx.Response:
        return self.http.post("/v2/models", json={**MODEL, **changes})

    def ids(self) -> list[str]:
        """Of the models that a client made, as the answer to a list shows them."""
        listed = self.http.get("/v2/models").json()
        return [model["id"] for model in listed if model["owner"] != "system"]

    def truth(self) -> list[str]:
        faulty, self.gate.app = self.gate.app, self.honest
        try:
            return self.ids()
        finally:
            self.gate.app = faulty


@pytest.fixture
def served(gate_and_url: tuple[Gate, str], tmp_path: Path) -> Iterator[Served]:
    gate, url = gate_and_url
    gate.reset()
    found = Served(url, gate, tmp_path / "registry.db")
    yield found
    found.http.close()
    found.honest.state.store.close()
    gate.app.state.store.close()


def raw_answer(served: Served) -> bytes:
    """What comes for a list until the other side ends the connection."""
    address = served.http.base_url
    with socket.create_connection((address.host, address.port or 0)) as connection:
        connection.sendall(b"GET /v2/models HTTP/1.1\r\nHost: registry\r\n\r\n")
        found = b""
        while piece := connection.recv(65536):
            found += piece
    return found


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reset_is_a_reset_on_the_socket(served: Served, when: str) -> None:
    served.rules({"reset": when})
    with pytest.raises(ConnectionResetError):
        raw_answer(served)
    with pytest.raises(httpx.ReadError):
        served.create()
    assert served.truth() == (["support"] if when == "after" else [])


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failure_comes_before_or_after_the_commit(served: Served, status: int, when: str) -> None:
    served.rules({"match": {"call": "create"}, "status": status, "when": when})
    answer = served.create()
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/json" if status == 500 else "text/html")
    assert served.truth() == (["support"] if when == "after" else [])


HINTS = {
    "none": lambda answer: answer.headers.keys().isdisjoint({"retry-after", "x-ratelimit-reset"}),
    "retry-after": lambda answer: answer.headers["retry-after"] == "30",
    "retry-after-date": lambda answer: answer.headers["retry-after"].endswith(" GMT"),
    "retry-after-ms": lambda answer: answer.headers["retry-after-ms"] == "30000",
    "x-ratelimit-reset": lambda answer: answer.headers["x-ratelimit-reset"] == "30",
    "x-ratelimit-reset-at": lambda answer: float(answer.headers["x-ratelimit-reset"]) > 1e9,
    "body": lambda answer: answer.json()["retry_after"] == 30,
}


@pytest.mark.parametrize(("hint", "has"), HINTS.items())
def test_a_limit_says_when_to_try_again(
    served: Served, hint: str, has: Callable[[httpx.Response], bool]
) -> None:
    served.rules({"status": 429, "hint": hint, "wait": "30s"})
    answer = served.create()
    assert answer.status_code == 429
    assert "Rate limit" in answer.json()["error"]
    assert has(answer)
    assert served.truth() == []


def test_a_truncated_answer_has_less_than_it_announces(served: Served) -> None:
    served.rules({"match": {"call": "list"}, "truncate": "length"})
    head, _, body = raw_answer(served).partition(b"\r\n\r\n")
    length = re.search(rb"content-length: ([0-9]+)", head)
    assert length is not None
    assert 0 < len(body) < int(length[1])
    with pytest.raises(httpx.RemoteProtocolError):
        served.http.get("/v2/models")


def test_half_of_the_json_is_a_whole_answer(served: Served) -> None:
    served.rules({"truncate": "json"})
    answer = served.http.get("/v2/models")
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()


def test_an_answer_without_a_body_is_broken_off_in_its_head(served: Served) -> None:
    served.rules({"match": {"call": "switch"}, "truncate": "length"})
    served.create()
    with pytest.raises(httpx.RemoteProtocolError):
        served.http.delete("/v2/workspace-models/support")


@pytest.mark.parametrize(
    ("malformed", "content_type"),
    [("html", "text/html; charset=utf-8"), ("content-type", "text/plain"), ("json", "application/json")],
)
def test_a_malformed_answer_is_a_success_all_the_same(
    served: Served, malformed: str, content_type: str
) -> None:
    served.rules({"match": {"call": "create"}, "malformed": malformed})
    answer = served.create()
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert ('"id":"support"' in answer.text) == (malformed == "content-type")
    assert served.truth() == ["support"]


def test_reads_are_stale_for_a_number_of_them(served: Served) -> None:
    served.rules({"match": {"name": "second"}, "stale": "2 reads"})
    served.create()
    assert served.create(id="second").status_code == 200
    assert [served.ids() for _ in range(3)] == [["support"], ["support"], ["support", "second"]]


def test_reads_are_stale_for_a_time_and_until_the_faults_are_off(served: Served) -> None:
    found = served.rules({"stale": "10m"})
    served.create()
    assert (served.ids(), served.truth()) == ([], ["support"])
    found.off()
    assert served.ids() == ["support"]
    served.rules({"stale": "0ms"})
    served.create(id="second")
    assert served.ids() == ["support", "second"]


def test_a_stale_read_that_takes_its_time_outlives_the_staleness(tmp_path: Path) -> None:
    app = create_app(tmp_path / "registry.db", options=OPTIONS)
    store = app.state.store
    begun, going, counts = asyncio.Event(), asyncio.Event(), []

    async def slow(scope: Any, _receive: Any, send: Any) -> None:
        if scope["query_string"] == b"slow":
            begun.set()
            await going.wait()
        with store.reading() as connection:
            counts.append(connection.execute("SELECT count(*) FROM orq_model").fetchone())
        await PlainTextResponse("")(scope, _receive, send)

    rules = FaultFile.model_validate({"faults": [{"stale": "1 read"}]})
    injector = FaultInjector(slow, faults=Faults(rules), store=store)

    async def scenario() -> None:
        transport = httpx.ASGITransport(app=injector)
        async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
            await client.post("/v2/models", json={})
            first = asyncio.create_task(client.get("/v2/models?slow"))
            await begun.wait()
            await client.get("/v2/models")
            going.set()
            assert (await first).status_code == 200

    asyncio.run(scenario())
    store.close()
    assert len(counts) == 3


def test_a_lost_write_is_answered_as_any_other(served: Served) -> None:
    served.rules({"lose": True})
    answer = served.create()
    assert (answer.status_code, answer.json()["id"]) == (200, "support")
    assert served.truth() == []


def test_a_lost_field_is_left_as_it_was(served: Served) -> None:
    served.rules({"match": {"call": "update"}, "lose": ["display_name"]})
    served.create()
    body = {"display_name": "New", "has_functions": True}
    answer = served.http.patch("/v2/models/support", json=body)
    assert (answer.status_code, answer.json()["display_name"]) == (200, "Support")
    assert answer.json()["has_functions"] is True


def test_another_client_makes_the_same_just_before(served: Served) -> None:
    served.rules({"duplicate": True})
    assert served.create().status_code == 400  # its id is taken
    assert served.truth() == ["support"]
    url = "/v1/orchestrate/models"
    body = {"name": "virtual-model/openai/gpt-4o", "connection_id": "c1"}
    assert served.http.post(url, json=body).status_code in (200, 201)
    assert len(served.http.get(url).json()) == 2


def test_health_is_never_touched(served: Served) -> None:
    served.rules({"status": 503})
    assert served.http.get("/healthz").status_code == 200


def test_without_a_socket_a_reset_is_an_exception(tmp_path: Path) -> None:
    found = Faults(FaultFile.model_validate({"faults": [{"reset": "after"}]}))
    app = create_app(tmp_path / "registry.db", options=OPTIONS, faults=found)

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
            await client.get("/v2/models")

    with pytest.raises(ConnectionResetError):
        asyncio.run(ask())
    app.state.store.close()


def test_serve_takes_a_file_and_tells_at_the_end_how_often_each_rule_fired(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "faults.yaml").write_text("faults:\n- {match: {call: list, times: 1}, status: 503}\n")
    with folder.start("serve", "--db", "served.db", "--faults", "faults.yaml") as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("listening on ").strip()
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert [client.get("/v2/models").status_code for _ in range(2)] == [503, 200]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said.splitlines() == ["fired 1 of 2: status 503, where call=list times=1", "stopped"]


def test_serve_does_not_start_with_a_mistake_in_the_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "faults.yaml").write_text("faults:\n- {latency: soon}\n")
    result = folder.process("serve", "--faults", "faults.yaml")
    assert (result.code, result.out) == (1, "")
    assert "faults.yaml:2:13: a time is a number with its unit: 200ms, 3s or 1m" in result.err
