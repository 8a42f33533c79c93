"""Documents that differ from one that libyaml has read in their plain values alone.

A catalogue is written by one hand: thousands of its documents are the same text but for what stands behind
the colons. A text is split into such values and the rest. Where the same rest was read before, the tree is
the one that came of it with the new values in it, which takes a quarter of the time of reading.

Why that is right: a value that counts here is a plain word or a few, or a double-quoted text without escapes,
on one line. It stands behind a colon and a space, and the end of the line, or a comma or a bracket of the
rest, ends it. When a rest is learned, libyaml's own tokens show that each of its values is one scalar, from
its first character to its last. No other value of that kind can begin or end anything that the first one
did not, so the tokens are the same but for their texts. What has anchors, aliases, tags, directives, tabs or
characters beyond ASCII is never taken. No mistake is told from here: what is not sound is read by libyaml.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Final

import yaml
from yaml._yaml import CParser
from yaml.events import AliasEvent, ScalarEvent, StreamEndEvent

from reconciler.manifests.yamltree.builder import Builder, DocumentGivenUpError
from reconciler.manifests.yamltree.mistakes import Report, TooManyProblemsError
from reconciler.manifests.yamltree.scalars import VALUES
from reconciler.manifests.yamltree.tree import UNREADABLE, Document, Limits, Lines, Map, Seq

_VALUE: Final = re.compile(
    r": ((?:[A-Za-z0-9_./+(]|-[0-9])[A-Za-z0-9_./+() -]*(?<! )"
    r'|"[A-Za-z0-9_./+()@:,;?=~ -]*")'
    r"(?=\n|, |\})"
)
_DIVIDER: Final = re.compile(r"^---\n", re.MULTILINE)
_ODD_DIVIDER: Final = re.compile(r"^(?:---(?!\n)|\.\.\.)", re.MULTILINE)
_NEVER: Final = "&*!%\t\r"
_MOST: Final = 2048
_TRIES: Final = 2048
"""Documents after which it shows whether they are alike at all."""


@dataclass(frozen=True, slots=True)
class _Node:
    """How a mapping or a list is made: of ``fixed`` values, with new ones and nodes at some positions.

    ``keys`` are None for a list. ``places`` are the marks, each as an offset in the rest and the number of
    values before it.
    """

    keys: tuple[str, ...] | None
    fixed: tuple[Any, ...]
    values: tuple[tuple[int, int], ...]
    nodes: tuple[tuple[int, _Node], ...]
    places: tuple[tuple[int, int], ...]

    def made(self, values: Sequence[Any], ends: Sequence[int], lines: Lines) -> Map | Seq:
        """The node with ``values`` in it; ``ends`` are the sums of their lengths."""
        parts = list(self.fixed)
        for position, index in self.values:
            parts[position] = values[index]
        for position, node in self.nodes:
            parts[position] = node.made(values, ends, lines)
        made: Map | Seq = Seq(parts) if self.keys is None else Map(zip(self.keys, parts, strict=True))
        made.lines = lines
        made.later = (self.places, ends)
        return made


class Templates:
    """What was learned so far. Two limits keep it small whatever is read."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], _Node] = {}
        self._seen: set[int] = set()
        self._tries = 0
        self._again = 0

    def read(self, text: str, file: str, limits: Limits) -> list[Document] | None:
        """The documents of a text of plain ASCII; None where something may be wrong with it, or where the
        documents that were read so far have nothing in common."""
        if self._tries > _TRIES and self._again * 8 < self._tries:
            return None
        if any(character in text for character in _NEVER):
            return None
        if ("---" in text or "..." in text) and _ODD_DIVIDER.search(text) is not None:
            return None
        starts = Lines.of(text).starts
        found: list[Document] = []
        begin, index = 0, 0
        ends = [match.span() for match in _DIVIDER.finditer(text)] if "---" in text else []
        for number, (end, following) in enumerate([*ends, (len(text), len(text))]):
            piece = text if not ends else text[begin:end]
            if number or _holds_more(piece):
                document = self._piece(piece, file, Lines(starts, begin), index, limits)
                if document is None:
                    return None
                found += document
                index += 1
            elif piece.strip():
                return None  # comments alone: whether that is a document is for libyaml to say
            begin = following
        return found

    def _piece(self, text: str, file: str, lines: Lines, index: int, limits: Limits) -> list[Document] | None:
        """One document, none where it is null; None where something may be wrong with it."""
        self._tries += 1
        parts = _VALUE.split(text)
        rest, texts = tuple(parts[0::2]), parts[1::2]
        node = self._known.get(rest)
        if node is not None:
            values = [text[1:-1] if text[0] == '"' else VALUES[text] for text in texts]
            if UNREADABLE in values:
                return None
            self._again += 1
            ends = list(accumulate(map(len, texts), initial=0))
            root = node.made(values, ends, lines)
            return [Document(file, index, root, *lines.place(root.marks[0]))]
        report = Report(file, lines, limits.problems)
        try:
            documents = list(Builder(text, report, limits).documents())
        except (yaml.MarkedYAMLError, DocumentGivenUpError, TooManyProblemsError):
            return None
        if report.problems or report.documents > 1:
            return None
        self._learn(rest, texts, text, documents)
        return [replace(document, index=index) for document in documents]

    def _learn(
        self, rest: tuple[str, ...], texts: Sequence[str], text: str, read: Sequence[Document]
    ) -> None:
        """Remembers a rest that comes for the second time."""
        mark = hash(rest)
        if mark not in self._seen:
            if len(self._seen) >= 64 * _MOST:
                self._seen.clear()
            self._seen.add(mark)
            return
        self._again += 1
        if len(read) != 1 or not isinstance(read[0].root, Map):
            return
        spans: dict[int, tuple[int, int]] = {}
        at = 0
        for index, (before, value) in enumerate(zip(rest, texts, strict=False)):
            at += len(before) + len(": ")
            spans[at] = (index, at + len(value))
            at += len(value)
        if not _are_scalars(text, spans):
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        lengths = list(accumulate(map(len, texts), initial=0))
        self._known[rest] = _node(
            read[0].root, {start: index for start, (index, _) in spans.items()}, lengths
        )


def _holds_more(text: str) -> bool:
    """Whether a text has more than comments and empty lines."""
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.split("\n"))


def _are_scalars(text: str, spans: Mapping[int, tuple[int, int]]) -> bool:
    """Whether each of ``spans`` is one scalar of ``text``, by libyaml's own tokens."""
    wanted = {start: end for start, (_, end) in spans.items()}
    read: Any = CParser(text).get_event
    event: Any = read()
    while type(event) is not StreamEndEvent:
        if type(event) is AliasEvent or getattr(event, "tag", None) or getattr(event, "anchor", None):
            return False
        start, end = event.start_mark, event.end_mark
        if type(event) is ScalarEvent and wanted.pop(start.index, end.index) != end.index:
            return False
        event = read()
    return not wanted


def _node(read: Map | Seq, spans: Mapping[int, int], lengths: Sequence[int]) -> _Node:
    """What a tree is made of. ``spans`` are the indexes of the values by where they start."""
    starts = sorted(spans)
    places = []
    for mark in read.marks:
        before = sum(start < mark for start in starts)
        places.append((mark - lengths[before], before))
    is_map = isinstance(read, Map)
    parts = list(read.values()) if isinstance(read, Map) else list(read)
    fixed, values, nodes = list(parts), [], []
    for position, part in enumerate(parts):
        mark = read.marks[2 * position + 2 if is_map else position + 1]
        if isinstance(part, Map | Seq):
            nodes.append((position, _node(part, spans, lengths)))
            fixed[position] = None
        elif mark in spans:
            values.append((position, spans[mark]))
            fixed[position] = None
    keys = tuple(read) if isinstance(read, Map) else None
    return _Node(keys, tuple(fixed), tuple(values), tuple(nodes), tuple(places))


TEMPLATES: Final = Templates()
"""Of this process."""
