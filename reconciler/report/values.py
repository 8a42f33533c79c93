"""Changes and values as people read them, in the manifest's units."""

from __future__ import annotations

import json
import re
from itertools import takewhile
from typing import Final

from reconciler.money import Price
from reconciler.plan import Change, Shown, canonical
from reconciler.report.safe import safe
from reconciler.risk import percent

LONGEST: Final = 120
"""Characters of a value that the text shows; -v has more of it, JSON the whole."""

_CONTEXT: Final = 20
_NEEDS_QUOTES: Final = re.compile(
    r"""["'({\[].*|true|false|null|[-+.]?[0-9].*|.* -> .*|\s.*|.*\s|""", re.DOTALL
)
"""Texts that could be taken for a number, a word of ours or two values."""


def value_text(value: Shown) -> str:
    """One value on one line: a text in quotes only where it needs them."""
    return _cut(_text(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def _text(value: Shown) -> str:
    if value.form == "unset":
        return "(unset)"
    if value.form == "price":
        return f"{value.value['amount']} {value.value['currency']} / {value.value['per']}"
    if value.form == "secret":
        return f"(secret {safe(value.value)})"
    if value.form == "unreadable":
        return f"({safe(value.value)})"
    if isinstance(value.value, bool):
        return "true" if value.value else "false"
    if isinstance(value.value, str):
        if value.value.isprintable() and not _NEEDS_QUOTES.fullmatch(value.value):
            return safe(value.value)
        return safe(json.dumps(value.value, ensure_ascii=False))
    return safe(canonical(value.value))


def change_text(change: Change) -> str:
    """``live -> desired`` with the unit once where both have the same, and the difference in percent."""
    before, after = change.live.price, change.desired.price
    if before is not None and after is not None:
        return _price_change(change, before, after)
    return " -> ".join(both_texts(change))


def both_texts(change: Change) -> tuple[str, str]:
    """What is live and what is declared, each on one line; of long ones, the part where they differ."""
    return two_texts(change.live, change.desired)


def two_texts(one: Shown, other: Shown) -> tuple[str, str]:
    """Two values, each on one line; of long ones, the part where they differ."""
    before, after = _text(one), _text(other)
    if "value" == one.form == other.form and max(len(before), len(after)) > LONGEST:
        before, after = _where_they_differ(before, after)
    return _cut(before), _cut(after)


def _where_they_differ(before: str, after: str) -> tuple[str, str]:
    """Two long texts without what they begin and end with alike, but for a little of it."""
    same = _alike(before, after)
    end = _alike(before[same:][::-1], after[same:][::-1])
    start = max(0, same - _CONTEXT)
    rest = max(0, end - _CONTEXT)
    begun, ended = "…" if start else "", "…" if rest else ""
    return (
        f"{begun}{before[start : len(before) - rest]}{ended}",
        f"{begun}{after[start : len(after) - rest]}{ended}",
    )


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _price_change(change: Change, before: Price, after: Price) -> str:
    moved = percent(change)
    suffix = f" ({moved})" if moved else ""
    if before.currency == after.currency and before.unit == after.unit:
        amounts = f"{change.live.value['amount']} -> {change.desired.value['amount']}"
        return f"{amounts} {after.currency} / {after.unit}{suffix}"
    return f"{value_text(change.live)} -> {value_text(change.desired)}{suffix}"
