"""The configured registries and whether they answer, as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.plan import Failure
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe
from reconciler.report.text import failure_lines
from reconciler.report.values import counted


@dataclass(frozen=True, slots=True)
class RegistryState:
    """One registry. ``ours`` and ``vendor_owned`` count its models, None with a ``failure``.

    ``providers`` counts those of ours, None where its kind holds none.
    """

    name: str
    kind: str
    title: str
    target: str
    declared: int
    ours: int | None = None
    vendor_owned: int | None = None
    providers: int | None = None
    failure: Failure | None = None


def registries_text(states: Iterable[RegistryState], *, paint: Paint = plain) -> str:
    """A heading for each registry, and beneath it what it holds or why that is not known."""
    lines: list[str] = []
    for state in states:
        lines.append(paint(f"{state.name}  ({state.title}, {safe(state.target)})", "bold"))
        declared = f"{counted(state.declared, 'manifest is', 'manifests are')} for it"
        if state.failure is not None:
            lines += failure_lines(state.failure, paint, registry=state.name, indent="  ")
            lines.append(f"  {declared}")
        else:
            held = counted(state.ours or 0, "model of yours", "models of yours")
            if state.providers is not None:
                held += f" and {counted(state.providers, 'provider', 'providers')}"
            lines.append(f"  answers: {held}, {state.vendor_owned} built in; {declared}")
    return "\n".join(lines)
