"""JSON as text and as values: numbers stay decimal, and nothing gets in that cannot be kept.

Numbers are held to 15 significant digits, what every double keeps, because the real service stores
doubles. ``0.1`` therefore comes back as ``0.1``, and a seventeenth digit does not come back at all.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal
from typing import Any, NoReturn

import simplejson

DEEPEST = 64
"""How many objects and arrays may stand inside each other; real bodies have six."""

_DOUBLE = Context(prec=15)


class InvalidJSONError(ValueError):
    """The text is not JSON that can be kept. The message holds nothing of the text."""


def dumps(value: object) -> str:
    """``value`` as compact JSON text, decimals digit for digit."""
    return simplejson.dumps(value, ensure_ascii=False, separators=(",", ":"), use_decimal=True)


def loads(text: bytes | str) -> Any:
    """The value in ``text``: an integer is ``int``, any other number ``Decimal``.

    Raises InvalidJSONError: not UTF-8, not JSON, NaN or Infinity, a number beyond a double, half of a
    surrogate pair, or nested deeper than ``DEEPEST``.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        value = simplejson.loads(
            decoded, parse_int=_integer, parse_float=_decimal, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError:
        raise InvalidJSONError("the body is not UTF-8") from None
    except simplejson.JSONDecodeError as error:
        raise InvalidJSONError(
            f"the body is not valid JSON: line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise InvalidJSONError(_TOO_DEEP) from None
    _refuse_unkeepable(value, 0)
    return value


def rounded(number: Decimal) -> Decimal:
    """``number`` to 15 significant digits."""
    return _DOUBLE.plus(number)


_TOO_DEEP = f"the body is nested deeper than {DEEPEST}"


def _integer(text: str) -> int:
    _refuse_beyond_double(text)
    return int(text) if len(text) <= _DOUBLE.prec else int(_DOUBLE.create_decimal(text))


def _decimal(text: str) -> Decimal:
    # Asked of the double first: Decimal itself fails on an exponent of twenty digits.
    if _refuse_beyond_double(text) == 0:
        return Decimal(0)
    return _DOUBLE.create_decimal(text)


def _refuse_beyond_double(text: str) -> float:
    double = float(text)
    if math.isinf(double):
        raise InvalidJSONError("the body holds a number that is too large")
    return double


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJSONError(f"the body holds {name}, which is not JSON")


def _refuse_unkeepable(value: object, depth: int) -> None:
    if depth > DEEPEST:
        raise InvalidJSONError(_TOO_DEEP)
    if isinstance(value, str):
        _refuse_surrogates(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_surrogates(key)
            _refuse_unkeepable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _refuse_unkeepable(item, depth + 1)


def _refuse_surrogates(text: str) -> None:
    # JSON may spell out half of a pair (\ud800), but neither SQLite nor an answer could hold it.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidJSONError("the body holds half of a surrogate pair") from None
