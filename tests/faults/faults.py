"""The faults that every action meets, as the rules of a file would say them."""

from __future__ import annotations

import re
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


FIELDS = ["display_name", "provider_name", "base_model_name", "custom_provider_id"]
"""One of them is in every create and every update here."""
READS = ["list", "get"]


def met_by(call: Match, *, reads: int, doubles: bool) -> dict[str, Rules]:
    """Every fault by its name. ``call`` is what a rule matches the write with, ``reads`` the reads that come
    before it. ``doubles``: sent twice, it would make two objects, so that it is never sent again."""
    return {**of_writes(call, reads=reads, doubles=doubles), **of_reads(call, reads=reads)}


_FAMILIES = (
    re.compile(r"429, (?!always|then).*()"),
    re.compile(r"50\d (before|after)"),
    re.compile(r"(?:500|reset) (before, always|after, always)"),
    re.compile(r"(?:half of the JSON|a page|no JSON)()"),
    re.compile(r"stale for (?:one read|three reads)()"),
    re.compile(r"(?:429|50\d|a reset|half .*|a page) of (the plan's read|the read before)"),
    re.compile(r"reset after, .* of (the look)"),
)


def family(name: str) -> str:
    """Faults that take one way through the program, and differ in a number or a word, are a family; any
    other fault is one by itself."""
    for number, pattern in enumerate(_FAMILIES):
        found = pattern.fullmatch(name)
        if found is not None:
            return f"{number} {found[1]}"
    return name


def of_writes(call: Match, *, reads: int, doubles: bool) -> dict[str, Rules]:
    """Faults of the write itself."""
    once = {"match": {**call, "times": 1}}
    second = {"match": {**call, "at": 2}}
    always = {"match": dict(call)}
    unread = [{"match": {"call": READS, "at": reads + 1, "times": 1000}, "status": 503}]
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
        "reset after, then stale": [{**once, "stale": "2 reads"}, {**once, "reset": "after"}],
        "reset after, then stale for ever": [{**once, "stale": FOR_EVER}, {**once, "reset": "after"}],
        "500 after, then unreadable": [{**once, "status": 500, "when": "after"}, *unread],
        "500 before, then unreadable": [{**once, "status": 500}, *unread],
        "429, then reset after": [{**once, "status": 429}, {**second, "reset": "after"}],
    }
    if call["call"] != "switch":
        found["a lost field"] = [{**once, "lose": FIELDS}]
    if doubles:
        found["unreadable afterwards"] = unread
    else:
        found["reset before, then 502 after"] = [
            {**once, "reset": "before"},
            {**second, "status": 502, "when": "after"},
        ]
    if call["call"] == "create":
        found |= {
            "another client": [{**once, "duplicate": True}],
            "another client, reset after": [{**once, "duplicate": True}, {**once, "reset": "after"}],
        }
    return found


def of_reads(call: Match, *, reads: int) -> dict[str, Rules]:
    """Faults of the reads around it: of the plan's, of the last one before the write, and of the one that
    looks what became of a write whose answer was lost."""
    one: dict[str, dict[str, Any]] = {
        "429": {"status": 429, "hint": "retry-after", "wait": "2s"},
        "500": {"status": 500},
        "503": {"status": 503},
        "a reset": {"reset": "before"},
        "half an answer": {"truncate": "length"},
        "half of the JSON": {"truncate": "json"},
        "a page": {"malformed": "html"},
    }
    lost = {"match": {**call, "times": 1}, "reset": "after"}
    found: dict[str, Rules] = {}
    for name, fault in one.items():
        found[f"{name} of the plan's read"] = [{"match": {"call": READS, "at": 1}, **fault}]
        found[f"{name} of the read before"] = [{"match": {"call": READS, "at": reads}, **fault}]
        look = {"match": {"call": READS, "at": reads + 1}, **fault}
        found[f"reset after, {name} of the look"] = [lost, look]
    from_then_on = {"match": {"call": READS, "at": reads, "times": 1000}, "status": 503}
    found["503 from the read before on"] = [from_then_on]
    return found
