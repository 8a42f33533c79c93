"""One line that tells how far a piece of work is."""

from __future__ import annotations

from reconciler.progress import Track
from reconciler.report.safe import safe, width
from reconciler.report.sizes import duration_text, rate_text, size_text


def track_text(track: Track, at: float) -> str:
    """``orq: applying 1,234 of 10,000 actions, 210/s, 42 s left``."""
    where = "" if track.registry is None else f"{safe(track.registry)}: "
    return f"{where}{track.doing}{''.join(_facts(track, at))}"


def _facts(track: Track, at: float) -> list[str]:
    facts = []
    if track.total is not None:
        facts.append(f" {track.done:,} of {track.total:,} {track.unit}")
    elif track.done:
        facts.append(f" {track.done:,} {track.unit if track.done != 1 else track.unit.removesuffix('s')}")
    if track.size:
        facts.append(f", {size_text(track.size)}")
    rate, left = track.rate(at), track.left(at)
    if rate and track.unit != "pages":
        facts.append(f", {rate_text(rate)}")
    if left is not None and track.total != track.done:
        facts.append(f", {duration_text(left)} left")
    elif track.elapsed(at) >= 1:
        facts.append(f", {duration_text(track.elapsed(at))}")
    if track.failed:
        facts.append(f", {track.failed:,} not done")
    if track.waiting(at):
        facts.append(f", waits {duration_text(track.waiting(at))}: rate limit")
    return facts


def cut(text: str, cells: int) -> str:
    """``text``, cut so that it takes at most ``cells`` of a terminal's line; at least one is there."""
    if width(text) <= cells:
        return text
    kept, used = "", 1  # the ellipsis
    for character in text:
        used += width(character)
        if used > cells:
            break
        kept += character
    return f"{kept}…"
