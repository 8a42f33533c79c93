"""Trees of JSON and bytes, changed at random. The same seed gives the same changes."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

Tree = Any

ODD_TEXTS = (
    "",
    " ",
    "\x00",
    "\x1b[31m",
    "\n",
    "\r\n---\n",
    "\ud800",
    "\u202e",
    "\u2028",
    "\ufeff",
    "ß" * 300,
    "é\u0301",
    "💥" * 40,
    "x" * 20_000,
    "../../etc",
    "..",
    ".",
    "/",
    "a/b",
    "%2e%2e",
    "{id}",
    "{0.__class__}",
    "%s%n",
    "null",
    "true",
    "1e400",
    "0x10",
    "1_000",
    "١٢٣",
    "-0",
    "NaN",
    "2026-02-30",
    "9999-99-99",
    "http://[::1",
    "http://[::1]:99999/",
    "https://user:pw@host/?q#f",
    "http://\u2488.com",
    "https://xn--a.com",
    "https://llm.example.com/v1",
    "<<",
    "*a",
    "&a",
    "!!python/object:os.system",
    "```\n```",
    "|`@team`|<!--",
    "$ref",
    "__proto__",
    "USD",
    "eur",
    "custom",
    "orq",
    "0.15 / 1M tokens",
    "1 / image",
    "-1 / 1M tokens",
)
DEEP = "\x00deep"
"""Stands for lists inside each other, deeper than a tree can be written: `with_depth` puts them in."""
ODD_NUMBERS = (
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63,
    -(2**64),
    10**307,
    10**400,
    Decimal("0.1"),
    Decimal("-0.0"),
    Decimal("1E-300"),
    Decimal("1E+300"),
    Decimal("1E-400"),
    Decimal("1E+5000"),
    Decimal("1E+999999999"),
    Decimal("1E-999999999"),
    Decimal("0." + "3" * 60),
    Decimal("1" + "0" * 40),
    Decimal("0E+99"),
)
ODD = (*ODD_TEXTS, *ODD_NUMBERS, None, True, False, [], {}, [None], [[]], [{}], {"": ""}, {"id": None}, DEEP)

_TEXTS = st.text(st.characters(codec=None), max_size=30)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | _TEXTS
    | st.sampled_from(ODD_TEXTS)
    | st.sampled_from(ODD_NUMBERS)
)
_VALUES = st.recursive(
    _SCALARS, lambda below: st.lists(below, max_size=4) | st.dictionaries(_TEXTS, below, max_size=4)
)


@lru_cache(maxsize=1)
def values(seed: int, count: int = 200) -> list[Tree]:
    """Odd values of JSON, made by Hypothesis."""
    found: list[Tree] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_VALUES)
    def collect(value: Tree) -> None:
        found.append(value)

    collect()
    return found


def with_depth(text: str, random: Random) -> str:
    """JSON with real depth where DEEP stands."""
    if "deep" not in text:
        return text
    depth = random.choice((300, 480, 700, 950, 1500, 4000))
    return text.replace('"\\u0000deep"', "[" * depth + "]" * depth)


def nested(depth: int, random: Random) -> Tree:
    """Lists and objects inside each other."""
    tree: Tree = 1
    for _ in range(depth):
        tree = [tree] if random.random() < 0.5 else {"a": tree}
    return tree


class Mutator:
    """Changes trees and bytes. ``words`` are keys that mean something, ``grafts`` parts of other trees."""

    def __init__(self, seed: int, words: Iterable[str] = (), grafts: Iterable[Tree] = ()) -> None:
        self.random = Random(seed)
        self.words = sorted({*words}) or ["a"]
        self.grafts = list(grafts) or [None]
        self.pool: Sequence[Tree] = values(seed)

    # ---- trees

    def tree(self, tree: Tree, times: int | None = None) -> Tree:
        """``tree`` with a few changes; it is not touched itself."""
        for _ in range(times or self._few()):
            tree = self._somewhere(tree, self.random.choice(self._edits))
        return tree

    def gentle(self, tree: Tree, texts: Sequence[str]) -> Tree:
        """``tree`` with a few values in the place of others of the same type; texts are some of ``texts``."""
        for _ in range(self._few()):
            tree = self._to_leaf(tree, texts)
        return tree

    def _to_leaf(self, tree: Tree, texts: Sequence[str]) -> Tree:
        match tree:
            case dict() if tree:
                key = self.random.choice(list(tree))
                return {**tree, key: self._to_leaf(tree[key], texts)}
            case list() if tree:
                if self.random.random() < 0.1:
                    return self.random.choice((self._repeat, self._remove, self._shuffle))(tree)
                at = self.random.randrange(len(tree))
                return [*tree[:at], self._to_leaf(tree[at], texts), *tree[at + 1 :]]
            case bool():
                return not tree
            case int():
                return self.random.choice((0, 1, -1, tree + 1, 10**12))
            case str():
                return self.random.choice(texts) if self.random.random() < 0.6 else self._nudge(tree or "a")
        return tree

    def _few(self) -> int:
        return self.random.choice((1, 1, 1, 1, 2, 2, 3, 5, 12))

    def value(self) -> Tree:
        """Something that does not belong where it comes to stand."""
        kind = self.random.random()
        if kind < 0.45:
            return self.random.choice(ODD)
        if kind < 0.8:
            return self.random.choice(self.pool)
        if kind < 0.97:
            return self.random.choice(self.grafts)
        return nested(self.random.choice((5, 55, 65, 120, 250)), self.random)

    def _somewhere(self, tree: Tree, edit: Callable[[Mutator, Tree], Tree]) -> Tree:
        """``tree`` with ``edit`` done to one node of it, found by going down at random."""
        if not isinstance(tree, dict | list) or not tree or self.random.random() < 0.15:
            return edit(self, tree)
        if isinstance(tree, dict):
            key = self.random.choice(list(tree))
            return {**tree, key: self._somewhere(tree[key], edit)}
        at = self.random.randrange(len(tree))
        return [*tree[:at], self._somewhere(tree[at], edit), *tree[at + 1 :]]

    def _replace(self, _: Tree) -> Tree:
        return self.value()

    def _nudge(self, tree: Tree) -> Tree:
        """A value of the same sort."""
        match tree:
            case bool():
                return not tree
            case int() | Decimal() if -(10**50) < tree < 10**50:
                return self.random.choice((-tree, tree + 1, tree * 10, Decimal(tree) / 3, *ODD_NUMBERS))
            case str() if tree:
                at = self.random.randrange(len(tree))
                piece = self.random.choice((*ODD_TEXTS, self.random.choice(string.printable)))
                return tree[:at] + piece + tree[at + self.random.randrange(2) :]
            case dict() if tree:
                return self._rename(tree)
            case list() if tree:
                return self._repeat(tree)
        return self.value()

    def _remove(self, tree: Tree) -> Tree:
        if not isinstance(tree, dict | list) or not tree:
            return None
        if isinstance(tree, dict):
            gone = self.random.choice(list(tree))
            return {key: item for key, item in tree.items() if key != gone}
        at = self.random.randrange(len(tree))
        return [*tree[:at], *tree[at + 1 :]]

    def _add(self, tree: Tree) -> Tree:
        if isinstance(tree, dict):
            key = self.random.choice(self.words) if self.random.random() < 0.8 else self._key()
            return {**tree, key: self.value()}
        return [*tree, self.value()] if isinstance(tree, list) else {self.random.choice(self.words): tree}

    def _key(self) -> str:
        return self.random.choice(ODD_TEXTS)

    def _rename(self, tree: Tree) -> Tree:
        if not isinstance(tree, dict) or not tree:
            return self.value()
        old, new = self.random.choice(list(tree)), self.random.choice((self._key(), *self.words[:200]))
        return {(new if key == old else key): item for key, item in tree.items()}

    def _repeat(self, tree: Tree) -> Tree:
        if not isinstance(tree, list) or not tree:
            return [tree, tree]
        item = self.random.choice(tree)
        return [*tree, *([item] * self.random.choice((1, 1, 1, 2, 50)))]

    def _shuffle(self, tree: Tree) -> Tree:
        if isinstance(tree, dict):
            held = list(tree.values())
            self.random.shuffle(held)
            return dict(zip(tree, held, strict=True))
        return self.random.sample(tree, len(tree)) if isinstance(tree, list) else [tree]

    def _wrap(self, tree: Tree) -> Tree:
        return [tree] if self.random.random() < 0.5 else {self.random.choice(self.words): tree}

    _edits = (_replace, _replace, _nudge, _nudge, _remove, _add, _add, _rename, _repeat, _shuffle, _wrap)

    # ---- bytes

    def bytes(self, data: bytes, others: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
        """``data`` with a few changes: bits, pieces, lines, ``tokens``, and parts of ``others``."""
        for _ in range(self._few()):
            data = self.random.choice(self._cuts)(self, data, others, tokens)
        return data[:200_000]

    def _span(self, data: bytes) -> tuple[int, int]:
        start = self.random.randrange(len(data) + 1)
        return start, min(len(data), start + self.random.choice((1, 1, 2, 4, 16, 64, 512)))

    def _flip(self, data: bytes, *_: Sequence[bytes]) -> bytes:
        if not data:
            return b"\xff"
        at = self.random.randrange(len(data))
        return data[:at] + bytes([data[at] ^ (1 << self.random.randrange(8))]) + data[at + 1 :]

    def _cut(self, data: bytes, *_: Sequence[bytes]) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _end(self, data: bytes, *_: Sequence[bytes]) -> bytes:
        return data[: self._span(data)[0]]

    def _double(self, data: bytes, *_: Sequence[bytes]) -> bytes:
        start, end = self._span(data)
        return data[:end] + data[start:end] * self.random.choice((1, 1, 2, 40)) + data[end:]

    def _insert(self, data: bytes, _: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
        start, end = self._span(data)
        piece = self.random.choice(tokens)
        if self.random.random() < 0.2:
            piece = str(self.value())[:2000].encode("utf-8", "surrogatepass")
        return data[:start] + piece + data[self.random.choice((start, end)) :]

    def _line(self, data: bytes, others: Sequence[bytes], _: Sequence[bytes]) -> bytes:
        lines = data.split(b"\n")
        at = self.random.randrange(len(lines))
        what = self.random.randrange(5)
        if what == 0:
            del lines[at]
        elif what == 1:
            lines.insert(at, lines[self.random.randrange(len(lines))])
        elif what == 2:
            lines[at] = b" " * self.random.randrange(5) + lines[at]
        elif what == 3:
            lines[at] = lines[at][self.random.randrange(4) :]
        else:
            foreign = self.random.choice(others).split(b"\n")
            first = self.random.randrange(len(foreign))
            lines[at:at] = foreign[first : first + self.random.randrange(1, 6)]
        return b"\n".join(lines)

    def _splice(self, data: bytes, others: Sequence[bytes], _: Sequence[bytes]) -> bytes:
        other = self.random.choice(others)
        return data[: self._span(data)[0]] + other[self._span(other)[0] :]

    _cuts = (_flip, _cut, _end, _double, _insert, _insert, _insert, _line, _line, _line, _splice)


def subtrees(tree: Tree) -> Iterator[Tree]:
    """Every node below ``tree`` that is a list or an object."""
    below = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for item in below:
        if isinstance(item, dict | list):
            yield item
            yield from subtrees(item)


def texts(tree: Tree) -> Iterator[str]:
    """Every text in ``tree`` that is a value."""
    for part in (tree, *subtrees(tree)):
        items = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        yield from (item for item in items if isinstance(item, str))


def keys(tree: Tree) -> Iterator[str]:
    """Every key in ``tree``."""
    if isinstance(tree, dict):
        yield from tree
    for item in subtrees(tree):
        if isinstance(item, dict):
            yield from item
