"""The whole loop at GitHub's API: reviewed, moved underneath, refused, approved anew, applied."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from cli.test_diff import git

from .conftest import House
from .servers import APP_TOKEN, Forge, Repository, github


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    with github(tmp_path_factory.mktemp("forge")) as started:
        yield started


@dataclasses.dataclass
class Loop:
    """One request after another, from `topic` onto `main`."""

    house: House
    repository: Repository

    def begin(self) -> None:
        self.house.monkeypatch.setenv("GITHUB_REPOSITORY", self.repository.name)
        self.house.monkeypatch.setenv("GITHUB_API_URL", self.repository.forge.url)
        self.house.monkeypatch.setenv("GITHUB_TOKEN", APP_TOKEN)
        self.repository.push(self.house.folder.path, "main")

    def open(self) -> int:
        self.push()
        made = self.repository.ask("POST", "/pulls", {"title": "More", "head": "topic", "base": "main"})
        assert made.status_code == 201, made.text
        return int(made.json()["number"])

    def push(self) -> None:
        self.house.commit()
        self.repository.push(self.house.folder.path, "topic")

    def review(self, number: int) -> str:
        pull = self.repository.ask("GET", f"/pulls/{number}").json()
        self.house.happens("pull_request", pull_request=pull, repository={"full_name": self.repository.name})
        result = self.house.review()
        assert result.code == 0, result.err
        return result.out

    def comments(self, number: int) -> list[str]:
        return [one["body"] for one in self.repository.ask("GET", f"/issues/{number}/comments").json()]

    def merge(self, number: int) -> None:
        before = git("rev-parse", "main")
        merged = self.repository.ask("PUT", f"/pulls/{number}/merge", {})
        assert merged.status_code == 200, merged.text
        git("checkout", "-q", "--detach")
        commit = self.repository.pull(self.house.folder.path, "main")
        git("checkout", "-q", "main")
        self.house.publish_main()
        self.house.push(commit, before)


def test_the_whole_loop(house: House, forge: Forge) -> None:
    loop = Loop(house, forge.repository("models"))
    loop.begin()
    house.branch("topic")
    house.model("a", price="0.20")
    first = loop.open()
    loop.review(first)
    house.model("b")
    loop.push()
    loop.review(first)
    [comment] = loop.comments(first)
    assert "1 to create, 1 to update" in comment.replace("`", "")

    house.live_price("a", 0.00018)
    loop.merge(first)
    stopped = house.cli("apply", "--approved")
    assert stopped.code == 5, stopped.err
    assert "was 0.15 USD / 1M tokens live, is 0.18 USD / 1M tokens now" in stopped.out
    assert len(loop.comments(first)) == 2

    house.branch("topic")
    second = loop.open()
    assert "0.18 -> 0.20" in loop.review(second)
    loop.merge(second)
    applied = house.cli("apply", "--approved")
    assert applied.code == 0, applied.err
    assert house.prices() == {"a": 0.0002, "b": 0.00015}

    house.branch("topic")
    third = loop.open()
    assert "No changes: 2 as declared." in loop.review(third)
