"""Guards over a run: how much it may do, what it must not touch, and where nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import simplejson
from house import House, manifest, observation, one
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from orq_server import live_model
from properties.profile import examples
from published import published

from reconciler.errors import ExitCode
from reconciler.executor import execute
from reconciler.guards.acknowledgements import Acknowledged, load_acknowledgements
from reconciler.guards.run import run_guards
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.outcome import apply_exit_code, plan_exit_code
from reconciler.plan import Action, Plan, PlannedRequest, RegistryPlan, plan_digest
from reconciler.planner import Selection, make_plan
from reconciler.refusal import PlanPlace, Refusal
from reconciler.report.documents import plan_document
from reconciler.report.text import plan_text
from reconciler.secrets import SecretStore

HEAD = "apiVersion: reconciler/v1\nkind: Acknowledgements\nacknowledgements:\n"
URLS = {"staging": "https://staging.invalid", "prod": "https://prod.invalid"}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def named(name: str, display_name: str = "As it was", **labels: str) -> dict[str, Any]:
    document = manifest(name, model=name, display_name=display_name)
    return {**document, "metadata": {"name": name, "labels": labels}}


def live(count: int) -> list[dict[str, Any]]:
    names = [f"m{index}" for index in range(count)]
    return [live_model(id=name, model_id=name, display_name="As it was") for name in names]


def changed(count: int, of: int, created: int = 0) -> list[dict[str, Any]]:
    """Manifests of ``of`` live models, of which ``count`` differ, and of ``created`` new ones."""
    known = [named(f"m{index}", "Changed" if index < count else "As it was") for index in range(of)]
    return [*known, *(named(f"new{index}", f"New {index}") for index in range(created))]


def operations(plan: Plan, registry: str = "orq") -> list[str]:
    return [action.operation for action in plan.actions() if action.registry == registry]


def acknowledged(*refusals: Refusal) -> str:
    lines = "\n".join(str(refusal.acknowledge) for refusal in refusals)
    return HEAD + lines.replace("…", "It was agreed.")


# ---- the share of updates


def test_a_run_that_updates_too_many_of_a_registrys_models_is_refused_whole(house: House) -> None:
    house.manifests = changed(4, of=13, created=1)
    plan = house.plan(live(13))
    [refusal] = plan.registries[0].refusals
    assert refusal.message == (
        "would update 4 of 13 (30.8%) of your models here, at most 30% in one run "
        "(the default; `update_share` in reconciler.yaml sets it)"
    )
    assert (refusal.measured, refusal.limit, refusal.place) == ("4 of 13 (30.8%)", "30%", None)
    assert operations(plan) == ["refused"] * 4 + ["none"] * 9 + ["refused"]
    assert not any(action.requests for action in plan.actions())
    assert one(plan, "m0").changes  # what would have changed is still to be seen
    assert plan_exit_code(plan, changes_count=True) == ExitCode.REFUSED


@pytest.mark.parametrize(
    ("updates", "own", "created", "passes"),
    [(3, 10, 0, True), (4, 10, 0, False), (9, 9, 0, True), (3, 10, 30, True), (0, 10, 5, True)],
)
def test_the_share_counts_updates_alone_and_begins_at_ten_models(
    house: House, updates: int, own: int, created: int, passes: bool
) -> None:
    house.manifests = changed(updates, of=own, created=created)
    plan = house.plan(live(own))
    assert plan.actions("refused") == [] if passes else len(plan.actions("refused")) == updates + created


def test_the_share_is_of_all_that_is_yours_and_of_what_the_run_is_about(house: House) -> None:
    house.manifests = changed(4, of=4)
    assert house.plan(live(14)).registries[0].own == 14
    assert house.plan(live(14)).actions("refused") == []
    house.manifests = changed(8, of=8)
    assert house.plan(live(14)).registries[0].refusals
    assert len(house.plan(live(14), only=("m1", "m2")).actions("update")) == 2


def test_vendors_models_are_none_of_yours(house: House) -> None:
    house.manifests = changed(4, of=4)
    vendors = [live_model(id=f"v{index}", owner="system") for index in range(50)]
    assert house.plan([*live(12), *vendors]).registries[0].own == 12


@pytest.mark.parametrize(
    ("share", "passes"), [("100%", True), ("50%", True), ("49.9%", False), ("0%", False)]
)
def test_a_team_sets_the_share(house: House, share: str, passes: bool) -> None:
    house.guards = {"update_share": share}
    house.manifests = changed(5, of=10)
    plan = house.plan(live(10))
    assert (plan.actions("refused") == []) is passes
    if not passes:
        [refusal] = plan.registries[0].refusals
        assert refusal.limit == share
        assert f"at most {share} in one run ({refusal.place})" in refusal.message
        assert str(refusal.place).startswith("reconciler.yaml:1:")


def test_one_registry_may_have_a_share_of_its_own(house: House) -> None:
    house.urls = URLS
    house.guards = {"update_share": "20%"}
    config = _with(house, "staging", guards={"update_share": "100%"})
    house.manifests = changed(5, of=10)
    plan = _plan(house, config, {name: observation(live(10), name) for name in URLS})
    assert [bool(part.refusals) for part in plan.registries] == [False, True]
    assert operations(plan, "staging").count("update") == 5
    assert "update" not in operations(plan, "prod")


def test_where_the_number_of_models_is_not_known_only_what_any_number_allows_passes(house: House) -> None:
    house.manifests = changed(3, of=10, created=1)
    plan = house.plan(live(10))
    old = replace(plan, registries=tuple(replace(part, own=None) for part in plan.registries))
    assert run_guards(house.write(), old, Acknowledged()) == old
    house.manifests = changed(4, of=14, created=1)
    plan = house.plan(live(14))
    old = replace(plan, registries=tuple(replace(part, own=None) for part in plan.registries))
    again = run_guards(house.write(), old, Acknowledged())
    [refusal] = again.registries[0].refusals
    assert (refusal.code, refusal.acknowledge) == ("update-share", None)
    assert "plan anew" in str(refusal.fix)
    assert len(again.actions("refused")) == 5
    house.manifests = changed(0, of=10, created=1)
    plan = house.plan(live(10))
    old = replace(plan, registries=tuple(replace(part, own=None) for part in plan.registries))
    assert run_guards(house.write(), old, Acknowledged()) == old


# ---- how much a run does


def test_a_run_of_too_many_actions_is_refused_in_all_registries(house: House) -> None:
    house.urls = URLS
    house.guards = {"most_actions": 3}
    house.manifests = changed(1, of=1, created=1)
    observed = {name: observation(live(1), name) for name in URLS}
    plan = house.plan(observed)
    [refusal] = plan.refusals
    assert refusal.message.startswith(
        "4 actions (2 to create, 2 to update), at most 3 in one run (reconciler.yaml:1:"
    )
    assert (refusal.measured, refusal.limit) == ("4", "3")
    assert len(plan.actions("refused")) == 4
    house.guards = {"most_actions": 4}
    assert house.plan(observed).refusals == ()


def test_a_registry_may_have_a_limit_of_its_own(house: House) -> None:
    house.urls = URLS
    config = _with(house, "prod", guards={"most_actions": 1})
    house.manifests = changed(1, of=1, created=1)
    plan = _plan(house, config, {name: observation(live(1), name) for name in URLS})
    assert operations(plan, "staging") == ["update", "create"]
    assert operations(plan, "prod") == ["refused", "refused"]
    [refusal] = plan.registries[1].refusals
    assert "at most 1 here in one run" in refusal.message
    house.acknowledgements = acknowledged(refusal)
    again = _plan(house, config, {name: observation(live(1), name) for name in URLS})
    assert operations(again, "prod") == ["update", "create"]
    assert again.notes == ()


# ---- what is protected


@pytest.mark.parametrize("pattern", ["m0", "m[0]", "tier=critical", "tier=crit*"])
def test_an_update_of_what_is_protected_is_refused_alone(house: House, pattern: str) -> None:
    house.guards = {"protected": ["other", pattern]}
    house.manifests = [named("m0", "Changed", tier="critical"), named("m1", "Changed"), named("other")]
    plan = house.plan(live(2))
    [refusal] = one(plan, "m0").refusals
    assert refusal.code == "protected"
    assert refusal.message == f"'{pattern}' protects this model from updates ({refusal.place})"
    assert operations(plan) == ["refused", "update", "create"]
    house.acknowledgements = acknowledged(refusal)
    assert operations(house.plan(live(2))) == ["update", "update", "create"]


def test_what_is_protected_may_be_created(house: House) -> None:
    house.guards = {"protected": ["m*"]}
    house.manifests = [named("m0")]
    assert operations(house.plan()) == ["create"]


def test_switching_off_what_is_protected_is_an_update(house: House) -> None:
    house.guards = {"protected": ["m0"]}
    document = named("m0")
    document["spec"]["native"] = {"orq": {"enabled": False}}
    house.manifests = [document]
    assert operations(house.plan(live(1))) == ["refused"]


def test_a_pattern_that_protects_nothing_is_named(house: House) -> None:
    house.urls = URLS
    house.guards = {"protected": ["prod-large", "prod-smal", "tier=critical"]}
    house.manifests = [named("prod-large")]
    notes = house.plan({name: observation((), name) for name in URLS}).notes
    assert [note.partition(": ")[2] for note in notes] == [
        "'prod-smal' protects no manifest; did you mean 'prod-large'?",
        "'tier=critical' protects no manifest",
    ]


def test_one_registry_may_protect_nothing(house: House) -> None:
    house.urls = URLS
    house.guards = {"protected": ["m0"]}
    config = _with(house, "staging", guards={"protected": []})
    house.manifests = [named("m0", "Changed")]
    plan = _plan(house, config, {name: observation(live(1), name) for name in URLS})
    assert (operations(plan, "staging"), operations(plan, "prod")) == (["update"], ["refused"])


def test_where_the_labels_are_not_known_a_label_protects(house: House) -> None:
    house.manifests = [named("m0", "Changed")]
    plan = house.plan(live(1))
    assert one(plan, "m0").labels == {}
    house.guards = {"protected": ["tier=critical"]}
    config = house.write()
    assert run_guards(config, plan, Acknowledged()) == plan
    unknown = replace(one(plan, "m0"), labels=None)
    old = replace(plan, registries=(replace(plan.registries[0], actions=(unknown,)),))
    [refusal] = one(run_guards(config, old, Acknowledged()), "m0").refusals
    assert (refusal.code, refusal.acknowledge) == ("protected", None)


# ---- where nothing is written


def test_a_read_only_registry_is_planned_and_never_written_to(house: House) -> None:
    house.entries = {"read_only": True}
    house.manifests = changed(9, of=10, created=1)
    plan = house.plan(live(10))
    assert operations(plan) == ["update"] * 9 + ["none", "create"]
    assert [refusal.code for refusal in plan.registries[0].refusals] == ["read-only"]
    assert plan_exit_code(plan, changes_count=False) == ExitCode.OK
    assert plan_exit_code(plan, changes_count=True) == ExitCode.CHANGES
    text = plan_text(plan)
    assert "  read-only: apply does not do these 10 actions: `read_only: true` (reconciler.yaml:1:" in text
    assert "guard: read-only" not in text
    assert "guard: read-only" in plan_text(plan, verbose=True)
    assert "All of it is for read-only registries" in text
    outcome = _execute(plan)
    assert {result.status for result in outcome.results} == {"refused", "unchanged"}
    assert apply_exit_code(plan, outcome) == ExitCode.REFUSED


def test_a_read_only_registry_with_nothing_to_do_is_as_any_other(house: House) -> None:
    house.entries = {"read_only": True}
    house.manifests = changed(0, of=1)
    plan = house.plan(live(1))
    assert plan.registries[0].refusals == ()
    assert apply_exit_code(plan, _execute(plan)) == ExitCode.OK


def test_what_is_read_only_does_not_count_for_the_run(house: House) -> None:
    house.urls = URLS
    house.guards = {"most_actions": 2}
    config = _with(house, "prod", read_only=True)
    house.manifests = changed(1, of=1, created=1)
    plan = _plan(house, config, {name: observation(live(1), name) for name in URLS})
    assert plan.refusals == ()
    assert list(plan.held) == ["prod"]
    assert "2 of these are for read-only registries" in plan_text(plan)


def test_a_plan_from_before_is_held_to_what_reconciler_yaml_says_now(house: House) -> None:
    house.manifests = changed(1, of=1)
    plan = house.plan(live(1))
    assert plan.held == {}
    house.entries = {"read_only": True}
    assert list(run_guards(house.write(), plan, Acknowledged()).held) == ["orq"]
    house.entries, house.guards = {}, {"protected": ["m0"]}
    assert operations(run_guards(house.write(), plan, Acknowledged())) == ["refused"]
    house.guards = {"most_actions": 0}
    assert run_guards(house.write(), plan, Acknowledged()).refusals
    house.guards = None
    house.urls = {"another": "https://orq.invalid"}
    [refusal] = run_guards(house.write(), plan, Acknowledged()).registries[0].refusals
    assert refusal.code == "unknown-registry"


def test_what_a_plan_refuses_stays_refused(house: House) -> None:
    house.entries = {"read_only": True}
    house.manifests = changed(1, of=1)
    plan = house.plan(live(1))
    house.entries = {}
    assert list(run_guards(house.write(), plan, Acknowledged()).held) == ["orq"]
    house.guards = {"most_actions": 0}
    refused = house.plan(live(1))
    house.guards = None
    assert run_guards(house.write(), refused, Acknowledged()) == refused


# ---- the way through


def test_the_printed_lines_let_exactly_this_run_through(house: House) -> None:
    house.guards = {"most_actions": 5}
    house.manifests = changed(5, of=10, created=1)
    refused = house.plan(live(10))
    found = [*refused.registries[0].refusals, *refused.refusals]
    assert [refusal.code for refusal in found] == ["update-share", "most-actions"]
    house.acknowledgements = acknowledged(*found[1:])
    assert [refusal.code for refusal in house.plan(live(10)).registries[0].refusals] == ["update-share"]
    house.acknowledgements = acknowledged(*found)
    plan = house.plan(live(10))
    assert plan.notes == ()
    assert operations(plan) == ["update"] * 5 + ["none"] * 5 + ["create"]
    house.manifests = changed(6, of=10, created=1)
    other = house.plan(live(10))
    assert not other.actions("create", "update")
    assert [note.partition(": ")[2] for note in other.notes] == [
        "the acknowledgement of update-share in orq matches nothing any more; delete it",
        "the acknowledgement of most-actions matches nothing any more; delete it",
    ]


def test_of_a_run_that_leaves_something_out_nothing_is_known(house: House) -> None:
    house.manifests = changed(5, of=10)
    house.acknowledgements = acknowledged(*house.plan(live(10)).registries[0].refusals)
    assert house.plan(live(10), only=("m1",)).notes == ()


def test_the_text_says_it_once_for_a_registry(house: House) -> None:
    house.manifests = changed(5, of=10)
    text = plan_text(house.plan(live(10)))
    assert text.count("refused (update-share)") == 1
    assert text.count("acknowledgements.yaml:") == 1
    assert "  ! m0  (held back by update-share)\n      display_name: As it was -> Changed\n" in text


def test_the_document_is_as_its_schema_says(house: House) -> None:
    house.guards = {"most_actions": 5, "protected": ["m0"]}
    house.manifests = changed(6, of=10, created=2)
    plan = house.plan(live(10))
    assert plan.refusals
    assert one(plan, "m0").refusals
    document = plan_document(plan, ExitCode.REFUSED)
    validator = Draft202012Validator(published("plan.schema.json"))
    assert list(validator.iter_errors(simplejson.loads(simplejson.dumps(document, use_decimal=True)))) == []


def test_import_is_no_run(house: House) -> None:
    house.entries = {"read_only": True}
    house.guards = {"most_actions": 0, "protected": ["*"]}
    house.manifests = changed(9, of=10)
    plan = house.plan(live(10), tried_only=True)
    assert len(plan.actions("update")) == 9
    assert plan.held == {}


# ---- for any plan


def action(registry: str, number: int, operation: str, salt: str) -> Action:
    requests = (PlannedRequest("call", "PATCH", "/x", ()),) if operation in ("create", "update") else ()
    return Action(
        registry,
        "Model",
        f"m{number}",
        operation,  # type: ignore[arg-type]
        "generic",
        f"m{number}",
        PlanPlace("a.yaml", 1, 1),
        requests=requests,
        digest=f"{salt}-{registry}-{number}-{operation}" if requests else "",
        labels={},
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    salt = draw(st.sampled_from(["one", "two"]))
    parts = []
    for name, url in URLS.items():
        operations = draw(st.lists(st.sampled_from(["create", "update", "none", "refused"]), max_size=12))
        actions = tuple(action(name, number, each, salt) for number, each in enumerate(operations))
        own = draw(st.integers(0, 20))
        parts.append(RegistryPlan(name, "orq", url, actions=actions, own=own))
    return Plan(tuple(parts), plan_digest(parts))


def within(plan: Plan, most: int, share: int) -> bool:
    """The limits, as the documentation words them."""
    if len(plan.actions("create", "update")) > most:
        return False
    for part in plan.registries:
        updates = sum(each.operation == "update" for each in part.actions)
        if part.own is None or (part.own >= 10 and updates * 100 > share * part.own):
            return False
    return True


@examples(50)
@given(plan=plans(), other=plans(), most=st.integers(0, 16), share=st.sampled_from([0, 25, 30, 100]))
def test_no_run_beyond_a_limit_passes_without_its_own_acknowledgement(
    tmp_path_factory: pytest.TempPathFactory, plan: Plan, other: Plan, most: int, share: int
) -> None:
    house = House(tmp_path_factory.mktemp("house"), urls=URLS)
    house.guards = {"most_actions": most, "update_share": f"{share}%"}
    config = house.write()
    guarded = run_guards(config, plan, Acknowledged())
    assert (guarded == plan) is within(plan, most, share)
    todo = Plan(
        tuple(
            replace(part, actions=tuple(each for each in part.actions if each.requests))
            for part in guarded.registries
        ),
        "",
    )
    assert within(todo, most, share)
    assert run_guards(config, guarded, Acknowledged()) == guarded

    told = [*guarded.refusals, *(each for part in guarded.registries for each in part.refusals)]
    path = house.folder / "some.yaml"
    path.write_text(acknowledged(*told) if told else HEAD[:-1] + " []")
    assert run_guards(config, plan, load_acknowledgements(path, "some.yaml")) == plan
    # What lets one run through lets no other one through.
    mine, theirs = (
        [{each.digest for each in part.actions if each.requests} for part in which.registries]
        for which in (plan, other)
    )
    if all(one != two for one, two in zip(mine, theirs, strict=True)):
        again = run_guards(config, other, load_acknowledgements(path, "some.yaml"))
        assert again == run_guards(config, other, Acknowledged())


# ---- helpers that need a reconciler.yaml with two unlike registries


def _with(house: House, registry: str, **entry: Any) -> LoadedConfig:
    """The folder's configuration, in which one registry says more than the other."""
    house.write()
    path = house.folder / "reconciler.yaml"
    document = simplejson.loads(path.read_text())
    document["registries"][registry] |= entry
    path.write_text(simplejson.dumps(document))
    return load_config(path, "reconciler.yaml")


def _plan(house: House, config: LoadedConfig, observed: Mapping[str, Any]) -> Plan:
    _, desired, loaded = house.load()
    return make_plan(config, desired, observed, selection=Selection(), acknowledged=loaded)


def _execute(plan: Plan) -> Any:
    """Without anything to execute it against: whoever tried would fail."""
    return asyncio.run(execute(plan, {}, SecretStore({}, {}))).outcome
