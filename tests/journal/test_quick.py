"""The text of what is about to be sent, made in a hurry, is the one that the general encoder makes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.journal.quick import intent_text
from reconciler.journal.records import Intent
from reconciler.journal.writing import _json
from reconciler.plan import Action, Change, Shown
from reconciler.refusal import PlanPlace

TEXT = st.text(st.characters(codec=None), max_size=6)  # half of a surrogate pair too, which YAML can spell
PLAIN = st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=8)
SHOWN = st.builds(Shown, st.sampled_from(["value", "unset", "price", "secret", "unreadable"]), VALUES)


def action(*changes: Change, name: str = "a", identity: str | None = None) -> Action:
    return Action("orq", "Model", name, "create", "generic", identity, PlanPlace("a.yaml", 1, 1), changes)


def change(live: Shown, desired: Shown, wire: Any, path: str = "x") -> Change:
    return Change(path, live, desired, None, None, wire)


CHANGES = st.builds(change, SHOWN, SHOWN, VALUES, TEXT) | st.builds(
    lambda live, desired: change(live, desired, desired.value), SHOWN, SHOWN
)


@given(st.lists(CHANGES, max_size=3), TEXT, st.none() | TEXT)
def test_it_says_what_the_general_encoder_says(
    changes: list[Change], name: str, identity: str | None
) -> None:
    told = action(*changes, name=name, identity=identity)
    assert intent_text(told) == _json(Intent.plain(told))


@pytest.mark.parametrize("value", [("a",), {1: "a"}, [Decimal(1), ("a",)], 1.5])
def test_what_no_parser_makes_is_left_to_the_general_encoder(value: object) -> None:
    with pytest.raises(TypeError):
        intent_text(action(change(Shown("unset"), Shown("value", value), None)))
