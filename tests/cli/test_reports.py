"""`--report FORMAT=FILE` writes beside what stdout says, in every ending that found something."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from .conftest import Run
from .folder import Folder, manifest


def results(path: Path) -> list[dict[str, Any]]:
    """The results of a SARIF file."""
    [run] = json.loads(path.read_text(encoding="utf-8"))["runs"]
    found: list[dict[str, Any]] = run["results"]
    return found


@pytest.mark.parametrize("command", [("validate",), ("plan",), ("apply", "--yes"), ("prices", "check")])
def test_mistakes_are_reported(folder: Folder, cli: Run, command: tuple[str, ...]) -> None:
    folder.models(manifest("a", price="cheap"))
    found = cli(*command, "-o", "json", "--report", "sarif=out.sarif", "--report", "github=out.txt")
    assert found.code == 1
    assert len(found.document["problems"]) == 1
    [result] = results(folder.path / "out.sarif")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "models/models.yaml"
    assert (folder.path / "out.txt").read_text().startswith("::error file=models/models.yaml,line=")


def test_nothing_found_is_a_report_too(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    files = ("--report=sarif=a.sarif", "--report=codequality=a.json", "--report=github=a.txt")
    plain = cli("validate")
    found = cli("validate", *files)
    assert (found.code, found.out) == (0, plain.out)
    assert results(folder.path / "a.sarif") == []
    assert json.loads((folder.path / "a.json").read_text()) == []
    assert (folder.path / "a.txt").read_text() == ""


def test_what_a_plan_refuses_is_reported_where_it_is_written(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    assert cli("apply", "--yes").code == 0
    folder.edit("input: 0.15", "input: 150")
    assert cli("plan", "--report", "sarif=out.sarif").code == 3
    [result] = results(folder.path / "out.sarif")
    assert result["ruleId"] == "unit-slip"
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 10, "startColumn": 52}


def test_what_apply_did_is_reported(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    assert cli("apply", "--yes").code == 0
    folder.models(manifest("a", price="150"), manifest("b"))
    found = cli("apply", "--yes", "--report", "junit=out.xml", "--report", "codequality=out.json")
    assert found.code == 3
    cases = ET.parse(folder.path / "out.xml").getroot().iter("testcase")
    assert {case.get("name"): [each.tag for each in case][:1] for case in cases} == {
        "a: refused": ["failure"],
        "b: create": ["system-out"],
    }
    [entry] = json.loads((folder.path / "out.json").read_text())
    assert (entry["check_name"], entry["severity"]) == ("unit-slip", "major")


def test_mistakes_before_apply_are_errors_of_junit(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a", price="cheap"))
    assert cli("apply", "--yes", "--report", "junit=out.xml").code == 1
    assert ET.parse(folder.path / "out.xml").getroot().get("errors") == "1"


def test_files_are_named_from_the_top_of_the_repository(folder: Folder, cli: Run) -> None:
    subprocess.run(["git", "init", "-q", folder.path.parent], check=True)
    folder.models(manifest("a", price="cheap"))
    cli("validate", "--report", "codequality=out.json")
    [entry] = json.loads((folder.path / "out.json").read_text())
    assert entry["location"]["path"] == "project/models/models.yaml"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["xml=a"], "'xml=a' is not FORMAT=FILE with one of sarif, codequality, github"),
        (["junit=a"], "'junit=a' is not FORMAT=FILE"),
        (["sarif"], "'sarif' is not FORMAT=FILE"),
        (["sarif="], "'sarif=' is not FORMAT=FILE"),
        (["sarif=a", "github=a"], "two reports cannot stand in one file, a"),
    ],
)
def test_a_report_that_is_not_known_is_a_slip(
    folder: Folder, cli: Run, given: list[str], message: str
) -> None:
    found = cli("validate", *(f"--report={each}" for each in given))
    assert found.code == 1
    assert message in found.err


def test_a_file_that_cannot_be_written_ends_the_run_and_hides_nothing(folder: Folder, cli: Run) -> None:
    report = "--report=sarif=missing/out.sarif"
    folder.models(manifest("a", price="cheap"))
    found = cli("validate", report)
    assert found.code == 1
    assert "cannot write to missing/out.sarif" in found.err
    assert "models/models.yaml:10:52" in found.err
    folder.models(manifest("a"))
    assert cli("validate", report).code == 1
    done = cli("apply", "--yes", "-o", "json", report)
    assert (done.code, done.document["outcome"]["results"][0]["status"]) == (4, "done")
    assert "cannot write to missing/out.sarif" in done.err
