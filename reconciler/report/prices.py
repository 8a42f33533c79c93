"""Declared prices beside public ones: as text, as a document, and as remarks on lines of files."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from reconciler.errors import ExitCode
from reconciler.money import PER_1M_TOKENS
from reconciler.prices.catalogue import CURRENCY, Catalogue
from reconciler.prices.check import Checked, PriceCheck, Row, Verdict
from reconciler.prices.lookup import Reference
from reconciler.report.counting import counted
from reconciler.report.documents import API_VERSION
from reconciler.report.findings import Finding
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe

_TOPIC: Final = "Public prices"
_USUAL: Final = f"{CURRENCY} / {PER_1M_TOKENS}"
_STYLES: Final[dict[Verdict, str]] = {"agrees": "add", "differs": "refuse", "unknown": "change"}


def check_text(check: PriceCheck, *, paint: Paint = plain) -> str:
    """A line for each model and, beneath it, each price that does not agree; then the totals."""
    lines = [paint(f"Compared with {check.package} {check.version}, prices of {check.day}.", "dim"), ""]
    for one in check.checked:
        lines += _checked(one, paint)
    lines += ["", paint(_totals(check), "bold")]
    return "\n".join(lines)


def check_document(check: PriceCheck, code: ExitCode) -> dict[str, Any]:
    """The document of a comparison: schemas/price-check.schema.json describes it."""
    document = dataclasses.asdict(check)
    document["checked"] = [
        {**one, "verdict": source.verdict}
        for one, source in zip(document["checked"], check.checked, strict=True)
    ]
    return {"apiVersion": API_VERSION, "kind": "PriceCheck", "exit_code": int(code)} | document


def check_findings(check: PriceCheck) -> list[Finding]:
    """A warning for each price that differs, a note for what cannot be told. Nothing for what agrees."""
    return [found for one in check.checked for row in (one.rows or (None,)) for found in _finding(one, row)]


def _finding(one: Checked, row: Row | None) -> Iterator[Finding]:
    who = f"{one.name}{_for(one)}"
    if row is None:
        text = f"{who}: pricing: unknown, {safe(one.reason)}"
        yield Finding("price-unknown", "note", text, one.place, None, f"{who} pricing", _TOPIC)
    elif row.verdict == "unknown":
        text = f"{who}: {_row(one, row)}"
        yield Finding("price-unknown", "note", text, row.place, None, f"{who} {row.path}", _TOPIC)
    elif row.verdict == "differs":
        text = f"{who}: {_row(one, row)}"
        yield Finding("price-differs", "warning", text, row.place, None, f"{who} {row.path}", _TOPIC)


def entry_document(catalogue: Catalogue, reference: Reference) -> dict[str, Any]:
    """One entry of the catalogue; each price with its unit."""
    entry = reference.entry
    return {
        "apiVersion": API_VERSION,
        "kind": "CatalogueEntry",
        "exit_code": 0,
        "package": catalogue.package,
        "version": catalogue.version,
        "day": catalogue.day.isoformat(),
        "entry": entry.ref,
        "name": entry.name,
        "context_window": entry.context_window,
        "deprecated": entry.deprecated,
        "prices": [
            {
                "hours": prices.hours or None,
                "fields": {".".join(path): str(price) for path, price in prices.fields.items()},
                "elsewhere": list(prices.elsewhere),
            }
            for prices in entry.prices
        ],
    }


def _checked(one: Checked, paint: Paint) -> Iterator[str]:
    counts = Counter(row.verdict for row in one.rows)
    told = ", ".join(f"{counts[verdict]} {word}" for verdict, word in _WORDS.items() if counts[verdict])
    head = paint(one.name, "bold")
    if one.entry is None:
        yield f"{head}{_for(one)}: {paint('unknown', _STYLES['unknown'])}, {safe(one.reason)}"
        return
    terms = [f"+ {one.markup}".replace("+ -", "- ")] if one.markup else []
    terms += [f"within {one.tolerance}"] if one.tolerance else []
    terms += [f"at {one.hours}"] if one.hours else []
    beside = f" ({', '.join(terms)})" if terms else ""
    yield f"{head}{_for(one)}: {paint(told, _STYLES[one.verdict])}, {safe(one.entry)}{beside}"
    for row in one.rows:
        if row.verdict != "agrees":
            yield f"  {row.place}: {paint(_row(one, row), _STYLES[row.verdict])}"


def _for(one: Checked) -> str:
    return f" for {', '.join(one.registries)}"


def _row(one: Checked, row: Row) -> str:
    """``pricing.input: 0.15 here, 0.20 in openai/gpt-4o-mini (+33%)``."""
    if row.verdict == "unknown":
        return f"{row.path}: unknown, {safe(row.reason)}"
    change = f" ({row.change})" if row.change else ""
    unit = "" if row.unit == _USUAL else f" {row.unit}"
    if one.markup:
        sign = f"+ {one.markup}".replace("+ -", "- ")
        return (
            f"{row.path}: {row.declared}{unit} here, {row.expected} expected: "
            f"{row.listed} in {safe(one.entry)} {sign}{change}"
        )
    return f"{row.path}: {row.declared}{unit} here, {row.listed} in {safe(one.entry)}{change}"


def _totals(check: PriceCheck) -> str:
    counts = Counter(one.verdict for one in check.checked)
    models = len({one.name for one in check.checked})
    parts = [f"{counts[verdict]} {word}" for verdict, word in _WORDS.items() if counts[verdict]]
    # With overrides, one model may stand in several lines.
    lines = "" if models == len(check.checked) else f" in {len(check.checked)} sets of prices"
    text = f"Prices: {counted(models, 'model', 'models')}{lines}"
    text += f": {', '.join(parts)}." if parts else " compared."
    without = len(check.without_prices)
    return f"{text} {without} without prices." if without else text


_WORDS: Final[dict[Verdict, str]] = {"agrees": "agree", "differs": "differ", "unknown": "unknown"}
