"""Which forge, repository and request a run in CI is about.

GitHub Actions and GitLab CI say it in variables, GitHub also in the file of the event. Both come from the
forge, not from the proposed change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from reconciler.forge.interface import ForgeError

ForgeName = Literal["github", "gitlab"]

DEFAULTS: Final[Mapping[ForgeName, tuple[str, str]]] = {
    "github": ("https://api.github.com", "GITHUB_TOKEN"),
    "gitlab": ("https://gitlab.com/api/v4", "GITLAB_TOKEN"),
}
"""The address of each forge's API, and the variable that holds its token, where CI and flags say nothing."""

_MOST_BYTES: Final = 26 * 2**20
"""GitHub caps the payload of an event at 25 MB."""
_NONE: Final = "0" * 40


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What CI says of itself; None for what it does not say.

    ``number``, ``base`` (a branch), ``head`` (a commit) and ``fork`` are of a request; ``commit``, ``branch``
    and ``before`` of a push. ``source`` is the owner and branch behind a `workflow_run`, whose head is
    ``head``. ``can_write``: whether the job of a fork has a token that can.
    """

    forge: ForgeName | None = None
    repository: str | None = None
    api_url: str | None = None
    token_env: str | None = None
    number: int | None = None
    base: str | None = None
    head: str | None = None
    fork: bool = False
    can_write: bool = True
    source: tuple[str, str] | None = None
    commit: str | None = None
    branch: str | None = None
    before: str | None = None
    summary: Path | None = None
    """Where a job's summary is written."""


def surroundings(environment: Mapping[str, str]) -> Surroundings:
    """What ``environment`` says. Raises ForgeError where the file of an event cannot be read."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return _github(environment)
    if environment.get("GITLAB_CI") == "true":
        return _gitlab(environment)
    return Surroundings()


def _github(environment: Mapping[str, str]) -> Surroundings:
    event = _event(environment.get("GITHUB_EVENT_PATH", ""))
    name = environment.get("GITHUB_EVENT_NAME", "")
    summary = environment.get("GITHUB_STEP_SUMMARY")
    more: dict[str, Any] = {}
    try:
        if name in ("pull_request", "pull_request_target"):
            more = _request(event["pull_request"], event["repository"], trusted=name == "pull_request_target")
        elif name == "workflow_run":
            more = _run(event["workflow_run"])
        elif name == "push":
            ref = str(event["ref"])
            branch = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None
            more = {"commit": event["after"], "branch": branch, "before": _known(event["before"])}
    except (KeyError, TypeError, AttributeError):
        raise ForgeError(f"the event '{name}' has another shape than GitHub documents") from None
    return Surroundings(
        "github",
        environment.get("GITHUB_REPOSITORY"),
        environment.get("GITHUB_API_URL") or DEFAULTS["github"][0],
        DEFAULTS["github"][1],
        summary=Path(summary) if summary else None,
        **more,
    )


def _request(found: Mapping[str, Any], repository: Mapping[str, Any], *, trusted: bool) -> dict[str, Any]:
    home = found["head"]["repo"]
    fork = home is None or home["full_name"] != repository["full_name"]
    return {
        "number": int(found["number"]),
        "base": str(found["base"]["ref"]),
        "head": str(found["head"]["sha"]),
        "fork": fork,
        "can_write": trusted or not fork,
    }


def _run(found: Mapping[str, Any]) -> dict[str, Any]:
    """For a fork, GitHub leaves the list of requests empty; then only its branch and commit are known."""
    head = str(found["head_sha"])
    numbers = [one["number"] for one in found["pull_requests"] if one["head"]["sha"] == head]
    source = found["head_repository"]["owner"]["login"], found["head_branch"]
    return {"number": int(numbers[0]) if len(numbers) == 1 else None, "head": head, "source": source}


def _event(path: str) -> Any:
    """Raises ForgeError."""
    if not path:
        return {}
    try:
        with Path(path).open("rb") as stream:
            return json.loads(stream.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        raise ForgeError("the file of the event, GITHUB_EVENT_PATH, cannot be read") from None


def _gitlab(environment: Mapping[str, str]) -> Surroundings:
    def given(name: str) -> str | None:
        return environment.get(name) or None

    number = given("CI_MERGE_REQUEST_IID")
    project = given("CI_MERGE_REQUEST_PROJECT_ID") or given("CI_PROJECT_ID")
    fork = number is not None and given("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") != project
    commit = given("CI_COMMIT_SHA")
    return Surroundings(
        "gitlab",
        project,
        given("CI_API_V4_URL") or DEFAULTS["gitlab"][0],
        DEFAULTS["gitlab"][1],
        number=int(number) if number is not None and number.isdecimal() else None,
        base=given("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
        # In a pipeline for merged results, the commit is one that GitLab made for the merge.
        head=(given("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or commit) if number is not None else None,
        fork=fork,
        can_write=not fork,
        commit=commit if number is None else None,
        branch=given("CI_COMMIT_BRANCH"),
        before=_known(given("CI_COMMIT_BEFORE_SHA")),
    )


def _known(commit: str | None) -> str | None:
    return None if commit is None or commit == _NONE else commit
