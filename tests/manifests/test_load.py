"""From a folder to manifests: defaults, duplicates, and every mistake of every file in one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.app import run
from reconciler.desired import desire_all
from reconciler.errors import Place, Problem
from reconciler.manifests.config import load_config
from reconciler.manifests.load import Loaded
from reconciler.manifests.provider import Provider
from reconciler.manifests.providers import FOREIGN_PROVIDERS, PROVIDERS
from tests.folders import read

CONFIG = """\
apiVersion: reconciler/v1
kind: Config
{defaults}
registries:
  sandbox: {{kind: orq, embedded: a.db}}
  second: {{kind: orq, embedded: b.db}}
"""


def model(name: str, spec: str = "{}") -> str:
    return f"apiVersion: reconciler/v1\nkind: Model\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def provider(name: str, spec: str = "{}") -> str:
    return model(name, spec).replace("kind: Model", "kind: Provider")


def write(folder: Path, files: dict[str, str], defaults: str = "default_registries: [sandbox]") -> Path:
    (folder / "reconciler.yaml").write_text(CONFIG.format(defaults=defaults))
    (folder / "models").mkdir()
    for name, text in files.items():
        (folder / "models" / name).write_text(text)
    return folder / "reconciler.yaml"


def load(folder: Path, files: dict[str, str], defaults: str = "default_registries: [sandbox]") -> Loaded:
    config = load_config(write(folder, files, defaults), "reconciler.yaml")
    return read(config, folder)[0]


def places(problems: list[Problem]) -> list[str]:
    return [f"{problem.place} {problem.code}" for problem in problems]


def test_default_registries(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"a.yaml": model("a"), "b.yaml": model("b", "{registries: [second, second]}")})
    assert [(one.name, one.registries) for one in loaded.manifests] == [
        ("a", ("sandbox",)),
        ("b", ("second",)),
    ]


def test_without_default_registries_a_manifest_must_name_them(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"a.yaml": model("a"), "b.yaml": model("b", "{registries: [second]}")}, "")
    assert places(loaded.problems) == ["models/a.yaml:4:1 missing"]
    assert "default_registries" in (loaded.problems[0].hint or "")


def test_a_folder_without_manifests(tmp_path: Path) -> None:
    assert load(tmp_path, {}) == Loaded([], [], [])


def test_a_name_that_is_taken_in_another_file(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"a.yaml": model("x"), "b.yaml": model("y") + "---\n" + model("x")})
    (problem,) = loaded.problems
    assert (problem.code, problem.path) == ("duplicate-name", "metadata.name")
    assert problem.place == Place("models/b.yaml", 8, 18)
    assert problem.related == (Place("models/a.yaml", 3, 18),)


def test_a_model_and_a_provider_may_have_the_same_name(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"a.yaml": model("x") + "---\n" + provider("x", "{registries: [second]}")})
    assert loaded.problems == []
    found = [(one.resource, one.name, one.registries) for one in loaded.manifests]
    assert found == [("Model", "x", ("sandbox",)), ("Provider", "x", ("second",))]
    assert [type(one.value).__name__ for one in loaded.manifests] == ["Model", "Provider"]


def test_two_providers_of_one_name(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"a.yaml": provider("x"), "b.yaml": model("x"), "c.yaml": provider("x")})
    (problem,) = loaded.problems
    assert problem.message == "a Provider named 'x' is already declared"
    assert "for one provider in several registries list them" in (problem.hint or "")
    assert (problem.place.file, problem.related) == ("models/c.yaml", (Place("models/a.yaml", 3, 18),))


def test_what_a_provider_declares(tmp_path: Path) -> None:
    spec = "{endpoint: {base_url: 'https://h/v1', api_key: null}, overrides: {sandbox: {display_name: b}}}"
    (manifest,) = load(tmp_path, {"a.yaml": provider("x", spec)}).manifests
    assert isinstance(manifest.value, Provider)
    endpoint, overrides = manifest.value.spec.endpoint, manifest.value.spec.overrides
    assert endpoint is not None
    assert overrides is not None
    assert endpoint.base_url == "https://h/v1"
    assert endpoint.model_fields_set == {"base_url", "api_key"}
    assert overrides["sandbox"].display_name == "b"


def test_a_name_that_a_broken_manifest_has_is_taken_too(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"a.yaml": model("x", "{type: 1}"), "b.yaml": model("x")})
    assert places(loaded.problems) == ["models/a.yaml:4:14 string-type", "models/b.yaml:3:18 duplicate-name"]


def test_an_override_for_a_registry_that_the_manifest_is_not_for(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.yaml": model("a", "{overrides: {second: {description: x}}}")})
    config = load_config(path, "reconciler.yaml")
    _, problems = desire_all(config, read(config, tmp_path)[0])
    assert places(problems) == ["models/a.yaml:4:20 unused-override"]


def test_a_broken_manifest_is_told_of_its_registries_and_prices_too(tmp_path: Path) -> None:
    spec = "{type: 1, registries: [sandbx], overrides: {secnd: {pricing: {input: 1}}}, pricing: {unit: 1M}}"
    loaded = load(tmp_path, {"a.yaml": model("a", spec)})
    assert sorted(problem.code for problem in loaded.problems) == [
        "currency",
        "string-type",
        "unit",
        "unknown-registry",
        "unknown-registry",
    ]
    assert len(loaded.broken) == 1


MISTAKES = {
    "b.yaml": model("b", "{typ: chat}") + "---\n" + model("b2", "{type: chatt}"),
    "a.yaml": model("a", "{limits: {context_window: big}}"),
    "c.yaml": "a: [1\n---\n" + model("c", "{native: {orq: {metdata: {}}}}"),
}
FOUND = [
    ("models/a.yaml", 4, "int-type"),
    ("models/b.yaml", 4, "unknown-field"),
    ("models/b.yaml", 9, "unknown-word"),
    ("models/c.yaml", 1, "syntax"),
    ("models/c.yaml", 6, "unknown-field"),
]


def test_a_number_that_cannot_be_read_is_one_mistake_wherever_it_stands(tmp_path: Path) -> None:
    spec = f"{{native: {{orq: {{configuration: {{depth: {'9' * 50}}}}}}}}}"
    config = load_config(write(tmp_path, {"a.yaml": model("a", spec)}), "reconciler.yaml")
    loaded = read(config, tmp_path)[0]
    assert {problem.code for problem in loaded.problems} == {"number-out-of-range"}
    known = {problem.place for problem in loaded.problems}
    assert [one for one in desire_all(config, loaded)[1] if one.place in known] == []


def test_validate_names_every_mistake_of_every_file_sorted_by_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, MISTAKES)
    monkeypatch.chdir(tmp_path)
    assert run(["validate", "-o", "json"]) == 1
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["exit_code"]) == ("Error", 1)
    problems = document["problems"]
    assert [(one["file"], one["line"], one["code"]) for one in problems] == FOUND
    assert set(problems[0]) == {
        "code", "message", "file", "line", "column", "path", "hint", "source", "related"
    }  # fmt: skip
    assert problems[0]["path"] == "spec.limits.context_window"
    assert problems[0]["source"] == "spec: {limits: {context_window: big}}"


def test_validate_without_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"a.yaml": model("a")})
    monkeypatch.chdir(tmp_path)
    assert run(["validate", "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "apiVersion": "reconciler/v1",
        "kind": "Validation",
        "exit_code": 0,
        "manifests": 1,
        "kinds": {"Model": 1, "Provider": 0},
        "registries": ["sandbox", "second"],
        "problems": [],
    }


def test_a_word_that_two_registries_use_for_different_systems_is_asked_about() -> None:
    assert FOREIGN_PROVIDERS["google"] == ("gemini", "vertex-ai")
    assert FOREIGN_PROVIDERS["azure"] == ("azure-openai",)
    assert not set(FOREIGN_PROVIDERS) & set(PROVIDERS)
