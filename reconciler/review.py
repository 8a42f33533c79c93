"""A review: what applying a proposed change would do, and what of it needs a reviewer's eye. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from reconciler.declared import Diff, Side
from reconciler.errors import ExitCode, InputError, Place, Problem
from reconciler.guards.acknowledgements import Acknowledged
from reconciler.manifests.config import LoadedConfig, RegistryEntry, SecretEntry
from reconciler.plan import Plan
from reconciler.refusal import PlanPlace

FORMAT: Final = 1
"""The version of the document."""

FlagCode = Literal[
    "registry-moved",
    "credential-moved",
    "registry-new",
    "registry-removed",
    "registry-changed",
    "secrets-changed",
    "config-changed",
]


@dataclass(frozen=True, slots=True)
class Request:
    """The request for which the review was made. ``fork``: it comes from another repository."""

    forge: str
    repository: str
    number: int
    fork: bool = False


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong in a file of the proposal."""

    code: str
    message: str
    place: PlanPlace
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that the proposal changes in reconciler.yaml. The review was made without it."""

    code: FlagCode
    message: str
    place: PlanPlace | None = None


@dataclass(frozen=True, slots=True)
class NewAcknowledgement:
    """An acknowledgement that the base does not have: it lets a change through a guard.

    ``model`` is null for a guard over a registry or a run, ``registry`` for one over a run.
    """

    guard: str
    model: str | None
    registry: str | None
    digest: str
    reason: str
    expires: str | None
    place: PlanPlace


@dataclass(frozen=True, slots=True)
class NoLongerManaged:
    """A manifest that is there no more, or no more for this registry. What is live stays.

    ``place`` is where the base has it.
    """

    registry: str
    resource: str
    name: str
    place: PlanPlace


@dataclass(frozen=True, slots=True)
class NotPlanned:
    """A registry of which nothing was read."""

    registry: str
    kind: str
    target: str
    code: Literal["no-credential", "only-proposed", "in-proposal"]
    reason: str


@dataclass(frozen=True, slots=True)
class Review:
    """The whole.

    ``tree`` is the git tree of the merge; null where there is a conflict. ``plan`` is null where nothing
    could be planned; ``diff`` is what is declared differently for the registries that were not planned.
    ``unchanged``: the merge has all that is read as the base has it, so that there is nothing to review.
    ``released`` is what the merge stops to manage, in every registry.
    """

    request: Request | None
    base: Side
    head: Side
    tree: str | None
    conflicts: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    flags: tuple[Flag, ...] = ()
    acknowledged: tuple[NewAcknowledgement, ...] = ()
    released: tuple[NoLongerManaged, ...] = ()
    not_planned: tuple[NotPlanned, ...] = ()
    plan: Plan | None = None
    diff: Diff | None = None
    unchanged: bool = False
    notes: tuple[str, ...] = ()
    apiVersion: Literal["reconciler/v1"] = "reconciler/v1"  # noqa: N815 - the field's name is given
    kind: Literal["Review"] = "Review"
    format: int = FORMAT

    @property
    def blind(self) -> tuple[NotPlanned, ...]:
        """The registries that would have been planned with their credentials."""
        return tuple(one for one in self.not_planned if one.code == "no-credential")


def review_exit_code(review: Review) -> ExitCode:
    """What a run ends with. A fork has no credentials, and that is no error; nor is it where nothing is to
    be planned, as in a bot's request for a newer action, which gets no secrets either."""
    if review.conflicts or review.mistakes or (review.plan is not None and review.plan.failed):
        return ExitCode.ERROR
    stranger = review.request is not None and review.request.fork
    if review.blind and not stranger and not review.unchanged:
        return ExitCode.ERROR
    refused = [
        one for part in (review.plan, review.diff) if part is not None for one in part.actions("refused")
    ]
    return ExitCode.REFUSED if refused else ExitCode.OK


Conclusion = Literal["success", "failure", "neutral"]


def conclusion_of(review: Review) -> Conclusion:
    """What a check says. `neutral`: it went well, and there is something that the plan does not show."""
    if review_exit_code(review) is not ExitCode.OK:
        return "failure"
    return "neutral" if review.flags or review.not_planned else "success"


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark for the line of a file, its path from the top of the repository."""

    path: str
    line: int
    level: Literal["failure", "warning"]
    title: str
    message: str


def remarks(review: Review) -> Iterator[Remark]:
    """What belongs to a line: mistakes, refusals, flags; the worst first."""
    for mistake in review.mistakes:
        yield _remark(mistake.place, "failure", mistake.code, mistake.message, mistake.hint)
    for part in (review.plan, review.diff):
        for action in part.actions("refused") if part is not None else ():
            for refusal in action.refusals:
                at = [
                    change.place for change in action.changes if change.path in refusal.paths and change.place
                ]
                told = f"{action.registry}: {refusal.message}"
                yield _remark(at[0] if at else action.place, "failure", refusal.code, told, refusal.fix)
    for flag in review.flags:
        if flag.place is not None:
            yield _remark(flag.place, "warning", flag.code, flag.message, None)
    for one in review.acknowledged:
        what = " in ".join(filter(None, (one.model, one.registry))) or "the run"
        told = f"lets {what} through the guard {one.guard}: {one.reason}"
        yield _remark(one.place, "warning", "acknowledgement", told, None)


def _remark(
    place: PlanPlace, level: Literal["failure", "warning"], title: str, message: str, fix: str | None
) -> Remark:
    return Remark(place.file, place.line, level, title, f"{message}\nFix: {fix}" if fix else message)


def mistakes_of(problems: Iterable[Problem]) -> tuple[Mistake, ...]:
    """``problems`` in the order of their places, without repetition."""
    return tuple(
        Mistake(problem.code, problem.message, _place(problem.place), problem.hint)
        for problem in InputError(problems).problems
    )


def new_acknowledgements(before: Acknowledged, after: Acknowledged) -> tuple[NewAcknowledgement, ...]:
    """Those of ``after`` that ``before`` does not have as they are."""
    known = {entry.model_dump_json() for entry, _ in before.entries}
    return tuple(
        NewAcknowledgement(
            entry.guard,
            entry.model,
            entry.registry,
            entry.digest,
            entry.reason,
            entry.expires,
            _place(place),
        )
        for entry, place in after.entries
        if entry.model_dump_json() not in known
    )


def flags_of(base: LoadedConfig, proposal: LoadedConfig) -> tuple[Flag, ...]:
    """What ``proposal`` has otherwise than ``base``, the most dangerous first."""
    return tuple(sorted(_flags(base, proposal), key=lambda flag: _WORST_FIRST.index(flag.code)))


_WORST_FIRST: Final[tuple[FlagCode, ...]] = (
    *("registry-moved", "credential-moved", "secrets-changed", "registry-new", "registry-removed"),
    *("registry-changed", "config-changed"),
)


def _flags(base: LoadedConfig, proposal: LoadedConfig) -> Iterator[Flag]:
    before, after = base.value, proposal.value
    for name, entry in after.registries.items():
        place = _place(proposal.place("registries", name, key=True))
        old = before.registries.get(name)
        if old is None:
            told = (
                f"the new registry '{name}', {entry.kind} at {_target(entry)}, is not asked and not planned"
            )
            yield Flag("registry-new", told, place)
            continue
        if (old.kind, _target(old)) != (entry.kind, _target(entry)):
            was, is_ = f"{old.kind} at {_target(old)}", f"{entry.kind} at {_target(entry)}"
            told = f"registry '{name}' would be {is_}; it is {was}, and only that one counts here"
            yield Flag("registry-moved", told, place)
        if _credentials(old) != _credentials(entry):
            told = f"registry '{name}' would read its credential from elsewhere; that was not done"
            yield Flag("credential-moved", told, place)
        if _others(old) != _others(entry):
            yield Flag("registry-changed", f"other settings of registry '{name}' change", place)
    for name in before.registries:
        if name not in after.registries:
            yield Flag("registry-removed", f"registry '{name}' would be removed; it is planned here")
    yield from _secrets(before.secrets, proposal)
    if before.secret_folders != after.secret_folders:
        yield Flag("secrets-changed", "`secret_folders` changes; the base's were used", _top(proposal))
    rest = {"registries", "secrets", "secret_folders"}
    for field in type(after).model_fields:
        if field not in rest and getattr(before, field) != getattr(after, field):
            told = f"`{field}` changes; the base's was used"
            yield Flag("config-changed", told, _top(proposal, field))


def _secrets(before: dict[str, SecretEntry], proposal: LoadedConfig) -> Iterator[Flag]:
    after = proposal.value.secrets
    for name, entry in after.items():
        if before.get(name) != entry:
            what = "changes" if name in before else "is new"
            told = f"secret '{name}' {what}: it may go to {', '.join(sorted(entry.hosts))}; not used here"
            yield Flag("secrets-changed", told, _place(proposal.place("secrets", name, key=True)))
    for name in before:
        if name not in after:
            yield Flag("secrets-changed", f"secret '{name}' would be removed", _top(proposal))


def _credentials(entry: RegistryEntry) -> Any:
    return entry.token, entry.auth, entry.insecure_http


def _others(entry: RegistryEntry) -> dict[str, Any]:
    told = {"kind", "url", "embedded", "token", "auth", "insecure_http"}
    return {name: getattr(entry, name) for name in type(entry).model_fields if name not in told}


def _target(entry: RegistryEntry) -> str:
    return entry.url or f"embedded:{entry.embedded}"


def _top(config: LoadedConfig, *path: str) -> PlanPlace:
    return _place(config.place(*path, key=True)) if path else PlanPlace(config.file, 1, 1)


def _place(place: Place) -> PlanPlace:
    return PlanPlace(place.file, place.line, place.column)
