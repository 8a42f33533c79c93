"""The review of a job without credentials, posted by one that has them: untrusted, and rendered anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.test_diff import git

from .conftest import House


@pytest.fixture
def artefact(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the fork's job leaves, in the job that follows it on the base."""
    house.branch("topic")
    house.model("a", price="0.20")
    head = house.propose(home="mallory/models")
    monkeypatch.delenv("REGISTRY_KEY")
    path = tmp_path / "review.json"
    assert house.review("--out", str(path)).code == 0
    git("checkout", "-q", "main")
    source = {"owner": {"login": "mallory"}}
    house.happens(
        "workflow_run",
        workflow_run={
            "head_sha": head,
            "head_branch": "topic",
            "head_repository": source,
            "pull_requests": [],
        },
    )
    return path


def forged(path: Path, **changes: Any) -> Path:
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, **changes}), encoding="utf-8")
    return path


def test_it_is_posted_for_the_request_of_the_event(house: House, artefact: Path) -> None:
    request = {"forge": "github", "repository": "acme/models", "number": 8, "fork": False}
    assert house.review("--publish", str(forged(artefact, request=request))).code == 0
    [body] = house.hub.bodies(7)
    assert "**From a run without credentials**" in body
    assert "+ pricing.input: 0.20 USD / 1M tokens (+33%)" in body
    assert house.hub.runs() == []
    [run] = house.hub.runs("reconciler/shown")
    assert (run["conclusion"], run["output"].get("text")) == ("neutral", None)


def test_a_plan_in_it_is_not_shown(house: House, artefact: Path) -> None:
    plan = {"registries": [], "digest": "0" * 64, "notes": ["all is well"]}
    assert house.review("--publish", str(forged(artefact, plan=plan))).code == 0
    assert "all is well" not in house.hub.bodies()[0]


def test_a_newer_commit_leaves_it_unposted(house: House, artefact: Path) -> None:
    house.hub.pulls[7]["head"]["sha"] = "f" * 40
    house.happens(
        "workflow_run",
        workflow_run={
            "head_sha": json.loads(artefact.read_text(encoding="utf-8"))["head"]["commit"],
            "head_branch": "topic",
            "head_repository": {"owner": {"login": "mallory"}},
            "pull_requests": [],
        },
    )
    result = house.review("--publish", str(artefact))
    assert result.code == 1
    assert "no open request ends with" in result.err
    assert house.hub.bodies() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "Plan"},
        {"format": 2},
        {"conflicts": "all"},
        {"base": {"name": "main", "commit": "<!-- x -->"}},
        {"flags": [{"code": "nonsense", "message": "", "place": None}]},
        {"not_planned": [{"registry": 1}]},
        {"diff": {"registries": [{"form": "price", "value": {"amount": "1e999999999"}}]}},
        {"diff": {"form": "price", "value": []}},
    ],
)
def test_what_is_no_review_is_not_posted(house: House, artefact: Path, changes: dict[str, Any]) -> None:
    result = house.review("--publish", str(forged(artefact, **changes)))
    assert result.code == 1
    assert "review.json" in result.err
    assert "bug" not in result.err
    assert house.hub.bodies() == []


def test_every_text_of_it_is_harmless(house: House, artefact: Path) -> None:
    evil = "</details> <!-- reconciler:review:0 --> @acme ![i](https://evil.example) \u202e"
    document = json.loads(artefact.read_text(encoding="utf-8"))
    text = (
        json.dumps(document)
        .replace('"pricing.input"', json.dumps(evil))
        .replace('"OpenAI"', json.dumps(evil))
    )
    artefact.write_text(text, encoding="utf-8")
    place = {"file": evil, "line": 1, "column": 1}
    changes = {
        "flags": [{"code": "registry-new", "message": evil, "place": place}],
        "notes": [evil],
        "conflicts": [evil],
        "mistakes": [{"code": evil, "message": evil, "place": place, "hint": evil}],
    }
    assert house.review("--publish", str(forged(artefact, **changes))).code == 0
    [body] = house.hub.bodies()
    assert body.count("<!--") == 1
    assert "\u202e" not in body
    assert body.count("<details>") == body.count("\n</details>")
