"""An entry of the catalogue as a piece of a manifest, and as a whole one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.manifests.vocabulary import API_VERSION, MODEL_TYPES
from reconciler.manifests.yamltext import scalar_text
from reconciler.money import PER_1M_TOKENS, amount_text
from reconciler.prices.catalogue import CURRENCY, Catalogue, Path, Prices
from reconciler.prices.lookup import Reference, by_model
from reconciler.prices.words import ours


@dataclass(frozen=True, slots=True)
class NewManifest:
    """A manifest's text, and the fields of `spec` that the catalogue does not know."""

    text: str
    unknown: tuple[str, ...]


def pricing_lines(catalogue: Catalogue, reference: Reference, *, compare: bool = False) -> Iterator[str]:
    """`pricing` of an entry as it stands in a manifest, below `spec`. Where prices depend on the hour,
    those of midnight (UTC), and the others as comments."""
    entry = reference.entry
    first, *others = entry.prices
    yield f"  # {entry.ref} in {catalogue}"
    if entry.deprecated:
        yield "  # deprecated by its provider"
    if first.hours:
        yield f"  # at {first.hours}"
    if not first.fields:
        yield "  # the catalogue has no price for it that a manifest can hold"
    else:
        yield "  pricing:"
        yield from _fields(first, "    ")
        if compare:
            yield f"    compare: {{catalogue: {scalar_text(entry.ref)}}}"
    for other in others:
        yield f"  # at {other.hours}:"
        yield from (f"  #{line[3:]}" for line in _fields(other, "    ", head=False))
    for one in first.elsewhere:
        yield f"  # no field for {one}"


def new_manifest(
    catalogue: Catalogue, reference: Reference, name: str, *, registries: Sequence[str], choice: Sequence[str]
) -> NewManifest:
    """A whole manifest for an entry. ``registries`` are those to name in it; where there are none but a
    ``choice``, that is left to the reader, as every field is that the catalogue does not know."""
    entry = reference.entry
    unknown: list[str] = []

    def gap(field: str, hint: str) -> str:
        unknown.append(field)
        return f"  # {field}:  # not in the catalogue: {hint}"

    lines = [
        f"# Written from {entry.ref} in {catalogue}.",
        f"apiVersion: {API_VERSION}",
        "kind: Model",
        f"metadata: {{name: {scalar_text(name)}}}",
        "spec:",
    ]
    if registries:
        lines.append(f"  registries: [{', '.join(map(scalar_text, registries))}]")
    elif choice:
        unknown.append("registries")
        lines.append(f"  # registries:  # some of {', '.join(choice)}")
    if entry.name:
        lines.append(f"  display_name: {scalar_text(entry.name[:128])}")
    lines.append(gap("type", f"one of {', '.join(MODEL_TYPES)}"))
    lines.append(gap("developer", "who made the model"))
    lines.append(gap("family", "the family that it belongs to"))
    if reference.word:
        lines.append(f"  provider: {reference.word}")
    else:
        words = " or ".join(ours(entry.provider))
        lines.append(gap("provider", words or f"no word of ours is the catalogue's {entry.provider}"))
    lines.append(f"  model: {scalar_text(reference.model)}")
    if entry.context_window:
        lines.append(f"  limits: {{context_window: {entry.context_window}}}")
    found = by_model(catalogue, reference.word, reference.model)
    by_itself = not isinstance(found, str) and found.ref == entry.ref
    lines += pricing_lines(catalogue, reference, compare=not by_itself)
    if not entry.prices[0].fields:
        unknown.append("pricing")
    lines.append(gap("capabilities", "such as {tools: true, vision: false}"))
    return NewManifest("\n".join(lines) + "\n", tuple(unknown))


def _fields(prices: Prices, indent: str, *, head: bool = True) -> Iterator[str]:
    """Unit and currency, the single prices, then the groups; each price in our unit."""
    if head:
        if any(price.unit == PER_1M_TOKENS for price in prices.fields.values()):
            yield f"{indent}unit: {PER_1M_TOKENS}"
        yield f"{indent}currency: {CURRENCY}"
    groups: dict[Path, list[str]] = {}
    for path, price in prices.fields.items():
        amount = amount_text(price.amount)
        text = f"{path[-1]}: {amount if price.unit == PER_1M_TOKENS else f'{amount} / {price.unit}'}"
        if len(path) == 1:
            yield indent + text
        else:
            groups.setdefault(path[:-1], []).append(text)
    tiers = False
    for above, texts in groups.items():
        if above[0] == "tiers" and not tiers:
            tiers = True
            yield f"{indent}tiers:"
        inside = "  " if above[0] == "tiers" else ""
        yield f"{indent}{inside}{above[-1]}: {{{', '.join(texts)}}}"
