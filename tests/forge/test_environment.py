"""What CI says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.forge.environment import surroundings
from reconciler.forge.github import GitHub
from reconciler.forge.gitlab import GitLab
from reconciler.forge.interface import ForgeError
from reconciler.secrets import Secret


def github(tmp_path: Path, name: str, event: Any) -> dict[str, str]:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    known = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/models"}
    return {**known, "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path)}


def request(home: str | None) -> dict[str, Any]:
    repo = None if home is None else {"full_name": home}
    head = {"sha": "a" * 40, "repo": repo}
    return {
        "pull_request": {"number": 7, "base": {"ref": "main"}, "head": head},
        "repository": {"full_name": "acme/models"},
    }


@pytest.mark.parametrize(
    ("name", "home", "fork", "can_write"),
    [
        ("pull_request", "acme/models", False, True),
        ("pull_request", "mallory/models", True, False),
        ("pull_request", None, True, False),
        ("pull_request_target", "mallory/models", True, True),
    ],
)
def test_a_request_at_github(
    tmp_path: Path, name: str, home: str | None, fork: bool, can_write: bool
) -> None:
    found = surroundings(github(tmp_path, name, request(home)))
    assert (found.forge, found.number, found.base, found.head) == ("github", 7, "main", "a" * 40)
    assert (found.fork, found.can_write) == (fork, can_write)
    assert (found.api_url, found.token_env) == ("https://api.github.com", "GITHUB_TOKEN")


def test_a_push_of_a_tag_or_of_a_new_branch(tmp_path: Path) -> None:
    push = {"ref": "refs/tags/v1", "after": "b" * 40, "before": "0" * 40}
    found = surroundings(github(tmp_path, "push", push))
    assert (found.branch, found.commit, found.before) == (None, "b" * 40, None)


def test_a_run_whose_request_the_event_names(tmp_path: Path) -> None:
    run = {
        "head_sha": "a" * 40,
        "head_branch": "topic",
        "head_repository": {"owner": {"login": "acme"}},
        "pull_requests": [{"number": 7, "head": {"sha": "a" * 40}}],
    }
    assert surroundings(github(tmp_path, "workflow_run", {"workflow_run": run})).number == 7
    run["pull_requests"][0]["head"]["sha"] = "c" * 40
    assert surroundings(github(tmp_path, "workflow_run", {"workflow_run": run})).number is None


@pytest.mark.parametrize("event", [{}, [], {"pull_request": None}, {"pull_request": {"number": "x"}}])
def test_an_event_of_another_shape_is_an_error(tmp_path: Path, event: Any) -> None:
    with pytest.raises(ForgeError):
        surroundings(github(tmp_path, "pull_request", event))


def test_an_event_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ForgeError):
        surroundings({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(tmp_path / "none.json")})


def test_outside_of_ci_nothing_is_known() -> None:
    assert surroundings({"CI_MERGE_REQUEST_IID": "7"}).forge is None


def test_a_pipeline_for_merged_results_names_the_head() -> None:
    found = surroundings(
        {
            "GITLAB_CI": "true",
            "CI_PROJECT_ID": "5",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "5",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "a" * 40,
            "CI_COMMIT_SHA": "b" * 40,
        }
    )
    assert (found.number, found.head, found.fork) == (7, "a" * 40, False)


@pytest.mark.parametrize("repository", ["models", "acme/models/x", "acme/..%2f", "acme/mod els", "/", ""])
def test_a_repository_is_no_path(repository: str) -> None:
    with pytest.raises(ForgeError):
        GitHub(repository, Secret("T", "t"), api_url="https://api.github.com")


def test_a_token_is_not_sent_in_clear_to_another_machine() -> None:
    for kind, name in ((GitHub, "acme/models"), (GitLab, "5")):
        with pytest.raises(ForgeError, match="in clear"):
            kind(name, Secret("T", "t"), api_url="http://forge.example")
