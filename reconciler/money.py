"""Prices: an exact amount, a currency, and what it is per.

No float appears here. Every registry has its own unit for the same field name (USD per token, per 1K,
per 1M, per image), so a number without a unit is not a price. Conversion inside one dimension is exact
or refused; between dimensions and currencies there is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from functools import lru_cache
from typing import Final

SIGNIFICANT_DIGITS: Final = 15
"""What an IEEE 754 double keeps of a decimal number; every registry we know stores doubles."""

_DOUBLE: Final = Context(prec=SIGNIFICANT_DIGITS)
# Wide enough that a product of any two amounts we accept (40 digits) is exact.
_EXACT: Final = Context(prec=120)
_ENDING: Final = Context(prec=60, traps=[Inexact])


class InexactPrice(ValueError):
    """The conversion does not end, or the result has more digits than a registry keeps."""


class MalformedUnit(ValueError):
    """The text is not a unit of price; the message lists what is."""


@lru_cache(maxsize=4096)  # every price is read several times in a run, and most of them are those of others
def as_double(number: Decimal | int) -> Decimal:
    """``number`` rounded to the 15 significant digits that a double keeps, in its shortest form."""
    return plain(_DOUBLE.plus(Decimal(number)))


def plain(number: Decimal) -> Decimal:
    """``number`` without trailing zeros and without a positive exponent (``1E+2`` becomes ``100``)."""
    shortest = number.normalize(_EXACT)
    exponent = shortest.as_tuple().exponent
    if isinstance(exponent, int) and exponent > 0:
        return shortest.quantize(Decimal(1), context=_EXACT)
    return shortest or Decimal(0)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a price is per: ``count`` of ``dimension`` (one of ``DIMENSIONS``; a minute is 60 seconds)."""

    dimension: str
    count: int = 1

    def __str__(self) -> str:
        if self.dimension == "second" and self.count == 60:
            return "minute"
        for letter, size in (("M", 1_000_000), ("K", 1_000)):
            if self.count % size == 0:
                return f"{self.count // size}{letter} {_PLURAL[self.dimension]}"
        return self.dimension if self.count == 1 else f"{self.count} {_PLURAL[self.dimension]}"


_PLURAL: Final = {
    "token": "tokens",
    "image": "images",
    "second": "seconds",
    "request": "requests",
    "character": "characters",
    "search": "searches",
}
DIMENSIONS: Final = tuple(_PLURAL)
_NOUNS: Final = {
    **{noun: (noun, 1) for noun in _PLURAL},
    **{plural: (noun, 1) for noun, plural in _PLURAL.items()},
    "minute": ("second", 60),
    "minutes": ("second", 60),
}
_UNIT: Final = re.compile(r"(?:([1-9][0-9]{0,8})?([KM])? +)?([a-z]+)")

PER_1K_TOKENS: Final = Unit("token", 1_000)
PER_1M_TOKENS: Final = Unit("token", 1_000_000)
PER_IMAGE: Final = Unit("image")
PER_SECOND: Final = Unit("second")
PER_1M_SEARCHES: Final = Unit("search", 1_000_000)


@lru_cache(maxsize=64)
def unit_pattern(*dimensions: str) -> str:
    """The regular expression of every unit in ``dimensions``, for the published schemas."""
    nouns = [noun for noun, (dimension, _) in _NOUNS.items() if dimension in dimensions]
    return rf"(?:(?:[1-9][0-9]{{0,8}})?[KM]? +)?(?:{'|'.join(sorted(nouns))})"


@lru_cache(maxsize=256)
def parse_unit(text: str) -> Unit:
    """``1M tokens``, ``1K searches``, ``image``, ``minute``.

    Raises MalformedUnit.
    """
    matched = _UNIT.fullmatch(text)
    if matched is None or matched[3] not in _NOUNS:
        known = ", ".join(sorted(_NOUNS))
        raise MalformedUnit(f"'{text}' is not a unit: write a count (1, 1K, 1M) and one of {known}")
    number, letter, noun = matched.groups()
    dimension, base = _NOUNS[noun]
    size = {"K": 1_000, "M": 1_000_000, None: 1}[letter]
    return Unit(dimension, int(number or 1) * size * base)


@dataclass(frozen=True, slots=True, eq=False)
class Price:
    """``amount`` units of ``currency`` for one ``unit``.

    Two prices are equal when they cost the same: 0.15 per 1M tokens equals 0.00015 per 1K.
    """

    amount: Decimal
    currency: str
    unit: Unit

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Price):
            return NotImplemented
        if self.unit.count == other.unit.count and self.amount == other.amount:
            return self.currency == other.currency and self.unit.dimension == other.unit.dimension
        return (
            self.currency == other.currency
            and self.unit.dimension == other.unit.dimension
            and _EXACT.multiply(self.amount, Decimal(other.unit.count))
            == _EXACT.multiply(other.amount, Decimal(self.unit.count))
        )

    def __hash__(self) -> int:
        # Equal prices may differ in amount and count, so neither can take part.
        return hash((self.currency, self.unit.dimension))

    def to(self, unit: Unit) -> Price:
        """The same price for another unit of the same dimension, in its shortest form.

        Raises InexactPrice when the dimensions differ or the conversion does not end.
        """
        if unit.dimension != self.unit.dimension:
            raise InexactPrice(f"a price per {self.unit} is not a price per {unit}")
        if unit.count == self.unit.count:
            return Price(plain(self.amount), self.currency, unit)
        try:
            scaled = _EXACT.multiply(self.amount, Decimal(unit.count))
            return Price(plain(_ENDING.divide(scaled, Decimal(self.unit.count))), self.currency, unit)
        except Inexact:
            raise InexactPrice(f"{self} has no exact value per {unit}") from None

    def wire(self, unit: Unit) -> Decimal:
        """The amount for ``unit`` as a registry stores it.

        Raises InexactPrice when that needs more than 15 significant digits.
        """
        amount = self.to(unit).amount
        if as_double(amount) != amount:
            raise InexactPrice(
                f"{self} has more than {SIGNIFICANT_DIGITS} significant digits, which is all a registry keeps"
            )
        return amount

    def __str__(self) -> str:
        return f"{amount_text(self.amount)} {self.currency} / {self.unit}"


def amount_text(amount: Decimal) -> str:
    """``amount`` in plain notation with at least two decimals: ``0.20``, ``0.000125``, ``15.00``."""
    text = format(plain(amount), "f")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(2, '0')}"


def change_in_percent(before: Decimal, after: Decimal) -> str | None:
    """``+33%``, ``-50%``, and from a factor of ten on ``x1000`` or ``/1000``; None where ``before`` is zero.

    Both amounts are per the same unit.
    """
    if not before:
        return None
    ratio = _EXACT.divide(after, before)
    if ratio >= 10:
        return f"x{_factor(ratio)}"
    if after and (inverse := _EXACT.divide(before, after)) >= 10:
        return f"/{_factor(inverse)}"
    percent = (ratio - 1) * 100
    digits = 0 if abs(percent) >= 1 else 2
    return f"{percent:+.{digits}f}%"


def _factor(ratio: Decimal) -> str:
    return format(plain(Context(prec=3).plus(ratio)), "f")
