"""Documents put together from pieces that libyaml has read before: they are those that it reads itself."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifests.yamltree import DEFAULT_LIMITS, Document, Limits, Map, Seq, parse
from reconciler.manifests.yamltree.pieces import Pieces
from tests.manifests.corpus import MANIFESTS

ROOT = Path(__file__).parents[2]
LIBYAML = Limits(problems=DEFAULT_LIMITS.problems + 1)
"""Other limits than the usual ones are for libyaml alone."""


def by_libyaml(text: str) -> tuple[list[Document], bool]:
    """The documents, and whether there is no mistake."""
    documents, problems = parse(text.encode(), "a.yaml", limits=LIBYAML)
    return documents, not problems


def told(node: Any) -> Any:
    """All that a tree holds: types, values, places."""
    inside: list[Any]
    if isinstance(node, Map):
        inside = [(key, node.key_place(key), node.value_place(key), told(node[key])) for key in node]
        return ("map", node.place, inside)
    if isinstance(node, Seq):
        inside = [(node.item_place(index), told(item)) for index, item in enumerate(node)]
        return ("seq", node.place, inside)
    return (type(node).__name__, str(node))


def all_told(documents: list[Document]) -> list[Any]:
    return [(one.file, one.index, one.line, one.column, told(one.root)) for one in documents]


def filled(pieces: Pieces, text: str) -> list[Document] | None:
    return pieces.read(text, "a.yaml")


def taught(*texts: str) -> Pieces:
    """What has read each of ``texts`` so often that it knows all of their pieces."""
    pieces = Pieces()
    for text in texts * 4:
        filled(pieces, text)
    return pieces


def agree(pieces: Pieces, text: str) -> bool:
    """Whether ``text`` was put together; fails where that came out different from what libyaml reads."""
    found = filled(pieces, text)
    if found is None:
        return False
    documents, is_sound = by_libyaml(text)
    assert is_sound, text
    assert all_told(found) == all_told(documents), text
    return True


MANIFEST = """\
apiVersion: reconciler/v1
kind: Model
metadata:
  name: first
  labels: {team: search, tier: small}  # who has it
spec:
  display_name: "The first: one"
  model: gpt-4o-mini

  limits:
    context_window: 128000
  pricing: {unit: 1M tokens, currency: USD, input: 0.15, batch: {input: 0.075}}
  native:
    watsonx:
      tags: [a, b]
      parts:
        - name: one
          value: 1
        - name: two
          value:
"""


def test_other_values_in_the_same_text() -> None:
    pieces = taught(MANIFEST)
    other = MANIFEST
    for old, new in [
        ("first\n", "the-second.model\n"),
        ("search", "0x1F"),
        ("small", "-5"),
        ('"The first: one"', "plain words - with (these) signs"),
        ("gpt-4o-mini", '"quoted, with ? and = ~ @"'),
        ("128000", "1e3"),
        ("1M tokens", "token"),
        ("0.15", "+.50"),
        ("0.075", "null"),
    ]:
        assert old in other
        other = other.replace(old, new, 1)
    assert agree(pieces, other)
    (document,) = filled(pieces, other) or []
    assert document.root["spec"]["pricing"]["input"] == Decimal("0.50")
    assert document.root["spec"]["pricing"]["batch"]["input"] is None
    assert document.root["metadata"]["labels"] == {"team": 31, "tier": -5}
    assert document.root["metadata"].value_place("name") == (4, 9)
    assert document.root["spec"].key_place("native") == (13, 3)


def test_several_documents_of_a_file_keep_their_places_and_numbers() -> None:
    pieces = taught(MANIFEST)
    second = MANIFEST.replace("first", "a-second")
    for text in (
        f"{MANIFEST}---\n{second}",
        f"---\n{MANIFEST}---\n---\n# nothing\n---\n{second}",
        f"{MANIFEST}---\na: [1, 2]\n---\n{second}---\n",
    ):
        assert agree(pieces, text)


LINES = [
    "a: 1",
    "a:",
    "  b: x y",
    "  b:",
    "    c: [1, {d: 2}]",
    "    c: |",
    "      text: more",
    "",
    "      last",
    "  # a remark",
    "# another",
    "  - item",
    "- item",
    "  e: 'quoted: one'",
    '  f: "not closed',
    '    closed: here"',
    "  g: {h: 1,",
    "    i: 2}",
    "  j: plain",
    "    and more",
    " k: 1",
    "    l: >+",
    "---",
    "  ? m",
    "  : n",
    "  o: &p 1",
    "  q: *p",
    "  null: 1",
    "  <<: {r: 1}",
    "  'b': 3",
]


@given(st.lists(st.sampled_from(LINES), max_size=12), st.lists(st.sampled_from(LINES), max_size=12))
def test_lines_in_any_order_are_read_as_libyaml_reads_them(known: list[str], lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    pieces = taught("".join(f"{line}\n" for line in known))
    for _ in range(4):
        agree(pieces, text)


def test_what_follows_an_empty_block_scalar_belongs_to_it() -> None:
    pieces = taught("a: |+\nb: 1\n", "a: |+\n\n# remark\n\nb: 1\n")
    for text in ("a: |+\n\nb: 1\n", "a: |+\n\n\nb: 1\n", "a: |+\n", "a: |+\n\n"):
        assert agree(pieces, text)


@pytest.mark.parametrize("length", [200, 300, 1000, 1024, 1025, 1100, 5000])
def test_a_key_that_is_too_long_for_one_is_too_long_for_both(length: int) -> None:
    key = "k" * length
    text = f"a:\n  {key}:\n    b: 1\n"
    found = filled(taught("a:\n  b: 1\n", text), text)
    documents, is_sound = by_libyaml(text)
    assert (found is None) or (is_sound and all_told(found) == all_told(documents))


def test_what_is_too_deep_for_one_is_too_deep_for_both() -> None:
    for depth in (18, 22, 40, 63, 64, 65, 70):
        block = "".join(f"{' ' * level}a:\n" for level in range(depth // 2))
        text = f"{block}{' ' * (depth // 2)}a: {'[' * (depth - depth // 2)}{']' * (depth - depth // 2)}\n"
        pieces = taught(text)
        assert not agree(pieces, text) or depth < 40


def test_mappings_of_one_text_are_twins_and_no_others() -> None:
    pieces = taught(MANIFEST, MANIFEST.replace("0.15", "0.16"))

    def prices(text: str) -> Any:
        (document,) = filled(pieces, text) or []
        return document.root["spec"]["pricing"]

    first, second = prices(MANIFEST), prices(MANIFEST.replace("first", "other"))
    assert first.twin is not None
    assert first.twin is second.twin
    assert first is not second
    assert first.place == second.place
    assert prices(MANIFEST.replace("0.15", "0.16")).twin is not first.twin
    assert prices(MANIFEST.replace("0.15", "0.17")).twin is None


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\nb: *x\n",
        "a: !!str 1\n",
        "%YAML 1.2\n---\na: 1\n",
        "a:\t1\n",
        "a: 1\r\nb: 2\r\n",
        "a: 1\n...\nb: 2\n",
        "--- a\n",
        "a: 1\na: 2\n",
        "a: 1\n b: 2\n",
        'a: "x\n',
        "a: .inf\n",
        "a: 1e999\n",
        "- a: 1\n  a: 2\n",
        "a: &x 1\nb: 2\n",
        "a: 1\n<<: {b: 2}\n",
        "a: 1",
    ],
)
def test_what_is_odd_or_wrong_is_for_libyaml(text: str) -> None:
    pieces = taught(text)
    assert filled(pieces, text) is None


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ("a: x, y\n", "a: z, y\n"),  # a comma ends nothing outside of brackets
        ("a: x\n  y\n", "a: z\n  y\n"),
        ("# a: x\nb: y\n", "# a: z\nb: y\n"),
        ("a: |\n  b: x\n", "a: |\n  b: z\n"),
        ('a: "é: x, y"\nb: 1\n', 'a: "é: z, y"\nb: 1\n'),
        ("a: 'b: x, y'\n", "a: 'b: z, y'\n"),
        ("a: 1 # b: x\n", "a: 1 # b: z\n"),
    ],
)
def test_what_only_looks_like_a_value_is_never_taken_for_one(known: str, text: str) -> None:
    pieces = taught(known)
    agree(pieces, text)  # filled in or not: it is what libyaml reads
    (read,) = by_libyaml(text)[0]
    assert "z" in str(read.root) or "#" in text


def test_a_catalogue_that_is_not_alike_is_not_tried_for_ever() -> None:
    pieces = Pieces()
    for number in range(2100):
        filled(pieces, f"key{number}: 1\n")
    assert filled(pieces, "a: 1\n") is None


def test_a_document_in_which_most_is_new_is_left_to_libyaml() -> None:
    pieces = Pieces()
    text = "".join(f"key{number}: 1\n" for number in range(100_000))
    assert filled(pieces, text) is None
    assert len(pieces._pairs) < 1000


def texts() -> Iterator[str]:
    """Every manifest of the corpus and of the examples."""
    for path in [*sorted(MANIFESTS.rglob("*.yaml")), *sorted((ROOT / "examples").rglob("*.yaml"))]:
        yield path.read_text(encoding="utf-8")


TEXTS = [text for text in texts() if by_libyaml(text)[1]]
VALUE = re.compile(r"(?<=: )[^\n{}\[\]]+")
VALUES = st.one_of(
    st.sampled_from(
        'x 1 -1 -x - -- --- ... .5 1. 1e5 true null ~ yes .nan 0o17 0x_ a:b a: a, \'q\' "q" "a\\nb" {} []'
        " a#b #c {a: 1} [a] | > |- &a *a !t @a `a ? ?a <<".split(" ")
    ),
    st.sampled_from(
        ["a b", "a  b", " a", "a ", "a - b", "a: b", "a #b", "a, b", '"a, b"', '"a: b"', "é", ""]
    ),
    st.text("ab1.-+/()_:,#\"'{}[]&*!|>%@` ", max_size=8),
)


@given(st.sampled_from(TEXTS), st.data())
def test_whatever_is_written_for_a_value_reads_as_libyaml_reads_it(text: str, data: st.DataObject) -> None:
    pieces = taught(text)
    spans = [match.span() for match in VALUE.finditer(text)]
    changed = text
    for start, end in reversed(
        data.draw(st.lists(st.sampled_from(spans), max_size=4, unique=True).map(sorted))
    ):
        changed = changed[:start] + data.draw(VALUES) + changed[end:]
    agree(pieces, changed)


def test_most_of_the_corpus_is_learned() -> None:
    learned = sum(agree(taught(text), text) for text in TEXTS)
    assert learned > len(TEXTS) * 0.8


def test_random_bytes_in_a_known_text() -> None:
    dice = random.Random(7)
    for text in TEXTS:
        pieces = taught(text)
        for _ in range(20):
            position = dice.randrange(len(text))
            cut = dice.randrange(3)
            agree(pieces, text[:position] + dice.choice(" :-#,{}[]\"'\nax1.&*!|>%") + text[position + cut :])
