"""How much a reviewer should look at an action, by one rule that every report orders by.

The levels, the riskiest first:

1. `refused`: it will not happen, and somebody has to decide why.
2. `price`: what a model costs changes; among these, the larger factor comes first.
3. `access`: a host, or a credential that is sent to one.
4. `switch`: it is turned on or off.
5. `identity`: what is called behind the name: the upstream, the model, the type.
6. `settings`: limits, capabilities, and every field that no other level knows.
7. `text`: what only people read.
8. `create`: a new object, that nobody uses yet.
9. `none`: nothing would change.

Of several, an action has the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Context, Decimal
from enum import IntEnum
from typing import Final

from reconciler.money import change_in_percent
from reconciler.plan import Action, Change, Shown

_DIGITS: Final = Context(prec=30)
_BEYOND: Final = Decimal("Infinity")

REASONS: Final = 3
"""How many reasons of its level an action gives by name."""


class Level(IntEnum):
    """The riskiest is the smallest. The names, in small letters, are the words that reports print."""

    REFUSED = 1
    PRICE = 2
    ACCESS = 3
    SWITCH = 4
    IDENTITY = 5
    SETTINGS = 6
    TEXT = 7
    CREATE = 8
    NONE = 9

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Risk:
    """``size`` is the largest factor by which a price moves (at least 1; infinite from or to nothing), 0
    where none does; ``reasons`` say what the level comes from, without a word for what it is."""

    level: Level
    reasons: tuple[str, ...] = ()
    size: Decimal = field(default=Decimal(0))

    @property
    def order(self) -> tuple[Level, Decimal]:
        """What to sort by; the riskiest first."""
        return self.level, -self.size


def risk_of(action: Action) -> Risk:
    """The level of ``action`` and its reasons."""
    sizes = [price_factor(change) for change in action.changes if is_price(change)]
    size = max(sizes, default=Decimal(0))
    if action.operation == "refused":
        return Risk(Level.REFUSED, tuple(dict.fromkeys(each.code for each in action.refusals)), size)
    if action.operation == "create":
        secrets = [change.path for change in action.changes if change.desired.form == "secret"]
        return Risk(Level.CREATE, tuple(f"sends {path}" for path in secrets[:REASONS]))
    if action.operation == "none":
        return Risk(Level.NONE)
    levels = [(level_of(change), change) for change in action.changes]
    level = min((level for level, _ in levels), default=Level.SETTINGS)
    found = [change for each, change in levels if each == level]
    if level is Level.PRICE:
        found.sort(key=price_factor, reverse=True)
    reasons = [_reason(change) for change in found[:REASONS]]
    reasons += [f"{len(found) - REASONS} more"] if len(found) > REASONS else []
    return Risk(level, tuple(reasons), size)


def _reason(change: Change) -> str:
    moved = percent(change) if is_price(change) else None
    return f"{change.path} {moved}" if moved else change.path


def level_of(change: Change) -> Level:
    """What a change of one field is, by its name and its values."""
    if is_price(change):
        return Level.PRICE
    first, *_ = change.path.split(".")
    last = change.path.rpartition(".")[2].lower().replace("_", "").replace("-", "")
    if first == "endpoint" or last.endswith(_ACCESS) or "secret" in (change.live.form, change.desired.form):
        return Level.ACCESS
    for level, words in _WORDS:
        if last in words:
            return level
    return Level.ACCESS if _has_address(change.live) or _has_address(change.desired) else Level.SETTINGS


_ACCESS: Final = (
    *("url", "uri", "host", "hostname", "endpoint", "domain", "proxy", "gateway", "server"),
    *("key", "apitoken", "accesstoken", "secret", "password", "credential", "credentials"),
)
_WORDS: Final = (
    (Level.SWITCH, frozenset("enabled disabled active status state hidden deprecated archived".split())),
    (
        Level.IDENTITY,
        frozenset("model modelid provider providerid type id upstream deployment variant".split()),
    ),
    (
        Level.TEXT,
        frozenset("displayname title description developer family labels tags notes icon region".split()),
    ),
)


def _has_address(value: Shown) -> bool:
    return value.form == "value" and "://" in str(value.value)


def is_price(change: Change) -> bool:
    """Whether it is about what something costs."""
    return "price" in (change.live.form, change.desired.form) or change.path.startswith("pricing.")


def price_factor(change: Change) -> Decimal:
    """By how much a price moves, up or down: 2 for twice and for half of it. Infinite where that has no
    number: from or to nothing, to another currency or dimension."""
    before, after = change.live.price, change.desired.price
    if before is None or after is None or not before.amount or not after.amount:
        return _BEYOND
    if before.currency != after.currency or before.unit.dimension != after.unit.dimension:
        return _BEYOND
    old = _DIGITS.multiply(before.amount, Decimal(after.unit.count))
    new = _DIGITS.multiply(after.amount, Decimal(before.unit.count))
    return _DIGITS.divide(max(old, new), min(old, new))


def percent(change: Change) -> str | None:
    """How a price moves, ``+33%`` or ``x1000``; None where it was nothing, or the two cannot be compared."""
    before, after = change.live.price, change.desired.price
    if before is None or after is None or before.currency != after.currency or before.unit != after.unit:
        return None
    return change_in_percent(before.amount, after.amount)
