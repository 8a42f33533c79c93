"""Checks for JSON values, to be put together into tables of what a route accepts.

A check is called with the path of a value (``metadata.region``) and the value. It returns nothing, or
raises Mismatch with a message that names the path and never shows the value. JSON's types are kept
apart: ``true`` is not a number, ``1`` is not a boolean, ``1.0`` is not an integer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from decimal import Decimal

from reconciler.embedded.answers import Mismatch

Check = Callable[[str, object], None]

_INT64 = 2**63
_LONGEST_NAME = 80


def flag(path: str, value: object) -> None:
    if not isinstance(value, bool):
        raise _mismatch(path, "a boolean", value)


def text(path: str, value: object) -> None:
    if not isinstance(value, str):
        raise _mismatch(path, "a string", value)


def text_up_to(longest: int) -> Check:
    """A string of at most ``longest`` characters."""

    def check(path: str, value: object) -> None:
        text(path, value)
        assert isinstance(value, str)
        if len(value) > longest:
            raise Mismatch(path, f"longer than {longest} characters ({len(value)})")

    return check


def identifier(path: str, value: object) -> None:
    """A string that can stand in the path of a URL.

    The reference sets no such rule. An empty id, or one with control characters, could be created and
    then never be addressed again, so it is refused.
    """
    text(path, value)
    assert isinstance(value, str)
    if not value or not value.isprintable():
        raise Mismatch(path, "empty, or holds characters that cannot be printed")


def amount(path: str, value: object) -> None:
    """A number, 0 or more.

    The reference sets no lower bound. Every number of it is a price, a size or a rating, and a negative
    one is a mistake, so it is refused here rather than found on a bill.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _mismatch(path, "a number", value)
    _refuse_negative(path, value)


def integer(path: str, value: object) -> None:
    """An int64."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mismatch(path, "an integer", value)
    if not -_INT64 <= value < _INT64:
        raise Mismatch(path, "does not fit in 64 bits")


def count(path: str, value: object) -> None:
    """An int64, 0 or more; see ``amount`` for why."""
    integer(path, value)
    assert isinstance(value, int)
    _refuse_negative(path, value)


def free_object(path: str, value: object) -> None:
    """An object with any keys."""
    if not isinstance(value, dict):
        raise _mismatch(path, "an object", value)


def nullable(check: Check) -> Check:
    def check_unless_null(path: str, value: object) -> None:
        if value is not None:
            check(path, value)

    return check_unless_null


def array(item: Check) -> Check:
    def check(path: str, value: object) -> None:
        if not isinstance(value, list):
            raise _mismatch(path, "an array", value)
        for index, element in enumerate(value):
            item(f"{path}[{index}]", element)

    return check


def map_of(item: Check) -> Check:
    """An object with any keys, whose values all pass ``item``."""

    def check(path: str, value: object) -> None:
        free_object(path, value)
        assert isinstance(value, dict)
        for key, element in value.items():
            item(f"{path}.{_short(key)}", element)

    return check


def closed_object(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with all keys of ``required``, any of ``optional``, and no other."""
    checks = {**required, **(optional or {})}

    def check(path: str, value: object) -> None:
        if not isinstance(value, dict):
            raise _mismatch(path, "an object", value)
        prefix = f"{path}." if path else ""
        for key in value:
            if key not in checks:
                raise Mismatch(prefix + _short(key), "not a known field", kind="extra_forbidden")
        _check_fields(prefix, value, required, checks)

    return check


def open_object(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with all keys of ``required``, any of ``optional``, and any other, which nobody reads."""
    checks = {**required, **(optional or {})}

    def check(path: str, value: object) -> None:
        if not isinstance(value, dict):
            raise _mismatch(path, "an object", value)
        _check_fields(f"{path}." if path else "", value, required, checks)

    return check


def one_of(*choices: str) -> Check:
    """One of a few strings."""

    def check(path: str, value: object) -> None:
        text(path, value)
        if value not in choices:
            raise Mismatch(path, f"must be one of {', '.join(choices)}")

    return check


def either(*checks: Check) -> Check:
    """What any of ``checks`` takes; the refusal is that of the last."""

    def check(path: str, value: object) -> None:
        for alternative in checks[:-1]:
            with contextlib.suppress(Mismatch):
                return alternative(path, value)
        return checks[-1](path, value)

    return check


def _check_fields(
    prefix: str, value: dict[str, object], required: Mapping[str, Check], checks: Mapping[str, Check]
) -> None:
    for key in required:
        if key not in value:
            raise Mismatch(prefix + key, "required", kind="missing")
    for key, item in value.items():
        if key in checks:
            checks[key](prefix + key, item)


def _refuse_negative(path: str, value: int | Decimal) -> None:
    if value < 0:
        raise Mismatch(path, "must not be negative")


def _mismatch(path: str, wanted: str, value: object) -> Mismatch:
    return Mismatch(path, f"expected {wanted}, got {_kind(value)}", kind="type_error")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int() | Decimal():
            return "a number"
        case list():
            return "an array"
        case _:
            return "an object"


def _short(key: str) -> str:
    return key if len(key) <= _LONGEST_NAME else f"{key[:_LONGEST_NAME]}…"
