"""What is written as YAML reads back as the same values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from properties.profile import examples

from reconciler.manifests.yamltext import LONGEST_KEY, NotWritable, check_writable, yaml_text
from reconciler.manifests.yamltree import parse

AWKWARD = (
    "no on off yes y n true null ~ 1.5 1e-06 0x1f 0o17 .5 12:30 1_000 +1 - -- --- ... .inf .nan << = @a `a "
    "%a &a *a !a |a >a #a a# a: :a ,a [a {a 'a \"a ?a \\n"
).split(" ")
TEXTS = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.text(st.sampled_from("ab:#-\n \t\r\x85\u2028\ufeff\x00'\"|>"), max_size=12),
    st.lists(st.text(st.sampled_from("ab: #-é模"), max_size=6), max_size=5).map("\n".join),
)
NUMBERS = st.one_of(
    st.integers(-(10**15), 10**15),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**15, places=12),
    st.sampled_from([Decimal("1E-6"), Decimal("1E+6"), Decimal("0.00"), Decimal("2.50"), Decimal("-0.5")]),
)
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(TEXTS, below, max_size=4)),
    max_leaves=12,
)


def read(text: str) -> Any:
    documents, problems = parse(text.encode(), "file.yaml")
    assert problems == [], (text, problems)
    [document] = documents
    return document.root


def same(one: Any, other: Any) -> bool:
    """Equality in which 1 is not true."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and list(one) == list(other)
            and all(same(one[key], other[key]) for key in one)
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


@examples(400)
@given(st.dictionaries(TEXTS, VALUES, max_size=4))
@example({"a": [[]], "b": [{}], "c": {"d": {}}, "e": [["x"], [{"y": [None]}]]})
@example({"a": "one\n\ntwo\n", "b": "one\n  two", "c": "one\n\n", "d": "\n", "e": " x\ny", "f": "x\n "})
@example({"": "", "a": "\u202eabc", "b": "\U000e0041", "c": "---\n---\n", "d": "...\n# no"})
def test_every_value_reads_back_as_it_is(value: dict[str, Any]) -> None:
    text = yaml_text(value)
    assert same(value, read(text)), text
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("text", AWKWARD)
def test_a_text_is_a_text_to_readers_of_yaml_1_1_too(text: str) -> None:
    assert yaml.safe_load(yaml_text({"a": text, text: "b"})) == {"a": text, text: "b"}


def test_numbers_are_written_plainly() -> None:
    assert yaml_text({"a": Decimal("1E-6"), "b": Decimal("1E+3"), "c": Decimal("2.00"), "d": 10**15}) == (
        "a: 0.000001\nb: 1000\nc: 2.00\nd: 1000000000000000\n"
    )


def test_the_style() -> None:
    value = {
        "name": "gpt-4o mini",
        "text": "one\ntwo",
        "empty": {},
        "list": ["a", "no", 1],
        "deep": {"list": [{"a": 1}, {"a": 1, "b": "https://llm.example.com:8443/v1"}]},
        "price": {"unit": "1M tokens", "image": "0.04 / image"},
    }
    assert yaml_text(value) == (
        'name: gpt-4o mini\ntext: |-\n  one\n  two\nempty: {}\nlist: [a, "no", 1]\n'
        "deep:\n  list:\n    - {a: 1}\n    -\n      a: 1\n      b: https://llm.example.com:8443/v1\n"
        "price:\n  unit: 1M tokens\n  image: 0.04 / image\n"
    )


@pytest.mark.parametrize(
    "value",
    [
        "half \ud800",
        ["\udfff"],
        {"\ud800": 1},
        {"k" * (LONGEST_KEY + 1): 1},
        Decimal("NaN"),
        Decimal("1E-60"),
        0.5,
    ],
)
def test_what_cannot_be_written_is_refused_without_its_text(value: Any) -> None:
    with pytest.raises(NotWritable) as refused:
        check_writable(value)
    assert "k" * 100 not in str(refused.value)
