"""Guards over names: a create that looks like a rename, or that takes the name of a vendor's object."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.guards.case import Case
from reconciler.refusal import Refusal
from reconciler.registries.interface import LiveObject


def rename_guard(
    case: Case, pin: str, resembling: Sequence[tuple[LiveObject, str]], variant: str
) -> Refusal | None:
    """Refuses a create of ``variant`` beside an unclaimed object of ours that it resembles."""
    if not resembling:
        return None
    near = ", ".join(f"{live.label} (same {what})" for live, what in resembling)
    same = next((live for live, _ in resembling if live.variant == variant), None)
    if same is not None:
        it = "it" if len(resembling) == 1 else same.names[0]
        way_out = f"to update {it} in place, write {pin}: {same.names[0]}"
    else:
        other = resembling[0][0]
        way_out = f"{other.id} is of another variant, {other.variant}, and cannot be updated by this manifest"
    fix = f"{way_out}; to create a second one, acknowledge it"
    return case.refused("rename", f"looks like a rename of {near}", fix, pin)


def shadow_guard(case: Case, pin: str, shadowed: LiveObject | None) -> Refusal | None:
    """Refuses a create that bears the name of one of the vendor's objects, and stands before it."""
    if shadowed is None:
        return None
    name = shadowed.names[0]
    message = f"would stand before the vendor's own {name}: every call by that name would get yours"
    return case.refused("shadow", message, f"choose another name with {pin}, or acknowledge it", pin)
