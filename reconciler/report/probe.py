"""What a probe has seen beside what is declared: as a table, and as a document."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from reconciler.errors import ExitCode
from reconciler.probe.results import MOST_REQUESTS, Probe, Probed, Row, Skipped, Verdict
from reconciler.report.counting import counted
from reconciler.report.documents import API_VERSION
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe
from reconciler.report.text import NAMES_SHOWN, failure_lines

_STYLES: Final = {"agrees": "add", "differs": "refuse", "unknown": "change", "not declared": "dim"}
_HEAD: Final = ("", "declared", "seen", "verdict")


def probe_text(probe: Probe, *, paint: Paint = plain) -> str:
    """A table for each endpoint, then what was skipped, then the totals."""
    lines: list[str] = []
    for one in probe.probed:
        lines += [*_probed(one, paint), ""]
    lines += _skipped(probe.skipped)
    lines.append(paint(_totals(probe), "bold"))
    return "\n".join(lines)


def probe_document(probe: Probe, code: ExitCode) -> dict[str, Any]:
    """The document of a probe: schemas/probe.schema.json describes it."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Probe",
        "exit_code": int(code),
        "most_requests": MOST_REQUESTS,
    } | dataclasses.asdict(probe)


def _probed(one: Probed, paint: Paint) -> Iterator[str]:
    key = f"secret {one.secret}" if one.secret else "no key"
    yield paint(f"{one.name}  ({safe(one.model)} at {safe(one.base_url)}, {key})", "bold")
    yield paint(f"  for {', '.join(one.registries)}; {counted(one.requests, 'request', 'requests')}", "dim")
    if one.failure is not None:
        yield from failure_lines(one.failure, paint, registry=one.name, indent="  ")
    if one.rows:
        cells = [(_about(row, one), row.declared, row.seen, _verdict(row)) for row in one.rows]
        widths = [max(map(len, column)) for column in zip(_HEAD, *cells, strict=True)]
        yield paint(f"  {_line(_HEAD, widths)}".rstrip(), "dim")
        for row, cell in zip(one.rows, cells, strict=True):
            shown = paint(_line(cell, widths), _STYLES[row.verdict])
            # What a failure says above is not said again.
            told = row.reason is None or (one.failure is not None and row.reason in one.failure.message)
            yield f"  {shown}".rstrip() if told else f"  {shown}  {safe(row.reason)}"


def _about(row: Row, one: Probed) -> str:
    return row.about if row.registries == one.registries else f"{row.about} ({', '.join(row.registries)})"


def _verdict(row: Row) -> str:
    return "–" if row.verdict == "not declared" else row.verdict


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))


def _skipped(skipped: tuple[Skipped, ...]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for one in skipped:
        groups.setdefault(one.reason, []).append(f"{one.name} for {', '.join(one.registries)}")
    for reason, names in groups.items():
        rest = len(names) - NAMES_SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        yield f"skipped, {reason}: {'; '.join(names[:NAMES_SHOWN])}{more}"


def _totals(probe: Probe) -> str:
    if not probe.probed:
        return "Probe: no manifest declares an endpoint; nothing was sent."
    counts = Counter(row.verdict for one in probe.probed for row in one.rows)
    requests = sum(one.requests for one in probe.probed)
    parts = [f"{counts[verdict]} {word}" for verdict, word in _WORDS.items() if counts[verdict]]
    failed = sum(one.failure is not None for one in probe.probed)
    parts += [counted(failed, "endpoint failed", "endpoints failed")] if failed else []
    sent = (
        f"{counted(len(probe.probed), 'endpoint', 'endpoints')}, "
        f"{counted(requests, 'request', 'requests')} (at most {MOST_REQUESTS} for each)"
    )
    return f"Probe: {sent}: {', '.join(parts)}." if parts else f"Probe: {sent}."


_WORDS: Final[dict[Verdict, str]] = {
    "agrees": "agree",
    "differs": "differ",
    "unknown": "unknown",
    "not declared": "not declared",
}
