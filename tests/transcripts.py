"""Sessions in a terminal, as pages show them: each command after `$ `, further lines of it after `> `."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def block(page: str, language: str) -> str:
    """The first block of ``page`` in that language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def assert_real(session: str, folder: Path, *, anew: Sequence[str] = ()) -> None:
    """Runs every command of ``session`` in ``folder``: each prints what is shown.

    ``anew`` are patterns of what differs from run to run, such as times: one stands for any other.
    """
    parts = re.split(r"^\$ (.*\n(?:> .*\n)*)", session, flags=re.MULTILINE)
    assert parts[0] == ""
    assert len(parts) > 1
    for shown_command, shown in zip(parts[1::2], parts[2::2], strict=True):
        command = re.sub(r"^> ", "", shown_command, flags=re.MULTILINE)
        texts = [output_of(command, folder), shown]
        for pattern in anew:
            texts = [re.sub(pattern, "…", text) for text in texts]
        assert f"$ {shown_command}{texts[0]}" == f"$ {shown_command}{texts[1]}"


def output_of(command: str, folder: Path) -> str:
    here = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    process = subprocess.run(
        ["bash", "-c", f"{{ {command}\n}} 2>&1"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return process.stdout
