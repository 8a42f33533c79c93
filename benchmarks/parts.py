"""The parts of a benchmark. Each gives its figures as a tree, and fails where a plan is wrong."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import floor, octodns_peer
from benchmarks.manifests import CONFIG, IN_FLIGHT, TOKEN, server_entry, write
from benchmarks.measure import ROOT, BenchError, Case, Cost, measure, middle, run, say, served, stats

Figures = dict[str, Any]

_PYTHON: Final = sys.executable
LATENCY: Final = 0.020
PER_FILE: Final = 100
SAMPLE: Final = 1000
"""Manifests that the two parsers of the floor are compared on."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What to measure, and with what.

    ``main`` is the size that most is measured at; ``rounds`` how often. ``caches`` are the paths that are
    removed before a cold run, relative to a folder of manifests.
    """

    work: Path
    sizes: Sequence[int]
    main: int
    creates: int
    rounds: int
    octodns: Path | None
    caches: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)

    def tool(self, *arguments: str) -> list[str]:
        """The command line, as it is installed."""
        script = Path(_PYTHON).with_name("reconciler")
        return [*([str(script)] if script.exists() else [_PYTHON, "-m", "reconciler"]), *arguments]

    def forget(self, folder: Path) -> None:
        """Makes the next run there a cold one."""
        for path in self._caches(folder):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def remembers(self, folder: Path) -> bool:
        """Whether a run has left a cache there."""
        return any(path.is_file() or any(path.rglob("*")) for path in self._caches(folder))

    def _caches(self, folder: Path) -> list[Path]:
        return [*(folder / name for name in self.caches), Path(self.env["RECONCILER_CACHE_DIR"])]


def environment(work: Path) -> dict[str, str]:
    """What every command gets. Caches go to ``work``, and nothing is in the way of a call to this machine."""
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**kept, "PYTHONPATH": path, TOKEN: "bench", "RECONCILER_CACHE_DIR": str(work / "cache")}


def folder_of(bench: Bench, count: int, per_file: int = 1) -> Path:
    """A folder of ``count`` manifests; written once."""
    folder = bench.work / f"{count}-by-{per_file}"
    if not folder.exists():
        say(f"  writing {count} manifests, {per_file} in a file")
        write(folder, count, per_file, "{kind: orq, embedded: none.db}")
    return folder


def pointed(folder: Path, name: str, kind: str, url: str) -> Path:
    """A configuration of ``folder`` for a server."""
    config = folder / f"{name}.yaml"
    config.write_text(CONFIG.format(registry=server_entry(kind, url)))
    return config


def a_hundredth(count: int) -> int:
    """How many of ``count`` models are changed."""
    return max(count // 100, 1)


# ---- what plans must say


def no_changes(count: int) -> Callable[[Cost], None]:
    return _says(rf"^No changes: {count} as declared\.")


def updates(count: int) -> Callable[[Cost], None]:
    return _says(rf"^Plan: 0 to create, {count} to update\b(?!.*refused)")


def _says(pattern: str) -> Callable[[Cost], None]:
    def check(cost: Cost) -> None:
        if not re.search(pattern, cost.output, re.MULTILINE):
            end = "\n".join(cost.output.splitlines()[-5:])
            raise BenchError(f"the plan does not say {pattern}, but\n{end}")

    return check


# ---- the parts


def startup(bench: Bench) -> Figures:
    """How long it takes to say anything."""
    folder = folder_of(bench, 1)
    cases = [
        Case("python -c pass", [_PYTHON, "-c", "pass"]),
        Case("reconciler --help", bench.tool("--help")),
        Case("reconciler validate", bench.tool("validate"), cwd=folder),
    ]
    costs = measure(cases, rounds=bench.rounds * 5 if bench.rounds > 1 else 1, env=bench.env)
    return {name: middle(found) for name, found in costs.items()}


def parsers(bench: Bench) -> Figures:
    """Microseconds that each parser of the floor takes for a manifest, without a collection of garbage."""
    count = min(SAMPLE, bench.main)
    texts = [floor.read(path) for path in floor.files(str(folder_of(bench, count)))]
    found: dict[str, list[float]] = {name: [] for name in floor.PARSERS}
    gc.disable()
    try:
        for name, parse in list(floor.PARSERS.items()) * bench.rounds:
            began = time.process_time()
            kept = [parse(text) for text in texts]
            found[name].append((time.process_time() - began) / len(kept) * 1e6)
            gc.collect()
    finally:
        gc.enable()
    return {name: median(took) for name, took in found.items()}


def fastest_parser(figures: Figures) -> str:
    return min(figures, key=lambda name: float(figures[name]))


def plan(bench: Bench) -> Figures:
    """A plan of ``main`` models, and its rivals: cold and warm, nothing changed and a hundredth changed."""
    count, some = bench.main, a_hundredth(bench.main)
    speeds = parsers(bench)
    parser = fastest_parser(speeds)
    one, many = folder_of(bench, count), folder_of(bench, count, PER_FILE)
    with (
        served("orq", models=count, env=bench.env) as same,
        served("orq", models=count, changed=some, env=bench.env) as other,
    ):
        for folder in (one, many):
            pointed(folder, "same", "orq", same)
            pointed(folder, "changed", "orq", other)
        unchanged, changed = no_changes(count), updates(some)
        cases = [
            *_floors(one, same, parser),
            *_tool(bench, one, "same", unchanged),
            *_tool(bench, one, "changed", changed),
            *_floors(many, same, parser, "many, "),
            *_tool(bench, many, "same", unchanged, "many, "),
            *_naive(one, {"": (same, 0), ", 1% changed": (other, some)}),
            *_octodns(bench, count),
        ]
        costs = measure(cases, rounds=bench.rounds, env=bench.env)
        remembers = bench.remembers(one)
        alone = folder_of(bench, 1)
        with served("orq", models=1, env=bench.env) as url:
            pointed(alone, "same", "orq", url)
            watched = [
                _start(bench, alone),
                *_tool(bench, one, "same", unchanged),
                *_tool(bench, many, "same", unchanged, "many, "),
            ]
            peaks = measure(watched, rounds=1, env=bench.env, watched=True)
    found = {name: middle(those) for name, those in costs.items()}
    for name, those in peaks.items():
        found.setdefault(name, middle(those))["peak"] = those[0].peak
    for name, those in costs.items():
        if name.endswith("floor, 1 process"):
            found[name]["steps"] = json.loads(those[0].output)
    size = {"files": _bytes(one / "models"), "many": _bytes(many / "models"), "list": _list_bytes(count)}
    return {
        "models": count,
        "changed": some,
        "parsers": speeds,
        "cache": remembers,
        "bytes": size,
        "cases": found,
    }


def _start(bench: Bench, alone: Path) -> Case:
    command = bench.tool("plan", "--config", "same.yaml")
    return Case("plan of one model", command, cwd=alone, check=no_changes(1))


def _floors(folder: Path, url: str, parser: str, about: str = "", kind: str = "orq") -> Iterator[Case]:
    for processes in (1, 2):
        command = [_PYTHON, "-m", "benchmarks.floor", str(folder), url, kind, "--parser", parser]
        command += ["--processes", str(processes)]
        yield Case(f"{about}floor, {processes} process{'es' if processes > 1 else ''}", command)


def _tool(
    bench: Bench, folder: Path, config: str, check: Callable[[Cost], None], about: str = ""
) -> Iterator[Case]:
    """A cold run, and right after it a warm one."""
    command = bench.tool("plan", "--config", f"{config}.yaml")
    more = "" if config == "same" else ", 1% changed"
    cold = f"{about}cold plan{more}"
    yield Case(cold, command, cwd=folder, check=check, prepare=lambda: bench.forget(folder))
    yield Case(f"{about}warm plan{more}", command, cwd=folder, check=check)


def _naive(folder: Path, servers: Mapping[str, tuple[str, int]]) -> Iterator[Case]:
    for more, (url, expected) in servers.items():
        command = [_PYTHON, "-m", "benchmarks.naive", "plan", str(folder), url, "--expect", str(expected)]
        yield Case(f"naive{more}", command, rounds=1 if more else 2)


def _octodns(bench: Bench, count: int) -> Iterator[Case]:
    if bench.octodns is None:
        return
    for small in (False, True):
        folder = bench.work / f"octodns-{count}{'-small' if small else ''}"
        if not folder.exists():
            octodns_peer.write(folder, count, a_hundredth(count), small=small)
        name = "octoDNS, small records" if small else "octoDNS"
        yield _octodns_case(bench, folder, "same", name, _says("No changes were planned"))
        expected = _says(rf"Summary: Creates=0, Updates={a_hundredth(count)}, Deletes=0")
        yield _octodns_case(bench, folder, "changed", f"{name}, 1% changed", expected)


def _octodns_case(bench: Bench, folder: Path, config: str, name: str, says: Callable[[Cost], None]) -> Case:
    command = [str(bench.octodns), "--config-file", str(folder / f"{config}.yaml"), "--quiet"]

    def check(cost: Cost) -> None:
        says(Cost(cost.wall, cost.cpu, cost.peak, cost.code, cost.output + cost.errors, ""))

    return Case(name, command, check=check, rounds=1 if config == "changed" else 2)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.yaml"))


def _list_bytes(count: int) -> int:
    from benchmarks.live import documents  # noqa: PLC0415 - imports what the servers need, not this process

    return sum(len(text) + 1 for _, text in documents("orq", count)) + 1


def sizes(bench: Bench) -> Figures:
    """A cold and a warm plan at every size, of both kinds of registry, with the floor; memory is watched."""
    found: Figures = {}
    alone = folder_of(bench, 1)
    for kind in ("orq", "respan"):
        with served(kind, models=1, env=bench.env) as url:
            pointed(alone, "same", kind, url)
            costs = measure([_start(bench, alone)], rounds=bench.rounds, env=bench.env, watched=True)
        rows = {"1": {"cold plan": middle(costs["plan of one model"])}}
        for count in bench.sizes:
            say(f" {kind}, {count} models")
            rows[str(count)] = _of_size(bench, kind, count)
        found[kind] = rows
    return found


_TOO_MUCH: Final = re.compile(r"is larger than \d+ bytes|has too many values|does not end in \d+ pages")
"""A registry told more than a run takes (docs/reliability.md): a limit of ours, no mistake of the bench."""


def _of_size(bench: Bench, kind: str, count: int) -> Figures:
    folder = folder_of(bench, count)
    rounds = bench.rounds if count <= bench.main else 1
    with served(kind, models=count, env=bench.env) as url:
        pointed(folder, "same", kind, url)
        floors = list(_floors(folder, url, "events", kind=kind))
        costs = measure(floors, rounds=rounds, env=bench.env, watched=True)
        try:
            costs |= measure(
                list(_tool(bench, folder, "same", no_changes(count))),
                rounds=rounds,
                env=bench.env,
                watched=True,
            )
        except BenchError as error:
            refused = next((line.strip() for line in str(error).splitlines() if _TOO_MUCH.search(line)), None)
            if refused is None:
                raise
            say(f"  {refused}")
            return {**{name: middle(those) for name, those in costs.items()}, "refused": refused}
        if kind == "orq" and count < bench.main:
            rivals = [*_naive(folder, {"": (url, 0)}), *_octodns(bench, count)]
            wanted = [case for case in rivals if case.name in {"naive", "octoDNS"}]
            costs |= measure(wanted, rounds=1, env=bench.env, watched=True)
    return {name: middle(those) for name, those in costs.items()}


def apply(bench: Bench) -> Figures:
    """An apply of ``creates`` models, at 20 ms a call and at none."""
    count = bench.creates
    folder = folder_of(bench, count)
    limit = LATENCY * count / IN_FLIGHT
    found: Figures = {
        "models": count,
        "in_flight": IN_FLIGHT,
        "latency": LATENCY,
        "limit": limit,
        "cases": {},
    }
    for _ in range(bench.rounds):
        for name, latency, client in (
            ("apply", LATENCY, None),
            ("sockets alone", LATENCY, "raw"),
            ("bare httpx", LATENCY, "httpx"),
            ("apply, no latency", 0.0, None),
            ("sockets alone, no latency", 0.0, "raw"),
        ):
            with _empty(bench, folder, latency) as url:
                row = _flooded(bench, url, client, count) if client else _applied(bench, folder, url, count)
            say(f"  {name}: {row['calls']:.3f} s of calls")
            found["cases"].setdefault(name, []).append(row)
    with _empty(bench, folder, LATENCY) as url:
        command = [_PYTHON, "-m", "benchmarks.naive", "apply", str(folder), url, "--expect", str(count)]
        cost = measure([Case("naive apply", command)], rounds=1, env=bench.env)["naive apply"][0]
        found["cases"]["naive apply"] = [_calls(url, cost, count)]
    found["cases"] = {name: _medians(rows) for name, rows in found["cases"].items()}
    return found


@contextmanager
def _empty(bench: Bench, folder: Path, latency: float) -> Iterator[str]:
    """A server that holds nothing, and a folder that has forgotten every run."""
    shutil.rmtree(folder / ".reconciler", ignore_errors=True)
    bench.forget(folder)
    with served("orq", latency=latency, env=bench.env) as url:
        pointed(folder, "apply", "orq", url)
        yield url


def _applied(bench: Bench, folder: Path, url: str, count: int) -> Figures:
    cost = run(bench.tool("apply", "--yes", "--config", "apply.yaml"), cwd=folder, env=bench.env)
    if cost.code != 0:
        raise BenchError(f"apply ended with {cost.code}\n{cost.output[-2000:]}\n{cost.errors[-2000:]}")
    row = _calls(url, cost, count)
    again = run(bench.tool("plan", "--config", "apply.yaml"), cwd=folder, env=bench.env)
    no_changes(count)(again)
    return row


def _flooded(bench: Bench, url: str, client: str, count: int) -> Figures:
    command = [_PYTHON, "-m", "benchmarks.flood", client, url, str(count), "--in-flight", str(IN_FLIGHT)]
    cost = run(command, env=bench.env)
    if cost.code != 0:
        raise BenchError(f"flood ended with {cost.code}\n{cost.errors}")
    return _calls(url, cost, count)


def _calls(url: str, cost: Cost, count: int) -> Figures:
    told = stats(url)
    if told["writes"] != count:
        raise BenchError(f"the server got {told['writes']} writes, not {count}")
    return {
        "wall": cost.wall,
        "cpu": cost.cpu,
        "calls": told["last_write"] - told["first_write"],
        "proven": told["last"] - told["first_write"],
        "most_in_flight": told["most_in_flight"],
        "server": told["seconds"],
    }


def _medians(rows: Sequence[Figures]) -> Figures:
    return {"runs": len(rows), **{key: median(row[key] for row in rows) for key in rows[0]}}


def stages(bench: Bench) -> Figures:
    """What each step takes: of a cold and a warm plan, and of an apply."""
    folder, some = folder_of(bench, bench.main), folder_of(bench, bench.creates)
    found: dict[str, list[Figures]] = {"cold plan": [], "warm plan": [], "apply": []}
    with served("orq", models=bench.main, env=bench.env) as url:
        pointed(folder, "same", "orq", url)
        for _ in range(bench.rounds):
            bench.forget(folder)
            for name in ("cold plan", "warm plan"):
                found[name].append(_staged(bench, folder, "plan", "--config", "same.yaml"))
    for _ in range(bench.rounds):
        with _empty(bench, some, LATENCY):
            found["apply"].append(_staged(bench, some, "apply", "--yes", "--config", "apply.yaml"))
    return {name: {stage: _middle_of(rows, stage) for stage in rows[0]} for name, rows in found.items()}


def _middle_of(rows: Sequence[Figures], stage: str) -> Figures:
    """The medians of a stage that every row has."""
    return {key: median(row[stage][key] for row in rows) for key in rows[0][stage]}


def _staged(bench: Bench, folder: Path, *arguments: str) -> Figures:
    cost = run([_PYTHON, "-m", "benchmarks.stages", *arguments], cwd=folder, env=bench.env)
    if cost.code != 0:
        raise BenchError(f"stages ended with {cost.code}\n{cost.errors}")
    found: Figures = json.loads(cost.output)
    say(f"  {arguments[0]}: " + ", ".join(f"{name} {took['wall']:.2f}" for name, took in found.items()))
    return found


def profile(bench: Bench, rows: int = 20) -> Figures:
    """The most expensive functions of a cold plan."""
    folder = folder_of(bench, bench.main)
    bench.forget(folder)
    with served("orq", models=bench.main, env=bench.env) as url:
        pointed(folder, "same", "orq", url)
        command = [
            _PYTHON,
            "-m",
            "benchmarks.stages",
            "--profile",
            str(rows),
            "plan",
            "--config",
            "same.yaml",
        ]
        cost = run(command, cwd=folder, env=bench.env)
    if cost.code != 0:
        raise BenchError(f"the profile ended with {cost.code}\n{cost.errors}")
    return {"models": bench.main, "rows": json.loads(cost.output)}


PARTS: Final[Mapping[str, Callable[[Bench], Figures]]] = {
    "startup": startup,
    "plan": plan,
    "apply": apply,
    "stages": stages,
    "profile": profile,
    "sizes": sizes,
}
