"""What a command loads before it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .folder import Folder, manifest

HEAVY = (
    "asyncio",
    "deepdiff",
    "httpx",
    "jsonschema",
    "rich",
    "starlette",
    "uvicorn",
    "cryptography",
    "sqlite3",
)
OF_HELP = (
    "importlib.metadata",
    "pydantic",
    "reconciler.cli.observing",
    "reconciler.manifests",
    "reconciler.report.masking",
    "simplejson",
    "tempfile",
    "yaml",
)
OF_VALIDATE = (
    "reconciler.git",
    "reconciler.guards.acknowledgementfile",
    "reconciler.guards.run",
    "reconciler.journal",
    "reconciler.plan",
    "reconciler.planner",
    "reconciler.registries.interface",
    "reconciler.registries.respan.kind",
    "reconciler.registries.watsonx.kind",
)
OF_PLAN = (
    "deepdiff",
    "jsonschema",
    "reconciler.costs.count",
    "reconciler.costs.usage",
    "reconciler.delta",
    "reconciler.http.repeating",
    "reconciler.journal.reading",
    "reconciler.narrow",
    "reconciler.registries.respan.kind",
    "reconciler.registries.watsonx.kind",
    "reconciler.report.documents",
    "reconciler.report.findings",
    "reconciler.report.markdown",
    "reconciler.sharding",
    "rich",
    "tenacity",
    "uvicorn",
)
PROGRAM = """
import sys
before = set(sys.modules)  # what measures coverage loads modules of its own
from reconciler.__main__ import main
names = sys.argv.pop(1).split(",")
try:
    main()
except SystemExit as end:
    loaded = [name for name in names if name in set(sys.modules) - before]
    print(f"code {end.code}, loaded {loaded}", file=sys.stderr)
"""


def loaded(folder: Folder, names: tuple[str, ...], *arguments: str) -> str:
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join(names), *arguments],
        cwd=folder.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return process.stderr.splitlines()[-1]


@pytest.mark.parametrize("line", ["--help", "--version", "unknown"])
def test_help_loads_nothing_that_it_does_not_need(folder: Folder, line: str) -> None:
    code = int(line == "unknown")
    names = HEAVY if code else (*HEAVY, *OF_HELP)
    assert loaded(folder, names, line) == f"code {code}, loaded []"


@pytest.mark.parametrize("words", [(), ("-o", "json")])
def test_validate_loads_no_client_no_planner_and_no_other_kind(
    folder: Folder, words: tuple[str, ...]
) -> None:
    folder.models(manifest("a"))
    names = (*HEAVY, *OF_VALIDATE)
    assert loaded(folder, names, "validate", *words) == "code 0, loaded []"
    folder.models(manifest("a", price="cheap"))
    assert loaded(folder, names, "validate", *words) == "code 1, loaded []"


def test_no_json_is_loaded_without_a_field_that_holds_any(folder: Folder) -> None:
    folder.models(manifest("a"))
    names = ("json", "reconciler.report.documents", "simplejson")
    assert loaded(folder, names, "validate") == "code 0, loaded []"


def test_only_acknowledgements_load_what_checks_them(folder: Folder) -> None:
    folder.models(manifest("a"))
    (folder.path / "acknowledgements.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: Acknowledgements\nacknowledgements: []\n"
    )
    names = ("reconciler.guards.acknowledgementfile",)
    assert loaded(folder, names, "validate") == f"code 0, loaded {[*names]}"


def test_only_policies_load_what_checks_them(folder: Folder) -> None:
    folder.models(manifest("a"))
    (folder.path / "p.json").write_text('{"required": ["kind"]}')
    with (folder.path / "reconciler.yaml").open("a") as config:
        config.write("policies: [p.json]\n")
    heavy = tuple(name for name in HEAVY if name != "jsonschema")
    assert loaded(folder, heavy, "validate") == "code 0, loaded []"
    assert loaded(folder, ("jsonschema",), "validate") == "code 0, loaded ['jsonschema']"


def test_a_plan_loads_what_it_is_asked_for(folder: Folder) -> None:
    folder.models(manifest("a"))
    assert loaded(folder, OF_PLAN, "plan") == "code 0, loaded []"
    asked = loaded(folder, ("reconciler.report.markdown",), "plan", "-o", "markdown")
    assert asked == "code 0, loaded ['reconciler.report.markdown']"


def test_a_plan_of_files_with_a_mistake_loads_no_client(folder: Folder) -> None:
    folder.models(manifest("a", price="cheap"))
    assert loaded(folder, HEAVY, "plan") == "code 1, loaded []"
