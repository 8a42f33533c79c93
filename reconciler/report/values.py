"""Changes and values as people read them, in the manifest's units."""

from __future__ import annotations

from decimal import Decimal

from reconciler.money import Price, change_in_percent, parse_unit
from reconciler.plan import Change, Shown, canonical
from reconciler.report.safe import safe


def value_text(value: Shown) -> str:
    """One value on one line: a text in quotes only where it needs them."""
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
        plain = value.value and value.value == value.value.strip() and value.value == safe(value.value)
        return value.value if plain else safe(canonical(value.value))
    return safe(canonical(value.value))


def change_text(change: Change) -> str:
    """``live -> desired`` with the unit once where both have the same, and the difference in percent."""
    live, desired = change.live, change.desired
    if live.form == "price" and desired.form == "price":
        return _price_change(live, desired)
    return f"{value_text(live)} -> {value_text(desired)}"


def _price_change(live: Shown, desired: Shown) -> str:
    before, after = _price(live), _price(desired)
    percent = None
    if before.currency == after.currency and before.unit == after.unit:
        percent = change_in_percent(before.amount, after.amount)
    suffix = f" ({percent})" if percent else ""
    if before.currency == after.currency and before.unit == after.unit:
        amounts = f"{live.value['amount']} -> {desired.value['amount']}"
        return f"{amounts} {after.currency} / {after.unit}{suffix}"
    return f"{value_text(live)} -> {value_text(desired)}{suffix}"


def _price(value: Shown) -> Price:
    return Price(Decimal(value.value["amount"]), value.value["currency"], parse_unit(value.value["per"]))
