"""Changes and values as people read them, in the manifest's units."""

from __future__ import annotations

import json
import re
from itertools import takewhile
from typing import Final

from reconciler.money import Price, change_in_percent
from reconciler.plan import Change, Shown, canonical
from reconciler.report.safe import safe

LONGEST: Final = 120
"""Characters of a value that the text shows; JSON, and -v, have the whole."""

_CONTEXT: Final = 20
_NEEDS_QUOTES: Final = re.compile(
    r"""["'({\[].*|true|false|null|[-+.]?[0-9].*|.* -> .*|\s.*|.*\s|""", re.DOTALL
)
"""Texts that could be taken for a number, a word of ours or two values."""


def counted(number: int, one: str, many: str) -> str:
    """A number and its noun: ``1 registry``, ``2 registries``."""
    return f"{number} {one if number == 1 else many}"


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
            return value.value
        return safe(json.dumps(value.value, ensure_ascii=False))
    return safe(canonical(value.value))


def change_text(change: Change) -> str:
    """``live -> desired`` with the unit once where both have the same, and the difference in percent."""
    live, desired = change.live, change.desired
    if live.price is not None and desired.price is not None:
        return _price_change(live, desired, live.price, desired.price)
    before, after = _text(live), _text(desired)
    if "value" == live.form == desired.form and max(len(before), len(after)) > LONGEST:
        before, after = _where_they_differ(before, after)
    return f"{_cut(before)} -> {_cut(after)}"


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


def _price_change(live: Shown, desired: Shown, before: Price, after: Price) -> str:
    percent = None
    if before.currency == after.currency and before.unit == after.unit:
        percent = change_in_percent(before.amount, after.amount)
    suffix = f" ({percent})" if percent else ""
    if before.currency == after.currency and before.unit == after.unit:
        amounts = f"{live.value['amount']} -> {desired.value['amount']}"
        return f"{amounts} {after.currency} / {after.unit}{suffix}"
    return f"{value_text(live)} -> {value_text(desired)}{suffix}"
