"""Plans and outcomes for a terminal: one line per resource, its changes beneath it, then the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from reconciler.outcome import ActionResult, Outcome, Status
from reconciler.plan import Action, Change, Failure, Plan, RegistryPlan, canonical
from reconciler.report.safe import safe
from reconciler.report.values import change_text, value_text

Paint = Callable[[str, str], str]
"""``paint(text, style)`` with style one of add, change, refuse, error, dim, bold."""

NAMES_SHOWN = 8
_SIGNS = {"create": ("+", "add"), "update": ("~", "change"), "refused": ("!", "refuse"), "none": ("=", "dim")}


def plain(text: str, style: str) -> str:
    """No colours."""
    del style
    return text


def plan_text(plan: Plan, *, verbose: bool = False, paint: Paint = plain) -> str:
    """The whole plan. ``verbose`` adds unchanged resources, wire values and unmanaged fields."""
    lines: list[str] = []
    for registry in plan.registries:
        lines += [*_registry(registry, verbose=verbose, paint=paint), ""]
    lines += [paint(f"note: {safe(note)}", "dim") for note in plan.notes]
    lines.append(paint(totals(plan), "bold"))
    lines.append(paint(f"Plan digest: {plan.digest}", "dim"))
    return "\n".join(lines)


def totals(plan: Plan) -> str:
    """One line that counts what would happen."""
    counts = Counter(action.operation for action in plan.actions())
    if not counts and plan.failed:
        return "No plan: no registry could be read."
    parts = [
        f"{counts['create']} to create",
        f"{counts['update']} to update",
        f"{counts['refused']} refused",
        f"{counts['none']} unchanged",
    ]
    if not (counts["create"] or counts["update"] or counts["refused"]):
        text = f"No changes: {counts['none']} as declared."
    else:
        text = f"Plan: {', '.join(parts)}."
    unread = sum(registry.failure is not None for registry in plan.registries)
    return f"{text} {_count(unread, 'registry', 'registries')} could not be read." if unread else text


def _registry(registry: RegistryPlan, *, verbose: bool, paint: Paint) -> Iterator[str]:
    yield paint(f"{registry.name}  ({registry.kind}, {safe(registry.target)})", "bold")
    if registry.failure is not None:
        yield from failure_lines(registry.failure, paint, indent="  ")
        return
    for action in registry.actions:
        if action.operation != "none" or verbose or action.notes:
            yield from _action(action, verbose=verbose, paint=paint)
    unchanged = sum(action.operation == "none" for action in registry.actions)
    if unchanged and not verbose:
        yield paint(f"  = {unchanged} unchanged", "dim")
    if not registry.actions:
        yield paint("  no manifest is for this registry", "dim")
    for held in registry.not_held:
        yield f"  not held: {safe(held.path)} ({_names(held.names)})"
    yield from _left_alone(registry, paint)
    unmanaged = sum(bool(action.unmanaged) for action in registry.actions)
    if unmanaged and not verbose:
        text = f"  not managed: {_count(unmanaged, 'model has', 'models have')} fields that are set live"
        yield paint(f"{text} and not declared (-v lists them)", "dim")


def _left_alone(registry: RegistryPlan, paint: Paint) -> Iterator[str]:
    if registry.left_alone:
        names = _names([live.id for live in registry.left_alone])
        yield f"  left alone: {_count(len(registry.left_alone), 'model', 'models')} of yours ({names})"
    if registry.vendor_owned:
        yield paint(
            f"  left alone: {_count(registry.vendor_owned, 'built-in model', 'built-in models')}", "dim"
        )


def _action(action: Action, *, verbose: bool, paint: Paint) -> Iterator[str]:
    sign, style = _SIGNS[action.operation]
    live = f"  (id {safe(action.id)})" if action.id and action.id != action.name else ""
    yield paint(f"  {sign} {safe(action.name)}{live}", style)
    for refusal in action.refusals:
        yield paint(f"      refused ({refusal.code}): {safe(refusal.message)}", "refuse")
        if refusal.fix:
            yield f"        {safe(refusal.fix)}"
        if refusal.acknowledge:
            yield "        in acknowledgements.yaml:"
            yield from (f"          {line}" for line in refusal.acknowledge.splitlines())
    for note in action.notes:
        yield f"      note: {safe(note)}"
    creating = all(change.live.form == "unset" for change in action.changes) and not action.rests_on
    for change in action.changes:
        yield from _change(change, creating=creating, verbose=verbose, paint=paint)
    shown_paths = {change.path for change in action.changes}
    hidden = [path for path in action.unverified if path not in shown_paths]
    if hidden and (verbose or action.operation != "none"):
        yield paint(f"      not verified (write-only): {', '.join(safe(path) for path in hidden)}", "dim")
    if verbose:
        for field in action.unmanaged:
            yield paint(f"      not managed: {safe(field.path)} (stays {value_text(field.live)})", "dim")


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


def outcome_text(outcome: Outcome, *, paint: Paint = plain) -> str:
    """What happened, failures last so that they are what stays on the screen."""
    lines = [line for result in outcome.results if _is_bad(result) for line in result_lines(result, paint)]
    counts = Counter(result.status for result in outcome.results)
    parts = [f"{counts[status]} {status}" for status in get_args(Status) if counts[status]]
    head = "Interrupted" if outcome.interrupted else "Apply"
    lines.append(paint(f"{head}: {', '.join(parts) or 'nothing to do'}.", "bold"))
    return "\n".join(lines)


def _is_bad(result: ActionResult) -> bool:
    return result.status in ("failed", "unproven", "skipped", "stale")


def result_lines(result: ActionResult, paint: Paint = plain) -> Iterable[str]:
    """One result: a line, and why, where there is something to say."""
    style = "add" if result.status == "done" else "error" if _is_bad(result) else "dim"
    known = f" (id {safe(result.id)})" if result.id and result.id != result.name else ""
    yield paint(f"{result.registry}: {safe(result.name)}{known}: {result.status}", style)
    if result.reason:
        yield f"    {safe(result.reason)}"
    if result.failure is not None:
        yield from failure_lines(
            result.failure, paint, indent="    ", message=result.failure.message != result.reason
        )
    for remark in result.remarks:
        yield f"    {safe(remark)}"


def failure_lines(
    failure: Failure, paint: Paint = plain, *, indent: str = "", message: bool = True
) -> Iterator[str]:
    """A failure: what happened, which request, how to fix it."""
    if message:
        yield paint(f"{indent}error ({failure.code}): {safe(failure.message)}", "error")
    if failure.request:
        status = f" -> {failure.status}" if failure.status else ""
        request_id = f" (request id {safe(failure.request_id)})" if failure.request_id else ""
        yield f"{indent}  {safe(failure.request)}{status}{request_id}"
    if failure.hint:
        yield f"{indent}  {safe(failure.hint)}"


def _names(names: Iterable[str]) -> str:
    every = [safe(name) for name in names]
    rest = len(every) - NAMES_SHOWN
    return ", ".join(every[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
