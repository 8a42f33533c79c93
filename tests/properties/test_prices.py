"""The laws of prices: exact inside one dimension, exact to the text on the wire and back, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.http.answer import decode
from reconciler.money import DIMENSIONS, InexactPrice, Price, Unit
from reconciler.registries import KINDS
from reconciler.registries.codecs import CannotExpress, Money
from reconciler.registries.rows import Path
from reconciler.registries.wire import body_bytes

from .profile import examples

BUILT_IN = ("orq", "respan", "watsonx")


def money_points() -> Iterator[tuple[str, Path, Money]]:
    """Every place on a wire that holds a price."""
    for kind in BUILT_IN:
        for variant, table in KINDS[kind].tables.items():
            for row in table.rows:
                for point in row.points:
                    codec = point.codec or row.codec
                    if isinstance(codec, Money):
                        yield f"{kind}/{variant}", point.path, codec


POINTS = list(dict.fromkeys(money_points()))
CODECS = list(dict.fromkeys(codec for _, _, codec in POINTS))

KEPT = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(0, 10**15 - 1),
    st.integers(-20, 3),
)
"""Amounts of at most 15 significant digits."""

LONG = st.builds(
    lambda digits, last, exponent: Decimal(digits * 10 + last).scaleb(exponent),
    st.integers(10**15, 10**20),
    st.integers(1, 9),
    st.integers(-20, 3),
)
"""Amounts of more, none of which is a zero at the end."""

POWERS = st.sampled_from([1, 10, 1_000, 100_000, 1_000_000])
ANY_COUNT = st.integers(1, 999_999_999)


def ends(number: Fraction) -> bool:
    """Whether ``number`` has a last decimal: nothing but twos and fives below the line."""
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def on_the_wire(codec: Money, price: Price) -> Price:
    """``price`` as a registry shows it that was sent it: through the text of a request and of an answer."""
    text = body_bytes({"price": codec.encode(codec.normal(price, native=False))}, {})
    read = codec.decode(decode(text)["price"])
    assert isinstance(read, Price)
    return read


def test_prices_stand_on_the_wire_of_every_kind_that_has_them() -> None:
    assert {name for name, _, _ in POINTS} == {"orq/generic", "orq/openai-like", "respan/model"}
    assert {codec.unit.dimension for codec in CODECS} == {"token", "image", "second", "search"}


@examples(200)
@given(KEPT, st.sampled_from(DIMENSIONS), ANY_COUNT, ANY_COUNT)
def test_there_and_back_is_the_same_amount_or_there_is_refused(
    amount: Decimal, dimension: str, first: int, second: int
) -> None:
    price = Price(amount, "USD", Unit(dimension, first))
    try:
        there = price.to(Unit(dimension, second))
    except InexactPrice:
        assert not ends(Fraction(amount) * second / first)
        return
    assert there == price
    assert there.to(price.unit).amount == amount


@examples(100)
@given(KEPT, st.sampled_from(DIMENSIONS), st.sampled_from(DIMENSIONS), POWERS)
def test_there_is_no_way_from_one_dimension_to_another(
    amount: Decimal, one: str, other: str, count: int
) -> None:
    assume(one != other)
    with pytest.raises(InexactPrice):
        Price(amount, "USD", Unit(one, count)).to(Unit(other, count))


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: str(codec.unit))
@examples(100)
@given(amount=KEPT, count=POWERS)
def test_up_to_fifteen_digits_come_back_from_the_wire(codec: Money, amount: Decimal, count: int) -> None:
    price = Price(amount, "USD", Unit(codec.unit.dimension, count))
    read = on_the_wire(codec, price)
    assert read == price
    assert read.to(price.unit).amount == amount


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: str(codec.unit))
@examples(60)
@given(first=KEPT, second=KEPT, one=POWERS, other=POWERS)
def test_the_dearer_price_is_the_greater_number_on_the_wire(
    codec: Money, first: Decimal, second: Decimal, one: int, other: int
) -> None:
    dimension = codec.unit.dimension
    left, right = Price(first, "USD", Unit(dimension, one)), Price(second, "USD", Unit(dimension, other))
    sent = [on_the_wire(codec, price).amount for price in (left, right)]
    # A common measure, without any division.
    a, b = first * other, second * one
    assert (sent[0] < sent[1], sent[0] == sent[1]) == (a < b, a == b)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: str(codec.unit))
@examples(60)
@given(amount=LONG, count=POWERS)
def test_more_digits_than_fifteen_are_refused_and_never_rounded(
    codec: Money, amount: Decimal, count: int
) -> None:
    with pytest.raises(CannotExpress, match="15 significant digits"):
        codec.normal(Price(amount, "USD", Unit(codec.unit.dimension, count)), native=False)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: str(codec.unit))
@examples(40)
@given(amount=KEPT, currency=st.from_regex(r"[A-Z]{3}", fullmatch=True).filter(lambda text: text != "USD"))
def test_no_other_currency_gets_to_the_wire(codec: Money, amount: Decimal, currency: str) -> None:
    with pytest.raises(CannotExpress, match="holds prices in USD"):
        codec.normal(Price(amount, currency, codec.unit), native=False)
