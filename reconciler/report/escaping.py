"""Texts of manifests and registries, made harmless for a forge that renders markdown.

GitHub and GitLab look for mentions, references, commits, emoji, formulas and addresses in the text that is
*rendered*, so a backslash or a character reference before an `@` stops none of them. What they leave alone is
code. So whatever is not plain words stands in a code span, a fence or a `<code>` element, and nothing of it
begins a line, where bots look for commands. No text holds the opening of an HTML comment as it is: a hidden
marker is looked for in the source.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Final

from reconciler.report.safe import safe

LONGEST_NAME: Final = 200
LONGEST_LINE: Final = 500
LONGEST_PROSE: Final = 1_500
"""Characters of one text that are shown; the JSON document has the whole."""

_BACKTICKS: Final = re.compile("`+")
# But for two words of ours no hyphen: `GH-1` is a reference, and repositories have prefixes of their own.
_WORD: Final = re.compile(
    r"""(?![0-9a-fA-F]{7,}\Z)  # a commit
    (?:[^\W\d_]+(?:'[^\W\d_]+)*|[0-9]{1,6}(?:\.[0-9]{1,6})?[KM%]?|->|[/=…–]|built-in|write-only)""",
    re.VERBOSE,
)
_IN_BACKTICKS: Final = re.compile("`[^`]+`")
_TOKEN: Final = re.compile(r"""(?P<lead>[("]*)(?P<core>.*?)(?P<tail>[)",;:.?]*)""", re.DOTALL)


def inert(text: object, limit: int = LONGEST_LINE) -> str:
    """``text`` on one line, what could be obeyed or hide something spelled out, cut to ``limit``."""
    line = safe(text)
    line = line if len(line) <= limit else f"{line[:limit]}…"
    return line.replace("<!--", r"\x3c!--")


def code(text: object, limit: int = LONGEST_NAME) -> str:
    """A code span, for running text."""
    line = inert(text, limit)
    if not line:
        return "(empty)"
    marks = "`" * (_longest_run(line) + 1 if "`" in line else 1)
    # A space at each end is taken off, unless there is nothing else; so where the text begins or ends with
    # one, or with a backtick, there is one more.
    pad = " " if line.strip(" ") and (line[0] in " `" or line[-1] in " `") else ""
    return f"{marks}{pad}{line}{pad}{marks}"


def cell(text: object) -> str:
    """A code span, for a cell of a table: a row is cut at every bar, code or not."""
    return code(safe(text).replace("|", r"\x7c"), LONGEST_NAME)


def tag(text: object) -> str:
    """A `<code>` element, for a line of HTML, where markdown is not read."""
    return f"<code>{html.escape(inert(text, LONGEST_NAME)).replace('@', '&#64;') or '(empty)'}</code>"


def prose(text: object, limit: int = LONGEST_PROSE) -> str:
    """A sentence, to stand behind words of ours: plain words as they are, everything else as code.

    Our own sentences have backticks around names; those are what a code span has anyway.
    """
    done: list[str] = []
    held: list[str] = []

    def let_go(tail: str = "") -> None:
        if held:
            done.append(code(" ".join(held), limit + 1) + tail)
            held.clear()

    for token in inert(text, limit).split(" "):
        found = _TOKEN.fullmatch(token)
        lead, core, tail = found.group("lead", "core", "tail") if found else ("", token, "")
        if not core or _WORD.fullmatch(core):
            let_go()
            done.append(html.escape(token, quote=False))
            continue
        if _IN_BACKTICKS.fullmatch(core):
            core = core[1:-1]
        if lead:
            let_go()
            held.append(core)
            done.append(lead)
            let_go(tail)
            done[-2:] = ["".join(done[-2:])]
            continue
        held.append(core)
        if tail:
            let_go(tail)
    let_go()
    return " ".join(done)


def fence(lines: Iterable[str], language: str = "") -> list[str]:
    """The lines of a fenced block, which nothing in ``lines`` can close."""
    body = [inert(line) for line in lines]
    marks = "`" * max(3, 1 + max(map(_longest_run, body), default=0))
    return [f"{marks}{language}", *body, marks]


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)
