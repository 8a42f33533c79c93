"""GitHub's API for tests: `emulate` behind `prism`, which holds GitHub's own description against both sides.

    a client -> prism -> emulate with the additions of github.mjs

.ci/servers installs them. `github(folder)` starts both; `Forge.repository(name)` makes a repository.

**prism** (5.14.2, the last one for node 20) reads the description of GitHub's API, cut here to `PATHS`: the
whole of it takes more than half a minute to start. What is in no path answers 404
(`NO_PATH_MATCHED_ERROR`).

- A body or a query that GitHub would refuse gets 422, with `validation: [{location, code, message}]` and no
  `message` beside it. A property that the description does not know passes, as it does at GitHub.
- An answer that the description forbids gets 500 (`VIOLATIONS`). A status that it does not name passes.
- A parameter of a path is one segment: `branches/a/b` is no path, `branches/a%2Fb` is one.

**emulate** (0.11.2) has pull requests, comments, check runs, compare, merges and hooks. It has no commit
statuses and does not speak git's protocol. Branches, commits and trees come in by the git data API, and get
the SHAs that git gives them: `Repository.push` and `Repository.pull` move real commits between a folder and
it.

- `comment.user` is `{login: "github-actions[bot]", type: "Bot"}` for `APP_TOKEN`, the user for a user's
  token; `performed_via_github_app` is always null.
- A check run gives back `external_id`, `details_url`, and `output` with `title`, `summary`, `text` and
  `annotations_count`. Titles and raw details of annotations are lost. `pull_requests` is always empty, and
  the id of its suite is one for each commit.
- The list of check runs for a ref takes `check_name`, `status` and `filter`, and has no pages. Other lists
  have pages of 30, at most 100. Its `Link` headers name the address that prism asked, which is not that of
  prism.
- `merge_commit_sha` is null until the pull request is merged (GitHub's is that of a test merge).
- `base.sha` stays what it was when the pull request was opened. A merge takes the tree of the head whole,
  with `base.sha` as its first parent: what else came onto the base is lost. Squash and rebase make one
  commit.
- A merge that cannot be gets 422, where GitHub answers 405, and 409 for another head.
- `pulls/{number}/files` is always empty, as are its counts of changed files and lines; `compare` is right.
- Any user may write to a public repository. Comments may be longer than GitHub takes.
- `GET /app` needs the signed token of an app, and answers 401 to all others, as GitHub does.

**github.mjs** adds what GitHub documents and `emulate` lacks: an open pull request follows its branch;
`commits/{sha}/pulls`; 401 for an unknown token; 403 for `GET /user` by an app and for writing check runs by
a user; `check_run.app`, `output.annotations_url`; annotations that a later call adds to; their list as a
list; addresses of a `[bot]` that are addresses.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cli.servers import installed, running

OWNER = "octo"
USER_TOKEN = "tok-of-octo"
OTHER_TOKEN = "tok-of-somebody"
APP_TOKEN = "tok-of-the-app"
APP = {"id": 15368, "slug": "github-actions"}
BOT = {"login": "github-actions[bot]", "type": "Bot"}

_REPOSITORY = "/repos/{owner}/{repo}"
PATHS = (
    "/app",
    "/user",
    _REPOSITORY,
    *(
        _REPOSITORY + path
        for path in (
            "/branches/{branch}",
            "/check-runs",
            "/check-runs/{check_run_id}",
            "/check-runs/{check_run_id}/annotations",
            "/commits/{commit_sha}/pulls",
            "/commits/{ref}",
            "/commits/{ref}/check-runs",
            "/compare/{basehead}",
            "/issues/comments/{comment_id}",
            "/issues/{issue_number}/comments",
            "/pulls",
            "/pulls/{pull_number}",
            "/pulls/{pull_number}/merge",
        )
    ),
)
_GRANTED = {"checks": "write", "contents": "write", "issues": "write", "pull_requests": "write"}


@dataclass(frozen=True)
class Forge:
    """Base addresses: `url` is prism's, for clients; `behind` is emulate's, which answers more."""

    url: str
    behind: str
    client: httpx.Client

    def ask(
        self, method: str, path: str, body: object = None, *, token: str = USER_TOKEN, behind: bool = False
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        base = self.behind if behind else self.url
        return self.client.request(method, base + path, json=body, headers=headers)

    def repository(self, name: str) -> Repository:
        """A new, empty, public repository of OWNER."""
        made = self.ask("POST", "/user/repos", {"name": name}, behind=True)
        assert made.status_code == 201, made.text
        return Repository(self, f"{OWNER}/{name}")


@dataclass(frozen=True)
class Repository:
    forge: Forge
    name: str

    def ask(self, method: str, path: str, body: object = None, *, token: str = USER_TOKEN) -> httpx.Response:
        return self.forge.ask(method, f"/repos/{self.name}{path}", body, token=token)

    def push(self, folder: Path, branch: str) -> str:
        """The SHA of what the branch of a git folder has, now there under the same SHA. Text files alone."""
        head = _git(folder, "rev-parse", branch)
        tip = self._tip(branch)
        for sha in _git(folder, "rev-list", "--reverse", branch, *([f"^{tip}"] if tip else [])).split():
            self._commit(folder, sha)
        if tip is None:
            self._send("POST", "/git/refs", {"ref": f"refs/heads/{branch}", "sha": head})
        else:
            self._send("PATCH", f"/git/refs/heads/{branch}", {"sha": head, "force": True})
        return head

    def pull(self, folder: Path, branch: str) -> str:
        """The SHA of what the branch has there, now what the branch of the git folder has too: a merge."""
        tip = self._tip(branch)
        assert tip is not None, branch
        made = self._send("GET", f"/git/commits/{tip}")
        words = ["commit-tree", made["tree"]["sha"], "-m", made["message"]]
        for parent in made["parents"]:
            words += ["-p", parent["sha"]]
        people = {}
        for role in ("author", "committer"):
            name = f"GIT_{role.upper()}_"
            said = made[role]
            date = said["date"].split(".")[0].removesuffix("Z") + "+0000"
            people |= {f"{name}NAME": said["name"], f"{name}EMAIL": said["email"], f"{name}DATE": date}
        assert _git(folder, *words, environment=people) == tip
        _git(folder, "update-ref", f"refs/heads/{branch}", tip)
        return tip

    def _commit(self, folder: Path, sha: str) -> None:
        entries = []
        for line in _git(folder, "ls-tree", "-r", "-z", sha).split("\0")[:-1]:
            about, path = line.split("\t")
            mode, kind, blob = about.split(" ")
            content = _git(folder, "cat-file", "blob", blob, strip=False)
            entries.append({"path": path, "mode": mode, "type": kind, "content": content})
        tree = self._send("POST", "/git/trees", {"tree": entries})["sha"]
        shown = _git(folder, "show", "-s", "--format=%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B", sha)
        parents, *people, message = shown.split("\0")
        author = dict(zip(("name", "email", "date"), people[:3], strict=True))
        committer = dict(zip(("name", "email", "date"), people[3:], strict=True))
        body = {"message": message, "tree": tree, "parents": parents.split()}
        made = self._send("POST", "/git/commits", {**body, "author": author, "committer": committer})
        assert made["sha"] == sha

    def _tip(self, branch: str) -> str | None:
        found = self.forge.ask("GET", f"/repos/{self.name}/git/ref/heads/{branch}", behind=True)
        return None if found.status_code == 404 else str(found.json()["object"]["sha"])

    def _send(self, method: str, path: str, body: object = None) -> Any:
        answer = self.forge.ask(method, f"/repos/{self.name}{path}", body, behind=True)
        assert answer.is_success, answer.text
        return answer.json()


@contextlib.contextmanager
def github(folder: Path) -> Iterator[Forge]:
    """Both servers, with nothing but the users OWNER and `somebody`, an app, and a token of each."""
    emulate = installed("emulate") / "node_modules" / "emulate"
    prism = installed("prism") / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
    whole = json.loads((installed("openapi") / "api.github.com.json").read_bytes())
    seed = folder / "seed.json"
    seed.write_text(json.dumps(_seed()))
    description = folder / "description.json"
    description.write_text(json.dumps(cut(whole, PATHS)))
    program = Path(__file__).with_name("github.mjs")
    with running(["node", str(program), str(emulate), str(seed)]) as behind:
        upstream = f"http://127.0.0.1:{behind}"
        options = ["--errors", "--host", "127.0.0.1", "--port", "0"]
        with (
            running(["node", str(prism), "proxy", str(description), upstream, *options]) as port,
            httpx.Client(timeout=60, trust_env=False, verify=False) as client,
        ):
            yield Forge(f"http://127.0.0.1:{port}", upstream, client)


def cut(description: Mapping[str, Any], paths: tuple[str, ...]) -> dict[str, Any]:
    """These paths of an OpenAPI description, with what they refer to. Raises KeyError for one it has not."""
    kept: dict[str, Any] = {path: description["paths"][path] for path in paths}
    components: dict[str, dict[str, Any]] = {}
    pending: list[Any] = [kept]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending += one
        if not isinstance(one, dict):
            continue
        pending += one.values()
        refers = one.get("$ref")
        if isinstance(refers, str):
            _, _, group, name = refers.split("/")
            if name not in components.setdefault(group, {}):
                components[group][name] = description["components"][group][name]
                pending.append(components[group][name])
    about = {name: description[name] for name in ("openapi", "info", "servers")}
    return {**about, "paths": kept, "components": components}


def _seed() -> dict[str, Any]:
    app = {"app_id": APP["id"], "slug": APP["slug"], "name": "GitHub Actions", "permissions": _GRANTED}
    installation = {"installation_id": 1, "account": OWNER}
    return {
        "tokens": {
            USER_TOKEN: {"login": OWNER, "scopes": ["repo"]},
            OTHER_TOKEN: {"login": "somebody", "scopes": ["repo"]},
        },
        "installation_tokens": [
            {"token": APP_TOKEN, "account": OWNER, "app_id": APP["id"], "permissions": _GRANTED}
        ],
        "github": {
            "users": [{"login": OWNER}, {"login": "somebody"}],
            "apps": [{**app, "events": [], "installations": [installation]}],
        },
    }


def _git(folder: Path, *words: str, strip: bool = True, environment: Mapping[str, str] | None = None) -> str:
    ran = subprocess.run(
        ["git", "-C", str(folder), *words],
        check=True,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **(environment or {})},
    )
    return ran.stdout.strip() if strip else ran.stdout
