"""What an approval keeps in how much room, and that nothing else is taken for one."""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib

import pytest
from report.plans import action, dearer, plan

from reconciler.approval import LEAST_ROOM, ApprovalError, approval_of, approval_text, hold, read_approval
from reconciler.plan import Plan, PlannedRequest, digest_of, plan_digest

REQUEST = PlannedRequest("update", "PATCH", "/v2/models/{id}", ())
HEAD, BASE = "a" * 40, "b" * 40


def plan_of(count: int, first: int = 0) -> Plan:
    actions = [
        action(f"model-{index:04}", "update", dearer(), requests=(REQUEST,), digest=digest_of(index))
        for index in range(first, first + count)
    ]
    found = plan(*actions)
    return dataclasses.replace(found, digest=plan_digest(found.registries))


def approval_for(found: Plan):
    return approval_of(found, request=7, head=HEAD, base=BASE)


def test_with_room_the_whole_plan_is_kept() -> None:
    found = plan_of(3)
    read = read_approval(approval_text(approval_for(found), 60_000))
    assert read == approval_for(found)
    assert read.reviewed is not None
    assert [one.name for one in read.reviewed.actions()] == ["model-0000", "model-0001", "model-0002"]


def test_with_less_room_the_digests_are_and_then_only_the_plans() -> None:
    found = plan_of(40)
    whole = approval_text(approval_for(found), 60_000)
    digests = read_approval(approval_text(approval_for(found), len(whole) - 1))
    assert (digests.reviewed, digests.actions) == (None, approval_for(found).actions)
    least = approval_text(approval_for(found), LEAST_ROOM)
    assert len(least) <= LEAST_ROOM
    read = read_approval(f"before\n\n{least}\nafter\n")
    assert (read.actions, read.plan, read.request, read.head) == (None, found.digest, 7, HEAD)


def test_three_thousand_actions_fit_as_the_digest_of_the_plan() -> None:
    found = plan_of(3_000)
    read = read_approval(approval_text(approval_for(found), 60_000))
    assert read.actions is None
    assert not hold(read, found).stale
    assert hold(read, plan_of(2_999)).stale
    assert hold(read, plan_of(3_000, first=1)).stale


def test_a_thousand_actions_keep_their_digests() -> None:
    found = plan_of(1_000)
    assert read_approval(approval_text(approval_for(found), 60_000)).actions is not None


def test_what_is_not_approved_is_refused_and_changes_the_digest() -> None:
    approval = dataclasses.replace(approval_for(plan_of(2)), reviewed=None)
    held = hold(approval, plan_of(3))
    assert [one.operation for one in held.plan.actions()] == ["update", "update", "refused"]
    assert held.plan.digest == plan_of(2).digest
    assert (held.stale, [one.name for one in held.delta.of("new")]) == (False, ["model-0002"])


def packed(document: object) -> str:
    return "reconciler-approval:" + base64.b64encode(zlib.compress(json.dumps(document).encode())).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "reconciler-approval:",
        "reconciler-approval:AAAA",
        packed([]),
        packed({"format": 2}),
        packed({"format": 1, "actions": {"orq": {"Model/a": "0" * 64}}, "plan": "0" * 64, "reviewed": None}),
        packed({"format": 1, "actions": {"orq": {"Model/a": "x"}}, "plan": "0" * 64, "reviewed": None}),
        "reconciler-approval:" + base64.b64encode(zlib.compress(b" " * 40_000_000)).decode(),
        f"reviewed plan={'0' * 64} request=7 head={HEAD} base={BASE} and more",
    ],
)
def test_what_cannot_be_read_approves_nothing(text: str) -> None:
    with pytest.raises(ApprovalError):
        read_approval(text)


def test_two_approvals_in_one_text_are_none() -> None:
    one, other = (approval_text(approval_for(plan_of(count)), 60_000) for count in (1, 2))
    with pytest.raises(ApprovalError, match="more than one"):
        read_approval(f"{one}\n{other}\n")
