"""What a probe has seen beside what is declared, and the exit code of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from reconciler.errors import ExitCode
from reconciler.plan import Failure

MOST_REQUESTS: Final = 6
"""Requests to one endpoint for one model, at most: the list, an answer, and four capabilities."""

Declared = Literal["yes", "no", "not declared"]
Seen = Literal["yes", "no", "unknown"]
Verdict = Literal["agrees", "differs", "unknown", "not declared"]


@dataclass(frozen=True, slots=True)
class Sight:
    """What one answer shows. ``reason`` says why it is no or unknown, in words that are safe to print;
    ``status`` is that of the answer, None where there is none."""

    seen: Seen
    reason: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    ``registries`` are those for which it is declared so: a capability has two rows where an override
    declares it differently.
    """

    about: str
    registries: tuple[str, ...]
    declared: Declared
    seen: Seen
    verdict: Verdict
    reason: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Probed:
    """One upstream of one manifest. ``secret`` is the name of its key."""

    name: str
    registries: tuple[str, ...]
    base_url: str
    model: str
    type: str | None
    secret: str | None
    requests: int
    rows: tuple[Row, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A manifest that declares no upstream for these registries, and why that is said of it."""

    name: str
    registries: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A whole run."""

    probed: tuple[Probed, ...]
    skipped: tuple[Skipped, ...]


def verdict(declared: Declared, seen: Seen) -> Verdict:
    """``not declared`` where there is nothing to compare with."""
    if declared == "not declared":
        return "not declared"
    if seen == "unknown":
        return "unknown"
    return "agrees" if declared == seen else "differs"


def row(about: str, registries: Sequence[str], declared: Declared, sight: Sight) -> Row:
    return Row(
        about,
        tuple(registries),
        declared,
        sight.seen,
        verdict(declared, sight.seen),
        sight.reason,
        sight.status,
    )


def exit_code(probe: Probe, *, differences_count: bool) -> ExitCode:
    """1 where an endpoint failed; 2 where something differs and ``differences_count``."""
    if any(one.failure is not None for one in probe.probed):
        return ExitCode.ERROR
    differs = any(line.verdict == "differs" for one in probe.probed for line in one.rows)
    return ExitCode.CHANGES if differs and differences_count else ExitCode.OK
