"""How much a reviewer should look at an action: the documented order, and the reasons for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reconciler.plan import Change, Shown
from reconciler.refusal import Refusal
from reconciler.risk import Level, level_of, percent, price_factor, risk_of

from .plans import action, change, dearer, price, value

REFUSED = (Refusal("unit-slip", "looks like a slip", None, ()),)


def moved(path: str, before: Any = "a", after: Any = "b") -> Change:
    return change(path, value(before), value(after))


BY_LEVEL = {
    Level.REFUSED: action("m", "refused", moved("description"), refusals=REFUSED),
    Level.PRICE: action("m", "update", dearer()),
    Level.ACCESS: action("m", "update", moved("endpoint.base_url")),
    Level.SWITCH: action("m", "update", moved("native.orq.enabled", after=False)),
    Level.IDENTITY: action("m", "update", moved("model")),
    Level.SETTINGS: action("m", "update", moved("limits.context_window", 1, 2)),
    Level.TEXT: action("m", "update", moved("display_name")),
    Level.CREATE: action("m", "create", change("pricing.input", None, price("1"))),
    Level.NONE: action("m", "none"),
}


def test_every_level_has_its_action_and_they_sort_as_they_are_listed() -> None:
    assert {level: risk_of(each).level for level, each in BY_LEVEL.items()} == {
        level: level for level in Level
    }
    assert sorted(BY_LEVEL.values(), key=lambda each: risk_of(each).order) == list(BY_LEVEL.values())


@pytest.mark.parametrize(
    ("one", "level"),
    [
        (dearer(path="native.orq.input_cost"), Level.PRICE),
        (change("pricing.input", price("1"), None), Level.PRICE),
        (
            change("endpoint.api_key", Shown("unreadable", "never read back"), Shown("secret", "K")),
            Level.ACCESS,
        ),
        (change("native.orq.headers.x", None, Shown("secret", "K")), Level.ACCESS),
        (moved("native.respan.apiBase_url"), Level.ACCESS),
        (moved("native.x.callback", None, "https://hook.example.com"), Level.ACCESS),
        (moved("native.x.is_disabled"), Level.SETTINGS),
        (moved("native.x.disabled"), Level.SWITCH),
        (moved("provider"), Level.IDENTITY),
        (moved("type"), Level.IDENTITY),
        (moved("capabilities.tools", before=True, after=False), Level.SETTINGS),
        (moved("limits.max_output_tokens", 1, 2), Level.SETTINGS),
        (moved("native.x.anything"), Level.SETTINGS),
        (moved("family"), Level.TEXT),
        (moved("description", after="see https://docs.example.com"), Level.TEXT),
        (moved("native.x.tree", None, {"a": ["https://hook.example.com"]}), Level.ACCESS),
    ],
)
def test_a_field_is_told_by_its_name_and_its_values(one: Change, level: Level) -> None:
    assert level_of(one) is level


def test_of_several_changes_the_riskiest_counts_and_says_why() -> None:
    both = action(
        "m", "update", moved("description"), dearer("1", "1.10"), dearer("2", "1", "pricing.output")
    )
    risk = risk_of(both)
    assert (risk.level, risk.size) == (Level.PRICE, 2)
    assert risk.reasons == ("pricing.output -50%", "pricing.input +10%")


def test_many_reasons_are_counted() -> None:
    many = [moved(f"native.x.s{number}") for number in range(5)]
    assert risk_of(action("m", "update", *many)).reasons == (*(f"native.x.s{n}" for n in range(3)), "2 more")


def test_a_refusal_says_by_what_and_a_create_which_secrets_it_sends() -> None:
    assert risk_of(BY_LEVEL[Level.REFUSED]).reasons == ("unit-slip",)
    made = action("m", "create", change("endpoint.api_key", None, Shown("secret", "K")), moved("model"))
    assert risk_of(made).reasons == ("sends endpoint.api_key",)


@pytest.mark.parametrize(
    ("before", "after", "factor"),
    [
        (price("1"), price("2"), Decimal(2)),
        (price("2"), price("1"), Decimal(2)),
        (price("1"), price("1", per="1K tokens"), Decimal(1000)),
        (price("1"), price("1", currency="EUR"), Decimal("Infinity")),
        (price("1", per="image"), price("1"), Decimal("Infinity")),
        (price("0.00"), price("1"), Decimal("Infinity")),
        (price("1"), price("0.00"), Decimal("Infinity")),
        (None, price("1"), Decimal("Infinity")),
        (Shown("unreadable", "three"), price("1"), Decimal("Infinity")),
    ],
)
def test_a_price_moves_by_a_factor_up_or_down(before: Shown | None, after: Shown, factor: Decimal) -> None:
    assert price_factor(change("pricing.input", before, after)) == factor


def test_a_price_that_moves_further_comes_first() -> None:
    further, less = action("z", "update", dearer("4", "1")), action("a", "update", dearer("1", "2"))
    assert sorted([less, further], key=lambda each: risk_of(each).order) == [further, less]


def test_percent_is_for_two_prices_of_one_unit() -> None:
    assert percent(dearer()) == "+33%"
    assert percent(change("pricing.input", price("1"), price("1", per="1K tokens"))) is None
    assert percent(change("pricing.input", None, price("1"))) is None
