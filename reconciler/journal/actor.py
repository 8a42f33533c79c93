"""Who runs it, from what the CI or the machine says of itself. Nothing of this is proven."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Mapping
from urllib.parse import urlsplit

from reconciler.journal.records import Actor


def actor(environment: Mapping[str, str]) -> Actor:
    """Whom GitHub Actions or GitLab CI name, else the user of this machine."""
    host, pid = platform.node() or "unknown", os.getpid()
    if environment.get("GITHUB_ACTOR"):
        parts = [environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
        url = "{}/{}/actions/runs/{}".format(*parts) if all(parts) else None
        return Actor(environment["GITHUB_ACTOR"], host, pid, "github", _address(url))
    if environment.get("GITLAB_USER_LOGIN"):
        url = environment.get("CI_JOB_URL")
        return Actor(environment["GITLAB_USER_LOGIN"], host, pid, "gitlab", _address(url))
    return Actor(_user(environment), host, pid)


def is_ci(environment: Mapping[str, str]) -> bool:
    """Whether this is a CI job: GitHub, GitLab and most others set CI."""
    return environment.get("CI", "").lower() not in ("", "0", "false")


def _user(environment: Mapping[str, str]) -> str:
    if environment.get("USER"):
        return environment["USER"]
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in many containers
        return f"uid {os.getuid()}"


def _address(url: str | None) -> str | None:
    """``url`` without what may be a credential; None where it is no address."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or "@" in parts.netloc:
        return None
    return parts._replace(query="", fragment="").geturl()
