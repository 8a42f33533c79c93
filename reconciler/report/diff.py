"""What two revisions declare differently, for a terminal: as a plan is shown."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.declared import Diff, RegistryDiff
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe
from reconciler.report.text import action_lines, not_held, of_each


def diff_text(diff: Diff, *, verbose: bool = False, paint: Paint = plain) -> str:
    """The whole difference. ``verbose`` adds wire values."""
    lines: list[str] = []
    for registry in diff.registries:
        lines += [*_registry(registry, verbose=verbose, paint=paint), ""]
    lines += [paint(f"note: {safe(note)}", "dim") for note in diff.notes]
    sides = (f"{safe(side.name)} ({side.commit[:12]})" for side in (diff.base, diff.head))
    lines.append(paint(f"{' -> '.join(sides)}: {diff_totals(diff)}", "bold"))
    return "\n".join(lines)


def diff_totals(diff: Diff) -> str:
    """One line that counts what is declared differently; each manifest counts once for each registry."""
    if not diff.registries:
        return "nothing is declared differently."

    def of(operation: str) -> str:
        return of_each(action.resource for action in diff.actions(operation))

    parts = [f"{of('create')} new", f"{of('update')} changed"]
    parts += [f"{of('refused')} refused"] if diff.actions("refused") else []
    parts.append(f"{of_each(one.resource for one in diff.released)} no longer managed")
    return f"{', '.join(parts)}."


def _registry(registry: RegistryDiff, *, verbose: bool, paint: Paint) -> Iterator[str]:
    yield paint(f"{registry.name}  ({registry.kind}, {safe(registry.target)})", "bold")
    for action in sorted(
        registry.actions, key=lambda action: (action.operation == "refused", action.resource == "Model")
    ):
        yield from action_lines(action, "", verbose=verbose, paint=paint)
    for one in registry.released:
        name = safe(one.name) if one.resource == "Model" else f"{one.resource.lower()} {safe(one.name)}"
        yield paint(f"  - {name}: no longer managed; what is live stays", "dim")
    yield from not_held(registry)
