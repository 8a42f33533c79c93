"""What moved since the last apply, as text, JSON and markdown: drift first, then what git alone moved."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from reconciler.drift import Drift, Finding, Moved, RegistryDrift, State, Verdict
from reconciler.errors import ExitCode
from reconciler.journal.applied import Moment
from reconciler.report.escaping import cell, code, fence, prose, tag
from reconciler.report.folding import Head, Section, document, folded, within
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe
from reconciler.report.text import failure_lines, known_as, left_alone, names_text, unread_registries
from reconciler.report.values import two_texts, value_text

WHO: Final[Mapping[Verdict, str]] = {
    "registry": "the registry moved",
    "git": "git moved",
    "both": "both moved",
    "unknown": "cannot tell who moved",
}

_ORDER: Final[tuple[Verdict, ...]] = ("registry", "both", "unknown", "git")
_SHORT: Final = 300


def drift_document(drift: Drift, code: ExitCode) -> dict[str, Any]:
    """What moved since the last apply: schemas/drift.schema.json describes it."""
    head = {"apiVersion": drift.apiVersion, "kind": drift.kind, "exit_code": int(code)}
    return head | dataclasses.asdict(drift)


def drift_text(drift: Drift, *, verbose: bool = False, paint: Paint = plain) -> str:
    """The whole. ``verbose`` adds where each field is declared."""
    lines: list[str] = []
    for registry in drift.registries:
        lines += [*_registry(registry, verbose=verbose, paint=paint), ""]
    lines += [paint(f"note: {safe(note)}", "dim") for note in drift.notes]
    lines.append(paint(drift_totals(drift), "bold"))
    return "\n".join(lines)


def drift_totals(drift: Drift) -> str:
    """One line that counts what drifted, what could not be told, and the rest."""
    drifted = [finding for finding in drift.findings if finding.is_drift]
    count = {
        "moved in the registry": sum(
            one.state == "differs" and one.verdict in ("registry", "both") for one in drifted
        ),
        "gone": sum(one.state == "absent" and one.verdict == "registry" for one in drifted),
        "cannot be told": sum(one.verdict == "unknown" for one in drifted),
        "not compared": sum(one.state == "not compared" for one in drift.findings),
    }
    found = ", ".join(f"{number} {word}" for word, number in count.items() if number)
    pending = sum(one.verdict == "git" for one in drift.findings)
    same = sum(registry.as_declared for registry in drift.registries)
    rest = [f"{pending} declared and not applied yet"] if pending else []
    text = f"{'; '.join([found or 'none', ', '.join([*rest, f'{same} as declared'])])}."
    return " ".join([f"Drift: {text}", *unread_registries(one.failure for one in drift.registries)])


def _registry(registry: RegistryDrift, *, verbose: bool, paint: Paint) -> Iterator[str]:
    yield paint(f"{registry.name}  ({registry.kind}, {safe(registry.target)})", "bold")
    if registry.failure is not None:
        yield from failure_lines(registry.failure, paint, registry=registry.name, indent="  ")
        return
    for finding in _ordered(registry.findings):
        if finding.verdict != "git":
            yield from _finding(finding, "  ", verbose=verbose, paint=paint)
    pending = [finding for finding in registry.findings if finding.verdict == "git"]
    if pending:
        yield "  declared and not applied yet:"
    for finding in pending:
        yield from _finding(finding, "    ", verbose=verbose, paint=paint)
    if registry.as_declared:
        yield paint(f"  = {registry.as_declared} as declared", "dim")
    yield from _not_verified(registry)
    yield from left_alone(registry, paint)


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda one: (_ORDER.index(one.verdict), one.state, one.resource, one.name))


def _not_verified(registry: RegistryDrift) -> Iterator[str]:
    for one in registry.not_verified:
        names = names_text(known_as(one.resource, name) for name in one.names)
        yield f"  not verified: {safe(one.path)}, which never reads back ({names})"


_SIGNS: Final[Mapping[State, tuple[str, str]]] = {
    "differs": ("~", "change"),
    "absent": ("-", "refuse"),
    "not compared": ("!", "refuse"),
}


def _finding(finding: Finding, indent: str, *, verbose: bool, paint: Paint) -> Iterator[str]:
    sign, style = ("+", "add") if _is_new(finding) else _SIGNS[finding.state]
    known = f"  (id {safe(finding.id)})" if finding.state == "differs" and _has_id(finding) else ""
    what = state_text(finding)
    said = f": {safe(what)}" if what else ""
    yield paint(f"{indent}{sign} {known_as(finding.resource, finding.name)}{known}{said}", style)
    for fact in facts(finding):
        yield paint(f"{indent}    {safe(fact)}", "dim")
    for moved in finding.fields:
        where = f"  {moved.place}" if verbose and moved.place else ""
        yield f"{indent}    {safe(moved.path)}: {moved_text(moved)}{paint(where, 'dim')}"
        yield from (paint(f"{indent}      {safe(detail)}", "dim") for detail in moved.details)


def _is_new(finding: Finding) -> bool:
    return finding.state == "absent" and finding.verdict == "git"


def _has_id(finding: Finding) -> bool:
    return finding.id not in (None, finding.name)


def state_text(finding: Finding) -> str:
    """What there is to say in one line of an object that cannot be compared field by field."""
    if finding.state == "not compared":
        return f"cannot be compared: {finding.reason}"
    if finding.state == "differs" or finding.verdict == "git":
        return ""
    if finding.verdict == "unknown":
        return "is not there, and whether it ever was cannot be told"
    return f"gone since {moment_text(finding.since)}" if finding.since else "gone"


def moment_text(moment: Moment) -> str:
    """A time at which something was as declared."""
    commit = f"commit {moment.commit[:12]}" if moment.commit else ""
    if moment.run is None:
        return commit or "then"
    return f"run {moment.run} of {moment.at}" + (f" ({commit})" if commit else "")


def facts(finding: Finding) -> Iterator[str]:
    """Since when, by whom else, and why nothing more can be told."""
    if finding.state == "not compared":
        return
    if finding.updated:
        yield f"last changed there at {finding.updated}, as the registry says"
    if finding.state == "differs" and finding.since:
        yield f"last known as declared: {moment_text(finding.since)}"
    if finding.reason:
        some = any(each.verdict != "unknown" for each in finding.fields)
        yield f"cannot tell of all fields: {finding.reason}" if some else finding.reason
    for refusal in finding.refusals:
        yield f"an apply would refuse it ({refusal.code}): {refusal.message}"
    yield from (f"note: {note}" for note in finding.notes)


def moved_text(moved: Moved) -> str:
    """Both values of a field, and who moved."""
    live, declared = two_texts(moved.live, moved.declared)
    then = ""
    if moved.verdict == "both" and moved.applied is not None:
        then = f", last applied {value_text(moved.applied)}"
    return f"live {live}, declared {declared}{then}: {WHO[moved.verdict]}"


# ---- markdown


def drift_markdown(drift: Drift, *, limit: int | None = None, command: str | None = None) -> str:
    """The same for an issue or a comment: the drifted fields in a table, the rest in folded sections.

    ``limit``: bytes, at least `folding.LEAST_LIMIT`; ``command`` shows the same on another machine.
    Raises ValueError for a smaller ``limit``.
    """
    first = [f"### {prose(drift_totals(drift), _SHORT)}", ""]
    for registry in drift.registries:
        if registry.failure is not None:
            message = registry.failure.message.removeprefix(f"{registry.name}: ")
            first.append(f"- **Not read**: {code(registry.name)}: {prose(message, _SHORT)}")
    first += [f"- note: {prose(note)}" for note in drift.notes]
    share = limit and limit // 16
    sections = [each for registry in drift.registries for each in _sections(registry, share)]
    return document(
        Head(first, *_table(drift)),
        {registry.name: _summary(registry) for registry in drift.registries},
        [section for section in sections if section.lines],
        [f"To see the same on your machine: {code(command, _SHORT)}"] if command else [],
        limit=limit,
        whole="`-o json` has all of it",
    )


def _table(drift: Drift) -> tuple[list[str], list[str], str]:
    columns = [
        "| Model | Registry | Field | Live | Declared | Who |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows = []
    for finding in _ordered(one for one in drift.findings if one.is_drift):
        whose = [known_as(finding.resource, finding.name), finding.registry]
        told: list[tuple[list[str], str]] = [
            ([moved.path, *two_texts(moved.live, moved.declared)], WHO[moved.verdict])
            for moved in finding.fields
            if moved.verdict != "git"
        ]
        if finding.state == "absent":
            who = "gone" if finding.verdict == "registry" else WHO[finding.verdict]
            told = [(["all", "(not there)", "(declared)"], who)]
        rows += [f"| {' | '.join(map(cell, [*whose, *texts]))} | {who} |" for texts, who in told]
    return columns, rows, "fields"


def _summary(registry: RegistryDrift) -> str:
    drifted = sum(finding.is_drift for finding in registry.findings)
    pending = sum(finding.verdict == "git" for finding in registry.findings)
    parts = [f"{drifted} drifted", f"{pending} not applied yet", f"{registry.as_declared} as declared"]
    parts = ["could not be read"] if registry.failure else parts
    return f"<b>{tag(registry.name)}</b> ({tag(registry.kind)}, {tag(registry.target)}): {', '.join(parts)}"


def _sections(registry: RegistryDrift, share: int | None) -> Iterator[Section]:
    for index, finding in enumerate(_ordered(registry.findings)):
        words = "not compared" if finding.state == "not compared" else _word(finding)
        summary = f"<b>{words}</b> · {tag(known_as(finding.resource, finding.name))}"
        what = state_text(finding)
        bullets = [f"- {prose(text)}" for text in ([what] if what else []) + list(facts(finding))]
        lines = [*within(bullets, share, "remarks", lead="- "), ""] if bullets else []
        moved = [line for each in finding.fields for line in _moved(each)]
        lines += [*fence(within(moved, share, "lines"), "text"), ""] if moved else []
        order = (_ORDER.index(finding.verdict), finding.state, index, registry.name)
        yield Section(registry.name, order, folded(summary, lines), counts_as=words)
    rest = [f"- {prose(line.strip())}" for line in _not_verified(registry)]
    rest += [f"- {prose(line.strip())}" for line in left_alone(registry, plain)]
    lines = [*within(rest, share, "remarks", lead="- "), ""] if rest else []
    yield Section(registry.name, (len(_ORDER), "", 0, registry.name), lines)


def _word(finding: Finding) -> str:
    if finding.verdict == "unknown":
        return "cannot tell"
    return "drifted" if finding.is_drift else "not applied yet"


def _moved(moved: Moved) -> Iterator[str]:
    yield f"{moved.path}: {moved_text(moved)}"
    yield from (f"  {detail}" for detail in moved.details)
