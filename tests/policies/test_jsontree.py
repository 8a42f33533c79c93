"""JSON is read as it is written, and every node knows its place."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import Place, Problem
from reconciler.manifests.yamltree import Document, locate
from reconciler.policies.jsontree import parse_json

SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(st.characters(codec="utf-8"))
TREES = st.recursive(
    SCALARS, lambda below: st.lists(below) | st.dictionaries(st.text(st.characters(codec="utf-8")), below)
)


def read(text: str) -> Any:
    document = parse_json(text.encode(), "p.json")
    assert isinstance(document, Document), document
    return document.root


@settings(max_examples=50)
@given(tree=TREES, indent=st.sampled_from([None, "\t", 2]), ascii_only=st.booleans())
def test_it_reads_what_json_writes(tree: Any, indent: Any, ascii_only: bool) -> None:
    assert read(json.dumps(tree, indent=indent, ensure_ascii=ascii_only)) == tree


def test_numbers_are_exact() -> None:
    assert [repr(value) for value in read("[0.1, 2.0, 1e3, -0.30, 12345678901234567890]")] == [
        "Decimal('0.1')",
        "2",
        "1000",
        "Decimal('-0.30')",
        "12345678901234567890",
    ]
    assert read("0.1") + read("0.2") == Decimal("0.3")


def test_every_node_knows_its_place() -> None:
    document = parse_json('\ufeff{\r\n\t"a\u2028": [1,\r{"b": null}]}'.encode(), "p.json")
    assert isinstance(document, Document)
    assert locate(document, ("a\u2028",), key=True) == Place("p.json", 2, 2)
    assert locate(document, ("a\u2028", 1)) == Place("p.json", 3, 1)
    assert locate(document, ("a\u2028", 1, "b")) == Place("p.json", 3, 7)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("", "a JSON value must stand here", (1, 1)),
        ("{'a': 1}", "a key in double quotes must stand here", (1, 2)),
        ('{"a": 1,}', "a key in double quotes must stand here", (1, 9)),
        ('{"a" 1}', "a ':' must stand here", (1, 6)),
        ("[1 2]", "a ',' or ']' must stand here", (1, 4)),
        ("[01]", "a ',' or ']' must stand here", (1, 3)),
        ("[NaN]", "a JSON value must stand here", (1, 2)),
        ("{}\n{}", "there is more behind the end of the document", (2, 1)),
        ('{"a": 1,\n "a": 2}', "'a' is given twice", (2, 2)),
        ('["\\ud83d"]', "half a pair of surrogates is no character", (1, 2)),
        ('["\\x"]', "this text is no JSON string", (1, 3)),
        ("[1e999]", "this number is out of range", (1, 2)),
        ("[" + "9" * 41 + "]", "this number is out of range", (1, 2)),
        ("[" * 70, "more than 64 containers within one another", (1, 65)),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text: str, message: str, place: tuple[int, int]) -> None:
    found = parse_json(text.encode(), "p.json")
    assert isinstance(found, Problem)
    assert (found.message, found.place) == (message, Place("p.json", *place))


def test_bytes_that_are_no_utf8_are_told() -> None:
    found = parse_json(b'"\xff"', "p.json")
    assert isinstance(found, Problem)
    assert found.message == "the file is not UTF-8"
