"""A request under review: what is planned, what is published, what is said where that cannot be."""

from __future__ import annotations

import json

import pytest
from cli.folder import manifest
from cli.test_diff import git
from jsonschema import Draft202012Validator
from published import published

from .conftest import House
from .hub import BOT


def test_one_comment_that_later_reviews_replace(house: House) -> None:
    house.branch("topic")
    house.model("a", price="0.20")
    house.propose()
    result = house.review()
    assert (result.code, result.err) == (0, "")
    assert "pricing.input: 0.15 -> 0.20 USD / 1M tokens (+33%)" in result.out
    [first] = house.hub.bodies()
    assert (
        "| `a` | `prod` | `pricing.input` | `0.15 USD / 1M tokens` | `0.20 USD / 1M tokens` | +33% |" in first
    )
    house.model("a", price="0.30")
    head = house.propose()
    assert house.review().code == 0
    [second] = house.hub.bodies()
    assert second.splitlines()[0] == first.splitlines()[0]
    assert f"`{head[:12]}`" in second
    assert "+100%" in second
    assert "0.20" not in second
    [run] = [one for one in house.hub.runs() if one["head_sha"] == head]
    assert (run["status"], run["conclusion"]) == ("completed", "success")
    assert run["output"]["title"] == "Plan: 0 to create, 1 to update, 0 unchanged."


def test_a_stranger_cannot_take_the_comments_place(house: House) -> None:
    house.branch("topic")
    house.model("a", price="0.20")
    house.propose()
    house.review()
    [ours] = house.hub.comments.made.values()
    mark = ours["body"].splitlines()[0]
    house.hub.comments.made.clear()
    user = {"login": "mallory", "id": 3, "type": "User"}
    others = [user, {**user, "login": "github-actions[bot]"}, {**BOT, "login": "other[bot]"}]
    theirs = [house.hub.comments.add(issue=7, body=f"{mark}\nfine", user=one) for one in others]
    house.review()
    house.review()
    assert [one["body"] for one in theirs] == [f"{mark}\nfine"] * 3
    assert len(house.hub.bodies()) == 4


def test_the_comment_is_found_behind_hundreds_of_others(house: House) -> None:
    house.branch("topic")
    house.propose()
    user = {"login": "ann", "id": 3, "type": "User"}
    for _ in range(230):
        house.hub.comments.add(issue=7, body="+1", user=user)
    house.review()
    house.review()
    assert len(house.hub.bodies()) == 231


def test_a_stale_branch_shows_no_revert(house: House) -> None:
    house.branch("topic")
    house.model("b")
    house.commit()
    git("checkout", "-q", "main")
    house.model("a", price="0.25")
    house.commit()
    house.publish_main()
    assert house.cli("apply", "--yes").code == 0
    git("checkout", "-q", "topic")
    house.propose()
    plan = house.reviewed()["plan"]
    [registry] = plan["registries"]
    assert {one["name"]: one["operation"] for one in registry["actions"]} == {"a": "none", "b": "create"}


def test_what_a_request_stops_managing_is_said_for_every_registry(house: House) -> None:
    house.config(house.entry("prod"), house.entry("blind", token="NOWHERE"))
    both = manifest("b").replace("spec:\n", "spec:\n  registries: [prod, blind]\n")
    house.put("models/b.yaml", both)
    house.commit()
    git("checkout", "-q", "-B", "main")
    house.publish_main()
    house.branch("topic")
    (house.folder.path / "models" / "a.yaml").unlink()
    house.put("models/moved.yaml", both.replace("[prod, blind]", "[prod]"))
    (house.folder.path / "models" / "b.yaml").unlink()
    house.propose()
    document = house.reviewed()
    assert [(one["name"], one["registry"]) for one in document["released"]] == [("a", "prod"), ("b", "blind")]
    Draft202012Validator(published("review.schema.json")).validate(document)
    [body] = house.hub.bodies()
    assert body.splitlines()[1].endswith("No longer managed: 2.")
    assert "**No longer managed: 2**; what is live stays:" in body
    assert "- `a` in `prod` (`main:models/a.yaml:" in body
    assert "no longer managed: b in blind; what is live stays" in house.review().out


def test_a_request_that_only_deletes_says_so_in_its_check(house: House) -> None:
    house.branch("topic")
    (house.folder.path / "models" / "a.yaml").unlink()
    house.propose()
    assert house.review().code == 0
    [run] = house.hub.runs()
    assert run["output"]["title"] == "Nothing to plan. No longer managed: 1."


def test_a_conflict_is_said_and_nothing_is_planned(house: House) -> None:
    house.branch("topic")
    house.model("a", price="0.20")
    house.commit()
    git("checkout", "-q", "main")
    house.model("a", price="0.30")
    house.commit()
    house.publish_main()
    git("checkout", "-q", "topic")
    house.propose()
    house.live.seen.clear()
    result = house.review()
    assert result.code == 1
    assert "conflict: models/a.yaml" in result.out
    assert house.live.seen == []
    assert "- `models/a.yaml`" in house.hub.bodies()[0]
    [run] = house.hub.runs()
    assert (run["conclusion"], run["output"]["text"]) == ("failure", None)


def test_mistakes_and_refusals_stand_at_their_lines(house: House) -> None:
    house.branch("topic")
    house.model("a", price="150")
    house.propose()
    assert house.review().code == 3
    [run] = house.hub.runs()
    assert run["conclusion"] == "failure"
    [note] = house.hub.annotations[run["id"]]
    assert (note["path"], note["start_line"], note["annotation_level"]) == ("models/a.yaml", 10, "failure")
    house.put("models/c.yaml", manifest("c").replace("pricing", "prices"))
    head = house.propose()
    result = house.review()
    assert result.code == 1
    assert "models/c.yaml:10:3" in result.out
    [run] = [one for one in house.hub.runs() if one["head_sha"] == head]
    assert {(one["path"], one["start_line"]) for one in house.hub.annotations[run["id"]]} == {
        ("models/c.yaml", 10)
    }
    assert run["output"]["text"] is None


def test_many_annotations_go_in_parts(house: House) -> None:
    house.branch("topic")
    for index in range(120):
        house.put(f"models/c{index}.yaml", manifest(f"c{index}").replace("pricing", "prices"))
    house.propose()
    assert house.review().code == 1
    [run] = house.hub.runs()
    assert len(house.hub.annotations[run["id"]]) == 120
    assert run["status"] == "completed"


def test_paths_are_those_from_the_top_of_the_repository(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.branch("topic")
    git("mv", "models", "below")
    (house.folder.path / "catalogue").mkdir()
    git("mv", "below", "catalogue/models")
    git("mv", "reconciler.yaml", "catalogue/reconciler.yaml")
    house.commit()
    git("branch", "-f", "main", "topic")
    house.publish_main()
    house.put("catalogue/models/a.yaml", manifest("a", price="150"))
    house.propose()
    monkeypatch.chdir(house.folder.path / "catalogue")
    assert house.review().code == 3
    [run] = house.hub.runs()
    assert [one["path"] for one in house.hub.annotations[run["id"]]] == ["catalogue/models/a.yaml"]
    base = git("rev-parse", "main")
    command = f"reconciler review --base {base} --head {run['head_sha']}"
    assert f"`{command} --config catalogue/reconciler.yaml`" in house.hub.bodies()[0]
    monkeypatch.chdir(house.folder.path)
    again = house.review(*command.split()[2:], "--config", "catalogue/reconciler.yaml", "--no-publish")
    assert again.code == 3


def test_the_command_to_see_the_same_needs_no_config_at_the_top(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.branch("topic")
    head = house.propose()
    monkeypatch.chdir(house.folder.path / "models")
    assert house.review("--config", str(house.folder.path / "reconciler.yaml")).code == 0
    assert f"--head {head}`" in house.hub.bodies()[0]


def test_what_is_checked_out_is_not_looked_at(house: House) -> None:
    house.branch("topic")
    house.model("a", price="0.20")
    house.propose()
    told = house.reviewed()
    house.put("models/a.yaml", "broken: [")
    house.put("reconciler.yaml", "broken: [")
    again = house.reviewed()
    assert (again["plan"]["digest"], again["exit_code"]) == (told["plan"]["digest"], 0)


def test_a_review_that_came_late_leaves_the_comment_alone(house: House) -> None:
    house.branch("topic")
    house.model("a", price="0.20")
    old = house.propose()
    house.hub.open(7, "f" * 40)
    result = house.review()
    assert "a newer commit has been pushed" in result.err
    assert house.hub.bodies() == []
    assert [one["head_sha"] for one in house.hub.runs()] == [old]


def test_a_forks_job_shows_what_is_declared_and_publishes_nothing(
    house: House, tmp_path, monkeypatch
) -> None:
    house.branch("topic")
    house.model("a", price="0.20")
    house.propose(home="mallory/models")
    monkeypatch.delenv("REGISTRY_KEY")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    house.live.seen.clear()
    result = house.review("--out", str(tmp_path / "review.json"))
    assert result.code == 0
    assert "pricing.input: 0.15 -> 0.20" in result.out
    assert "not planned: prod: the environment variable REGISTRY_KEY is not set" in result.out
    assert house.hub.seen == []
    assert house.live.seen == []
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "**Not planned**" in summary
    assert "+ pricing.input: 0.20 USD / 1M tokens (+33%)" in summary
    document = json.loads((tmp_path / "review.json").read_text(encoding="utf-8"))
    assert document["plan"] is None
    Draft202012Validator(published("review.schema.json")).validate(document)


def test_a_missing_token_of_our_own_is_an_error(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.branch("topic")
    house.model("a", price="0.20")
    house.propose()
    monkeypatch.delenv("REGISTRY_KEY")
    assert house.review().code == 1
    [run] = house.hub.runs()
    assert (run["conclusion"], run["output"]["text"]) == ("failure", None)


@pytest.mark.parametrize("value", [None, ""])
def test_a_bots_request_without_secrets_passes_where_nothing_that_is_read_changes(
    house: House, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    house.branch("topic")
    house.put(".github/workflows/review.yml", "uses: action@v2\n")
    house.propose()
    if value is None:
        monkeypatch.delenv("REGISTRY_KEY")
    else:
        monkeypatch.setenv("REGISTRY_KEY", value)
    result = house.review()
    assert (result.code, result.err) == (0, "")
    [run] = house.hub.runs()
    assert (run["conclusion"], run["output"]["title"]) == (
        "neutral",
        "Nothing that reconciler reads changes.",
    )
    document = house.reviewed()
    assert document["unchanged"] is True
    Draft202012Validator(published("review.schema.json")).validate(document)


@pytest.mark.parametrize("name", ["models/b.yaml", "reconciler.yaml", "acknowledgements.yaml", "new.json"])
def test_a_missing_token_is_an_error_where_anything_that_is_read_changes(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    house.put("policies/one.json", '{"type": "object"}')
    house.config(more="policies: [policies/*.json]\n")
    house.commit()
    house.publish_main()
    house.branch("topic")
    monkeypatch.delenv("REGISTRY_KEY")
    house.propose()
    assert house.review().code == 0
    known = house.folder.path / name
    text = {"models/b.yaml": manifest("b"), "new.json": "{}"}.get(name, "# more\n")
    house.put(name, (known.read_text(encoding="utf-8") if known.exists() else "") + text)
    house.propose()
    assert house.review().code == 1


def test_the_document_is_as_its_schema_says(house: House) -> None:
    house.branch("topic")
    house.model("a", price="0.20")
    house.propose()
    document = house.reviewed()
    Draft202012Validator(published("review.schema.json")).validate(document)
    assert document["request"] == {"forge": "github", "repository": "acme/models", "number": 7, "fork": False}


def test_a_failure_ends_the_check_and_the_comment_says_so(house: House) -> None:
    git("update-ref", "-d", "refs/remotes/origin/main")
    house.branch("topic")
    house.propose()
    result = house.review()
    assert result.code == 1
    assert "git knows no revision" in result.err
    [run] = house.hub.runs()
    assert (run["status"], run["conclusion"]) == ("completed", "failure")
    assert "**Error:**" in house.hub.bodies()[0]


def test_given_revisions_need_no_forge(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")
    house.branch("topic")
    house.model("a", price="0.20")
    house.commit()
    result = house.review("--base", "main")
    assert (result.code, result.err) == (0, "")
    assert "HEAD" in result.out
    assert house.hub.seen == []
    assert house.review().code == 1


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (["--request", "7"], "GITHUB_TOKEN or GITLAB_TOKEN is not set"),
        (["--forge", "github"], "GITHUB_TOKEN is not set"),
        (["--forge", "gitlab", "--repository", "1", "--request", "7"], "GITLAB_TOKEN is not set"),
        (["--request", "7", "--token-env", "OURS"], "OURS is not set"),
    ],
)
def test_what_shall_be_published_needs_a_token(
    house: House, monkeypatch: pytest.MonkeyPatch, words: list[str], variable: str
) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.delenv("GITLAB_TOKEN", raising=False)
    house.branch("topic")
    house.commit()
    result = house.review("--base", "main", *words)
    assert result.code == 1
    assert variable in result.err
    assert "None" not in result.err
    assert house.review("--base", "main", *words, "--no-publish").code == 0


def test_a_job_without_a_token_says_which_and_only_prints(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.branch("topic")
    house.propose()
    monkeypatch.setenv("GITHUB_TOKEN", "")
    result = house.review()
    assert (result.code, house.hub.seen) == (0, [])
    assert "GITHUB_TOKEN is not set: nothing is published, and nothing is approved" in result.err


def test_a_review_of_another_commit_is_not_published_for_the_request(house: House) -> None:
    house.branch("topic")
    house.model("a", price="0.20")
    house.propose()
    result = house.review("--request", "7", "--base", "main", "--head", "main")
    assert result.code == 1
    assert "not published" in result.err
    [run] = house.hub.runs()
    assert (run["conclusion"], run["output"]["text"]) == ("failure", None)


def test_a_job_without_the_permission_is_told_which(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.branch("topic")
    house.propose()
    monkeypatch.setenv("GITHUB_TOKEN", "another")
    result = house.review()
    assert result.code == 1
    assert "checks: write" in result.err
    assert "another" not in result.err
