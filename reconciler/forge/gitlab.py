"""GitLab: notes on the merge request, commit statuses.

Source: GitLab's REST API, version 4. A commit status keeps nothing but a description of 255 characters, so
what it keeps of a review is the digest of the plan as a whole. Job tokens (`CI_JOB_TOKEN`) can write neither
notes nor statuses: it takes a project access token with the scope `api`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from reconciler.forge.calls import Calls, RejectedError
from reconciler.forge.interface import ForgeError, ProposedChange, Verdict
from reconciler.http import quote_segment
from reconciler.secrets import Secret

_NEEDS: Final = "the token needs the scope `api` and the role Developer; CI_JOB_TOKEN cannot write notes"
_PROJECT: Final = re.compile(r"[0-9]+|[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
_STATES: Final = {"success": "success", "neutral": "success", "failure": "failed"}
_DESCRIPTION: Final = 255


class GitLab:
    """One project, by its number or its path. Raises ForgeError for what is neither."""

    name = "GitLab"
    comment_bytes = 900_000
    kept_characters = _DESCRIPTION

    def __init__(self, repository: str, token: Secret, *, api_url: str) -> None:
        if not _PROJECT.fullmatch(repository):
            message = "a project at GitLab is a number, or a path that reads group/name"
            raise ForgeError(message, hint="correct --repository")
        self._top = f"/projects/{quote_segment(repository)}"
        self._calls = Calls(self.name, api_url, token, headers={}, needs=_NEEDS)
        self._user: int | None = None

    async def change(self, number: int) -> ProposedChange:
        path = f"{self._top}/merge_requests/{number}"
        found = await self._calls.get(path)
        return self._calls.read(path, lambda: _change(found))

    async def open_change(self, owner: str, branch: str, head: str) -> ProposedChange | None:
        del owner
        path = f"{self._top}/merge_requests"
        found = await self._calls.pages(path, state="opened", source_branch=branch)
        changes = self._calls.read(path, lambda: [_change(one) for one in found])
        return next((one for one in changes if one.head == head), None)

    async def merged_change(self, commit: str, branch: str) -> ProposedChange | None:
        path = f"{self._top}/repository/commits/{quote_segment(commit)}/merge_requests"
        found = await self._calls.pages(path, state="merged")

        def ours() -> list[ProposedChange]:
            return [
                _change(one)
                for one in found
                if one["state"] == "merged" and one["target_branch"] == branch and commit in _made(one)
            ]

        merged = self._calls.read(path, ours)
        return merged[0] if len(merged) == 1 else None

    async def begin(self, check: str, commit: str) -> None:
        user = await self._calls.get("/user")
        self._user = self._calls.read("/user", lambda: int(user["id"]))
        try:
            await self._set(check, commit, "running", "")
        except RejectedError:
            # One that runs already, from a job that was cut off, cannot begin to run. The last call counts.
            return

    async def end(self, check: str, commit: str, verdict: Verdict) -> None:
        said = verdict.kept or verdict.title[:_DESCRIPTION]
        await self._set(check, commit, _STATES[verdict.conclusion], said)

    async def kept(self, check: str, commit: str) -> str | None:
        path = f"{self._top}/repository/commits/{quote_segment(commit)}/statuses"
        found = await self._calls.pages(path, name=check, all="true")

        def newest() -> Mapping[str, Any] | None:
            known = [one for one in found if (one["name"], one["sha"]) == (check, commit)]
            ours = (one for one in known if one["author"] and one["author"]["id"] == self._user)
            return max(ours, key=lambda one: int(one["id"]), default=None)

        status = self._calls.read(path, newest)
        if status is None or status["status"] not in ("success", "failed"):
            return None
        return self._calls.read(path, lambda: str(status["description"] or ""))

    async def put_comment(self, number: int, marker: str, body: str) -> None:
        path = f"{self._top}/merge_requests/{number}/notes"
        found = await self._calls.pages(path, sort="asc", order_by="created_at")

        def known() -> list[int]:
            return [
                int(one["id"])
                for one in found
                if one["author"]["id"] == self._user and one["body"].startswith(marker)
            ]

        ours = self._calls.read(path, known)
        if ours:
            await self._calls.send("PUT", f"{path}/{ours[0]}", {"body": body})
        else:
            await self._calls.send("POST", path, {"body": body})

    async def aclose(self) -> None:
        await self._calls.aclose()

    async def _set(self, check: str, commit: str, state: str, description: str) -> None:
        body = {"state": state, "name": check, **({"description": description} if description else {})}
        await self._calls.send("POST", f"{self._top}/statuses/{quote_segment(commit)}", body)


def _change(found: Mapping[str, Any]) -> ProposedChange:
    """Raises KeyError and TypeError for another shape."""
    return ProposedChange(
        number=int(found["iid"]),
        base=str(found["target_branch"]),
        head=str(found["sha"]),
        fork=found["source_project_id"] != found["target_project_id"],
        is_open=found["state"] == "opened",
    )


def _made(found: Mapping[str, Any]) -> tuple[Any, ...]:
    """The commits that a merge ends with: of the merge, of a squash, or else the request's own."""
    made = found["merge_commit_sha"], found["squash_commit_sha"]
    return made if any(made) else (found["sha"],)
