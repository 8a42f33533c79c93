"""Documents put together from lines and blocks that libyaml has read before.

A catalogue is written by one hand: thousands of its documents have the same lines, and lines that are the
same but for a plain value. A block mapping is cut where a key stands at its column; a piece is such a key
with all that belongs to it. A piece that was read before is known by its text. One that is a bare key over
deeper lines is cut again. One line whose plain values alone are new is filled into what came of the line
that taught it. Anything else is read by libyaml by itself, and remembered.

Why that is right: at a key of a block mapping libyaml's scanner knows of nothing before it but the columns
of the open mappings. So a piece that is, by itself, one key at its column with one value is the same in its
mapping, whatever stands around it: every bracket, quote and block scalar that it opens ends within it. A
value that can be filled in is a plain word or a few, or a double-quoted text without escapes. It stands
behind a colon and a space, and the end of the line, or a comma or a bracket of the rest, ends it. When a
line is learned, libyaml's own tokens show that each such value is one scalar, from its first character to
its last, and no other value of that kind can begin or end anything that the first one did not. Anchors,
aliases, tags and ``<<`` reach beyond their piece: what has them is never taken, nor what has tabs or
characters beyond ASCII. No mistake is told from here: what is not sound is read by libyaml as a whole.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any, Final, TypeAlias

import yaml
from yaml._yaml import CParser
from yaml.events import AliasEvent, ScalarEvent, StreamEndEvent

from reconciler.manifests.yamltree.builder import Builder, DocumentGivenUpError
from reconciler.manifests.yamltree.mistakes import Report, TooManyProblemsError
from reconciler.manifests.yamltree.scalars import KEYS, VALUES
from reconciler.manifests.yamltree.tree import UNREADABLE, Document, Limits, Lines, Map, PlainLines, Seq

_TEXT: Final = (
    r"(?:[A-Za-z0-9_./+(]|-[0-9])[A-Za-z0-9_./+() -]*(?<! )"
    r'|"[A-Za-z0-9_./+()@:,;?=~ -]*"'
)
_VALUE: Final = re.compile(rf": ({_TEXT})(?=\Z|, |\}})")
_PLAIN_TEXT: Final = re.compile(_TEXT).fullmatch
_KEY: Final = r" *([A-Za-z_][A-Za-z0-9_./-]*):"
_HEAD: Final = re.compile(_KEY + r"(?=[ \n]|\Z)")
_BARE: Final = re.compile(_KEY + r"(?: +#[^\n]*| *)")
_NOTHING: Final = re.compile(r"(?: *(?:#[^\n]*)?(?:\n|\Z))*")
"""Comments and empty lines."""
_FIRST: Final = re.compile(r"(?: *(?:#[^\n]*)?\n)*( *)[^ #\n]")
"""All up to the first line that has something."""
_DIVIDER: Final = re.compile(r"^---\n", re.MULTILINE)
_ODD_DIVIDER: Final = re.compile(r"^(?:---(?!\n)|\.\.\.)", re.MULTILINE)

_MOST_PIECES: Final = 16_384
_MOST_CHARACTERS: Final = 2**22
_LONGEST: Final = 4096
"""Characters of a piece that is read by itself."""
_LONGEST_BARE: Final = 256
"""Characters of a line that is taken for a bare key without libyaml, which refuses keys of over 1,024."""
_SHORT: Final = 512
"""Characters of a piece of known lines that is remembered itself: longer ones are rarely the same."""
_DEEPEST: Final = 20
"""Levels of blocks, and of what is in one piece; what is deeper is for libyaml, which counts them."""
_LIMITS: Final = Limits(depth=_DEEPEST)
_OFTEN: Final = 2
"""Times that a piece of known lines comes before it is remembered itself."""
_TRIES: Final = 2048
"""Documents after which it shows whether they are alike at all."""
_MOST_NEW: Final = 256
"""Pieces of one document that are learned; libyaml reads one with more of them faster as a whole."""
_RARE: Final = 4
"""Lines for each piece that is new, in a document like those before."""

_Pair: TypeAlias = "tuple[str, Any, _Node | None, int]"
"""A key, its value (a scalar or a tree) or else how that is made, and where the value starts in the piece."""

_Line: TypeAlias = "tuple[str, _Node | None, int]"
"""A line with places for values: its key, how its value is made where that is not the one, and its start."""


_Level: TypeAlias = tuple[int, int, Lines]
"""Where a block mapping is: the column of its keys, how many mappings deep, and the lines of the file."""


class _Plain(dict[str, Any]):
    """What the texts mean that can be filled in; UNREADABLE for others. Bounded."""

    def __missing__(self, text: str) -> Any:
        if _PLAIN_TEXT(text) is None:
            return UNREADABLE
        value = text[1:-1] if text[0] == '"' else VALUES[text]
        if len(text) <= 64:
            if len(self) >= _MOST_PIECES:
                self.clear()
            self[text] = value
        return value


class _BareKeys(dict[str, str | None]):
    """The keys of lines that have nothing else; None for other lines. Bounded."""

    def __missing__(self, line: str) -> str | None:
        bare = _BARE.fullmatch(line) if len(line) <= _LONGEST_BARE else None
        key = None if bare is None or KEYS[bare[1]] != bare[1] else bare[1]
        if len(line) <= _LONGEST_BARE:
            if len(self) >= _MOST_PIECES:
                self.clear()
            self[line] = key
        return key


_PLAIN: Final = _Plain()
_BARE_KEYS: Final = _BareKeys()


class Pieces:
    """What was learned so far. Limits keep it small whatever is read."""

    def __init__(self) -> None:
        self._forget()
        self._tries = 0
        self._alike = 0
        self._new = 0

    def _forget(self) -> None:
        self._pairs: dict[str, _Pair] = {}
        self._lines: dict[tuple[str, ...], _Line] = {}
        self._heads: dict[str, tuple[str, int]] = {}
        self._seen: dict[int, int] = {}
        self._room = _MOST_CHARACTERS

    def read(self, text: str, file: str) -> list[Document] | None:
        """The documents of a text of plain ASCII; None where something may be wrong with it, or where the
        documents that were read so far have little in common."""
        if self._tries > _TRIES and self._alike * 8 < self._tries:
            return None
        if "\t" in text or "\r" in text or "<<" in text or not text.endswith("\n"):
            return None
        dividers = []
        if "---" in text or "..." in text:
            if _ODD_DIVIDER.search(text) is not None:
                return None
            dividers = [match.span() for match in _DIVIDER.finditer(text)]
        found: list[Document] = []
        begin, index, line = 0, 0, 1
        for number, (end, following) in enumerate([*dividers, (len(text), len(text))]):
            first = _FIRST.match(text, begin, end)
            height = text.count("\n", begin, following)
            if first is not None:
                self._tries, self._new = self._tries + 1, 0
                start, lines = first.start(1), PlainLines(text, begin, line)
                root = self._mapping(text[start : end - 1], start, (len(first[1]), 1, lines))
                if root is None:
                    return None
                self._alike += self._new * _RARE <= height
                found.append(Document(file, index, root, *lines.place(first.end(1))))
            elif number == 0 and begin < end:
                return None  # comments alone: whether that is a document is for libyaml to say
            index += first is not None or number > 0
            begin, line = following, line + height
        return found

    def _mapping(self, text: str, base: int, level: _Level) -> Map | None:
        """The block mapping whose first key is in the first line of ``text``, which stands at ``base`` and
        has no line break at its end."""
        column, depth, lines = level
        if depth > _DEEPEST:
            return None
        parts = _cut(column)(text)
        known, heads, plain, places = self._pairs.get, self._heads.get, _PLAIN, []
        made = Map()
        at = base
        for part in parts:
            pair = known(part)
            if pair is None:
                head, _, written = part.partition(": ")
                taught = heads(head)
                if taught is not None and (value := plain[written]) is not UNREADABLE:
                    key, value_at = taught
                    made[key] = value
                    places.append(value_at)
                    at += len(part) + 1
                    continue
                pair = self._unknown(part, at, level)
                if pair is None:
                    return None
            key, value, node, value_at = pair
            made[key] = value if node is None else node.made(at, lines)
            places.append(value_at)
            at += len(part) + 1
        if len(made) < len(parts):
            return None  # a key that is given twice
        made.lines, made.twin = lines, None
        made.later = (_marks_of_parts, parts, places, base, column)
        return made

    def _unknown(self, part: str, at: int, level: _Level) -> _Pair | None:
        """A piece that is not known by its text."""
        end = part.find("\n")
        pair: _Pair | None = None
        if end < 0:
            pair = self._filled(part, at, level[2])
        elif (key := _BARE_KEYS[head := part[:end]]) is not None:
            pair = self._block(key, part, end + 1, at, level)
        elif "|" not in head and ">" not in head and _NOTHING.fullmatch(part, end + 1):
            # What follows a block scalar may belong to it, even where it is empty.
            return self._pairs.get(head) or self._unknown(head, at, level)
        if pair is None:
            return self._learned(part, level[0])
        if len(part) <= _SHORT:
            self._keep(part, pair, at)
        return pair

    def _block(self, key: str, part: str, below: int, at: int, level: _Level) -> _Pair | None:
        """A bare key over a mapping in deeper lines, which start at ``below``."""
        column, depth, lines = level
        first = _FIRST.match(part, below)
        if first is None:
            return None
        start, end = first.span(1)
        if end - start <= column or part[end] == "-":
            return None
        tree = self._mapping(part[start:], at + start, (end - start, depth + 1, lines))
        return None if tree is None else (key, tree, None, end)

    def _filled(self, part: str, at: int, lines: Lines) -> _Pair | None:
        """A line that differs from a known one in plain values alone."""
        pieces = _VALUE.split(part)
        line = self._lines.get(tuple(pieces[0::2]))
        if line is None:
            return None
        key, node, value_at = line
        texts = pieces[1::2]
        values = [_PLAIN[text] for text in texts]
        if UNREADABLE in values:
            return None
        return key, values[0] if node is None else node.made(at, lines, values, texts), None, value_at

    def _keep(self, part: str, pair: _Pair, at: int) -> None:
        """Remembers a piece that comes again and again."""
        mark = hash(part)
        times = self._seen.get(mark, 0) + 1
        if times < _OFTEN:
            if len(self._seen) >= 8 * _MOST_PIECES:
                self._seen.clear()
            self._seen[mark] = times
            return
        key, value, _, value_at = pair
        node = _node(value, at) if isinstance(value, Map | Seq) else None
        self._store(part, (key, None if node else value, node, value_at))

    def _store(self, part: str, pair: _Pair) -> None:
        self._room -= len(part)
        if self._room < 0 or len(self._pairs) >= _MOST_PIECES:
            self._forget()
        self._pairs[part] = pair

    def _learned(self, part: str, column: int) -> _Pair | None:
        """A piece as libyaml reads it by itself; None where it is not one sound key with its value."""
        self._new += 1
        head = _HEAD.match(part)
        if head is None or len(part) > _LONGEST or self._new > _MOST_NEW:
            return None
        text = part + "\n"
        report = Report("", Lines.of(text), 1)
        builder = Builder(text, report, _LIMITS)
        try:
            documents = list(builder.documents())
        except (yaml.MarkedYAMLError, DocumentGivenUpError, TooManyProblemsError):
            return None
        if report.problems or report.documents != 1 or len(documents) != 1 or builder.has_anchors:
            return None
        root = documents[0].root
        if not isinstance(root, Map) or list(root) != [head[1]] or root.marks[1] != column:
            return None
        value, value_at = root[head[1]], root.marks[2]
        is_tree = isinstance(value, Map | Seq)
        pair = (head[1], None if is_tree else value, _node(value, 0) if is_tree else None, value_at)
        self._store(part, pair)
        if "\n" not in part:
            self._learn_line(part, head[1], value, value_at)
        return pair

    def _learn_line(self, part: str, key: str, value: Any, value_at: int) -> None:
        """Remembers how other values are filled into a line."""
        pieces = _VALUE.split(part)
        rest, texts = pieces[0::2], pieces[1::2]
        spans: dict[int, tuple[int, int]] = {}
        at = 0
        for index, (before, text) in enumerate(zip(rest, texts, strict=False)):
            at += len(before) + len(": ")
            spans[at] = (index, at + len(text))
            at += len(text)
        if not spans or not _are_scalars(part, {start: end for start, (_, end) in spans.items()}):
            return
        node = None
        if isinstance(value, Map | Seq):
            node = _node(
                value, 0, {start: index for start, (index, _) in spans.items()}, list(map(len, texts))
            )
        self._lines[tuple(rest)] = (key, node, value_at)
        if node is None and not rest[1]:
            self._heads[rest[0]] = (key, value_at)


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """How a mapping or a list is made: of ``fixed`` values, with new ones and nodes at some positions.

    ``places`` are the marks, each as an offset in the text without its values, and the number of values
    before it.
    """

    fixed: dict[str, Any] | list[Any]
    values: tuple[tuple[Any, int], ...]
    nodes: tuple[tuple[Any, _Node], ...]
    places: tuple[tuple[int, int], ...]
    twin: object | None
    """What the mappings that are made have for their twin; None where a value is new in them."""

    def made(self, at: int, lines: Lines, values: Sequence[Any] = (), texts: Sequence[str] = ()) -> Map | Seq:
        """The node in a piece at ``at``, with ``values``, which are written as ``texts``."""
        fixed = self.fixed
        made: Any = Map(fixed) if type(fixed) is dict else Seq(fixed)
        for position, index in self.values:
            made[position] = values[index]
        for position, node in self.nodes:
            made[position] = node.made(at, lines, values, texts)
        made.lines = lines
        made.later = (_marks_of_places, self.places, texts, at)
        if type(fixed) is dict:
            made.twin = self.twin
        return made  # type: ignore[no-any-return]


class _Twin:
    """What all mappings have in common that are made of one text."""

    __slots__ = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> _Twin:
        return self


def _marks_of_places(places: Sequence[tuple[int, int]], texts: Sequence[str], at: int) -> array[int]:
    ends = list(accumulate(map(len, texts), initial=at))
    return array("I", [place + ends[before] for place, before in places])


def _marks_of_parts(parts: Sequence[str], places: Sequence[int], base: int, column: int) -> array[int]:
    marks = [base + column]
    at = base
    for part, value_at in zip(parts, places, strict=True):
        marks += (at + column, at + value_at)
        at += len(part) + 1
    return array("I", marks)


@cache
def _cut(column: int) -> Callable[[str], list[str]]:
    """Cuts a text where a line has something at ``column`` that is no comment and no item of a list."""
    split = re.compile(rf"\n(?= {{{column}}}[^ #\n-])").split
    at_it = "\n" + " " * column
    deeper, remark, item = at_it + " ", at_it + "#", at_it + "-"

    def cut(text: str) -> list[str]:
        if deeper in text or text.count("\n") != text.count(at_it) or remark in text or item in text:
            return split(text)
        return text.split("\n")  # each of its lines has something at the column: much faster

    return cut if column else split


def _node(
    read: Map | Seq, at: int, spans: Mapping[int, int] | None = None, lengths: Sequence[int] = ()
) -> _Node:
    """How a tree is made that was read in a piece at ``at``. ``spans`` are the indexes of the values that may
    be others by where they start, and ``lengths`` those that they have."""
    spans = spans or {}
    places = [(mark - at, 0) for mark in read.marks]
    if spans:
        starts, ends = sorted(spans), list(accumulate(lengths, initial=0))
        befores = [bisect_left(starts, mark) for mark, _ in places]
        places = [(mark - ends[before], before) for (mark, _), before in zip(places, befores, strict=True)]
    is_map = isinstance(read, Map)
    entries: Any = list(read.items()) if isinstance(read, Map) else list(enumerate(read))
    fixed: Any = dict(read) if is_map else list(read)
    values, nodes = [], []
    for number, (position, part) in enumerate(entries):
        mark = read.marks[2 * number + 2 if is_map else number + 1] - at
        if isinstance(part, Map | Seq):
            nodes.append((position, _node(part, at, spans, lengths)))
            fixed[position] = None
        elif mark in spans:
            values.append((position, spans[mark]))
            fixed[position] = None
    twin = getattr(read, "twin", None)
    if twin is None and not values and all(node.twin for _, node in nodes):
        twin = _Twin()
    return _Node(fixed, tuple(values), tuple(nodes), tuple(places), twin)


def _are_scalars(text: str, spans: dict[int, int]) -> bool:
    """Whether each of ``spans`` is one scalar of ``text``, by libyaml's own tokens."""
    read: Any = CParser(text).get_event
    event: Any = read()
    while type(event) is not StreamEndEvent:
        if type(event) is AliasEvent or getattr(event, "tag", None) or getattr(event, "anchor", None):
            return False
        start, end = event.start_mark, event.end_mark
        if type(event) is ScalarEvent and spans.pop(start.index, end.index) != end.index:
            return False
        event = read()
    return not spans


PIECES: Final = Pieces()
"""Of this process."""
