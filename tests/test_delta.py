"""A plan against a plan: every reviewed action has one verdict, and what nobody reviewed is named."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.delta import delta
from reconciler.plan import (
    Action,
    Change,
    Failure,
    Plan,
    PlannedEdit,
    PlannedRequest,
    RegistryPlan,
    Shown,
    plan_digest,
)
from reconciler.refusal import PlanPlace, Refusal

UPDATE = PlannedRequest("update", "PATCH", "/v2/models/{id}", (PlannedEdit(("display_name",), "A"),))
OPERATIONS = st.sampled_from(["create", "update", "none", "refused"])


def action(name: str, operation: str, digest: str = "d") -> Action:
    doing = operation in ("create", "update")
    changes = (Change("display_name", Shown("value", digest), Shown("value", "A"), None, digest, "A"),)
    return Action(
        registry="one",
        resource="Model",
        name=name,
        operation=operation,  # type: ignore[arg-type]
        variant="generic",
        id=name,
        place=PlanPlace("models/a.yaml", 1, 1),
        changes=changes if doing else (),
        requests=(UPDATE,) if doing else (),
        refusals=(Refusal("x", "it is refused", None, ()),) if operation == "refused" else (),
        digest=f"{name}{operation}{digest}",
    )


def plan(*actions: Action, failure: Failure | None = None) -> Plan:
    part = RegistryPlan("one", "orq", "https://orq.example", failure=failure, actions=actions)
    return Plan((part,), plan_digest([part]))


ACTIONS = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(OPERATIONS, st.sampled_from(["1", "2"])), max_size=6
).map(lambda found: plan(*(action(name, *rest) for name, rest in found.items())))


@given(ACTIONS, ACTIONS)
def test_every_reviewed_action_has_one_verdict_and_every_other_one_is_new(then: Plan, now: Plan) -> None:
    found = delta(then, now)
    reviewed = {one.name for one in then.actions("create", "update")}
    planned = {one.name for one in now.actions("create", "update")}
    assert [entry.name for entry in found.entries if entry.verdict != "new"] == [
        one.name for one in then.actions("create", "update")
    ]
    assert {entry.name for entry in found.of("new")} == planned - reviewed
    assert (now.digest == then.digest) == (all(entry.verdict == "holds" for entry in found.entries))


@given(ACTIONS)
def test_a_plan_against_itself_holds(one: Plan) -> None:
    assert {entry.verdict for entry in delta(one, one).entries} <= {"holds"}


def test_what_cannot_be_read_now_is_not_known() -> None:
    failed = plan(failure=Failure("unreachable", "no answer"))
    [entry] = delta(plan(action("a", "update")), failed).entries
    assert (entry.verdict, entry.reason) == ("unknown", "no answer")
    [entry] = delta(plan(action("a", "update")), replace(failed, registries=())).entries
    assert (entry.verdict, entry.reason) == ("unknown", "this run leaves it out")


def test_each_end_is_told_apart() -> None:
    then = plan(*(action(name, "update", "1") for name in "abcde"))
    now = plan(
        action("a", "update", "1"), action("b", "none"), action("c", "refused"), action("d", "update", "2")
    )
    verdicts = {entry.name: entry.verdict for entry in delta(then, now).entries}
    assert verdicts == {"a": "holds", "b": "done", "c": "refused", "d": "moved", "e": "gone"}
    [moved] = delta(then, now).of("moved")
    assert [(field.path, field.live_then, field.live_now) for field in moved.fields] == [
        ("display_name", Shown("value", "1"), Shown("value", "2"))
    ]
