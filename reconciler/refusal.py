"""Why an action is not taken, and where what it is about is written.

Parts of the plan document (`plan.py`), in a module of their own: what a manifest asks of a registry may be
refused long before there is a plan.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlanPlace:
    """Where something is written; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an action is not taken: a stable code, what is wrong, how to go on, the fields it is about.

    ``acknowledge`` holds the lines for acknowledgements.yaml where an acknowledgement lets it through. Of a
    guard that reconciler.yaml sets, ``measured`` is beyond ``limit``, which is set at ``place``.
    """

    code: str
    message: str
    fix: str | None
    paths: tuple[str, ...]
    acknowledge: str | None = None
    measured: str | None = None
    limit: str | None = None
    place: PlanPlace | None = None
