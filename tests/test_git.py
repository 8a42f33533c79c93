"""What git knows of a folder, and nothing where it knows nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.git import head, merged


def git(folder: Path, *words: str) -> str:
    given = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com", *words]
    return subprocess.run(given, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_and_whether_the_named_paths_are_in_it(tmp_path: Path) -> None:
    assert head(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert head(tmp_path) is None
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert head(tmp_path) == (commit, False)
    (tmp_path / "b").write_text("1")
    assert head(tmp_path) == (commit, True)
    assert head(tmp_path, "a", "nowhere") == (commit, False)
    (tmp_path / "a").write_text("2")
    assert head(tmp_path, "a") == (commit, True)


def test_without_the_program_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "-q")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert head(tmp_path) is None


def test_no_program_is_run_where_no_repository_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho asked >> {asked}\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    assert head(inside) is None
    assert not asked.exists()
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")  # as of a worktree
    assert head(inside) is None
    assert asked.exists()
    (tmp_path / ".git").unlink()
    asked.unlink()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "told"))
    assert head(inside) is None
    assert asked.exists()


def test_a_link_to_a_folder_in_a_repository_is_in_it(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "below").mkdir(parents=True)
    git(repository, "init", "-q")
    (repository / "below" / "a").write_text("1")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "one")
    (tmp_path / "link").symlink_to(repository / "below")
    assert head(tmp_path / "link") == (git(repository, "rev-parse", "HEAD"), False)


def test_a_program_that_the_repository_names_is_not_run(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "one")
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(program))
    assert head(tmp_path) is not None
    assert not ran.exists()


def test_a_merge_obeys_nothing_that_is_checked_out_or_configured(tmp_path: Path) -> None:
    """Attributes may name a driver that takes both sides, or a program."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.yaml").write_text("price: 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    git(tmp_path, "checkout", "-qb", "topic")
    ran = tmp_path / "ran"
    (tmp_path / ".gitattributes").write_text("a.yaml merge=evil\n")
    (tmp_path / "a.yaml").write_text("price: 2\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "two")
    git(tmp_path, "checkout", "-q", "main")
    (tmp_path / "a.yaml").write_text("price: 3\n")
    git(tmp_path, "commit", "-qam", "three")
    git(tmp_path, "config", "merge.evil.driver", f"touch {ran}; cp %B %A")
    base, topic = (git(tmp_path, "rev-parse", name) for name in ("main", "topic"))
    for name in ("main", "topic"):
        git(tmp_path, "checkout", "-q", name)
        assert merged(tmp_path, base, topic).tree is None
    (tmp_path / ".git" / "info").mkdir(exist_ok=True)
    (tmp_path / ".git" / "info" / "attributes").write_text("a.yaml merge=union\n")
    assert merged(tmp_path, base, topic).tree is None
    assert not ran.exists()
