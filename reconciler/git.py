"""What git knows of a folder, asked of the git program; nothing where there is none, or no repository."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

_SECONDS: Final = 20.0


def head(folder: Path, *paths: str) -> tuple[str, bool] | None:
    """The commit that is checked out around ``folder``, and whether ``paths`` in it hold what it has not.

    All of ``folder`` where no path is given. None outside of git, before the first commit, and where git
    does not answer.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD^{commit}")
    status = None if commit is None else _git(folder, "status", "--porcelain", "--", *(paths or (".",)))
    return None if commit is None or status is None else (commit.strip(), bool(status.strip()))


def _git(folder: Path, *words: str) -> str | None:
    # A commit is only read: no lock is taken, and no program that the repository names is run.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
    try:
        done = subprocess.run(  # noqa: S603 - the words are ours
            command, capture_output=True, timeout=_SECONDS, check=True, text=True, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
