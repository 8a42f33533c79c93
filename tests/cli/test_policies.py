"""A policy that is violated stops whatever reads the folder, before any registry is asked."""

from __future__ import annotations

import pytest

from .conftest import Run
from .folder import Folder, manifest

POLICY = """\
{
  "title": "House rules",
  "properties": {"metadata": {"properties": {"labels": {"required": ["owner"]}}}}
}
"""


@pytest.fixture
def ruled(folder: Folder) -> Folder:
    (folder.path / "policies").mkdir()
    (folder.path / "policies" / "house.json").write_text(POLICY)
    with (folder.path / "reconciler.yaml").open("a") as config:
        config.write("policies: [policies/*.json]\n")
    folder.models(manifest("a"))
    return folder


@pytest.mark.parametrize("command", [("validate",), ("plan",), ("apply", "--yes"), ("prices", "check")])
def test_it_is_a_mistake_like_any(ruled: Folder, cli: Run, command: tuple[str, ...]) -> None:
    found = cli(*command, "-o", "json")
    assert found.code == 1
    [problem] = found.document["problems"]
    assert (problem["code"], problem["path"]) == ("policy", "metadata.labels.owner")
    assert (problem["file"], problem["line"], problem["column"]) == ("models/models.yaml", 3, 21)
    assert problem["related"] == [{"file": "policies/house.json", "line": 3, "column": 57}]
    assert not (ruled.path / "registry.db").exists()


def test_the_text_shows_the_line_and_where_the_rule_stands(ruled: Folder, cli: Run) -> None:
    assert cli("validate").err.splitlines() == [
        "models/models.yaml:3:21: 'owner' is missing (policies/house.json)",
        "  3 | metadata: {name: a, labels: {team: a}}",
        "    |                     ^",
        "    House rules",
        "    see policies/house.json:3:57",
        "",
        "error: 1 problem in the input files",
    ]


def test_it_comes_with_the_other_mistakes_and_not_twice(ruled: Folder, cli: Run) -> None:
    ruled.models(manifest("a", price="cheap"), manifest("b"))
    problems = cli("validate", "-o", "json").document["problems"]
    assert [problem["code"] for problem in problems] == ["policy", "price", "policy"]


def test_a_manifest_that_meets_them_goes_through(ruled: Folder, cli: Run) -> None:
    ruled.edit("labels: {", "labels: {owner: me, ")
    assert cli("apply", "--yes").code == 0


def test_an_import_may_leave_manifests_that_are_still_to_be_mended(ruled: Folder, cli: Run) -> None:
    found = cli("import", "sandbox")
    assert found.code == 0
    assert "'owner' is missing" in found.err
