"""The proof: after the writes of a registry, one more read decides what was done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from house import KEY, House, brisk, endpoint_spec, manifest, result, run
from orq_server import (
    Exchange,
    Fault,
    OrqServer,
    live_model,
    live_openai_like,
    orq,
    says,
    stale,
)
from tenacity import wait_none

from reconciler.errors import RegistryError
from reconciler.executor import Executed, Stop, Target, execute, timing
from reconciler.outcome import apply_exit_code
from reconciler.plan import Plan
from reconciler.registries import talk
from reconciler.registries.interface import Observation
from reconciler.registries.orq.kind import ORQ
from reconciler.secrets import SecretStore

NEW_NAME = {"display_name": "New name"}
ENVIRONMENT = {"HOUSE_LLAMA_KEY": "planted"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "_settings", brisk(0.4))
    monkeypatch.setattr("reconciler.http.repeating._AFTER_FAULT", wait_none())
    monkeypatch.setattr(timing, "PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, manifests=[manifest(**NEW_NAME)])


Prepare = Callable[[OrqServer], None]


def executed(
    house: House,
    *live: Mapping[str, Any],
    prepare: Prepare = lambda _: None,
    **options: Any,
) -> tuple[OrqServer, Plan, Executed]:
    async def scenario() -> tuple[OrqServer, Plan, Executed]:
        async with orq(*live) as server:
            house.urls = {"orq": server.url}
            plan = await house.planned()
            prepare(server)
            target = Target(ORQ, house.connection("orq"))
            store = SecretStore(house.write().secret_rules(), ENVIRONMENT)
            return server, plan, await execute(plan, {"orq": target}, store, **options)

    found: tuple[OrqServer, Plan, Executed] = run(scenario())
    return found


def after(write: Fault, *lists: Fault, always: Fault | None = None, method: str = "PATCH") -> Prepare:
    """``write`` answers the write, ``lists`` the reads after it, ``always`` every later one."""

    async def then(exchange: Exchange) -> None:
        exchange.server.fails("GET", *lists)
        if always is not None:
            exchange.server.always["GET"] = always
        await write(exchange)

    return lambda server: server.fails(method, then)


async def honest(exchange: Exchange) -> None:
    await exchange.honest()


def shows(**fields: Any) -> Fault:
    """A list that shows of every model something else than what is stored."""

    async def show(exchange: Exchange) -> None:
        await exchange.answer(
            200, [{**each, **fields} for each in map(exchange.server.read, exchange.server.documents)]
        )

    return show


def test_what_the_answer_showed_and_the_list_does_not_is_not_done(house: House) -> None:
    server, plan, ran = executed(
        house, live_model(), prepare=after(honest, always=shows(display_name="Support mini"))
    )
    found = result(ran.outcome)
    assert (found.status, found.reason) == ("unproven", "accepted, not stored: display_name")
    assert apply_exit_code(plan, ran.outcome) == 4
    assert server.count("GET") == 2 + 1 + len(timing.PAUSES)


def test_a_list_that_lags_behind_is_waited_for(house: House) -> None:
    _, plan, ran = executed(
        house, live_model(), prepare=after(honest, shows(display_name="Support mini"), stale([]))
    )
    assert (result(ran.outcome).status, apply_exit_code(plan, ran.outcome)) == ("done", 0)
    observed = ran.read_back["orq"]
    assert isinstance(observed, Observation)
    assert [live.display_name for live in observed.objects] == ["New name"]


def test_a_new_model_that_is_in_no_list_is_not_done(house: House) -> None:
    *_, ran = executed(house, prepare=after(honest, always=stale([]), method="POST"))
    found = result(ran.outcome)
    assert (found.status, found.reason) == (
        "unproven",
        "accepted, but it is not in the registry's list",
    )


def test_nothing_is_read_again_where_nothing_was_written(house: House) -> None:
    server, _, ran = executed(house, live_model(**NEW_NAME))
    assert (server.count("GET"), ran.read_back) == (1, {})
    server, _, ran = executed(
        house, live_model(), prepare=lambda server: server.fails("PATCH", says(400, {"error": "no"}))
    )
    assert (server.count("GET"), ran.read_back) == (2, {})


def test_a_read_that_began_after_the_last_answer_is_proof_enough(house: House) -> None:
    """An answer without the model was read back already."""
    server, _, ran = executed(
        house, live_model(), prepare=lambda server: server.fails("PATCH", says(200, b"", commit=True))
    )
    assert (result(ran.outcome).status, server.count("GET")) == ("done", 3)
    assert isinstance(ran.read_back["orq"], Observation)


def test_a_registry_that_cannot_be_read_again_says_why_and_keeps_what_it_answered(house: House) -> None:
    _, _, ran = executed(house, live_model(), prepare=after(honest, always=says(503, {"error": "down"})))
    why = ran.read_back["orq"]
    assert isinstance(why, RegistryError)
    assert "down" in why.message
    assert result(ran.outcome).status == "done"


def test_after_a_first_signal_it_is_read_once_and_not_waited_for(house: House) -> None:
    stop = Stop()

    async def signalled(exchange: Exchange) -> None:
        stop.requested = True
        await exchange.honest()

    server, _, ran = executed(
        house, live_model(), prepare=after(signalled, always=shows(display_name="Support mini")), stop=stop
    )
    assert (result(ran.outcome).status, server.count("GET")) == ("unproven", 3)


def test_a_second_signal_cuts_the_proof_off(house: House) -> None:
    stop = Stop()

    async def scenario() -> tuple[OrqServer, Executed]:
        async with orq(live_model()) as server:
            house.urls = {"orq": server.url}
            plan = await house.planned()
            target = Target(ORQ, house.connection("orq"))
            applying = asyncio.create_task(execute(plan, {"orq": target}, SecretStore({}, {}), stop=stop))

            async def signalled_twice(exchange: Exchange) -> None:
                stop.requested = True
                applying.cancel()
                await exchange.honest()

            after(honest, signalled_twice)(server)
            return server, await applying

    _, ran = run(scenario())
    assert (result(ran.outcome).status, ran.read_back) == ("done", {"orq": None})


# ---- two of one


def doubled(**made: Any) -> Fault:
    """Another run makes the same model at the same time, and the registry keeps no names apart."""

    async def both(exchange: Exchange) -> None:
        await exchange.honest()
        twin = dict(exchange.server.documents[-1]) | made
        exchange.server.documents.append(twin)

    return both


def test_two_models_that_the_server_made_of_one_manifest_are_both_named(house: House) -> None:
    house.manifests, house.secrets = [manifest("llama", endpoint_spec())], KEY
    _, plan, ran = executed(house, prepare=after(doubled(id="twin"), method="POST"))
    found = result(ran.outcome, "llama")
    assert found.status == "unproven"
    assert str(found.reason).startswith("made, and another client made the same model, so that there are 2: ")
    assert "twin (House Llama)" in str(found.reason)
    assert str(found.id) in str(found.reason)
    assert apply_exit_code(plan, ran.outcome) == 4


def test_one_that_was_there_before_is_no_second_one(house: House) -> None:
    house.manifests, house.secrets = [manifest("llama", endpoint_spec())], KEY
    there = live_openai_like(id="older", owner="system")
    *_, ran = executed(house, there)
    assert result(ran.outcome, "llama").status == "done"
