"""What a reader gets: documents whose nodes know their place."""

from __future__ import annotations

import enum
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, cast

from reconciler.errors import Place


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


class PlainLines(Lines):
    """The lines of a text whose only line break is LF, counted when a place is asked for: from ``start`` on,
    where line ``first`` begins."""

    __slots__ = ("first", "start", "text")

    def __init__(self, text: str, start: int = 0, first: int = 1) -> None:
        self.text = text
        self.start = start
        self.first = first

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of the character at ``offset``, which is not before the start."""
        text = self.text
        return self.first + text.count("\n", self.start, offset), offset - text.rfind("\n", 0, offset)


class _Marked:
    """What mappings and lists have in common: places, which most of them are never asked for."""

    __slots__ = ()
    if TYPE_CHECKING:  # they are slots of the classes that have this
        lines: Lines
        later: Any
        """The marks, or how to make them: a function and its arguments."""

    @property
    def marks(self) -> array[int]:
        """The offsets of what stands here."""
        later = self.later
        if type(later) is tuple:
            make, *given = later
            later = self.later = make(*given)
        return cast("array[int]", later)


class Map(dict[str, Any], _Marked):
    """A mapping that knows where it is written. Not to be changed once it is read.

    ``marks`` holds the offset of the mapping, then of each key and its value, in the order of the keys:
    eight bytes an entry. A dict of places would need more than the data. ``twin`` is something that only
    mappings of the very same keys, values and types have in common; None where it is not known.
    """

    __slots__ = ("later", "lines", "twin")
    twin: object | None

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


class Seq(list[Any], _Marked):
    """A list that knows where it is written. Not to be changed once it is read.

    ``marks`` holds the offset of the list, then of each item.
    """

    __slots__ = ("later", "lines")

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
