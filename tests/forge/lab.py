"""As much of GitLab's API as a review asks for. It takes the documented parameters alone.

Source: GitLab's REST API, version 4: notes, commits (statuses, merge requests), merge requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .server import Asked, Items, Refused, only, page

TOKEN = "glpat-token-of-the-project"
BOT = {"id": 77, "username": "project_5_bot", "bot": True}
STATES = {"pending", "running", "success", "failed", "canceled", "skipped"}


@dataclass
class Lab:
    """The project 5."""

    url: str = ""
    seen: list[Asked] = field(default_factory=list)
    requests: dict[int, dict[str, Any]] = field(default_factory=dict)
    notes: Items = field(default_factory=Items)
    statuses: Items = field(default_factory=Items)

    def open(self, number: int, head: str, *, home: int = 5) -> None:
        self.requests[number] = {
            "iid": number,
            "state": "opened",
            "sha": head,
            "source_branch": "topic",
            "target_branch": "main",
            "source_project_id": home,
            "target_project_id": 5,
            "merge_commit_sha": None,
            "squash_commit_sha": None,
        }

    def merge(self, number: int, commit: str) -> None:
        self.requests[number] |= {"state": "merged", "merge_commit_sha": commit}

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refused(401, "401 Unauthorized")
        top = "/api/v4/projects/5"
        routes: list[tuple[str, str, Callable[..., tuple[int, Any]]]] = [
            ("GET", "/api/v4/user", lambda _: (200, BOT)),
            ("GET", rf"{top}/merge_requests/(\d+)", self._request),
            ("GET", rf"{top}/merge_requests/(\d+)/notes", self._notes),
            ("POST", rf"{top}/merge_requests/(\d+)/notes", self._note),
            ("PUT", rf"{top}/merge_requests/(\d+)/notes/(\d+)", self._edit),
            ("POST", rf"{top}/statuses/([0-9a-f]{{40}})", self._status),
            ("GET", rf"{top}/repository/commits/([0-9a-f]{{40}})/statuses", self._statuses),
            ("GET", rf"{top}/repository/commits/([0-9a-f]{{40}})/merge_requests", self._of_commit),
        ]
        for method, path, handle in routes:
            found = re.fullmatch(path, asked.path)
            if found and method == asked.method:
                return handle(asked, *found.groups())
        raise Refused(404, "404 Not Found")

    def _request(self, asked: Asked, number: str) -> tuple[int, Any]:
        only(asked.query, "render_html", "include_diverged_commits_count", "include_rebase_in_progress")
        return 200, self.requests[int(number)]

    def _notes(self, asked: Asked, number: str) -> tuple[int, Any]:
        only(asked.query, "sort", "order_by", "page", "per_page")
        known = [one for one in self.notes.made.values() if one["request"] == int(number)]
        return 200, page(known, asked.query)

    def _note(self, asked: Asked, number: str) -> tuple[int, Any]:
        only(asked.body, "body", "created_at", "internal", "merge_request_diff_head_sha")
        return 201, self.notes.add(request=int(number), body=asked.body["body"], author=BOT)

    def _edit(self, asked: Asked, number: str, note: str) -> tuple[int, Any]:
        only(asked.body, "body")
        if self.notes[note]["author"] != BOT:
            raise Refused(403, "403 Forbidden")
        self.notes[note]["body"] = asked.body["body"]
        return 200, self.notes[note]

    def _status(self, asked: Asked, commit: str) -> tuple[int, Any]:
        only(asked.body, "state", "coverage", "description", "name", "pipeline_id", "ref", "target_url")
        assert asked.body["state"] in STATES
        if len(asked.body.get("description", "")) > 255:
            raise Refused(400, "description is too long")
        known = [
            one
            for one in self.statuses.made.values()
            if (one["sha"], one["name"]) == (commit, asked.body["name"])
        ]
        if known and known[-1]["status"] == asked.body["state"]:
            raise Refused(400, f"Cannot transition status from :{asked.body['state']}")
        fields = {"status": asked.body["state"], "description": asked.body.get("description")}
        if known:
            known[-1].update(fields)
            return 201, known[-1]
        return 201, self.statuses.add(sha=commit, name=asked.body["name"], author=BOT, **fields)

    def _statuses(self, asked: Asked, commit: str) -> tuple[int, Any]:
        only(
            asked.query, "all", "name", "order_by", "pipeline_id", "ref", "sort", "stage", "page", "per_page"
        )
        known = [
            one
            for one in self.statuses.made.values()
            if (one["sha"], one["name"]) == (commit, asked.query["name"])
        ]
        return 200, page(known, asked.query)

    def _of_commit(self, asked: Asked, commit: str) -> tuple[int, Any]:
        only(asked.query, "state", "page", "per_page")
        known = [one for one in self.requests.values() if one["state"] == asked.query["state"]]
        return 200, page(known, asked.query)
