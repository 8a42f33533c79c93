"""The commit that a folder stands at, as the git binary tells it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

_SECONDS: Final = 10
"""How long git may take; without an answer by then, the commit is not known."""


class Head(NamedTuple):
    """``commit`` in full, as hexadecimal digits; ``dirty``: something in the folder is not in it."""

    commit: str
    dirty: bool


def head(folder: Path) -> Head | None:
    """The commit that is checked out in ``folder``.

    None where that cannot be told: no git, no repository, no commit yet, or a repository of somebody else
    (git's safe.directory). What `.reconciler/` in the folder holds counts for nothing.
    """
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if not commit:
        return None
    # Not only changes: a new manifest that is not in the commit is part of what is applied.
    changed = _git(folder, "status", "--porcelain", "--no-renames", "--", ".", ":(exclude).reconciler")
    return None if changed is None else Head(commit.strip(), bool(changed))


def _git(folder: Path, *arguments: str) -> str | None:
    binary = shutil.which("git")
    if binary is None:
        return None
    # A repository's own configuration may name a program as its monitor of files; nothing is locked either.
    command = [binary, "-c", "core.fsmonitor=false", *arguments]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        ran = subprocess.run(  # noqa: S603 - a fixed command; nothing of a manifest is in it
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ran.stdout.decode("utf-8", "replace") if ran.returncode == 0 else None
