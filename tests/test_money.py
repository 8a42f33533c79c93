"""Prices: exact, with a unit, never a float."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.money import (
    DIMENSIONS,
    InexactPrice,
    MalformedUnit,
    Price,
    Unit,
    amount_text,
    as_double,
    change_in_percent,
    parse_unit,
    plain,
)

PER_1K = parse_unit("1K tokens")
PER_1M = parse_unit("1M tokens")


def usd(amount: str, unit: str = "1M tokens") -> Price:
    return Price(Decimal(amount), "USD", parse_unit(unit))


# What a double keeps: up to 15 significant digits.
AMOUNTS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(0, 10**15 - 1),
    st.integers(-18, 3),
)
COUNTS = st.sampled_from([1, 1_000, 1_000_000])


@pytest.mark.parametrize(
    ("text", "dimension", "count"),
    [
        ("token", "token", 1),
        ("tokens", "token", 1),
        ("1 token", "token", 1),
        ("1K tokens", "token", 1_000),
        ("1M tokens", "token", 1_000_000),
        ("M tokens", "token", 1_000_000),
        ("500 tokens", "token", 500),
        ("image", "image", 1),
        ("minute", "second", 60),
        ("10 minutes", "second", 600),
        ("1K searches", "search", 1_000),
        ("1M characters", "character", 1_000_000),
        ("request", "request", 1),
    ],
)
def test_a_unit_is_a_count_of_one_dimension(text: str, dimension: str, count: int) -> None:
    assert parse_unit(text) == Unit(dimension, count)


@pytest.mark.parametrize(
    "text", ["", "1M", "1m tokens", "0 tokens", "1G tokens", "per token", "1M token s", "tokens\n"]
)
def test_a_text_that_is_no_unit_is_refused(text: str) -> None:
    with pytest.raises(MalformedUnit, match="is not a unit"):
        parse_unit(text)


@given(st.sampled_from(DIMENSIONS), st.integers(1, 999_999_999))
def test_every_unit_reads_back_as_it_is_written(dimension: str, count: int) -> None:
    unit = Unit(dimension, count)
    assume(count < 10**9)
    assert parse_unit(str(unit)) == unit


@pytest.mark.parametrize(
    ("price", "unit", "wanted"),
    [
        (usd("0.15"), "1K tokens", "0.00015"),
        (usd("0.00015", "1K tokens"), "1M tokens", "0.15"),
        (usd("2.50"), "token", "0.0000025"),
        (usd("6", "minute"), "second", "0.1"),
        (usd("10", "1K searches"), "1M searches", "10000"),
        (usd("0", "1M tokens"), "1K tokens", "0"),
    ],
)
def test_conversion_is_exact(price: Price, unit: str, wanted: str) -> None:
    converted = price.to(parse_unit(unit))
    assert str(converted.amount) == wanted
    assert converted == price


def test_a_conversion_that_does_not_end_is_refused() -> None:
    with pytest.raises(InexactPrice, match="no exact value per second"):
        usd("1", "minute").to(parse_unit("second"))


def test_a_price_per_image_is_no_price_per_token() -> None:
    with pytest.raises(InexactPrice, match="not a price per"):
        usd("0.04", "image").to(PER_1M)


def test_more_digits_than_a_registry_keeps_are_refused_rather_than_rounded() -> None:
    assert usd("0.123456789012345").wire(PER_1K) == Decimal("0.000123456789012345")
    with pytest.raises(InexactPrice, match="15 significant digits"):
        usd("0.1234567890123456").wire(PER_1K)


@given(AMOUNTS, COUNTS, COUNTS)
def test_there_and_back_is_the_same_price(amount: Decimal, first: int, second: int) -> None:
    price = Price(amount, "USD", Unit("token", first))
    there = price.to(Unit("token", second))
    back = there.to(Unit("token", first))
    assert back == price == there
    assert back.amount == amount


@given(AMOUNTS, AMOUNTS, COUNTS, COUNTS)
def test_conversion_keeps_the_order(one: Decimal, other: Decimal, first: int, second: int) -> None:
    unit, wanted = Unit("token", first), Unit("token", second)
    converted = [Price(amount, "USD", unit).to(wanted).amount for amount in (one, other)]
    assert (converted[0] < converted[1]) == (one < other)


@given(AMOUNTS, COUNTS)
def test_a_double_on_the_way_changes_nothing(amount: Decimal, count: int) -> None:
    """A registry stores doubles; what it answers is the price that was sent."""
    sent = Price(amount, "USD", PER_1M).wire(Unit("token", count))
    answered = Decimal(repr(float(sent)))
    assert as_double(answered) == sent


@pytest.mark.parametrize("written", ["1.5e-04", "0.00015", "0.000150", "1.5E-4", "0.000149999999999999997"])
def test_a_live_number_is_equal_however_it_is_written(written: str) -> None:
    assert Price(as_double(Decimal(written)), "USD", PER_1K) == usd("0.15")


def test_the_same_number_in_another_currency_is_another_price() -> None:
    assert usd("0.15") != Price(Decimal("0.15"), "EUR", PER_1M)


def test_equal_prices_have_equal_hashes() -> None:
    assert len({usd("0.15"), usd("0.00015", "1K tokens"), usd("0.150")}) == 1


def test_a_price_is_equal_to_nothing_that_is_no_price() -> None:
    assert usd("1") != Decimal(1)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0.2", "0.20"), ("15", "15.00"), ("0.000125", "0.000125"), ("1E+2", "100.00"), ("0", "0.00")],
)
def test_amounts_are_written_plainly_with_two_decimals_at_least(amount: str, text: str) -> None:
    assert amount_text(Decimal(amount)) == text


@given(AMOUNTS)
def test_the_shortest_form_is_the_same_number_without_an_exponent(amount: Decimal) -> None:
    assert plain(amount) == amount
    exponent = plain(amount).as_tuple().exponent
    assert isinstance(exponent, int)
    assert exponent <= 0


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ("0.15", "0.20", "+33%"),
        ("0.20", "0.10", "-50%"),
        ("0.15", "150", "x1000"),
        ("1", "1.001", "+0.10%"),
        ("0.15", "0.00015", "/1000"),
        ("1", "0.1", "/10"),
        ("3", "0.1", "/30"),
        ("1", "0.11", "-89%"),
        ("2", "0", "-100%"),
        ("0", "1", None),
    ],
)
def test_a_change_is_told_in_percent_or_as_a_factor(before: str, after: str, text: str | None) -> None:
    assert change_in_percent(Decimal(before), Decimal(after)) == text
