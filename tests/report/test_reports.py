"""What machines are told holds to the schemas that their readers publish, whatever stands in it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, Draft202012Validator
from lxml import etree

from reconciler.errors import Place, Problem
from reconciler.guards.holding import HELD_BACK
from reconciler.outcome import ActionResult, Outcome
from reconciler.plan import Failure, Plan, RegistryPlan
from reconciler.refusal import PlanPlace, Refusal
from reconciler.report.annotations import github
from reconciler.report.codequality import codequality
from reconciler.report.findings import Finding, fingerprints, of_plan, of_problems, rooted
from reconciler.report.junit import junit, junit_of_mistakes
from reconciler.report.sarif import sarif

from .plans import action, change, full_of, plan, value

SCHEMAS = Path(__file__).parents[1] / "data" / "schemas"
SARIF = Draft4Validator(json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text()))
JUNIT = etree.XMLSchema(etree.parse(SCHEMAS / "junit-10.xsd"))
# GitLab publishes no schema beside its sources; these are the fields that its documentation demands, and
# their values.
CODE_QUALITY = Draft202012Validator(
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["description", "check_name", "fingerprint", "severity", "location"],
            "properties": {
                "description": {"type": "string", "minLength": 1},
                "check_name": {"type": "string", "minLength": 1},
                "fingerprint": {"type": "string", "minLength": 1},
                "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
                "location": {
                    "type": "object",
                    "required": ["path", "lines"],
                    "properties": {
                        "path": {"type": "string", "pattern": "^(?!\\./)."},
                        "lines": {
                            "type": "object",
                            "required": ["begin"],
                            "properties": {"begin": {"type": "integer", "minimum": 1}},
                        },
                    },
                },
            },
        },
    }
)
# What GitHub documents: `::name key=value,key=value::data` on a line, with these characters escaped.
COMMAND = re.compile(r"::(error|warning|notice) ([^:\r\n]*)::([^\r\n]*)")
NASTY = "\x1b[31m\u202e]]>&lt;<!-- \"'\x00\ufffe\ud800 [a](b) {0} 100%\n::error::x, y: z\\"
PROBLEM = Problem(
    "policy", "must be at most 60", Place("models/a b.yaml", 3, 9), "ask", "spec.x", (Place("p.json", 7, 2),)
)


def findings(text: str = NASTY) -> list[Finding]:
    problem = replace(PROBLEM, message=text, hint=text, path=text)
    return [*of_problems([problem, PROBLEM]), *of_plan(full_of(text)), finding("price-differs", "warning")]


def finding(code: str = "c", level: Any = "error", **more: Any) -> Finding:
    return Finding(code, level, "message", Place("models/a.yaml", 1, 1), **more)


def commands(text: str) -> list[dict[str, str]]:
    """Workflow commands as GitHub reads them."""
    found = []
    for line in text.splitlines():
        match = COMMAND.fullmatch(line)
        assert match is not None, line
        fields = dict(field.split("=", 1) for field in match[2].split(","))
        read = {name: _unescaped(text, (":", "%3A"), (",", "%2C")) for name, text in fields.items()}
        found.append({"command": match[1], **read, "message": _unescaped(match[3])})
    return found


def _unescaped(text: str, *more: tuple[str, str]) -> str:
    for character, escaped in (*more, ("\r", "%0D"), ("\n", "%0A"), ("%", "%25")):
        text = text.replace(escaped, character)
    return text


def cases(text: str) -> dict[str, Any]:
    """The cases of a report that holds to the schema: what each came to, by its name."""
    tree = etree.fromstring(text.encode())
    JUNIT.assertValid(tree)
    for suite in tree:
        for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert suite.get(count) == str(len(suite.findall(f"testcase/{tag}")))
        assert suite.get("tests") == str(len(suite))
    assert tree.get("tests") == str(len(tree.findall("testsuite/testcase")))
    return {
        case.get("name"): [(each.tag, each.get("type"), each.get("message"), each.text) for each in case]
        for case in tree.iter("testcase")
    }


@pytest.mark.parametrize("text", ["plain", NASTY])
def test_sarif_holds_to_its_schema(text: str) -> None:
    for found in (findings(text), []):
        log = json.loads(sarif(found, "prices check"))
        SARIF.validate(log)
        assert len(log["runs"][0]["results"]) == len(found)


@pytest.mark.parametrize("text", ["plain", NASTY])
def test_code_quality_holds_to_what_gitlab_documents(text: str) -> None:
    for found in (findings(text), []):
        entries = json.loads(codequality(found))
        CODE_QUALITY.validate(entries)
        assert len({entry["fingerprint"] for entry in entries}) == len(entries) == len(found)


@pytest.mark.parametrize("text", ["plain", NASTY])
def test_annotations_are_read_as_they_were_meant(text: str) -> None:
    found = findings(text)
    read = commands(github(found))
    assert [one["message"] for one in read] == [one.text for one in found]
    assert [(one["file"], one["line"]) for one in read] == [
        (one.place.file, str(one.place.line)) for one in found
    ]
    assert github([]) == ""


@pytest.mark.parametrize("text", ["plain", NASTY])
def test_junit_holds_to_its_schema(text: str) -> None:
    made = full_of(text)
    statuses: tuple[Any, ...] = ("done", "unchanged", "refused", "failed", "unproven", "skipped", "stale")
    results = tuple(
        ActionResult(
            "orq", "Model", text, status, None, Failure(text, text, text, text), text, (text,), (text,)
        )
        for status in statuses
    )
    assert cases(junit(made, Outcome(results)))
    assert cases(junit(Plan((), ""), Outcome(()))) == {}
    assert len(cases(junit_of_mistakes([replace(PROBLEM, message=text, hint=text)]))) == 1


def test_no_report_lets_a_terminal_obey() -> None:
    found = findings()
    made = junit_of_mistakes([replace(PROBLEM, message=NASTY, hint=NASTY)])
    for text in (sarif(found, "plan"), codequality(found), github(found), made):
        assert all(character.isprintable() or character == "\n" for character in text)


def test_a_result_says_what_where_and_which_rule() -> None:
    [run] = json.loads(sarif(of_problems([PROBLEM]), "validate"))["runs"]
    [result] = run["results"]
    [rule] = run["tool"]["driver"]["rules"]
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["automationDetails"]["id"] == "reconciler/validate/"
    assert result["message"]["text"] == "must be at most 60\nask"
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("policy", 0, "error")
    assert (rule["id"], rule["help"]["text"][:20]) == ("policy", "The manifest breaks ")
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "models/a%20b.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 9},
    }
    assert result["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "p.json"


@pytest.mark.parametrize(
    ("text", "message"),
    [("[a](b) {0}", r"\[a](b) {{0}}"), ("a[0] {env: NAME} [b] (c)", "a[0] {env: NAME} [b] (c)")],
)
def test_nothing_in_a_message_is_a_link_or_a_placeholder(text: str, message: str) -> None:
    found = of_problems([replace(PROBLEM, message=text, hint=None)])
    [result] = json.loads(sarif(found, "validate"))["runs"][0]["results"]
    assert result["message"]["text"] == message


def test_fingerprints_stay_while_lines_move_and_tell_everything_apart() -> None:
    found = of_problems([PROBLEM, replace(PROBLEM, path="spec.y"), PROBLEM])
    moved = [replace(one, place=Place(one.place.file, one.place.line + 9, 2)) for one in found]
    assert fingerprints(found) == fingerprints(moved)
    assert len(set(fingerprints(found))) == 3
    assert fingerprints(found)[0] != fingerprints([replace(found[0], place=Place("b.yaml"))])[0]


@pytest.mark.parametrize(
    ("file", "prefix", "expected"),
    [
        ("models/a.yaml", "", "models/a.yaml"),
        ("models/a.yaml", "deploy/", "deploy/models/a.yaml"),
        ("../shared/a.yaml", "deploy/", "shared/a.yaml"),
        ("/elsewhere/a.yaml", "deploy/", "/elsewhere/a.yaml"),
    ],
)
def test_files_are_called_as_the_repository_calls_them(file: str, prefix: str, expected: str) -> None:
    [one] = rooted([finding(related=(Place(file),))], prefix)
    assert one.related == (Place(expected),)
    [one] = rooted(of_problems([replace(PROBLEM, place=Place(file, 3, 9))]), prefix)
    assert one.place == Place(expected, 3, 9)


def test_a_file_outside_of_the_repository_is_named_by_its_whole_path() -> None:
    found = of_problems([replace(PROBLEM, place=Place("/else where/a.yaml"))])
    log = json.loads(sarif(found, "validate"))
    SARIF.validate(log)
    location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location == {"uri": "file:///else%20where/a.yaml"}


def test_a_refusal_is_found_at_the_field_that_it_is_about() -> None:
    told = change("pricing.input", value(1), value(2))
    told = replace(told, place=PlanPlace("models/a.yaml", 9, 5))
    refusal = Refusal("unit-slip", "by 100", "say so", ("pricing.input",))
    held = Refusal(HELD_BACK, "held back", None, ())
    most = Refusal("max_changes", "3 of 2", None, (), place=PlanPlace("reconciler.yaml", 4, 3))
    made = plan(action("a", "refused", told, refusals=(refusal, held)), refusals=(most,))
    assert [(one.code, one.message, str(one.place), one.hint) for one in of_plan(made)] == [
        ("max_changes", "orq: 3 of 2", "reconciler.yaml:4:3", None),
        ("unit-slip", "orq: a: by 100", "models/a.yaml:9:5", "say so"),
    ]
    [alone] = of_plan(plan(action("a", "refused", refusals=(refusal,))))
    assert str(alone.place) == "models/a.yaml:1:1"


def test_every_action_is_a_case_with_its_reason() -> None:
    made = plan(action("a"), action("b", "create"), action("c", "refused"), action("d", "none"), action("e"))
    failure = Failure("rejected", "the registry said no", "look there", "PATCH /v2/models/b")
    results = (
        ActionResult("orq", "Model", "a", "done", remarks=("the answer was lost",), request_ids=("r1",)),
        ActionResult("orq", "Model", "b", "failed", failure=failure),
        ActionResult("orq", "Model", "c", "refused", reason="unit slip"),
        ActionResult("orq", "Model", "d", "unchanged"),
        ActionResult("orq", "Model", "e", "skipped", reason="b failed"),
    )
    assert cases(junit(made, Outcome(results))) == {
        "a: update": [("system-out", None, None, "the answer was lost\nrequest r1")],
        "b: create": [("error", "rejected", "the registry said no", "look there\nPATCH /v2/models/b")],
        "c: refused": [("failure", "refused", "unit slip", None)],
        "d: unchanged": [],
        "e: update": [("skipped", "skipped", "b failed", None)],
    }


def test_a_registry_that_could_not_be_read_is_a_case() -> None:
    gone = RegistryPlan("orq", "orq", "https://orq.invalid", failure=Failure("unreachable", "no answer"))
    assert cases(junit(Plan((gone,), ""), Outcome(()))) == {
        "read": [("error", "unreachable", "no answer", None)]
    }
