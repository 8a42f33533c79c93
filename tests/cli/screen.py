"""What a terminal shows at the end of what was written to it."""

from __future__ import annotations

import re

_SEQUENCE = re.compile(r"\x1b\[(?P<number>[0-9;]*)(?P<what>[A-Za-z])")


class Screen:
    """As much of a terminal as we make use of; any other sequence fails the test.

    Lines that do not fit are broken, as terminals do.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines: list[list[str]] = [[]]
        self.row = self.column = 0

    def feed(self, text: str) -> None:
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = _SEQUENCE.match(text, at)
                assert found is not None, text[at : at + 20]
                self._obey(found["what"], found["number"])
                at = found.end()
                continue
            self._put(text[at])
            at += 1

    def _obey(self, what: str, number: str) -> None:
        if what == "m":
            return  # a colour
        if what == "A":
            self.row = max(self.row - int(number or 1), 0)
        elif what == "K" and not number:
            del self.lines[self.row][self.column :]
        elif what == "J" and not number:
            del self.lines[self.row][self.column :]
            del self.lines[self.row + 1 :]
        else:
            raise AssertionError(f"a sequence that nobody shall send: {number}{what}")

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._down()
        else:
            if self.column >= self.columns:
                self._down()
                self.column = 0
            line = self.lines[self.row]
            line += " " * (self.column - len(line))
            line[self.column : self.column + 1] = character
            self.column += 1

    def _down(self) -> None:
        self.row += 1
        while len(self.lines) <= self.row:
            self.lines.append([])

    @property
    def shown(self) -> str:
        return "\n".join("".join(line).rstrip() for line in self.lines).rstrip("\n")


def shown(output: bytes, columns: int = 100) -> str:
    """What is on a screen of so many columns at the end of ``output``."""
    screen = Screen(columns)
    screen.feed(output.decode())
    return screen.shown
