"""The same at GitLab: a note, a commit status, and the digest of the plan as a whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cli.test_diff import git

from .conftest import House
from .lab import BOT, TOKEN, Lab
from .server import running


@pytest.fixture
def lab() -> Iterator[Lab]:
    found = Lab()
    with running(found):
        yield found


@pytest.fixture
def gitlab(house: House, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> House:
    """The request 7, in a pipeline for it."""
    monkeypatch.delenv("GITHUB_ACTIONS")
    house.branch("topic")
    house.model("a", price="0.20")
    head = house.commit()
    lab.open(7, head)
    for name, value in {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": f"{lab.url}/api/v4",
        "CI_PROJECT_ID": "5",
        "GITLAB_TOKEN": TOKEN,
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_COMMIT_SHA": head,
    }.items():
        monkeypatch.setenv(name, value)
    return house


def merge(house: House, lab: Lab) -> str:
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-ff", "-m", "merge", "topic")
    commit = git("rev-parse", "HEAD")
    lab.merge(7, commit)
    house.monkeypatch.delenv("CI_MERGE_REQUEST_IID")
    house.monkeypatch.setenv("CI_COMMIT_SHA", commit)
    house.monkeypatch.setenv("CI_COMMIT_BRANCH", "main")
    return commit


def test_one_note_that_later_reviews_replace(gitlab: House, lab: Lab) -> None:
    assert gitlab.review().code == 0
    [note] = lab.notes.made.values()
    stranger = lab.notes.add(request=7, body=note["body"], author={**BOT, "id": 9})
    assert gitlab.review().code == 0
    assert len(lab.notes.made) == 2
    assert stranger["body"].startswith(note["body"][:40])
    [status] = lab.statuses.made.values()
    assert status["status"] == "success"
    assert status["description"].startswith("reviewed plan=")


def test_the_plan_that_was_reviewed_is_applied(gitlab: House, lab: Lab) -> None:
    gitlab.review()
    commit = merge(gitlab, lab)
    result = gitlab.cli("apply", "--approved")
    assert (result.code, result.err) == (0, "")
    assert gitlab.prices() == {"a": 0.0002}
    [status] = [one for one in lab.statuses.made.values() if one["name"] == "reconciler/apply"]
    assert (status["sha"], status["status"]) == (commit, "success")
    assert len(lab.notes.made) == 2


def test_any_other_plan_is_not(gitlab: House, lab: Lab) -> None:
    gitlab.review()
    git("checkout", "-q", "main")
    gitlab.model("c")
    gitlab.commit()
    merge(gitlab, lab)
    gitlab.live.seen.clear()
    result = gitlab.cli("apply", "--approved")
    assert result.code == 5
    assert "the plan as a whole is not the one that was reviewed" in result.out
    assert gitlab.live.written == []


def test_a_status_of_another_user_counts_for_nothing(gitlab: House, lab: Lab) -> None:
    gitlab.review()
    [status] = lab.statuses.made.values()
    status["author"] = {**BOT, "id": 9}
    merge(gitlab, lab)
    result = gitlab.cli("apply", "--approved")
    assert result.code == 1
    assert "no finished review" in result.err


def test_a_fork_publishes_nothing(gitlab: House, lab: Lab) -> None:
    gitlab.monkeypatch.setenv("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "6")
    gitlab.monkeypatch.delenv("REGISTRY_KEY")
    result = gitlab.review()
    assert result.code == 0
    assert lab.seen == []
    assert "pricing.input: 0.15 -> 0.20" in result.out


def test_a_job_token_is_told_to_be_too_little(gitlab: House) -> None:
    gitlab.monkeypatch.setenv("GITLAB_TOKEN", "job-token")
    result = gitlab.review()
    assert result.code == 1
    assert "CI_JOB_TOKEN cannot write notes" in result.err
