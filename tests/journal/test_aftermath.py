"""What is said of a run that did not end, where reading cannot show all of what it did."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from house import KEY, House, endpoint_spec, manifest
from orq_server import live_openai_like

from reconciler.journal.aftermath import Aftermath, aftermath
from reconciler.journal.reading import Run
from reconciler.journal.records import Actor, Begin, Intent
from reconciler.plan import Plan

COST = "native.orq.cache_read_cost"
NAME = "house-llama"


def broken_off(plan: Plan) -> Run:
    """A run that was about to do ``plan``, and of which nothing more is known."""
    intents = {intent.key: intent for intent in map(Intent.of, plan.actions("create", "update"))}
    assert intents
    return Run(Path("x"), Begin("0123abcd", Actor("somebody", "there", 7), "d", ()), intents)


def told(run: Run, now: Plan, applied: Plan | None = None) -> tuple[str, bool]:
    found: Aftermath = aftermath(run, now, applied=applied or now, declared=(), registries=())
    [_, note] = found.notes
    return note.removeprefix("run 0123abcd: what it was about to do "), found.is_whole


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path, secrets=KEY)
    return declares(house)


def declares(house: House, **changes: Any) -> House:
    spec = endpoint_spec(native={"orq": {"cache_read_cost": Decimal("0.1")}}, **changes)
    house.manifests = [manifest(NAME, spec)]
    return house


def test_what_was_sent_again_and_never_reads_back_is_not_said_to_have_been_done(house: House) -> None:
    live = [live_openai_like()]
    run = broken_off(house.plan(live, resend=(COST,)))
    note, is_whole = told(run, house.plan(live))
    assert note == f"cannot be seen by reading; --resend {COST} sends it again: orq: {NAME}"
    assert not is_whole


def test_it_is_looked_after_by_a_run_that_sends_it_again(house: House) -> None:
    live = [live_openai_like()]
    again = house.plan(live, resend=(COST,))
    note, is_whole = told(broken_off(again), house.plan(live), again)
    assert note.startswith("cannot be seen by reading, and is sent again by this plan")
    assert is_whole


def test_of_an_update_with_both_what_can_be_seen_is_told(house: House) -> None:
    live = [live_openai_like()]
    declares(house, display_name="Another")
    run = broken_off(house.plan(live, resend=(COST,)))
    note, is_whole = told(run, house.plan(live))
    assert note.startswith(f"had not been done in what can be seen; --resend {COST} sends it again")
    assert not is_whole


def test_a_create_is_seen_by_its_object(house: House) -> None:
    note, is_whole = told(broken_off(house.plan([])), house.plan([live_openai_like()]))
    assert note.startswith("had been done (found out by reading the registry now)")
    assert is_whole
