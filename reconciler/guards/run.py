"""Guards over a whole run: how much it does, what it must not touch, where nothing is written.

They look at a finished plan and at reconciler.yaml, and at nothing else, so that a plan that was saved is
held to them as well as one that was just made. What a plan refuses stays refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal

from reconciler.guards.acknowledgements import Acknowledged
from reconciler.guards.case import Case
from reconciler.guards.holding import all_held_back, held_back, refused
from reconciler.guards.limits import OWN_MODELS, guards_of, place_of, protected, update_share
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.problems import did_you_mean
from reconciler.manifests.selecting import fits
from reconciler.plan import Action, Plan, RegistryPlan, plan_digest
from reconciler.refusal import PlanPlace, Refusal
from reconciler.stages import staged

PLAN_ANEW = "plan anew; what the plan does not tell cannot be checked"


@staged("guards")
def run_guards(config: LoadedConfig, plan: Plan, acknowledged: Acknowledged) -> Plan:
    """``plan`` with all that the guards over a run refuse of it.

    `protected` refuses single actions, `update-share` and a registry's own `most-actions` all of that
    registry, `most-actions` everything. `read-only` leaves the actions as they are, to be seen: it stands in
    the refusals of the registry, and nothing is written to a registry that has any. What is over a registry
    and what is over the run is measured of the same actions, so that both are told at once.
    """
    judge = _Judge(config, acknowledged)
    parts = [judge.protection(part) for part in plan.registries]
    found = {part.name: judge.registry(part) for part in parts}
    locked = {name for name, refusals in found.items() if any(one.code == "read-only" for one in refusals)}
    whole = judge.whole([part for part in parts if part.name not in locked])
    registries = []
    for part in parts:
        new = found[part.name]
        part = replace(part, refusals=_joined(part.refusals, new))  # noqa: PLW2901
        stopping = [refusal for refusal in (*new, *whole) if part.name not in locked]
        if stopping:
            actions = all_held_back(part.actions, " and ".join(one.code for one in stopping))
            part = replace(part, actions=tuple(actions))  # noqa: PLW2901
        registries.append(part)
    return replace(
        plan,
        registries=tuple(registries),
        refusals=_joined(plan.refusals, whole),
        digest=plan_digest(registries),
    )


def pattern_remarks(config: LoadedConfig, known: Iterable[tuple[str, str, Mapping[str, str]]]) -> list[str]:
    """What to say of patterns that protect nothing, as one with a slip of the pen does.

    ``known`` are the registry, the name and the labels of every manifest.
    """
    every: list[tuple[str, str, Mapping[str, str]]] | None = None
    remarks: dict[str, None] = {}
    for registry in config.value.registries:
        for path, guards in guards_of(config, registry):
            if not guards.protected:
                continue
            every = list(known) if every is None else every
            there = [one for one in every if len(path) == 1 or one[0] == registry]
            for index, pattern in enumerate(guards.protected):
                if not any(fits(name, labels, pattern) for _, name, labels in there):
                    place = place_of(config, (*path, "protected", index))
                    near = did_you_mean(pattern, {name for _, name, _ in there})
                    remark = f"{place}: '{pattern}' protects no manifest"
                    remarks[f"{remark}; {near}" if near else remark] = None
    return list(remarks)


def _joined(old: Sequence[Refusal], new: Sequence[Refusal]) -> tuple[Refusal, ...]:
    codes = {refusal.code for refusal in new}
    return (*new, *(refusal for refusal in old if refusal.code not in codes))


@dataclass(frozen=True, slots=True)
class _Judge:
    """The guards of one reconciler.yaml, and what is let through them."""

    config: LoadedConfig
    acknowledged: Acknowledged

    # ---- single actions

    def protection(self, part: RegistryPlan) -> RegistryPlan:
        """``part`` without the updates of what is protected, and without what comes after those."""
        patterns = protected(self.config, part.name)
        if not patterns:
            return part
        actions = []
        for action in part.actions:
            refusal = self._protected(action, patterns) if _updates(action) else None
            actions.append(action if refusal is None else refused(action, refusal))
        return replace(part, actions=tuple(held_back(actions)))

    def _protected(self, action: Action, patterns: Sequence[tuple[str, PlanPlace]]) -> Refusal | None:
        case = Case(self.acknowledged, action.registry, action.name, action.digest)
        for pattern, place in patterns:
            if action.labels is None and "=" in pattern:
                message = f"its labels are not known, so that '{pattern}' may protect it ({place})"
                return Refusal("protected", message, PLAN_ANEW, (), limit=pattern, place=place)
            if fits(action.name, action.labels or {}, pattern):
                what = action.resource.lower()
                message = f"'{pattern}' protects this {what} from updates ({place})"
                fix = "leave it out with --except; if the change is meant, acknowledge it"
                return case.refused("protected", message, fix, limit=pattern, place=place)
        return None

    # ---- a whole registry

    def registry(self, part: RegistryPlan) -> list[Refusal]:
        """Why nothing of ``part`` may be done."""
        todo = _todo([part])
        if not todo:
            return []
        entry = self.config.value.registries.get(part.name)
        if entry is None:
            message = "reconciler.yaml has no registry of this name, so that its guards are not known"
            return [Refusal("unknown-registry", message, "add it there, or plan anew", ())]
        case = Case(self.acknowledged, part.name, None, plan_digest([part]))
        if entry.read_only and (refusal := self._read_only(case, part.name, todo)) is not None:
            return [refusal]
        limit = entry.guards.most_actions if entry.guards is not None else None
        path = ("registries", part.name, "guards", "most_actions")
        found = (self._share(case, part, todo), self._most(case, todo, limit, path))
        return [refusal for refusal in found if refusal is not None]

    def _read_only(self, case: Case, registry: str, todo: Sequence[Action]) -> Refusal | None:
        place = place_of(self.config, ("registries", registry, "read_only"))
        which = "this action" if len(todo) == 1 else f"these {len(todo)} actions"
        message = f"apply does not do {which}: `read_only: true` ({place})"
        fix = "where this registry may be written, take `read_only` away; for this once, acknowledge it"
        return case.refused("read-only", message, fix, measured=str(len(todo)), limit="0", place=place)

    def _share(self, case: Case, part: RegistryPlan, todo: Sequence[Action]) -> Refusal | None:
        updates = sum(_updates(action) and action.resource == "Model" for action in todo)
        share, place = update_share(self.config, part.name)
        if not updates or share.number >= 100:
            return None
        if updates * 100 <= share.number * OWN_MODELS:
            return None  # of however many: of fewer, a share says nothing
        where = str(place) if place else "the default; `update_share` in reconciler.yaml sets it"
        if part.own is None:
            message = (
                f"may update more than {share} of your models: how many there are is not known ({where})"
            )
            return Refusal("update-share", message, PLAN_ANEW, (), limit=str(share), place=place)
        if part.own < OWN_MODELS or updates * 100 <= share.number * part.own:
            return None
        of_all = (Decimal(updates * 100) / part.own).quantize(Decimal("0.1"), ROUND_UP).normalize()
        measured = f"{updates} of {part.own} ({of_all:f}%)"
        message = f"would update {measured} of your models here, at most {share} in one run ({where})"
        fix = "do less at once with --only; if all of it is meant, acknowledge it"
        return case.refused("update-share", message, fix, measured=measured, limit=str(share), place=place)

    # ---- the whole run

    def whole(self, parts: Sequence[RegistryPlan]) -> list[Refusal]:
        """Why nothing of ``parts``, all that would be written to, may be done."""
        guards = self.config.value.guards
        case = Case(self.acknowledged, None, None, plan_digest(parts))
        limit = guards.most_actions if guards is not None else None
        refusal = self._most(case, _todo(parts), limit, ("guards", "most_actions"))
        return [] if refusal is None else [refusal]

    def _most(
        self, case: Case, todo: Sequence[Action], limit: int | None, path: tuple[str, ...]
    ) -> Refusal | None:
        if limit is None or len(todo) <= limit:
            return None
        place = place_of(self.config, path)
        updates = sum(_updates(action) for action in todo)
        where = "in one run" if case.registry is None else "here in one run"
        of_them = f"{len(todo) - updates} to create, {updates} to update"
        message = f"{len(todo)} actions ({of_them}), at most {limit} {where} ({place})"
        fix = "do less at once with --only; if all of it is meant, acknowledge it"
        measured = str(len(todo))
        return case.refused("most-actions", message, fix, measured=measured, limit=str(limit), place=place)


def _todo(parts: Iterable[RegistryPlan]) -> list[Action]:
    return [action for part in parts for action in part.actions if action.requests]


def _updates(action: Action) -> bool:
    return action.operation == "update" and bool(action.requests)
