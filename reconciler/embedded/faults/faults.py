"""Which rules fire for a call, and how often each has."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from reconciler.embedded.faults.calls import Call
from reconciler.embedded.faults.rules import FaultFile, Rule


@dataclass(slots=True)
class Counted:
    """A rule, how many calls it was about, and how many of them met its fault."""

    rule: Rule
    chance: random.Random = field(repr=False)
    matched: int = 0
    fired: int = 0

    def is_due(self, call: Call) -> bool:
        """Whether ``call`` is one that meets the fault. Counts it among those that the rule is about."""
        if not _is_about(self.rule, call):
            return False
        self.matched += 1
        match = self.rule.match
        # Drawn for every call that it is about, so that what came before does not shift what comes.
        is_drawn = self.chance.random() < match.probability
        return is_drawn and self.matched >= match.at and self.fired < match.most


class Faults:
    """The rules of one registry while it runs. The same calls in the same order meet the same faults."""

    def __init__(self, file: FaultFile) -> None:
        self.on = True
        self.counts = [
            Counted(rule, random.Random(f"{file.seed}/{number}"))  # noqa: S311 - repeatable, not secret
            for number, rule in enumerate(file.faults)
        ]

    def off(self) -> None:
        """From now on the registry behaves."""
        self.on = False

    @property
    def fired(self) -> list[int]:
        """How often each rule has fired, in the order of the file."""
        return [counted.fired for counted in self.counts]

    def meeting(self, call: Call) -> list[Rule]:
        """What ``call`` meets: the first fault that decides, and those before it that do not.

        Every rule counts the call, also where another one before it decides.
        """
        if not self.on:
            return []
        met: list[Rule] = []
        for counted in self.counts:
            if counted.is_due(call) and not any(rule.decides for rule in met):
                counted.fired += 1
                met.append(counted.rule)
        return met

    def told(self) -> Iterator[str]:
        """A line for each rule: how often it fired, and what it says."""
        for counted in self.counts:
            yield f"fired {counted.fired} of {counted.matched}: {counted.rule}"


def _is_about(rule: Rule, call: Call) -> bool:
    match = rule.match
    return (
        rule.takes(call.kind)
        and fnmatchcase(call.method, match.method.upper())
        and fnmatchcase(call.path, match.path)
        and (match.name == "*" or any(fnmatchcase(name, match.name) for name in call.names))
    )
