"""What the stages of a run took, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from reconciler.report.safe import safe, width
from reconciler.report.sizes import size_text
from reconciler.stages import COUNTS
from reconciler.timings import Row, Timed

_ONE = {"files": "file", "manifests": "manifest", "retries": "retry", "actions": "action"}


def timings_text(timed: Timed, peak: int) -> str:
    """A small table: the stages one after the other, what is in one of them beneath it, then the whole.

    ``peak`` is the most memory that the process has had, in bytes.
    """
    lines = [("stage", "wall", "CPU", "requests", "bytes"), *(_line(row) for row in timed.rows)]
    totals = ("total", _seconds(timed.wall), _seconds(timed.cpu), *_traffic(timed.counts))
    return "\n".join([*_table([*lines, totals]), _rest(timed, peak)])


def _line(row: Row) -> tuple[str, ...]:
    label = "  " * (len(row.path) - 1) + _label(row) + (f" ×{row.times}" if row.times > 1 else "")
    cpu = "" if row.cpu is None else _seconds(row.cpu)
    return label, _seconds(row.wall), cpu, *_traffic(row.counts)


def _label(row: Row) -> str:
    """The stage and its registry, without what the row above says."""
    above = row.path[-2] if len(row.path) > 1 else ("", None)
    if row.registry is None or row.registry == above[1]:
        return row.name
    return safe(row.registry) if row.name == above[0] else f"{row.name} {safe(row.registry)}"


def _traffic(counts: Mapping[str, int]) -> tuple[str, str]:
    requests, size = counts.get("requests", 0), counts.get("bytes", 0)
    return f"{requests:,}" if requests else "", size_text(size) if size else ""


def _seconds(seconds: float) -> str:
    return f"{seconds:,.3f} s"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(width(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        first, *others = zip(row, widths, strict=True)
        cells = [first[0] + " " * (first[1] - width(first[0])), *(text.rjust(size) for text, size in others)]
        return "  ".join(cells).rstrip()

    return [line(row) for row in rows]


def _rest(timed: Timed, peak: int) -> str:
    counted = [
        f"{timed.counts[what]:,} {what if timed.counts[what] != 1 else _ONE.get(what, what)}"
        for what in COUNTS
        if what not in ("requests", "bytes") and timed.counts[what]
    ]
    waited = [f"{seconds:.1f} s waited for {safe(name)}" for name, seconds in timed.waited.items()]
    return "; ".join([f"peak memory {size_text(peak)}", *counted, *waited])


def timings_json(timed: Timed, peak: int, command: str) -> str:
    """One line. Seconds have six digits behind the point, sizes are bytes."""
    stages = [
        {
            "stage": row.name,
            "registry": row.registry,
            "in": [f"{name}:{registry}" if registry else name for name, registry in row.path[:-1]],
            "times": row.times,
            "wall_seconds": round(row.wall, 6),
            "cpu_seconds": None if row.cpu is None else round(row.cpu, 6),
            "counts": _counts(row.counts),
        }
        for row in timed.rows
    ]
    document = {
        "apiVersion": "reconciler/v1",
        "kind": "Timings",
        "command": command,
        "stages": stages,
        "wall_seconds": round(timed.wall, 6),
        "cpu_seconds": round(timed.cpu, 6),
        "peak_memory_bytes": peak,
        "counts": _counts(timed.counts),
        "waited_seconds": {name: round(seconds, 3) for name, seconds in timed.waited.items()},
    }
    return json.dumps(document)


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {what.replace(" ", "_"): counts[what] for what in COUNTS if counts.get(what)}
