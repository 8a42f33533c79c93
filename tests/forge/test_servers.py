"""What the tests of reviews rest on: GitHub's API as `servers` has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.test_diff import git

from .servers import APP, APP_TOKEN, BOT, OWNER, USER_TOKEN, Forge, Repository, github


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    with github(tmp_path_factory.mktemp("forge")) as started:
        yield started


@pytest.fixture
def repository(forge: Forge, tmp_path: Path, request: pytest.FixtureRequest) -> Repository:
    """`main` and `topic`, one commit ahead, also in `tmp_path`; and a pull request of it, number 1."""
    made = forge.repository(request.node.name)
    git("init", "-q", "-b", "main", str(tmp_path))
    _commit(tmp_path, "1")
    made.push(tmp_path, "main")
    git("-C", str(tmp_path), "checkout", "-q", "-b", "topic")
    _commit(tmp_path, "2")
    made.push(tmp_path, "topic")
    opened = made.ask("POST", "/pulls", {"title": "Dearer", "head": "topic", "base": "main"})
    assert opened.status_code == 201, opened.text
    return made


def _commit(folder: Path, price: str) -> str:
    file = folder / "models" / "a.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"price: {price}\n")
    git("-C", str(folder), "add", "-A")
    git("-C", str(folder), "commit", "-q", "-m", f"{price}\n\nper token")
    return git("-C", str(folder), "rev-parse", "HEAD")


def test_a_pull_request_follows_its_branch_until_it_is_merged(repository: Repository, tmp_path: Path) -> None:
    first = git("-C", str(tmp_path), "rev-parse", "topic")
    pull = repository.ask("GET", "/pulls/1").json()
    assert (pull["head"]["sha"], pull["merge_commit_sha"], pull["merged"]) == (first, None, False)
    second = _commit(tmp_path, "3")
    repository.push(tmp_path, "topic")
    pull = repository.ask("GET", "/pulls/1").json()
    assert (pull["head"]["sha"], pull["base"]["ref"], pull["state"]) == (second, "main", "open")
    assert pull["head"]["repo"]["full_name"] == repository.name

    found = repository.ask("GET", "/compare/main...topic").json()
    assert (found["status"], found["ahead_by"]) == ("ahead", 2)
    assert [one["filename"] for one in found["files"]] == ["models/a.yaml"]
    assert "+price: 3" in found["files"][0]["patch"]
    listed = repository.ask("GET", f"/pulls?state=open&head={OWNER}:topic").json()
    assert [one["head"]["sha"] for one in listed] == [second]

    assert repository.ask("PUT", "/pulls/1/merge", {"sha": first}).status_code == 422
    merged = repository.ask("PUT", "/pulls/1/merge", {"sha": second}).json()
    pull = repository.ask("GET", "/pulls/1").json()
    assert (pull["state"], pull["merged"], pull["merge_commit_sha"]) == ("closed", True, merged["sha"])
    assert pull["head"]["sha"] == second
    assert repository.pull(tmp_path, "main") == merged["sha"]
    assert git("-C", str(tmp_path), "show", "main:models/a.yaml") == "price: 3"


def test_the_pull_requests_of_a_commit(repository: Repository, tmp_path: Path) -> None:
    base, head = (git("-C", str(tmp_path), "rev-parse", name) for name in ("main", "topic"))

    def numbers(sha: str) -> list[int]:
        return [one["number"] for one in repository.ask("GET", f"/commits/{sha}/pulls").json()]

    assert (numbers(head), numbers(base)) == ([1], [])
    assert repository.ask("GET", f"/commits/{'0' * 40}/pulls").status_code == 422
    merged = repository.ask("PUT", "/pulls/1/merge", {"merge_method": "squash"}).json()["sha"]
    assert (numbers(head), numbers(merged), numbers(base)) == ([1], [1], [])


def test_comments_have_their_author(repository: Repository) -> None:
    for token in (APP_TOKEN, USER_TOKEN):
        made = repository.ask("POST", "/issues/1/comments", {"body": "one"}, token=token)
        assert made.status_code == 201, made.text
    by_app, by_user = repository.ask("GET", "/issues/1/comments?per_page=100").json()
    assert BOT.items() <= by_app["user"].items()
    assert (by_user["user"]["login"], by_user["user"]["type"]) == (OWNER, "User")
    path = f"/issues/comments/{by_app['id']}"
    assert repository.ask("PATCH", path, {"body": "two"}, token=APP_TOKEN).status_code == 200
    bodies = [one["body"] for one in repository.ask("GET", "/issues/1/comments").json()]
    assert bodies == ["two", "one"]
    page = repository.ask("GET", "/issues/1/comments?per_page=1&page=2")
    assert [one["body"] for one in page.json()] == ["one"]


def test_check_runs(repository: Repository, tmp_path: Path) -> None:
    head = git("-C", str(tmp_path), "rev-parse", "topic")
    begun = {"name": "plan", "head_sha": head, "status": "in_progress", "external_id": "e"}
    assert repository.ask("POST", "/check-runs", begun).status_code == 403
    run = repository.ask("POST", "/check-runs", begun, token=APP_TOKEN).json()
    assert (run["status"], run["external_id"]) == ("in_progress", "e")
    assert APP.items() <= run["app"].items()
    path = f"/check-runs/{run['id']}"
    where = {"path": "models/a.yaml", "start_line": 1, "end_line": 1, "annotation_level": "warning"}
    for said in ("first", "second"):
        output = {"title": "T", "summary": "S", "text": "X", "annotations": [{**where, "message": said}]}
        body = {"status": "completed", "conclusion": "action_required", "output": output}
        answer = repository.ask("PATCH", path, body, token=APP_TOKEN)
        assert answer.status_code == 200, answer.text
    listed = repository.ask("GET", f"/commits/{head}/check-runs?check_name=plan&filter=all").json()
    (found,) = listed["check_runs"]
    assert (found["conclusion"], found["output"]["text"]) == ("action_required", "X")
    assert (found["output"]["annotations_count"], found["app"]["id"]) == (2, APP["id"])
    annotations = repository.ask("GET", f"{path}/annotations").json()
    assert [one["message"] for one in annotations] == ["first", "second"]


@pytest.mark.parametrize(
    ("method", "path", "body", "where"),
    [
        ("POST", "/issues/1/comments", {"body": 5}, ["body", "body"]),
        ("POST", "/issues/1/comments", {}, ["body"]),
        (
            "POST",
            "/check-runs",
            {"name": "plan", "head_sha": "0", "output": {"title": "T"}},
            ["body", "output"],
        ),
        ("PATCH", "/check-runs/1", {"conclusion": "well"}, ["body", "conclusion"]),
        ("GET", "/pulls?state=any", None, ["query", "state"]),
    ],
)
def test_what_github_would_refuse_is_refused(
    forge: Forge, method: str, path: str, body: object, where: list[str]
) -> None:
    answer = Repository(forge, f"{OWNER}/any").ask(method, path, body, token=APP_TOKEN)
    assert answer.status_code == 422
    assert where in [one["location"] for one in answer.json()["validation"]]


def test_who_asks(forge: Forge) -> None:
    assert forge.ask("GET", "/user").json()["login"] == OWNER
    refused = forge.ask("GET", "/user", token=APP_TOKEN)
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
    assert forge.ask("GET", "/user", token="tok-of-nobody").status_code == 401
    assert forge.ask("GET", "/app", token=APP_TOKEN).status_code == 401
    assert forge.ask("GET", "/nowhere").json()["type"].endswith("NO_PATH_MATCHED_ERROR")
