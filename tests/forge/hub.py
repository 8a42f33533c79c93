"""As much of GitHub's API as a review asks for. It takes the documented parameters alone.

Source: GitHub's REST API description, version 2022-11-28 (issues/comments, checks, pulls).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .server import Asked, Items, Refused, only, page

TOKEN = "ghs-token-of-the-app"
APP = {"id": 15368, "slug": "github-actions"}
BOT = {"login": "github-actions[bot]", "id": 41898282, "type": "Bot"}
CONCLUSIONS = {
    *("action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"),
}


@dataclass
class Hub:
    """The repository acme/models."""

    url: str = ""
    seen: list[Asked] = field(default_factory=list)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: Items = field(default_factory=Items)
    checks: Items = field(default_factory=Items)
    annotations: dict[int, list[Any]] = field(default_factory=dict)
    app: dict[str, Any] | None = field(default_factory=lambda: dict(APP))
    """Who makes check runs; None for a server without apps."""
    user: dict[str, Any] = field(default_factory=lambda: dict(BOT))
    """Who writes comments."""

    @property
    def writes(self) -> list[Asked]:
        return [asked for asked in self.seen if asked.writes]

    def open(self, number: int, head: str, *, home: str = "acme/models", base: str = "main") -> None:
        self.pulls[number] = {
            "number": number,
            "state": "open",
            "merged_at": None,
            "merge_commit_sha": None,
            "head": {"sha": head, "ref": "topic", "repo": {"full_name": home}},
            "base": {"ref": base, "repo": {"full_name": "acme/models"}},
        }

    def merge(self, number: int, commit: str) -> None:
        merged = {"state": "closed", "merged_at": "2026-01-01T00:00:00Z", "merge_commit_sha": commit}
        self.pulls[number] |= merged

    def bodies(self, number: int = 7) -> list[str]:
        return [one["body"] for one in self.comments.made.values() if one["issue"] == number]

    def runs(self, name: str = "reconciler/review") -> list[dict[str, Any]]:
        return [one for one in self.checks.made.values() if one["name"] == name]

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refused(401, "Bad credentials")
        assert asked.headers["accept"] == "application/vnd.github+json"
        assert asked.headers["x-github-api-version"] == "2022-11-28"
        if (asked.method, asked.path) == ("GET", "/user"):
            if self.app is not None:
                raise Refused(403, "Resource not accessible by integration")
            return 200, self.user
        top = "/repos/acme/models"
        routes: list[tuple[str, str, Callable[..., tuple[int, Any]]]] = [
            ("GET", r"/pulls", self._pulls),
            ("GET", r"/pulls/(\d+)", self._pull),
            ("GET", r"/issues/(\d+)/comments", self._comments),
            ("POST", r"/issues/(\d+)/comments", self._comment),
            ("PATCH", r"/issues/comments/(\d+)", self._edit),
            ("POST", r"/check-runs", self._begin),
            ("PATCH", r"/check-runs/(\d+)", self._update),
            ("GET", r"/commits/([0-9a-f]{40})/check-runs", self._runs),
        ]
        for method, path, handle in routes:
            found = re.fullmatch(top + path, asked.path)
            if found and method == asked.method:
                return handle(asked, *found.groups())
        raise Refused(404, "Not Found")

    def _pull(self, asked: Asked, number: str) -> tuple[int, Any]:
        if int(number) not in self.pulls:
            raise Refused(404, "Not Found")
        return 200, self.pulls[int(number)]

    def _pulls(self, asked: Asked) -> tuple[int, Any]:
        only(asked.query, "state", "head", "base", "sort", "direction", "per_page", "page")
        known = [one for one in self.pulls.values() if one["state"] == asked.query["state"]]
        if "base" in asked.query:
            known = [one for one in known if one["base"]["ref"] == asked.query["base"]]
        if "head" in asked.query:
            owner, _, branch = asked.query["head"].partition(":")
            known = [
                one
                for one in known
                if one["head"]["ref"] == branch
                and one["head"]["repo"]["full_name"].partition("/")[0] == owner
            ]
        return 200, page(known, asked.query)

    def _comments(self, asked: Asked, number: str) -> tuple[int, Any]:
        only(asked.query, "since", "per_page", "page")
        known = [one for one in self.comments.made.values() if one["issue"] == int(number)]
        return 200, page(known, asked.query)

    def _comment(self, asked: Asked, number: str) -> tuple[int, Any]:
        only(asked.body, "body")
        self._fits(asked.body["body"])
        return 201, self.comments.add(issue=int(number), body=asked.body["body"], user=self.user)

    def _edit(self, asked: Asked, number: str) -> tuple[int, Any]:
        only(asked.body, "body")
        self._fits(asked.body["body"])
        if self.comments[number]["user"] != self.user:
            raise Refused(403, "Must have admin rights to Repository.")
        self.comments[number]["body"] = asked.body["body"]
        return 200, self.comments[number]

    def _fits(self, text: str) -> None:
        if len(text) > 65_536:
            raise Refused(422, "body is too long (maximum is 65536 characters)")

    def _begin(self, asked: Asked) -> tuple[int, Any]:
        only(
            asked.body,
            *("name", "head_sha", "details_url", "external_id", "status", "started_at", "conclusion"),
            *("completed_at", "output", "actions"),
        )
        run = self.checks.add(
            name=asked.body["name"],
            head_sha=asked.body["head_sha"],
            status=asked.body["status"],
            conclusion=None,
            output={"title": None, "summary": None, "text": None},
            app=self.app,
        )
        self.annotations[run["id"]] = []
        return 201, run

    def _update(self, asked: Asked, number: str) -> tuple[int, Any]:
        only(
            asked.body,
            *("name", "details_url", "external_id", "started_at", "status", "conclusion", "completed_at"),
            *("output", "actions"),
        )
        run = self.checks[number]
        assert run["app"] == self.app
        output = asked.body["output"]
        only(output, "title", "summary", "text", "annotations", "images")
        if any(len(output.get(name) or "") > 65_535 for name in ("summary", "text")):
            raise Refused(422, "too long")
        annotations = output.pop("annotations", [])
        if len(annotations) > 50:
            raise Refused(422, "more than 50 annotations")
        for one in annotations:
            only(
                one,
                *("path", "start_line", "end_line", "start_column", "end_column", "annotation_level"),
                *("message", "title", "raw_details"),
            )
            assert one["annotation_level"] in {"notice", "warning", "failure"}
            assert not one["path"].startswith(("/", "."))
        self.annotations[run["id"]] += annotations
        run["output"] = {**run["output"], **output}
        if "status" in asked.body:
            run["status"] = asked.body["status"]
            run["conclusion"] = asked.body["conclusion"]
            assert run["conclusion"] in CONCLUSIONS
        return 200, run

    def _runs(self, asked: Asked, commit: str) -> tuple[int, Any]:
        only(asked.query, "check_name", "status", "filter", "per_page", "page", "app_id")
        known = [
            one
            for one in self.checks.made.values()
            if (one["head_sha"], one["name"]) == (commit, asked.query["check_name"])
        ]
        return 200, {"total_count": len(known), "check_runs": page(known, asked.query)}
