"""GitHub: comments on the request's conversation, check runs.

Source: GitHub's REST API description, version 2022-11-28. Only an app can make check runs (the GITHUB_TOKEN
of a job is one, `github-actions`), and every check run names the app that made it. So the check run that a
run begins tells who we are: the same app's earlier check runs are ours, and so are the comments of its bot.
A server that has no apps tells nothing there; then we are the user of the token.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final

from reconciler.forge.calls import Calls
from reconciler.forge.interface import ForgeError, ProposedChange, Verdict
from reconciler.http import quote_segment
from reconciler.secrets import Secret

_HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_NEEDS: Final = "the token needs `checks: write` and `pull-requests: write` in this repository"
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_AT_ONCE: Final = 50
"""Annotations that one request takes."""
_MOST_ANNOTATIONS: Final = 500
_TITLE: Final = 250
_MESSAGE: Final = 4_000
_FIELD: Final = 65_000
"""Bytes of a summary; GitHub takes 65,535 characters."""
_PAGES_OF_MERGED: Final = 5


class GitHub:
    """One repository, ``owner/name``. Raises ForgeError for what is none."""

    name = "GitHub"
    comment_bytes = 65_000
    kept_characters = 60_000

    def __init__(self, repository: str, token: Secret, *, api_url: str) -> None:
        if not _REPOSITORY.fullmatch(repository):
            raise ForgeError("a repository at GitHub reads owner/name", hint="correct --repository")
        self._repository = repository
        self._top = "/repos/" + "/".join(quote_segment(part) for part in repository.split("/"))
        self._calls = Calls(self.name, api_url, token, headers=_HEADERS, needs=_NEEDS)
        self._begun: dict[tuple[str, str], int] = {}
        self._app: Mapping[str, Any] | None = None

    async def change(self, number: int) -> ProposedChange:
        path = f"{self._top}/pulls/{number}"
        found = await self._calls.get(path)
        return self._calls.read(path, lambda: self._change(found))

    async def open_change(self, owner: str, branch: str, head: str) -> ProposedChange | None:
        path = f"{self._top}/pulls"
        found = await self._calls.pages(path, state="open", head=f"{owner}:{branch}")
        changes = self._calls.read(path, lambda: [self._change(one) for one in found])
        return next((one for one in changes if one.head == head), None)

    async def merged_change(self, commit: str, branch: str) -> ProposedChange | None:
        path = f"{self._top}/pulls"
        found = await self._calls.pages(
            path, most=_PAGES_OF_MERGED, state="closed", base=branch, sort="updated", direction="desc"
        )

        def ours() -> list[ProposedChange]:
            return [
                self._change(one) for one in found if one["merged_at"] and one["merge_commit_sha"] == commit
            ]

        merged = [one for one in self._calls.read(path, ours) if one.base == branch]
        return merged[0] if len(merged) == 1 else None

    async def begin(self, check: str, commit: str) -> None:
        path = f"{self._top}/check-runs"
        body = {"name": check, "head_sha": commit, "status": "in_progress"}
        made = await self._calls.send("POST", path, body)
        self._begun[check, commit] = self._calls.read(path, lambda: int(made["id"]))
        self._app = self._calls.read(path, lambda: made["app"])

    async def end(self, check: str, commit: str, verdict: Verdict) -> None:
        path = f"{self._top}/check-runs/{self._begun[check, commit]}"
        annotations = [_annotation(one) for one in verdict.annotations[:_MOST_ANNOTATIONS]]
        output: dict[str, Any] = {"title": verdict.title[:_TITLE], "summary": _cut(verdict.summary)}
        while len(annotations) > _AT_ONCE:
            now, annotations = annotations[:_AT_ONCE], annotations[_AT_ONCE:]
            await self._calls.send("PATCH", path, {"output": {**output, "annotations": now}})
        if annotations:
            output["annotations"] = annotations
        if verdict.kept:
            output["text"] = f"What `apply --approved` reads:\n\n```text\n{verdict.kept}\n```\n"
        body = {
            "status": "completed",
            "conclusion": verdict.conclusion,
            "completed_at": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "output": output,
        }
        await self._calls.send("PATCH", path, body)

    async def kept(self, check: str, commit: str) -> str | None:
        path = f"{self._top}/commits/{quote_segment(commit)}/check-runs"
        found = await self._calls.pages(path, inside="check_runs", check_name=check, filter="all")

        def newest() -> Mapping[str, Any] | None:
            known = [one for one in found if (one["name"], one["head_sha"]) == (check, commit)]
            return max(
                (one for one in known if self._is_ours(one)), key=lambda one: int(one["id"]), default=None
            )

        run = self._calls.read(path, newest)
        if run is None or run["status"] != "completed":
            return None
        return self._calls.read(path, lambda: str(run["output"]["text"] or ""))

    async def put_comment(self, number: int, marker: str, body: str) -> None:
        path = f"{self._top}/issues/{number}/comments"
        found = await self._calls.pages(path)
        us = await self._us()

        def known() -> list[int]:
            return [
                int(one["id"])
                for one in found
                if one["user"]
                and us.items() <= one["user"].items()
                and (one["body"] or "").startswith(marker)
            ]

        ours = self._calls.read(path, known)
        if ours:
            await self._calls.send("PATCH", f"{self._top}/issues/comments/{ours[0]}", {"body": body})
        else:
            await self._calls.send("POST", path, {"body": body})

    async def aclose(self) -> None:
        await self._calls.aclose()

    def _change(self, found: Mapping[str, Any]) -> ProposedChange:
        """Raises KeyError and TypeError for another shape."""
        home = found["head"]["repo"]
        return ProposedChange(
            number=int(found["number"]),
            base=str(found["base"]["ref"]),
            head=str(found["head"]["sha"]),
            fork=home is None or home["full_name"].lower() != self._repository.lower(),
            is_open=found["state"] == "open",
        )

    def _is_ours(self, run: Mapping[str, Any]) -> bool:
        if self._app is None:
            return run["app"] is None
        return run["app"] is not None and run["app"]["id"] == self._app["id"]

    async def _us(self) -> Mapping[str, Any]:
        """What the author of our comments has."""
        if self._app is not None:
            app = self._app
            return self._calls.read("/app", lambda: {"login": f"{app['slug']}[bot]", "type": "Bot"})
        user = await self._calls.get("/user")
        return self._calls.read("/user", lambda: {"id": user["id"]})


def _annotation(one: Any) -> dict[str, Any]:
    return {
        "path": one.path,
        "start_line": one.line,
        "end_line": one.line,
        "annotation_level": one.level,
        "title": one.title[:_TITLE],
        "message": one.message[:_MESSAGE],
    }


def _cut(text: str) -> str:
    return text.encode()[:_FIELD].decode("utf-8", "ignore")
