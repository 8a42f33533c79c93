"""docs/performance.md, its plot, and the figures as JSON. Every number in the tables comes from the figures.

What stands between ``<!-- bench:NAME -->`` and ``<!-- /bench:NAME -->`` is written here; the words around
it are not touched.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import plot

Figures = Mapping[str, Any]

FIGURES: Final = "performance.json"
PAGE: Final = "performance.md"
PLOT: Final = "performance.svg"

STAGES: Final = ("load", "validate", "observe", "diff", "plan", "render", "apply", "rest")
FITTED_FROM: Final = 1_000
"""Models from which on the exponents are fitted; below, what does not grow weighs too much."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be. ``value`` is None where the part was not measured."""

    name: str
    value: float | None
    bound: float
    at_least: bool = False
    unit: str = "x"

    @property
    def is_met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def row(self) -> list[str]:
        bound = f"{'≥' if self.at_least else '≤'} {_plain(self.bound)} {self.unit}".rstrip()
        return [self.name, bound, self.shown, {None: "", True: "yes", False: "**no**"}[self.is_met]]

    @property
    def shown(self) -> str:
        return "not measured" if self.value is None else f"{self.value:.2f} {self.unit}".rstrip()


def goals(results: Figures, *, fastest: bool = False) -> list[Goal]:
    """Every goal, in one order, whatever was measured; from the medians, or from the fastest run of each."""
    plan, startup, sizes = (results.get(name, {}) for name in ("plan", "startup", "sizes"))
    applied = results.get("apply", {})
    apply, limit = applied.get("cases", {}).get("apply", {}), applied.get("limit")
    key = "wall_min" if fastest else "wall"

    def over(part: Figures, one: str, *others: str) -> float | None:
        below = min((part[name][key] for name in others if name in part), default=None)
        return part[one][key] / below if one in part and below else None

    cases, cold, passing = plan.get("cases", {}), "cold plan", "python -c pass"
    warm = over(cases, "warm plan", cold) if plan.get("cache") else None
    calls, proven = (apply[name] / limit if apply else None for name in ("calls", "proven"))
    return [
        Goal("cold plan, against the faster floor", over(cases, cold, *_FLOORS), 1.6),
        Goal("naive way, against a cold plan", over(cases, "naive", cold), 8, at_least=True),
        Goal("octoDNS, against a cold plan", over(cases, "octoDNS", cold), 10, at_least=True),
        Goal("1% changed, against no changes", over(cases, "cold plan, 1% changed", cold), 1.3),
        Goal("warm plan, against a cold one", warm, 0.4),
        Goal("apply: calls, against latency × calls / in flight", calls, 1.15),
        Goal("apply: with the reads that prove it", proven, 1.5),
        *_memory_goals(sizes),
        Goal("`--help`, against `python -c pass`", over(startup, "reconciler --help", passing), 3),
        Goal("`validate` of one file", over(startup, "reconciler validate", passing), 8),
        *(
            Goal(f"exponent of {what}, {kind}", exponent(rows, grown), 1.1, unit="")
            for kind, rows in sizes.items()
            for what, grown in (("wall time", key), ("peak memory", "peak"))
        ),
    ]


_FLOORS: Final = ("floor, 1 process", "floor, 2 processes")


def _memory_goals(sizes: Figures) -> Iterator[Goal]:
    for kind, rows in sizes.items():
        start = rows["1"]["cold plan"]["peak"]
        for count in map(int, rows):
            peak = rows[str(count)].get("cold plan", {}).get("peak")
            if count >= 10 * FITTED_FROM and peak is not None:
                name = f"memory of a model above start-up, {count:,} models, {kind}"
                yield Goal(name, (peak - start) / count / 1024, 25, unit="KiB")


def exponent(rows: Figures, key: str, case: str = "cold plan") -> float | None:
    """The slope of ``key`` over the number of models, both as logarithms, by least squares."""
    points = [
        (math.log(int(count)), math.log(row[case][key]))
        for count, row in rows.items()
        if int(count) >= FITTED_FROM and case in row
    ]
    if len(points) < 2:
        return None
    x = sum(point[0] for point in points) / len(points)
    y = sum(point[1] for point in points) / len(points)
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


# ---- tables


def summary(results: Figures) -> str:
    """The goals as text."""
    rows = [goal.row() for goal in goals(results)]
    return "\n".join(f"{name:64} {bound:>10} {value:>14} {met}" for name, bound, value, met in rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| --- " + "| ---: " * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _goals(results: Figures) -> str:
    fastest = {goal.name: goal for goal in goals(results, fastest=True)}
    rows = [
        [*goal.row(), "" if fastest[goal.name].value == goal.value else fastest[goal.name].shown]
        for goal in goals(results)
    ]
    return _table(["", "goal", "measured", "met", "fastest runs alone"], rows)


def _machine(results: Figures) -> str:
    one = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in one["packages"].items())
    dirty = " with changes that are not committed" if one["dirty"] else ""
    return (
        f"Measured on {one['date']}, commit {one['commit']}{dirty}: {one['system']}, {one['processor']}, "
        f"{one['cores']} cores, {one['memory'] / 2**30:.0f} GiB; Python {one['python']}, "
        f"libyaml {one['libyaml']}, {packages}, octoDNS {one['octodns']}. Before it began, the load of the "
        f"machine was {one['load']:.1f}; beside other work, times say little and ratios are rough."
    )


def _plan(results: Figures) -> str:
    part = results["plan"]
    cold = part["cases"]["cold plan"]["wall"]
    rows = []
    for name, one in part["cases"].items():
        peak = f"{one['peak'] / 2**20:.0f} MiB" if "peak" in one else ""
        spread = f"{one['wall_min']:.2f} – {one['wall_max']:.2f}" if one["runs"] > 1 else ""
        ratio = f"{one['wall'] / cold:.2f}"
        rows.append([name, f"{one['wall']:.2f} s", spread, f"{one['cpu']:.2f} s", peak, ratio])
    speeds = ", ".join(f"{name} {took:.0f} µs" for name, took in part["parsers"].items())
    steps = part["cases"]["floor, 1 process"]["steps"]
    shares = ", ".join(f"{name} {took:.2f} s" for name, took in steps.items() if not name.startswith("excl"))
    size = part["bytes"]
    notes = [
        f"{part['models']:,} models, {part['changed']:,} of them changed where it says so; "
        f"{size['files'] / 1e6:.1f} MB of YAML, {size['list'] / 1e6:.1f} MB of list. "
        "`many` has 100 models in a file, the others one.",
        f"A manifest takes the parsers of the floor: {speeds}. The floor's steps, in one process: {shares}. "
        f"So the server gives {size['list'] / 1e6 / steps['fetch']:,.0f} MB a second, and a cold plan asks "
        f"for {size['list'] / 1e6 / cold:,.0f}.",
    ]
    if not part["cache"]:
        notes.append("No run left a cache behind, so what is called warm is a second cold one.")
    head = ["", "wall", "fastest – slowest", "CPU", "peak memory", "of a cold plan"]
    return "\n\n".join([_table(head, rows), *notes])


def _stages(results: Figures) -> str:
    part = results["stages"]
    rows = []
    for stage in STAGES:
        row = [stage]
        for one in part.values():
            spent = one.get(stage)
            row += [f"{spent['wall']:.3f} s", f"{spent['cpu']:.3f} s"] if spent else ["", ""]
            row.append(f"{spent['grown'] / 2**20:.0f} MiB" if spent else "")
        rows.append(row)
    head = [f"{name}: {what}" for name in part for what in ("wall", "CPU", "peak grows by")]
    return _table(["", *head], rows)


def _apply(results: Figures) -> str:
    part = results["apply"]
    rows = []
    for name, one in part["cases"].items():
        latency = 0.0 if name.endswith("no latency") else part["latency"]
        ratio = f"{one['calls'] / part['limit']:.2f}" if latency else ""
        proven = f"{one['proven']:.3f} s" if name.startswith("apply") else ""
        rate = f"{part['models'] / one['calls']:,.0f}"
        most = f"{one['most_in_flight']:.0f}"
        whole = [f"{one['wall']:.2f} s", f"{one['cpu']:.2f} s"]
        rows.append([name, f"{one['calls']:.3f} s", ratio, rate, most, proven, *whole])
    head = ["", "calls", "of the limit", "calls / s", "most in flight", "calls and proof", "whole run", "CPU"]
    note = (
        f"{part['models']:,} creates, {part['latency'] * 1000:.0f} ms a call, {part['in_flight']} in "
        f"flight: at least {part['limit']:.3f} s. Calls are counted from the first request to the last "
        "answer, as the server sees them. Without latency it takes "
        f"{_rate(part, 'sockets alone, no latency')} calls a second from plain sockets, where an apply sends "
        f"{_rate(part, 'apply, no latency')}."
    )
    return _table(head, rows) + "\n\n" + note


def _rate(part: Figures, name: str) -> str:
    return f"{part['models'] / part['cases'][name]['calls']:,.0f}"


def _startup(results: Figures) -> str:
    part = results["startup"]
    passing = part["python -c pass"]["wall"]
    rows = [
        [
            f"`{name}`",
            f"{one['wall'] * 1000:.0f} ms",
            f"{one['cpu'] * 1000:.0f} ms",
            f"{one['wall'] / passing:.1f}",
        ]
        for name, one in part.items()
    ]
    return _table(["", "wall", "CPU", "of `python -c pass`"], rows)


def _sizes(results: Figures) -> str:
    rows, notes = [], []
    for kind, sizes in results["sizes"].items():
        start = sizes["1"]["cold plan"]["peak"]
        for count, one in sizes.items():
            floor = min((one[name]["wall"] for name in _FLOORS if name in one), default=None)
            if "refused" in one:
                notes.append(f"{kind}, {int(count):,} models: no plan: `{one['refused']}`.")
            cold, warm = one.get("cold plan"), one.get("warm plan")
            row = [f"{kind}, {int(count):,}"]
            row.append(f"{cold['wall']:.2f} s" if cold else "none")
            row.append(f"{warm['wall']:.2f} s" if warm else "")
            row.append(f"{floor:.2f} s" if floor else "")
            row.append(f"{cold['cpu']:.2f} s" if cold else "")
            row.append(f"{cold['peak'] / 2**20:.0f} MiB" if cold else "")
            row.append(
                f"{(cold['peak'] - start) / int(count) / 1024:.1f} KiB" if cold and count != "1" else ""
            )
            rows.append(row)
    head = ["models", "cold plan", "warm plan", "floor", "CPU", "peak memory", "a model"]
    return "\n\n".join([_table(head, rows), *notes])


def _profile(results: Figures) -> str:
    part = results["profile"]
    rows = [
        [f"`{row['function']}`", f"{row['calls']:,}", f"{row['own']:.2f} s", f"{row['share']:.1%}"]
        for row in part["rows"]
    ]
    return _table(["function", "calls", "in itself", "share"], rows)


_BLOCKS: Final[Mapping[str, tuple[str, Callable[[Figures], str]]]] = {
    "machine": ("machine", _machine),
    "goals": ("machine", _goals),
    "plan": ("plan", _plan),
    "stages": ("stages", _stages),
    "apply": ("apply", _apply),
    "startup": ("startup", _startup),
    "sizes": ("sizes", _sizes),
    "profile": ("profile", _profile),
}
"""What each marker of the page stands for, and the part that it needs."""


def save(results: Figures, folder: Path) -> None:
    """Writes figures, plot and page into ``folder``. A page that is not there is made of its tables alone."""
    folder.mkdir(parents=True, exist_ok=True)
    results = _rounded(results)  # first, so that the page says what the figures say
    (folder / FIGURES).write_text(json.dumps(results, indent=1) + "\n")
    if "sizes" in results:
        (folder / PLOT).write_text(plot.drawn(_with_rivals(results)))
    path = folder / PAGE
    bare = "".join(f"\n<!-- bench:{name} -->\n<!-- /bench:{name} -->\n" for name in _BLOCKS)
    page = path.read_text() if path.exists() else f"# Performance\n{bare}"
    path.write_text(filled(page, results))


def _with_rivals(results: Figures) -> Figures:
    """The sizes, with what was measured of the rivals at the size of the plan."""
    sizes, plan = results["sizes"], results.get("plan", {})
    rows, count = sizes.get("orq", {}), str(plan.get("models"))
    if count not in rows:
        return dict(sizes)
    rivals = {name: one for name, one in plan["cases"].items() if name in {"naive", "octoDNS"}}
    return {**sizes, "orq": {**rows, count: {**rivals, **rows[count]}}}


def filled(page: str, results: Figures) -> str:
    """``page`` with every block of a part that was measured written anew."""
    for name, (part, block) in _BLOCKS.items():
        if part in results:
            pattern = rf"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)"
            text = block(results)
            page = re.sub(pattern, partial(_put, text), page, flags=re.DOTALL)
    return page


def _put(text: str, found: re.Match[str]) -> str:
    return f"{found[1]}{text}\n{found[2]}"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _plain(number: float) -> str:
    return f"{number:g}"
