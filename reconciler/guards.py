"""Guards: rules that refuse, each with the narrowest acknowledgement that would let this one through.

Acknowledgements live in the repository, in `acknowledgements.yaml` beside reconciler.yaml, never in a
flag: whoever reviews the change reviews them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from reconciler.errors import InputError, Place, Problem
from reconciler.manifests.fields import Name, Omittable, Strict, matching
from reconciler.manifests.problems import validate
from reconciler.manifests.yamltree import locate, parse
from reconciler.plan import Refusal
from reconciler.registries.interface import LiveObject

FILE = "acknowledgements.yaml"


class Acknowledgement(Strict):
    """Lets one change through one guard, and nothing else."""

    guard: Literal["rename", "shadow"] = Field(description="The guard that refused.")
    model: Name = Field(description="The manifest's name.")
    registry: Name = Field(description="The registry.")
    digest: Annotated[
        str,
        *matching(r"[0-9a-f]{64}", "digest", "a digest is 64 hexadecimal digits, as the refusal prints it"),
    ] = Field(description="The digest of the change, as the refusal prints it.")
    reason: Annotated[str, Field(min_length=1)] = Field(description="Why this is right.")
    expires: Omittable[
        Annotated[str, *matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "date", "a date reads 2026-12-31")]
    ] = Field(None, description="The last day on which it holds.")


class AcknowledgementFile(Strict):
    """`acknowledgements.yaml`."""

    apiVersion: Literal["reconciler/v1"]  # noqa: N815 - the field's name is given
    kind: Literal["Acknowledgements"]
    acknowledgements: list[Acknowledgement]


@dataclass(slots=True)
class Acknowledged:
    """The acknowledgements of one run; remembers which of them were of use."""

    entries: list[tuple[Acknowledgement, Place]] = field(default_factory=list)
    today: dt.date = field(default_factory=lambda: dt.datetime.now(dt.UTC).date())
    _used: set[int] = field(default_factory=set)

    def covers(self, guard: str, registry: str, model: str, digest: str) -> bool:
        """Whether a valid acknowledgement is there for exactly this change."""
        found = False
        for index, (entry, _) in enumerate(self.entries):
            wanted = (entry.guard, entry.registry, entry.model, entry.digest)
            if wanted == (guard, registry, model, digest):
                self._used.add(index)
                found = found or not self._expired(entry)
        return found

    def _expired(self, entry: Acknowledgement) -> bool:
        return entry.expires is not None and dt.date.fromisoformat(entry.expires) < self.today

    def remarks(self, not_planned: Collection[tuple[str, str]] = ()) -> list[str]:
        """What to say about those that are expired or match nothing any more.

        ``not_planned`` are the registries and models that the run did not look at: of theirs, nothing
        is known.
        """
        remarks = []
        for index, (entry, place) in enumerate(self.entries):
            what = f"{place}: the acknowledgement of {entry.model} in {entry.registry}"
            if self._expired(entry):
                remarks.append(f"{what} expired on {entry.expires}")
            elif index not in self._used and (entry.registry, entry.model) not in not_planned:
                remarks.append(f"{what} matches nothing any more; delete it")
        return remarks


def load_acknowledgements(path: Path, shown_as: str) -> Acknowledged:
    """Reads acknowledgements.yaml where there is one. ``shown_as`` is what messages call it.

    Raises InputError with every mistake.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Acknowledged()
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise InputError([Problem("file-unreadable", reason, Place(shown_as))]) from None
    documents, problems = parse(data, shown_as)
    entries: list[tuple[Acknowledgement, Place]] = []
    for document in documents:
        file, found = validate(AcknowledgementFile, document)
        problems += found
        for index, entry in enumerate(file.acknowledgements if file else ()):
            place = locate(document, ("acknowledgements", index))
            entries.append((entry, place))
            if entry.expires and not _is_date(entry.expires):
                problems.append(Problem("date", f"{entry.expires} is not a day", place))
    if problems:
        raise InputError(problems)
    return Acknowledged(entries)


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Case:
    """The action that a guard looks at. ``pin`` is the field that names a live object outright."""

    acknowledged: Acknowledged
    registry: str
    model: str
    digest: str
    pin: str

    def refused(self, guard: str, message: str, fix: str) -> Refusal | None:
        """The refusal of ``guard``, or None where it is acknowledged."""
        if self.acknowledged.covers(guard, self.registry, self.model, self.digest):
            return None
        lines = (
            f"- guard: {guard}",
            # In quotes: a name such as 1.5 or true is no text in YAML.
            f"  model: {json.dumps(self.model)}",
            f"  registry: {json.dumps(self.registry)}",
            f"  digest: {json.dumps(self.digest)}",
            "  reason: …",
        )
        return Refusal(guard, message, fix, (self.pin,), acknowledge="\n".join(lines))


def rename_guard(case: Case, resembling: Sequence[tuple[LiveObject, str]], variant: str) -> Refusal | None:
    """Refuses a create of ``variant`` beside an unclaimed object of ours that it resembles."""
    if not resembling:
        return None
    near = ", ".join(f"{live.label} (same {what})" for live, what in resembling)
    same = next((live for live, _ in resembling if live.variant == variant), None)
    if same is not None:
        it = "it" if len(resembling) == 1 else same.names[0]
        way_out = f"to update {it} in place, write {case.pin}: {same.names[0]}"
    else:
        other = resembling[0][0]
        way_out = f"{other.id} is of another variant, {other.variant}, and cannot be updated by this manifest"
    fix = f"{way_out}; to create a second one, acknowledge it"
    return case.refused("rename", f"looks like a rename of {near}", fix)


def shadow_guard(case: Case, shadowed: LiveObject | None) -> Refusal | None:
    """Refuses a create that bears the name of one of the vendor's objects, and stands before it."""
    if shadowed is None:
        return None
    name = shadowed.names[0]
    message = f"would stand before the vendor's own {name}: every call by that name would get yours"
    return case.refused("shadow", message, f"choose another name with {case.pin}, or acknowledge it")
