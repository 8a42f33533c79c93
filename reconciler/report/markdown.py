"""Plans, differences and outcomes as GitHub-flavoured markdown, for a comment or a job's summary.

First the totals, then what costs change, then one folded section per registry and in it one per action, the
riskiest first. It renders alike on GitHub and GitLab. `escaping` keeps texts of others from being markup,
`folding` keeps to a size.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from reconciler.costs.count import Costs
from reconciler.declared import Diff, RegistryDiff
from reconciler.delta import Delta
from reconciler.errors import InputError, ReconcilerError
from reconciler.outcome import ActionResult, Outcome, Proof, Status
from reconciler.plan import Action, Change, Failure, Operation, Plan, RegistryPlan
from reconciler.refusal import Refusal
from reconciler.report.costs import costs_text
from reconciler.report.counting import counted
from reconciler.report.delta import delta_text
from reconciler.report.diff import diff_totals
from reconciler.report.escaping import LONGEST_PROSE, cell, code, fence, inert, prose, tag
from reconciler.report.folding import Head, Section, document, folded, within
from reconciler.report.paint import plain
from reconciler.report.proof import proof_text
from reconciler.report.text import (
    NAMES_SHOWN,
    alike_results,
    creates,
    is_bad,
    known_as,
    left_alone,
    made_text,
    names_text,
    not_held,
    outcome_totals,
    totals,
    unverified,
    what_is_left,
)
from reconciler.report.values import both_texts, value_text
from reconciler.risk import Level, is_price, percent, risk_of

COMMENT: Final = 65_000
"""Bytes that fit into a comment of any forge: GitHub takes 65,536 characters, GitLab 1,000,000."""

Results = Mapping[tuple[str, str], ActionResult]
"""What became of each action, by registry and key; empty where nothing was done."""

_SHORT: Final = 300
_FIRST: Final = (0,)
_LAST: Final = (len(Level) + 1,)
_OPERATIONS: Final[Mapping[Operation, str]] = {
    "refused": "refused",
    "update": "to update",
    "create": "to create",
    "none": "unchanged",
}
_WORST_FIRST: Final[tuple[Status, ...]] = (
    *("unproven", "failed", "stale", "skipped", "refused", "done", "unchanged"),
)


def plan_markdown(
    plan: Plan,
    costs: Costs | None = None,
    *,
    limit: int | None = None,
    artefact: str | None = None,
    command: str | None = None,
) -> str:
    """What would change, and what it would have cost.

    ``limit``: bytes, at least `folding.LEAST_LIMIT`; ``artefact`` names where the whole plan is, as JSON;
    ``command`` is what shows the same plan on another machine.
    Raises ValueError for a smaller ``limit``.
    """
    first = [
        f"### {prose(totals(plan), _SHORT)}",
        "",
        *plan_facts(plan),
        *(f"- note: {prose(note)}" for note in plan.notes),
    ]
    told = {} if costs is None else {"What the changed prices would have cost": costs_text(costs)}
    return _document(plan, first, {}, told, limit=limit, artefact=artefact, command=command)


def outcome_markdown(
    plan: Plan,
    outcome: Outcome,
    delta: Delta | None = None,
    *,
    proofs: Sequence[Proof] = (),
    limit: int | None = None,
    artefact: str | None = None,
    command: str | None = None,
) -> str:
    """What became of ``plan``: what went wrong first. ``delta`` is what had moved, ``proofs`` what one more
    read showed.

    The other parameters are those of `plan_markdown`.
    """
    first = [f"### {prose(outcome_totals(plan, outcome), _SHORT)}", ""]
    first += [f"**{prose(line)}**\n" for line in what_is_left(outcome)]
    wrong = list(alike_results(result for result in outcome.results if is_bad(result)))
    wrong.sort(key=lambda alike: _WORST_FIRST.index(alike[0].status))
    first += [_went_wrong(alike) for alike in wrong[:NAMES_SHOWN]]
    first += [f"- … and {len(wrong) - NAMES_SHOWN} more reasons below"] if len(wrong) > NAMES_SHOWN else []
    first += [*plan_facts(plan), *(f"- note: {prose(note)}" for note in plan.notes)]
    results = {(result.registry, result.key): result for result in outcome.results}
    told = {} if delta is None else {"What moved since the plan was made": delta_text(delta)}
    proof, *rest = proof_text(proofs).split("\n")
    first += [f"**{prose(proof.removesuffix(':'), _SHORT)}**\n"] if proof else []
    told |= {"What a new plan has": "\n".join([proof, *rest])} if rest else {}
    return _document(plan, first, results, told, limit=limit, artefact=artefact, command=command)


def _document(
    plan: Plan,
    first: Sequence[str],
    results: Results,
    told: Mapping[str, str],
    *,
    limit: int | None,
    artefact: str | None,
    command: str | None,
) -> str:
    """``told`` are texts of other reports by their titles, each for a folded section of its own."""
    share = limit and limit // 16
    groups, sections = plan_sections(plan, results, share)
    for title, text in told.items():
        # No registry has a space in its name.
        groups[f"({title})"] = title
        lines = within(text.split("\n"), limit and limit // 4, "lines")
        sections.append(Section(f"({title})", _FIRST, fence(lines, "text")))
    return document(
        Head(first, *price_rows(plan)),
        groups,
        [section for section in sections if section.lines],
        [f"To see the same on your machine: {code(command, _SHORT)}"] if command else [],
        limit=limit,
        whole=f"the whole plan is in {code(artefact)}" if artefact else "`-o json` has all of it",
    )


def error_markdown(error: ReconcilerError) -> str:
    """A run that ended before there was a plan: a short paragraph; stderr has all of it."""
    problems = error.problems if isinstance(error, InputError) else ()
    lines = [f"**Error:** {_sentence(error.message, _SHORT)}", ""]
    lines += [f"Fix: {_sentence(error.hint)}", ""] if error.hint else []
    for problem in problems[:NAMES_SHOWN]:
        fix = f" Fix: {_sentence(problem.hint, _SHORT)}" if problem.hint else ""
        lines.append(f"- {code(problem.place)}: {_sentence(problem.message, _SHORT)}{fix}")
    if len(problems) > NAMES_SHOWN:
        lines.append(f"- … and {len(problems) - NAMES_SHOWN} more")
    return "\n".join(lines).rstrip("\n") + "\n"


def _sentence(text: str, limit: int = LONGEST_PROSE) -> str:
    """``text`` with one full stop."""
    return f"{prose(text.rstrip('.'), limit)}."


def plan_facts(plan: Plan) -> Iterator[str]:
    """The head's list. What a proof found belongs here too."""
    yield from _not_read(plan)
    yield from _held(plan)
    risks = Counter(risk_of(action).level for action in plan.actions("create", "update", "refused"))
    if not risks:
        return
    yield f"- **Risk**: {', '.join(f'{risks[level]} {level.word}' for level in sorted(risks))}"
    yield from _reaches(plan)
    yield f"- Plan digest: {code(plan.digest)}"
    if plan.made is not None:
        yield f"- {prose(made_text(plan))}"


def _not_read(plan: Plan) -> Iterator[str]:
    unread = [registry for registry in plan.registries if registry.failure is not None]
    for registry in unread[:NAMES_SHOWN]:
        failure = registry.failure
        message = failure.message.removeprefix(f"{registry.name}: ") if failure else ""
        yield f"- **Not read**: {code(registry.name)}: {prose(message, _SHORT)}"
    if len(unread) > NAMES_SHOWN:
        yield f"- … and {len(unread) - NAMES_SHOWN} more registries"


def _held(plan: Plan) -> Iterator[str]:
    """The guards that hold all of a run or of a registry back."""
    found: list[tuple[str | None, Refusal]] = [(None, refusal) for refusal in plan.refusals]
    found += [(part.name, refusal) for part in plan.registries for refusal in part.refusals]
    for name, refusal in found[:NAMES_SHOWN]:
        whose = "the whole run" if name is None else code(name)
        head = "Read-only" if refusal.code == "read-only" else f"Refused ({refusal.code})"
        yield f"- **{head}**: {whose}: {prose(refusal.message, _SHORT)}"
        if name is None and refusal.acknowledge:
            yield from (f"  {line}".rstrip() for line in ("", *_acknowledge([refusal])))
    if len(found) > NAMES_SHOWN:
        yield f"- … and {len(found) - NAMES_SHOWN} more guards"


def _acknowledge(refusals: Iterable[Refusal]) -> list[str]:
    """The lines that let ``refusals`` through; none for those that nothing does."""
    texts = [each.acknowledge for each in refusals if each.acknowledge]
    if not texts:
        return []
    asked = [f"  {line}" for text in texts for line in text.splitlines()]
    return ["To let it through, in `acknowledgements.yaml`:", "", *fence(asked, "yaml"), ""]


def _reaches(plan: Plan) -> Iterator[str]:
    users: dict[str, set[tuple[str, str]]] = {}
    for registry in plan.registries:
        for action in registry.actions:
            if action.operation != "none":
                known = users.setdefault(registry.users_are or "user", set())
                known |= {(registry.name, user) for user in action.used_by}
    for word, known in sorted(users.items()):
        if known:
            names = ", ".join(code(user, 60) for _, user in sorted(known)[:NAMES_SHOWN])
            more = f" and {len(known) - NAMES_SHOWN} more" if len(known) > NAMES_SHOWN else ""
            # At least: a registry tells of some users only.
            yield f"- **Reaches** at least {prose(counted(len(known), word, f'{word}s'))}: {names}{more}"


def price_rows(plan: Plan | Diff) -> tuple[list[str], list[str], str]:
    """The prices that change, refused ones first, then by how far they move."""
    moved = [
        (risk_of(action).order, action.name, action, change)
        for action in plan.actions("update", "refused")
        if not creates(action)
        for change in action.changes
        if is_price(change)
    ]
    moved.sort(key=lambda row: (row[0], row[1], row[2].registry, row[3].path))
    columns = [
        "| Model | Registry | Price | Before | After | Change |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows = []
    for _, name, action, change in moved:
        texts = [known_as(action.resource, name), action.registry, change.path, *both_texts(change)]
        remarks = [percent(change), "refused" if action.operation == "refused" else None]
        rows.append(f"| {' | '.join(map(cell, texts))} | {', '.join(filter(None, remarks))} |")
    return columns, rows, "price changes"


def _went_wrong(alike: Sequence[ActionResult]) -> str:
    first = alike[0]
    names = prose(names_text(known_as(result.resource, result.name) for result in alike), _SHORT)
    failure = first.failure.message if first.failure else None
    reason = first.reason or failure
    why = f": {prose(reason.removeprefix(f'{first.registry}: '), _SHORT)}" if reason else ""
    return f"- **{first.status}** in {code(first.registry)}: {names}{why}"


def plan_sections(plan: Plan, results: Results, share: int | None) -> tuple[dict[str, str], list[Section]]:
    """The groups and the sections of a plan; a list in one of them has ``share`` bytes."""
    sections = [each for registry in plan.registries for each in _sections(registry, results, share)]
    return {registry.name: _registry_summary(registry) for registry in plan.registries}, sections


def diff_sections(diff: Diff, share: int | None) -> tuple[dict[str, str], list[Section]]:
    """The groups and the sections of what is declared differently."""
    sections = [each for registry in diff.registries for each in _diff_sections(registry, share)]
    return {_declared_for(registry): _diff_summary(registry) for registry in diff.registries}, sections


def _declared_for(registry: RegistryDiff) -> str:
    """The name of a group; no registry has a space in its name."""
    return f"declared for {registry.name}"


def _diff_summary(registry: RegistryDiff) -> str:
    counts = Counter(action.operation for action in registry.actions)
    words: dict[Operation, str] = {"refused": "refused", "update": "changed", "create": "new"}
    parts = [f"{counts[one]} {word}" for one, word in words.items() if counts[one]]
    parts += [f"{len(registry.released)} no longer managed"] if registry.released else []
    known = f"<b>{tag(registry.name)}</b> ({tag(registry.kind)}, {tag(registry.target)})"
    return f"{known}, declared: {', '.join(parts)}"


def _diff_sections(registry: RegistryDiff, share: int | None) -> Iterator[Section]:
    group = _declared_for(registry)
    for action in registry.actions:
        order = (1, 0, *risk_of(action).order, action.name, registry.name, action.resource)
        yield Section(group, order, _action(action, "", None, share), counts_as=action.operation)
    released = [
        f"- {code(known_as(one.resource, one.name))}: no longer managed; what is live stays"
        for one in registry.released
    ]
    stays = [*released, *(f"- {prose(line.strip())}" for line in not_held(registry))]
    lines = [*within(stays, share, "remarks", lead="- "), ""] if stays else []
    yield Section(group, (*_LAST, 1, registry.name), lines)


def diff_markdown(
    diff: Diff, *, limit: int | None = None, artefact: str | None = None, command: str | None = None
) -> str:
    """What two revisions declare differently. The parameters are those of `plan_markdown`."""
    groups, sections = diff_sections(diff, limit and limit // 16)
    first = [f"### {prose(diff_totals(diff), _SHORT)}", "", *diff_facts(diff)]
    first += [f"- note: {prose(note)}" for note in diff.notes]
    return document(
        Head(first, *price_rows(diff)),
        groups,
        [section for section in sections if section.lines],
        [f"To see the same on your machine: {code(command, _SHORT)}"] if command else [],
        limit=limit,
        whole=f"all of it is in {code(artefact)}" if artefact else "`-o json` has all of it",
    )


def diff_facts(diff: Diff) -> Iterator[str]:
    """Between which revisions, and the risk."""
    sides = (f"{code(side.name)} ({code(side.commit[:12])})" for side in (diff.base, diff.head))
    yield f"- Declared, {' to '.join(sides)}; no registry was asked"
    risks = Counter(risk_of(action).level for action in diff.actions())
    if risks:
        yield f"- **Risk**: {', '.join(f'{risks[level]} {level.word}' for level in sorted(risks))}"


def _registry_summary(registry: RegistryPlan) -> str:
    counts = Counter(action.operation for action in registry.actions)
    parts = [f"{counts[one]} {word}" for one, word in _OPERATIONS.items() if counts[one]]
    parts = ["could not be read"] if registry.failure else parts or ["no manifest is for it"]
    return f"<b>{tag(registry.name)}</b> ({tag(registry.kind)}, {tag(registry.target)}): {', '.join(parts)}"


def _sections(registry: RegistryPlan, results: Results, share: int | None) -> Iterator[Section]:
    """The parts of one registry: what is wrong with it, its actions, what stays as it is. A list in one of
    them has ``share`` bytes."""
    name = registry.name
    held = [line for refusal in registry.refusals for line in _refusal(refusal)]
    wrong = [*_failure(registry), *held, *(f"- **warning**: {prose(each)}" for each in registry.warnings)]
    lines = [*within(wrong, share, "warnings", lead="- "), ""] if wrong else []
    yield Section(name, _FIRST, [*lines, *_acknowledge(registry.refusals)])
    for action in registry.actions:
        if action.operation != "none":
            result = results.get((name, action.key))
            worst = _WORST_FIRST.index(result.status) if result else 0
            order = (1, worst, *risk_of(action).order, action.name, name, action.resource)
            lines = _action(action, registry.users_are, result, share)
            yield Section(name, order, lines, counts_as=action.operation)
    yield Section(name, (*_LAST, 1, name), _stays(registry, share))
    yield Section(name, (*_LAST, 2, name), _unmanaged(registry, share))


def _failure(registry: RegistryPlan) -> Iterator[str]:
    if registry.failure is not None:
        yield from _failure_lines(registry.failure, registry.name)


def _failure_lines(failure: Failure, registry: str) -> Iterator[str]:
    yield f"- **error** ({code(failure.code)}): {prose(failure.message.removeprefix(f'{registry}: '))}"
    if failure.request and failure.request not in failure.message:
        yield f"- request: {code(failure.request)}"
    if failure.hint:
        yield f"- fix: {prose(failure.hint)}"


def _stays(registry: RegistryPlan, share: int | None) -> list[str]:
    """What is not held, not verified and left alone, in the words of the text."""
    lines = [f"- {prose(line.strip())}" for told in (not_held, unverified) for line in told(registry)]
    lines += [f"- {prose(line.strip())}" for line in left_alone(registry, plain)]
    for action in registry.actions:
        if action.operation == "none":
            known = f"- {code(known_as(action.resource, action.name))}"
            lines += [f"{known}: note: {prose(note)}" for note in action.notes]
            lines += [f"{known}: {_used_by(action, registry.users_are)}"] if action.used_by else []
    lines += [] if registry.actions or registry.failure else ["- no manifest is for this registry"]
    return [*within(lines, share, "remarks", lead="- "), ""] if lines else []


def _unmanaged(registry: RegistryPlan, share: int | None) -> list[str]:
    lines = [
        inert(
            f"= {known_as(action.resource, action.name)}: {field.path} stays {value_text(field.live)}"
            + ("; null clears it" if field.clearable else "")
        )
        for action in registry.actions
        for field in action.unmanaged
    ]
    if not lines:
        return []
    summary = f"not managed: {counted(len(lines), 'field is', 'fields are')} set live and not declared"
    return folded(summary, fence(within(lines, share, "fields"), "text"))


def _used_by(action: Action, users_are: str) -> str:
    word = users_are or "user"
    names = ", ".join(code(user, 60) for user in action.used_by[:NAMES_SHOWN])
    rest = len(action.used_by) - NAMES_SHOWN
    users = prose(counted(len(action.used_by), word, f"{word}s"))
    return f"used by at least {users}: {names}" + (f" and {rest} more" if rest > 0 else "")


def _action(action: Action, users_are: str, result: ActionResult | None, share: int | None) -> list[str]:
    risk = risk_of(action)
    first = result.status if result else risk.level.word
    # A refused action is not told apart into create and update, and no word comes twice.
    operation = action.operation if action.operation in ("create", "update") else first
    words = [f"<b>{first}</b>", *([operation] if operation != first else [])]
    kind = "" if action.resource == "Model" else f"{html.escape(inert(action.resource.lower()))} "
    words.append(f"{kind}{tag(action.name)}")
    words += [risk.level.word] if risk.level.word not in (first, operation) else []
    words += [tag(reason) for reason in risk.reasons]
    if action.used_by:
        words.append(f"used by at least {len(action.used_by)}")
    bullets = [*_result(result), *_bullets(action, users_are)]
    lines = [*within(bullets, share, "remarks", lead="- "), ""] if bullets else []
    lines += _acknowledge(action.refusals)
    if action.changes:
        lines += [*fence(_diff(action, share), "diff"), ""]
    return folded(" · ".join(words), lines)


def _result(result: ActionResult | None) -> Iterator[str]:
    if result is None:
        return
    if result.reason:
        yield f"- **{result.status}**: {prose(result.reason.removeprefix(f'{result.registry}: '))}"
    if result.failure is not None:
        yield from _failure_lines(result.failure, result.registry)
    yield from (f"- remark: {prose(remark)}" for remark in result.remarks)


def _bullets(action: Action, users_are: str) -> Iterator[str]:
    for refusal in action.refusals:
        yield from _refusal(refusal)
    yield from (f"- note: {prose(note)}" for note in action.notes)
    yield from (f"- hint: {prose(hint)}" for hint in action.hints)
    if action.id and action.id != action.name:
        yield f"- {'sent as' if creates(action) else 'id'} {code(action.id)}"
    if action.used_by:
        yield f"- {_used_by(action, users_are)}"
    changed = {change.path for change in action.changes}
    hidden = [path for path in action.unverified if path not in changed]
    if hidden:
        yield f"- never reads back: {', '.join(map(code, hidden))}"


def _refusal(refusal: Refusal) -> Iterator[str]:
    fix = f" Fix: {_sentence(refusal.fix)}" if refusal.fix else ""
    yield f"- **refused** ({code(refusal.code)}): {_sentence(refusal.message)}{fix}"


def _diff(action: Action, share: int | None) -> list[str]:
    told: Callable[[Change], Iterable[str]] = _declared if creates(action) else _moved
    # As they are shown: only so their sizes count, and half a character has one.
    lines = [inert(line) for change in action.changes for line in told(change)]
    return within(lines, share, "lines")


def _declared(change: Change) -> Iterator[str]:
    remark = "  (default)" if change.default else ""
    yield f"+ {change.path}: {value_text(change.desired)}{remark}"
    yield from _remarks(change)


def _moved(change: Change) -> Iterator[str]:
    before, after = both_texts(change)
    moved = percent(change) if is_price(change) else None
    if change.live.form != "unset":
        yield f"- {change.path}: {before}"
    if change.desired.form != "unset":
        yield (
            f"+ {change.path}: {after}"
            + (f" ({moved})" if moved else "")
            + ("  (default)" if change.default else "")
        )
    yield from _remarks(change)


def _remarks(change: Change) -> Iterator[str]:
    yield from (f"# {remark}" for remark in (change.note, *change.details) if remark)
