"""What git knows: commits, and the files of a revision without checking it out.

Asks the git program. Nothing that the repository configures is run, nothing is fetched, nothing is locked.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from reconciler.errors import ReconcilerError

_SECONDS: Final = 20.0
_SHA256: Final = 64
"""Digits of a name in a repository of the newer format."""
_LINK: Final = "120000"
_FILES: Final = frozenset({"100644", "100755"})


_QUIET: Final = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_UNCONFIGURED: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_COUNT": "0",
    "GIT_ATTR_NOSYSTEM": "1",
    "XDG_CONFIG_HOME": os.devnull,
}
"""Nothing of the machine's or the user's settings; the attributes of a user stand below XDG_CONFIG_HOME."""


class GitError(ReconcilerError):
    """git is not there, there is no repository, or it has no such revision."""

    code = "git"


@dataclass(frozen=True, slots=True)
class Blob:
    """A file in a revision: the name of its contents, and its size in bytes. ``link``: it is a link."""

    name: str
    size: int
    link: bool = False


def head(folder: Path, *paths: str) -> tuple[str, bool] | None:
    """The commit that is checked out around ``folder``, and whether ``paths`` in it hold what it has not.

    All of ``folder`` where no path is given. None outside of git, before the first commit, and where git
    does not answer.
    """
    if not _may_be_in_a_repository(folder):
        return None
    try:
        commit = commit_of(folder, "HEAD")
        status = _git(folder, "status", "--porcelain", "--", *(paths or (".",)))
    except GitError:
        return None
    return commit, bool(status.strip())


def _may_be_in_a_repository(folder: Path) -> bool:
    """False spares a process that would find none: git looks where it is told, or for `.git` in each folder
    from here up. (It knows a repository without files by other signs; such a one has no status.)"""
    if "GIT_DIR" in os.environ:
        return True
    here = folder.resolve()
    return any(os.path.lexists(one / ".git") for one in (here, *here.parents))


def commit_of(folder: Path, revision: str) -> str:
    """The commit that ``revision`` names in the repository around ``folder``. Raises GitError."""
    try:
        return _text(
            _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        )
    except GitError:
        _git(folder, "rev-parse", "--git-dir")  # says that there is no repository, where that is why
        hint = "a branch, a tag or a commit; in CI, check out with its history (fetch-depth: 0)"
        raise GitError(f"git knows no revision '{revision}' here", hint=hint) from None


def merge_base(folder: Path, one: str, other: str) -> str:
    """The newest commit that both come from. Raises GitError, also where git knows none."""
    code, out = _ended(folder, "merge-base", one, other, well=(0, 1))
    if code == 0:
        return _text(out)
    shallow = _text(_git(folder, "rev-parse", "--is-shallow-repository")) == "true"
    hint = "fetch the whole history (fetch-depth: 0)" if shallow else "name a commit that this one comes from"
    raise GitError(f"git knows no commit that both {one[:12]} and {other[:12]} come from", hint=hint)


def blob_name(data: bytes, like: str) -> str:
    """What git calls a file with these contents, in a repository where ``like`` is such a name."""
    head_ = b"blob %d\0" % len(data)
    digest = hashlib.sha256 if len(like) == _SHA256 else partial(hashlib.sha1, usedforsecurity=False)
    return digest(head_ + data).hexdigest()


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge would give: the name of its tree, or the paths that both sides changed."""

    tree: str | None
    conflicts: tuple[str, ...] = ()


def merged(folder: Path, base: str, head_: str) -> Merged:
    """The commit ``head_`` merged into the commit ``base``, without touching any branch, index or file.

    Raises GitError; also where git is older than 2.38, which cannot do that.
    """
    words = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", base, head_)
    try:
        with tempfile.TemporaryDirectory(prefix="reconciler-") as scratch:
            code, out = _ended(Path(scratch), *words, well=(0, 1), environment=_bare(folder, Path(scratch)))
    except GitError as error:
        hint = "it needs git 2.38 or newer, and the history of both sides (fetch-depth: 0)"
        raise GitError(f"cannot merge {head_[:12]} into {base[:12]}: {error.message}", hint=hint) from None
    tree, *paths = [os.fsdecode(part) for part in out.split(b"\0") if part]
    return Merged(tree) if code == 0 else Merged(None, tuple(dict.fromkeys(paths)))


def _bare(folder: Path, scratch: Path) -> dict[str, str]:
    """Makes a repository in ``scratch`` that has the objects of that of ``folder``, and nothing else of it.

    What is checked out, and what anybody has configured, may name drivers that merge in their own way.
    """
    form, objects, shallow = _text(
        _git(
            folder,
            "rev-parse",
            "--path-format=absolute",
            "--show-object-format",
            "--git-path",
            "objects",
            "--git-path",
            "shallow",
        )
    ).split("\n")
    _git(scratch, "init", "-q", "--bare", "--template=", f"--object-format={form}", environment=_UNCONFIGURED)
    own = {"GIT_DIR": str(scratch), "GIT_OBJECT_DIRECTORY": objects}
    return _UNCONFIGURED | own | ({"GIT_SHALLOW_FILE": shallow} if Path(shallow).is_file() else {})


def path_in_repository(folder: Path) -> str:
    """The path of ``folder`` below the top of its repository, with a slash at its end; empty for the top.

    Raises GitError.
    """
    return _text(_git(folder, "rev-parse", "--show-prefix"))


def default_branch(folder: Path) -> str | None:
    """The branch that the remote `origin` calls its default; else the one that is checked out. None where
    git knows neither."""
    for name, before in (("refs/remotes/origin/HEAD", "origin/"), ("HEAD", "")):
        try:
            return _text(_git(folder, "symbolic-ref", "--short", name)).removeprefix(before)
        except GitError:
            continue
    return None


def files_of(folder: Path, commit: str, path: str) -> dict[str, Blob]:
    """The files at or below ``path`` (from the top of the repository) in a commit, by their paths.

    What is neither a file nor a link is left out. Raises GitError.
    """
    listed = _git(folder, "ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", path or ".")
    found: dict[str, Blob] = {}
    for entry in listed.split(b"\0"):
        head_, tab, name = entry.partition(b"\t")
        if tab:
            mode, _, blob, size = head_.decode("ascii").split()
            if mode in _FILES or mode == _LINK:
                found[os.fsdecode(name)] = Blob(blob, int(size), link=mode == _LINK)
    return found


def contents(folder: Path, names: Iterable[str]) -> Iterator[bytes]:
    """The contents of blobs, in the order of ``names``, from one process. Raises GitError."""
    wanted = list(names)
    if not wanted:
        return
    process = _open(folder, "cat-file", "--batch", "--buffer")
    try:
        answer, _ = process.communicate("".join(f"{name}\n" for name in wanted).encode("ascii"))
    finally:
        process.kill()
    start = 0
    for name in wanted:
        end = answer.find(b"\n", start)
        head_ = answer[start : max(end, start)].split()
        if len(head_) != 3 or head_[1] != b"blob":
            raise GitError(
                f"git cannot read the file {name}", hint="fetch the whole history (fetch-depth: 0)"
            )
        size = int(head_[2])
        yield answer[end + 1 : end + 1 + size]
        start = end + 2 + size


def _git(folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> bytes:
    return _ended(folder, *words, environment=environment)[1]


def _ended(
    folder: Path, *words: str, well: tuple[int, ...] = (0,), environment: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """What git ends with, one of ``well``, and what it writes. Raises GitError for any other end."""
    process = _open(folder, *words, environment=environment)
    try:
        out, said = process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise GitError(f"git {words[0]} does not end") from None
    if process.returncode not in well:
        told = said.decode("utf-8", "replace").strip().removeprefix("fatal: ").splitlines()
        raise GitError(f"git: {told[0]}" if told else f"git {words[0]} failed")
    return process.returncode, out


def _open(folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    command = ["git", "--no-optional-locks", "--no-replace-objects", "-c", "core.fsmonitor=false"]
    environment = {**os.environ, **_QUIET, **(environment or {})}
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(  # noqa: S603 - the words are ours, and a revision never an option
            [*command, "-C", str(folder), *words], stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )
    except OSError as error:
        raise GitError(f"git cannot be run: {error.strerror}", hint="install git") from None


def _text(answer: bytes) -> str:
    return os.fsdecode(answer).strip("\n")
