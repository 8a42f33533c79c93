"""The benchmarks run, and cannot give figures of a wrong plan. How fast anything is, no test says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import live, manifests, octodns_peer, report, stages
from benchmarks.floor import PARSERS
from benchmarks.measure import BenchError, Case, Cost, measure, run
from benchmarks.models import FEWEST_FIELDS, MOST_FIELDS, models
from benchmarks.parts import PARTS, no_changes, updates
from reconciler.manifests.yamltree import parse

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def leaves(tree: Any) -> int:
    return sum(map(leaves, tree.values())) if isinstance(tree, dict) else 1


def loaded(text: str) -> Any:
    return yaml.load(text, Loader=yaml.CSafeLoader)


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


# ---- the whole of it


def test_a_small_run_measures_every_part_and_writes_every_table(tmp_path: Path) -> None:
    ended = bench("--small", "--out", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    figures = json.loads((tmp_path / report.FIGURES).read_text())
    assert set(PARTS) < set(figures)
    page = (tmp_path / report.PAGE).read_text()
    for name in ("goals", "plan", "stages", "apply", "startup", "sizes", "profile"):
        between = page.partition(f"<!-- bench:{name} -->\n")[2].partition(f"<!-- /bench:{name} -->")[0]
        assert between.startswith("| "), name
    assert (tmp_path / report.PLOT).read_text().startswith("<svg ")
    assert figures["plan"]["models"] == 20
    assert figures["apply"]["cases"]["apply"]["calls"] > 0


def test_the_page_holds_the_figures_that_were_measured_and_no_others() -> None:
    figures = json.loads((DOCS / report.FIGURES).read_text())
    page = (DOCS / report.PAGE).read_text()
    assert report.filled(page, figures) == page


# ---- what is measured


def test_the_same_manifests_come_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        manifests.write(tmp_path / name, 50, 7, "{kind: orq, embedded: none.db}")
    files = sorted((tmp_path / "one").rglob("*.yaml"))
    assert len(files) == 9  # eight of seven or fewer, and reconciler.yaml
    for file in files:
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()


def test_manifests_have_the_fields_and_the_mix_that_they_say() -> None:
    kinds: Counter[str] = Counter()
    for model in models(2200):
        fields = leaves(loaded(manifests.manifest(model)))
        assert fields == model.fields
        assert FEWEST_FIELDS <= fields <= MOST_FIELDS
        kinds[model.type] += 1
    assert 1600 < kinds["chat"] < 1800
    assert 220 < kinds["embedding"] < 380
    assert 130 < kinds["image"] < 270


@pytest.mark.parametrize("kind", ["orq", "respan"])
def test_as_many_live_models_differ_as_are_asked_for(kind: str) -> None:
    same = dict(live.documents(kind, 300))
    other = dict(live.documents(kind, 300, 7))
    assert [same[name] != other[name] for name in same].count(True) == 7


@pytest.mark.parametrize("parser", PARSERS)
def test_the_floor_reads_what_we_read(parser: str) -> None:
    for model in models(40):
        text = manifests.manifest(model).encode()
        documents, problems = parse(text, "one.yaml")
        assert problems == []
        assert PARSERS[parser](text) == [document.root for document in documents]


def test_the_record_of_a_model_takes_about_as_many_bytes_as_its_manifest(tmp_path: Path) -> None:
    octodns_peer.write(tmp_path, 100, 3)
    manifests.write(tmp_path, 100, 100, "{kind: orq, embedded: none.db}")
    records = (tmp_path / "wanted" / "example.com.yaml").stat().st_size
    models_ = next((tmp_path / "models").rglob("*.yaml")).stat().st_size
    assert 0.95 < records / models_ < 1.05
    wanted, other = (
        loaded((tmp_path / name / "example.com.yaml").read_text()) for name in ("wanted", "other")
    )
    assert [wanted[name] != other[name] for name in wanted].count(True) == 3


# ---- what must stop a measurement


def cost(output: str) -> Cost:
    return Cost(1.0, 1.0, None, 0, output, "")


def test_a_plan_that_is_not_the_expected_one_stops_it() -> None:
    no_changes(20)(cost("x\n\nNo changes: 20 as declared.\n"))
    updates(2)(cost("\nPlan: 0 to create, 2 to update, 18 unchanged.\n"))
    for check in (no_changes(20), updates(2)):
        for output in (
            "",
            "No changes: 19 as declared.",
            "Plan: 0 to create, 3 to update, 17 unchanged.",
            "Plan: 1 to create, 2 to update, 17 unchanged.",
            "Plan: 0 to create, 2 to update, 1 refused, 17 unchanged.",
        ):
            with pytest.raises(BenchError):
                check(cost(output))


def test_a_command_that_fails_stops_it() -> None:
    case = Case("failing", [sys.executable, "-c", "import sys; print('why'); sys.exit(3)"])
    with pytest.raises(BenchError, match=r"failing: ended with 3\nwhy"):
        measure([case], rounds=1, env=os.environ)


def test_every_function_that_a_stage_is_made_of_is_there() -> None:
    assert {stage for stage, _ in stages.functions()} == set(stages.STAGES)


# ---- how it is measured

HOLDS = """
import os, sys, time
kept = bytearray(os.urandom(1)) * ({parent} * 2**20)
if os.fork() == 0:
    more = bytearray(os.urandom(1)) * ({child} * 2**20)
    time.sleep(0.3)
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is watched in /proc")
def test_memory_is_that_of_all_processes_together() -> None:
    alone = run([sys.executable, "-c", "import time; time.sleep(0.1)"], env=os.environ, watched=True)
    both = run([sys.executable, "-c", HOLDS.format(parent=40, child=60)], env=os.environ, watched=True)
    assert alone.peak is not None
    assert both.peak is not None
    # The child shows what it shares with its parent as well: 40, and 40 + 60.
    assert 130 < (both.peak - alone.peak) / 2**20 < 170


@contextmanager
def clocked(clocks: stages.Clocks, stage: str) -> Iterator[None]:
    clocks.enter(stage)
    yield
    clocks.leave()


def test_a_stage_inside_another_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now, worked = iter([10.0, 11.0, 15.0, 17.0]), iter([0.0, 0.5, 2.5, 2.75])
    peaks = iter([100, 110, 150, 150])
    monkeypatch.setattr(stages.time, "perf_counter", lambda: next(now))
    monkeypatch.setattr(stages.time, "process_time", lambda: next(worked))
    monkeypatch.setattr(stages, "peak_of_memory", lambda: next(peaks))
    clocks = stages.Clocks()
    with clocked(clocks, "plan"), clocked(clocks, "diff"):
        pass
    assert clocks.spent == {"plan": stages.Spent(3.0, 0.75, 10), "diff": stages.Spent(4.0, 2.0, 40)}


# ---- what is made of it


def figures(**walls: float) -> dict[str, Any]:
    cases = {name.replace("_", " "): {"wall": wall, "wall_min": wall / 2} for name, wall in walls.items()}
    return {"plan": {"cache": True, "cases": cases}}


def test_goals_are_ratios_of_one_run() -> None:
    found = {
        goal.name: (goal.value, goal.is_met)
        for goal in report.goals(figures(cold_plan=10.0, warm_plan=3.0, naive=70.0))
    }
    assert found["warm plan, against a cold one"] == (0.3, True)
    assert found["naive way, against a cold plan"] == (7.0, False)
    assert found["octoDNS, against a cold plan"] == (None, None)


def test_the_exponent_is_that_of_the_growth() -> None:
    rows = {str(count): {"cold plan": {"wall": 3.0 * count**1.5}} for count in (100, 1_000, 10_000, 100_000)}
    rows["100"]["cold plan"]["wall"] = 1e9  # too small to count
    assert report.exponent(rows, "wall") == pytest.approx(1.5)


def test_words_around_the_tables_stay() -> None:
    page = "before\n<!-- bench:startup -->\nold\n<!-- /bench:startup -->\nafter\n"
    found = report.filled(page, {"startup": {"python -c pass": {"wall": 0.02, "cpu": 0.01}}})
    assert found.startswith("before\n<!-- bench:startup -->\n| ")
    assert found.endswith("|\n<!-- /bench:startup -->\nafter\n")
    assert "old" not in found
    assert "20 ms" in found
