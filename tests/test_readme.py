"""What the README and the page about guards show is what the commands print."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from transcripts import assert_real, block, output_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "page", ["README.md", "docs/guards.md", "docs/plan.md", "docs/policies.md", "docs/reports.md"]
)
def test_the_session_is_a_real_one(page: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "minimal", tmp_path, dirs_exist_ok=True, ignore=_databases)
    assert_real(block((ROOT / page).read_text(encoding="utf-8"), "console"), tmp_path)


def test_the_session_about_run_guards_is_a_real_one(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "catalog", tmp_path, dirs_exist_ok=True, ignore=_databases)
    page = (ROOT / "docs" / "guards.md").read_text(encoding="utf-8")
    assert_real(block(page.partition("## Run guards")[2], "console"), tmp_path)


def test_the_session_about_drift_is_a_real_one(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "minimal", tmp_path, dirs_exist_ok=True, ignore=_databases)
    page = (ROOT / "docs" / "drift.md").read_text(encoding="utf-8")
    assert_real(block(page, "console"), tmp_path, anew=(r"[0-9-]{10}T[0-9:.]{12}Z", r"run [0-9a-f]{8}"))


def test_the_session_about_shards_is_a_real_one(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "multi-registry", tmp_path, dirs_exist_ok=True, ignore=_databases)
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert_real(block(page, "console"), tmp_path)


def test_the_comment_is_a_real_one(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "minimal", tmp_path, dirs_exist_ok=True, ignore=_databases)
    author = "-c user.name=a -c user.email=a@b.example -c commit.gpgsign=false"
    date = "2026-01-01T00:00:00Z"
    session = f"""
        export GIT_AUTHOR_DATE={date} GIT_COMMITTER_DATE={date}
        git init -q -b main . && printf '.reconciler/\\n' > .gitignore && git add -A
        git {author} commit -qm one && reconciler apply --yes > /dev/null
        git checkout -qb dearer && sed -i.bak 's/output: 0.60/output: 0.66/' models/gpt-4o-mini.yaml
        rm models/*.bak && git {author} commit -qam two
        reconciler review --base main -o markdown
    """
    shown = README.partition("<!-- the comment -->\n")[2].partition("<!-- its end -->")[0]
    quoted = "".join(line.removeprefix("> ").removeprefix(">") for line in shown.splitlines(keepends=True))
    assert _timeless(quoted) == _timeless(output_of(session, tmp_path))


def _timeless(page: str) -> str:
    """``page`` without the time, and without the names of commits: they differ with the version of git."""
    return re.sub(r"\b[0-9a-f]{40}\b|\b[0-9a-f]{12}\b|\b[0-9T:-]{19}Z", "…", page)


def test_the_manifest_is_the_one_of_the_example() -> None:
    example = (ROOT / "examples" / "minimal" / "models" / "gpt-4o-mini.yaml").read_text(encoding="utf-8")
    without_comment = re.sub(r"^#(?! yaml-language-server).*\n", "", example, flags=re.MULTILINE)
    assert block(README, "yaml") == without_comment


def test_every_file_that_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_every_file_that_a_page_links_to_is_there(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", text):
        assert (ROOT / "docs" / target).exists(), target


def _databases(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == ".reconciler"]
