"""A plan that was made before, held to what its registries hold and what this checkout says now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, get_args

from reconciler.cli.loading import Project
from reconciler.cli.run import (
    Observed,
    Planned,
    Run,
    completed,
    connections,
    observe,
    same_again,
    selection_of,
)
from reconciler.delta import Delta, delta
from reconciler.errors import RegistryError
from reconciler.fingerprints import planned_near
from reconciler.guards.acknowledgements import GuardName
from reconciler.guards.case import Case
from reconciler.guards.facts import Moved, Peers, live_prices
from reconciler.guards.holding import held_back, refused
from reconciler.guards.limits import price_limits
from reconciler.guards.names import rename_guard, shadow_guard
from reconciler.guards.prices import price_guards
from reconciler.guards.run import run_guards
from reconciler.manifests.problems import dotted
from reconciler.money import Price
from reconciler.plan import Action, Plan, RegistryPlan, key_of
from reconciler.planfile import PlanFileError
from reconciler.planner import Selection, failure_of, own_models
from reconciler.refusal import Refusal
from reconciler.registries import KINDS
from reconciler.registries.interface import LiveObject, Observation, Ref
from reconciler.registries.rows import Table

_GUARDS: Final = frozenset(get_args(GuardName))


def read_for(project: Project, plan: Plan, *, run: Run) -> Planned:
    """Reads the registries of a plan that was made before, as far as they could be read then; it is held to
    the guards of this checkout. A registry that cannot be read now has its failure beside its actions.

    Raises PlanFileError where one of them is somebody else's than the plan says.
    """
    parts = [part for part in plan.registries if part.failure is None]
    reached = connections(project, [part.name for part in parts])
    observed = completed(run, observe(project, reached))
    for part in parts:
        found = observed[part.name]
        if isinstance(found, Observation) and project.config.value.registries[part.name].url:
            account = KINDS[part.kind].account(found.objects)
            if None not in (account, part.account) and not _is_same(str(account), part):
                message = f"{part.name}: it answers as {account}; the plan was made for {part.account}"
                raise PlanFileError(message, hint="see whose token this is, or plan again")
    plan = _held_to_guards(project, _as_of_now(project, plan, observed), observed)
    return Planned(project, reached, observed, plan)


def _is_same(account: str, part: RegistryPlan) -> bool:
    """Whether a registry that answers as ``account`` is the one that ``part`` was made for. What was read in
    part may have told fewer of several names."""
    now, then = ({*text.partition(" ")[2].split(", ")} for text in (account, part.account or ""))
    return now >= then if part.in_part else account == part.account


async def delta_now(planned: Planned) -> Delta:
    """What a new plan of the same scope, on what its registries hold now, says of the one that was executed.

    That the scope fits nothing any more is no error. Raises RegistryError where nothing can be planned.
    """
    project, plan = planned.project, planned.plan
    observed = await observe(project, connections(project, [part.name for part in plan.registries]))
    return delta(plan, same_again(project, selection_of(plan), plan.scope.resend, observed))


def _as_of_now(project: Project, plan: Plan, observed: Observed) -> Plan:
    """``plan`` with what is so now: how many models there are, the labels of all manifests that are still
    there, and which registries cannot be read."""
    labels = {key_of(one.resource, one.name): dict(one.labels) for one in project.manifests}

    def part_of(part: RegistryPlan) -> RegistryPlan:
        found = observed.get(part.name)
        own = own_models(found) if isinstance(found, Observation) else part.own
        failure = failure_of(found) if isinstance(found, RegistryError) else part.failure
        actions = (replace(action, labels=labels.get(action.key, action.labels)) for action in part.actions)
        return replace(part, own=own, failure=failure, actions=tuple(actions))

    return replace(plan, registries=tuple(part_of(part) for part in plan.registries))


def _held_to_guards(project: Project, plan: Plan, observed: Observed) -> Plan:
    """``plan`` without what the guards of this checkout refuse, and with what is to be said of
    acknowledgements that it may have rested on."""
    # Of everything, not of the plan's scope: an action's digest is the same, and none is left unmeasured.
    now = same_again(project, Selection(), plan.scope.resend, observed)
    fresh = {part.name: part for part in now.registries}
    parts = []
    for part in plan.registries:
        found = observed.get(part.name)
        if isinstance(found, Observation):
            judge = _Judge(project, part, fresh[part.name], found)
            part = replace(part, actions=tuple(held_back([judge.action(each) for each in part.actions])))  # noqa: PLW2901
        parts.append(part)
    plan = run_guards(project.config, replace(plan, registries=tuple(parts)), project.acknowledged)
    expired = (note for note in project.acknowledged.expired() if note not in plan.notes)
    return replace(plan, notes=(*plan.notes, *expired))


class _Judge:
    """The guards over single actions, for one registry's part of a plan that was made before."""

    def __init__(
        self, project: Project, part: RegistryPlan, now: RegistryPlan, observed: Observation
    ) -> None:
        self.project = project
        self.part = part
        self.tables = KINDS[part.kind].tables
        self.objects: Mapping[Ref, LiveObject] = {live.ref: live for live in observed.objects}
        self.claimed = {(action.resource, action.id) for action in now.actions}
        self.planned = {action.digest: action for action in now.actions if action.digest}
        self.peers = Peers(one for one in project.desired if one.registry == part.name)
        self.limits = price_limits(project.config, part.name)

    def action(self, action: Action) -> Action:
        """``action``, refused by every guard that refuses it in this checkout."""
        if not action.requests:
            return action
        same = self.planned.get(action.digest)
        # Where the manifests have changed since, no new plan has this action: what it tells itself counts.
        found = self._alone(action) if same is None else (r for r in same.refusals if r.code in _GUARDS)
        for refusal in found:
            action = refused(action, refusal)
        return action

    def _alone(self, action: Action) -> Iterator[Refusal]:
        case = Case(self.project.acknowledged, self.part.name, action.name, action.digest)
        table = self.tables[action.variant]
        if action.operation == "create":
            yield from self._names(case, action, table)
        yield from self._prices(case, action, table)

    def _names(self, case: Case, action: Action, table: Table) -> Iterator[Refusal]:
        pin = dotted(table.identity.pin)
        near = [
            (live, what)
            for identity, what in sorted(planned_near(action.rests_on))
            if (live := self.objects.get((action.resource, identity))) is not None
        ]
        free = [(live, what) for live, what in near if live.ours and live.ref not in self.claimed]
        shadowed = next((live for live, what in near if not live.ours and what == "name"), None)
        for refusal in (
            rename_guard(case, pin, free, action.variant),
            shadow_guard(case, pin, shadowed if table.identity.shadows else None),
        ):
            if refusal is not None:
                yield refusal

    def _prices(self, case: Case, action: Action, table: Table) -> Iterator[Refusal]:
        moves = list(_moves(action, table))
        if not moves:
            return
        live = self.objects.get((action.resource, action.id or "")) if action.operation == "update" else None
        raw = {} if live is None else live.raw
        in_force = live_prices(table, raw) | {move.name: move.after for move in moves}
        declared = next((each.desired.value for each in action.changes if each.path == "type"), None)
        item = table.find(("type",))
        kind = item.read(raw) if declared is None and item is not None and raw else declared
        model_type = kind if isinstance(kind, str) else None
        yield from price_guards(case, moves, in_force, self.peers, model_type=model_type, limits=self.limits)


def _moves(action: Action, table: Table) -> Iterator[Moved]:
    """The prices that ``action`` changes, as it tells them."""
    fields = {dotted(item.path): item for item in table.fields()}
    for change in action.changes:
        after: Price | None = change.desired.price
        if after is None:
            continue
        before = change.live.price
        known = before if before is not None and before.currency == after.currency else None
        path = tuple(change.path.split("."))
        item = fields.get(change.path) or table.find(path)
        name = path if item is None else table.portable_name(item)
        yield Moved(path if item is None else item.path, name, known, after, after.unit)
