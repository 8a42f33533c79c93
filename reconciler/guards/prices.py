"""Guards over prices: what looks like a slip of the unit, and what moves further than a team allows.

Real prices change by a few tens of percent; units differ by 10^3, 10^5 or 10^6. The thresholds were set on
the price history of a public catalogue (tests/data/price_changes.json): they let real changes pass and
catch every slip that is documented.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Final

from reconciler.guards.acknowledgements import GuardName
from reconciler.guards.case import Case
from reconciler.guards.facts import Moved, Peers
from reconciler.guards.ranges import usual_range
from reconciler.manifests.problems import dotted
from reconciler.money import Price, Unit, amount_text, change_in_percent, plain
from reconciler.refusal import PlanPlace, Refusal
from reconciler.registries.rows import Path

SLIP_FACTOR: Final = 100
"""A move by this factor or more is no change of a price: no public price ever moved by more than 75."""

FAR: Final = 3
"""How many times beyond the dearest, or below the cheapest, of its peers a price is far outside."""

PEERS: Final = 8
"""How many models make a range."""

INPUT: Final = ("pricing", "input")
OUTPUT: Final = ("pricing", "output")
CACHE_READ: Final = ("pricing", "cache_read")

_DIGITS: Final = Context(prec=40)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a price may move at once, as a share of what it was, and where that is set."""

    rise: Decimal | None = None
    fall: Decimal | None = None
    place: PlanPlace | None = None


def price_guards(
    case: Case,
    moves: Sequence[Moved],
    in_force: Mapping[Path, Price],
    peers: Peers,
    *,
    model_type: str | None,
    limits: Limits,
) -> Iterator[Refusal]:
    """Every guard that one action's prices run into; of those about one price, the gravest.

    ``in_force`` are the prices of the object after the action by portable path, ``peers`` those of every
    manifest.
    """
    for move in moves:
        refusal = (
            _slip(case, move)
            or _zero(case, move)
            or _order(case, move, in_force)
            or _range(case, move, peers, model_type)
            or _limit(case, move, limits)
        )
        if refusal is not None:
            yield refusal


def _slip(case: Case, move: Moved) -> Refusal | None:
    before = move.before
    if before is None or not before.amount or not move.after.amount:
        return None
    factor = _ratio(move.after, before)
    if 1 / Decimal(SLIP_FACTOR) < factor < SLIP_FACTOR:
        return None
    change = change_in_percent(Decimal(1), factor)
    was = _text(before, move.unit)
    message = (
        f"{dotted(move.path)}: {was} -> {_text(move.after, move.unit)} ({change}) looks like a unit slip"
    )
    return _refused(case, "unit-slip", move, f"{message}: {_readings(move, before)}")


def _zero(case: Case, move: Moved) -> Refusal | None:
    if move.after.amount or move.before is None or not move.before.amount:
        return None
    was = _text(move.before, move.unit)
    change = f"{was} -> {_text(move.after, move.unit)} looks like a unit slip or a lost number"
    readings = f"{amount_text(move.after.amount)} reads as free of charge; {was} would be as usual"
    return _refused(case, "price-zero", move, f"{dotted(move.path)}: {change}: {readings}")


def _order(case: Case, move: Moved, in_force: Mapping[Path, Price]) -> Refusal | None:
    first = in_force.get(INPUT)
    if first is None or not first.amount or move.name not in (INPUT, OUTPUT, CACHE_READ):
        return None
    alike = {name: price for name, price in in_force.items() if _comparable(price, first)}
    output, cached = alike.get(OUTPUT), alike.get(CACHE_READ)
    if output is not None and output.amount and _ratio(output, first) < 1 and move.name != CACHE_READ:
        other, how = output, f"output {_text(output, move.unit)} is below"
    elif cached is not None and _ratio(cached, first) > 1 and move.name != OUTPUT:
        other, how = cached, f"cache_read {_text(cached, move.unit)} is above"
    else:
        return None
    pair = f"{how} input {_text(first, move.unit)}, which looks like a unit slip in one of them"
    readings = _readings(move, other if move.name == INPUT else first)
    return _refused(case, "price-order", move, f"{dotted(move.path)}: {pair}: {readings}")


def _range(case: Case, move: Moved, peers: Peers, model_type: str | None) -> Refusal | None:
    span = peers.span(model_type, move.name, move.after, case.model)
    known: tuple[Price, Price] | None
    if span is not None and span[0] >= PEERS:
        known, whose = span[1:], f"the {span[0]} other {model_type} models here"
    else:
        known, whose = usual_range(move.name), "public models"
    if known is None or not move.after.amount or not _comparable(known[0], move.after):
        return None
    if _ratio(known[0], move.after) <= FAR and _ratio(move.after, known[1]) <= FAR:
        return None
    ends = f"{_text(known[0], move.unit)} to {_text(known[1], move.unit)}"
    message = (
        f"{dotted(move.path)}: {_text(move.after, move.unit)} is far outside of what {whose} cost "
        f"({ends}), and looks like a unit slip"
    )
    nearest = known[0] if _ratio(known[0], move.after) > 1 else known[1]
    return _refused(case, "price-range", move, f"{message}: {_readings(move, nearest)}")


def _limit(case: Case, move: Moved, limits: Limits) -> Refusal | None:
    if move.before is None or not move.before.amount:
        return None
    share = _ratio(move.after, move.before) - 1
    limit = limits.rise if share > 0 else limits.fall
    if limit is None or abs(share) <= limit:
        return None
    word = "rise" if share > 0 else "fall"
    change = change_in_percent(Decimal(1), share + 1)
    message = (
        f"{dotted(move.path)}: {_text(move.before, move.unit)} -> {_text(move.after, move.unit)} ({change}) "
        f"is more than the {plain(limit * 100)}% that a price may {word} ({limits.place})"
    )
    told = {"measured": change, "limit": f"{plain(limit * 100)}%", "place": limits.place}
    return _refused(case, "price-change", move, message, **told)


def _refused(case: Case, guard: GuardName, move: Moved, message: str, **told: Any) -> Refusal | None:
    fix = "correct the number or its unit; if it is meant, acknowledge it"
    return case.refused(guard, message, fix, dotted(move.path), **told)


def _comparable(one: Price, other: Price) -> bool:
    return one.currency == other.currency and one.unit.dimension == other.unit.dimension


def _ratio(one: Price, other: Price) -> Decimal:
    """How many times ``other`` fits into ``one``; both of one currency and dimension, ``other`` not 0."""
    if not other.amount:
        return Decimal("Infinity") if one.amount else Decimal(1)
    scaled = _DIGITS.multiply(one.amount, Decimal(other.unit.count))
    return _DIGITS.divide(scaled, _DIGITS.multiply(other.amount, Decimal(one.unit.count)))


def _text(price: Price, unit: Unit) -> str:
    converted = price.to(unit) if price.unit.dimension == unit.dimension else price
    return f"{amount_text(converted.amount)} {price.currency} / {converted.unit}"


_CENTS: Final = Decimal("0.01")


def _readings(move: Moved, near: Price) -> str:
    """The number as it is written and as it may have been meant, side by side.

    Of the units that registries use, the one that brings the number nearest to ``near``.
    """
    written = move.after.to(move.unit).amount
    first = f"{amount_text(written)} reads as {_text(move.after, move.unit)}"
    candidates: list[tuple[Decimal, str, Price]] = []
    for count in (1, 1_000, 1_000_000):
        unit = Unit(move.unit.dimension, count)
        for share, currency in ((Decimal(1), move.after.currency), (_CENTS, "cents")):
            price = Price(_DIGITS.multiply(written, share), move.after.currency, unit)
            away = max(_ratio(price, near), _ratio(near, price))
            candidates.append((away, f"{amount_text(written)} {currency} / {unit}", price))
    away, text, price = min(candidates, key=lambda candidate: candidate[0])
    if away > FAR * 2 or price == move.after:
        return f"{first}; {_text(near, move.unit)} would be as usual"
    return f"{first}; had {text} been meant, it would be {_text(price, move.unit)}"
