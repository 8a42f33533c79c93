"""Mistakes in input files: place, line, caret, what is wrong, how to fix it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from reconciler.errors import Place, Problem
from reconciler.report.safe import safe, width
from reconciler.report.text import Paint, plain

_LONGEST = 160

# A literal secret in a broken manifest must not be repeated by the message about it.
_SECRET_VALUE: Final = re.compile(
    r"""((?:api_?key|secret|password|passphrase|private_?key|credentials?|_token|access_?key|account_json)
    ["']?\s*[:=]\s*)(?!\{\s*(?:secret|env)\b)(\S.*)$""",
    re.IGNORECASE | re.VERBOSE,
)

SourceLine = Callable[[Place], str | None]
"""Gives the line of a file that a place is on, or None where it cannot be read."""


def problems_text(problems: Iterable[Problem], source: SourceLine, *, paint: Paint = plain) -> str:
    """Every mistake, in the order given."""
    lines: list[str] = []
    for problem in problems:
        lines.append(f"{paint(str(problem.place), 'bold')}: {safe(problem.message)}")
        lines += _excerpt(problem, source, paint)
        if problem.hint:
            lines.append(f"    {safe(problem.hint)}")
        lines += [f"    see {place}" for place in problem.related]
        lines.append("")
    return "\n".join(lines)


def problem_json(problem: Problem, source: SourceLine) -> Mapping[str, Any]:
    """One mistake as data."""
    line = source(problem.place)
    return {
        "code": problem.code,
        "message": problem.message,
        "file": problem.place.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "path": problem.path,
        "hint": problem.hint,
        "source": None if line is None else _masked(line, problem),
        "related": [
            {"file": place.file, "line": place.line, "column": place.column} for place in problem.related
        ],
    }


def _excerpt(problem: Problem, source: SourceLine, paint: Paint) -> list[str]:
    line = source(problem.place)
    if line is None or not line.strip() or len(line) > _LONGEST:
        return []
    number = str(problem.place.line)
    text = _masked(line, problem)
    before = width(safe(text[: problem.place.column - 1]))
    margin = " " * len(number)
    caret = paint("^", "error")
    return [f"  {number} | {safe(text)}", f"  {margin} | {' ' * before}{caret}"]


def _masked(line: str, problem: Problem) -> str:
    """``line`` without what may be the text of a secret."""
    if problem.code == "secret-literal":
        line = line[: problem.place.column - 1] + "…"
    return _SECRET_VALUE.sub(lambda found: f"{found[1]}…", line)
