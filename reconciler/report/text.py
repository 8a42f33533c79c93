"""Plans and outcomes for a terminal: one line per resource, its changes beneath it, then the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, get_args

from reconciler.guards.holding import HELD_BACK
from reconciler.outcome import ActionResult, Outcome, Status
from reconciler.plan import Action, Change, Failure, LeftAlone, Plan, RegistryPlan, ShardOf, canonical
from reconciler.refusal import Refusal
from reconciler.report.counting import counted
from reconciler.report.paint import Paint, plain
from reconciler.report.safe import safe
from reconciler.report.values import change_text, value_text

if TYPE_CHECKING:
    from reconciler.declared import RegistryDiff

NAMES_SHOWN = 8
_SIGNS = {"create": ("+", "add"), "update": ("~", "change"), "refused": ("!", "refuse"), "none": ("=", "dim")}


def plan_text(plan: Plan, *, verbose: bool = False, paint: Paint = plain) -> str:
    """The whole plan. ``verbose`` adds unchanged resources, wire values and unmanaged fields."""
    lines: list[str] = []
    for registry in plan.registries:
        lines += [*_registry(registry, verbose=verbose, paint=paint), ""]
    lines += [paint(f"note: {safe(note)}", "dim") for note in plan.notes]
    for refusal in plan.refusals:
        lines += _refusal(refusal, "", verbose=verbose, paint=paint)
    lines.append(paint(totals(plan), "bold"))
    lines += [shard_text(plan.shard)] if plan.shard else []
    if plan.actions("create", "update", "refused") or (plan.shard and plan.shard.portions):
        lines.append(paint(f"Plan digest: {digest_shown(plan)}", "dim"))
    return "\n".join(lines)


def digest_shown(plan: Plan) -> str:
    """The digest that people compare: of a shard, that of the whole plan."""
    return plan.shard.digest if plan.shard else plan.digest


def shard_text(shard: ShardOf) -> str:
    """Which part of the whole a shard is, in one line."""
    if not shard.portions:
        return f"Shard {shard}: nothing of this plan is for it."
    have, every = (
        sum(counts) for counts in zip(*((len(each.at), each.actions) for each in shard.portions), strict=True)
    )
    names = ", ".join(each.registry for each in shard.portions)
    return f"Shard {shard}: {have} of {every} in {names}, and none of what else the plan has."


def made_text(plan: Plan) -> str:
    """When, from which commit and by which version a plan was made, in one line."""
    made = plan.made
    if made is None:
        return f"Made by reconciler {safe(plan.tool)}."
    commit = f"commit {safe(made.commit[:12])}" if made.commit else "no git commit"
    dirty = " with changes that are not committed" if made.dirty else ""
    return f"Made {safe(made.at)} from {commit}{dirty}, by reconciler {safe(plan.tool)}."


def totals(plan: Plan) -> str:
    """One line that counts what would happen."""
    resources: dict[str, list[str]] = {}
    for action in plan.actions():
        resources.setdefault(action.operation, []).append(action.resource)
    counts = Counter({operation: len(those) for operation, those in resources.items()})
    if not counts and plan.failed:
        return "No plan: no registry could be read."

    def of(operation: str) -> str:
        return of_each(resources.get(operation, ()))

    if counts["create"] or counts["update"] or counts["refused"]:
        parts = [f"{of('create')} to create", f"{of('update')} to update"]
        parts += [f"{of('refused')} refused"] if counts["refused"] else []
        text = f"Plan: {', '.join(parts)}, {of('none')} unchanged."
    elif counts:
        text = f"No changes: {of('none')} as declared."
    elif plan.scope.since is not None:
        text = "No changes: no manifest that this run is about has changed."
    else:
        text = "No changes: no manifest is for these registries."
    return " ".join([text, *_shown_only(plan), *unread(plan)])


def of_each(resources: Iterable[str]) -> str:
    """How many there are; of what, where not all of them are models."""
    counts = Counter(resources)
    if set(counts) <= {"Model"}:
        return str(counts["Model"])
    return " and ".join(
        counted(count, name.lower(), f"{name.lower()}s") for name, count in sorted(counts.items())
    )


def known_as(resource: str, name: str) -> str:
    """The name, and before it what it is, unless it is a model: two resources may have one name."""
    return safe(name) if resource == "Model" else f"{resource.lower()} {safe(name)}"


def _shown_only(plan: Plan) -> list[str]:
    """How much of a plan apply does not do all the same, where registries are read-only."""
    changes = plan.actions("create", "update")
    count = sum(action.registry in plan.held for action in changes)
    if not count:
        return []
    which = "All of it is" if count == len(changes) else f"{count} of these {'is' if count == 1 else 'are'}"
    return [f"{which} for read-only registries, and apply does not do it."]


def unread(plan: Plan) -> list[str]:
    return unread_registries(registry.failure for registry in plan.registries)


def unread_registries(failures: Iterable[Failure | None]) -> list[str]:
    """How many registries could not be read, by the failure of each."""
    count = sum(failure is not None for failure in failures)
    return [f"{counted(count, 'registry', 'registries')} could not be read."] if count else []


def _registry(registry: RegistryPlan, *, verbose: bool, paint: Paint) -> Iterator[str]:
    yield paint(f"{registry.name}  ({registry.kind}, {safe(registry.target)})", "bold")
    if registry.failure is not None:
        yield from failure_lines(registry.failure, paint, registry=registry.name, indent="  ")
        return
    for refusal in registry.refusals:
        yield from _refusal(refusal, "  ", verbose=verbose, paint=paint)
    # What is refused comes last, near the totals, where a long plan leaves it on the screen; before models
    # come the providers that they need.
    told = [
        action
        for action in registry.actions
        if action.operation != "none" or verbose or action.notes or action.used_by
    ]
    told.sort(key=lambda action: (action.operation == "refused", action.resource == "Model"))
    for action in told:
        yield from action_lines(action, registry.users_are, verbose=verbose, paint=paint)
    unchanged = sum(action.operation == "none" for action in registry.actions)
    if unchanged and not verbose:
        yield paint(f"  = {unchanged} unchanged", "dim")
    if not registry.actions:
        yield paint("  no manifest is for this registry", "dim")
    for warning in registry.warnings:
        yield paint(f"  warning: {safe(warning)}", "refuse")
    yield from not_held(registry)
    yield from left_alone(registry, paint)
    yield from unverified(registry)
    unmanaged = [action.resource for action in registry.actions if action.unmanaged]
    if unmanaged and not verbose:
        what = of_each(unmanaged)
        what = counted(len(unmanaged), "model", "models") if what.isdigit() else what
        has = "has" if len(unmanaged) == 1 else "have"
        text = f"  not managed: {what} {has} fields that are set live"
        yield paint(f"{text} and not declared (-v lists them)", "dim")


def not_held(registry: RegistryPlan | RegistryDiff) -> Iterator[str]:
    """The fields without a place here, those of the same manifests in one line."""
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for held in registry.not_held:
        alike.setdefault((held.resource, held.names), []).append(safe(held.path))
    for (resource, names), paths in sorted(alike.items(), key=lambda entry: -len(entry[0][1])):
        whose = names_text(known_as(resource, name) for name in names)
        every = sum(action.resource == resource for action in registry.actions)
        if len(names) == every > 1:
            whose = f"all {every} {resource.lower()}s"
        yield f"  not held: {', '.join(paths)} ({whose})"


def unverified(registry: RegistryPlan) -> Iterator[str]:
    """The write-only fields of what is there: an edit of one cannot be seen, so it is said."""
    names: dict[str, list[str]] = {}
    for action in registry.actions:
        if not action.unverified:
            continue
        sent = {change.path for change in action.changes}
        left = action.operation == "none" or (action.operation == "update" and not _replaces(action))
        for path in action.unverified if left else ():
            if path not in sent:
                names.setdefault(path, []).append(known_as(action.resource, action.name))
    for path, those in sorted(names.items()):
        what = f"{safe(path)}, which never reads back; only --resend sends it again"
        yield f"  not verified: {what} ({names_text(those)})"


def _replaces(action: Action) -> bool:
    """Whether an update replaces the whole object, and so sends everything that is declared."""
    return any(request.method == "PUT" for request in action.requests)


class Holding(Protocol):
    """A part of a report that says what its registry holds besides."""

    @property
    def left_alone(self) -> tuple[LeftAlone, ...]: ...

    @property
    def vendor_owned(self) -> int: ...

    @property
    def in_part(self) -> bool: ...


def left_alone(registry: Holding, paint: Paint) -> Iterator[str]:
    if registry.in_part:
        yield paint("  left alone: not known; only what the chosen manifests mean was read", "dim")
    for resource in sorted({live.resource for live in registry.left_alone}):
        those = [live for live in registry.left_alone if live.resource == resource]
        alike = Counter(live.name for live in those)
        names = (
            f"{safe(live.name)} with id {safe(live.id)}"
            if alike[live.name] > 1 and live.id != live.name
            else safe(live.name)
            for live in those
        )
        what = counted(len(those), resource.lower(), f"{resource.lower()}s")
        yield f"  left alone: {what} of yours ({names_text(names)})"
    if registry.vendor_owned:
        yield paint(
            f"  left alone: {counted(registry.vendor_owned, 'built-in model', 'built-in models')}", "dim"
        )


def action_lines(action: Action, users_are: str, *, verbose: bool, paint: Paint) -> Iterator[str]:
    """One action: its sign and name, why it is refused, what to know, and its changes."""
    sign, style = _SIGNS[action.operation]
    creating = creates(action)
    # What a create is sent as need not be the id that the registry makes.
    word = "as" if creating else "id"
    known = f"  ({word} {safe(action.id)})" if action.id and action.id != action.name else ""
    held = "".join(f"  ({safe(each.message)})" for each in action.refusals if each.code == HELD_BACK)
    yield paint(f"  {sign} {known_as(action.resource, action.name)}{known}{held}", style)
    for refusal in action.refusals:
        if refusal.code != HELD_BACK:
            yield from _refusal(refusal, "      ", verbose=verbose, paint=paint)
    for note in action.notes:
        yield f"      note: {safe(note)}"
    for hint in action.hints if verbose or action.operation != "none" else ():
        yield paint(f"      hint: {safe(hint)}", "dim")
    if action.used_by:
        # At least: a registry tells of some users only, and by a name that may not be the only one.
        users = counted(len(action.used_by), users_are, f"{users_are}s")
        yield f"      used by at least {users}: {names_text(safe(user) for user in action.used_by)}"
    for change in action.changes:
        yield from _change(change, creating=creating, verbose=verbose, paint=paint)
    shown_paths = {change.path for change in action.changes}
    hidden = [path for path in action.unverified if path not in shown_paths]
    if hidden and (verbose or action.operation != "none"):
        head = "sent along, never reads back" if _replaces(action) else "not verified (write-only)"
        yield paint(f"      {head}: {', '.join(safe(path) for path in hidden)}", "dim")
    if verbose:
        for field in action.unmanaged:
            way_out = "; null clears it" if field.clearable else ""
            stays = f"(stays {value_text(field.live)}{way_out})"
            yield paint(f"      not managed: {safe(field.path)} {stays}", "dim")


def _refusal(refusal: Refusal, indent: str, *, verbose: bool, paint: Paint) -> Iterator[str]:
    """Why, how to go on, and the lines that let it through."""
    # What is read-only mostly stays so: a plan for it is there to be read, and how to write all the same
    # would stand in each.
    brief = refusal.code == "read-only" and not verbose
    word = refusal.code if refusal.code == "read-only" else f"refused ({refusal.code})"
    yield paint(f"{indent}{word}: {safe(refusal.message)}", "refuse")
    if refusal.fix and not brief:
        yield f"{indent}  {safe(refusal.fix)}"
    if refusal.acknowledge and not brief:
        yield f"{indent}  in acknowledgements.yaml:"
        yield from (f"{indent}    {safe(line)}" for line in refusal.acknowledge.splitlines())


def creates(action: Action) -> bool:
    """Whether it creates something, or would if it were not refused."""
    # A create rests on a list of what it is like, mostly none; an update on a fingerprint.
    refused_create = action.operation == "refused" and action.rests_on[:1] in ("", "[")
    return action.operation == "create" or (
        refused_create and all(change.live.form == "unset" for change in action.changes)
    )


def _change(change: Change, *, creating: bool, verbose: bool, paint: Paint) -> Iterator[str]:
    text = value_text(change.desired) if creating else change_text(change)
    remark = paint("  (default)", "dim") if change.default else ""
    yield f"      {safe(change.path)}: {text}{remark}"
    if change.note:
        yield paint(f"        {safe(change.note)}", "refuse")
    for detail in change.details:
        yield paint(f"        {safe(detail)}", "dim")
    if verbose:
        where = f"  {change.place}" if change.place else ""
        wire = f"wire: {safe(canonical(change.wire_live))} -> {safe(canonical(change.wire_desired))}"
        yield paint(f"        {wire}{where}", "dim")


def outcome_text(plan: Plan, outcome: Outcome, *, verbose: bool = False, paint: Paint = plain) -> str:
    """What happened: what there is something to say about, then the totals. ``verbose``: every result."""
    told = [result for result in outcome.results if verbose or is_bad(result) or result.remarks]
    made = {(action.registry, action.key): action.id for action in plan.actions("create")}
    lines = [line for alike in alike_results(told) for line in _results(alike, made, paint)]
    if lines:
        lines.append("")
    lines.append(paint(outcome_totals(plan, outcome), "bold"))
    lines += what_is_left(outcome)
    return "\n".join(lines)


def outcome_totals(plan: Plan, outcome: Outcome) -> str:
    """One line that counts what happened."""
    counts = Counter(result.status for result in outcome.results)
    parts = [f"{counts[status]} {status}" for status in get_args(Status) if counts[status]]
    head = "Interrupted" if outcome.interrupted else "Apply"
    return " ".join([f"{head}: {', '.join(parts) or 'nothing to do'}.", *unread(plan)])


def what_is_left(outcome: Outcome) -> list[str]:
    """What to do after a run that did not do everything; empty after any other."""
    if outcome.unexpected is not None:
        return [f"Nothing was written: {outcome.unexpected}."]
    if not any(is_bad(result) for result in outcome.results):
        return []
    kept = "What is done stays done" if outcome.written else "Nothing was written"
    return [f"{kept}; plan again to see what is left."]


def is_bad(result: ActionResult) -> bool:
    return result.status in ("failed", "unproven", "skipped", "stale")


def alike_results(results: Iterable[ActionResult]) -> Iterable[list[ActionResult]]:
    """Results that say the same, together: an interrupted run has thousands of them."""
    groups: dict[object, list[ActionResult]] = {}
    for result in results:
        same = (result.registry, result.status, result.reason, result.failure, result.remarks)
        groups.setdefault(same, []).append(result)
    return groups.values()


def _results(
    alike: list[ActionResult], made: Mapping[tuple[str, str], str | None], paint: Paint
) -> Iterator[str]:
    """Results that say the same: a line, and why, where there is something to say.

    ``made``: what each create is sent as.
    """
    first = alike[0]
    style = "add" if first.status == "done" else "error" if is_bad(first) else "dim"
    if len(alike) == 1:
        sent_as = first.status != "done" and made.get((first.registry, first.key)) == first.id
        word = "as" if sent_as else "id"
        known = f" ({word} {safe(first.id)})" if first.id and first.id != first.name else ""
        name = known_as(first.resource, first.name)
        yield paint(f"{first.registry}: {name}{known}: {first.status}", style)
    else:
        names = names_text(known_as(result.resource, result.name) for result in alike)
        yield paint(f"{first.registry}: {len(alike)} {first.status}: {names}", style)
    if first.reason:
        yield f"    {safe(first.reason.removeprefix(f'{first.registry}: '))}"
    if first.failure is not None:
        said = first.failure.message in (first.reason or "")
        yield from failure_lines(
            first.failure, paint, registry=first.registry, indent="    ", message=not said
        )
    for remark in first.remarks:
        yield f"    {safe(remark)}"


def failure_lines(
    failure: Failure, paint: Paint = plain, *, registry: str, indent: str = "", message: bool = True
) -> Iterator[str]:
    """A failure, below the name of its ``registry``: what happened, which request, how to fix it."""
    if message:
        text = safe(failure.message.removeprefix(f"{registry}: "))
        yield paint(f"{indent}error ({failure.code}): {text}", "error")
    if failure.request and failure.request not in failure.message:
        yield f"{indent}  {safe(failure.request)}"
    if failure.hint:
        yield f"{indent}  {safe(failure.hint)}"


def names_text(names: Iterable[str]) -> str:
    """The first of ``names``, which are safe already, and how many more there are."""
    every = list(names)
    rest = len(every) - NAMES_SHOWN
    return ", ".join(every[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
