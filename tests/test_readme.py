"""What the README and the page about guards show is what the commands print."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from transcripts import assert_real, block

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
