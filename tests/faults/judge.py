"""What must hold of a run that met a fault, and of the runs after it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from .stand import Ran

Json = Any
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def key(entry: Mapping[str, Json]) -> tuple[str, str]:
    return entry["resource"], entry["name"]


def actions(ran: Ran) -> dict[tuple[str, str], Json]:
    plan = ran.document.get("plan", ran.document)
    return {key(action): action for part in plan["registries"] for action in part["actions"]}


def results(ran: Ran) -> dict[tuple[str, str], Json]:
    return {key(result): result for result in ran.document["outcome"]["results"]}


def statuses(ran: Ran) -> list[str]:
    return [result["status"] for result in ran.document["outcome"]["results"]]


def fitting_code(ran: Ran) -> int:
    """The exit code that the statuses of a run ask for."""
    count = Counter(statuses(ran))
    unread = any(part["failure"] for part in ran.document["plan"]["registries"])
    proofs = ran.document["proof"]
    again = any(each["again"] for proof in proofs for each in proof["left"])
    unproven = again or any(proof["read"] in ("failed", "interrupted") for proof in proofs)
    left = count["failed"] + count["skipped"] > 0 or unread or unproven
    if count["unproven"] or (count["done"] and (left or count["stale"])):
        return 4
    if left:
        return 1
    if count["stale"]:
        return 5
    return 3 if count["refused"] else 0


def is_pending(action: Mapping[str, Json]) -> bool:
    return action["operation"] in ("create", "update")


def assert_told_true(ran: Ran, after: Ran, *, others: bool) -> None:
    """What the run told of each action is what the registry holds: ``after`` is the next run, whose plan
    was made while the registry behaved. ``others``: another client has written as well."""
    assert ran.code == fitting_code(ran), (ran.code, statuses(ran))
    planned, now = actions(ran), actions(after)
    for name, result in results(ran).items():
        told = (result["status"], result["reason"], result["remarks"])
        action = now[name]
        match result["status"]:
            case "done" | "unchanged":
                assert action["operation"] == "none", (told, action["changes"], action["refusals"])
                assert result["id"] == action["id"], told
            case "unproven":
                assert result["reason"], told
            case "failed" if others:
                assert "somebody else made it" in result["reason"], told
            case _:
                # Not written at all: the next plan has the very same changes.
                assert action["operation"] == planned[name]["operation"], told
                assert action["changes"] == planned[name]["changes"], told
                assert result["reason"], told


_KINDS = {
    r"late|text|a page, always|(500|reset) after, always": {"done"},
    r"429, always": {"failed", "unproven"},  # unproven: the first request of two was done
    r"429, .*|50\d after|reset after|half .*|a page|no JSON|reset before, then 502 after": {"done"},
    r"(50\d|reset) before": {"done"},
    r"(500|reset) before, always": {"failed", "unproven"},
    r"500 .*, then unreadable": {"unproven"},
    r"(429|50\d|a reset|half an answer) of .*": {"done"},
    r"reset after, (429|50\d|a reset|half an answer) of the look": {"done"},
    r"reset after, .* of the look": {"unproven"},
    r"a lost field": {"failed", "unproven"},
    r"another client": {"failed", "unproven"},
}
"""How an action ends that met a fault; the first that fits. What is not here may end in several ways."""


def assert_fitting_end(ran: Ran, fault: str, *, doubles: bool, name: str) -> None:
    """``doubles``: what was lost is not sent again, because it would stand there twice."""
    ends = [result["status"] for result in ran.document["outcome"]["results"] if result["name"] == name]
    if fault == "unreadable afterwards":
        # Whether another client made the same is not known, and that is said.
        [end] = ran.document["outcome"]["results"]
        assert end["remarks"] if end["status"] == "done" else end["status"] == "unproven", end
    fits = next((fits for pattern, fits in _KINDS.items() if re.fullmatch(pattern, fault)), None)
    if re.fullmatch(r"(half of the JSON|a page) of .*", fault):
        fits = {"skipped", "failed"}  # or not even planned
    if fault == "half of the JSON of the read before":
        fits = {"skipped", "failed", "done"}  # half of a 404 is a 404
    if doubles and re.fullmatch(r"(50\d|reset) before(, always)?", fault):
        fits = {"unproven"}
    assert fits is None or set(ends) <= fits, (ends, fits)


def assert_both_told(ran: Ran) -> None:
    """Two live objects are named by their ids, which the server makes."""
    [text] = [result["reason"] for result in ran.document["outcome"]["results"]]
    assert len(set(_ID.findall(text))) == 2, text
