"""Desired and live -> plan: what is refused, what would be sent, and what the digests stand for."""

from __future__ import annotations

import copy
import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import simplejson
from house import House, manifest, observation, one, run, spec
from orq_server import OrqServer, live_model, orq

from reconciler.errors import UnexpectedAnswer, UsageError
from reconciler.fingerprints import planned_near
from reconciler.outcome import plan_exit_code
from reconciler.plan import Action, Plan, PlannedEdit, plan_type
from reconciler.planner import Selection
from reconciler.registries.interface import Reader
from reconciler.registries.orq.client import OrqReader

D = Decimal


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, manifests=[manifest()])


def edits(action: Action) -> dict[str, Any]:
    [request] = action.requests
    return {".".join(edit.path): edit.value for edit in request.edits}


def codes(action: Action) -> list[str]:
    assert action.operation == "refused"
    assert action.requests == ()
    return [refusal.code for refusal in action.refusals]


# ---- what would be sent


def test_what_is_as_declared_needs_nothing(house: House) -> None:
    action = one(house.plan([live_model()]))
    assert (action.operation, action.changes, action.requests, action.digest) == ("none", (), (), "")


def test_a_create_sends_what_is_declared_and_says_which_defaults_are_ours(house: House) -> None:
    action = one(house.plan())
    assert (action.operation, action.id, action.rests_on) == ("create", "support-mini", "")
    assert edits(action) == {
        "id": "support-mini",
        "display_name": "Support mini",
        "model_type": "chat",
        "model_developer": "OpenAI",
        "model_family": "gpt-4o",
        "provider": "azure",
        "model_id": "gpt-4o-mini",
        "has_functions": True,
        "metadata.supports_tool_calling": True,
        "metadata.is_private": True,
        "metadata.million_tokens_input_cost": D("0.15"),
        "metadata.million_tokens_output_cost": D("0.6"),
        "input_cost": D("0.00015"),
        "output_cost": D("0.0006"),
        "parameters": {},
        "configuration.provider": "azure",
    }
    assert {change.path for change in action.changes if change.default} == {
        "native.orq.id",
        "native.orq.metadata.is_private",
        "native.orq.parameters",
        "native.orq.configuration.provider",
    }


def test_a_price_alone_sends_nothing_but_the_price(house: House) -> None:
    house.manifests = [
        manifest(pricing={"unit": "1M tokens", "currency": "USD", "input": 0.30, "output": 0.60})
    ]
    action = one(house.plan([live_model()]))
    assert edits(action) == {"input_cost": D("0.0003")}
    [change] = action.changes
    assert change.path == "pricing.input"
    assert change.live.value == {"amount": "0.15", "currency": "USD", "per": "1M tokens"}
    assert change.desired.value == {"amount": "0.30", "currency": "USD", "per": "1M tokens"}
    assert change.place is not None


def test_a_live_model_whose_derived_price_contradicts_its_price_is_shown_and_mended(house: House) -> None:
    live = live_model()
    live["metadata"]["million_tokens_input_cost"] = D("150")
    action = one(house.plan([live]))
    [change] = action.changes
    assert change.path == "pricing.input"
    assert change.live.form == "unreadable"
    assert "input_cost is 0.00015 USD / 1K tokens" in change.live.value
    assert "metadata.million_tokens_input_cost is 150.00 USD / 1M tokens" in change.live.value
    assert edits(action)["metadata.million_tokens_input_cost"] == D("0.15")


def test_every_update_prints_at_least_one_change(house: House) -> None:
    house.manifests = [manifest(capabilities={"tools": False, "vision": True})]
    action = one(house.plan([live_model()]))
    assert action.operation == "update"
    assert {change.path for change in action.changes} == {"capabilities.tools", "capabilities.vision"}


def test_what_is_set_live_and_not_declared_is_listed_and_stays(house: House) -> None:
    live = live_model()
    live["metadata"] |= {"context_window": 128000, "supports_vision": True}
    action = one(house.plan([live]))
    assert action.operation == "none"
    assert {field.path for field in action.unmanaged} == {"limits.context_window", "capabilities.vision"}


def test_a_declared_field_without_a_place_is_named_once_per_registry(house: House) -> None:
    house.manifests = [manifest(description="x"), manifest("b", description="y", model="b", display_name="B")]
    [part] = house.plan([live_model()]).registries
    assert [(held.path, held.names) for held in part.not_held] == [("description", ("support-mini", "b"))]
    assert one(house.plan([live_model()])).operation == "none"


def test_a_create_rests_on_what_it_is_like_but_for_what_other_manifests_mean(house: House) -> None:
    house.manifests = [manifest(provider="openai"), manifest("m-7")]
    live = [live_model(id="m-7")]
    assert one(house.plan(live)).rests_on == ""
    alone = one(house.plan(live, only=("support-mini",)))
    assert planned_near(alone.rests_on) == {("m-7", "display_name"), ("m-7", "model_id")}
    assert alone.digest == one(house.plan(live)).digest
    house.manifests = house.manifests[:1]
    refused = one(house.plan(live))
    assert (refused.operation, refused.rests_on) == ("refused", alone.rests_on)
    more = one(house.plan([*live, live_model(id="m-8")]))
    assert more.digest != refused.digest


@pytest.mark.parametrize("text", ["", "f00d", "[1]", "3", '[["a"]]'])
def test_what_no_create_rests_on_is_read_as_nothing(text: str) -> None:
    assert planned_near(text) == frozenset()


# ---- refused


NOT_UPDATABLE: dict[str, Any] = {
    "provider": {"provider": "openai"},
    "developer": {"developer": "Somebody"},
    "family": {"family": "other"},
    "model": {"model": "gpt-4o-mini-2024-07-18"},
    "native.orq.configuration.provider": {"native": {"orq": {"configuration": {"provider": "x"}}}},
    "native.orq.configuration.base_url": {
        "native": {"orq": {"configuration": {"base_url": "https://llm.example.com/v1"}}}
    },
}


@pytest.mark.parametrize("path", NOT_UPDATABLE)
def test_a_field_that_no_update_takes_is_refused_by_name_and_nothing_is_sent(house: House, path: str) -> None:
    house.manifests = [manifest(**{"display_name": "New name", **NOT_UPDATABLE[path]})]
    action = one(house.plan([live_model()]))
    assert codes(action) == ["cannot-express"]
    [refusal] = action.refusals
    assert refusal.paths == (path,)
    assert refusal.message.startswith(f"{path}: ")
    assert "display_name" in {change.path for change in action.changes}


def test_a_new_parameter_of_a_live_model_is_refused(house: House) -> None:
    slider = {"name": "Temperature", "parameter_type": "slider", "config": {"max": 2}}
    house.manifests = [manifest(native={"orq": {"parameters": {"temperature": slider}}})]
    action = one(house.plan([live_model()]))
    assert set(codes(action)) == {"cannot-express"}
    assert "only the server makes" in action.refusals[0].message


def test_what_a_registry_has_no_way_to_clear_is_refused(house: House) -> None:
    house.manifests = [manifest(_spec=spec() | {"display_name": None})]
    assert codes(one(house.plan([live_model()]))) == ["cannot-express"]


def test_a_registry_can_refuse_what_it_has_no_place_for(house: House) -> None:
    house.entries = {"unheld": "refuse"}
    house.manifests = [manifest(description="x")]
    action = one(house.plan([live_model()]))
    assert codes(action) == ["not-held"]
    assert action.refusals[0].paths == ("description",)


def test_an_incomplete_create_names_every_field_that_is_missing(house: House) -> None:
    house.manifests = [manifest(_spec={"display_name": "Support mini", "provider": "azure-openai"})]
    action = one(house.plan())
    assert codes(action) == ["incomplete"]
    assert set(action.refusals[0].paths) == {
        "type",
        "developer",
        "family",
        "model",
        "pricing.input",
        "pricing.output",
    }
    assert "native.orq.id" in str(action.refusals[0].fix)


def test_the_same_manifest_may_update_what_it_could_not_create(house: House) -> None:
    house.manifests = [manifest(_spec={"display_name": "New name", "provider": "azure-openai"})]
    assert edits(one(house.plan([live_model()]))) == {"display_name": "New name"}


PRICES = {"unit": "1M tokens", "currency": "USD", "input": 0.15, "output": 0.60}
NOT_EXPRESSIBLE: dict[str, tuple[dict[str, Any], set[str]]] = {
    "euro": ({"pricing": {**PRICES, "currency": "EUR"}}, {"pricing.input", "pricing.output"}),
    "300K tier": (
        {"pricing": {**PRICES, "tiers": {"above_300k": {"input": 1}}}},
        {"pricing.tiers.above_300k.input"},
    ),
    "too many digits": (
        {"pricing": {**PRICES, "input": D("0.1234567890123456")}},
        {"pricing.input"},
    ),
    "does not end": ({"pricing": {**PRICES, "input": "1 / 3 tokens"}}, {"pricing.input"}),
    "too many digits, native": (
        {
            "pricing": {"unit": "1M tokens", "currency": "USD", "output": 0.60},
            "native": {"orq": {"input_cost": D("0.1234567890123456")}},
        },
        {"native.orq.input_cost"},
    ),
}


@pytest.mark.parametrize("case", NOT_EXPRESSIBLE)
@pytest.mark.parametrize("live", [[], [live_model()]], ids=["create", "update"])
def test_a_value_that_a_registry_cannot_take_is_refused_and_called_nothing_else(
    house: House, case: str, live: list[Any]
) -> None:
    declared, paths = NOT_EXPRESSIBLE[case]
    house.manifests = [manifest(**declared)]
    action = one(house.plan(live))
    assert set(codes(action)) == {"cannot-express"}
    assert {path for refusal in action.refusals for path in refusal.paths} == paths


def test_a_refusal_holds_nothing_else_back(house: House) -> None:
    house.manifests = [manifest(provider="openai"), manifest("b", model="b", display_name="B")]
    plan = house.plan([live_model()])
    assert (one(plan).operation, one(plan, "b").operation) == ("refused", "create")
    assert plan_exit_code(plan, changes_count=True) == 3


# ---- which manifests, which registries


def test_a_registry_that_could_not_be_read_has_no_actions_and_stops_no_other(house: House) -> None:
    house.urls = {"broken": "https://broken.invalid", "orq": "https://orq.invalid"}
    error = UnexpectedAnswer("no list", registry="broken", request="GET /v2/models", status=200, hint="look")
    plan = house.plan({"broken": error, "orq": observation([])})
    broken, fine = plan.registries
    assert broken.failure is not None
    assert (broken.failure.code, broken.failure.message, broken.actions) == (
        "unexpected-answer",
        "no list",
        (),
    )
    assert (broken.failure.request, broken.failure.status, broken.failure.hint) == (
        "GET /v2/models",
        200,
        "look",
    )
    assert fine.actions[0].operation == "create"
    assert plan_exit_code(plan, changes_count=False) == 1


@pytest.mark.parametrize(
    ("only", "without", "taken"),
    [
        ((), (), {"gpt-a", "gpt-b", "c"}),
        (("gpt-*",), (), {"gpt-a", "gpt-b"}),
        (("gpt-*", "c"), ("gpt-b",), {"gpt-a", "c"}),
        (("team=red",), (), {"gpt-a"}),
        (("team=*",), (), {"gpt-a", "gpt-b"}),
        ((), ("team=*",), {"c"}),
    ],
)
def test_a_run_is_about_the_manifests_that_it_selects(
    house: House, only: tuple[str, ...], without: tuple[str, ...], taken: set[str]
) -> None:
    house.manifests = [manifest(name, model=name, display_name=name) for name in ("gpt-a", "gpt-b", "c")]
    house.manifests[0]["metadata"]["labels"] = {"team": "red"}
    house.manifests[1]["metadata"]["labels"] = {"team": "blue"}
    plan = house.plan(only=only, without=without)
    assert {action.name for action in plan.actions()} == taken


def test_a_pattern_that_fits_nothing_is_an_error(house: House) -> None:
    _, desired, _ = house.load()
    manifests = [each.manifest for each in desired]
    Selection(("support-*",), ()).check(manifests)
    for selection in (Selection(("suport-mini",)), Selection((), ("team=*",))):
        with pytest.raises(UsageError, match="fits no manifest"):
            selection.check(manifests)


# ---- digests


def changed_everywhere() -> list[dict[str, Any]]:
    """Models that an update of name, price and one metadata key rests on, each with one thing different."""
    base = live_model(display_name="Old", input_cost=D("0.001"))
    base["metadata"]["million_tokens_input_cost"] = D("1")
    different = [copy.deepcopy(base) for _ in range(5)]
    different[0]["display_name"] = "Older"
    different[1] |= {"input_cost": D("0.002")}
    different[1]["metadata"]["million_tokens_input_cost"] = D("2")
    different[2]["metadata"]["supports_zdr"] = True
    different[3]["metadata"]["a_key_of_tomorrow"] = [1]
    different[4]["id"] = "another-id"
    return [base, *different]


def rich() -> dict[str, Any]:
    return manifest(capabilities={"tools": True, "vision": True})


def test_the_same_situation_has_the_same_digest_in_any_folder(tmp_path: Path) -> None:
    digests = set()
    for folder in ("one", "two/deeper"):
        house = House(tmp_path / folder, manifests=[manifest("b", model="b", display_name="B"), rich()])
        digests.add(house.plan([changed_everywhere()[0]]).digest)
        house.manifests = house.manifests[::-1]
        digests.add(house.plan([live_model(id="more", owner="system"), changed_everywhere()[0]]).digest)
    assert len(digests) == 1


def test_the_same_situation_has_the_same_digest_on_another_database(house: House, tmp_path: Path) -> None:
    house.manifests = [rich()]

    async def observed() -> Any:
        async with orq(live_model()) as server:
            return await House(tmp_path / "elsewhere", {"orq": server.url}, house.manifests).observe()

    first, second = (house.plan(run(observed())) for _ in range(2))
    assert one(first).operation == "update"
    assert first.digest == second.digest


def test_any_change_of_what_an_update_rests_on_changes_its_digest(house: House) -> None:
    house.manifests = [rich()]
    digests = [one(house.plan([live])).digest for live in changed_everywhere()]
    assert all(digests)
    assert len(set(digests)) == len(digests)


def test_what_the_server_moves_by_itself_or_no_request_touches_changes_no_digest(house: House) -> None:
    house.manifests = [rich()]
    base = changed_everywhere()[0]
    moved = base | {"updated": "2027-01-01", "is_active": False, "description": "x"}
    assert one(house.plan([base])).digest == one(house.plan([moved])).digest


@pytest.mark.parametrize("live", [[], [changed_everywhere()[0]]], ids=["create", "update"])
def test_any_change_of_a_desired_value_changes_the_digest(house: House, live: list[Any]) -> None:
    digests = set()
    variants: list[dict[str, Any]] = [
        {},
        {"display_name": "Another"},
        {"pricing": {**PRICES, "input": 0.16}},
        {"pricing": {**PRICES, "input": 0.15000000000001}},
        {"capabilities": {"tools": False, "vision": True}},
        {"limits": {"context_window": 1}},
        {"limits": {"context_window": 2}},
        {"native": {"orq": {"metadata": {"knowledge_cutoff": "2026-01"}}}},
    ]
    for changes in variants:
        house.manifests = [manifest(**{"capabilities": {"tools": True, "vision": True}, **changes})]
        digests.add(one(house.plan(live)).digest)
    assert len(digests) == len(variants)


def test_another_target_is_another_digest(house: House) -> None:
    before = house.plan().digest
    house.urls = {"orq": "https://other.invalid"}
    assert house.plan().digest != before


# ---- the document


def document(plan: Plan) -> str:
    text: str = simplejson.dumps(dataclasses.asdict(plan), use_decimal=True)
    return text


def full_plan(house: House) -> Plan:
    house.secrets = {"KEY": {"env": "KEY", "hosts": ["llm.example.com"]}}
    configuration = {
        "base_url": "https://llm.example.com/v1",
        "api_key": {"secret": "KEY"},
        "own": {"a": 1.5},
    }
    house.manifests = [
        manifest(pricing={**PRICES, "input": D("0.123456789012345"), "cache_read": None}, description="x"),
        manifest("b", model="b", display_name="B", native={"orq": {"configuration": configuration}}),
        manifest("c", developer=None, model="c", display_name="C"),
        manifest("adopts", model="d", display_name="D"),
    ]
    contradicting = live_model(id="m-7", model_id="d", display_name="D")
    contradicting["metadata"] |= {"million_tokens_input_cost": D("1E-7"), "context_window": 5}
    broken = UnexpectedAnswer("no list", registry="broken")
    house.urls = {"broken": "https://broken.invalid", "orq": "https://orq.invalid"}
    return house.plan(
        {"broken": broken, "orq": observation([live_model(), contradicting, live_model(id="x")])}
    )


def test_a_plan_document_reads_back_as_the_same_plan_with_exact_numbers(house: House) -> None:
    plan = full_plan(house)
    assert {action.operation for action in plan.actions()} == {"create", "update", "refused"}
    text = document(plan)
    again = plan_type().validate_python(simplejson.loads(text, use_decimal=True))
    assert again == plan
    assert document(again) == text
    [price] = [edit for edit in one(again).requests[0].edits if edit.path == ("input_cost",)]
    assert price.value == D("0.000123456789012345")
    assert "0.000123456789012345" in text


def test_a_plan_holds_secrets_by_name_only(house: House) -> None:
    plan = full_plan(house)
    [request] = one(plan, "b").requests
    [secret] = [edit for edit in request.edits if edit.secret]
    assert secret == PlannedEdit(("configuration", "api_key"), secret="KEY")
    [change] = [change for change in one(plan, "b").changes if change.path.endswith("api_key")]
    assert (change.desired.form, change.desired.value, change.wire_desired) == ("secret", "KEY", None)


def test_no_secret_that_a_registry_shows_gets_into_a_plan(house: House) -> None:
    house.manifests = [manifest(display_name="New name")]
    leaky = {"provider": "azure", "api_key": "sk-leaked", "azure_credentials": {"password": "sk-leaked"}}
    plan = house.plan([live_model(configuration=leaky)])
    assert one(plan).operation == "update"
    assert "sk-leaked" not in document(plan)


def test_every_part_of_a_plan_is_frozen(house: House) -> None:
    plan = full_plan(house)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.digest = "x"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        one(plan).operation = "create"  # type: ignore[misc]


# ---- planning cannot write


def test_what_planning_gets_has_no_method_that_writes() -> None:
    public = {name for name in dir(Reader) if not name.startswith("_")}
    assert public == {"observe", "usages"}
    assert not hasattr(OrqReader, "send")


def test_planning_makes_nothing_but_get_requests(house: House) -> None:
    async def scenario() -> OrqServer:
        async with orq(changed_everywhere()[0]) as server:
            house.urls = {"orq": server.url}
            house.manifests = [rich(), manifest("b", model="b", display_name="B")]
            plan = await house.planned()
            assert {action.operation for action in plan.actions()} == {"create", "update"}
            return server

    server = run(scenario())
    assert [exchange.method for exchange in server.seen] == ["GET"]


def test_two_servers_that_answer_as_one_workspace_are_warned_of(house: House) -> None:
    house.urls = {"orq": "https://a.invalid", "other": "https://b.invalid"}
    house.manifests = [manifest()]
    first, second = house.plan([live_model(refId="acme@azure/gpt-4o-mini")]).registries
    assert first.warnings == ()
    assert second.warnings == (
        "it answers as workspace acme, as 'orq' does: if they are one system, keep one of them",
    )
