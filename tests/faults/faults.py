"""The faults that every action meets, as the rules of a file would say them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .actions import Match

Rules = list[dict[str, Any]]

HINTS = (
    "none",
    "retry-after",
    "retry-after-date",
    "retry-after-ms",
    "x-ratelimit-reset",
    "x-ratelimit-reset-at",
    "body",
)
FOR_EVER = "10m"
"""Longer than any run."""


def of_writes(call: Match, *, creates: bool) -> dict[str, Rules]:
    """Faults of the write itself, by their names; ``call`` is what a rule matches it with."""
    once = {"match": {**call, "times": 1}}
    second = {"match": {**call, "at": 2}}
    always = {"match": dict(call)}
    listed = {"match": {"call": ["list", "get"]}}
    limited = {f"429, {hint}": [{**once, "status": 429, "hint": hint, "wait": "2s"}] for hint in HINTS}
    broken = {
        f"{status} {when}": [{**once, "status": status, "when": when}]
        for status in (500, 502, 503, 504)
        for when in ("before", "after")
    }
    found: dict[str, Rules] = {
        "late": [{**once, "latency": "1ms"}],
        **limited,
        "429, always": [{**always, "status": 429}],
        **broken,
        "500 before, always": [{**always, "status": 500, "when": "before"}],
        "500 after, always": [{**always, "status": 500, "when": "after"}],
        "reset before": [{**once, "reset": "before"}],
        "reset after": [{**once, "reset": "after"}],
        "reset before, always": [{**always, "reset": "before"}],
        "reset after, always": [{**always, "reset": "after"}],
        "half an answer": [{**once, "truncate": "length"}],
        "half of the JSON": [{**once, "truncate": "json"}],
        "a page": [{**once, "malformed": "html"}],
        "a page, always": [{**always, "malformed": "html"}],
        "text": [{**once, "malformed": "content-type"}],
        "no JSON": [{**once, "malformed": "json"}],
        "stale for one read": [{**once, "stale": "1 read"}],
        "stale for three reads": [{**once, "stale": "3 reads"}],
        "stale for ever": [{**always, "stale": FOR_EVER}],
        "lost": [{**once, "lose": True}],
        "lost, always": [{**always, "lose": True}],
        "a lost field": [{**once, "lose": ["display_name", "provider_name"]}],
        "reset after, then stale": [{**once, "stale": "2 reads"}, {**once, "reset": "after"}],
        "reset after, then stale for ever": [{**once, "stale": FOR_EVER}, {**once, "reset": "after"}],
        "500 after, then unreadable": [{**once, "status": 500, "when": "after"}, {**listed, "status": 503}],
        "500 before, then unreadable": [{**once, "status": 500}, {**listed, "status": 503}],
        "429, then reset after": [{**once, "status": 429}, {**second, "reset": "after"}],
        "reset before, then 502 after": [
            {**once, "reset": "before"},
            {**second, "status": 502, "when": "after"},
        ],
    }
    for rules in (found["500 after, then unreadable"], found["500 before, then unreadable"]):
        # Everything before the write can be read: the plan, and what comes right before a create.
        rules[1] = {"match": {"call": ["list", "get"], "at": 4, "times": 1000}, "status": 503}
    if creates:
        found |= {
            "another client": [{**once, "duplicate": True}],
            "another client, reset after": [{**once, "duplicate": True}, {**once, "reset": "after"}],
            "another client, reset before": [{**once, "duplicate": True}, {**second, "reset": "before"}],
        }
    return found


def of_reads() -> Mapping[str, Rules]:
    """Faults of the lists around it: of the plan's read, and of those that come after."""
    one = {
        "429": {"status": 429, "hint": "retry-after", "wait": "2s"},
        "500": {"status": 500},
        "503": {"status": 503},
        "reset": {"reset": "before"},
        "half an answer": {"truncate": "length"},
        "half of the JSON": {"truncate": "json"},
        "a page": {"malformed": "html"},
    }
    found: dict[str, Rules] = {}
    for name, fault in one.items():
        for at in (1, 2, 3):
            found[f"{name} of read {at}"] = [{"match": {"call": ["list", "get"], "at": at}, **fault}]
    for at in (1, 2, 3, 4):
        later = {"call": ["list", "get"], "at": at, "times": 1000}
        found[f"503 from read {at} on"] = [{"match": later, "status": 503}]
    return found
