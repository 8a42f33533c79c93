"""libyaml's events to trees."""

from __future__ import annotations

import enum
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.manifests.yamltree.mistakes import Report
from reconciler.manifests.yamltree.scalars import KEYS, VALUES, Scalar
from reconciler.manifests.yamltree.tree import UNREADABLE, Document, Limits, Map, Seq, Unreadable


class DocumentGivenUpError(Exception):
    """The rest of a document is not read: reading it could take too long, or too much memory."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


_Node: TypeAlias = AliasEvent | ScalarEvent | CollectionStartEvent


class _OddKey(enum.Enum):
    MERGE = enum.auto()  # an unquoted <<
    UNUSABLE = enum.auto()  # already reported


@dataclass(slots=True, eq=False, repr=False)
class _Anchor:
    node: Any
    is_open: bool = False
    extent: tuple[int, int] | None = None

    def measured(self) -> tuple[int, int]:
        """How many nodes an alias repeats, and how deep they reach."""
        if self.extent is None:
            self.extent = _measure(self.node)
        return self.extent


def _measure(node: Any) -> tuple[int, int]:
    if not isinstance(node, Map | Seq):
        return 1, 0
    nodes, depth = 1, 0
    for child in node.values() if isinstance(node, Map) else node:
        child_nodes, child_depth = _measure(child)
        nodes += child_nodes
        depth = max(depth, child_depth)
    return nodes, depth + 1


@dataclass(slots=True, eq=False, repr=False)
class _OddEntry:
    """An entry that cannot simply be stored."""

    key: str | _OddKey
    key_at: int
    value: Any
    value_at: int


class Builder:
    """Builds trees from the events of one text."""

    def __init__(self, text: str, report: Report, limits: Limits) -> None:
        # Typed as Any: the type of an event says what it holds, and asking mypy costs time here.
        self._next: Any = CParser(text).get_event
        self._report = report
        self._lines = report.lines
        self._limits = limits
        self._anchors: dict[str, _Anchor] = {}
        self._expandable = limits.expanded_nodes

    def documents(self) -> Iterator[Document]:
        """The documents that are not null. Raises yaml.MarkedYAMLError and DocumentGivenUpError."""
        self._next()  # the start of the stream
        while type(event := self._next()) is not StreamEndEvent:
            index = self._report.documents
            self._report.documents += 1
            self._anchors = {}
            self._expandable = self._limits.expanded_nodes
            self._check_directives(event)
            event = self._next()
            root = self._node(event, 1)
            self._next()  # the end of the document
            if root is not None:
                line, column = self._lines.place(event.start_mark.index)
                yield Document(self._report.file, index, root, line, column)

    @property
    def has_anchors(self) -> bool:
        """Whether the last document has any."""
        return bool(self._anchors)

    def _check_directives(self, event: DocumentStartEvent) -> None:
        if event.tags:
            self._report.add(
                "directive",
                "%TAG is not supported",
                _offset(event),
                "remove the line: manifests have no tags",
            )

    def _node(self, event: _Node, depth: int) -> Any:
        """Any node. The loops below do the plain case of a scalar themselves, for speed."""
        if isinstance(event, AliasEvent):
            return self._alias(event, depth)
        if event.tag is not None:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._report.add(
                "tag",
                f"the tag '{shown}' is not supported",
                _offset(event),
                "remove it; put the value in quotes to make it a string",
            )
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        return self._container(event, depth)

    def _scalar(self, event: ScalarEvent) -> Scalar | Unreadable:
        value: Scalar | Unreadable = event.value if event.style else VALUES[event.value]
        if value is UNREADABLE:
            self._report.number(event.value, _offset(event))
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(value)
        return value

    def _container(self, event: CollectionStartEvent, depth: int) -> Map | Seq:
        start = _offset(event)
        if depth > self._limits.depth:
            self._give_up_too_deep(start)
        node = Map() if type(event) is MappingStartEvent else Seq()
        node.lines = self._lines
        anchor = None
        if event.anchor is not None:
            anchor = self._anchors[event.anchor] = _Anchor(node, is_open=True)
        if isinstance(node, Map):
            node.twin = None
            self._fill_map(node, start, depth + 1)
        else:
            self._fill_seq(node, start, depth + 1)
        if anchor:
            anchor.is_open = False
        return node

    def _give_up_too_deep(self, offset: int) -> NoReturn:
        message = f"mappings and lists are nested more than {self._limits.depth} deep"
        self._report.add("too-deep", message, offset, "the rest of this document was not read")
        raise DocumentGivenUpError(offset)

    def _fill_seq(self, node: Seq, start: int, depth: int) -> None:
        read, values, build = self._next, VALUES, self._node
        marks = [start]
        while True:
            event = read()
            kind = type(event)
            if kind is ScalarEvent and event.tag is None and event.anchor is None:
                value = event.value if event.style else values[event.value]
                if value is UNREADABLE:
                    self._report.number(event.value, event.start_mark.index)
            elif kind is SequenceEndEvent:
                break
            else:
                value = build(event, depth)
            node.append(value)
            marks.append(event.start_mark.index)
        node.later = array("I", marks)

    def _fill_map(self, node: Map, start: int, depth: int) -> None:
        read, keys, values, build = self._next, KEYS, VALUES, self._node
        marks = [start]
        odd: list[_OddEntry] = []
        while True:
            event = read()
            kind = type(event)
            key_at = event.start_mark.index
            if kind is ScalarEvent and event.tag is None and event.anchor is None:
                key = event.value if event.style else keys[event.value]
            elif kind is MappingEndEvent:
                break
            else:
                key = None
            if key is None:
                key = self._odd_key(event, depth)
            event = read()
            kind = type(event)
            if kind is ScalarEvent and event.tag is None and event.anchor is None:
                value = event.value if event.style else values[event.value]
                if value is UNREADABLE:
                    self._report.number(event.value, event.start_mark.index)
            else:
                value = build(event, depth)
            if type(key) is str and key not in node:
                node[key] = value
                marks += (key_at, event.start_mark.index)
            else:
                odd.append(_OddEntry(key, key_at, value, event.start_mark.index))
        if odd:
            self._settle(node, marks, odd)
        node.later = array("I", marks)

    def _odd_key(self, event: _Node, depth: int) -> str | _OddKey:
        """A key with an anchor or a tag, an alias, or one that is not a string."""
        key = self._node(event, depth)
        scalar = event if isinstance(event, ScalarEvent) else None
        if scalar and scalar.value == "<<" and not scalar.style:
            return _OddKey.MERGE
        if isinstance(key, str):
            return key
        if key is not UNREADABLE:
            what = f"'{scalar.value}' is not a string" if scalar else "a key must be a string"
            hint = "put it in quotes" if scalar else "write one word as the key"
            self._report.add("key-not-string", what, _offset(event), hint)
        return scalar.value if scalar else _OddKey.UNUSABLE

    def _settle(self, node: Map, marks: list[int], odd: Sequence[_OddEntry]) -> None:
        """Reports duplicates and merges what ``<<`` names, which never replaces what is written out."""
        merge: _OddEntry | None = None
        for entry in odd:
            if entry.key is _OddKey.MERGE:
                if merge is None:
                    merge = entry
                else:
                    self._duplicate("<<", entry.key_at, merge.key_at)
            elif isinstance(entry.key, str):
                self._duplicate(entry.key, entry.key_at, marks[2 * list(node).index(entry.key) + 1])
        for source in self._merge_sources(merge) if merge else ():
            for position, (key, value) in enumerate(source.items()):
                if key not in node:
                    node[key] = value
                    marks += source.marks[2 * position + 1 : 2 * position + 3]

    def _duplicate(self, key: str, offset: int, first: int) -> None:
        self._report.add(
            "duplicate-key", f"'{key}' is given twice", offset, "remove one of the two", related=(first,)
        )

    def _merge_sources(self, merge: _OddEntry) -> Iterator[Map]:
        items: list[tuple[Any, int]] = [(merge.value, merge.value_at)]
        if isinstance(merge.value, Seq):
            items = list(zip(merge.value, merge.value.marks[1:], strict=True))
        for value, offset in items:
            if isinstance(value, Map):
                yield value
            elif value is not UNREADABLE:
                self._report.add(
                    "merge-key",
                    "'<<' takes a mapping or a list of mappings",
                    offset,
                    "put << in quotes if it is an ordinary key",
                )

    def _alias(self, event: AliasEvent, depth: int) -> Any:
        name, offset = event.anchor, _offset(event)
        anchor = self._anchors.get(name or "")
        if anchor is None:
            self._report.add(
                "undefined-alias",
                f"no '&{name}' stands before '*{name}' in this document",
                offset,
                "an alias reaches only its own document; put the value in quotes if it is text",
            )
            return UNREADABLE
        if anchor.is_open:
            self._report.add("recursive-alias", f"'*{name}' contains itself", offset, "write the value out")
            return UNREADABLE
        nodes, reach = anchor.measured()
        if depth + reach - 1 > self._limits.depth:
            self._give_up_too_deep(offset)
        self._expandable -= nodes
        if self._expandable < 0:
            self._report.add(
                "expands-too-far",
                f"the aliases of this document repeat more than {self._limits.expanded_nodes:,} nodes",
                offset,
                "the rest of this document was not read",
            )
            raise DocumentGivenUpError(offset)
        return anchor.node


def _offset(event: yaml.Event) -> int:
    """Where an event starts, in characters."""
    assert event.start_mark is not None
    return event.start_mark.index
