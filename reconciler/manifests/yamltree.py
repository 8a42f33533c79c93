"""YAML text to documents in which every node knows its place.

The text is read as YAML 1.2 core: ``no``, ``on`` and ``12:30`` are strings, ``1e-06`` is a number, a
duplicate key is a mistake. The merge key ``<<`` is the one extension. PyYAML's own loaders follow
YAML 1.1, so this module builds on libyaml's events instead.

Bad content never raises: it becomes a Problem, and reading goes on. A document with a mistake is still
returned, in its best reading, so that later checks find the rest in the same run; what has no reading
at all is ``UNREADABLE``. Whoever uses a document must have seen that there are no problems.
"""

from __future__ import annotations

import codecs
import enum
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final, NoReturn, TypeAlias

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

from reconciler.errors import Place, Problem

# --- what a reader gets ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may ask of us.

    ``expanded_nodes``: nodes that the aliases of one document may repeat. ``depth``: containers within
    containers. ``file_bytes``: size of a file. ``problems``: mistakes after which a file is given up.
    """

    expanded_nodes: int = 100_000
    depth: int = 64
    file_bytes: int = 32 * 2**20
    problems: int = 100


DEFAULT_LIMITS: Final = Limits()


class Unreadable(enum.Enum):
    """The type of ``UNREADABLE``. An enum, because a copy of a member is the member itself."""

    UNREADABLE = "unreadable"


UNREADABLE: Final = Unreadable.UNREADABLE
"""Stands where a value has no reading. A Problem with the same place says why."""


class Lines:
    """Turns an offset in a text into line and column. Never changes; shared by all nodes of a file."""

    __slots__ = ("base", "starts")

    def __init__(self, starts: array[int], base: int = 0) -> None:
        self.starts = starts
        self.base = base

    @classmethod
    def of(cls, text: str) -> Lines:
        """The lines of ``text``, which must hold no line break but CR, LF and CR LF."""
        starts = array("I", accumulate(map(len, text.splitlines(keepends=True)), initial=0))
        if len(starts) > 1 and text[-1] not in "\r\n":
            starts.pop()  # the end of the text, which starts no line
        return cls(starts)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of the character at ``offset`` from the base."""
        offset += self.base
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def __deepcopy__(self, memo: dict[int, Any]) -> Lines:
        return self


class Map(dict[str, Any]):
    """A mapping that knows where it is written. Not to be changed once it is read.

    ``marks`` holds the offset of the mapping, then of each key and its value, in the order of the keys:
    eight bytes an entry. A dict of places would need more than the data.
    """

    __slots__ = ("lines", "marks")
    lines: Lines
    marks: array[int]

    @property
    def place(self) -> tuple[int, int]:
        """Line and column where the mapping starts."""
        return self.lines.place(self.marks[0])

    def key_place(self, key: str) -> tuple[int, int]:
        """Line and column of ``key``. Raises KeyError."""
        return self.lines.place(self.marks[2 * self._position(key) + 1])

    def value_place(self, key: str) -> tuple[int, int]:
        """Line and column of the value of ``key``: of the alias where it is one. Raises KeyError."""
        return self.lines.place(self.marks[2 * self._position(key) + 2])

    def _position(self, key: str) -> int:
        if key not in self:
            raise KeyError(key)
        return list(self).index(key)


class Seq(list[Any]):
    """A list that knows where it is written. Not to be changed once it is read.

    ``marks`` holds the offset of the list, then of each item.
    """

    __slots__ = ("lines", "marks")
    lines: Lines
    marks: array[int]

    @property
    def place(self) -> tuple[int, int]:
        """Line and column where the list starts."""
        return self.lines.place(self.marks[0])

    def item_place(self, index: int) -> tuple[int, int]:
        """Line and column of the item at ``index``, from 0. Raises IndexError."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.lines.place(self.marks[index + 1])


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file. ``index`` counts from 0 and counts empty documents too.

    ``root`` is a Map, a Seq, str, int, bool, Decimal or UNREADABLE, and starts at ``line``, ``column``.
    Where an alias stands, the tree holds the anchor's node once more: the same object.
    """

    file: str
    index: int
    root: Any
    line: int
    column: int


def locate(document: Document, path: Sequence[str | int], *, key: bool = False) -> Place:
    """The place of the value at ``path``, or of the deepest node on the way to it that exists.

    With ``key``, the place of its key where it has one.
    """
    key_at = value_at = (document.line, document.column)
    node = document.root
    for step in path:
        if isinstance(node, Map) and isinstance(step, str) and step in node:
            key_at, value_at, node = node.key_place(step), node.value_place(step), node[step]
        elif isinstance(node, Seq) and isinstance(step, int) and 0 <= step < len(node):
            key_at = value_at = node.item_place(step)
            node = node[step]
        else:
            break
    return Place(document.file, *(key_at if key else value_at))


def parse(data: bytes, file: str, *, limits: Limits = DEFAULT_LIMITS) -> tuple[list[Document], list[Problem]]:
    """The documents of ``data`` that are not null, in order, and every mistake in it.

    ``file`` is the name to show. Raises nothing for bad content.
    """
    written = _decode(data, file)
    if isinstance(written, Problem):
        return [], [written]
    text = written
    if data.translate(None, _PLAIN_BYTES):
        text = _FORBIDDEN.sub(" ", written)  # of the same length, so that every place stays true
    report = _Report(file, Lines.of(text), limits.problems)
    documents: list[Document] = []
    try:
        if text != written:
            report.forbidden_characters(written)
        start: int | None = 0
        while start is not None:
            start = _read(text, start, report, documents, limits)
    except _TooManyProblemsError:
        pass
    return documents, report.problems


# --- text -------------------------------------------------------------------------------------------

# What YAML forbids, and the three characters that libyaml takes for line breaks as YAML 1.1 did. To
# everyone else these are part of the line: text after one, in a comment say, would become content.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN_BYTES: Final = bytes((*b"\t\n\r", *range(0x20, 0x7F)))  # a file of only these needs no search
_BYTE_ORDER_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_ENCODING_HINT: Final = "save the file as UTF-8"
# In column 1 these three dashes start a document wherever they stand, even inside an open quote.
_NEXT_DOCUMENT: Final = re.compile(r"(?<=[\r\n])---(?=[ \t\r\n]|\Z)")


def _decode(data: bytes, file: str) -> str | Problem:
    if data.startswith(_BYTE_ORDER_MARKS) or 0 in data[:2]:
        return Problem("encoding", "the file is UTF-16, UTF-32 or no text", Place(file), _ENCODING_HINT)
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = _FORBIDDEN.sub(" ", data[: error.start].decode())
        place = Place(file, *Lines.of(before).place(len(before)))
        return Problem("encoding", f"byte {data[error.start]:#04x} is not UTF-8", place, _ENCODING_HINT)


def _read(text: str, start: int, report: _Report, documents: list[Document], limits: Limits) -> int | None:
    """Reads from ``start`` to the end, or to a mistake that ends a document.

    Gives where to read on: libyaml stops for good at such a mistake, but the next document may be sound.
    """
    report.lines = Lines(report.lines.starts, start)
    try:
        builder = _Builder(text[start:], report, limits)
        documents.extend(builder.documents())
    except yaml.MarkedYAMLError as error:
        stopped = start + report.syntax(error, text)
    except _DocumentGivenUpError as error:
        stopped = start + error.offset
    else:
        return None
    following = _NEXT_DOCUMENT.search(text, max(stopped, start + 1))
    return following.start() if following else None


# --- scalars ----------------------------------------------------------------------------------------

_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER: Final = re.compile(
    r"(?P<int>[-+]?[0-9]+)|0o(?P<octal>[0-7]+)|0x(?P<hex>[0-9a-fA-F]+)"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?(?P<exponent>[0-9]+))?"
)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMBER_STARTS: Final = frozenset("+-.0123456789")
_MOST_DIGITS: Final = 40
_MOST_EXPONENT: Final = 40

Scalar: TypeAlias = str | int | bool | Decimal | None


def _resolve(text: str) -> Scalar | Unreadable:
    """What an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    number = _NUMBER.fullmatch(text)
    if number is None:
        return UNREADABLE if _NOT_FINITE.fullmatch(text) else text
    return UNREADABLE if _is_out_of_range(number) else _number(number)


def _number(number: re.Match[str]) -> int | Decimal:
    match number.lastgroup:
        case "int":
            return int(number[0])
        case "octal":
            return int(number["octal"], 8)
        case "hex":
            return int(number["hex"], 16)
        case _:
            return Decimal(number[0])


def _is_out_of_range(number: re.Match[str]) -> bool:
    """A number like 1e999999999 would take all memory as soon as something is done with it."""
    exponent = (number["exponent"] or "").lstrip("0")
    if len(exponent) > 2 or int(exponent or 0) > _MOST_EXPONENT:
        return True
    if number.lastgroup in {"octal", "hex"}:
        return len(number[number.lastgroup]) > _MOST_DIGITS
    mantissa = re.split("[eE]", number[0])[0]
    return len(mantissa.strip("+-").replace(".", "")) > _MOST_DIGITS


class _Memo(dict[str, Any]):
    """What short scalars mean. Manifests repeat few words many times: each is resolved and held once.

    Two limits keep it small whatever is read: the length of a text and the number of texts.
    """

    __slots__ = ()

    def __missing__(self, text: str) -> Any:
        value = self.look_up(text)
        if len(text) <= 64 and len(self) < 16_384:
            self[text] = value
        return value

    def look_up(self, text: str) -> Any:
        return _resolve(text)


class _Keys(_Memo):
    """Gives None for an unquoted key that is not an ordinary string."""

    __slots__ = ()

    def look_up(self, text: str) -> str | None:
        return text if text != "<<" and isinstance(_resolve(text), str) else None


_VALUES: Final = _Memo()
_KEYS: Final = _Keys()

# --- tree -------------------------------------------------------------------------------------------


class _DocumentGivenUpError(Exception):
    """The rest of a document is not read: reading it could take too long, or too much memory."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


_Node: TypeAlias = AliasEvent | ScalarEvent | CollectionStartEvent


class _OddKey(enum.Enum):
    MERGE = enum.auto()  # an unquoted <<
    UNUSABLE = enum.auto()  # already reported


@dataclass(slots=True)
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


@dataclass(slots=True)
class _OddEntry:
    """An entry that cannot simply be stored."""

    key: str | _OddKey
    key_at: int
    value: Any
    value_at: int


class _Builder:
    """Builds trees from the events of one text."""

    def __init__(self, text: str, report: _Report, limits: Limits) -> None:
        # Typed as Any: the type of an event says what it holds, and asking mypy costs time here.
        self._next: Any = CParser(text).get_event
        self._report = report
        self._lines = report.lines
        self._limits = limits
        self._anchors: dict[str, _Anchor] = {}
        self._expandable = limits.expanded_nodes

    def documents(self) -> Iterator[Document]:
        """The documents that are not null. Raises yaml.MarkedYAMLError and _DocumentGivenUpError."""
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
        value: Scalar | Unreadable = event.value if event.style else _VALUES[event.value]
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
            self._fill_map(node, start, depth + 1)
        else:
            self._fill_seq(node, start, depth + 1)
        if anchor:
            anchor.is_open = False
        return node

    def _give_up_too_deep(self, offset: int) -> NoReturn:
        message = f"mappings and lists are nested more than {self._limits.depth} deep"
        self._report.add("too-deep", message, offset, "the rest of this document was not read")
        raise _DocumentGivenUpError(offset)

    def _fill_seq(self, node: Seq, start: int, depth: int) -> None:
        read, values, build = self._next, _VALUES, self._node
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
        node.marks = array("I", marks)

    def _fill_map(self, node: Map, start: int, depth: int) -> None:
        read, keys, values, build = self._next, _KEYS, _VALUES, self._node
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
        node.marks = array("I", marks)

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
            raise _DocumentGivenUpError(offset)
        return anchor.node


def _offset(event: yaml.Event) -> int:
    """Where an event starts, in characters."""
    assert event.start_mark is not None
    return event.start_mark.index


# --- mistakes ---------------------------------------------------------------------------------------


class _TooManyProblemsError(Exception):
    """A file has so many mistakes that more would help nobody."""


@dataclass(frozen=True, slots=True)
class _Explanation:
    """Our words for an error of libyaml. ``at_start`` puts the place where the broken thing starts."""

    message: str
    hint: str
    code: str = "syntax"
    at_start: bool = False


_UNCLOSED_QUOTE: Final = _Explanation(
    "the quote that opens here is not closed", "add the closing quote", at_start=True
)
_UNCLOSED_BRACKET: Final = _Explanation(
    "the bracket that opens here is not closed", "add the closing bracket", at_start=True
)
_UNCLOSED_BEFORE: Final = _Explanation(  # libyaml does not say which one
    "the document ends inside brackets that are not closed", "add the closing bracket"
)
_INDENTATION: Final = "check the indentation: entries that belong together start in the same column"
_TAB: Final = _Explanation("a tab cannot indent YAML", "indent with spaces")
_VERSION: Final = _Explanation(
    "only YAML 1.1 and 1.2 are known", "write %YAML 1.2, or remove the line", "directive"
)
_COMMA: Final = "add the comma, or close the bracket; put text with brackets, commas or ': ' in quotes"
_EXPLANATIONS: Final[Mapping[str, _Explanation]] = {
    "mapping values are not allowed in this context": _Explanation(
        "a ':' cannot stand here", "put a value that contains ': ' in quotes, and check the indentation"
    ),
    "found character that cannot start any token": _Explanation(
        "an unquoted value cannot start with this character", "put the value in quotes"
    ),
    "found unexpected end of stream": _UNCLOSED_QUOTE,
    "found unexpected document indicator": _UNCLOSED_QUOTE,
    "did not find expected ',' or ']'": _Explanation("expected ',' or ']'", _COMMA),
    "did not find expected ',' or '}'": _Explanation("expected ',' or '}'", _COMMA),
    "did not find expected key": _Explanation("expected a key, or the end of this mapping", _INDENTATION),
    "did not find expected '-' indicator": _Explanation(
        "expected '- ', or the end of this list", _INDENTATION
    ),
    "did not find expected <document start>": _Explanation(
        "the document has ended before this line", f"{_INDENTATION}; a line '---' starts a new document"
    ),
    "block sequence entries are not allowed in this context": _Explanation(
        "a list cannot start here",
        "start it on a line of its own, or put text that starts with '- ' in quotes",
    ),
    "did not find expected node content": _Explanation(
        "expected a value", "write the value; put text that starts with a special character in quotes"
    ),
    "could not find expected ':'": _Explanation(
        "this line is neither 'key: value' nor part of a value",
        f"add the ':', or {_INDENTATION}",
        at_start=True,
    ),
    "found unknown escape character": _Explanation(
        "double quotes know no such escape", r"write \\ for a backslash, or use single quotes"
    ),
    "found invalid Unicode character escape code": _Explanation(
        "this escape is not a character", r"write the character itself, or \U and its 8 digits", "encoding"
    ),
    "found incompatible YAML document": _VERSION,
    "found duplicate %YAML directive": _Explanation("%YAML is given twice", "remove one", "directive"),
    "found undefined tag handle": _Explanation("tags are not supported", "remove the tag", "tag"),
}


class _Report:
    """Collects the mistakes of one file. ``lines`` and ``documents`` say how far reading has come."""

    def __init__(self, file: str, lines: Lines, most: int) -> None:
        self.file = file
        self.lines = lines
        self.documents = 0
        self.problems: list[Problem] = []
        self._most = most

    def add(self, code: str, message: str, offset: int, hint: str, *, related: Sequence[int] = ()) -> None:
        """Adds a mistake at ``offset``. Raises _TooManyProblemsError after the last one that is wanted."""
        others = tuple(self._place(other) for other in related)
        self.problems.append(Problem(code, message, self._place(offset), hint, related=others))
        if len(self.problems) >= self._most:
            message = f"the file has {self._most} mistakes or more"
            hint = "the rest of the file was not read"
            self.problems.append(Problem("too-many-problems", message, self._place(offset), hint))
            raise _TooManyProblemsError

    def _place(self, offset: int) -> Place:
        return Place(self.file, *self.lines.place(offset))

    def forbidden_characters(self, text: str) -> None:
        for found in _FORBIDDEN.finditer(text):
            hint = f'remove it, or write it as "\\u{ord(found[0]):04x}" in double quotes'
            message = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
            self.add("control-character", message, found.start(), hint)

    def number(self, text: str, offset: int) -> None:
        """Says why an unquoted scalar is UNREADABLE."""
        if _NOT_FINITE.fullmatch(text):
            self.add(
                "number-not-finite", f"'{text}' is not a number that we take", offset, "put text in quotes"
            )
        else:
            message = f"a number has at most {_MOST_DIGITS} digits and an exponent up to {_MOST_EXPONENT}"
            self.add("number-out-of-range", message, offset, "put text in quotes")

    def syntax(self, error: yaml.MarkedYAMLError, text: str) -> int:
        """Adds an error of libyaml. Gives the offset where reading stopped."""
        assert error.problem_mark is not None
        stopped = error.problem_mark.index
        opened = error.context_mark.index if error.context_mark else stopped
        explanation = _explain(error.problem or "", error.context or "", text, self.lines.base + stopped)
        offset, related = stopped, (opened,)
        if explanation.at_start:
            offset, related = opened, (stopped,)
        others = related if opened != stopped else ()
        self.add(explanation.code, explanation.message, offset, explanation.hint, related=others)
        return stopped


def _explain(problem: str, context: str, text: str, stopped: int) -> _Explanation:
    """``stopped`` is where in ``text`` libyaml gave up."""
    if "parsing a flow" in context and (not text[stopped:].strip() or _NEXT_DOCUMENT.match(text, stopped)):
        return _UNCLOSED_BRACKET if "',' or" in problem else _UNCLOSED_BEFORE
    if "tab character" in problem or ("cannot start any token" in problem and text[stopped] == "\t"):
        return _TAB
    if problem in _EXPLANATIONS:
        return _EXPLANATIONS[problem]
    message = f"{problem} {context}".strip()
    for word in ("directive", "tag"):
        if word in message.lower():
            return _Explanation(message, f"remove it: manifests need no {word}s", word)
    if "alias" in message or "anchor" in message:
        return _Explanation(message, "put a value that starts with '&' or '*' in quotes")
    return _Explanation(message, "put the value in quotes if it is text")
