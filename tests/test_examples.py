"""The example of several registries does what its page says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reconciler.cli import app

EXAMPLE = Path(__file__).parents[1] / "examples" / "multi-registry"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".reconciler"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    code = app.run([*arguments, "-o", "json"])
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == code
    return document


def test_six_models_go_to_three_registries_and_stay_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(capsys, "plan", "--exit-code")
    assert first["exit_code"] == 2
    for registry in first["registries"]:
        made = [action["name"] for action in registry["actions"] if action["operation"] == "create"]
        assert len(made) == len(registry["actions"]) == (7 if registry["name"] == "respan" else 6)
        assert registry["not_held"]
    assert run(capsys, "apply", "--yes")["exit_code"] == 0
    second = run(capsys, "plan", "--exit-code")
    assert second["exit_code"] == 0
    for registry in second["registries"]:
        assert {action["operation"] for action in registry["actions"]} == {"none"}
    unheld = {
        registry["name"]: {held["path"] for held in registry["not_held"]} for registry in second["registries"]
    }
    assert unheld["orq"] == {"description"}
    assert {"type", "description", "developer"} <= unheld["respan"]
    assert {"pricing.input", "capabilities.tools", "limits.context_window"} <= unheld["watsonx"]


def test_one_override_is_for_one_registry(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prices = {}
    for registry in run(capsys, "plan", "--only", "gpt-4o-mini")["registries"]:
        for action in registry["actions"]:
            for change in action["changes"]:
                if change["path"] == "pricing.input":
                    prices[registry["name"]] = change["desired"]["value"]["amount"], change["wire_desired"]
    assert prices == {"orq": ("0.15", 0.00015), "respan": ("0.165", 0.165)}
