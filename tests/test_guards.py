"""Acknowledgements let exactly one change through exactly one guard."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from house import House, manifest, one
from orq_server import live_model

from reconciler.errors import InputError
from reconciler.guards.acknowledgements import FILE, Acknowledged, load_acknowledgements
from reconciler.plan import Plan

HEAD = "apiVersion: reconciler/v1\nkind: Acknowledgements\nacknowledgements:\n"
NEAR = [live_model(id="m-7", provider="openai")]


def lines(plan: Plan, name: str = "support-mini") -> str:
    [refusal] = one(plan, name).refusals
    return HEAD + str(refusal.acknowledge)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, manifests=[manifest()])


def test_the_printed_lines_let_exactly_this_create_through(house: House) -> None:
    house.manifests = [manifest(), manifest("second")]
    refused = house.plan(NEAR)
    house.acknowledgements = lines(refused)
    plan = house.plan(NEAR)
    assert one(plan).operation == "create"
    assert one(plan).digest == one(refused).digest
    assert one(plan, "second").operation == "refused"
    assert plan.notes == ()


@pytest.mark.parametrize("name", ["1.5", "true", "1e5", "null", "0x10", "2026-12-31"])
def test_the_printed_lines_are_valid_whatever_the_model_is_called(tmp_path: Path, name: str) -> None:
    house = House(tmp_path, manifests=[manifest(name)])
    house.acknowledgements = lines(house.plan(NEAR), name)
    assert one(house.plan(NEAR), name).operation == "create"


def test_a_changed_manifest_needs_a_new_acknowledgement(house: House) -> None:
    house.acknowledgements = lines(house.plan(NEAR))
    house.manifests = [manifest(developer="Somebody else")]
    plan = house.plan(NEAR)
    assert one(plan).operation == "refused"
    assert plan.notes == (
        "acknowledgements.yaml:4:3: the acknowledgement of support-mini in orq matches nothing any more; "
        "delete it",
    )


def test_an_acknowledgement_holds_in_its_own_registry_only(house: House) -> None:
    house.urls = {"staging": "https://staging.invalid", "orq": "https://orq.invalid"}
    house.acknowledgements = lines_of(house.plan(NEAR), "staging")
    plan = house.plan(NEAR)
    assert one(plan, registry="staging").operation == "create"
    assert one(plan, registry="orq").operation == "refused"


def lines_of(plan: Plan, registry: str) -> str:
    return HEAD + str(one(plan, registry=registry).refusals[0].acknowledge)


def test_an_expired_acknowledgement_is_reported_and_of_no_use(house: House) -> None:
    house.acknowledgements = lines(house.plan(NEAR)) + "\n  expires: 2026-11-20\n"
    _, _, acknowledged = house.load()
    acknowledged.today = dt.date(2026, 11, 20)
    assert one(house.plan(NEAR, acknowledged=acknowledged)).operation == "create"
    acknowledged.today = dt.date(2026, 11, 21)
    plan = house.plan(NEAR, acknowledged=acknowledged)
    assert one(plan).operation == "refused"
    assert plan.notes == (
        "acknowledgements.yaml:4:3: the acknowledgement of support-mini in orq expired on 2026-11-20",
    )


def test_an_acknowledgement_of_a_create_that_was_done_is_reported(house: House) -> None:
    house.acknowledgements = lines(house.plan(NEAR))
    [note] = house.plan([*NEAR, live_model()]).notes
    assert "matches nothing any more; delete it" in note


def test_nothing_is_said_about_acknowledgements_of_models_that_the_run_leaves_out(house: House) -> None:
    house.manifests = [manifest(), manifest("second", model="x", display_name="Second")]
    house.acknowledgements = lines(house.plan(NEAR))
    assert house.plan(NEAR, only=("second",)).notes == ()


def test_an_acknowledgement_for_a_model_that_nobody_declares_is_reported(house: House) -> None:
    house.acknowledgements = lines(house.plan(NEAR)).replace("support-mini", "gone")
    assert "acknowledgement of gone in orq matches nothing" in house.plan(NEAR).notes[0]


def test_an_acknowledgement_opens_no_other_refusal(house: House) -> None:
    house.manifests = [manifest(developer=None)]
    refused = one(house.plan(NEAR))
    assert [refusal.code for refusal in refused.refusals] == ["incomplete", "rename"]
    house.acknowledgements = HEAD + str(refused.refusals[1].acknowledge)
    assert [refusal.code for refusal in one(house.plan(NEAR)).refusals] == ["incomplete"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("- {guard: rename, model: a, registry: b, digest: short, reason: r}", "digest"),
        (f"- {{guard: price, model: a, registry: b, digest: {'a' * 64}, reason: r}}", None),
        (f"- {{guard: rename, model: a, registry: b, digest: {'a' * 64}}}", "missing"),
        (f"- {{guard: rename, model: a, registry: b, digest: {'a' * 64}, reason: r, expires: soon}}", "date"),
        (
            f"- {{guard: rename, model: a, registry: b, digest: {'a' * 64}, reason: r, expires: 2026-02-30}}",
            "date",
        ),
        (
            f"- {{guard: rename, model: a, registry: b, digest: {'a' * 64}, reason: r, all: true}}",
            "unknown-field",
        ),
    ],
)
def test_a_mistake_in_the_file_is_an_error_at_its_place(tmp_path: Path, text: str, code: str | None) -> None:
    (tmp_path / "acknowledgements.yaml").write_text(HEAD + text)
    with pytest.raises(InputError) as caught:
        load_acknowledgements(tmp_path / FILE, FILE)
    [problem] = caught.value.problems
    assert (problem.place.file, problem.place.line) == ("acknowledgements.yaml", 4)
    assert code in (None, problem.code)


def test_no_file_means_no_acknowledgements(tmp_path: Path) -> None:
    assert load_acknowledgements(tmp_path / FILE, FILE).entries == []
    assert Acknowledged().remarks() == []
