"""What a registry must show after its writes: every field that reads back, of one object for each create."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from reconciler.executor.live import Known
from reconciler.executor.twins import twins
from reconciler.manifests.problems import dotted
from reconciler.plan import Action, PlannedRequest
from reconciler.registries.interface import LiveObject, Ref
from reconciler.registries.rows import Edit, Path, Table

NOT_STORED = "accepted, not stored"
"""How the reason of an action begins whose fields do not read back as they were sent."""


def edits_of(*requests: PlannedRequest) -> list[Edit]:
    """Everything that ``requests`` send."""
    # One without a secret has all that an Edit has; to make each anew would take as long as to check them.
    edits = [edit if edit.secret is None else edit.edit() for request in requests for edit in request.edits]
    return cast("list[Edit]", edits)


def not_held(
    table: Table, edits: Iterable[Edit], live: LiveObject, seen: Container[str]
) -> list[tuple[str, ...]]:
    """The wire paths that ``live`` shows otherwise than ``edits`` asked for.

    ``seen`` are the keys that objects like it show; those that it lacks, it does not have.
    """
    return table.not_held(edits, live.raw, seen)


def not_stored(table: Table, paths: Sequence[Path]) -> str:
    """The reason for fields that do not read back: each as manifests write it, and where it stands on the
    wire."""
    return f"{NOT_STORED}: {', '.join(_field(table, path) for path in paths)}"


def _field(table: Table, wire: Path) -> str:
    item = next(iter(table.named_at(wire)), None)
    name, there = "" if item is None else dotted(item.path), ".".join(wire)
    return there if name in ("", there) else f"{name} ({there})"


@dataclass(frozen=True, slots=True)
class Shown:
    """What one registry shows after its writes; ``twins`` are those that no manifest can tell apart."""

    known: Known
    seen: Mapping[str, Collection[str]]
    twins: Mapping[Ref, Sequence[LiveObject]]

    @classmethod
    def of(cls, known: Known, tables: Mapping[str, Table]) -> Shown:
        seen: dict[str, set[str]] = defaultdict(set)
        for live in known:
            if live.ours:
                seen[live.variant].update(live.raw)
        return cls(known, seen, twins(tables, known))

    def doubt(self, table: Table, action: Action, identity: str) -> str | None:
        """Why ``action``, whose object is ``identity``, is not proven; None where everything is there."""
        live = self.known.get((action.resource, identity))
        if live is None:
            return "accepted, but it is not in the registry's list"
        alike = self.twins.get(live.ref, ()) if action.operation == "create" else ()
        if alike:
            ids = ", ".join(sorted(one.label for one in alike))
            what = f"made, and another client made the same {action.resource.lower()}"
            return f"{what}, so that there are {len(alike)}: {ids}; keep one of them"
        lost = not_held(table, edits_of(*action.requests), live, self.seen.get(live.variant, ()))
        return not_stored(table, lost) if lost else None
