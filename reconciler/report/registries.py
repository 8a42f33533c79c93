"""The configured registries, whether they answer, and what their kinds can do, as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.capabilities import KindSupport
from reconciler.plan import Failure
from reconciler.report.capabilities import LEGEND, matrix_text, summary
from reconciler.report.counting import counted
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe
from reconciler.report.text import failure_lines


@dataclass(frozen=True, slots=True)
class Held:
    """How many objects of one resource a registry holds: of the team's own, and of the vendor's."""

    resource: str
    ours: int
    vendor_owned: int


@dataclass(frozen=True, slots=True)
class RegistryState:
    """One registry. ``held`` is None with a ``failure``. ``account`` is whose it is, where it tells."""

    name: str
    kind: str
    title: str
    target: str
    declared: int
    account: str | None = None
    held: tuple[Held, ...] | None = None
    failure: Failure | None = None
    read_only: bool = False


def registries_text(
    states: Sequence[RegistryState],
    kinds: Mapping[str, KindSupport],
    *,
    verbose: bool = False,
    paint: Paint = plain,
) -> str:
    """A heading for each registry, and beneath it what it holds, or why that is not known, and can do.

    ``kinds`` has every kind of ``states``. ``verbose`` adds what each can do with every field.
    """
    lines: list[str] = []
    for state in states:
        known = f"{safe(state.title)}, {safe(state.target)}{', read-only' if state.read_only else ''}"
        lines.append(paint(f"{state.name}  ({known})", "bold"))
        declared = f"{counted(state.declared, 'manifest is', 'manifests are')} for it"
        if state.failure is not None:
            lines += failure_lines(state.failure, paint, registry=state.name, indent="  ")
            lines.append(f"  {declared}")
        else:
            whose = f" as {safe(state.account)}" if state.account else ""
            lines.append(f"  answers{whose}: {_held(state.held or ())}; {declared}")
        kind = kinds[state.kind]
        lines += [paint(f"  {safe(line)}", "dim") for line in summary(kind)]
        lines += [paint(f"  from {safe(kind.origin)}", "dim")] if kind.origin else []
    if not verbose:
        return "\n".join(lines)
    for name in dict.fromkeys(state.kind for state in states):
        lines += ["", paint(f"What kind {name} does with each field", "bold"), *matrix_text(kinds[name])]
    return "\n".join([*lines, "", *(f"{word}: {meaning}" for word, meaning in LEGEND.items())])


def _held(held: Iterable[Held]) -> str:
    """``3 models and 1 provider of yours, 214 models built in``."""
    counts = [(each, counted(each.ours, each.resource.lower(), f"{each.resource.lower()}s")) for each in held]
    ours = " and ".join(text for _, text in counts)
    vendors = [
        counted(each.vendor_owned, each.resource.lower(), f"{each.resource.lower()}s")
        for each, _ in counts
        if each.vendor_owned
    ]
    return f"{ours} of yours" + (f", {' and '.join(vendors)} built in" if vendors else "")
