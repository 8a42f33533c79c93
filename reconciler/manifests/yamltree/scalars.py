"""What an unquoted scalar means: YAML 1.2 core."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from reconciler.manifests.yamltree.tree import UNREADABLE, Unreadable

_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER: Final = re.compile(
    r"(?P<int>[-+]?[0-9]+)|0o(?P<octal>[0-7]+)|0x(?P<hex>[0-9a-fA-F]+)"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?(?P<exponent>[0-9]+))?"
)
NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMBER_STARTS: Final = frozenset("+-.0123456789")
MOST_DIGITS: Final = 40
MOST_EXPONENT: Final = 40

Scalar: TypeAlias = str | int | bool | Decimal | None


def resolve(text: str) -> Scalar | Unreadable:
    """What an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    number = _NUMBER.fullmatch(text)
    if number is None:
        return UNREADABLE if NOT_FINITE.fullmatch(text) else text
    return UNREADABLE if _is_out_of_range(number) else _number(number)


def _number(number: re.Match[str]) -> int | Decimal:
    match number.lastgroup:
        case "int":
            return int(number[0])
        case "octal":
            return int(number["octal"], 8)
        case "hex":
            return int(number["hex"], 16)
        case _:
            return Decimal(number[0])


def _is_out_of_range(number: re.Match[str]) -> bool:
    """A number like 1e999999999 would take all memory as soon as something is done with it."""
    exponent = (number["exponent"] or "").lstrip("0")
    if len(exponent) > 2 or int(exponent or 0) > MOST_EXPONENT:
        return True
    if number.lastgroup in {"octal", "hex"}:
        return len(number[number.lastgroup]) > MOST_DIGITS
    mantissa = re.split("[eE]", number[0])[0]
    return len(mantissa.strip("+-").replace(".", "")) > MOST_DIGITS


class _Memo(dict[str, Any]):
    """What short scalars mean. Manifests repeat few words many times: each is resolved and held once.

    Two limits keep it small whatever is read: the length of a text and the number of texts.
    """

    __slots__ = ()

    def __missing__(self, text: str) -> Any:
        value = self.look_up(text)
        if len(text) <= 64 and len(self) < 16_384:
            self[text] = value
        return value

    def look_up(self, text: str) -> Any:
        return resolve(text)


class _Keys(_Memo):
    """Gives None for an unquoted key that is not an ordinary string."""

    __slots__ = ()

    def look_up(self, text: str) -> str | None:
        return text if text != "<<" and isinstance(resolve(text), str) else None


VALUES: Final = _Memo()
KEYS: Final = _Keys()
