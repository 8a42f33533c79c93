"""What one more read showed after an apply: that a new plan is empty, or what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from reconciler.outcome import Left, Proof
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe
from reconciler.report.text import NAMES_SHOWN, failure_lines

_FIELDS_SHOWN = 4


def proof_text(proofs: Sequence[Proof], *, shard: bool = False, paint: Paint = plain) -> str:
    """The last lines of an apply that wrote something; empty where there is nothing to say.

    Of a ``shard`` they are about its part.
    """
    if all(proof.read in ("before", "left-out") for proof in proofs):
        return ""
    known = [proof for proof in proofs if proof.is_known]
    unknown = [line for proof in proofs if not proof.is_known for line in _unknown(proof, paint)]
    left = [line for proof in known for line in _left(proof)]
    if known and not left:
        whose = "Of this shard's part, " if shard else ""
        if any(proof.selected for proof in known):
            whose = whose or "Of what was selected, "
        elif unknown and not shard:
            whose = "Of what was looked at, "
        left = [paint(f"{whose}a new plan is empty." if whose else "A new plan is empty.", "add")]
    return "\n".join([*left, *unknown])


def _unknown(proof: Proof, paint: Paint) -> Iterator[str]:
    if proof.read == "left-out":
        yield f"{proof.registry}: a new plan is not known, because this plan was made without it"
        return
    if proof.read == "before":  # it could not be read for the plan, and the plan says why
        yield f"{proof.registry}: a new plan is not known, because it could not be read"
        return
    why = "a second signal came first" if proof.read == "interrupted" else "that failed"
    yield paint(
        f"{proof.registry}: not proven: what was written should be read once more, and {why}", "error"
    )
    if proof.failure is not None:
        yield from failure_lines(proof.failure, paint, registry=proof.registry, indent="    ")


def _left(proof: Proof) -> Iterator[str]:
    if not proof.left:
        return
    counts: Counter[str] = Counter(each.operation for each in proof.left)
    words = {"create": "to create", "update": "to update", "refused": "refused"}
    parts = [f"{counts[operation]} {text}" for operation, text in words.items() if counts[operation]]
    yield f"{proof.registry}: a new plan has {', '.join(parts)}:"
    yield from (f"    {_one(each)}" for each in proof.left[:NAMES_SHOWN])
    rest = len(proof.left) - NAMES_SHOWN
    if rest > 0:
        yield f"    and {rest} more"


def _one(left: Left) -> str:
    name = safe(left.name) if left.resource == "Model" else f"{left.resource} {safe(left.name)}"
    if left.operation != "update":
        return f"{name}: {left.operation}"
    fields = [safe(field) for field in left.fields[:_FIELDS_SHOWN]]
    rest = len(left.fields) - len(fields)
    more = f" and {rest} more" if rest else ""
    return f"{name}: {left.operation} {', '.join(fields)}{more}"
