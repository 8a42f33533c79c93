"""What a file of faults may say, and what is said of a mistake in one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from published import published

from reconciler.cli.faults import read
from reconciler.embedded.faults.calls import Call, call_of
from reconciler.embedded.faults.faults import Faults
from reconciler.embedded.faults.rules import FaultFile
from reconciler.errors import InputError
from reconciler.manifests.yamltree import parse

DOCS = Path(__file__).parents[2] / "docs" / "embedded.md"
SCHEMA = Draft202012Validator(published("faults.schema.json"))
CREATE = Call("POST", "/v2/models", "create", frozenset({"support"}))
LIST = Call("GET", "/v2/models", "list")


def written(folder: Path, text: str) -> Path:
    file = folder / "faults.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def faults(*rules: dict[str, Any], seed: int = 0) -> Faults:
    return Faults(FaultFile.model_validate({"seed": seed, "faults": list(rules)}))


def met(found: Faults, *calls: Call) -> list[list[str]]:
    return [[rule.fault for rule in found.meeting(call)] for call in calls]


def test_the_documented_file_is_good(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(seed: .*?faults:.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    found = read(written(tmp_path, example[1]))
    assert len(found.counts) > 8
    [document], _ = parse(example[1].encode(), "faults.yaml")
    SCHEMA.validate(document.root)


MISTAKES = [
    ("", "1:1: the rules are exactly one document"),
    ("faults: []", "1:9: must not be empty"),
    ("faults: [{}]", "1:10: a rule has exactly one fault; this one has none"),
    (
        "faults: [{reset: after, lose: true}]",
        "1:10: a rule has exactly one fault; this one has reset and lose",
    ),
    ("faults: [{latency: 200}]", "1:20: a time is a number with its unit: 200ms, 3s or 1m"),
    ("faults: [{status: 501}]", "1:19: must be 429, 500, 502, 503 or 504"),
    ("faults: [{status: 429, when: after}]", "1:10: `when` stands beside `status: 500` to `504` only"),
    ("faults: [{status: 500, hint: body}]", "1:10: `hint` stands beside `status: 429` only"),
    ("faults: [{reset: befor}]", "1:18: must be 'before' or 'after'"),
    ("faults: [{lose: false}]", "1:17: write true, or a list of the fields that are lost: [metadata.region]"),
    (
        "faults: [{stale: 3}]",
        "1:18: write how long reads are stale: a time (3s), or a number of them (2 reads)",
    ),
    ("faults: [{match: {call: creat}, reset: after}]", "1:25: a call is one of list, get, create, update,"),
    (
        "faults:\n- match: {call: update}\n  duplicate: true",
        "2:3: `duplicate` is for create, and not for update",
    ),
    ("faults: [{match: {nam: x}, reset: after}]", "1:19: faults[0].match has no field 'nam'"),
    ("faults: [{match: {probability: 2}, reset: after}]", "1:32: must be at most 1"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read(written(tmp_path, text))
    [problem] = caught.value.problems
    assert problem.place is not None
    assert f"{problem.place.line}:{problem.place.column}: {problem.message}".startswith(said)


@pytest.mark.parametrize("text", [text for text, _ in MISTAKES if text])
def test_the_schema_refuses_the_same(text: str) -> None:
    [document], _ = parse(text.encode(), "faults.yaml")
    assert not SCHEMA.is_valid(document.root)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / "none.yaml")
    [problem] = caught.value.problems
    assert problem.message == "No such file or directory"


CALLS = [
    ("GET", "/v2/models", b"", b"", "list", set()),
    ("POST", "/v2/models", b"", b'{"id": "a", "model_id": "m"}', "create", {"a", "m"}),
    ("POST", "/v2/models/openai-like", b"", b'{"model_id": "m"}', "create", {"m"}),
    ("PATCH", "/v2/models/openai/a", b"", b"{}", "update", {"openai/a"}),
    ("PATCH", "/v2/models/openai-like/7", b"", b"not JSON", "update", {"7"}),
    ("POST", "/v2/workspace-models", b"", b'{"model_id": "a"}', "switch", {"a"}),
    ("DELETE", "/v2/workspace-models/a", b"", b"", "switch", {"a"}),
    ("GET", "/v2/deployments", b"limit=50", b"", "usages", set()),
    ("POST", "/api/models/list/", b"page=1", b"{}", "list", set()),
    ("GET", "/api/models/", b"all=true", b"", "list", set()),
    ("GET", "/api/models/a/b/", b"", b"", "get", {"a/b"}),
    ("POST", "/api/models/", b"", b'{"model_name": "a"}', "create", {"a"}),
    ("PUT", "/api/models/a/", b"", b"{}", "update", {"a"}),
    ("POST", "/api/providers/", b"", b'{"provider_id": "p"}', "create", {"p"}),
    ("GET", "/v1/orchestrate/models", b"", b"", "list", set()),
    ("GET", "/api/v1/models", b"name=virtual-model/a", b"", "get", {"virtual-model/a"}),
    ("POST", "/api/v1/models", b"", b'{"name": "a"}', "create", {"a"}),
    ("PUT", "/api/v1/models/7", b"", b'{"name": "a"}', "update", {"a", "7"}),
    ("POST", "/identity/token", b"", b"", "token", set()),
    ("GET", "/elsewhere", b"", b"", "other", set()),
]


@pytest.mark.parametrize("case", CALLS)
def test_a_request_is_known_by_what_it_is_for(
    case: tuple[str, str, bytes, bytes, str, set[str]],
) -> None:
    *request, kind, names = case
    call = call_of(*request)  # type: ignore[arg-type]
    assert (call.kind, set(call.names)) == (kind, names)


def test_at_and_times_count_the_calls_that_match() -> None:
    found = faults({"match": {"call": "create", "at": 2}, "reset": "before"})
    assert met(found, CREATE, LIST, CREATE, CREATE) == [[], [], ["reset"], []]
    found = faults({"match": {"call": "create", "times": 2}, "reset": "before"})
    assert met(found, CREATE, CREATE, CREATE) == [["reset"], ["reset"], []]
    found = faults({"match": {"at": 2, "times": 2}, "reset": "before"})
    assert met(found, CREATE, CREATE, LIST, LIST) == [[], ["reset"], ["reset"], []]


def test_a_call_that_another_rule_decides_counts_as_well() -> None:
    found = faults({"match": {"times": 1}, "reset": "before"}, {"match": {"at": 2}, "lose": True})
    assert met(found, CREATE, CREATE, CREATE) == [["reset"], ["lose"], []]
    assert found.fired == [1, 1]
    assert [*found.told()] == [
        "fired 1 of 3: reset before, where times=1",
        "fired 1 of 3: lose, where at=2",
    ]


def test_what_only_adds_comes_before_what_decides() -> None:
    found = faults(
        {"latency": "1ms"}, {"stale": "1 read"}, {"duplicate": True}, {"status": 500}, {"reset": "after"}
    )
    assert met(found, CREATE, LIST) == [["latency", "stale", "duplicate", "status"], ["latency", "status"]]


def test_names_paths_and_methods_are_patterns() -> None:
    found = faults({"match": {"name": "sup*", "path": "/v2/*", "method": "post"}, "reset": "after"})
    other = Call("POST", "/v2/models", "create", frozenset({"other"}))
    assert met(found, CREATE, other, LIST) == [["reset"], [], []]


def test_chance_follows_the_seed() -> None:
    def drawn(seed: int) -> list[list[str]]:
        return met(faults({"match": {"probability": 0.5}, "reset": "after"}, seed=seed), *[LIST] * 40)

    assert drawn(1) == drawn(1) != drawn(2)
    assert 5 < sum(map(bool, drawn(1))) < 35
    assert met(faults({"match": {"probability": 0}, "reset": "after"}), *[LIST] * 9) == [[]] * 9


def test_no_rule_holds_once_it_is_off() -> None:
    found = faults({"reset": "before"})
    found.off()
    assert met(found, CREATE) == [[]]
    assert found.fired == [0]
