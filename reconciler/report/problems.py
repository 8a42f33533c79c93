"""Mistakes in input files: place, line, caret, what is wrong, how to fix it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reconciler.errors import Place, Problem, ReconcilerError, RegistryError
from reconciler.report.masking import HIDDEN
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe, width

_LONGEST = 160

SourceLine = Callable[[Place], str | None]
"""Gives the line of a file that a place is on, secrets masked, or None where it cannot be read."""


def problems_text(problems: Iterable[Problem], source: SourceLine, *, paint: Paint = plain) -> str:
    """Every mistake, in the order given."""
    lines: list[str] = []
    problems = list(problems)
    source = _without_literals(problems, source)
    for problem in problems:
        lines.append(f"{paint(_where(problem, source), 'bold')}: {safe(problem.message)}")
        lines += _excerpt(problem, source, paint)
        if problem.hint:
            lines.append(f"    {safe(problem.hint)}")
        lines += [f"    see {safe(place)}" for place in problem.related]
        lines.append("")
    return "\n".join(lines)


def failure_text(error: ReconcilerError, *, paint: Paint = plain) -> str:
    """What ended a run: what is wrong, where, how to fix it."""
    message = error.message
    if isinstance(error, RegistryError) and not message.startswith(f"{error.registry}: "):
        message = f"{error.registry}: {message}"
    lines = [f"{paint('error:', 'error')} {safe(message)}"]
    if isinstance(error, RegistryError) and error.request and error.request not in message:
        lines.append(f"  {safe(error.request)}")
    if error.hint:
        lines.append(f"  {safe(error.hint)}")
    return "\n".join(lines)


def problems_json(problems: Iterable[Problem], source: SourceLine) -> list[Mapping[str, Any]]:
    """Every mistake as data, in the order given."""
    problems = list(problems)
    source = _without_literals(problems, source)
    return [_problem_json(problem, source) for problem in problems]


def _problem_json(problem: Problem, source: SourceLine) -> Mapping[str, Any]:
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


def _without_literals(problems: Iterable[Problem], source: SourceLine) -> SourceLine:
    """``source`` with each line cut where the first secret that is written out in it begins: a message
    about something else on that line must not repeat it."""
    starts: dict[tuple[str, int], int] = {}
    for problem in problems:
        if problem.code == "secret-literal":
            where = (problem.place.file, problem.place.line)
            starts[where] = min(problem.place.column, starts.get(where, problem.place.column))

    def cut(place: Place) -> str | None:
        line, start = source(place), starts.get((place.file, place.line))
        return line if line is None or start is None else line[: start - 1] + HIDDEN

    return cut


def _where(problem: Problem, source: SourceLine) -> str:
    """The place; only the file where there is no line to look at."""
    unread = source(problem.place) is None and (problem.place.line, problem.place.column) == (1, 1)
    return safe(problem.place.file if unread else problem.place)


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
    """``line`` without a value whose key nobody knows: it may be a slip in the name of a secret."""
    start = problem.place.column - 1
    if problem.code == "unknown-field":
        key, colon, value = line[start:].partition(":")
        return line[:start] + key + colon + (f" {HIDDEN}" if value.strip() else "")
    return line
