"""The journal for people and for programs: the list of runs, and one run in full."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from reconciler.errors import JournalError
from reconciler.journal.reading import Run
from reconciler.journal.records import Intent
from reconciler.outcome import ActionResult, Status
from reconciler.plan import Change
from reconciler.report.documents import API_VERSION
from reconciler.report.paint import Paint, plain
from reconciler.report.proof import proof_text
from reconciler.report.safe import safe
from reconciler.report.text import failure_lines
from reconciler.report.values import change_text, value_text

_SHORT = 12
"""Characters of a digest or a commit that a list shows."""

_STANDING = {"under way": "under way", "unknown": "did not end, or is still under way"}

_SIGNS = {"create": ("+", "add"), "update": ("~", "change")}


def history_text(runs: Sequence[Run], unreadable: Sequence[JournalError], *, paint: Paint = plain) -> str:
    """One line for each run, the newest first; then the files that cannot be read."""
    lines = [_line(run, paint) for run in runs]
    lines += [paint(f"not read: {safe(error.message)}", "error") for error in unreadable]
    return "\n".join(lines or ["No apply is recorded here."])


def _line(run: Run, paint: Paint) -> str:
    begin = run.begin
    parts = [paint(run.id, "bold"), begin.at, safe(begin.actor.name), _commit(run, short=True)]
    parts += [f"plan {begin.plan[:_SHORT]}", *([f"shard {safe(begin.shard)}"] if begin.shard else [])]
    parts.append(f"{_counts(run)}, {_ended(run)}")
    return "  ".join(parts)


def _commit(run: Run, *, short: bool) -> str:
    commit = run.begin.commit
    if commit is None:
        return "no commit"
    text = safe(commit[:_SHORT] if short else commit)
    return f"{text}+changes" if run.begin.dirty else text


def _counts(run: Run) -> str:
    counts = Counter(result.status for result in run.results.values())
    parts = [f"{counts[status]} {status}" for status in get_args(Status) if counts[status]]
    if run.open:
        parts.append(f"{len(run.open)} without a result")
    return ", ".join(parts) or "nothing done"


def _ended(run: Run) -> str:
    if run.end is None:
        return _STANDING.get(run.standing, "did not end")
    return f"exit code {run.end.exit_code}{', interrupted' if run.end.interrupted else ''}"


def run_text(run: Run, *, paint: Paint = plain) -> str:
    """One run: who, from what, every action with its changes and what became of it, the proof."""
    return "\n".join([*_head(run, paint), "", *_body(run, paint)]).rstrip("\n")


def _head(run: Run, paint: Paint) -> Iterator[str]:
    begin = run.begin
    who = f"{begin.actor.name} on {begin.actor.host} (pid {begin.actor.pid})"
    yield paint(f"run {run.id}", "bold")
    yield f"  at        {begin.at}, reconciler {safe(begin.tool)}"
    yield f"  by        {safe(who)}{f', {safe(begin.actor.url)}' if begin.actor.url else ''}"
    yield f"  commit    {_commit(run, short=False)}"
    yield f"  plan      {safe(begin.plan)}{f', shard {safe(begin.shard)}' if begin.shard else ''}"
    for written in begin.registries:
        yield f"  registry  {safe(written.name)} ({safe(written.kind)}, {safe(written.target)})"
    yield f"  ended     {run.end.at + ', ' if run.end else ''}{_ended(run)}; {_counts(run)}"
    if run.end is not None and run.end.error:
        yield f"            {safe(run.end.error)}"
    if run.end is not None and run.end.settles:
        yield f"  settled   {', '.join(map(safe, run.end.settles))}, which had not ended"
    if run.torn:
        yield "  the last line was cut off while it was written"


def _body(run: Run, paint: Paint) -> Iterator[str]:
    for key, intent in run.intents.items():
        yield from _intent(intent, run.results.get(key), paint)
    for key, result in run.results.items():
        if key not in run.intents:
            yield from _result(
                f"{safe(result.registry)}: {_name(result.resource, result.name)}", result, paint
            )
    proof = proof_text(run.proofs, paint=paint)
    if proof:
        yield ""
        yield proof


def _name(resource: str, name: str) -> str:
    return safe(name) if resource == "Model" else f"{resource.lower()} {safe(name)}"


def _intent(intent: Intent, result: ActionResult | None, paint: Paint) -> Iterator[str]:
    sign, style = _SIGNS.get(intent.operation, ("?", "dim"))
    head = paint(f"{sign} {safe(intent.registry)}: {_name(intent.resource, intent.name)}", style)
    if result is None:
        yield f"{head}: {paint('no result: it may or may not have been sent', 'error')}"
    else:
        yield from _result(head, result, paint)
    for field in intent.changes:
        if intent.operation == "create":
            yield f"    {safe(field.path)}: {value_text(field.desired)}"
        else:
            change = Change(field.path, field.live, field.desired, None, None, field.wire)
            yield f"    {safe(field.path)}: {change_text(change)}"


def _result(head: str, result: ActionResult, paint: Paint) -> Iterator[str]:
    known = f" (id {safe(result.id)})" if result.id and result.id != result.name else ""
    ids = f"  [{', '.join(map(safe, result.request_ids))}]" if result.request_ids else ""
    yield f"{head}{known}: {result.status}{ids}"
    if result.reason:
        yield f"    {safe(result.reason)}"
    if result.failure is not None:
        said = result.failure.message in (result.reason or "")
        yield from failure_lines(
            result.failure, paint, registry=result.registry, indent="    ", message=not said
        )
    for remark in result.remarks:
        yield f"    {safe(remark)}"


def history_document(runs: Sequence[Run], unreadable: Sequence[JournalError]) -> dict[str, Any]:
    """What `history -o json` ends with."""
    return {
        "apiVersion": API_VERSION,
        "kind": "History",
        "exit_code": 0,
        "runs": [_summary(run) for run in runs],
        "unreadable": [error.message for error in unreadable],
    }


def run_document(run: Run) -> dict[str, Any]:
    """What `history show -o json` ends with."""
    keys = [*run.intents, *(key for key in run.results if key not in run.intents)]
    return {
        "apiVersion": API_VERSION,
        "kind": "Run",
        **_summary(run),
        "exit_code": 0,
        "actions": [_action(run, key) for key in keys],
        "proof": [dataclasses.asdict(proof) for proof in run.proofs],
    }


def _summary(run: Run) -> dict[str, Any]:
    begin, end = dataclasses.asdict(run.begin), run.end
    left_out = {"record", "format"}
    return {
        **{key: value for key, value in begin.items() if key not in left_out},
        "ended": None if end is None else end.at,
        "ended_with": None if end is None else end.exit_code,
        "standing": run.standing,
        "interrupted": end is not None and end.interrupted,
        "error": None if end is None else end.error,
        "settles": [] if end is None else list(end.settles),
        "counts": dict(Counter(result.status for result in run.results.values())),
        "without_result": len(run.open),
    }


def _action(run: Run, key: tuple[str, str]) -> dict[str, Any]:
    intent, result = run.intents.get(key), run.results.get(key)
    either: Any = intent or result
    return {
        "registry": either.registry,
        "resource": either.resource,
        "name": either.name,
        "operation": None if intent is None else intent.operation,
        "digest": None if intent is None else intent.digest,
        "changes": [] if intent is None else [dataclasses.asdict(field) for field in intent.changes],
        "result": None if result is None else dataclasses.asdict(result),
    }
