"""Which live object a manifest means. Never a guess: where two things fit, it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from house import House, manifest, observation, one
from orq_server import live_model

from reconciler.matching import Missing, Unclear, match_all
from reconciler.plan import Action
from reconciler.refusal import Refusal
from reconciler.registries.orq.fields import GENERIC


def refusal(action: Action) -> Refusal:
    assert action.operation == "refused"
    assert action.requests == ()
    [only] = action.refusals
    return only


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, manifests=[manifest()])


# ---- found


def test_the_name_of_a_manifest_is_the_id_that_it_means(house: House) -> None:
    action = one(house.plan([live_model(), live_model(id="other", model_id="other")]))
    assert (action.operation, action.id, action.notes) == ("none", "support-mini", ())


def test_a_pinned_id_counts_and_the_name_does_not(house: House) -> None:
    house.manifests = [manifest(native={"orq": {"id": "m-7"}})]
    action = one(house.plan([live_model(id="m-7"), live_model(model_id="other")]))
    assert (action.operation, action.id) == ("none", "m-7")


def test_an_id_may_hold_any_text(house: House) -> None:
    strange = "acme@azure/gpt 4o?#%2F"
    house.manifests = [manifest(native={"orq": {"id": strange}})]
    assert one(house.plan([live_model(id=strange)])).id == strange


def test_a_model_with_the_same_provider_and_model_id_is_adopted_and_the_plan_says_how_to_pin_it(
    house: House,
) -> None:
    action = one(house.plan([live_model(id="01J-made-by-hand")]))
    assert (action.operation, action.id) == ("none", "01J-made-by-hand")
    assert action.notes == (
        "adopts 01J-made-by-hand (Support mini): same provider and model_id; "
        "pin it with native.orq.id: 01J-made-by-hand",
    )


def test_the_id_comes_before_what_could_be_adopted(house: House) -> None:
    action = one(house.plan([live_model(id="twin"), live_model()]))
    assert (action.id, action.notes) == ("support-mini", ())


def test_a_pin_that_is_not_there_adopts_nothing(house: House) -> None:
    house.manifests = [manifest(display_name="New", native={"orq": {"id": "m-7"}})]
    action = one(house.plan([live_model()]))
    assert refusal(action).code == "rename"
    assert action.id == "m-7"


def test_built_in_models_are_not_adopted(house: House) -> None:
    action = one(house.plan([live_model(id="builtin", owner="system")]))
    assert (action.operation, action.id) == ("create", "support-mini")


def test_a_live_model_with_odd_values_stops_nobody(house: House) -> None:
    odd = live_model(id="odd", provider={"a": 1}, model_id=["x"], display_name=None, configuration=[])
    assert one(house.plan([odd, live_model()])).operation == "none"
    assert one(house.plan([odd])).operation == "create"


# ---- ambiguous


def test_two_models_that_could_be_adopted_are_ambiguous_and_both_ids_are_shown(house: House) -> None:
    found = refusal(one(house.plan([live_model(id="first"), live_model(id="second")])))
    assert found.code == "ambiguous"
    assert "several live models have the same provider and model_id" in found.message
    assert "first (Support mini), second (Support mini)" in found.message
    assert found.fix == "pin the one that 'support-mini' means with native.orq.id"


def test_two_manifests_for_one_model_are_both_refused_and_both_named_with_their_places(house: House) -> None:
    house.manifests = [
        manifest("blue", native={"orq": {"id": "m-7"}}),
        manifest("green", native={"orq": {"id": "m-7"}}),
    ]
    plan = house.plan([live_model(id="m-7")])
    for name in ("blue", "green"):
        found = refusal(one(plan, name))
        assert found.code == "ambiguous"
        assert "several manifests mean the live model m-7 (Support mini): " in found.message
        for other in ("blue", "green"):
            place = one(plan, other).place
            assert f"{other} ({place})" in found.message
            assert place.line > 1
            assert place.file.endswith("all.yaml")


def test_two_manifests_that_would_adopt_one_model_are_both_refused(house: House) -> None:
    house.manifests = [manifest("blue"), manifest("green")]
    plan = house.plan([live_model(id="m-7")])
    assert [refusal(one(plan, name)).code for name in ("blue", "green")] == ["ambiguous"] * 2


def test_a_model_that_one_manifest_names_is_not_adopted_by_another(house: House) -> None:
    house.manifests = [manifest(), manifest("second", display_name="Second")]
    plan = house.plan([live_model()])
    assert one(plan).operation == "none"
    assert one(plan, "second").operation == "create"


def test_two_live_models_with_the_same_id_are_ambiguous(house: House) -> None:
    found = refusal(one(house.plan([live_model(), live_model(display_name="Another")])))
    assert found.code == "ambiguous"
    assert "several live models are named 'support-mini'" in found.message
    assert "support-mini (Another)" in found.message


def test_two_creates_of_one_id_are_both_refused_and_both_named_with_their_places(house: House) -> None:
    house.manifests = [manifest("a", model="x"), manifest("b", native={"orq": {"id": "a"}}), manifest("c")]
    plan = house.plan()
    for name in ("a", "b"):
        found = refusal(one(plan, name))
        assert found.code == "ambiguous"
        assert found.message.startswith("several manifests would create a model with the id 'a': ")
        for other in ("a", "b"):
            assert f"{other} ({one(plan, other).place})" in found.message
        assert found.fix == "give each its own native.orq.id"
    assert one(plan, "c").operation == "create"
    assert one(house.plan(only=("a",)), "a").operation == "refused"


def test_two_creates_with_one_natural_key_are_refused_where_the_server_makes_the_id(house: House) -> None:
    house.manifests = [manifest("a"), manifest("b"), manifest("c", model="c")]
    _, desired, _ = house.load()
    made = replace(GENERIC, identity=GENERIC.identity._replace(client_chosen=False))
    matches = match_all([replace(each, table=made) for each in desired], observation([]))
    for match in matches[:2]:
        assert isinstance(match, Unclear)
        assert match.refusal.code == "ambiguous"
        assert "a (models/all.yaml:" in match.refusal.message
        assert "b (models/all.yaml:" in match.refusal.message
        assert "native.orq.id" in str(match.refusal.fix)
    assert isinstance(matches[2], Missing)


# ---- not ours, other variant


def test_a_built_in_model_is_never_touched(house: House) -> None:
    found = refusal(one(house.plan([live_model(owner="system", display_name="Old")])))
    assert found.code == "not-ours"
    assert "built-in" in found.message
    assert found.fix == (
        "choose another id with native.orq.id, or write native.orq.builtin: support-mini alone, to switch it"
    )


def test_a_model_of_the_other_api_is_refused_whatever_it_shares(house: House) -> None:
    found = refusal(one(house.plan([live_model(provider="openailike")])))
    assert found.code == "wrong-variant"
    assert "openai-like" in found.message
    assert "generic" in found.message
    assert found.fix is not None


# ---- looks like a rename


RESEMBLING: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("display_name", {"model_id": "other"}, {}),
    (
        "configuration.base_url",
        {
            "model_id": "other",
            "display_name": "Other",
            "configuration": {"provider": "azure", "base_url": "https://llm.example.com/v1"},
        },
        {"native": {"orq": {"configuration": {"base_url": "https://llm.example.com/v1"}}}},
    ),
    ("model_id", {"provider": "openai", "display_name": "Other"}, {}),
]


@pytest.mark.parametrize(("what", "live", "declared"), RESEMBLING, ids=[each[0] for each in RESEMBLING])
def test_a_create_beside_a_model_that_it_resembles_looks_like_a_rename(
    house: House, what: str, live: dict[str, Any], declared: dict[str, Any]
) -> None:
    house.manifests = [manifest(**declared)]
    action = one(house.plan([live_model(id="m-7", **live)]))
    found = refusal(action)
    assert found.code == "rename"
    assert "looks like a rename of m-7" in found.message
    assert f"same {what}" in found.message
    assert "native.orq.id: m-7" in str(found.fix)
    assert action.digest in str(found.acknowledge)


def test_no_pin_is_proposed_for_a_model_of_another_variant(house: House) -> None:
    other = live_model(id="m-7", provider="openailike")
    found = refusal(one(house.plan([other])))
    assert found.code == "rename"
    assert "native.orq.id: m-7" not in str(found.fix)
    assert "m-7 is of another variant, openai-like" in str(found.fix)
    found = refusal(one(house.plan([other, live_model(id="m-8", provider="openai")])))
    assert "to update m-8 in place, write native.orq.id: m-8;" in str(found.fix)


def test_the_display_name_that_a_create_would_give_by_itself_counts_too(house: House) -> None:
    house.manifests = [manifest(display_name=None, model="new")]
    found = refusal(one(house.plan([live_model(id="m-7", display_name="support-mini")])))
    assert (found.code, "m-7" in found.message) == ("rename", True)


def test_every_model_that_a_create_resembles_is_named_once(house: House) -> None:
    house.manifests = [manifest(provider="openai")]
    found = refusal(one(house.plan([live_model(id="m-8"), live_model(id="m-7", model_id="other")])))
    assert "m-7 (Support mini) (same display_name), m-8 (Support mini) (same display_name)" in found.message


def test_a_model_that_another_manifest_means_is_no_look_alike(house: House) -> None:
    house.manifests = [manifest(provider="openai"), manifest("m-7")]
    plan = house.plan([live_model(id="m-7")])
    assert one(plan).operation == "create"
    assert one(plan, "m-7").operation == "none"


def test_leaving_a_manifest_out_of_the_run_does_not_free_its_model(house: House) -> None:
    house.manifests = [manifest(), manifest("m-7")]
    live = [live_model(id="m-7")]
    for options in ({"only": ("support-mini",)}, {"without": ("m-7",)}):
        plan = house.plan(live, **options)
        assert one(plan).operation == "create"
        assert [action.name for action in plan.actions()] == ["support-mini"]
        assert plan.registries[0].left_alone == ()


# ---- left alone


def test_what_no_manifest_names_is_reported_and_left_alone(house: House) -> None:
    live = [
        live_model(),
        live_model(id="m-7", model_id="x", display_name="Mine"),
        live_model(id="s", owner="system"),
    ]
    part = house.plan(live).registries[0]
    assert [(found.name, found.id, found.display_name) for found in part.left_alone] == [
        ("m-7", "m-7", "Mine")
    ]
    assert part.vendor_owned == 1


def test_what_a_manifest_may_mean_is_not_reported_as_named_by_none(house: House) -> None:
    part = house.plan([live_model(id="first"), live_model(id="second")]).registries[0]
    assert part.left_alone == ()
