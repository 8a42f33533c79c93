"""`--timings`: what each stage of a run took, on stderr."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_fixed

from reconciler.cli.app import app
from reconciler.stages import COUNTS, STAGES

from .conftest import Run
from .folder import Folder, manifest
from .live import Live

PAGE = Path(__file__).parents[2] / "docs" / "observing.md"
TOLERANCE = 1e-5
"""Seconds; what is shown is rounded."""


@pytest.fixture
def live(folder: Folder, serve: Callable[..., Live]) -> Live:
    live = serve()
    folder.registries(prod=f'url: "{live.url}"')
    folder.models(manifest("a"), manifest("b"))
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], check=True)
    return live


def timings(err: str) -> dict[str, Any]:
    """The last line of stderr."""
    document: dict[str, Any] = json.loads(err.splitlines()[-1])
    assert document["kind"] == "Timings"
    return document


EXPECTED = {
    "validate": ["start", "load", "report"],
    "plan": ["start", "load", "read", "plan", "journal", "report"],
    "apply --yes": ["start", "load", "read", "plan", "journal", "apply", "proof", "report"],
    "diff HEAD": ["start", "revisions", "compare", "report"],
    "drift": ["start", "load", "read", "plan", "journal", "compare", "report"],
    "review --base HEAD": ["start", "revisions", "compare", "read", "plan", "report"],
}


@pytest.mark.parametrize("line", EXPECTED)
def test_the_stages_of_a_command_sum_up_to_no_more_than_the_whole(cli: Run, live: Live, line: str) -> None:
    result = cli(*line.split(), "--timings", "-o", "json")
    assert result.code == 0
    assert result.document["apiVersion"] == "reconciler/v1"
    found = timings(result.err)
    assert found["command"] == line.split(maxsplit=1)[0]
    outermost = [row for row in found["stages"] if not row["in"]]
    assert [row["stage"] for row in outermost] == EXPECTED[line]
    for clock in ("wall_seconds", "cpu_seconds"):
        taken = [row[clock] for row in outermost]
        assert min(taken) >= 0
        assert sum(taken) <= found[clock] + TOLERANCE
    assert found["peak_memory_bytes"] > 10_000_000
    assert {row["stage"] for row in found["stages"]} <= STAGES.keys()
    assert found["counts"].keys() <= {what.replace(" ", "_") for what in COUNTS}


def test_an_apply_counts_what_it_did(cli: Run, live: Live) -> None:
    found = timings(cli("apply", "--yes", "--timings", "-o", "json").err)
    rows = {(row["stage"], row["registry"], tuple(row["in"])): row for row in found["stages"]}
    writes = rows["apply", "prod", ("apply",)]
    assert (writes["times"], writes["counts"]["requests"], writes["counts"]["actions"]) == (1, 2, 2)
    assert writes["cpu_seconds"] is None
    assert rows["proof", "prod", ("apply",)]["counts"]["requests"] == 1
    assert rows["journal", "prod", ("apply", "apply:prod")]["times"] == 1
    assert rows["read", "prod", ("read",)]["counts"]["bytes"] > 100
    assert found["counts"]["requests"] == len(live.seen)
    assert (found["counts"]["files"], found["counts"]["manifests"]) == (1, 2)


def test_retries_and_waits_are_counted(cli: Run, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.http.repeating._AFTER_LIMIT", wait_fixed(0.01))
    limited = iter([True])
    live.answer = lambda seen: (429, {}) if seen.path == "/v2/models" and next(limited, False) else None
    found = timings(cli("plan", "--timings", "-o", "json").err)
    assert found["counts"]["retries"] == 1
    assert 0 < found["waited_seconds"]["prod"] <= 0.01


def test_a_wait_of_the_executor_is_a_wait(cli: Run, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body would be too old after the wait: it is given back by the transport, and made anew."""
    monkeypatch.setattr("reconciler.http.repeating._AFTER_LIMIT", wait_fixed(0.5))
    monkeypatch.setattr("reconciler.executor.timing.FRESH_SECONDS", 0.1)
    limited = iter([True])
    live.answer = lambda seen: (429, {}) if seen.writes and next(limited, False) else None
    found = timings(cli("apply", "--yes", "--timings", "-o", "json").err)
    assert found["waited_seconds"] == {"prod": 0.5}
    assert "retries" not in found["counts"]


def test_the_table_comes_after_the_report_and_only_when_asked_for(folder: Folder, live: Live) -> None:
    both = folder.process("apply", "--yes", "--timings", stderr=subprocess.STDOUT)
    report, table = both.out.split("\n\nstage ")
    assert report.endswith("A new plan is empty.")
    lines = table.splitlines()
    assert [line.split()[0] for line in lines[1:-2]][:3] == ["start", "load", "read"]
    assert re.match(r"total +[0-9.]+ s +[0-9.]+ s +[0-9]+ +[0-9.]+ kB", lines[-2])
    assert re.match(r"peak memory [0-9.]+ MB; 1 file; 2 manifests; 2 actions", lines[-1])
    plain = folder.process("plan")
    assert plain.err == ""


def test_a_failed_run_has_timings_too(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a", price="cheap"))
    result = cli("validate", "--timings", "-o", "json")
    assert (result.code, result.document["kind"]) == (1, "Error")
    assert [row["stage"] for row in timings(result.err)["stages"]] == ["start", "load"]


def test_measuring_changes_no_document(cli: Run, live: Live) -> None:
    plain, measured = (cli("plan", "-o", "json", *words) for words in ((), ("--timings",)))

    assert plain.document["made"]["at"] <= measured.document["made"]["at"]
    changing = ("made", "integrity")  # the time, and what is computed from it
    first, second = (
        {key: value for key, value in each.document.items() if key not in changing}
        for each in (plain, measured)
    )
    assert first == second


def test_every_command_that_has_it_says_so_in_its_help(cli: Run) -> None:
    have = [name for name in app.list_commands(None) if "--timings" in cli(name, "--help").out]  # type: ignore[arg-type]
    assert have == ["validate", "plan", "apply", "diff", "review", "drift"]


def test_the_page_names_every_stage_and_every_count() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, what in STAGES.items():
        assert f"| `{name}` | {what} |" in page
    for name, what in COUNTS.items():
        assert f"| `{name.replace(' ', '_')}` | {what} |" in page
