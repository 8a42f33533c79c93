"""What the price changes of a plan would have cost, as text: a table for each registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Context, Decimal
from typing import Final

from reconciler.costs.count import Amounts, Costs, PriceCost, RegistryCosts, TotalCost
from reconciler.report.counting import counted
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe, width
from reconciler.report.text import NAMES_SHOWN

_CENT: Final = Decimal("0.01")
_WIDE: Final = Context(prec=120)
_HEAD: Final = ("model", "price", "month", "usage", "before", "after", "difference")
_NUMBERS: Final = ("usage", "before", "after", "difference")

_Row = tuple[str, ...]


def costs_text(costs: Costs, *, paint: Paint = plain) -> str:
    """All of it. Amounts are rounded to hundredths; the document has them exact."""
    lines = [paint(f"What the changed prices would have cost, at the usage in {safe(costs.usage)}", "bold")]
    for registry in costs.registries:
        lines += [paint(registry.name, "bold"), *_registry(registry, len(costs.months), paint)]
    if len(costs.registries) > 1 and not costs.by_registry:
        text = "the file has no column registry: its usage counts for each registry, so add no totals up"
        lines.append(f"note: {text}")
    if costs.unmatched:
        names = _names(
            safe(one.model) + (f" in {safe(one.registry)}" if one.registry else "") for one in costs.unmatched
        )
        have = counted(len(costs.unmatched), "model of the file has", "models of the file have")
        lines.append(f"note: {have} no manifest: {names}")
    if costs.ignored_columns:
        names = _names(safe(name) for name in costs.ignored_columns)
        lines.append(paint(f"ignored columns: {names}", "dim"))
    return "\n".join(lines)


def _registry(registry: RegistryCosts, months: int, paint: Paint) -> Iterator[str]:
    refused = [change for change in registry.changes if change.refused]
    rows = [row for change in registry.changes if not change.refused for row in _change(change)]
    rows += [row for total in registry.totals for row in _total(total, several=months > 1)]
    split = len(rows)
    rows += [row for change in refused for row in _change(change)]
    for index, line in enumerate(_table([_HEAD, *rows]) if rows else ()):
        if index == split + 1:
            yield paint("  refused, so in no total:", "refuse")
        yield paint(line, "dim") if index == 0 else line
    if not rows and not registry.unknown:
        yield paint("  no price changes", "dim")
    yield from _unknown(registry, paint)


def _unknown(registry: RegistryCosts, paint: Paint) -> Iterator[str]:
    """What cannot be counted; what is so for one reason in one line."""
    alike: dict[str, list[str]] = {}
    for one in registry.unknown:
        what = " ".join(safe(part) for part in (one.model, one.path) if part is not None)
        alike.setdefault(one.message, []).append(what)
    for message, those in alike.items():
        names = _names(name for name in those if name)
        yield paint(f"  unknown: {names + ': ' if names else ''}{safe(message)}", "change")


def _change(change: PriceCost) -> Iterator[_Row]:
    for index, one in enumerate(change.months):
        names = ("", "") if index else (safe(change.model), safe(change.path))
        used = f"{Decimal(one.used):,f} {change.quantity.replace('_', ' ')}"
        yield (*names, one.month, used, *_amounts(one.cost, change.currency))


def _total(total: TotalCost, *, several: bool) -> Iterator[_Row]:
    """One row where there is one month; else also all of them, and the mean."""
    for index, one in enumerate(total.months):
        yield ("" if index else "total", "", one.month, "", *_amounts(one.cost, total.currency))
    if several:
        yield ("", "", "all", "", *_amounts(total.cost, total.currency))
        yield ("", "", "mean", "", *_amounts(total.mean, total.currency))


def _amounts(cost: Amounts, currency: str) -> _Row:
    difference = _cents(cost.difference)
    sign = "+" if difference[0].isdigit() and Decimal(cost.difference) > 0 else ""
    return _cents(cost.before), _cents(cost.after), f"{sign}{difference} {currency}"


def _cents(text: str) -> str:
    exact = Decimal(text)
    rounded = _WIDE.quantize(exact, _CENT)
    if not rounded:
        return "0.00" if not exact else "<0.01" if exact > 0 else ">-0.01"
    return f"{rounded:,f}"


def _table(rows: Sequence[_Row]) -> Iterator[str]:
    widths = [max(width(row[index]) for row in rows) for index in range(len(_HEAD))]
    for row in rows:
        cells = []
        for name, size, text in zip(_HEAD, widths, row, strict=True):
            space = " " * (size - width(text))
            cells.append(space + text if name in _NUMBERS else text + space)
        yield f"  {'  '.join(cells)}".rstrip()


def _names(names: Iterable[str]) -> str:
    every = list(names)
    rest = len(every) - NAMES_SHOWN
    return ", ".join(every[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
