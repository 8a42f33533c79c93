"""What a manifest violates is told where it is written, in the policy's own words where it has some."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from reconciler.errors import Place

from .house import House


def about(path: str, schema: Any) -> dict[str, Any]:
    """A policy about one field."""
    for name in reversed(path.split(".")):
        schema = {"properties": {name: schema}}
    return dict(schema)


def test_a_violation_names_the_rule_and_why_it_is(house: House) -> None:
    rule = {"description": "Dear models need a yes from finance.", "maximum": 60}
    house.write(prices=about("spec.pricing.output", rule))
    [problem] = house.check("spec:\n  pricing: {input: 1, output: 75}\n")
    assert (problem.code, problem.path) == ("policy", "spec.pricing.output")
    assert problem.message == "must be at most 60 (policies/prices.json)"
    assert problem.place == Place("models/0.yaml", 2, 31)
    assert problem.hint == "Dear models need a yes from finance."
    [place] = problem.related
    line = (house.path / place.file).read_text().splitlines()[place.line - 1]
    assert line[place.column - 1 :] == '"maximum": 60'


def test_a_policy_may_have_a_message_of_its_own(house: House) -> None:
    house.write(p=about("a", {"title": "Short", "x-message": "Ask the platform team.", "maximum": 1}))
    [problem] = house.check("a: 2\n")
    assert problem.message == "Ask the platform team (policies/p.json)"
    assert problem.hint == "Short"


def test_what_a_schema_does_not_say_of_itself_its_policy_says(house: House) -> None:
    house.write(p={"title": "House rules", **about("a", {"maximum": 1})})
    assert [problem.hint for problem in house.check("a: 2\n")] == ["House rules"]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "integer"}, "1.5", "must be a whole number"),
        ({"type": ["string", "null"]}, "1", "must be a text or null"),
        ({"enum": ["a", 1, 0.5]}, "b", "must be one of a, 1, 0.5"),
        ({"const": True}, "1", "must be true"),
        ({"exclusiveMinimum": 0}, "0.0", "must be more than 0"),
        ({"exclusiveMaximum": 1}, "1", "must be less than 1"),
        ({"minLength": 2}, "a", "must have at least 2 characters"),
        ({"maxItems": 1}, "[1, 2]", "must have at most 1 item"),
        ({"minProperties": 1}, "{}", "must have at least 1 key"),
        ({"uniqueItems": True}, "[1, 1.0]", "holds something twice"),
        ({"pattern": "^[a-z]+$"}, "A", "must match ^[a-z]+$"),
        ({"not": {"type": "string"}}, "a", "is what may not stand here"),
        ({"contains": {"const": 1}}, "[2]", "has no item of the kind that must be in it"),
        ({"contains": {"const": 1}, "maxContains": 1}, "[1, 1]", "must have at most 1 items of this kind"),
        ({"oneOf": [{"minimum": 1}, {"maximum": 9}]}, "5", "must fit exactly one of 2 alternatives"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "5", "fits none of 2 alternatives"),
        ({"anyOf": [{"type": "string"}, {"required": ["b"], "type": "object"}]}, "{}", "'b' is missing"),
        ({"prefixItems": [{}], "items": False}, "[1, 2]", "has more items than may stand here"),
        ({"prefixItems": [{"type": "string"}]}, "[1]", "must be a text"),
        ({"unevaluatedProperties": False}, "{b: 1}", "holds a key that may not stand here"),
    ],
)
def test_it_is_told_in_plain_words(house: House, schema: Any, value: str, message: str) -> None:
    house.write(p=about("a", schema))
    assert [problem.message for problem in house.check(f"a: {value}\n")] == [f"{message} (policies/p.json)"]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"required": ["z", "y"]}, ["1:1: 'y' is missing", "1:1: 'z' is missing"]),
        ({"dependentRequired": {"x": ["z"]}}, ["1:1: 'z' is missing; it goes with 'x'"]),
        (
            {"additionalProperties": False, "patternProperties": {"^[xv]$": {}}},
            ["1:11: 'w' may not stand here"],
        ),
        ({"additionalProperties": {"type": "string"}}, ["1:8: must be a text", "1:14: must be a text"]),
        ({"propertyNames": {"pattern": "^[w]$"}}, ["1:5: must match ^[w]$"]),
        ({"properties": {"x": False}}, ["1:5: 'x' may not stand here"]),
        ({"patternProperties": {"^[x]$": False}}, ["1:5: 'x' may not stand here"]),
        ({"if": {"required": ["x"]}, "then": {"required": ["z"]}}, ["1:1: 'z' is missing"]),
        ({"dependentSchemas": {"x": {"properties": {"w": {"const": 3}}}}}, ["1:14: must be 3"]),
    ],
)
def test_what_is_about_a_key_is_told_at_the_key(house: House, schema: Any, expected: list[str]) -> None:
    house.write(p=about("a", schema))
    found = house.told("a: {x: 1, w: 2}\n")
    assert found == [f"models/0.yaml:{line} (policies/p.json)" for line in expected]


def test_the_rule_of_a_schema_false_is_found(house: House) -> None:
    house.write(p='{"properties": {"a": {"properties":\n {"x": false}}}}')
    [problem] = house.check("a: {x: 1}\n")
    assert problem.related == (Place("policies/p.json", 2, 3),)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"multipleOf": 0.01}, ["0.1", "0.29", "1.1", "100000000000000000000000000000.07"], ["0.155"]),
        ({"multipleOf": 0.1}, ["0.3", "1e30", "4.35e1"], ["0.35"]),
        ({"minimum": 0.3}, ["0.3", "0.30"], ["0.29999999999999999999"]),
        ({"maximum": 0.1}, ["0.1"], ["0.1000000000000000000001"]),
        ({"const": 0.1}, ["0.1", "1e-1", "0.10"], ["0.1000000000000000055511151231257827"]),
        ({"enum": [1, 2.5]}, ["1.0", "2.50"], ["true", "2.5000000000000000000001"]),
        ({"type": "integer"}, ["2", "2.0", "1e3"], ["2.0000000000000000000001", "true", "'2'"]),
        ({"minLength": 2.0}, ["ab"], ["a"]),
    ],
)
def test_numbers_are_exact(house: House, schema: Any, good: list[str], bad: list[str]) -> None:
    house.write(p=about("a", schema))
    values = "\n---\n".join(f"a: {value}" for value in (*good, *bad))
    assert [problem.place.line for problem in house.check(values)] == [
        1 + 2 * (len(good) + index) for index in range(len(bad))
    ]


def test_in_a_file_that_is_referred_to_numbers_are_exact_too(house: House) -> None:
    """Such a file may say which JSON Schema it is in, and jsonschema then takes its own rules for it."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    (house.path / "policies" / "lib").mkdir(parents=True)
    cent = {"$schema": dialect, "$defs": {"cent": {"type": "number", "multipleOf": 0.01}}}
    (house.path / "policies" / "lib" / "money.json").write_text(json.dumps(cent))
    house.write(p={"$schema": dialect, **about("a", {"$ref": "lib/money.json#/$defs/cent"})})
    assert house.told("a: 0.29\n---\na: 0.295\n") == [
        "models/0.yaml:3:4: must be a multiple of 0.01 (policies/lib/money.json)"
    ]


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^[a-z]+$", "abc", '"abc\\n"'),
        (r"^\d+$", "'12'", "'١٢'"),
        (r"^[$]\$$", "$$", "$"),
        (r"^[]$]$", "$", "a"),
        ("^a$|^b$", "b", '"b\\n"'),
    ],
)
def test_patterns_mean_what_json_schema_says(house: House, pattern: str, good: str, bad: str) -> None:
    house.write(p=about("a", {"pattern": pattern}))
    [problem] = house.check(f"a: {good}\n---\na: {bad}\n")
    assert (problem.place.line, problem.message) == (3, f"must match {pattern} (policies/p.json)")


def test_policies_may_be_about_one_kind(house: House) -> None:
    house.write(p={"if": about("kind", {"const": "Provider"}), "then": {"required": ["owner"]}})
    assert house.told("kind: Model\n---\nkind: Provider\n") == [
        "models/0.yaml:3:1: 'owner' is missing (policies/p.json)"
    ]


def test_no_value_of_a_manifest_is_repeated(house: House) -> None:
    """It may be a secret that somebody wrote where none belongs."""
    schema = {"enum": ["x"], "maxLength": 1, "pattern": "^x$", "const": "x", "type": "null", "not": {}}
    house.write(p=about("a", schema))
    problems = house.check("a: sk-very-secret\n")
    assert len(problems) == 6
    assert "secret" not in str(problems)


def test_what_could_not_be_read_is_not_complained_of_again(house: House) -> None:
    house.write(p=about("a", {"type": "string"}))
    assert house.told("a: {b: .inf}\n") == []


def test_several_policies_speak_in_one_run_and_each_file_counts_once(house: House) -> None:
    house.write(one={"required": ["a"]}, two={"required": ["b"]})
    found = house.told("c: 1\n", policies='"policies/*.json", policies/one.json')
    assert found == [
        "models/0.yaml:1:1: 'a' is missing (policies/one.json)",
        "models/0.yaml:1:1: 'b' is missing (policies/two.json)",
    ]


def test_a_pattern_that_takes_for_ever_ends(house: House) -> None:
    house.write(p=about("a", {"pattern": "^(a+)+$"}), q=about("a", {"const": "b"}))
    slow = f"a: {'a' * 60}-\n"
    problems = house.check(slow, slow, seconds=0.05)
    assert [(problem.code, problem.place.file) for problem in problems] == [
        ("policy", "models/0.yaml"),
        ("policy", "models/1.yaml"),
        ("policy-slow", "policies/p.json"),
    ]
    assert problems[2].related == (Place("models/0.yaml", 1),)


def test_in_another_thread_policies_work_too(house: House) -> None:
    house.write(p={"required": ["a"]})
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(house.told("b: 1\n")))
    thread.start()
    thread.join()
    assert found == ["models/0.yaml:1:1: 'a' is missing (policies/p.json)"]
