"""What machines are told of: mistakes, refusals, prices that differ; each at a place of a file."""

from __future__ import annotations

import hashlib
import posixpath
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from reconciler.errors import Place, Problem
from reconciler.guards.holding import HELD_BACK
from reconciler.plan import Action, Plan
from reconciler.refusal import Refusal
from reconciler.report.safe import safe

Level = Literal["error", "warning", "note"]


class Located(Protocol):
    """A point in a file, of a manifest as of a plan."""

    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should look at.

    ``code`` is a stable kebab-case word, ``subject`` what it is about in words that stay while lines move,
    ``topic`` a title for several codes, ``related`` where else to look.
    """

    code: str
    level: Level
    message: str
    place: Place
    hint: str | None = None
    subject: str = ""
    topic: str = "reconciler"
    related: tuple[Place, ...] = ()

    @property
    def text(self) -> str:
        """Message and hint, on two lines."""
        return safe(self.message) + (f"\n{safe(self.hint)}" if self.hint else "")


def of_problems(problems: Iterable[Problem]) -> list[Finding]:
    """Mistakes in input files."""
    return [
        Finding(
            problem.code,
            "error",
            problem.message,
            problem.place,
            problem.hint,
            problem.path or problem.message,
            related=problem.related,
        )
        for problem in problems
    ]


def of_plan(plan: Plan) -> list[Finding]:
    """What a plan refuses: first what holds all of it or a registry back, then each action."""
    found = [_refusal(refusal, "the run", None) for refusal in plan.refusals]
    for registry in plan.registries:
        found += [_refusal(refusal, registry.name, None) for refusal in registry.refusals]
        for action in registry.actions:
            who = f"{registry.name}: {action.name}"
            found += [_refusal(each, who, action) for each in action.refusals if each.code != HELD_BACK]
    return found


def _refusal(refusal: Refusal, who: str, action: Action | None) -> Finding:
    places: list[Located | None] = [refusal.place]
    if action is not None:
        places += [change.place for change in action.changes if change.path in refusal.paths]
        places.append(action.place)
    at = next((place for place in places if place is not None), Place("reconciler.yaml"))
    return Finding(
        refusal.code,
        "error",
        f"{who}: {refusal.message}",
        _place(at),
        refusal.fix,
        f"{who} {' '.join(refusal.paths)}",
        "Refused",
    )


def _place(place: Located) -> Place:
    return Place(place.file, place.line, place.column)


def rooted(findings: Iterable[Finding], prefix: str) -> list[Finding]:
    """The same with files as they are called from the top of the repository, which ``prefix`` leads down from
    to where the command runs. Forges know files by these names."""

    def at(place: Place) -> Place:
        if posixpath.isabs(place.file):
            return place
        return replace(place, file=posixpath.normpath(prefix + place.file))

    return [
        replace(one, place=at(one.place), related=tuple(at(place) for place in one.related))
        for one in findings
    ]


def fingerprints(findings: Iterable[Finding]) -> list[str]:
    """For each finding a digest that stays the same while lines move. Equal findings of one file are counted,
    because a forge shows two with the same digest as one."""
    seen: Counter[tuple[str, ...]] = Counter()
    digests: list[str] = []
    for one in findings:
        what = (one.code, one.place.file, one.subject)
        parts: tuple[Any, ...] = (*what, seen[what])
        seen[what] += 1
        digests.append(hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).hexdigest())
    return digests
