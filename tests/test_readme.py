"""What the README shows is what the commands print."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_session_is_a_real_one(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "minimal", tmp_path, dirs_exist_ok=True, ignore=_databases)
    session = _block("console")
    for command, shown in _steps(session):
        assert f"$ {command}\n{_run(command, tmp_path)}" == f"$ {command}\n{shown}"


def test_the_manifest_is_the_one_of_the_example() -> None:
    example = (ROOT / "examples" / "minimal" / "models" / "gpt-4o-mini.yaml").read_text(encoding="utf-8")
    without_comment = re.sub(r"^#(?! yaml-language-server).*\n", "", example, flags=re.MULTILINE)
    assert _block("yaml") == without_comment


def test_every_file_that_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def _databases(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == ".reconciler"]


def _block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def _steps(session: str) -> list[tuple[str, str]]:
    """Each command with what the README shows after it."""
    parts = re.split(r"^\$ (.*)\n", session, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def _run(command: str, folder: Path) -> str:
    here = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    process = subprocess.run(
        ["bash", "-c", f"{{ {command}; }} 2>&1"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return process.stdout
