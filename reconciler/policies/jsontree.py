"""JSON text to a tree in which every node knows its place.

The nodes are those of the YAML reader, so that `locate` finds its way in both. Numbers are exact: ints, and
Decimals where they are not whole. A key that is given twice is a mistake.
"""

from __future__ import annotations

import re
from array import array
from decimal import Decimal
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined] # typeshed has no scanstring
from typing import Any, Final

from reconciler.errors import Place, Problem
from reconciler.manifests.yamltree import DEFAULT_LIMITS, Document, Lines, Map, Seq
from reconciler.manifests.yamltree.mistakes import FORBIDDEN
from reconciler.manifests.yamltree.scalars import MOST_DIGITS, MOST_EXPONENT

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NUMBER: Final = re.compile(
    r"(?P<mantissa>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)(?:[eE](?P<exponent>[-+]?[0-9]+))?"
)
_WORD: Final = re.compile("true|false|null")
_WORDS: Final = {"true": True, "false": False, "null": None}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MARK: Final = "\ufeff"


class _SyntaxError(Exception):
    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint


def parse_json(data: bytes, file: str) -> Document | Problem:
    """The one value of ``data``, or the first mistake in it. ``file`` is the name to show."""
    try:
        text = data.decode().removeprefix(_MARK)
    except UnicodeDecodeError:
        return Problem("encoding", "the file is not UTF-8", Place(file), "save the file as UTF-8")
    lines = Lines.of(FORBIDDEN.sub(" ", text))  # of the same length: these would count as line breaks
    try:
        reader = _Reader(text, lines)
        start = reader.space(0)
        root, end = reader.value(start, 0)
        end = reader.space(end)
        if end < len(text):
            raise _SyntaxError("there is more behind the end of the document", end)
    except _SyntaxError as error:
        return Problem("json", error.message, Place(file, *lines.place(error.offset)), error.hint)
    return Document(file, 0, root, *lines.place(start))


class _Reader:
    """Each method takes the offset where something starts, and gives it with the offset behind it."""

    def __init__(self, text: str, lines: Lines) -> None:
        self.text = text
        self.lines = lines

    def space(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        first = self.text[at : at + 1]
        if first in ("{", "[") and depth >= DEFAULT_LIMITS.depth:
            raise _SyntaxError(f"more than {DEFAULT_LIMITS.depth} containers within one another", at)
        match first:
            case "{":
                return self.mapping(at, depth)
            case "[":
                return self.sequence(at, depth)
            case '"':
                return self.string(at)
        if word := _WORD.match(self.text, at):
            return _WORDS[word[0]], word.end()
        if number := _NUMBER.match(self.text, at):
            return _number(number), number.end()
        raise _SyntaxError("a JSON value must stand here", at, "text stands in double quotes")

    def string(self, at: int) -> tuple[str, int]:
        try:
            text, end = scanstring(self.text, at + 1, True)  # noqa: FBT003 - strict; it takes no keywords
        except JSONDecodeError as error:
            raise _SyntaxError(
                "this text is no JSON string", error.pos, "see its quotes and escapes"
            ) from None
        if _SURROGATE.search(text):
            raise _SyntaxError("half a pair of surrogates is no character", at)
        return text, end

    def mapping(self, at: int, depth: int) -> tuple[Map, int]:
        found, marks = Map(), array("I", [at])
        end = self.space(at + 1)
        while self.text[end : end + 1] != "}" or found:
            key_at = end
            if self.text[end : end + 1] != '"':
                raise _SyntaxError("a key in double quotes must stand here", end)
            key, end = self.string(end)
            if key in found:
                raise _SyntaxError(f"'{key}' is given twice", key_at, "remove one of the two")
            end = self.space(end)
            if self.text[end : end + 1] != ":":
                raise _SyntaxError("a ':' must stand here", end)
            value_at = self.space(end + 1)
            found[key], end = self.value(value_at, depth + 1)
            marks.extend((key_at, value_at))
            end = self.space(end)
            if self.text[end : end + 1] == "}":
                break
            end = self.comma(end, "}")
        found.lines, found.later, found.twin = self.lines, marks, None
        return found, end + 1

    def sequence(self, at: int, depth: int) -> tuple[Seq, int]:
        found, marks = Seq(), array("I", [at])
        end = self.space(at + 1)
        while self.text[end : end + 1] != "]" or found:
            marks.append(end)
            item, end = self.value(end, depth + 1)
            found.append(item)
            end = self.space(end)
            if self.text[end : end + 1] == "]":
                break
            end = self.comma(end, "]")
        found.lines, found.later = self.lines, marks
        return found, end + 1

    def comma(self, at: int, closing: str) -> int:
        if self.text[at : at + 1] != ",":
            raise _SyntaxError(f"a ',' or '{closing}' must stand here", at)
        return self.space(at + 1)


def _number(found: re.Match[str]) -> int | Decimal:
    """Raises _SyntaxError for one that would take all memory as soon as something is done with it."""
    digits = found["mantissa"].lstrip("-").replace(".", "")
    exponent = (found["exponent"] or "").lstrip("+-").lstrip("0")
    if len(digits) > MOST_DIGITS or len(exponent) > 2 or int(exponent or 0) > MOST_EXPONENT:
        limits = f"{MOST_DIGITS} digits, exponents up to {MOST_EXPONENT}"
        raise _SyntaxError("this number is out of range", found.start(), limits)
    value = Decimal(found[0])
    return int(value) if value == value.to_integral_value() else value
