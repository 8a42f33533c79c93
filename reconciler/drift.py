"""A plan beside what was last applied -> what moved since: the registry, the manifests, or both. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from reconciler.desired import Desired
from reconciler.diff import declared_value, is_blind
from reconciler.errors import ExitCode
from reconciler.journal.applied import Applied, Moment
from reconciler.manifests.problems import dotted
from reconciler.plan import (
    Action,
    Change,
    Failure,
    LeftAlone,
    Made,
    Plan,
    RegistryPlan,
    Scope,
    Shown,
    digest_of,
    key_of,
)
from reconciler.refusal import PlanPlace, Refusal
from reconciler.registries.codecs import Value
from reconciler.registries.interface import LiveObject, Observation
from reconciler.registries.rows import Field

FORMAT: Final = 1
"""The version of the document."""

Key = tuple[str, str]
"""A registry, and the key of an object in it."""

Verdict = Literal["registry", "git", "both", "unknown"]
State = Literal["differs", "absent", "not compared"]

NOTHING_KNOWN: Final = "no commit here says what was applied last; --since REV names one"


@dataclass(frozen=True, slots=True)
class Moved:
    """One field that is not live as it is declared, and which of the two moved since it was last applied.

    ``applied`` is the value then, None where that is not known.
    """

    path: str
    verdict: Verdict
    applied: Shown | None
    declared: Shown
    live: Shown
    place: PlanPlace | None
    since: Moment | None = None
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One manifest whose object is not as declared.

    ``state``: its fields differ; it is absent; or no object could be compared with it. ``updated`` is the
    registry's own time of the last change of the object. ``since`` is when it was last known to be there as
    declared; ``reason`` says why a verdict is `unknown`. ``refusals`` are why an apply would not bring it
    about.
    """

    registry: str
    resource: str
    name: str
    id: str | None
    state: State
    verdict: Verdict
    place: PlanPlace
    updated: str | None = None
    since: Moment | None = None
    reason: str | None = None
    fields: tuple[Moved, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_drift(self) -> bool:
        """Whether the registry moved, or nobody can tell."""
        return self.state != "not compared" and self.verdict != "git"


@dataclass(frozen=True, slots=True)
class NotVerified:
    """A declared field that never reads back, and the manifests of one resource that declare it."""

    path: str
    names: tuple[str, ...]
    resource: str = "Model"


@dataclass(frozen=True, slots=True)
class RegistryDrift:
    """One registry's part. With ``failure`` it could not be read, and nothing is said of it. ``in_part``: as
    in a plan."""

    name: str
    kind: str
    target: str
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()
    as_declared: int = 0
    not_verified: tuple[NotVerified, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()
    vendor_owned: int = 0
    in_part: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """The whole. ``since`` is the commit that was given as the last applied one."""

    registries: tuple[RegistryDrift, ...]
    since: str | None = None
    notes: tuple[str, ...] = ()
    made: Made | None = None
    scope: Scope = field(default_factory=Scope)
    apiVersion: Literal["reconciler/v1"] = "reconciler/v1"  # noqa: N815 - the field's name is given
    kind: Literal["Drift"] = "Drift"
    format: int = FORMAT

    @property
    def findings(self) -> list[Finding]:
        return [finding for registry in self.registries for finding in registry.findings]

    @property
    def failed(self) -> bool:
        return any(registry.failure for registry in self.registries)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was last applied of one object.

    ``moment`` is when it was as ``declared``, which is None where it was not declared then; ``moment`` is
    None where no commit tells, and ``reason`` says why. ``applied`` is what the journal has.
    """

    moment: Moment | None = None
    declared: Desired | None = None
    applied: Applied = field(default_factory=Applied)
    reason: str = NOTHING_KNOWN


def find_drift(
    plan: Plan,
    desired: Iterable[Desired],
    observed: Mapping[str, object],
    baselines: Mapping[Key, Baseline],
    *,
    since: str | None = None,
) -> Drift:
    """What of ``plan`` has moved since it was last applied.

    ``desired`` and ``observed`` are what the plan was made from; ``baselines`` what was last applied, of
    every object for which the plan has something to do.
    """
    by_key = {(one.registry, key_of(one.manifest.resource, one.name)): one for one in desired}
    parts = []
    for part in plan.registries:
        seen = observed[part.name]
        objects = {live.ref: live for live in seen.objects} if isinstance(seen, Observation) else {}
        findings = []
        for action in part.actions:
            if action.operation != "none":
                key = (part.name, action.key)
                live = None if action.id is None else objects.get((action.resource, action.id))
                findings.append(_finding(action, by_key[key], live, baselines.get(key, Baseline())))
        parts.append(_part(part, findings))
    return Drift(tuple(parts), since, plan.notes, plan.made, plan.scope)


def exit_code(drift: Drift, *, drift_counts: bool) -> ExitCode:
    """The exit code of a run. ``drift_counts``: `--exit-code` was given."""
    if drift.failed:
        return ExitCode.ERROR
    if any(finding.state == "not compared" for finding in drift.findings):
        return ExitCode.REFUSED
    if drift_counts and any(finding.is_drift for finding in drift.findings):
        return ExitCode.CHANGES
    return ExitCode.OK


def verdict_of(*, was_declared: bool, was_live: bool) -> Verdict:
    """Who moved, of two that differ: whether what was last applied is still declared, and still live."""
    if was_declared:
        return "registry"
    return "git" if was_live else "both"


def whole_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict over an object from those over its fields; `git` where there are none."""
    found = set(verdicts)
    if "both" in found or {"registry", "git"} <= found:
        return "both"
    return next((one for one in ("registry", "unknown", "git") if one in found), "git")


def _part(part: RegistryPlan, findings: Iterable[Finding]) -> RegistryDrift:
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for action in part.actions:
        if action.operation in ("none", "update"):
            for path in action.unverified:
                names[path, action.resource].append(action.name)
    return RegistryDrift(
        part.name,
        part.kind,
        part.target,
        part.failure,
        tuple(findings),
        sum(action.operation == "none" for action in part.actions),
        tuple(NotVerified(path, tuple(some), kind) for (path, kind), some in sorted(names.items())),
        part.left_alone,
        part.vendor_owned,
        part.in_part,
    )


def _finding(action: Action, now: Desired, live: LiveObject | None, base: Baseline) -> Finding:
    def finding(state: State, verdict: Verdict, **more: object) -> Finding:
        return Finding(
            registry=action.registry,
            resource=action.resource,
            name=action.name,
            id=action.id,
            state=state,
            verdict=verdict,
            place=action.place,
            refusals=action.refusals,
            notes=action.notes,
            **more,  # type: ignore[arg-type]
        )

    if action.operation == "create" or (live is None and action.changes):
        verdict, since = _absent(base)
        return finding("absent", verdict, since=since, reason=_reason(base) if verdict == "unknown" else None)
    if live is None or now.table is None:
        return finding("not compared", "unknown", reason=action.refusals[0].message)
    fields = tuple(_moved(change, now, live, base) for change in action.changes)
    verdict = whole_verdict(each.verdict for each in fields)
    unknown = any(each.verdict == "unknown" for each in fields)
    return finding(
        "differs",
        verdict,
        fields=fields,
        updated=now.table.updated_at(live.raw),
        since=next((each.since for each in fields if each.since), None),
        reason=_reason(base) if unknown else None,
    )


def _reason(base: Baseline) -> str:
    return base.applied.doubt or base.reason


def _absent(base: Baseline) -> tuple[Verdict, Moment | None]:
    """Who moved where a declared object is not there."""
    applied = base.applied
    if applied.doubt is not None:
        return "unknown", None
    if applied.there is not None:
        return "registry", applied.there
    if base.moment is None:
        return "unknown", None
    # What was declared, and as declared, was there.
    return ("git" if base.declared is None else "registry"), base.moment


def _moved(change: Change, now: Desired, live: LiveObject, base: Baseline) -> Moved:
    verdict, applied, since = _who(change, now, live, base)
    return Moved(
        change.path, verdict, applied, change.desired, change.live, change.place, since, change.details
    )


def _who(
    change: Change, now: Desired, live: LiveObject, base: Baseline
) -> tuple[Verdict, Shown | None, Moment | None]:
    """Who moved, what was applied, and when."""
    if base.applied.doubt is not None:
        return "unknown", None, None
    sent = base.applied.sent.get(change.path)
    # What the commit's own run has sent, the commit tells better: in normal forms.
    if sent is not None and (base.moment is None or sent.moment != base.moment):
        was = sent.field.desired
        declared = alike(was, change.desired)
        return verdict_of(was_declared=declared, was_live=alike(was, change.live)), was, sent.moment
    if base.moment is None:
        return "unknown", None, None
    item, value = next(each for path, each in now.fields.items() if dotted(path) == change.path)
    then = base.declared
    same = then is not None and then.table is not None and then.table.variant == live.variant
    found = _at(then, item) if then is not None and same else None
    if then is None or found is None:
        return "git", None, base.moment  # nobody declared it of such an object then
    path, old, was_value = found
    verdict = verdict_of(
        was_declared=old.wanted(was_value) == item.wanted(value), was_live=_reads(old, was_value, live)
    )
    return verdict, declared_value(then, path), base.moment


def _at(desired: Desired, item: Field) -> tuple[tuple[str, ...], Field, Value] | None:
    """What is declared at the point of ``item``: it may have been written as its native twin."""
    for path, (each, value) in desired.fields.items():
        if each.points[0].path == item.points[0].path:
            return path, each, value
    return None


def _reads(item: Field, value: Value, live: LiveObject) -> bool:
    """Whether ``value`` is what is live. Of what does not read back, at least that something is."""
    if is_blind(item, value, ()):
        return value is not None and any(point.path in live.hidden for point in item.points)
    return bool(item.read(live.raw) == item.wanted(value))


def alike(one: Shown, other: Shown) -> bool:
    """Whether two values mean the same: numbers and prices by their value."""
    if one.price is not None and other.price is not None:
        return bool(one.price == other.price)
    return one.form == other.form and digest_of(one.value) == digest_of(other.value)
