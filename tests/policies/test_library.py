"""Policies are read from the folder of reconciler.yaml alone, and what is wrong with one is told with its
place before any manifest is looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .house import House

MANIFEST = "a: 1\n"


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        ("policies/*.json", "'policies/*.json' matches no file"),
        ("../p.json", "a policy is a file in the folder of reconciler.yaml"),
        ("/etc/*.json", "a policy is a file in the folder of reconciler.yaml"),
        ("a**/b.json", "'a**/b.json' is no pattern of paths"),
        (".", "a policy is a file in the folder of reconciler.yaml"),
    ],
)
def test_a_pattern_that_leads_to_nothing_is_a_mistake(house: House, policies: str, message: str) -> None:
    [problem] = house.check(MANIFEST, policies=policies)
    assert (problem.code, problem.path) == ("policies", "policies[0]")
    assert str(problem.place) == "reconciler.yaml:3:12"
    assert problem.message.startswith(message)


def test_hidden_files_are_no_policies_unless_they_are_named(house: House) -> None:
    house.write(p={"required": ["b"]}, **{".hidden": {"required": ["c"]}})
    assert [problem.path for problem in house.check(MANIFEST)] == ["b"]
    assert [problem.path for problem in house.check(MANIFEST, policies="policies/.*.json")] == ["c"]


def test_a_link_that_leaves_the_folder_is_not_followed(house: House, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "p.json"
    elsewhere.write_text('{"required": ["b"]}')
    house.write(q={"$ref": "p.json"})
    (house.path / "policies" / "p.json").symlink_to(elsewhere)
    assert "link-leaves-folder" in [problem.code for problem in house.check(MANIFEST)]
    assert [problem.code for problem in house.check(MANIFEST, policies="policies/q.json")] == [
        "link-leaves-folder"
    ]


def test_a_folder_and_a_file_too_large_are_no_policies(house: House) -> None:
    (house.path / "policies" / "p.json").mkdir(parents=True)
    assert [problem.code for problem in house.check(MANIFEST)] == ["file-not-regular"]
    house.write(q="[" + " " * 2**22 + "]")
    assert [problem.code for problem in house.check(MANIFEST, policies="policies/q.json")] == [
        "file-too-large"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"type": }', "1:10: a JSON value must stand here"),
        ("[]", "1:1: this is no JSON Schema: must be a mapping or true or false"),
        (
            '{"type": "text"}',
            "1:10: this is no JSON Schema: 'type': must be one of array, boolean, integer, null, number, "
            "object, string",
        ),
        ('{"properties": {"a": {"minimum": "1"}}}', "1:34: this is no JSON Schema: 'properties.a.minimum': "),
        ('{"multipleOf": 0}', "1:16: this is no JSON Schema: 'multipleOf': must be more than 0"),
        ('{"pattern": "a("}', "1:13: this is no regular expression: missing )"),
        ('{"patternProperties": {"[": true}}', "1:24: this is no regular expression: unterminated"),
        ('{"propertis": {}}', "1:2: 'propertis' is no keyword of JSON Schema, so it would check nothing"),
        ('{"allOf": [{"requires": ["a"]}]}', "1:13: 'requires' is no keyword of JSON Schema"),
        (
            '{"$schema": "http://json-schema.org/draft-07/schema#"}',
            "1:13: policies are written in JSON Schema 2020-12, not in http://json-schema.org/draft-07/schema#",
        ),
        ('{"$defs": {"a": {"$schema": "urn:x"}}}', "1:29: policies are written in JSON Schema 2020-12"),
    ],
)
def test_a_bad_policy_is_told_with_its_place(house: House, text: str, expected: str) -> None:
    house.write(p=text)
    [found] = house.told(MANIFEST)
    assert found.startswith(f"policies/p.json:{expected}")


def test_words_of_ones_own_are_no_slips(house: House) -> None:
    words = ["x-owner", "severity", "tags", "message", "owner", "errorMessage", "markdownDescription"]
    house.write(p=dict.fromkeys(words, "text"))
    assert house.told(MANIFEST) == []


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("../../p.json", "leads out of the folder of reconciler.yaml; nothing is downloaded"),
        ("https://example.com/p.json", "leads out of the folder of reconciler.yaml; nothing is downloaded"),
        ("file:///etc/passwd", "leads out of the folder of reconciler.yaml; nothing is downloaded"),
        ("/etc/passwd", "leads out of the folder of reconciler.yaml; nothing is downloaded"),
        ("%2e%2e/%2e%2e/outside.json", "which is no policy in the folder of reconciler.yaml"),
        ("none.json", "leads to 'policies/none.json', which is no policy in the folder of reconciler.yaml"),
        ("../reconciler.yaml", "leads to 'reconciler.yaml', which is no policy"),
        ("../.hidden.json", "leads to '.hidden.json', which is no policy"),
        ("#/$defs/none", "'#/$defs/none' leads to nothing"),
        ("#/examples/0", "'#/examples/0' leads to what is no schema"),
        ("#none", "'#none' leads to nothing"),
    ],
)
def test_a_reference_that_leads_nowhere_or_out_is_told(house: House, reference: str, message: str) -> None:
    (house.path / ".hidden.json").write_text("{}")
    (house.path.parent / "outside.json").write_text("{}")
    house.write(p={"properties": {"a": {"$ref": reference}}, "examples": [{}]})
    [problem] = house.check(MANIFEST)
    assert problem.code == "policy-reference"
    assert message in problem.message
    line = (house.path / "policies" / "p.json").read_text().splitlines()[problem.place.line - 1]
    assert line[problem.place.column - 1 :] == json.dumps(reference)


def test_references_lead_on_from_file_to_file(house: House) -> None:
    (house.path / "shared").mkdir()
    (house.path / "shared" / "b.json").write_text('{"$ref": "c.json#kind"}')
    (house.path / "shared" / "c.json").write_text('{"$defs": {"k": {"$anchor": "kind", "const": 2}}}')
    house.write(p={"properties": {"a": {"$ref": "../shared/b.json"}}})
    assert house.told(MANIFEST) == ["models/0.yaml:1:4: must be 2 (shared/c.json)"]
    (house.path / "shared" / "c.json").write_text('{"$defs": {"k": {"$anchor": "kind", "type": "no"}}}')
    [found] = house.told(MANIFEST)
    assert found.startswith(
        "shared/c.json:1:45: this is no JSON Schema: '$defs.k.type': must be one of array"
    )


def test_policies_may_go_by_a_name(house: House) -> None:
    name = "https://example.com/policies/"
    house.write(
        p={"$id": f"{name}p.json", "properties": {"a": {"$ref": "q.json"}}},
        q={"$id": f"{name}q.json", "type": ["object", "integer"], "maximum": 0},
    )
    found = house.told(MANIFEST)
    assert "models/0.yaml:1:4: must be at most 0 (policies/q.json)" in found
    house.write(r={"$id": f"{name}q.json"})
    [problem] = house.check(MANIFEST)
    assert (problem.code, problem.message) == ("policy-id", f"two policies go by the name '{name}q.json'")


def test_a_policy_that_leads_back_to_itself_ends(house: House) -> None:
    house.write(p={"$ref": "#"}, q={"properties": {"a": {"$ref": "#/properties/a"}}})
    assert {(problem.code, problem.place.file) for problem in house.check(MANIFEST)} == {
        ("policy-endless", "policies/p.json"),
        ("policy-endless", "policies/q.json"),
    }


def test_a_tree_of_any_depth_may_refer_to_itself(house: House) -> None:
    tree = {
        "$defs": {"tree": {"properties": {"below": {"$ref": "#/$defs/tree"}, "name": {"type": "string"}}}}
    }
    house.write(p={**tree, "$ref": "#/$defs/tree"})
    assert house.told("below: {below: {below: {name: 1}}}\n") == [
        "models/0.yaml:1:31: must be a text (policies/p.json)"
    ]


def test_a_name_that_is_no_utf8_is_one_like_any(house: House) -> None:
    house.write(p={"required": ["b"]})
    (house.path / "policies" / "p.json").rename(house.path / "policies" / "q\udcff.json")
    assert [problem.path for problem in house.check(MANIFEST)] == ["b"]


def test_deep_policies_and_deep_manifests_are_within_what_python_can(house: House) -> None:
    deep: Any = {"type": "integer"}
    for _ in range(30):
        deep = {"properties": {"a": deep}}
    tree = {"$defs": {"tree": {"properties": {"b": {"$ref": "#/$defs/tree"}, "n": {"type": "null"}}}}}
    house.write(p=deep, q={**tree, "$ref": "#/$defs/tree"})
    manifest = "{a: " * 30 + "x" + "}" * 30 + "\n---\n" + "{b: " * 60 + "{n: 1}" + "}" * 60
    assert [problem.message for problem in house.check(manifest)] == [
        "must be a whole number (policies/p.json)",
        "must be null (policies/q.json)",
    ]
