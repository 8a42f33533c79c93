"""CSV as RFC 4180 has it, with the place of every cell, which the csv module does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SEPARATORS: Final = (",", ";", "\t")

_BREAK: Final = re.compile(r"\r\n|\n|\r")
_QUOTED: Final = re.compile(r'"([^"]*(?:""[^"]*)*)"')


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell, without its quotation marks; where it begins, counting from 1."""

    text: str
    line: int
    column: int


class Malformed(ValueError):
    """The text is no CSV from here on."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def rows(text: str, separator: str) -> Iterator[list[Cell]]:
    """Every row that has anything in it.

    Raises Malformed for quotation marks that are never closed or that something follows.
    """
    unquoted = re.compile(rf"[^{re.escape(separator)}\r\n]*")
    at, line, start = 0, 1, 0
    row: list[Cell] = []
    while True:
        here = (line, at - start + 1)
        if text.startswith('"', at):
            found = _QUOTED.match(text, at)
            if found is None:
                raise Malformed("the quotation mark is never closed", *here)
            value = found[1].replace('""', '"')
            for inner in _BREAK.finditer(text, at, found.end()):
                line, start = line + 1, inner.end()
            if text[found.end() : found.end() + 1] not in ("", separator, "\r", "\n"):
                raise Malformed("the cell goes on behind its quotation marks", line, found.end() - start + 1)
        else:
            found = unquoted.match(text, at)
            assert found is not None
            value = found[0]
        row.append(Cell(value.strip(), *here))
        at = found.end()
        if text[at : at + 1] == separator:
            at += 1
            continue
        if any(cell.text for cell in row):
            yield row
        row = []
        ending = _BREAK.match(text, at)
        if ending is None:
            return
        at, line, start = ending.end(), line + 1, ending.end()
