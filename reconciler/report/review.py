"""A review, for the comment on a request and for a terminal.

What needs an eye stands first: what the proposal changes in reconciler.yaml, the new acknowledgements, what
is no longer managed, what was not planned. Then what a plan says. Names and values of manifests are
harmless here (`escaping`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.report.counting import counted
from reconciler.report.diff import diff_text, diff_totals
from reconciler.report.escaping import code, prose
from reconciler.report.folding import Head, Section, document, size
from reconciler.report.markdown import diff_sections, plan_facts, plan_sections, price_rows
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe
from reconciler.report.text import known_as, of_each, plan_text, totals
from reconciler.review import NewAcknowledgement, Review

_SHORT: Final = 300
_SHOWN: Final = 30
"""Mistakes, flags and the like in a comment: each stands at its line as well."""

_UNVERIFIED: Final = (
    "**From a run without credentials**, on code of the request: its own words, rendered here. "
    "Nothing in it is approved, and no registry was asked."
)


def marker(purpose: str, project: str) -> str:
    """What our comment begins with: a comment of HTML that nobody sees. No text of others can hold one.

    ``project`` is the path of its reconciler.yaml: a repository may have several.
    """
    name = hashlib.sha256(project.encode()).hexdigest()[:16]
    return f"<!-- reconciler:{purpose}:{name} -->"


def headline(review: Review) -> str:
    """The result in one line."""
    told = _result(review)
    listed = review.plan is not None or review.diff is None  # the totals of a difference count them
    return f"{told} No longer managed: {_gone(review)}." if review.released and listed else told


def _result(review: Review) -> str:
    if review.conflicts:
        return "Conflict: nothing is planned until the request merges cleanly."
    if review.mistakes:
        return f"{counted(len(review.mistakes), 'mistake', 'mistakes')}: nothing is planned."
    if review.plan is not None:
        return totals(review.plan)
    if review.diff is not None:
        return f"Not planned. Declared differently: {diff_totals(review.diff)}"
    return "Nothing that reconciler reads changes." if review.unchanged else "Nothing to plan."


def review_markdown(
    review: Review,
    *,
    limit: int | None = None,
    artefact: str | None = None,
    command: str | None = None,
    begin: str = "",
    unverified: bool = False,
) -> str:
    """The comment, which begins with the line ``begin``.

    ``unverified``: the review comes from a run that nobody trusts. The other parameters are those of
    `plan_markdown`.
    """
    before = f"{begin}\n" if begin else ""
    room = None if limit is None else limit - size(before)
    share = room and room // 16
    first = [f"### {prose(headline(review), _SHORT)}", ""]
    first += [_UNVERIFIED, ""] if unverified else []
    first += [*_warnings(review), *_spoken_of(review)]
    first += plan_facts(review.plan) if review.plan is not None else []
    first += [f"- note: {prose(note, _SHORT)}" for note in _notes(review)]
    groups: dict[str, str] = {}
    sections: list[Section] = []
    for more, those in (
        plan_sections(review.plan, {}, share) if review.plan is not None else ({}, []),
        diff_sections(review.diff, share) if review.diff is not None else ({}, []),
    ):
        groups |= more
        sections += those
    priced = review.plan if review.plan is not None else review.diff
    return before + document(
        Head(first, *price_rows(priced)) if priced is not None else Head(first),
        groups,
        [section for section in sections if section.lines],
        [f"To see the same on your machine: {code(command, _SHORT)}"] if command else [],
        limit=room,
        whole=f"all of it is in the artefact {code(artefact)}" if artefact else "`-o json` has all of it",
    )


def _warnings(review: Review) -> Iterator[str]:
    flags = [
        f"- **{code(flag.code)}** {prose(flag.message, _SHORT)}"
        + (f" ({code(flag.place)})" if flag.place else "")
        for flag in review.flags
    ]
    if flags:
        yield "**This request changes reconciler.yaml**, which was not followed here:"
        yield from ("", *_some(flags), "")
    new = [
        f"- {code(one.guard)} for {' in '.join(map(code, _about(one)))}: {prose(one.reason, _SHORT)}"
        f" ({code(one.place)}"
        + (f", until {code(one.expires)}" if one.expires else "")
        + f"; digest {code(one.digest[:12])})"
        for one in review.acknowledged
    ]
    if new:
        count = counted(len(new), "new acknowledgement", "new acknowledgements")
        yield f"**{count}**, each lets a change through:"
        yield from ("", *_some(new), "")
    gone = [
        f"- {code(known_as(one.resource, one.name))} in {code(one.registry)} ({code(one.place)})"
        for one in review.released
    ]
    if gone:
        yield f"**No longer managed: {_gone(review)}**; what is live stays:"
        yield from ("", *_some(gone), "")
    left_out = [f"- {code(one.registry)}: {prose(one.reason, _SHORT)}" for one in review.not_planned]
    if left_out:
        yield "**Not planned**, so that nothing is said of what is live there, and nothing approved:"
        yield from ("", *_some(left_out), "")
    if review.conflicts:
        yield "**Both sides changed** these files:"
        yield from ("", *_some([f"- {code(path)}" for path in review.conflicts]), "")
    wrong = [
        f"- {code(one.place)}: {prose(one.message, _SHORT)}"
        + (f" Fix: {prose(one.hint, _SHORT)}" if one.hint else "")
        for one in review.mistakes
    ]
    if wrong:
        yield "**Mistakes**:"
        yield from ("", *_some(wrong), "")


def _about(one: NewAcknowledgement) -> list[str]:
    return [name for name in (one.model, one.registry) if name is not None] or ["the whole run"]


def _gone(review: Review) -> str:
    return of_each(one.resource for one in review.released)


def _some(lines: list[str]) -> list[str]:
    rest = len(lines) - _SHOWN
    return lines[:_SHOWN] + ([f"- … and {rest} more"] if rest > 0 else [])


def _spoken_of(review: Review) -> Iterator[str]:
    head, base = (f"{code(side.name)} ({code(side.commit[:12])})" for side in (review.head, review.base))
    yield f"- Commit {head}, merged into {base}"


def _notes(review: Review) -> Iterable[str]:
    plan = review.plan.notes if review.plan is not None else ()
    diff = review.diff.notes if review.diff is not None else ()
    return dict.fromkeys([*review.notes, *plan, *diff])


def review_text(review: Review, *, verbose: bool = False, paint: Paint = plain) -> str:
    """The same for a terminal."""
    lines: list[str] = []
    if review.plan is not None:
        lines += [plan_text(review.plan, verbose=verbose, paint=paint), ""]
    if review.diff is not None:
        lines += [diff_text(review.diff, verbose=verbose, paint=paint), ""]
    lines += [paint(f"{safe(one.place)}: {safe(one.message)}", "refuse") for one in review.mistakes]
    lines += [paint(f"conflict: {safe(path)}", "refuse") for path in review.conflicts]
    lines += [
        paint(f"not planned: {safe(one.registry)}: {safe(one.reason)}", "change")
        for one in review.not_planned
    ]
    for one in review.acknowledged:
        told = f"{safe(one.guard)} for {' in '.join(map(safe, _about(one)))}: {safe(one.reason)}"
        lines.append(paint(f"new acknowledgement: {told}", "change"))
    for gone in review.released:
        told = f"{known_as(gone.resource, gone.name)} in {safe(gone.registry)}; what is live stays"
        lines.append(paint(f"no longer managed: {told}", "change"))
    lines += [paint(f"reconciler.yaml: {safe(flag.message)}", "refuse") for flag in review.flags]
    lines += [paint(f"note: {safe(note)}", "dim") for note in review.notes]
    head, base = (f"{safe(side.name)} ({safe(side.commit[:12])})" for side in (review.head, review.base))
    lines.append(paint(f"{head} merged into {base}: {headline(review)}", "bold"))
    return "\n".join(lines)
