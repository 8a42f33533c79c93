"""The plans and the outcome reports of a run's shards, joined into one. Pure.

What is joined must be of one run, whole, and each part there once: else MergeError says what is wrong. The
order is that of the whole plan, so that what is joined reads as if one process had made it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from reconciler import __version__
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.outcome import ActionResult, Left, Outcome, Proof, apply_exit_code, plan_exit_code
from reconciler.plan import Made, Plan, Portion, RegistryPlan, ShardOf, plan_digest
from reconciler.planfile import PlanFileError, plan_in, read_bytes, read_object, read_plan, seal_fits
from reconciler.refusal import Refusal
from reconciler.sharding import MOST

T = TypeVar("T")

_NAMES_SHOWN: Final = 8
_HINT: Final = "give all that the shards of one run wrote: plan --out FILE, or apply -o json"
UNTOLD: Final = (
    "nothing says that these shards are of one run, and not one of them of an older one: "
    "give all shards of a run the same --run"
)
"""What is said of reports that have no id of a run."""

_WORST_FIRST: Final = (
    *(ExitCode.PARTIAL, ExitCode.SIGTERM, ExitCode.SIGINT, ExitCode.ERROR),
    *(ExitCode.STALE, ExitCode.REFUSED, ExitCode.CHANGES, ExitCode.OK),
)
_READS: Final = ("failed", "interrupted", "again", "before", "left-out")
"""What a registry's proof says of its read, the worst first."""


class MergeError(ReconcilerError):
    """Files that are not the shards of one run, or not all of them."""

    code = "merge"


@dataclass(frozen=True, slots=True)
class Part:
    """The file of one shard. ``outcome`` is None of a plan that was not applied; ``run`` is its record in
    the journal of where it ran."""

    file: str
    plan: Plan
    shard: ShardOf
    code: ExitCode
    outcome: Outcome | None = None
    proofs: tuple[Proof, ...] = ()
    run: str | None = None

    def __str__(self) -> str:
        return f"shard {self.shard} ({self.file})"

    @property
    def portions(self) -> Mapping[str, Portion]:
        return {portion.registry: portion for portion in self.shard.portions}

    @property
    def plans(self) -> Mapping[str, RegistryPlan]:
        return {part.name: part for part in self.plan.registries}


@dataclass(frozen=True, slots=True)
class Joined:
    """The shards of one run as one; ``outcome`` is None where they only planned."""

    parts: tuple[Part, ...]
    plan: Plan
    code: ExitCode
    outcome: Outcome | None = None
    proofs: tuple[Proof, ...] = ()


def read_part(path: Path, shown_as: str) -> Part:
    """The file of one shard. Raises PlanFileError or MergeError where it is none."""
    data = read_bytes(path, shown_as, hint=_HINT)
    document = read_object(data, shown_as, what="plan and no outcome", hint=_HINT)
    kind = document.get("kind")
    if kind == "Error":
        error = document.get("error")
        told = error.get("message") if isinstance(error, dict) else None
        raise MergeError(f"{shown_as}: its run failed: {str(told)[:500]}", hint="run that shard again")
    code = _code(document, shown_as)
    if kind == "Plan":
        plan = read_plan(data, shown_as)
        return Part(shown_as, plan, _shard_of(plan, shown_as), code)
    if kind != "Outcome":
        raise MergeError(f"{shown_as}: this is neither a plan nor the outcome of an apply", hint=_HINT)
    return _outcome_part(document, shown_as, code)


def _code(document: Mapping[str, Any], shown_as: str) -> ExitCode:
    found = document.get("exit_code")
    if type(found) is not int or found not in set(ExitCode):
        raise MergeError(f"{shown_as}: it has no exit code", hint=_HINT)
    return ExitCode(found)


def _shard_of(plan: Plan, shown_as: str) -> ShardOf:
    if plan.shard is None:
        raise MergeError(f"{shown_as}: it is whole, and no shard of anything", hint=_HINT)
    if not 1 <= plan.shard.number <= plan.shard.count <= MOST:
        raise MergeError(f"{shown_as}: there is no shard {plan.shard}")
    return plan.shard


def _outcome_part(document: Mapping[str, Any], shown_as: str, code: ExitCode) -> Part:
    inner = document.get("plan")
    if not isinstance(inner, dict) or inner.get("shard") is None:
        raise MergeError(f"{shown_as}: it is whole, and no shard of anything", hint=_HINT)
    if not seal_fits(document, shown_as):
        raise MergeError(
            f"{shown_as}: it was changed after it was written: its contents do not fit its integrity"
        )
    plan = plan_in(inner, shown_as)
    try:
        outcome: Outcome = _reader(Outcome).validate_python(document.get("outcome"))
        proofs: tuple[Proof, ...] = _reader(tuple[Proof, ...]).validate_python(document.get("proof"))
    except (ValueError, RecursionError):
        raise PlanFileError(f"{shown_as}: it does not read as an outcome") from None
    run = document.get("run")
    shard = _shard_of(plan, shown_as)
    return Part(shown_as, plan, shard, code, outcome, proofs, run if isinstance(run, str) else None)


@cache
def _reader(kind: Any) -> Any:
    from pydantic import TypeAdapter  # noqa: PLC0415 - late: building it takes a while

    return TypeAdapter(kind)


def join(parts: Iterable[Part]) -> Joined:
    """All shards of one run as one. Raises MergeError where they are not that."""
    parts = tuple(sorted(parts, key=lambda part: part.shard.number))
    _check_run(parts)
    _check_complete(parts)
    plan = _plan(parts)
    if parts[0].outcome is None:
        _check_plans(parts, plan)
        changes = any(part.code is ExitCode.CHANGES for part in parts)
        return Joined(parts, plan, _worst(parts, plan_exit_code(plan, changes_count=changes)))
    outcome = _outcome(parts, plan)
    proofs = tuple(_proofs(parts, plan)) if outcome.written else ()
    signal = next((p.code for p in parts if p.code in (ExitCode.SIGINT, ExitCode.SIGTERM)), ExitCode.SIGINT)
    code = apply_exit_code(plan, outcome, proofs, signal=signal)
    return Joined(parts, plan, _worst(parts, code), outcome, proofs)


def _worst(parts: Sequence[Part], code: ExitCode) -> ExitCode:
    """The worst of what each shard ended with and of what all of it together is."""
    return min((code, *(part.code for part in parts)), key=_WORST_FIRST.index)


# ---- what may be joined


def _check_run(parts: Sequence[Part]) -> None:
    """Whether all are shards of one run. Raises MergeError."""
    _same(parts, "is a plan, and that is an outcome", lambda part: part.outcome is None)
    _same(parts, "is one of another number of shards", lambda part: part.shard.count)
    _same(parts, "was made by another version of reconciler", lambda part: part.plan.tool)
    _same(parts, "was made from another git commit", lambda part: part.plan.made and part.plan.made.commit)
    _same(parts, "was asked for something else (--registry, --only, --except)", lambda part: part.plan.scope)
    _same(parts, "is of another run: the id that it was given is another one", _run)
    _same(parts, "is of another run: what is declared, or its plan file, is not the same", _of)
    busy = [part for part in parts if part.shard.portions]
    _same(busy, "is about other registries", lambda part: part.shard.registries)
    count = parts[0].shard.count
    for number, times in sorted(Counter(part.shard.number for part in parts).items()):
        if times > 1:
            files = " and ".join(part.file for part in parts if part.shard.number == number)
            raise MergeError(f"shard {number}/{count} is there more than once: {files}")
    there = {part.shard.number for part in parts}
    missing = [str(number) for number in range(1, count + 1) if number not in there]
    if missing:
        more = f" and {len(missing) - _NAMES_SHOWN} more" if len(missing) > _NAMES_SHOWN else ""
        which = f"{', '.join(missing[:_NAMES_SHOWN])}{more}"
        message = f"of {count} shards, {which} {'is' if len(missing) == 1 else 'are'} missing"
        raise MergeError(message, hint="run what is missing again; a part of a run is not joined")


def _of(part: Part) -> str:
    return part.shard.of


def _run(part: Part) -> str | None:
    return part.shard.run


def _same(parts: Sequence[Part], what: str, told: Callable[[Part], Hashable]) -> None:
    """Raises MergeError for the first part of which ``told`` says something else than of the first one."""
    for part in parts[1:]:
        if told(part) != told(parts[0]):
            raise MergeError(f"{part} does not go with {parts[0]}: it {what}", hint=_HINT)


def _owners(parts: Sequence[Part], registry: str) -> list[Part]:
    """Those that have any of ``registry`` and could read it."""
    return [
        part
        for part in parts
        if registry in part.portions
        and not (part.plans[registry].failure is not None and not part.portions[registry].actions)
    ]


def _check_complete(parts: Sequence[Part]) -> None:
    """Whether every action of the whole is in exactly one part. Raises MergeError."""
    for part in parts:
        known = [portion.registry for portion in part.shard.portions]
        counts = [len(portion.at) for portion in part.shard.portions]
        have = [(each.name, len(each.actions)) for each in part.plan.registries]
        if have != list(zip(known, counts, strict=True)) or not set(known) <= set(part.shard.registries):
            raise MergeError(f"{part}: it contradicts itself about what is in it")
    for registry in _registries(parts):
        if not any(registry in part.portions for part in parts):
            raise MergeError(f"no shard has any of registry '{registry}'", hint=_HINT)
        owners = _owners(parts, registry)
        _same(owners, f"has '{registry}' elsewhere", partial(_target, registry))
        _same(owners, f"knows other actions of '{registry}'", partial(_known, registry))
        found = sorted(index for part in owners for index in part.portions[registry].at)
        # Where one could not read it, its own part is not known.
        whole = len(owners) == sum(registry in part.portions for part in parts)
        if len(set(found)) != len(found):
            raise MergeError(f"two shards have the same action of registry '{registry}'", hint=_HINT)
        every = owners[0].portions[registry].actions if owners else 0
        if whole and (len(found) != every or found != list(range(every))):
            raise MergeError(f"an action of registry '{registry}' is in no shard", hint=_HINT)


def _target(registry: str, part: Part) -> tuple[str, str]:
    found = part.plans[registry]
    return found.kind, found.target


def _known(registry: str, part: Part) -> int:
    return part.portions[registry].actions


def _registries(parts: Sequence[Part]) -> Sequence[str]:
    return next((part.shard.registries for part in parts if part.shard.portions), ())


def _check_plans(parts: Sequence[Part], plan: Plan) -> None:
    """Whether the parts are of one plan: made at other moments, they may be of several. Raises MergeError."""
    for part in parts:
        for each in part.plan.registries:
            if each.failure is not None and _owners(parts, each.name):
                raise MergeError(f"{part} could not read '{each.name}': {each.failure.message}")
    hint = "what is live moved between the plans: plan again, or plan once and give each shard the file"
    busy = [part for part in parts if part.shard.portions]
    for part in busy[1:]:
        if part.shard.digest != busy[0].shard.digest:
            digests = f"{part.shard.digest[:12]}… and not {busy[0].shard.digest[:12]}…"
            raise MergeError(f"{part} is of another plan than {busy[0]}: its digest is {digests}", hint=hint)
    if busy and plan.digest != busy[0].shard.digest:
        raise MergeError("the shards together are not the plan that each is said to be a part of", hint=_HINT)


# ---- joining


def _plan(parts: Sequence[Part]) -> Plan:
    registries = tuple(_registry(parts, name) for name in _registries(parts))
    first = parts[0].plan
    # Plans are of one whole by its digest. Reports of an apply may be right, and of yesterday.
    untold = parts[0].outcome is not None and parts[0].shard.run is None and len(parts) > 1
    return replace(
        first,
        registries=registries,
        digest=plan_digest(registries),
        notes=_once([*(note for part in parts for note in part.plan.notes), *([UNTOLD] if untold else [])]),
        made=_made(parts),
        refusals=_refusals(part.plan.refusals for part in parts),
        tool=__version__,
        shard=None,
    )


def _registry(parts: Sequence[Part], name: str) -> RegistryPlan:
    every = [part.plans[name] for part in parts if name in part.portions]
    owners = _owners(parts, name)
    placed = sorted(
        (
            (index, action)
            for part in owners
            for index, action in zip(part.portions[name].at, part.plans[name].actions, strict=True)
        ),
        key=lambda entry: entry[0],
    )
    head = owners[0].plans[name] if owners else every[0]
    return replace(
        head,
        failure=next((part.failure for part in every if part.failure is not None), None),
        actions=tuple(action for _, action in placed),
        warnings=_once(warning for part in every for warning in part.warnings),
        refusals=_refusals(part.refusals for part in every),
    )


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _refusals(found: Iterable[Sequence[Refusal]]) -> tuple[Refusal, ...]:
    """Each once: what refuses all of it stands in every part."""
    return tuple({refusal.code: refusal for refusals in found for refusal in refusals}.values())


def _made(parts: Sequence[Part]) -> Made | None:
    """When the first of them was made."""
    every = [part.plan.made for part in parts if part.plan.made is not None]
    return min(every, key=lambda made: made.at) if every else None


def _outcome(parts: Sequence[Part], plan: Plan) -> Outcome:
    results: dict[tuple[str, str], ActionResult] = {}
    outcomes = [(part, part.outcome) for part in parts if part.outcome is not None]
    for part, outcome in outcomes:
        wanted = [(action.registry, action.key) for action in part.plan.actions()]
        if [(result.registry, result.key) for result in outcome.results] != wanted:
            raise MergeError(f"{part}: its results are not those of its actions")
        results.update(zip(wanted, outcome.results, strict=True))
    interrupted = any(outcome.interrupted for _, outcome in outcomes)
    unexpected = next((each.unexpected for _, each in outcomes if each.unexpected is not None), None)
    every = tuple(results[action.registry, action.key] for action in plan.actions())
    return Outcome(every, interrupted, unexpected)


def _proofs(parts: Sequence[Part], plan: Plan) -> Iterator[Proof]:
    """One for each registry, of those of its shards."""
    found: dict[str, list[Proof]] = defaultdict(list)
    for part in parts:
        for proof in part.proofs:
            found[proof.registry].append(proof)
    order = [part.name for part in plan.registries]
    places = {
        part.name: {action.key: index for index, action in enumerate(part.actions)}
        for part in plan.registries
    }
    for name in sorted(found, key=lambda name: order.index(name) if name in order else len(order)):
        proofs = found[name]
        read: Literal["again", "before", "failed", "interrupted", "left-out"] = min(
            (proof.read for proof in proofs), key=_READS.index
        )
        failure = next((proof.failure for proof in proofs if proof.failure is not None), None)
        known = places.get(name, {})

        def place(left: Left, known: Mapping[str, int] = known) -> int:
            return known.get(left.key, len(known))

        left = tuple(sorted((each for proof in proofs for each in proof.left), key=place))
        yield Proof(name, read, failure, left, selected=any(proof.selected for proof in proofs))
