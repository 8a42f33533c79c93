"""A plan against the plan that was reviewed, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.delta import Delta, Entry, MovedField, Verdict
from reconciler.plan import Shown
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe
from reconciler.report.values import value_text

_HEADS: Final[dict[Verdict, str]] = {
    "moved": "Changed underneath",
    "refused": "Refused by now",
    "gone": "Asked for no more",
    "unknown": "Not known",
    "done": "Done by somebody already",
    "new": "New, and reviewed by nobody",
    "holds": "Still as reviewed",
}
"""What to look at first comes first."""


def delta_text(delta: Delta, *, paint: Paint = plain) -> str:
    """Every verdict with its actions, and field by field what moved."""
    lines = [paint("Since the plan was made:", "bold")]
    for verdict, head in _HEADS.items():
        entries = delta.of(verdict)
        if entries:
            lines.append(paint(f"  {head}: {len(entries)}", "dim" if verdict == "holds" else "bold"))
        for entry in entries if verdict != "holds" else ():
            lines += _entry(entry, paint)
    lines.append(paint(f"Digest now: {delta.now}", "dim"))
    return "\n".join(lines)


def _entry(entry: Entry, paint: Paint) -> Iterator[str]:
    name = safe(entry.name) if entry.resource == "Model" else f"{entry.resource.lower()} {safe(entry.name)}"
    reason = f": {safe(entry.reason)}" if entry.reason else ""
    yield paint(f"    {entry.registry}: {name}{reason}", "change" if entry.verdict == "moved" else "dim")
    if entry.verdict == "moved":
        for field in entry.fields:
            yield f"      {safe(field.path)}: {'; '.join(_moved(field))}"
        if entry.undeclared:
            names = ", ".join(safe(path) for path in entry.undeclared)
            yield f"      {names}: changed live; the manifest says nothing of it"


def _moved(field: MovedField) -> Iterator[str]:
    """What of a field is not as it was reviewed."""
    if field.live_then is None:
        yield f"live {_text(field.live_now)} now, was as declared"
    elif field.live_now is None:
        yield f"was {_text(field.live_then)} live, is as declared now"
    elif field.live_then != field.live_now:
        yield f"was {_text(field.live_then)} live, is {_text(field.live_now)} now"
    if field.desired_then != field.desired_now and None not in (field.desired_then, field.desired_now):
        yield f"asked for {_text(field.desired_then)}, asks for {_text(field.desired_now)} now"
    elif field.live_now is not None or field.live_then is not None:
        yield f"reviewed was {_text(field.desired_then or field.desired_now)}"


def _text(value: Shown | None) -> str:
    return "nothing" if value is None else value_text(value)
