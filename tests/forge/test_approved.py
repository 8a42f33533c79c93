"""What a review showed is what the merge applies, or nothing is."""

from __future__ import annotations

import json

import pytest
from cli.test_diff import git

from .conftest import KEY, House
from .hub import APP


@pytest.fixture
def reviewed(house: House) -> House:
    """A request that makes `a` dearer and `b` new, with its review."""
    house.branch("topic")
    house.model("a", price="0.20")
    house.model("b")
    house.propose()
    assert house.review().code == 0
    return house


def writes(house: House) -> list[tuple[str, str]]:
    return [(seen.method, seen.path) for seen in house.live.written]


def approve(house: House, *words: str):
    house.live.seen.clear()
    return house.cli("apply", "--approved", *words)


def test_what_was_reviewed_is_applied(reviewed: House) -> None:
    commit = reviewed.merge()
    result = approve(reviewed)
    assert result.code == 0, result.err
    assert reviewed.prices() == {"a": 0.0002, "b": 0.00015}
    [run] = reviewed.hub.runs("reconciler/apply")
    assert (run["head_sha"], run["conclusion"]) == (commit, "success")
    assert run["output"]["title"] == "Apply: 2 done."
    _, told = reviewed.hub.bodies()
    assert told.startswith("<!-- reconciler:apply:")
    assert "Apply: 2 done." in told
    reviewed.branch("next")
    reviewed.propose()
    assert "No changes: 2 as declared." in reviewed.review().out


def test_a_run_again_has_nothing_left_to_do(reviewed: House) -> None:
    reviewed.merge()
    assert approve(reviewed).code == 0
    assert approve(reviewed).code == 0
    assert writes(reviewed) == []


@pytest.mark.parametrize("moved", [False, True])
def test_a_request_that_changes_nothing_that_is_read_approves_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    house.branch("topic")
    house.put(".github/workflows/review.yml", "uses: action@v2\n")
    house.propose()
    monkeypatch.setenv("REGISTRY_KEY", "")
    assert house.review().code == 0
    monkeypatch.setenv("REGISTRY_KEY", KEY)
    if moved:
        house.live_price("a", 0.00018)
    house.merge()
    assert approve(house).code == (3 if moved else 0)
    assert writes(house) == []


def test_what_moved_stops_everything_and_is_told(reviewed: House) -> None:
    reviewed.live_price("a", 0.00018)
    reviewed.merge()
    result = approve(reviewed)
    assert result.code == 5
    assert writes(reviewed) == []
    assert "Changed underneath: 1" in result.out
    assert "pricing.input: was 0.15 USD / 1M tokens live, is 0.18 USD / 1M tokens now" in result.out
    [told] = [body for body in reviewed.hub.bodies() if ":apply:" in body]
    assert "was 0.15 USD / 1M tokens live" in told
    [run] = reviewed.hub.runs("reconciler/apply")
    assert run["conclusion"] == "failure"


def test_approved_anew_it_goes_on(reviewed: House) -> None:
    reviewed.live_price("a", 0.00018)
    reviewed.merge()
    assert approve(reviewed).code == 5
    reviewed.branch("again")
    head = reviewed.commit("look again")
    reviewed.hub.open(7, head)
    reviewed.requested()
    assert reviewed.review().code == 0
    reviewed.merge()
    result = approve(reviewed, "-o", "json")
    assert result.code == 0
    assert reviewed.prices()["a"] == 0.0002
    assert result.document["exit_code"] == 0


def test_what_nobody_reviewed_is_left_out_and_told(reviewed: House) -> None:
    git("checkout", "-q", "main")
    reviewed.model("c")
    reviewed.commit()
    reviewed.merge()
    result = approve(reviewed)
    assert result.code == 3
    assert reviewed.prices() == {"a": 0.0002, "b": 0.00015}
    assert "refused (not-reviewed): the review of request 7 does not have it" in result.out


def test_what_somebody_did_already_is_no_matter(reviewed: House) -> None:
    reviewed.live_price("a", 0.0002)
    reviewed.merge()
    assert approve(reviewed).code == 0
    assert [method for method, _ in writes(reviewed)] == ["POST"]


def test_an_approval_that_kept_only_digests_or_only_the_plans(
    reviewed: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in (700, 300):
        monkeypatch.setattr("reconciler.forge.github.GitHub.kept_characters", room)
        git("checkout", "-q", "topic")
        reviewed.requested()
        reviewed.review()
        [*_, run] = reviewed.hub.runs()
        assert len(run["output"]["text"]) < room + 50
        git("checkout", "-q", "main")
        reviewed.live_price("a", 0.00018)
        reviewed.merge()
        result = approve(reviewed)
        assert result.code == 5
        assert writes(reviewed) == []
        reviewed.live_price("a", 0.00015)
    assert approve(reviewed).code == 0
    assert reviewed.prices() == {"a": 0.0002, "b": 0.00015}


def test_a_check_of_another_app_counts_for_nothing(reviewed: House) -> None:
    [run] = reviewed.hub.runs()
    reviewed.merge()
    for app in ({"id": 2, "slug": "github-actions"}, None):
        run["app"] = app
        result = approve(reviewed)
        assert result.code == 1
        assert "no finished review of its last commit" in result.err
    assert writes(reviewed) == []
    run["app"] = APP
    assert approve(reviewed).code == 0


def test_a_newer_check_of_another_app_does_not_hide_ours(reviewed: House) -> None:
    [run] = reviewed.hub.runs()
    reviewed.hub.checks.add(**{**run, "id": 9000, "app": {"id": 2, "slug": "x"}, "output": {"text": "{}"}})
    reviewed.merge()
    assert approve(reviewed).code == 0


def test_a_comment_approves_nothing(reviewed: House) -> None:
    [run] = reviewed.hub.runs()
    for comment in reviewed.hub.comments.made.values():
        comment["body"] += run["output"]["text"]
    run["output"]["text"] = None
    reviewed.merge()
    assert approve(reviewed).code == 1
    assert writes(reviewed) == []


def test_a_review_that_has_not_ended_or_was_edited_approves_nothing(reviewed: House) -> None:
    [run] = reviewed.hub.runs()
    text = run["output"]["text"]
    reviewed.merge()
    run["status"] = "in_progress"
    assert approve(reviewed).code == 1
    run["status"] = "completed"
    for broken in (text[:-40], text.replace("reconciler-approval:", "reconciler-approval:AA"), text * 2):
        run["output"]["text"] = broken
        result = approve(reviewed)
        assert (result.code, "approv" in result.err) == (1, True)
    assert writes(reviewed) == []


def test_the_approval_of_another_request_or_commit_is_none(reviewed: House) -> None:
    reviewed.hub.pulls[8] = {**reviewed.hub.pulls[7], "number": 8}
    reviewed.merge()
    reviewed.hub.merge(8, "f" * 40)
    reviewed.hub.pulls[7]["number"] = 9
    result = approve(reviewed)
    assert result.code == 1
    assert "is of request 7" in result.err
    assert writes(reviewed) == []


def test_a_commit_that_came_after_the_review_needs_its_own(reviewed: House) -> None:
    reviewed.model("c")
    reviewed.propose()
    reviewed.merge()
    result = approve(reviewed)
    assert result.code == 1
    assert "no finished review of its last commit" in result.err
    assert writes(reviewed) == []


def test_a_push_without_a_request_is_refused(house: House) -> None:
    before = git("rev-parse", "main")
    house.model("a", price="0.20")
    house.push(house.commit(), before)
    result = approve(house)
    assert result.code == 1
    assert "nobody has reviewed it" in result.err
    assert writes(house) == []
    [run] = house.hub.runs("reconciler/apply")
    assert run["conclusion"] == "failure"


def test_a_push_cannot_allow_itself(house: House) -> None:
    before = git("rev-parse", "main")
    house.config(more="approval: {allow_direct_push: true}\n")
    house.model("a", price="0.20")
    allowed = house.commit()
    house.push(allowed, before)
    result = approve(house)
    assert result.code == 1
    assert "only with this push" in result.err
    assert writes(house) == []
    house.model("a", price="0.25")
    house.push(house.commit(), allowed)
    assert approve(house).code == 0
    assert house.prices() == {"a": 0.00025}


def test_only_what_was_pushed_is_applied(reviewed: House) -> None:
    reviewed.merge()
    reviewed.model("a", price="0.90")
    result = approve(reviewed)
    assert result.code == 1
    assert "no commit has" in result.err
    git("checkout", "-q", "-f", "HEAD~1")
    assert "is checked out" in approve(reviewed).err
    assert writes(reviewed) == []


def test_a_registry_that_moved_with_the_merge_is_stale(reviewed: House, serve) -> None:
    from .conftest import KEY

    elsewhere = serve(KEY)
    git("checkout", "-q", "topic")
    reviewed.config(reviewed.entry("prod", url=elsewhere.url))
    reviewed.propose()
    assert reviewed.review().code == 0
    reviewed.merge()
    assert approve(reviewed).code == 5
    assert writes(reviewed) == []
    assert elsewhere.written == []


def test_nothing_else_can_be_chosen(reviewed: House) -> None:
    reviewed.merge()
    for words in (("--registry", "prod"), ("--expect", "0" * 64)):
        assert approve(reviewed, *words).code == 1
    assert reviewed.cli("apply", "--branch", "main").code == 1
    assert writes(reviewed) == []


def test_a_document_in_every_ending(house: House) -> None:
    before = git("rev-parse", "main")
    house.push(house.commit(), before)
    document = json.loads(approve(house, "-o", "json").out)
    assert (document["kind"], document["error"]["code"]) == ("Error", "not-approved")


def test_a_server_without_apps_knows_us_by_the_user(house: House) -> None:
    house.hub.app, house.hub.user = None, {"login": "ci", "id": 12, "type": "User"}
    house.branch("topic")
    house.model("a", price="0.20")
    house.propose()
    assert house.review().code == 0
    assert house.review().code == 0
    assert len(house.hub.bodies()) == 1
    house.merge()
    assert approve(house).code == 0
    assert house.prices() == {"a": 0.0002}


def test_what_a_guard_over_the_registry_holds_back_is_not_approved(house: House) -> None:
    git("checkout", "-q", "main")
    house.config(more="guards: {most_actions: 0}\n")
    house.commit()
    house.publish_main()
    house.branch("topic")
    house.model("a", price="0.20")
    house.propose()
    assert house.review().code == 3
    [run] = house.hub.runs()
    assert run["conclusion"] == "failure"
    git("checkout", "-q", "main")
    house.config()
    house.commit()
    house.merge()
    assert approve(house).code == 3
    assert writes(house) == []
