"""Values as a plan holds them: what is remembered of true and false is never given for 1 and 0."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import Any

import pytest

from reconciler.plan import UNSET, PlannedEdit, Shown, canonical, digest_of, shown
from reconciler.registries.rows import Edit
from reconciler.secrets import SecretRef

PATH = ("metadata", "one")


@pytest.mark.parametrize("value", [True, False, 1, 0, "", "1", Decimal(1), Decimal(0), ["a"]], ids=repr)
def test_a_value_is_shown_as_what_it_is(value: Any) -> None:
    for _ in range(2):
        for other in (True, 1, False, 0):
            shown(other)
        one = shown(value)
        assert (one.form, one.value, type(one.value)) == ("value", value, type(value))


def test_nothing_is_unset() -> None:
    assert shown(None) is UNSET
    assert shown(()) == Shown("unset")


@pytest.mark.parametrize(
    "edit",
    [
        Edit(PATH, value=True),
        Edit(PATH, value=1),
        Edit(PATH, value=False),
        Edit(PATH, value=0),
        Edit((*PATH, "two"), value=True),
        Edit(PATH, secret=SecretRef("KEY")),
        Edit(PATH, value=True, cleared=True),
        Edit(PATH, cleared=True),
    ],
    ids=repr,
)
def test_an_edit_comes_back_as_it_was_planned(edit: Edit) -> None:
    for _ in range(2):
        for value in (True, 1, False, 0):
            PlannedEdit.of(Edit(PATH, value))
        back = PlannedEdit.of(edit).edit()
        assert back == edit
        assert type(back.value) is type(edit.value)


def test_a_digest_is_of_what_json_says() -> None:
    plain = {"a": [1, "x", None, True], "b": {"c": ["y", 2]}}
    same = [
        OrderedDict(b={"c": ("y", Decimal("2.0"))}, a=(Decimal("1e0"), "x", None, True)),
        {"b": OrderedDict(c=["y", 2]), "a": [Decimal("1.00"), "x", None, True]},
    ]
    assert {digest_of(one) for one in same} == {digest_of(plain)}
    others = [
        {**plain, "a": [True, "x", None, True]},
        {**plain, "a": [1, "x", None, 1]},
        {**plain, "a": [1, "x", None, "True"]},
        {**plain, "b": {"c": ["y", "2"]}},
    ]
    assert len({digest_of(one) for one in (plain, *others)}) == len(others) + 1


def test_half_a_character_counts_as_what_a_document_has_in_its_place() -> None:
    for wrap in (lambda text: text, lambda text: [text], lambda text: {"key": text}, lambda text: {text: 1}):
        assert digest_of(wrap("a\ud800")) == digest_of(wrap("a\ufffd")) != digest_of(wrap("a"))


def test_canonical_text_is_sorted_and_exact() -> None:
    value = {"b": (1, Decimal("0.10")), "a": [True, None, "é"]}
    assert canonical(value) == '{"a":[true,null,"\\u00e9"],"b":[1,0.10]}'
