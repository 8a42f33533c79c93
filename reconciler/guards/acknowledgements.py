"""Acknowledgements: each lets one change through one guard.

They live in the repository, in `acknowledgements.yaml` beside reconciler.yaml, never in a flag: whoever
reviews the change reviews them.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from reconciler.errors import InputError, Place, Problem
from reconciler.manifests.files import read_regular
from reconciler.manifests.yamltree import DEFAULT_LIMITS

if TYPE_CHECKING:
    from reconciler.guards.acknowledgementfile import Acknowledgement

FILE = "acknowledgements.yaml"

GuardName = Literal[
    "rename",
    "shadow",
    "unit-slip",
    "price-zero",
    "price-order",
    "price-range",
    "price-change",
    "protected",
    "update-share",
    "read-only",
    "most-actions",
]
"""Every guard, by the name that a refusal prints."""

OF_A_REGISTRY: Final = ("update-share", "read-only", "most-actions")
"""The guards over all that a run does in one registry."""

OF_THE_RUN: Final = ("most-actions",)
"""The guards over a whole run."""


@dataclass(slots=True, eq=False, repr=False)
class Acknowledged:
    """The acknowledgements of one run; remembers which of them were of use."""

    entries: list[tuple[Acknowledgement, Place]] = field(default_factory=list)
    today: dt.date = field(default_factory=lambda: dt.datetime.now(dt.UTC).date())
    _used: set[int] = field(default_factory=set)

    def covers(self, guard: str, registry: str | None, model: str | None, digest: str) -> bool:
        """Whether a valid acknowledgement is there for exactly this change.

        Without ``model`` it is all that a run does in the registry, without ``registry`` the whole run.
        """
        found = False
        for index, (entry, _) in enumerate(self.entries):
            wanted = (entry.guard, entry.registry, entry.model, entry.digest)
            if wanted == (guard, registry, model, digest):
                self._used.add(index)
                found = found or not self._expired(entry)
        return found

    def _expired(self, entry: Acknowledgement) -> bool:
        return entry.expires is not None and dt.date.fromisoformat(entry.expires) < self.today

    def expired(self) -> list[str]:
        """What to say about those that are expired."""
        return [_expiry(entry, place) for entry, place in self.entries if self._expired(entry)]

    def remarks(self, not_planned: Collection[tuple[str, str]] = ()) -> list[str]:
        """What to say about those that are expired or match nothing any more.

        ``not_planned`` are the registries and models that the run did not look at: of theirs, nothing
        is known.
        """
        remarks = []
        for index, (entry, place) in enumerate(self.entries):
            unknown = any(
                entry.registry in (None, registry) and entry.model in (None, model)
                for registry, model in not_planned
            )
            if self._expired(entry):
                remarks.append(_expiry(entry, place))
            elif index not in self._used and not unknown:
                remarks.append(f"{_named(entry, place)} matches nothing any more; delete it")
        return remarks


def _named(entry: Acknowledgement, place: Place) -> str:
    return f"{place}: the acknowledgement of {entry.about}"


def _expiry(entry: Acknowledgement, place: Place) -> str:
    return f"{_named(entry, place)} expired on {entry.expires}"


def load_acknowledgements(path: Path, shown_as: str) -> Acknowledged:
    """Reads acknowledgements.yaml where there is one. ``shown_as`` is what messages call it.

    Raises InputError with every mistake.
    """
    if not os.path.lexists(path):
        return Acknowledged()
    # A stranger may have proposed it: what it links to must not be told.
    if path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
        message, hint = "the link leads out of the folder", "put the file itself there"
        raise InputError([Problem("link-leaves-folder", message, Place(shown_as), hint)])
    data = read_regular(path, shown_as, DEFAULT_LIMITS.file_bytes)
    if isinstance(data, Problem):
        raise InputError([data])
    from reconciler.guards.acknowledgementfile import read_acknowledgements  # noqa: PLC0415 - most have none

    return read_acknowledgements(data, shown_as)
