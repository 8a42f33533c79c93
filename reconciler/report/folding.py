"""A document of folded sections that keeps to a forge's limit: what is least risky is left out first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEAST_LIMIT = 10_000
"""Below it not even the head has room for certain."""

_CUT_NOTE = 1_000


@dataclass(frozen=True, slots=True)
class Section:
    """One folded part. ``order``: what comes first stays longest; ``counts_as`` is what it is counted as
    where it is left out, None where that need not be said."""

    group: str
    order: tuple[Any, ...]
    lines: Sequence[str]
    counts_as: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above the sections: as much of ``first`` as a third of a limit takes, and of ``rows``, a
    quarter."""

    first: Sequence[str]
    columns: Sequence[str] = ()
    rows: Sequence[str] = ()
    rows_are: str = ""


def size(text: str) -> int:
    """What ``text`` counts against a limit. Forges count in different units; bytes are the most of any."""
    return len(text.encode())


def folded(summary: str, lines: Iterable[str]) -> list[str]:
    """A folded part. ``summary`` is HTML already; in between is markdown, which needs the empty lines."""
    inside = [f"<summary>{summary}</summary>", "", *lines]
    return ["<details>", *inside, *([""] if inside[-1] else []), "</details>", ""]


def how_many(lines: Sequence[str], most: int | None) -> int:
    """How many of ``lines``, from the first, ``most`` bytes take; at least one."""
    if most is None:
        return len(lines)
    left = most
    for index, line in enumerate(lines):
        left -= size(line) + 1
        if left < 0 and index:
            return index
    return len(lines)


def within(lines: Sequence[str], most: int | None, rest: str, *, lead: str = "") -> list[str]:
    """The first of ``lines`` that ``most`` bytes take, and behind ``lead`` how many ``rest`` are left out."""
    taken = how_many(lines, most)
    more = [f"{lead}… and {len(lines) - taken} more {rest}"] if taken < len(lines) else []
    return [*lines[:taken], *more]


def document(
    head: Head,
    groups: Mapping[str, str],
    sections: Iterable[Section],
    tail: Sequence[str],
    *,
    limit: int | None,
    whole: str,
) -> str:
    """The document, at most ``limit`` bytes long.

    ``groups`` are the summaries of what sections stand in; they are ordered by their first section.
    ``whole`` says where all of it is. Raises ValueError for a ``limit`` below LEAST_LIMIT.
    """
    if limit is not None and limit < LEAST_LIMIT:
        raise ValueError(f"a limit below {LEAST_LIMIT} leaves no room")
    first = within(head.first, limit and limit // 3, "lines", lead="- ")
    top = [*first, *_table(head, limit, whole), ""]
    every = sorted(sections, key=lambda section: section.order)
    room = None if limit is None else limit - size("\n".join([*top, *tail])) - _CUT_NOTE
    taken = _taken(every, groups, room)
    note = _cut_note(every[taken:], sum(section.counts_as is not None for section in every), whole)
    inside: dict[str, list[str]] = {}
    for section in every[:taken]:
        inside.setdefault(section.group, []).extend(section.lines)
    body = [line for group, lines in inside.items() for line in folded(groups[group], lines)]
    return "\n".join([*top, *note, *body, *tail]).rstrip("\n") + "\n"


def _table(head: Head, limit: int | None, whole: str) -> list[str]:
    if not head.rows:
        return []
    taken = how_many(head.rows, limit and limit // 4)
    left = len(head.rows) - taken
    # Behind an empty line, because any other would be one more row.
    more = ["", f"… and {left} more {head.rows_are}; {whole}."] if left else []
    return ["", *head.columns, *head.rows[:taken], *more]


def _taken(sections: Sequence[Section], groups: Mapping[str, str], room: int | None) -> int:
    """How many of ``sections`` have room, from the first one on."""
    if room is None:
        return len(sections)
    opened: set[str] = set()
    for index, section in enumerate(sections):
        if section.group not in opened:
            opened.add(section.group)
            room -= size("\n".join(folded(groups[section.group], []))) + 1
        room -= size("\n".join(section.lines)) + 1
        if room < 0:
            return index
    return len(sections)


def _cut_note(cut: Sequence[Section], of: int, whole: str) -> list[str]:
    if not cut:
        return []
    counts = Counter(section.counts_as for section in cut if section.counts_as is not None)
    what = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    told = f"the {counts.total()} least risky of {of} actions ({what})" if counts else "what needs no action"
    return [f"**Cut to size:** {told} left out here; {whole}.", ""]
