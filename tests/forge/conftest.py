"""A repository with an origin, a registry on a socket, and GitHub, as a job of GitHub Actions finds them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Run, cli, folder, serve
from cli.folder import Folder, Result, manifest
from cli.live import Live
from cli.test_diff import git

from .hub import TOKEN, Hub
from .server import running

__all__ = ["Result", "cli", "folder", "serve"]

KEY = "tok-of-the-registry"


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    with running(found):
        yield found


@dataclass
class House:
    """The repository acme/models: `main` is what origin has, `topic` a request with the number 7."""

    folder: Folder
    live: Live
    hub: Hub
    cli: Run
    monkeypatch: pytest.MonkeyPatch
    events: Path

    def put(self, name: str, text: str) -> None:
        file = self.folder.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def model(self, name: str, **more: str) -> None:
        self.put(f"models/{name}.yaml", manifest(name, **more))

    def config(self, *registries: str, more: str = "") -> None:
        known = registries or (self.entry("prod"),)
        lines = "\n".join(f"  {one}" for one in known)
        self.folder.config(f"default_registries: [prod]\nregistries:\n{lines}\n{more}")

    def entry(self, name: str, url: str = "", token: str = "REGISTRY_KEY") -> str:
        return f"{name}: {{kind: orq, url: '{url or self.live.url}', token: {{env: {token}}}}}"

    def commit(self, message: str = "more") -> str:
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", message)
        return git("rev-parse", "HEAD")

    def branch(self, name: str, at: str = "main") -> None:
        git("checkout", "-q", "-B", name, at)

    def publish_main(self) -> str:
        """What is on main is on origin, too."""
        git("update-ref", "refs/remotes/origin/main", "main")
        return git("rev-parse", "main")

    def propose(self, *, home: str = "acme/models", event: str = "pull_request") -> str:
        """What is checked out becomes the head of the request, and its job's event happens."""
        head = self.commit()
        self.hub.open(7, head, home=home)
        self.requested(event)
        return head

    def requested(self, event: str = "pull_request") -> None:
        """A job begins for the request as it is."""
        self.happens(event, pull_request=self.hub.pulls[7], repository={"full_name": "acme/models"})

    def happens(self, name: str, **event: Any) -> None:
        self.events.write_text(json.dumps(event), encoding="utf-8")
        self.monkeypatch.setenv("GITHUB_EVENT_NAME", name)

    def merge(self, message: str = "merge") -> str:
        """The request is merged, and the job of the push begins."""
        before = git("rev-parse", "main")
        git("checkout", "-q", "main")
        git("merge", "-q", "--no-ff", "-m", message, self.hub.pulls[7]["head"]["sha"])
        commit = self.publish_main()
        self.hub.merge(7, commit)
        self.push(commit, before)
        return commit

    def push(self, commit: str, before: str) -> None:
        self.happens("push", ref="refs/heads/main", after=commit, before=before)

    def review(self, *words: str) -> Result:
        return self.cli("review", *words)

    def reviewed(self) -> dict[str, Any]:
        return self.review("-o", "json").document

    def live_price(self, name: str, price: float) -> None:
        """Somebody moves a price in the registry itself."""
        import httpx

        headers = {"Authorization": f"Bearer {KEY}"}
        answer = httpx.patch(
            f"{self.live.url}/v2/models/{name}", json={"input_cost": price}, headers=headers, trust_env=False
        )
        assert answer.status_code == 200, answer.text

    def prices(self) -> dict[str, Any]:
        return {
            model["id"]: model["input_cost"] for model in self.live.models(KEY) if model["owner"] == "ours"
        }


@pytest.fixture
def house(  # noqa: PLR0917
    folder: Folder,
    cli: Run,
    serve: Callable[..., Live],
    hub: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> House:
    found = House(folder, serve(KEY), hub, cli, monkeypatch, tmp_path / "event.json")
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/models",
        "GITHUB_API_URL": hub.url,
        "GITHUB_EVENT_PATH": str(found.events),
        "GITHUB_TOKEN": TOKEN,
        "REGISTRY_KEY": KEY,
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("GITLAB_CI", "GITHUB_STEP_SUMMARY", "GITHUB_EVENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    (folder.path / "models" / "models.yaml").unlink()
    git("init", "-q", "-b", "main")
    found.config()
    found.model("a")
    found.commit("one")
    found.publish_main()
    assert cli("apply", "--yes").code == 0
    return found
