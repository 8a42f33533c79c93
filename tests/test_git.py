"""The commit that a folder stands at."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.git import head


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    ran = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return ran.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.yaml").write_text("a: 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_a_clean_folder_has_its_commit(repository: Path) -> None:
    assert head(repository) == (git(repository, "rev-parse", "HEAD"), False)


@pytest.mark.parametrize(("name", "dirty"), [("a.yaml", True), ("new.yaml", True), (".reconciler", False)])
def test_what_is_not_in_the_commit_makes_it_dirty(repository: Path, name: str, dirty: bool) -> None:
    (repository / name).write_text("a: 2\n")
    found = head(repository)
    assert found is not None
    assert found.dirty is dirty


def test_a_change_outside_the_folder_is_none_of_it(repository: Path) -> None:
    (repository / "models").mkdir()
    (repository / "a.yaml").write_text("a: 2\n")
    found = head(repository / "models")
    assert found is not None
    assert not found.dirty


def test_nothing_is_known_without_a_repository_a_commit_or_git(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert head(tmp_path) is None
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "-q")
    assert head(tmp_path / "empty") is None
    assert head(tmp_path / "missing") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert head(repository) is None


def test_a_program_that_the_repository_names_is_not_run(repository: Path) -> None:
    program = repository / ".git" / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {repository}/.git/ran\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))
    assert head(repository) is not None
    assert not (repository / ".git" / "ran").exists()
