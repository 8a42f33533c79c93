"""`init`: a repository that works at once, and nothing of anybody's overwritten."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from published import published

from reconciler import scaffold
from reconciler.schemas import text_of

from .conftest import Run

FILES = [
    "reconciler.yaml",
    "models/gpt-4o-mini.yaml",
    "schemas/config.schema.json",
    "schemas/model.schema.json",
    "schemas/provider.schema.json",
    "schemas/acknowledgements.schema.json",
]
GITHUB = [f".github/workflows/reconciler-{name}.yml" for name in ("review", "comment", "apply", "drift")]
GITLAB = [".gitlab-ci.yml", ".gitlab/reconciler.yml"]


@pytest.fixture
def empty(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with nothing in it."""
    path = tmp_path / "empty"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


def held(folder: Path) -> set[str]:
    """The files of ``folder``, but for git's own."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return {path.as_posix() for path in paths if path.parts[0] != ".git"}


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("kind", [None, *scaffold.KINDS])
def test_a_new_repository_works_at_once(empty: Path, cli: Run, kind: str | None) -> None:
    made = cli("init", *(["--kind", kind] if kind else []))
    assert made.code == 0
    assert made.out.split() == [*FILES, ".gitignore"]
    assert made.err == "next: reconciler plan\n"
    assert held(empty) == {*FILES, ".gitignore"}
    assert cli("validate").out == "1 model for 1 registry: no mistakes.\n"
    assert cli("plan", "--exit-code").code == 2
    assert cli("apply", "--yes").code == 0
    assert cli("plan", "--exit-code").code == 0
    config = yaml.safe_load((empty / "reconciler.yaml").read_text(encoding="utf-8"))
    assert config["registries"]["sandbox"]["kind"] == (kind or "orq")


@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_the_live_registry_in_the_comment_is_a_valid_one(empty: Path, cli: Run, kind: str) -> None:
    cli("init", "--kind", kind)
    file = empty / "reconciler.yaml"
    text = file.read_text(encoding="utf-8")
    head, mark, live = text.rpartition("  # ")
    assert mark
    file.write_text(f"{head}  {live.replace('…', 'wxo.example.com')}", encoding="utf-8")
    assert cli("validate").out == "1 model for 2 registries: no mistakes.\n"


def test_what_a_run_leaves_behind_is_ignored(empty: Path, cli: Run) -> None:
    git(empty, "init", "--quiet")
    cli("init")
    cli("apply", "--yes")
    git(empty, "add", ".")
    listed = subprocess.run(["git", "ls-files"], cwd=empty, check=True, capture_output=True, text=True)
    assert set(listed.stdout.split()) == {*FILES, ".gitignore"} < held(empty)


def test_editors_find_the_schemas(empty: Path, cli: Run) -> None:
    cli("init")
    for path in FILES[:2]:
        first = (empty / path).read_text(encoding="utf-8").splitlines()[0]
        schema = (empty / path).parent / first.removeprefix("# yaml-language-server: $schema=")
        assert schema.read_text(encoding="utf-8") == text_of(published(schema.name))


def test_another_folder(empty: Path, cli: Run) -> None:
    made = cli("init", "new/models")
    assert made.out.split() == [f"new/models/{path}" for path in (*FILES, ".gitignore")]
    assert made.err == "next: cd new/models, then reconciler plan\n"
    assert cli("validate", "--config", "new/models/reconciler.yaml").code == 0


def test_workflows_of_both_forges(empty: Path, cli: Run) -> None:
    made = cli("init", "--ci", "github", "--ci", "gitlab")
    assert made.code == 0
    assert held(empty) == {*FILES, *GITHUB, *GITLAB, ".gitignore"} == set(made.out.split())
    (include,) = yaml.safe_load((empty / ".gitlab-ci.yml").read_text())["include"]
    assert include == {"local": GITLAB[1]}
    assert "note: the workflow of apply runs on the branch main\n" in made.err


def test_workflows_are_added_to_what_is_there(empty: Path, cli: Run) -> None:
    cli("init")
    (empty / "reconciler.yaml").write_text("mine", encoding="utf-8")
    made = cli("init", "--ci", "github")
    assert (made.code, made.out.split()) == (0, GITHUB)
    assert "note: reconciler.yaml is there; only the workflows are added\n" in made.err
    assert (empty / "reconciler.yaml").read_text() == "mine"


def test_a_pipeline_that_is_there_stays_and_is_told_of(empty: Path, cli: Run) -> None:
    (empty / ".gitlab-ci.yml").write_text("mine", encoding="utf-8")
    made = cli("init", "--ci", "gitlab")
    assert made.code == 0
    assert (empty / ".gitlab-ci.yml").read_text() == "mine"
    assert "add below its `include:`  - local: .gitlab/reconciler.yml\n" in made.err


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("", ["reconciler.yaml"]),
        ("", ["models/gpt-4o-mini.yaml", "schemas/model.schema.json"]),
        ("--ci github", [GITHUB[0], GITHUB[2]]),
        ("--ci gitlab", [GITLAB[1]]),
    ],
)
def test_nothing_is_overwritten_and_then_nothing_is_written(
    empty: Path, cli: Run, line: str, there: list[str]
) -> None:
    for path in there:
        (empty / path).parent.mkdir(parents=True, exist_ok=True)
        (empty / path).write_text("mine", encoding="utf-8")
    made = cli("init", *line.split())
    assert (made.code, made.out) == (1, "")
    assert f"nothing was written; there already: {', '.join(there)}\n" in made.err
    assert held(empty) == set(there)
    assert all((empty / path).read_text() == "mine" for path in there)


def test_a_link_to_nowhere_is_there_too(empty: Path, cli: Run) -> None:
    (empty / "reconciler.yaml").symlink_to("elsewhere.yaml")
    assert cli("init").code == 1
    assert held(empty) == {"reconciler.yaml"}


def test_what_was_made_goes_where_the_rest_cannot_be_made(empty: Path, cli: Run) -> None:
    (empty / "schemas").write_text("a file", encoding="utf-8")
    made = cli("init", "sub/folder")
    assert made.code == 0
    made = cli("init")
    assert made.code == 1
    assert made.err.startswith("error: cannot write to schemas/config.schema.json: ")
    assert {path for path in held(empty) if not path.startswith("sub/")} == {"schemas"}
    assert not (empty / "models").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ".reconciler/\n"),
        ("build/", "build/\n.reconciler/\n"),
        ("build/\n", "build/\n.reconciler/\n"),
        ("/.reconciler\n", "/.reconciler\n"),
        (".reconciler/\nx\n", ".reconciler/\nx\n"),
    ],
)
def test_gitignore_gets_one_line_and_loses_none(empty: Path, cli: Run, before: str, after: str) -> None:
    (empty / ".gitignore").write_text(before, encoding="utf-8")
    made = cli("init")
    assert (empty / ".gitignore").read_text(encoding="utf-8") == after
    assert ("note: .gitignore got the line .reconciler/" in made.err) == (before != after)


def test_a_gitignore_that_cannot_be_read_leaves_nothing_behind(empty: Path, cli: Run) -> None:
    (empty / ".gitignore").mkdir()
    made = cli("init")
    assert (made.code, made.out) == (1, "")
    assert made.err.startswith("error: cannot write to .gitignore: ")
    assert [path.name for path in empty.iterdir()] == [".gitignore"]


# --- git ------------------------------------------------------------------------------------------------


def branches(folder: Path) -> list[str]:
    text = (folder / ".github/workflows/reconciler-apply.yml").read_text(encoding="utf-8")
    found: list[str] = yaml.safe_load(text)[True]["push"]["branches"]
    return found


def test_apply_runs_on_the_branch_that_is_checked_out(empty: Path, cli: Run) -> None:
    git(empty, "init", "--quiet", "--initial-branch=trunk")
    made = cli("init", "--ci", "github")
    assert branches(empty) == ["trunk"]
    assert "note: the workflow of apply runs on the branch trunk\n" in made.err


def test_apply_runs_on_the_default_branch_of_the_remote(empty: Path, cli: Run, tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "--quiet", "--initial-branch=team/main")
    git(origin, "commit", "--quiet", "--allow-empty", "--message=first")
    git(empty, "clone", "--quiet", str(origin), ".")
    git(empty, "switch", "--quiet", "--create", "feature")
    assert cli("init", "--ci", "github").code == 0
    assert branches(empty) == ["team/main"]


@pytest.mark.parametrize("exists", [True, False])
def test_workflows_belong_at_the_top_of_a_repository(empty: Path, cli: Run, exists: bool) -> None:
    git(empty, "init", "--quiet")
    if exists:
        (empty / "below").mkdir()
    made = cli("init", "below", "--ci", "github")
    assert made.code == 1
    assert "error: below is not the top of its repository, and forges look for workflows there" in made.err
    assert held(empty) == set()
    assert cli("init", "below").code == 0


@pytest.mark.parametrize(("line", "said"), [("--ci gitea", "github"), ("--kind zzz", "watsonx")])
def test_a_slip_is_told_what_there_is(empty: Path, cli: Run, line: str, said: str) -> None:
    made = cli("init", *line.split())
    assert made.code == 1
    assert said in made.err
    assert held(empty) == set()
