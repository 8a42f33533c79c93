"""Desired and live -> plan. Pure: takes observations, never a connection."""

from __future__ import annotations

import fnmatch
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import simplejson

from reconciler.desired import Desired
from reconciler.diff import compare, creation, unmanaged
from reconciler.errors import ReconcilerError, RegistryError, UsageError
from reconciler.guards import Acknowledged, rename_guard
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.load import Manifest
from reconciler.manifests.problems import dotted
from reconciler.matching import Found, Match, Missing, Nearness, Unclear, left_alone, match_all, wanted_id
from reconciler.plan import (
    Action,
    Failure,
    LeftAlone,
    NotHeld,
    Plan,
    PlannedEdit,
    PlannedRequest,
    PlanPlace,
    Refusal,
    RegistryPlan,
    canonical,
    digest_of,
    plan_digest,
)
from reconciler.registries.interface import LiveObject, Observation
from reconciler.registries.rows import ABSENT, Call, Edit, Path, Table, dig


@dataclass(frozen=True, slots=True)
class Selection:
    """Which manifests a run is about, by name, glob or ``label=value``. All where nothing is given."""

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def takes(self, manifest: Manifest) -> bool:
        if self.only and not any(_fits(manifest, pattern) for pattern in self.only):
            return False
        return not any(_fits(manifest, pattern) for pattern in self.without)

    def check(self, manifests: Sequence[Manifest]) -> None:
        """Raises UsageError for a pattern that fits no manifest: it would select less than was meant."""
        for pattern in (*self.only, *self.without):
            if not any(_fits(manifest, pattern) for manifest in manifests):
                raise UsageError(
                    f"'{pattern}' fits no manifest", hint="a name, a glob as gpt-*, or label=value"
                )


def _fits(manifest: Manifest, pattern: str) -> bool:
    label, equals, value = pattern.partition("=")
    if equals:
        return label in manifest.labels and fnmatch.fnmatchcase(manifest.labels[label], value)
    return fnmatch.fnmatchcase(manifest.name, pattern)


def make_plan(
    config: LoadedConfig,
    desired: Sequence[Desired],
    observed: Mapping[str, Observation | RegistryError],
    *,
    selection: Selection,
    acknowledged: Acknowledged,
) -> Plan:
    """The plan for every observed registry, in the order of reconciler.yaml.

    Matching looks at every manifest, also those that the selection leaves out: which live object is
    whose is a fact of the whole registry.
    """
    by_registry: dict[str, list[Desired]] = defaultdict(list)
    for one in desired:
        by_registry[one.registry].append(one)
    plans = []
    for name, observation in observed.items():
        planner = _RegistryPlanner(config, name, selection, acknowledged)
        plans.append(planner.plan(by_registry[name], observation))
    planned = {(action.registry, action.name) for plan in plans for action in plan.actions}
    not_planned = {(one.registry, one.name) for one in desired} - planned
    return Plan(tuple(plans), plan_digest(plans), tuple(acknowledged.remarks(not_planned)))


def failure_of(error: ReconcilerError) -> Failure:
    """An error, as plans and outcomes show it."""
    if not isinstance(error, RegistryError):
        return Failure(error.code, error.message, error.hint)
    return Failure(error.code, error.message, error.hint, error.request, error.status, error.request_id)


class _RegistryPlanner:
    """The plan of one registry."""

    def __init__(
        self, config: LoadedConfig, name: str, selection: Selection, acknowledged: Acknowledged
    ) -> None:
        self.entry = config.value.registries[name]
        self.name = name
        self.target = self.entry.url or f"embedded:{self.entry.embedded}"
        self.selection = selection
        self.acknowledged = acknowledged
        self.own: set[str] = set()
        """The live objects that this plan's other actions are about."""

    def plan(self, desired: Sequence[Desired], observed: Observation | RegistryError) -> RegistryPlan:
        if isinstance(observed, RegistryError):
            return RegistryPlan(self.name, self.entry.kind, self.target, failure=failure_of(observed))
        matches = match_all(desired, observed)
        chosen = [
            (one, match)
            for one, match in zip(desired, matches, strict=True)
            if self.selection.takes(one.manifest)
        ]
        self.own = {match.live.id for _, match in chosen if isinstance(match, Found)}
        not_held: dict[Path, list[str]] = defaultdict(list)
        for one, _ in chosen:
            for path in one.unheld:
                not_held[path].append(one.name)
        return RegistryPlan(
            self.name,
            self.entry.kind,
            self.target,
            actions=tuple(self._action(one, match) for one, match in chosen),
            not_held=tuple(NotHeld(dotted(path), tuple(names)) for path, names in sorted(not_held.items())),
            left_alone=tuple(_left_alone(live) for live in left_alone(matches, observed)),
            vendor_owned=sum(not live.ours for live in observed.objects),
        )

    def _action(self, desired: Desired, match: Match) -> Action:
        place = desired.manifest.place("metadata", "name")
        base = Action(
            registry=self.name,
            resource=desired.manifest.resource,
            name=desired.name,
            operation="none",
            variant=desired.table.variant if desired.table else "",
            id=None,
            place=PlanPlace(place.file, place.line, place.column),
        )
        refusals = [*desired.refusals, *self._unheld_refusals(desired)]
        if desired.table is None:
            return self._finished(base, refusals=refusals)
        if isinstance(match, Unclear):
            return self._finished(base, refusals=[match.refusal, *refusals])
        if isinstance(match, Found):
            return self._update(base, desired, desired.table, match, refusals)
        return self._create(base, desired, desired.table, match, refusals)

    def _unheld_refusals(self, desired: Desired) -> list[Refusal]:
        if self.entry.unheld != "refuse":
            return []
        return [
            Refusal(
                "not-held",
                f"{dotted(path)}: kind {self.entry.kind} has no place for it",
                "leave it out for this registry, or set `unheld: report` on it",
                (dotted(path),),
            )
            for path in desired.unheld
        ]

    def _update(
        self, base: Action, desired: Desired, table: Table, match: Found, refusals: list[Refusal]
    ) -> Action:
        difference = compare(desired, table, match.live)
        action = replace(
            base,
            id=match.live.id,
            changes=difference.changes,
            unverified=difference.unverified,
            unmanaged=tuple(unmanaged(desired, table, match.live)),
            notes=_adoption(table, match),
        )
        refusals = [*difference.refusals, *refusals]
        if not difference.changes and not refusals:
            return action
        return self._finished(
            action,
            operation="update",
            refusals=refusals,
            request=_request(table.update, difference.edits),
            rests_on=fingerprint(table, difference.edits, match.live),
        )

    def _create(
        self, base: Action, desired: Desired, table: Table, match: Missing, refusals: list[Refusal]
    ) -> Action:
        difference, missing = creation(desired, table)
        action = replace(
            base,
            id=wanted_id(desired, table)[0] if table.identity.client_chosen else None,
            changes=difference.changes,
            unverified=difference.unverified,
        )
        unexplained = _unexplained(table, missing, refusals)
        if unexplained:
            refusals = [_incomplete(table, unexplained), *refusals]

        def guarded(digest: str) -> list[Refusal]:
            refusal = rename_guard(
                self.acknowledged,
                registry=self.name,
                model=desired.name,
                digest=digest,
                resembling=match.resembling,
                variant=table.variant,
                pin=dotted(table.identity.pin),
            )
            return [refusal] if refusal else []

        return self._finished(
            action,
            operation="create",
            refusals=refusals,
            request=_request(table.create, difference.edits),
            rests_on=surroundings({near for near in match.near if near[0] not in self.own}),
            # Not all that it rests on: which of them are claimed by manifests that the run leaves out
            # is no part of the change.
            digested=surroundings({(live.id, what) for live, what in match.resembling}),
            guards=guarded,
        )

    def _finished(
        self,
        action: Action,
        *,
        operation: Any = "none",
        refusals: list[Refusal],
        request: PlannedRequest | None = None,
        rests_on: str = "",
        digested: str | None = None,
        guards: Callable[[str], list[Refusal]] | None = None,
    ) -> Action:
        """``action`` with its digest, and refused where anything refuses it.

        The digest is of what the action would do, whether it may or not: an acknowledgement names it.
        ``digested`` stands in it for ``rests_on`` where that holds more.
        """
        digest = digest_of(
            [self.name, self.entry.kind, self.target],
            [action.resource, action.variant, action.id or action.name],
            operation,
            [[change.path, change.wire_live, change.wire_desired] for change in action.changes],
            [] if request is None else [_edit_json(edit) for edit in request.edits],
            rests_on if digested is None else digested,
        )
        refusals = [*refusals, *(guards(digest) if guards else ())]
        return replace(
            action,
            operation="refused" if refusals else operation,
            refusals=tuple(refusals),
            requests=() if refusals or request is None else (request,),
            rests_on=rests_on,
            digest=digest,
        )


def _edit_json(edit: PlannedEdit) -> list[Any]:
    return [list(edit.path), edit.value, edit.secret, edit.cleared]


def _request(call: Call, edits: Sequence[Edit]) -> PlannedRequest:
    return PlannedRequest(call.name, call.method, call.path, tuple(PlannedEdit.of(edit) for edit in edits))


def fingerprint(table: Table, edits: Sequence[Edit], live: LiveObject) -> str:
    """The digest of what an update rests on: the fields that it changes as they are live, and every
    container that its request replaces whole."""
    touched = {edit.path[0] for edit in edits}
    containers = {name: live.raw.get(name) for name in table.update.replaces if name in touched}
    wires = {edit.path: dig(live.raw, table.shown_at(edit.path)) for edit in edits}
    fields = {".".join(path): None if wire is ABSENT else wire for path, wire in wires.items()}
    return digest_of(live.id, fields, containers)


def surroundings(near: Collection[Nearness]) -> str:
    """What a create rests on: the live objects that it is like; empty where there is none."""
    return canonical(sorted(near)) if near else ""


def planned_near(rests_on: str) -> frozenset[Nearness]:
    """What `surroundings` was made of; nothing where the text is no such thing."""
    try:
        return frozenset((str(identity), str(what)) for identity, what in simplejson.loads(rests_on or "[]"))
    except (TypeError, ValueError):
        return frozenset()


def _unexplained(table: Table, missing: Sequence[Path], refusals: Sequence[Refusal]) -> list[Path]:
    """Those of ``missing`` that are declared nowhere; for the others a refusal says what is wrong."""
    told = {name for refusal in refusals for name in refusal.paths}
    points = {item.points[0].path for item in table.fields() if dotted(item.path) in told}
    return [
        path for path in missing if (item := table.find(path)) is None or item.points[0].path not in points
    ]


def _incomplete(table: Table, missing: Sequence[Path]) -> Refusal:
    names = tuple(dotted(path) for path in missing)
    fix = "declare them, or adopt a live model by its id with " + dotted(table.identity.pin)
    return Refusal("incomplete", f"a create in {table.title} demands {', '.join(names)}", fix, names)


def _adoption(table: Table, match: Found) -> tuple[str, ...]:
    if not match.adopted:
        return ()
    same = " and ".join(".".join(path) for path in table.identity.natural)
    pin = dotted(table.identity.pin)
    return (f"adopts {match.live.label}: same {same}; pin it with {pin}: {match.live.id}",)


def _left_alone(live: LiveObject) -> LeftAlone:
    name = live.raw.get("display_name")
    return LeftAlone(live.id, name if isinstance(name, str) else None)
