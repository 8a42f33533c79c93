"""reconciler.yaml and acknowledgements.yaml: every rule, its place, its words; the schemas agree."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import InputError, Place, Problem
from reconciler.manifests.config import load_config
from reconciler.manifests.yamltree import Limits, parse

from .corpus import DATA, Case, acknowledgement_problems_of, cases, config_problems_of, schema_accepts, told

Find = Callable[[Path], list[Problem]]
KINDS: list[tuple[str, Find]] = [
    ("config", config_problems_of),
    ("acknowledgements", acknowledgement_problems_of),
]
FOLDERS = {"config": DATA / "configs", "acknowledgements": DATA / "acknowledgements"}


def params(part: str) -> list[Any]:
    return [
        pytest.param(name, find, case, id=f"{name}-{case.path.stem}")
        for name, find in KINDS
        for case in cases(FOLDERS[name] / part)
    ]


def roots(case: Case) -> list[Any]:
    return [document.root for document in parse(case.data, case.path.name)[0]]


@pytest.mark.parametrize(("name", "find", "case"), params("good"))
def test_good(name: str, find: Find, case: Case) -> None:
    assert [told(problem) for problem in find(case.path)] == []
    assert all(schema_accepts(root, name) for root in roots(case))


@pytest.mark.parametrize(("name", "find", "case"), params("bad"))
def test_bad(name: str, find: Find, case: Case) -> None:
    problems = find(case.path)
    wanted = [(one.line, one.column) for one in case.expected]
    assert wanted
    assert [(problem.place.line, problem.place.column) for problem in problems] == wanted
    for problem, one in zip(problems, case.expected, strict=True):
        assert one.text in told(problem)
        assert "planted" not in told(problem)
    assert all(schema_accepts(root, name) for root in roots(case)) is case.schema_accepts
    assert case.schema_accepts is case.path.stem.startswith("other_")


def problems(folder: Path, text: str | bytes) -> list[Problem]:
    path = folder / "reconciler.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError) as caught:
        load_config(path, "reconciler.yaml")
    return list(caught.value.problems)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_config(tmp_path / "reconciler.yaml", "reconciler.yaml")
    (problem,) = caught.value.problems
    assert problem.code == "config-unreadable"
    assert problem.place == Place("reconciler.yaml")
    assert "--config" in (problem.hint or "")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_config(tmp_path, "reconciler.yaml")
    assert caught.value.problems[0].code == "config-unreadable"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file(tmp_path: Path, text: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.code == "config-documents"
    assert "registries" in (problem.hint or "")


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.manifests.config.Limits", partial(Limits, file_bytes=8))
    (problem,) = problems(tmp_path, "apiVersion: reconciler/v1")
    assert problem.code == "file-too-large"


def test_yaml_mistakes_come_before_all_others(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "kind: [Config\n")
    assert problem.code == "syntax"


def test_the_same_system_names_both_places() -> None:
    (problem,) = config_problems_of(DATA / "configs/bad/other_same_url.yaml")
    assert problem.code == "same-system"
    assert [(place.line, place.column) for place in problem.related] == [(6, 3)]


def test_two_names_of_one_file_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    found = problems(
        tmp_path,
        "{apiVersion: reconciler/v1, kind: Config, registries: {"
        "a: {kind: orq, embedded: real/a.db}, b: {kind: orq, embedded: link/a.db}}}",
    )
    assert [problem.code for problem in found] == ["same-system"]


def test_a_token_as_secret_names_the_token() -> None:
    (problem,) = config_problems_of(DATA / "configs/bad/other_token_as_secret.yaml")
    assert problem.code == "token-as-secret"
    assert [(place.line, place.column) for place in problem.related] == [(6, 58)]


def test_what_is_loaded() -> None:
    config = load_config(DATA / "configs/good/every_field.yaml", "c.yaml")
    assert config.file == "c.yaml"
    assert config.manifests == DATA / "configs/good/../models"
    assert config.database("sandbox") == DATA / "configs/good/registry.db"
    rule = config.secret_rules()["UPSTREAM_KEY"]
    assert rule.refuse_hosts(["llm.example.com:443", "10.0.0.7:8443", "[::1]:8080"]) == ()
    assert rule.refuse_hosts(["10.0.0.7", "[::1]"]) == ("10.0.0.7", "[::1]")


def test_one_file_holds_registries_of_several_kinds(tmp_path: Path) -> None:
    entries = "{a: {kind: orq, embedded: r.db}, b: {kind: respan, embedded: ./r.db}}"
    path = tmp_path / "reconciler.yaml"
    path.write_text(f"apiVersion: reconciler/v1\nkind: Config\nregistries: {entries}\n")
    assert set(load_config(path, "reconciler.yaml").value.registries) == {"a", "b"}
    path.write_text(path.read_text().replace("respan", "orq"))
    with pytest.raises(InputError) as caught:
        load_config(path, "reconciler.yaml")
    assert [problem.code for problem in caught.value.problems] == ["same-system"]
