"""What two revisions declare differently: from git alone, in the words of a plan."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import Run
from .folder import Folder, manifest


def git(*words: str) -> str:
    given = [
        "git",
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "-c",
        "commit.gpgsign=false",
        *words,
    ]
    return subprocess.run(given, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(folder: Folder) -> Folder:
    """A repository with one commit, of two manifests."""
    git("init", "-q", "-b", "main")
    (folder.path / "models" / "models.yaml").unlink()
    put(folder, "a.yaml", manifest("a"))
    put(folder, "b.yaml", manifest("b"))
    commit("one")
    return folder


def put(folder: Folder, name: str, text: str) -> None:
    file = folder.path / "models" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def commit(message: str) -> None:
    git("add", "-A")
    git("commit", "-qm", message)


def test_a_price_is_shown_as_a_plan_shows_it(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a", price="0.20"))
    commit("two")
    result = cli("diff", "HEAD~1")
    assert (result.code, result.err) == (0, "")
    assert "  ~ a\n      pricing.input: 0.15 -> 0.20 USD / 1M tokens (+33%)\n" in result.out
    assert result.out.endswith("0 new, 1 changed, 0 no longer managed.\n")
    assert "b" not in [line.strip("~+- ") for line in result.out.splitlines()]
    [change] = cli("diff", "HEAD~1", "-o", "json").document["registries"][0]["actions"][0]["changes"]
    assert (change["wire_live"], change["wire_desired"]) == (0.00015, 0.0002)


def test_another_spelling_of_the_same_is_no_change(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a", price="0.00015 / 1K tokens"))
    commit("two")
    result = cli("diff", "HEAD~1", "--exit-code")
    assert (result.code, "nothing is declared differently" in result.out) == (0, True)


def test_a_renamed_file_is_no_change_and_a_removed_manifest_is_no_deletion(
    repository: Folder, cli: Run
) -> None:
    git("mv", "models/a.yaml", "models/c.yaml")
    commit("two")
    assert "nothing is declared differently" in cli("diff", "HEAD~1").out
    git("rm", "-q", "models/b.yaml")
    commit("three")
    out = cli("diff", "HEAD~1").out
    assert "  - b: no longer managed; what is live stays\n" in out
    assert out.endswith("0 new, 0 changed, 1 no longer managed.\n")


def test_a_new_manifest_a_cleared_field_and_one_that_is_left_out(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a", more="  limits: {context_window: 9}"))
    commit("two")
    put(repository, "a.yaml", manifest("a"))
    put(repository, "c.yaml", manifest("c"))
    commit("three")
    out = cli("diff", "HEAD~1").out
    assert "      limits.context_window: 9 -> (unset)\n        declared no more: what is live stays" in out
    assert "  + c\n      type: chat\n" in out
    put(repository, "a.yaml", manifest("a", more="  limits: {context_window: null}"))
    commit("four")
    assert "declared as null: what is live is cleared" in cli("diff", "HEAD~1").out


def test_the_folder_is_not_looked_at(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a", price="0.20"))
    commit("two")
    told = cli("diff", "HEAD~1", "HEAD").out
    put(repository, "a.yaml", "broken: [")
    (repository.path / "reconciler.yaml").unlink()
    assert cli("diff", "HEAD~1", "HEAD").out == told


def test_a_registry_more_or_less_changes_what_is_declared_for_it(repository: Folder, cli: Run) -> None:
    repository.registries(sandbox="embedded: registry.db", other="embedded: other.db")
    put(repository, "b.yaml", manifest("b", registries="sandbox, other"))
    commit("two")
    parts = cli("diff", "HEAD~1", "-o", "json").document["registries"]
    assert [(part["name"], [one["operation"] for one in part["actions"]]) for part in parts] == [
        ("other", ["create"])
    ]
    put(repository, "b.yaml", manifest("b", registries="other"))
    commit("three")
    parts = cli("diff", "HEAD~1", "-o", "json").document["registries"]
    assert [(part["name"], [one["name"] for one in part["released"]]) for part in parts] == [
        ("sandbox", ["b"])
    ]


def test_mistakes_in_the_head_are_errors_and_those_in_the_base_are_told(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a").replace("pricing", "prices"))
    commit("two")
    result = cli("diff", "HEAD~1")
    assert result.code == 1
    assert "models/a.yaml:10:3" in result.err
    put(repository, "a.yaml", manifest("a"))
    commit("three")
    result = cli("diff", "HEAD~1")
    assert result.code == 0
    assert "note: HEAD~1:models/a.yaml:10:3" in result.out
    assert "  + a\n" in result.out


def test_what_a_kind_cannot_take_is_refused(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a").replace("currency: USD", "currency: EUR"))
    commit("two")
    result = cli("diff", "HEAD~1", "--exit-code")
    assert result.code == 3
    assert "refused (cannot-express)" in result.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "git knows no revision 'nowhere' here"),
        (["--", "--output=x"], "git knows no revision '--output=x' here"),
        (["HEAD", "HEAD", "--config", "elsewhere.yaml"], "elsewhere.yaml is not in HEAD"),
    ],
)
def test_what_git_does_not_have_is_a_clear_error(
    repository: Folder, cli: Run, words: list[str], told: str
) -> None:
    result = cli("diff", *words)
    assert result.code == 1
    assert told in result.err


def test_no_repository_is_a_clear_error(folder: Folder, cli: Run) -> None:
    result = cli("diff", "HEAD")
    assert (result.code, "not a git repository" in result.err) == (1, True)


def test_a_folder_below_the_top_and_a_bare_name_of_a_file(
    repository: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From any folder of the repository, also one that holds the project deeper down."""
    below = repository.path / "gateway"
    below.mkdir()
    git("mv", "models", "gateway/models")
    git("mv", "reconciler.yaml", "gateway/reconciler.yaml")
    commit("two")
    (below / "models" / "a.yaml").write_text(manifest("a", price="0.20"))
    commit("three")
    assert "  ~ a\n" in cli("diff", "HEAD~1", "--config", "gateway/reconciler.yaml").out
    monkeypatch.chdir(below)
    assert "  ~ a\n" in cli("diff", "HEAD~1").out


def test_links_hidden_files_and_other_files_are_as_in_the_folder(repository: Folder, cli: Run) -> None:
    models = repository.path / "models"
    (models / "link.yaml").symlink_to("a.yaml")
    (models / ".hidden.yaml").write_text("broken: [")
    (models / "notes.txt").write_text("broken: [")
    commit("two")
    assert cli("validate").code == 0
    assert "nothing is declared differently" in cli("diff", "HEAD~1").out
    (models / "out.yaml").symlink_to("/etc/hostname")
    commit("three")
    result = cli("diff", "HEAD~1")
    assert (result.code, "link-leaves-folder" in cli("diff", "HEAD~1", "-o", "json").out) == (1, True)
    assert "models/out.yaml" in result.err


def test_names_of_files_may_hold_anything(repository: Folder, cli: Run, tmp_path: Path) -> None:
    put(repository, "ü b\n[c]*.yaml", manifest("c"))
    commit("two")
    assert "  + c\n" in cli("diff", "HEAD~1").out
