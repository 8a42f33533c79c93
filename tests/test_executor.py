"""Apply against a server that behaves, and one that does not.

What counts is what the server holds in the end and how often it was asked, never only what we say of it.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from house import House, brisk, manifest, one, result, run
from orq_server import (
    Exchange,
    Fault,
    OrqServer,
    answers_with,
    hangs,
    live_model,
    orq,
    resets,
    says,
    slow,
    stale,
    stores,
    truncated,
)
from tenacity import wait_none

from reconciler.errors import ExitCode, InternalError, ReconcilerError, SecretError, Unreachable
from reconciler.executor import Stop, Target, execute, timing
from reconciler.executor.live import Live
from reconciler.fingerprints import basis, fingerprint
from reconciler.outcome import ActionResult, Outcome, apply_exit_code
from reconciler.plan import Plan, PlannedEdit, PlannedRequest
from reconciler.registries import talk
from reconciler.registries.interface import Observation
from reconciler.registries.orq import client
from reconciler.registries.orq.client import live_object
from reconciler.registries.orq.fields import GENERIC
from reconciler.registries.orq.kind import ORQ
from reconciler.registries.wire import body_bytes
from reconciler.secrets import Secret, SecretRef, SecretStore

D = Decimal
NEW_NAME = {"display_name": "New name"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "_settings", brisk(0.4))
    monkeypatch.setattr("reconciler.http.repeating._AFTER_FAULT", wait_none())
    monkeypatch.setattr("reconciler.http.repeating._AFTER_LIMIT", wait_none())
    monkeypatch.setattr(timing, "PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, manifests=[manifest()])


Prepare = Callable[[OrqServer], None]


@dataclasses.dataclass
class Ran:
    """A run against one server: what it held then, and what it was asked."""

    server: OrqServer
    plan: Plan
    outcome: Outcome

    @property
    def code(self) -> int:
        return int(apply_exit_code(self.plan, self.outcome))

    def status(self, name: str = "support-mini") -> str:
        return result(self.outcome, name).status

    @property
    def only(self) -> Any:
        return result(self.outcome)


def applied(house: House, *live: dict[str, Any], prepare: Prepare = lambda _: None, **options: Any) -> Ran:
    """Plans and applies against a server that holds ``live``; ``prepare`` comes between the two."""

    async def scenario() -> Ran:
        async with orq(*live) as server:
            house.urls = {"orq": server.url}
            observed = await house.observe()
            plan = house.plan(observed)
            prepare(server)
            outcome = await house.execute(plan, observed=observed, **options)
            return Ran(server, plan, outcome)

    ran: Ran = run(scenario())
    return ran


def faulty(method: str, *faults: Fault) -> Prepare:
    return lambda server: server.fails(method, *faults)


def second_plan(house: House, server: OrqServer) -> Plan:
    """The plan for what the server holds after a run."""
    return house.plan([server.read(document) for document in server.documents])


# ---- a create


def test_a_create_makes_the_model_and_the_second_plan_is_empty(house: House) -> None:
    ran = applied(house)
    assert (ran.status(), ran.only.id, ran.only.remarks, ran.code) == ("done", "support-mini", (), 0)
    assert ran.only.request_ids == ("r-2",)
    assert ran.server.stored("support-mini")["input_cost"] == D("0.00015")
    assert [action.operation for action in second_plan(house, ran.server).actions()] == ["none"]


def test_nothing_to_do_makes_no_call(house: House) -> None:
    ran = applied(house, live_model())
    assert (ran.status(), ran.code, len(ran.server.seen)) == ("unchanged", 0, 1)


def test_exact_prices_go_over_the_wire(house: House) -> None:
    house.manifests = [
        manifest(
            pricing={"unit": "1M tokens", "currency": "USD", "input": D("0.123456789012345"), "output": 0}
        )
    ]
    ran = applied(house)
    [create] = [exchange for exchange in ran.server.seen if exchange.method == "POST"]
    assert b'"input_cost": 0.000123456789012345,' in create.body
    assert ran.status() == "done"


# ---- an update that replaces whole containers

UNKNOWN = {
    "supports_tomorrow": True,
    "million_tokens_dream_cost": D("1.50"),
    "a_list": [1, {"b": None}],
    "an_object": {"deep": {"er": [D("0.10")]}},
    "a_text": "ünï “quoted” \u2028",
}


def rich_model() -> dict[str, Any]:
    """A live model with twenty keys in `metadata`, five of them unknown to us, and `is_private` false."""
    live = live_model()
    live["metadata"] = {
        "is_private": False,
        "supports_tool_calling": True,
        "million_tokens_input_cost": D("0.15"),
        "million_tokens_output_cost": D("0.6"),
        "context_window": 128000,
        "max_output_tokens": 16384,
        "supports_vision": True,
        "supports_streaming": True,
        "supports_zdr": True,
        "knowledge_cutoff": "2023-10",
        "region": "us",
        "supported_video_sizes": ["b", "a"],
        "million_tokens_cache_read_cost": D("0.075"),
        "cached_input_cost": D("0.0000750"),
        "speed_rating": 4,
        **copy.deepcopy(UNKNOWN),
    }
    assert len(live["metadata"]) == 20
    return live


def test_three_declared_keys_leave_the_other_seventeen_as_they_are(house: House) -> None:
    house.manifests = [
        manifest(
            limits={"context_window": 200000},
            native={"orq": {"metadata": {"knowledge_cutoff": "2024-04", "supports_zdr": False}}},
        )
    ]
    before = rich_model()
    ran = applied(house, rich_model())
    assert (ran.status(), ran.only.remarks, ran.code) == ("done", (), 0)
    [body] = ran.server.bodies("PATCH")
    assert set(body) == {"metadata"}
    declared = {"context_window": 200000, "knowledge_cutoff": "2024-04", "supports_zdr": False}
    assert body["metadata"] == before["metadata"] | declared
    after = ran.server.stored("support-mini")["metadata"]
    untouched = set(before["metadata"]) - set(declared)
    assert len(untouched) == 17
    for key in untouched:
        assert written(after[key]) == written(before["metadata"][key]), key
    assert [action.operation for action in second_plan(house, ran.server).actions()] == ["none"]


def written(value: Any) -> str:
    """As it stands on the wire, but for the zeros at the end of a number."""
    import simplejson

    return simplejson.dumps(value, use_decimal=True, sort_keys=True)


def test_is_private_is_spelled_out_where_it_does_not_read_back(house: House) -> None:
    house.manifests = [manifest(limits={"context_window": 5})]
    ran = applied(house, rich_model())
    assert "is_private" not in ran.server.read(ran.server.stored("support-mini"))["metadata"]
    assert ran.server.bodies("PATCH")[0]["metadata"]["is_private"] is False


def test_is_private_stays_true_where_it_is(house: House) -> None:
    house.manifests = [manifest(limits={"context_window": 5})]
    ran = applied(house, live_model())
    assert ran.server.bodies("PATCH")[0]["metadata"]["is_private"] is True


def test_a_cleared_key_is_left_out_and_nothing_else(house: House) -> None:
    house.manifests = [manifest(limits={"context_window": None})]
    ran = applied(house, rich_model())
    after = ran.server.read(ran.server.stored("support-mini"))["metadata"]
    assert ran.status() == "done"
    assert rich_model()["metadata"].keys() - after.keys() == {"context_window", "is_private"}


def parameter(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"p-{name}",
        "name": name.title(),
        "parameter": name,
        "description": None,
        "config": {"min": 0, "max": 2, "step": D("0.1")},
        "parameter_type": "slider",
        "is_active": True,
        **changes,
    }


def test_an_update_of_one_parameter_carries_the_others_as_the_registry_takes_them(house: House) -> None:
    live = live_model(
        parameters=[
            parameter("temperature"),
            parameter("top_p", description="Nucleus", position=3, own_key=[1]),
            parameter("seed", is_active=False, hints=None),
        ]
    )
    house.manifests = [manifest(native={"orq": {"parameters": {"temperature": {"config": {"max": 1}}}}})]
    ran = applied(house, live)
    assert (ran.status(), ran.only.remarks) == ("done", ())
    [body] = ran.server.bodies("PATCH")
    assert body == {
        "parameters": [
            {
                "id": "p-temperature",
                "name": "Temperature",
                "parameter": "temperature",
                "config": {"min": 0, "max": 1, "step": D("0.1")},
                "parameter_type": "slider",
            },
            {
                "id": "p-top_p",
                "name": "Top_P",
                "parameter": "top_p",
                "description": "Nucleus",
                "position": 3,
                "own_key": [1],
                "config": {"min": 0, "max": 2, "step": D("0.1")},
                "parameter_type": "slider",
            },
            {
                "id": "p-seed",
                "name": "Seed",
                "parameter": "seed",
                "config": {"min": 0, "max": 2, "step": D("0.1")},
                "parameter_type": "slider",
            },
        ]
    }


# ---- prices and what the server derives from them


def prices(**changes: Any) -> dict[str, Any]:
    return {"unit": "1M tokens", "currency": "USD", "input": 0.15, "output": 0.60, **changes}


def test_a_price_changed_together_with_a_metadata_key_leaves_the_derived_key_right(house: House) -> None:
    house.manifests = [manifest(pricing=prices(input=0.30), limits={"context_window": 5})]
    ran = applied(house, live_model())
    assert ran.status() == "done"
    assert ran.server.bodies("PATCH")[0]["metadata"]["million_tokens_input_cost"] == D("0.3")
    stored = ran.server.stored("support-mini")
    assert (stored["input_cost"], stored["metadata"]["million_tokens_input_cost"]) == (D("0.0003"), D("0.3"))
    assert stored["metadata"]["million_tokens_output_cost"] == D("0.6")
    assert second_plan(house, ran.server).actions("update") == []


def test_a_price_alone_sends_the_price_alone(house: House) -> None:
    house.manifests = [manifest(pricing=prices(input=0.30))]
    ran = applied(house, rich_model())
    assert ran.server.bodies("PATCH") == [{"input_cost": D("0.0003")}]
    assert (ran.status(), ran.only.remarks) == ("done", ())
    assert second_plan(house, ran.server).actions("update") == []


def test_a_derived_key_that_contradicts_its_price_is_mended(house: House) -> None:
    live = live_model()
    live["metadata"]["million_tokens_input_cost"] = D("150")
    ran = applied(house, live)
    assert ran.status() == "done"
    assert ran.server.stored("support-mini")["metadata"]["million_tokens_input_cost"] == D("0.15")
    assert second_plan(house, ran.server).actions("update") == []


# ---- writes whose answer is lost

BEFORE_COMMIT: dict[str, Fault] = {
    "time-out": hangs(),
    "reset": resets(),
    "500": says(500, {"error": "boom"}),
    "502": says(502, b"<html>bad gateway</html>"),
    "503": says(503),
}
AFTER_COMMIT: dict[str, Fault] = {
    "time-out": hangs(commit=True),
    "reset": resets(commit=True),
    "500": says(500, {"error": "saved, but not live"}, commit=True),
    "502": says(502, b"", commit=True),
    "504": says(504, b"", commit=True),
    "half an answer": truncated,
    "HTML": says(200, b"<html>", commit=True),
}


@pytest.mark.parametrize("fault", BEFORE_COMMIT)
def test_a_create_that_did_not_happen_is_looked_up_and_sent_again(house: House, fault: str) -> None:
    ran = applied(house, prepare=faulty("POST", BEFORE_COMMIT[fault]))
    assert (ran.status(), ran.code, ran.only.remarks) == ("done", 0, ())
    assert [exchange.method for exchange in ran.server.seen] == ["GET", "POST", "GET", "POST", "GET"]
    assert len(ran.server.documents) == 1


@pytest.mark.parametrize("fault", AFTER_COMMIT)
def test_a_create_that_happened_although_its_answer_was_lost_is_found_and_never_repeated(
    house: House, fault: str
) -> None:
    ran = applied(house, prepare=faulty("POST", AFTER_COMMIT[fault]))
    assert (ran.status(), ran.code) == ("done", 0)
    [remark] = ran.only.remarks
    assert remark.startswith("the answer was lost (orq: POST ")
    assert remark.endswith("; found done by reading")
    assert [exchange.method for exchange in ran.server.seen] == ["GET", "POST", "GET"]
    assert len(ran.server.documents) == 1


@pytest.mark.parametrize("fault", BEFORE_COMMIT)
def test_an_update_that_did_not_happen_is_sent_again(house: House, fault: str) -> None:
    house.manifests = [manifest(**NEW_NAME)]
    ran = applied(house, live_model(), prepare=faulty("PATCH", BEFORE_COMMIT[fault]))
    assert (ran.status(), ran.code, ran.server.count("PATCH")) == ("done", 0, 2)
    assert ran.server.stored("support-mini")["display_name"] == "New name"


@pytest.mark.parametrize("fault", AFTER_COMMIT)
def test_an_update_that_happened_although_its_answer_was_lost_is_found(house: House, fault: str) -> None:
    house.manifests = [manifest(**NEW_NAME)]
    ran = applied(house, live_model(), prepare=faulty("PATCH", AFTER_COMMIT[fault]))
    assert (ran.status(), ran.code, ran.server.count("PATCH")) == ("done", 0, 1)
    assert "found done by reading" in ran.only.remarks[0]


@pytest.mark.parametrize(("method", "live"), [("POST", []), ("PATCH", [live_model()])])
def test_the_tries_are_bounded(house: House, method: str, live: list[Any]) -> None:
    house.manifests = [manifest(**NEW_NAME)]
    ran = applied(
        house, *live, prepare=lambda server: server.always.update({method: says(500, {"error": "no"})})
    )
    assert (ran.status(), ran.code, ran.server.count(method)) == ("unproven", 4, 3)
    assert ran.only.reason == "sent 3 times; by what the registry shows, it has not happened"
    assert (ran.only.failure.code, ran.only.failure.status) == ("unknown-outcome", 500)


@pytest.mark.parametrize(("method", "live"), [("POST", []), ("PATCH", [live_model()])])
def test_a_look_that_fails_leaves_it_unproven(house: House, method: str, live: list[Any]) -> None:
    house.manifests = [manifest(**NEW_NAME)]

    def prepare(server: OrqServer) -> None:
        server.fails(method, resets(commit=True))
        server.always["GET"] = says(503)

    ran = applied(house, *live, prepare=prepare)
    assert (ran.status(), ran.code, ran.server.count(method)) == ("unproven", ExitCode.PARTIAL, 1)
    assert ran.only.reason.startswith("the answer was lost, and reading it back failed: orq: GET ")
    assert ran.only.failure.status == 503


def test_there_is_a_pause_before_the_look(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway gives up on a create that the registry is still busy with."""
    monkeypatch.setattr(timing, "PAUSES", (0.3, 0.3, 0.3))
    ran = applied(house, prepare=faulty("POST", resets(commit_after=0.1)))
    assert (ran.status(), ran.server.count("POST"), len(ran.server.documents)) == ("done", 1, 1)


def test_a_create_that_turns_out_done_when_it_is_repeated_is_done(house: House) -> None:
    async def commits_behind_the_look(exchange: Exchange) -> None:
        await exchange.honest()  # an honest list, still without the model
        exchange.server.seen[1].commit()

    def prepare(server: OrqServer) -> None:
        server.fails("POST", resets())
        server.fails("GET", commits_behind_the_look)

    ran = applied(house, prepare=prepare)
    assert (ran.status(), ran.code, ran.server.count("POST")) == ("done", 0, 2)
    assert "an earlier try, whose answer was lost, had made it" in ran.only.remarks[0]
    assert "already exists" in ran.only.remarks[0]
    assert len(ran.server.documents) == 1


def test_the_look_is_a_read_that_began_after_the_answer_was_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that another action asked for earlier may be from before the write."""
    house.manifests = [manifest("a", model="a", display_name="A"), manifest("b", model="b", display_name="B")]

    list_is_read, both_look = asyncio.Event(), asyncio.Event()
    looking: list[Live] = []
    look = Live.now

    async def noticed(live: Live) -> Any:
        looking.append(live)
        if len(looking) == 2:
            both_look.set()
        return await look(live)

    monkeypatch.setattr(Live, "now", noticed)

    async def old_list_arrives_late(exchange: Exchange) -> None:
        before = [exchange.server.read(document) for document in exchange.server.documents]
        list_is_read.set()
        await both_look.wait()
        await exchange.answer(200, before)

    async def lost_while_that_list_is_on_its_way(exchange: Exchange) -> None:
        await list_is_read.wait()
        await resets(commit=True)(exchange)

    def prepare(server: OrqServer) -> None:
        server.fails("POST a", resets())
        server.fails("POST b", lost_while_that_list_is_on_its_way)
        server.fails("GET", old_list_arrives_late)

    ran = applied(house, prepare=prepare)
    assert (ran.status("a"), ran.status("b")) == ("done", "done")
    sent = [exchange.id for exchange in ran.server.seen if exchange.method == "POST"]
    assert sorted(str(each) for each in sent) == ["a", "a", "b"]


def test_an_update_that_was_lost_while_somebody_else_changed_the_model_is_unproven(house: House) -> None:
    house.manifests = [manifest(**NEW_NAME)]

    async def lost(exchange: Exchange) -> None:
        exchange.server.stored("support-mini")["display_name"] = "Theirs"
        await resets()(exchange)

    ran = applied(house, live_model(), prepare=faulty("PATCH", lost))
    assert (ran.status(), ran.code, ran.server.count("PATCH")) == ("unproven", 4, 1)
    assert ran.only.reason == "'support-mini' has changed since the plan was made: display_name"
    assert ran.server.stored("support-mini")["display_name"] == "Theirs"


def test_a_mended_price_whose_answer_was_lost_is_sent_again(house: House) -> None:
    """The price itself was right before: that it reads back proves nothing."""
    live = live_model()
    live["metadata"]["million_tokens_input_cost"] = D("150")
    ran = applied(house, live, prepare=faulty("PATCH", resets()))
    assert (ran.status(), ran.server.count("PATCH")) == ("done", 2)
    assert ran.server.stored("support-mini")["metadata"]["million_tokens_input_cost"] == D("0.15")


def test_a_lost_update_of_what_never_reads_back_is_unproven(house: House) -> None:
    edit = PlannedEdit(("configuration", "own"), "x")

    async def scenario() -> Ran:
        async with orq(live_model()) as server:
            house.urls = {"orq": server.url}
            house.manifests = [manifest(**NEW_NAME)]
            plan = await house.planned()
            action = one(plan)
            request = replace(action.requests[0], edits=(edit,))
            rests_on = fingerprint(GENERIC, [edit.edit()], live_object(live_model()))
            rests = basis(GENERIC, [edit.edit()], live_object(live_model()))
            action = replace(action, requests=(request,), rests_on=rests_on, basis=rests)
            plan = replace(plan, registries=(replace(plan.registries[0], actions=(action,)),))
            server.fails("PATCH", resets())
            return Ran(server, plan, await house.execute(plan))

    ran: Ran = run(scenario())
    assert (ran.status(), ran.code, ran.server.count("PATCH")) == ("unproven", 4, 1)
    assert ran.only.reason == "the answer was lost, and what was sent does not read back"


# ---- a clear no


def test_429_is_repeated_after_the_wait_that_it_asks_for(house: House) -> None:
    waits = [says(429, retry_after_ms="150"), says(429, {"error": "slow down"}, retry_after="0.1")]
    began = time.monotonic()
    ran = applied(house, prepare=faulty("POST", *waits))
    assert (ran.status(), ran.code, ran.server.count("POST")) == ("done", 0, 3)
    assert ran.server.count("GET") == 2
    assert time.monotonic() - began >= 0.25


def test_429_without_end_fails_in_bounded_tries(house: House) -> None:
    ran = applied(
        house, prepare=lambda server: server.always.update({"POST": says(429, {"error": "slow down"})})
    )
    assert (ran.status(), ran.code, ran.server.count("POST")) == ("failed", 1, 5)
    assert (ran.only.failure.code, "slow down" in ran.only.reason) == ("rate-limited", True)


def test_a_refused_write_fails_with_the_words_of_the_registry_and_stops_nothing_else(house: House) -> None:
    house.manifests = [manifest(), manifest("b", model="b", display_name="B")]
    ran = applied(house, prepare=faulty("POST support-mini", says(400, {"error": "no such family"})))
    assert (ran.status(), ran.status("b"), ran.code) == ("failed", "done", 4)
    assert ran.only.reason.startswith("orq: POST http://127.0.0.1:")
    assert ran.only.reason.endswith("/v2/models: 400 Bad Request: no such family")
    assert ran.server.count("POST") == 2


def test_a_create_of_an_id_that_somebody_else_made_meanwhile_says_so(house: House) -> None:
    async def somebody_else_first(exchange: Exchange) -> None:
        exchange.server.documents.append(live_model(display_name="Theirs"))
        await exchange.honest()

    ran = applied(house, prepare=faulty("POST", somebody_else_first))
    assert (ran.status(), ran.code) == ("failed", 1)
    assert ran.only.reason.startswith("'support-mini' is there by now: somebody else made it; plan again (")
    assert "a model with this id already exists" in ran.only.reason
    assert [document["display_name"] for document in ran.server.documents] == ["Theirs"]


def test_a_refused_create_whose_look_fails_still_says_why_it_was_refused(house: House) -> None:
    def prepare(server: OrqServer) -> None:
        server.fails("POST", says(400, {"error": "no such family"}))
        server.always["GET"] = says(503)

    ran = applied(house, prepare=prepare)
    assert (ran.status(), "no such family" in ran.only.reason) == ("failed", True)


# ---- proof


def test_what_is_accepted_and_not_stored_is_unproven_and_named(house: House) -> None:
    house.manifests = [manifest(limits={"context_window": 5, "max_output_tokens": 6}, **NEW_NAME)]

    def drop(document: dict[str, Any]) -> None:
        document["display_name"] = "Support mini"
        del document["metadata"]["context_window"]

    ran = applied(house, live_model(), prepare=faulty("PATCH", stores(drop)))
    assert (ran.status(), ran.code) == ("unproven", 4)
    assert (
        ran.only.reason
        == "accepted, not stored: display_name, limits.context_window (metadata.context_window)"
    )


@pytest.mark.parametrize(("method", "live"), [("POST", []), ("PATCH", [live_model()])])
def test_an_answer_with_another_id_proves_nothing(house: House, method: str, live: list[Any]) -> None:
    house.manifests = [manifest(**NEW_NAME)]
    other = answers_with(lambda document: document.update(id="019f-other"))
    ran = applied(house, *live, prepare=faulty(method, other))
    assert (ran.status(), ran.code) == ("unproven", 4)
    assert ran.only.reason == "asked for the id 'support-mini', and the registry answered with '019f-other'"


def test_what_an_update_changes_besides_is_a_remark(house: House) -> None:
    house.manifests = [manifest(**NEW_NAME)]

    def more(document: dict[str, Any]) -> None:
        document["enabled"] = False
        document["metadata"]["region"] = "eu"
        del document["metadata"]["knowledge_cutoff"]

    live = rich_model()
    ran = applied(house, live, prepare=faulty("PATCH", stores(more)))
    assert (ran.status(), ran.code) == ("done", 0)
    assert set(ran.only.remarks) == {
        'metadata.knowledge_cutoff changed besides: "2023-10" -> null',
        'metadata.region changed besides: "us" -> "eu"',
        "enabled changed besides: true -> false",
    }


@pytest.mark.parametrize("body", [b"", {"message": "ok"}], ids=["nothing", "a message"])
@pytest.mark.parametrize(("method", "live"), [("POST", []), ("PATCH", [live_model()])])
def test_an_answer_without_the_model_is_proven_by_reading(
    house: House, method: str, live: list[Any], body: Any
) -> None:
    house.manifests = [manifest(**NEW_NAME)]
    ran = applied(house, *live, prepare=faulty(method, says(200, body, commit=True)))
    assert (ran.status(), ran.code, ran.server.count("GET")) == ("done", 0, 2)


def test_accepted_and_then_never_in_the_list_is_unproven(house: House) -> None:
    def prepare(server: OrqServer) -> None:
        server.fails("POST", says(200, commit=True))
        server.always["GET"] = stale([])

    ran = applied(house, prepare=prepare)
    assert (ran.status(), ran.code, ran.server.count("POST")) == ("unproven", 4, 1)
    assert ran.only.reason == "accepted, but it is not in the registry's list"


def test_a_list_that_lags_behind_is_read_again(house: House) -> None:
    def prepare(server: OrqServer) -> None:
        server.fails("POST", says(200, commit=True))
        server.fails("GET", stale([]))

    ran = applied(house, prepare=prepare)
    assert (ran.status(), ran.code, ran.server.count("POST")) == ("done", 0, 1)


def test_accepted_and_then_not_readable_is_unproven(house: House) -> None:
    def prepare(server: OrqServer) -> None:
        server.fails("POST", says(200, commit=True))
        server.always["GET"] = says(503)

    ran = applied(house, prepare=prepare)
    assert (ran.status(), ran.code, ran.server.count("POST")) == ("unproven", 4, 1)
    assert ran.only.reason.startswith("accepted, but reading it back failed: orq: GET ")


# ---- ids that the server makes


def server_made(house: House) -> Any:
    """The generic table as it would be if the server made the ids."""
    rows = tuple(row for row in GENERIC.rows if not row.identity)
    identity = GENERIC.identity._replace(client_chosen=False)
    table = replace(GENERIC, rows=rows, identity=identity)
    return replace(ORQ, tables={table.variant: table})


def with_made_ids(fault: Fault | None, *there: dict[str, Any], house: House) -> tuple[OrqServer, Outcome]:
    async def scenario() -> tuple[OrqServer, Outcome]:
        async with orq(*there) as server:
            house.urls = {"orq": server.url}
            plan = await house.planned()
            action = one(plan)
            [request] = action.requests
            sent = tuple(edit for edit in request.edits if edit.path != ("id",))
            action = replace(action, id=None, requests=(replace(request, edits=sent),))
            plan = replace(plan, registries=(replace(plan.registries[0], actions=(action,)),))
            if fault is not None:
                server.fails("POST", fault)
            target = Target(server_made(house), house.connection("orq"))
            return server, (await execute(plan, {"orq": target}, SecretStore({}, {}))).outcome

    found: tuple[OrqServer, Outcome] = run(scenario())
    return found


TWIN = live_model(id="older", owner="system")


@pytest.mark.parametrize("fault", [None, says(200, b"", commit=True), resets(commit=True)])
def test_a_create_whose_id_the_server_makes_is_found_by_what_would_adopt_it(
    house: House, monkeypatch: pytest.MonkeyPatch, fault: Fault | None
) -> None:
    monkeypatch.setattr("orq_server.new_id", lambda: "made-by-server")
    server, outcome = with_made_ids(fault, TWIN, house=house)
    assert (result(outcome).status, result(outcome).id) == ("done", "made-by-server")
    assert len(server.documents) == 2


def test_a_lost_create_whose_id_the_server_makes_is_never_sent_a_second_time(house: House) -> None:
    server, outcome = with_made_ids(resets(), TWIN, house=house)
    assert (result(outcome).status, server.count("POST")) == ("unproven", 1)
    assert [exchange.method for exchange in server.seen[-3:]] == ["GET"] * 3
    assert "it is not sent again, because the registry makes the id" in str(result(outcome).reason)


def test_a_lost_create_whose_id_the_server_makes_is_found_by_a_later_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "PAUSES", (0.0, 0.3, 0.0))
    server, outcome = with_made_ids(resets(commit_after=0.15), TWIN, house=house)
    assert (result(outcome).status, server.count("POST")) == ("done", 1)


def test_two_new_models_that_could_be_the_lost_one_are_not_guessed_between(house: House) -> None:
    async def both(exchange: Exchange) -> None:
        exchange.server.documents.append(live_model(id="theirs"))
        await resets(commit=True)(exchange)

    server, outcome = with_made_ids(both, house=house)
    assert result(outcome).status == "unproven"
    assert "several new models could be the one that was made: theirs (Support mini), " in str(
        result(outcome).reason
    )
    assert server.count("POST") == 1


# ---- registries among each other


def two_registries(
    house: House, prepare: Callable[[OrqServer, OrqServer], None], *live: dict[str, Any], **options: Any
) -> tuple[OrqServer, OrqServer, Plan, Outcome]:
    async def scenario() -> tuple[OrqServer, OrqServer, Plan, Outcome]:
        async with orq(*live) as first, orq(*live) as second:
            house.urls = {"first": first.url, "second": second.url}
            plan = await house.planned()
            prepare(first, second)
            return first, second, plan, await house.execute(plan, **options)

    found: tuple[OrqServer, OrqServer, Plan, Outcome] = run(scenario())
    return found


def test_a_list_that_fails_stops_its_registry_before_any_write_and_no_other(house: House) -> None:
    first, second, plan, outcome = two_registries(
        house, lambda first, _: first.always.update({"GET": says(500, {"error": "down"})})
    )
    assert (first.writes, second.writes) == (0, 1)
    skipped = result(outcome, registry="first")
    assert (skipped.status, result(outcome, registry="second").status) == ("skipped", "done")
    assert skipped.failure is not None
    assert (skipped.failure.status, "down" in str(skipped.reason)) == (500, True)
    assert apply_exit_code(plan, outcome) == 4


def test_a_registry_that_could_not_be_planned_stops_no_other(house: House) -> None:
    async def scenario() -> tuple[OrqServer, OrqServer, Plan, Outcome]:
        async with orq() as first, orq() as second:
            first.always["GET"] = says(200, b"<html>")
            house.urls = {"first": first.url, "second": second.url}
            plan, outcome = await house.apply()
            return first, second, plan, outcome

    first, second, plan, outcome = run(scenario())
    assert (first.writes, second.writes) == (0, 1)
    assert plan.registries[0].failure is not None
    assert [each.registry for each in outcome.results] == ["second"]
    assert apply_exit_code(plan, outcome) == 4


def test_a_connection_that_cannot_be_opened_stops_no_other_registry(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = client.writer

    def writer(connection: Any) -> Any:
        if connection.registry == "first":
            raise Unreachable("first: no proxy", registry="first")
        return real(connection)

    def prepare(_first: OrqServer, _second: OrqServer) -> None:
        monkeypatch.setattr(client, "writer", writer)

    first, second, _, outcome = two_registries(house, prepare)
    assert (first.writes, second.writes) == (0, 1)
    assert result(outcome, registry="first").reason == "first: no proxy"
    assert result(outcome, registry="second").status == "done"


MOVES: dict[str, Callable[[OrqServer], None]] = {
    "field": lambda server: server.stored("support-mini").update(display_name="Theirs"),
    "other key of a container": lambda server: server.stored("support-mini")["metadata"].update(new=1),
    "gone": lambda server: server.documents.clear(),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_model_that_moved_since_the_plan_means_that_nothing_is_written_anywhere(
    house: House, move: str
) -> None:
    house.manifests = [
        manifest(limits={"context_window": 5}, **NEW_NAME),
        manifest("b", model="b", display_name="B"),
    ]
    first, second, plan, outcome = two_registries(house, lambda first, _: MOVES[move](first), live_model())
    assert (first.writes, second.writes) == (0, 0)
    assert {each.status for each in outcome.results} == {"stale"}
    assert "'support-mini'" in str(result(outcome, registry="first").reason)
    assert "something else" in str(result(outcome, "b", registry="second").reason)
    assert apply_exit_code(plan, outcome) == ExitCode.STALE


def test_an_id_that_was_taken_since_the_plan_is_stale(house: House) -> None:
    first, second, plan, outcome = two_registries(
        house, lambda first, _: first.documents.append(live_model(display_name="Theirs"))
    )
    assert (first.writes, second.writes) == (0, 0)
    reason = result(outcome, registry="first").reason
    assert reason == "'support-mini' has been created since the plan was made"
    assert apply_exit_code(plan, outcome) == ExitCode.STALE


TWINS: dict[str, dict[str, Any]] = {
    "provider and model_id": {"display_name": "Theirs"},
    "display_name": {"model_id": "other"},
}


@pytest.mark.parametrize("what", TWINS)
def test_a_model_like_a_create_that_was_made_since_the_plan_means_that_nothing_is_written(
    house: House, what: str
) -> None:
    theirs = live_model(id="theirs", **TWINS[what])
    first, second, plan, outcome = two_registries(house, lambda first, _: first.documents.append(theirs))
    assert (first.writes, second.writes) == (0, 0)
    reason = str(result(outcome, registry="first").reason)
    assert reason.startswith("'theirs', which has the same ")
    assert reason.endswith("is there since the plan was made")
    assert apply_exit_code(plan, outcome) == ExitCode.STALE


def test_a_model_like_a_create_that_is_made_during_a_long_apply_is_not_doubled(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.entries = {"concurrency": 1}
    house.manifests = [manifest(name, model=name, display_name=name) for name in ("a", "b")]
    monkeypatch.setattr(timing, "FRESH_SECONDS", 0.15)

    async def meanwhile(exchange: Exchange) -> None:
        exchange.server.documents.append(live_model(id="theirs", model_id="b", display_name="Theirs"))
        await slow(0.3)(exchange)

    ran = applied(house, prepare=faulty("POST a", meanwhile))
    assert (ran.status("a"), ran.status("b"), ran.code) == ("done", "stale", 4)
    assert ran.server.count("POST") == 1


def test_an_acknowledged_create_goes_through_where_nothing_moved(house: House) -> None:
    near = live_model(id="m-7", provider="openai")
    [refusal] = one(house.plan([near])).refusals
    head = "apiVersion: reconciler/v1\nkind: Acknowledgements\nacknowledgements:\n"
    house.urls = {"orq": "https://orq.invalid"}

    async def scenario(*more: dict[str, Any]) -> Ran:
        async with orq(near) as server:
            house.urls = {"orq": server.url}
            house.acknowledgements = ""
            [refusal] = one(await house.planned()).refusals
            house.acknowledgements = head + str(refusal.acknowledge)
            plan = await house.planned()
            server.documents += more
            return Ran(server, plan, await house.execute(plan))

    assert refusal.code == "rename"
    ran: Ran = run(scenario())
    assert (ran.status(), ran.code, len(ran.server.documents)) == ("done", 0, 2)
    ran = run(scenario(live_model(id="m-8", provider="openai")))
    assert (ran.status(), ran.server.writes) == ("stale", 0)


def test_creates_that_are_like_each_other_do_not_hold_each_other_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.entries = {"concurrency": 1}
    house.manifests = [manifest("a"), manifest("b"), manifest("c")]
    monkeypatch.setattr(timing, "FRESH_SECONDS", 0.0)
    ran = applied(house)
    assert (ran.outcome.count("done"), ran.code) == (3, 0)


def test_a_model_of_a_manifest_that_the_run_leaves_out_holds_no_create_back(house: House) -> None:
    house.manifests = [manifest(), manifest("m-7")]

    async def scenario() -> Ran:
        async with orq(live_model(id="m-7")) as server:
            house.urls = {"orq": server.url}
            whole = await house.planned()
            plan = await house.planned(only=("support-mini",))
            assert one(plan).digest == one(whole).digest
            return Ran(server, plan, await house.execute(plan))

    ran: Ran = run(scenario())
    assert (ran.status(), ran.code) == ("done", 0)


def test_an_error_comes_before_stale_in_the_exit_code(house: House) -> None:
    def prepare(first: OrqServer, second: OrqServer) -> None:
        first.documents.append(live_model())
        second.always["GET"] = says(500, {"error": "down"})

    first, second, plan, outcome = two_registries(house, prepare)
    assert (first.writes, second.writes) == (0, 0)
    assert [each.status for each in outcome.results] == ["stale", "skipped"]
    assert apply_exit_code(plan, outcome) == ExitCode.ERROR


def test_what_no_request_of_the_plan_touches_may_move(house: House) -> None:
    house.manifests = [manifest(**NEW_NAME)]
    *_, outcome = two_registries(
        house, lambda first, _: first.stored("support-mini")["metadata"].update(new=1), live_model()
    )
    assert {each.status for each in outcome.results} == {"done"}


def test_a_refused_action_is_reported_and_the_rest_is_done(house: House) -> None:
    house.manifests = [manifest(developer="Somebody"), manifest("b", model="b", display_name="B")]
    ran = applied(house, live_model())
    assert (ran.status(), ran.status("b"), ran.code) == ("refused", "done", 3)
    assert ran.server.count("PATCH") == 0
    assert "developer" in ran.only.reason


# ---- what comes after what


def chained(plan: Plan, after: dict[str, tuple[str, ...]]) -> Plan:
    """``plan`` with its actions in need of others; the planner of today makes no such need."""
    [part] = plan.registries
    actions = tuple(replace(action, after=after.get(action.name, ())) for action in part.actions)
    return replace(plan, registries=(replace(part, actions=actions),))


def in_chain(
    house: House, after: dict[str, tuple[str, ...]], *live: dict[str, Any], prepare: Prepare = lambda _: None
) -> Ran:
    async def scenario() -> Ran:
        async with orq(*live) as server:
            house.urls = {"orq": server.url}
            plan = chained(await house.planned(), after)
            prepare(server)
            return Ran(server, plan, await house.execute(plan))

    ran: Ran = run(scenario())
    return ran


@pytest.fixture
def three(house: House) -> House:
    house.manifests = [manifest(name, model=name, display_name=name) for name in ("a", "b", "c")]
    return house


@pytest.mark.parametrize("concurrency", [1, 8])
def test_an_action_waits_for_what_comes_before_it_in_any_order(three: House, concurrency: int) -> None:
    three.entries = {"concurrency": concurrency}
    ran = in_chain(
        three,
        {"a": ("Model/b",), "b": ("Model/c",)},
        prepare=faulty("POST c", slow(0.1)),
    )
    assert [exchange.id for exchange in ran.server.seen if exchange.method == "POST"] == ["c", "b", "a"]
    assert ran.code == 0


def test_what_depends_on_a_failed_action_is_skipped_because_of_it(three: House) -> None:
    ran = in_chain(
        three,
        {"a": ("Model/b",), "c": ("Model/a",)},
        prepare=faulty("POST b", says(400, {"error": "no"})),
    )
    assert [ran.status(name) for name in ("a", "b", "c")] == ["skipped", "failed", "skipped"]
    assert result(ran.outcome, "a").reason == "'Model/b', which comes first, was not done"
    assert result(ran.outcome, "c").reason == "'Model/a', which comes first, was not done"
    assert ran.code == 1


def test_what_depends_on_a_refused_action_is_skipped_and_on_an_unchanged_one_is_not(three: House) -> None:
    three.manifests[1]["spec"]["developer"] = "Somebody"
    live = [live_model(id=name, model_id=name, display_name=name, refId=name) for name in ("b", "c")]
    ran = in_chain(three, {"a": ("Model/b",)}, *live)
    assert [ran.status(name) for name in ("a", "b", "c")] == ["skipped", "refused", "unchanged"]
    ran = in_chain(three, {"a": ("Model/c",)}, *live)
    assert [ran.status(name) for name in ("a", "b", "c")] == ["done", "refused", "unchanged"]


def test_an_action_is_not_held_back_by_another_resource_of_the_same_name(three: House) -> None:
    """A provider and its model often have one name."""
    ran = in_chain(three, {"a": ("Provider/a",)})
    assert ran.status("a") == "skipped"
    assert result(ran.outcome, "a").reason == "'Provider/a', which comes first, was not done"


def test_actions_that_wait_for_each_other_are_an_error_before_anything_is_sent(three: House) -> None:
    with pytest.raises(InternalError, match="wait for each other"):
        in_chain(three, {"a": ("Model/b",), "b": ("Model/a",)})


# ---- secrets


def with_key(host: str = "llm.example.com", env: str = "HOUSE_KEY") -> dict[str, Any]:
    configuration = {"base_url": f"https://{host}/v1", "api_key": {"secret": "HOUSE_KEY"}}
    return manifest("b", model="b", display_name="B", native={"orq": {"configuration": configuration}})


SECRETS = {"HOUSE_KEY": {"env": "HOUSE_KEY", "hosts": ["llm.example.com"]}}


def test_a_secret_goes_out_as_text_and_nowhere_else(house: House) -> None:
    house.manifests, house.secrets = [with_key()], SECRETS
    ran = applied(house, environment={"HOUSE_KEY": "sk-planted"})
    assert ran.status("b") == "done"
    assert ran.server.bodies("POST")[0]["configuration"]["api_key"] == "sk-planted"
    assert "sk-planted" not in repr((ran.plan, ran.outcome))


def test_a_missing_secret_means_that_nothing_is_written_anywhere(house: House) -> None:
    house.manifests, house.secrets = [manifest(), with_key()], SECRETS
    servers: list[OrqServer] = []
    with pytest.raises(SecretError, match="HOUSE_KEY is not set"):
        two_registries(house, lambda *both: servers.extend(both))
    assert [server.writes for server in servers] == [0, 0]


def test_a_secret_goes_to_its_own_hosts_only_also_when_the_plan_says_otherwise(house: House) -> None:
    house.manifests, house.secrets = [with_key()], SECRETS

    async def scenario(server: OrqServer) -> None:
        plan = await house.planned()
        action = one(plan, "b")
        [request] = action.requests
        edits = tuple(
            replace(edit, value="https://evil.example.net/v1") if edit.path[-1] == "base_url" else edit
            for edit in request.edits
        )
        action = replace(action, requests=(replace(request, edits=edits),))
        plan = replace(plan, registries=(replace(plan.registries[0], actions=(action,)),))
        with pytest.raises(SecretError, match=r"may not be sent to evil\.example\.net"):
            await house.execute(plan, environment={"HOUSE_KEY": "sk-planted"})
        assert server.writes == 0

    async def around() -> None:
        async with orq() as server:
            house.urls = {"orq": server.url}
            await scenario(server)

    run(around())


def test_a_registry_that_repeats_the_secret_does_not_get_it_into_a_message(house: House) -> None:
    house.manifests, house.secrets = [with_key()], SECRETS
    ran = applied(
        house,
        environment={"HOUSE_KEY": "sk-planted"},
        prepare=faulty("POST", says(400, {"error": "wrong key sk-planted"})),
    )
    assert result(ran.outcome, "b").status == "failed"
    assert "sk-planted" not in repr(ran.outcome)
    assert "[secret HOUSE_KEY]" in str(result(ran.outcome, "b").reason)


# ---- many at once, and for long


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_calls_are_in_flight_than_allowed(house: House, concurrency: int) -> None:
    house.entries = {"concurrency": concurrency}
    house.manifests = [manifest(f"m{n}", model=f"m{n}", display_name=f"m{n}") for n in range(12)]
    ran = applied(house, prepare=lambda server: server.always.update(POST=slow(0.01)))
    assert ran.server.most_in_flight == concurrency
    assert len(ran.server.documents) == 12


def test_two_hundred_creates_are_each_sent_exactly_once(house: House) -> None:
    house.manifests = [manifest(f"m{n}", model=f"m{n}", display_name=f"m{n}") for n in range(200)]
    seen: list[str] = []
    ran = applied(house, on_result=lambda each: seen.append(each.name))
    sent = [body["id"] for body in ran.server.bodies("POST")]
    assert sorted(sent) == sorted(f"m{n}" for n in range(200)) == sorted(seen)
    assert ran.server.count("GET") == 2
    assert ran.outcome.count("done") == 200
    assert [each.name for each in ran.outcome.results] == [f"m{n}" for n in range(200)]


@pytest.mark.parametrize("live", [True, False], ids=["updates", "creates"])
def test_a_long_apply_reads_again_when_what_it_read_is_too_old(
    house: House, monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    names = [f"m{n}" for n in range(6)]
    house.entries = {"concurrency": 1}
    house.manifests = [manifest(name, model=name, display_name=f"{name} new") for name in names]
    there = [live_model(id=name, model_id=name, display_name=name) for name in names] if live else []
    monkeypatch.setattr(timing, "FRESH_SECONDS", 0.15)

    def prepare(server: OrqServer) -> None:
        server.always |= {"PATCH": slow(0.1), "POST": slow(0.1)}

    ran = applied(house, *there, prepare=prepare)
    assert ran.outcome.count("done") == 6
    assert 3 < ran.server.count("GET") < 9  # the last one is the proof
    assert ran.server.writes == 6


def test_a_model_that_moves_during_a_long_apply_is_not_overwritten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.entries = {"concurrency": 1}
    house.manifests = [manifest(name, model=name, display_name=f"{name} new") for name in ("a", "b")]
    there = [live_model(id=name, model_id=name, display_name=name) for name in ("a", "b")]
    monkeypatch.setattr(timing, "FRESH_SECONDS", 0.15)

    async def meanwhile(exchange: Exchange) -> None:
        exchange.server.stored("b")["display_name"] = "Theirs"
        await slow(0.3)(exchange)

    ran = applied(house, *there, prepare=faulty("PATCH a", meanwhile))
    assert (ran.status("a"), ran.status("b"), ran.code) == ("done", "stale", 4)
    assert ran.server.stored("b")["display_name"] == "Theirs"


def test_an_old_observation_is_read_again_before_anything_is_written(house: House) -> None:
    async def scenario() -> OrqServer:
        async with orq() as server:
            house.urls = {"orq": server.url}
            observed = await house.observe()
            plan = house.plan(observed)
            old: Any = replace(observed["orq"], read_at=time.monotonic() - 31)  # type: ignore[arg-type]
            await house.execute(plan, observed={"orq": old})
            return server

    server = run(scenario())
    assert [exchange.method for exchange in server.seen] == ["GET", "GET", "POST", "GET"]


def test_a_list_that_fails_during_a_long_apply_skips_the_rest_without_asking_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"m{n}" for n in range(20)]
    house.entries = {"concurrency": 1}
    house.manifests = [manifest(name, model=name, display_name=name) for name in names]
    monkeypatch.setattr(timing, "FRESH_SECONDS", 0.1)

    async def down_from_now_on(exchange: Exchange) -> None:
        exchange.server.always["GET"] = says(503, {"error": "down"})
        await slow(0.2)(exchange)

    ran = applied(house, prepare=faulty("POST", down_from_now_on))
    assert [each.status for each in ran.outcome.results] == ["done"] + ["skipped"] * 19
    methods = [exchange.method for exchange in ran.server.seen]
    assert methods[methods.index("POST") :] == [
        "POST",
        *["GET"] * 4,
        *["GET"] * 4,
    ]  # the proof asks once more
    assert ran.code == 4
    assert "down" in str(ran.outcome.results[-1].reason)


def test_a_list_from_before_a_write_does_not_lose_what_the_write_answered() -> None:
    async def scenario() -> None:
        live = Live(SimpleNamespace(), None)  # type: ignore[arg-type]
        before = time.monotonic()
        live.learn(live_object(live_model()))
        live._take(Observation("orq", (), before))
        assert live.known.refs_of_now()() == {("Model", "support-mini")}
        live._take(Observation("orq", (), time.monotonic() + 1))
        assert not live.known.refs_of_now()()

    run(scenario())


# ---- several requests of one action


@pytest.mark.parametrize("refused", [False, True])
def test_an_action_of_several_requests_is_done_in_order_or_in_part(house: House, refused: bool) -> None:
    async def scenario() -> Ran:
        async with orq() as server:
            house.urls = {"orq": server.url}
            plan = await house.planned()
            action = one(plan)
            edit = PlannedEdit(("metadata", "region"), "eu")
            second = PlannedRequest("update", "PATCH", "/v2/models/{id}", (edit,))
            action = replace(action, requests=(*action.requests, second))
            plan = replace(plan, registries=(replace(plan.registries[0], actions=(action,)),))
            if refused:
                server.fails("PATCH", says(400, {"error": "no"}))
            return Ran(server, plan, await house.execute(plan))

    ran: Ran = run(scenario())
    assert [exchange.method for exchange in ran.server.seen] == ["GET", "GET", "POST", "PATCH", "GET"]
    assert ran.server.seen[-2].path == "/v2/models/support-mini"
    assert ran.server.bodies("PATCH")[0]["metadata"]["supports_tool_calling"] is True
    assert (ran.status(), ran.code) == (("unproven", 4) if refused else ("done", 0))
    assert str(ran.only.reason).startswith("done in part: orq: PATCH ") is refused


def test_a_second_request_never_lays_a_body_over_a_model_that_is_gone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(Live, "learn", lambda *_: None)

    async def scenario() -> Ran:
        async with orq() as server:
            house.urls = {"orq": server.url}
            plan = await house.planned()
            action = one(plan)
            edit = PlannedEdit(("metadata", "region"), "eu")
            second = PlannedRequest("update", "PATCH", "/v2/models/{id}", (edit,))
            action = replace(action, requests=(*action.requests, second))
            plan = replace(plan, registries=(replace(plan.registries[0], actions=(action,)),))

            async def gone(exchange: Exchange) -> None:
                await exchange.honest()
                exchange.server.documents.clear()

            server.fails("POST", gone)
            return Ran(server, plan, await house.execute(plan))

    ran: Ran = run(scenario())
    assert (ran.status(), ran.server.count("PATCH")) == ("unproven", 0)
    assert ran.only.reason == "done in part: 'support-mini' is no longer there"


@pytest.fixture
def switched(house: House) -> House:
    """A model that is made and then switched off, by another call."""
    house.manifests = [manifest(native={"orq": {"enabled": False}})]
    return house


def methods(ran: Ran) -> list[str]:
    return [exchange.method for exchange in ran.server.seen if exchange.method != "GET"]


def test_the_second_request_follows_a_first_one_whose_answer_was_lost(switched: House) -> None:
    ran = applied(switched, prepare=faulty("POST", resets(commit=True)))
    assert (ran.status(), methods(ran)) == ("done", ["POST", "DELETE"])
    assert ran.server.stored("support-mini")["enabled"] is False


@pytest.mark.parametrize("happened", [True, False])
def test_a_lost_second_request_is_looked_up_and_the_first_one_never_repeated(
    switched: House, happened: bool
) -> None:
    ran = applied(switched, prepare=faulty("DELETE", resets(commit=happened)))
    assert ran.status() == "done"
    assert methods(ran) == ["POST", "DELETE"] + ["DELETE"] * (not happened)
    assert "found done by reading" in " ".join(ran.only.remarks) or not happened


def test_a_second_request_waits_out_a_limit(switched: House) -> None:
    ran = applied(switched, prepare=faulty("DELETE", says(429, b"", retry_after="0.01")))
    assert (ran.status(), methods(ran)) == ("done", ["POST", "DELETE", "DELETE"])


def test_a_second_request_is_not_sent_after_a_first_one_that_failed(switched: House) -> None:
    ran = applied(switched, prepare=faulty("POST", says(400, {"error": "no"})))
    assert (ran.status(), methods(ran), ran.code) == ("failed", ["POST"], 1)


def test_a_second_request_is_not_sent_for_what_is_so_already(switched: House) -> None:
    def comes_disabled(document: dict[str, Any]) -> None:
        document["enabled"] = False

    ran = applied(switched, prepare=faulty("POST", stores(comes_disabled)))
    assert (ran.status(), methods(ran)) == ("done", ["POST"])


def test_an_action_that_is_done_in_part_tells_what_is_there(switched: House) -> None:
    ran = applied(switched, prepare=faulty("DELETE", says(400, {"error": "no"})))
    assert (ran.status(), ran.only.id, ran.code) == ("unproven", "support-mini", 4)
    assert ran.only.reason.startswith("done in part: orq: DELETE ")
    assert ran.only.failure.status == 400
    [left] = second_plan(switched, ran.server).actions()
    assert [request.call for request in left.requests] == ["disable"]


def test_a_signal_between_two_requests_lets_the_action_finish(switched: House) -> None:
    """Else a model that shall be off would be left on, for all projects."""
    stop = Stop()

    async def signalled(exchange: Exchange) -> None:
        stop.requested = True
        await exchange.honest()

    ran = applied(switched, prepare=faulty("POST", signalled), stop=stop)
    assert (ran.status(), methods(ran)) == ("done", ["POST", "DELETE"])


# ---- what cannot be sent


@pytest.mark.parametrize("identity", [".", "..", "half-\ud800"])
def test_an_id_that_no_address_can_hold_fails_and_says_so(house: House, identity: str) -> None:
    house.manifests = [manifest(**NEW_NAME), manifest("b", model="b", display_name="B")]
    ran = applied(house, live_model(id=identity))
    assert (ran.status(), ran.status("b"), ran.server.count("PATCH")) == ("failed", "done", 0)
    assert "cannot be part of an address" in ran.only.reason
    assert ran.only.failure.code == "error"


def test_a_carried_text_that_is_not_utf8_fails_and_is_named(house: House) -> None:
    house.manifests = [manifest(limits={"context_window": 5})]
    live = live_model()
    live["metadata"]["region"] = "eu-\udfff"
    ran = applied(house, live)
    assert (ran.status(), ran.code, ran.server.writes) == ("failed", 1, 0)
    assert ran.only.reason.startswith("metadata.region holds text that is not UTF-8")


def test_a_body_names_what_is_not_utf8_and_shows_no_secret() -> None:
    key = SecretRef("KEY")
    for body, name in (
        ({"a": {"b": ["x", "\ud800"]}}, "a.b.1 "),
        ({"a": {"\ud800": 1}}, "the key a.\\ud800 "),
        ({"a": key}, "the secret KEY "),
    ):
        with pytest.raises(ReconcilerError) as caught:
            body_bytes(body, {key: Secret("KEY", "planted-\ud800")})
        assert caught.value.message.startswith(name)
        assert "planted" not in repr((caught.value, caught.value.__context__, caught.value.__cause__))


@pytest.mark.parametrize("status", [401, 403])
def test_a_write_that_is_not_allowed_stops_its_registry_at_once(house: House, status: int) -> None:
    house.entries = {"concurrency": 1}
    house.manifests = [manifest(name, model=name, display_name=name) for name in ("a", "b", "c")]
    ran = applied(house, prepare=lambda server: server.always.update(POST=says(status, {"error": "no"})))
    assert [ran.status(name) for name in ("a", "b", "c")] == ["failed", "skipped", "skipped"]
    assert ran.server.count("POST") == 1
    assert str(status) in str(result(ran.outcome, "c").reason)


def test_a_stop_ends_the_wait_for_a_limit_soon(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "FRESH_SECONDS", 0.5)
    stop = Stop()

    async def limited(exchange: Exchange) -> None:
        asyncio.get_running_loop().call_later(0.2, setattr, stop, "requested", True)
        await says(429, {"error": "slow down"}, retry_after="60")(exchange)

    began = time.monotonic()
    ran = applied(house, prepare=faulty("POST", limited), stop=stop)
    assert time.monotonic() - began < 10
    assert (ran.status(), ran.server.count("POST")) == ("failed", 1)
    assert "slow down" in ran.only.reason


# ---- signals, and bugs


def test_a_first_signal_lets_calls_in_flight_finish_and_starts_no_new_one(house: House) -> None:
    house.entries = {"concurrency": 1}
    house.manifests = [manifest(name, model=name, display_name=name) for name in ("a", "b")]
    stop = Stop()

    async def signalled(exchange: Exchange) -> None:
        stop.requested = True
        await exchange.honest()

    ran = applied(house, prepare=faulty("POST", signalled), stop=stop)
    assert (ran.status("a"), ran.status("b"), ran.code) == ("done", "skipped", 4)
    assert result(ran.outcome, "b").reason == "interrupted"
    assert ran.outcome.interrupted
    assert ran.server.count("POST") == 1


def test_a_signal_before_any_write_leaves_everything_as_it_was(house: House) -> None:
    ran = applied(house, stop=Stop(requested=True))
    assert (ran.status(), ran.code, ran.server.writes) == ("skipped", ExitCode.SIGINT, 0)


def test_after_a_signal_a_lost_write_is_looked_up_and_not_repeated(house: House) -> None:
    stop = Stop()

    async def signalled(exchange: Exchange) -> None:
        stop.requested = True
        await resets()(exchange)

    ran = applied(house, prepare=faulty("POST", signalled), stop=stop)
    assert (ran.status(), ran.server.count("POST")) == ("unproven", 1)
    assert ran.only.reason == "sent once; by what the registry shows, it has not happened"


def test_what_a_second_signal_cuts_off_is_unproven(house: House) -> None:
    house.entries = {"concurrency": 1}
    house.manifests = [manifest(name, model=name, display_name=name) for name in ("a", "b")]
    stop = Stop()

    async def scenario() -> Ran:
        async with orq() as server:
            house.urls = {"orq": server.url}
            plan = await house.planned()
            applying = asyncio.create_task(house.execute(plan, stop=stop))

            async def signalled_twice(exchange: Exchange) -> None:
                stop.requested = True
                applying.cancel()
                await hangs(commit=True)(exchange)

            server.fails("POST", signalled_twice)
            return Ran(server, plan, await applying)

    ran: Ran = run(scenario())
    assert (ran.status("a"), ran.status("b"), ran.code) == ("unproven", "skipped", 4)
    assert result(ran.outcome, "a").reason == "cut off while its call was in flight"


def test_a_bug_in_one_action_loses_nothing_of_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house.manifests = [manifest(), manifest("b", model="b", display_name="B")]
    real = client.OrqWriter.send

    async def send(self: Any, request: Any) -> Any:
        answer = await real(self, request)
        if request.body["id"] == "b":
            raise ZeroDivisionError
        return answer

    monkeypatch.setattr(client.OrqWriter, "send", send)
    ran = applied(house)
    assert (ran.status(), ran.status("b"), ran.code) == ("done", "unproven", 4)
    assert result(ran.outcome, "b").reason == "a bug in reconciler: ZeroDivisionError"
    assert "ZeroDivisionError" in caplog.text


def test_a_request_that_the_table_does_not_know_is_never_sent(house: House) -> None:
    async def scenario() -> Ran:
        async with orq() as server:
            house.urls = {"orq": server.url}
            plan = await house.planned()
            action = one(plan)
            odd = replace(action.requests[0], call="delete", method="DELETE")
            part = replace(plan.registries[0], actions=(replace(action, requests=(odd,)),))
            plan = replace(plan, registries=(part,))
            return Ran(server, plan, await house.execute(plan))

    ran: Ran = run(scenario())
    assert (ran.status(), ran.code, ran.server.writes) == ("failed", 1, 0)


# ---- exit codes


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], 0),
        (["unchanged"], 0),
        (["done", "unchanged"], 0),
        (["done", "failed"], 4),
        (["done", "skipped"], 4),
        (["done", "stale"], 4),
        (["unproven"], 4),
        (["failed", "unchanged"], 1),
        (["skipped", "stale"], 1),
        (["stale"], 5),
        (["refused", "done"], 3),
        (["refused", "stale"], 5),
        (["refused", "failed"], 1),
    ],
)
def test_the_first_exit_code_of_4_1_5_3_0_that_holds_wins(statuses: list[str], code: int) -> None:
    results = tuple(ActionResult("orq", "Model", "a", status) for status in statuses)  # type: ignore[arg-type]
    refused = [each for each in results if each.status == "refused"]
    plan: Any = SimpleNamespace(failed=False, actions=lambda *_: refused)
    assert apply_exit_code(plan, Outcome(results)) == code
