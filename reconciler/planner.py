"""Desired and live -> plan. Pure: takes observations, never a connection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.desired import Desired
from reconciler.destinations import destinations
from reconciler.diff import compare, contradictions, creation, readable_points, unmanaged
from reconciler.errors import InternalError, ReconcilerError, RegistryError, UsageError
from reconciler.fingerprints import basis, declared_paths, fingerprint, surroundings
from reconciler.guards.acknowledgements import Acknowledged
from reconciler.guards.case import Case
from reconciler.guards.facts import Peers, live_prices, moved_prices, type_of
from reconciler.guards.holding import held_back
from reconciler.guards.limits import price_limits
from reconciler.guards.names import rename_guard, shadow_guard
from reconciler.guards.prices import price_guards
from reconciler.guards.run import pattern_remarks, run_guards
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.load import Manifest
from reconciler.manifests.problems import did_you_mean, dotted
from reconciler.manifests.selecting import fits
from reconciler.matching import Found, Match, Missing, Unclear, left_alone, match_all, wanted_key
from reconciler.plan import (
    Action,
    Failure,
    LeftAlone,
    NotHeld,
    Plan,
    PlannedEdit,
    PlannedRequest,
    RegistryPlan,
    digest_of,
    key_of,
    plan_digest,
)
from reconciler.refusal import PlanPlace, Refusal
from reconciler.registries import KINDS
from reconciler.registries.interface import LiveObject, Observation, Ref, Usages
from reconciler.registries.rows import ABSENT, Call, Demand, Echo, Edit, Path, Table, dig
from reconciler.registries.shapes import Fields
from reconciler.secrets import SecretRef
from reconciler.stages import staged


@dataclass(frozen=True, slots=True)
class Selection:
    """Which manifests a run is about, by name, glob or ``label=value``. All where nothing is given.

    ``keys``: of those, only the ones with this registry and this key.
    """

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    keys: frozenset[tuple[str, str]] | None = None

    def chooses(self, one: Desired) -> bool:
        """Whether the run is about what a manifest asks of its registry."""
        return (self.keys is None or (one.registry, _key(one)) in self.keys) and self.takes(one.manifest)

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
    return fits(manifest.name, manifest.labels, pattern)


@staged("plan")
def make_plan(
    config: LoadedConfig,
    desired: Sequence[Desired],
    observed: Mapping[str, Observation | RegistryError],
    *,
    selection: Selection,
    acknowledged: Acknowledged,
    usages: Mapping[str, Usages | None] | None = None,
    all_usages: bool = False,
    resend: Collection[str] = (),
    tried_only: bool = False,
) -> Plan:
    """The plan for every observed registry, in the order of reconciler.yaml.

    Matching looks at every manifest, also those that the selection leaves out: which live object is
    whose is a fact of the whole registry. ``usages`` is who uses what, by registry; with
    ``all_usages`` it is told also where nothing changes. ``resend`` are the paths of fields that do not
    read back and shall be sent all the same. ``tried_only``: nobody will do it, so no guard over a whole run
    speaks.
    """
    by_registry: dict[str, list[Desired]] = defaultdict(list)
    for one in desired:
        by_registry[one.registry].append(one)
    plans = []
    for name, observation in observed.items():
        planner = _RegistryPlanner(
            config, name, selection, acknowledged, frozenset(resend), all_usages=all_usages
        )
        plans.append(planner.plan(by_registry[name], observation, (usages or {}).get(name)))
    _check_resend(resend, plans)
    plans = _with_accounts(config, plans, observed)
    plan = Plan(tuple(plans), plan_digest(plans))
    if not tried_only:
        plan = run_guards(config, plan, acknowledged)
    named = ((one.registry, one.name, one.manifest.labels) for one in desired)
    remarks = acknowledged.remarks(_not_planned(desired, plans)) if acknowledged.entries else ()
    return replace(plan, notes=(*pattern_remarks(config, named), *remarks))


def _not_planned(desired: Iterable[Desired], plans: Iterable[RegistryPlan]) -> set[tuple[str, str]]:
    """The registries and names of what the plans have no action for."""
    planned = {(action.registry, action.key) for plan in plans for action in plan.actions}
    return {(one.registry, one.name) for one in desired if (one.registry, _key(one)) not in planned}


def failure_of(error: ReconcilerError) -> Failure:
    """An error, as plans and outcomes show it."""
    if not isinstance(error, RegistryError):
        return Failure(error.code, error.message, error.hint)
    return Failure(error.code, error.message, error.hint, error.request, error.status, error.request_id)


def _with_accounts(
    config: LoadedConfig, plans: Sequence[RegistryPlan], observed: Mapping[str, Observation | RegistryError]
) -> list[RegistryPlan]:
    """``plans`` with their accounts, and with a warning where two servers of a kind answer for one account:
    it may be one system under two addresses, and both would make everything."""
    first: dict[tuple[str, str], str] = {}
    warned = []
    for plan in plans:
        found = observed[plan.name]
        live = found.objects if isinstance(found, Observation) else ()
        account = KINDS[plan.kind].account(live) if config.value.registries[plan.name].url else None
        plan = replace(plan, account=account)  # noqa: PLW2901
        other = plan.name if account is None else first.setdefault((plan.kind, account), plan.name)
        if other != plan.name:
            text = f"it answers as {account}, as '{other}' does: if they are one system, keep one of them"
            plan = replace(plan, warnings=(*plan.warnings, text))  # noqa: PLW2901
        warned.append(plan)
    return warned


def _check_resend(resend: Collection[str], plans: Collection[RegistryPlan]) -> None:
    """Raises UsageError for a path that no planned manifest declares as a field that never reads back."""
    known = {path for plan in plans for action in plan.actions for path in action.unverified}
    for path in resend:
        if path not in known and not any(plan.failure for plan in plans):
            declared = f"declared are {', '.join(sorted(known))}" if known else "no manifest declares one"
            raise UsageError(f"'{path}' is no field that never reads back", hint=declared)


class _RegistryPlanner:
    """The plan of one registry."""

    def __init__(
        self,
        config: LoadedConfig,
        name: str,
        selection: Selection,
        acknowledged: Acknowledged,
        resend: Collection[str],
        *,
        all_usages: bool,
    ) -> None:
        self.rules = config.secret_rules()
        self.limits = price_limits(config, name)
        self.peers = Peers(())
        self.resend = resend
        self.all_usages = all_usages
        self.entry = config.value.registries[name]
        self.name = name
        self.target = self.entry.url or f"embedded:{self.entry.embedded}"
        self.selection = selection
        self.acknowledged = acknowledged
        self.in_part = False
        self.own: set[Ref] = set()
        """The live objects that this plan's other actions are about."""
        self.unseen: dict[str, frozenset[Path]] = {}
        """By variant, the keys (as wire paths) that this registry shows of no object."""
        self.nulls: dict[str, frozenset[Path]] = {}
        """By variant, the objects inside that this registry shows as null, of every object."""
        self.referable: dict[str, dict[str, _Referable]] = {}
        """By resource, what a field may refer to, by its name."""

    def plan(
        self,
        desired: Sequence[Desired],
        observed: Observation | RegistryError,
        usages: Usages | None,
    ) -> RegistryPlan:
        if isinstance(observed, RegistryError):
            return RegistryPlan(self.name, self.entry.kind, self.target, failure=failure_of(observed))
        self.in_part = observed.names is not None
        looked_for = [one for one in desired if self._was_looked_for(one, observed)]
        matches = match_all(looked_for, observed)
        chosen = [
            (one, match)
            for one, match in zip(looked_for, matches, strict=True)
            if self.selection.chooses(one)
        ]
        self.own = {match.live.ref for _, match in chosen if isinstance(match, Found)}
        self.peers = Peers(desired)
        tables = [one.table for one in desired if one.table is not None]
        self.unseen, self.nulls = unseen_keys(tables, observed), null_containers(tables, observed)
        self.referable = _referable(looked_for, matches, observed, [one for one, _ in chosen])
        actions = held_back(_out_of_circles([self._action(one, match) for one, match in chosen]))
        if usages is not None:
            actions = self._with_users(actions, observed, usages)
        not_held: dict[tuple[Path, str], list[str]] = defaultdict(list)
        for one, _ in chosen:
            for path in one.unheld:
                not_held[path, one.manifest.resource].append(one.name)
        return RegistryPlan(
            self.name,
            self.entry.kind,
            self.target,
            actions=tuple(actions),
            not_held=tuple(
                NotHeld(dotted(path), tuple(names), resource)
                for (path, resource), names in sorted(not_held.items())
            ),
            left_alone=()
            if self.in_part
            else tuple(_left_alone(live) for live in left_alone(matches, observed)),
            vendor_owned=0 if self.in_part else self._vendors(observed),
            users_are=usages.noun if usages is not None else "",
            warnings=(usages.warning,) if usages is not None and usages.warning else (),
            own=own_models(observed),
            in_part=self.in_part,
        )

    def _was_looked_for(self, one: Desired, observed: Observation) -> bool:
        """Whether an object that a manifest means would be among those that were read."""
        names = observed.names
        if names is None or one.table is None or one.table.resource not in KINDS[self.entry.kind].by_name:
            return True
        return wanted_key(one, one.table)[0] in names or self.selection.chooses(one)

    def _vendors(self, observed: Observation) -> int:
        """How many of the vendor's models no manifest names."""
        return sum(
            not live.ours and live.resource == "Model" and live.ref not in self.own
            for live in observed.objects
        )

    def _with_users(self, actions: Sequence[Action], observed: Observation, usages: Usages) -> list[Action]:
        """``actions`` with who uses their objects: of those that change one, or of all."""
        if not usages.by_name:
            return list(actions)
        objects = {live.ref: live for live in observed.objects}
        tables = KINDS[self.entry.kind].tables
        # What is the very name of one object means no other that may be called so.
        named = {(live.resource, name): live.ref for live in observed.objects for name in live.names}

        def users(action: Action) -> Action:
            live = None if action.id is None else objects.get((action.resource, action.id))
            told = self.all_usages or action.operation != "none"
            if live is None or live.variant not in tables or not told:
                return action
            called = [
                name
                for name in tables[live.variant].called(live.raw)
                if named.get((live.resource, name), live.ref) == live.ref
            ]
            found = {user for name in called for user in usages.by_name.get(name, ())}
            return replace(action, used_by=tuple(sorted(found)))

        return [users(action) for action in actions]

    def _action(self, desired: Desired, match: Match) -> Action:
        refusals = list(desired.refusals)
        if desired.unheld and self.entry.unheld == "refuse":
            refusals += self._unheld_refusals(desired)
        table = desired.table
        if table is None:
            return self._finished(self._begun(desired), refusals=refusals)
        after: tuple[str, ...] = ()
        if desired.fields.shape.refers:
            desired, after, unknown = self._references(desired, table)
            refusals += unknown
        if isinstance(match, Found):
            return self._update(desired, table, match, after, refusals)
        if isinstance(match, Missing) and not self.in_part:
            return self._create(desired, table, match, after, refusals)
        base = self._begun(desired, after=after)
        if isinstance(match, Unclear):
            return self._finished(base, refusals=[match.refusal, *refusals])
        message = "it is not there, and what a create would stand beside was not read"
        return self._finished(base, refusals=[Refusal("read-in-part", message, "plan again", ())])

    def _begun(self, desired: Desired, identity: str | None = None, **known: Any) -> Action:
        """An action that does nothing, of one manifest, with what is ``known`` of it."""
        manifest, table = desired.manifest, desired.table
        place = manifest.named_at
        return Action(
            self.name,
            manifest.resource,
            manifest.name,
            "none",
            "" if table is None else table.variant,
            identity,
            PlanPlace(place.file, place.line, place.column),
            labels=manifest.labels,
            **known,
        )

    def _references(self, desired: Desired, table: Table) -> tuple[Desired, tuple[str, ...], list[Refusal]]:
        """``desired`` with the best name of all that it refers to, what must come first, and the names
        that nothing has."""
        after: list[str] = []
        refusals: list[Refusal] = []
        fields = dict(desired.fields)
        for path, (item, value) in desired.fields.items():
            if not item.row.refers or value is None:
                continue
            known = self.referable.get(item.row.refers, {})
            found = known.get(value)
            if found is None or found.left_out:
                refusals.append(_unknown(item.row.refers, dotted(path), value, known))
                continue
            fields[path] = (item, found.name)
            if found.action is not None and found.action != _key(desired):
                after.append(found.action)
        return (
            replace(desired, fields=Fields.of(table, fields)),
            tuple(dict.fromkeys(after)),
            refusals,
        )

    def _unheld_refusals(self, desired: Desired) -> list[Refusal]:
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
        self,
        desired: Desired,
        table: Table,
        match: Found,
        after: tuple[str, ...],
        refusals: list[Refusal],
    ) -> Action:
        unseen = self.unseen[table.variant]
        difference = compare(desired, table, match.live, unseen=unseen, resend=self.resend)
        notes = [*contradictions(desired, match.live), *difference.notes]
        nothing = not difference.changes and not difference.refusals and not refusals
        # Where the server makes the ids, what a model is found by is no news of every plan.
        if match.adopted and (table.identity.client_chosen or not nothing):
            notes = [_adoption(table, match), *notes]
        action = self._begun(
            desired,
            match.live.id,
            after=after,
            changes=difference.changes,
            unverified=difference.unverified,
            unmanaged=tuple(unmanaged(desired, match.live)),
            notes=tuple(notes),
            hints=desired.hints,
        )
        if nothing:
            return action
        if difference.edits:
            refusals = [
                *self._secret_refusals(desired, table, difference.edits, match.live.raw),
                *refusals,
            ]
        refusals = [*difference.refusals, *refusals]
        declared = declared_paths(desired)
        blanks = tuple(_blanks(desired, table, self.nulls[table.variant])) if difference.edits else ()
        rests = basis(table, difference.edits, match.live, declared)
        action = replace(action, notes=(*action.notes, *blanks), basis=rests)

        def guarded(case: Case) -> list[Refusal]:
            return self._price_guards(case, desired, table, match.live.raw)

        return self._finished(
            action,
            operation="update",
            guards=guarded,
            refusals=refusals,
            requests=_requests(table, table.update, difference.edits),
            rests_on=fingerprint(table, difference.edits, match.live, declared),
        )

    def _price_guards(
        self, case: Case, desired: Desired, table: Table, raw: Mapping[str, Any]
    ) -> list[Refusal]:
        """What the guards over prices say of an action that finds ``raw`` live; a create finds nothing."""
        moves = list(moved_prices(desired, table, raw))
        if not moves:
            return []
        in_force = live_prices(table, raw) | {move.name: move.after for move in moves}
        kind = type_of(desired, table, raw)
        return list(price_guards(case, moves, in_force, self.peers, model_type=kind, limits=self.limits))

    def _stored_key(
        self, desired: Desired, table: Table, edits: Sequence[Edit], raw: Mapping[str, Any]
    ) -> Iterator[Refusal]:
        """Refuses to send a key that the registry keeps to another host, unless the manifest names the key:
        then its list of hosts has been checked."""
        keeps = [item for item in table.fields() if item.row.secret and not item.row.updatable]
        if not keeps or any(isinstance(value, SecretRef) for _, value in desired.fields.values()):
            return
        before, after = (destinations(table.upstreams(some, raw), None) for some in ((), edits))
        if before and before != after:
            path = dotted(keeps[0].path)
            message = f"would send the stored key to {', '.join(after)}"
            fix = f"declare {path}: a secret whose list of hosts in reconciler.yaml has {', '.join(after)}"
            yield Refusal("secret-host", message, fix, (path,))

    def _secret_refusals(
        self, desired: Desired, table: Table, edits: Sequence[Edit], raw: Mapping[str, Any]
    ) -> Iterator[Refusal]:
        """Secrets that would reach a host, also one that only the live object names, that is not theirs."""
        what = table.resource.lower()
        named = [edit.secret.name for edit in edits if edit.secret is not None]
        yield from self._stored_key(desired, table, edits, raw)
        hosts = destinations(table.upstreams(edits, raw), self.entry.url) if named else ()
        for name in named:
            rule = self.rules.get(name)
            refused = () if rule is None else rule.refuse_hosts(hosts)
            if rule is not None and refused:
                message = f"{name} may not be sent to {', '.join(refused)}, which the live {what} names"
                fix = f"its hosts in reconciler.yaml are {', '.join(sorted(rule.hosts))}"
                yield Refusal("secret-host", message, fix, ())

    def _create(
        self,
        desired: Desired,
        table: Table,
        match: Missing,
        after: tuple[str, ...],
        refusals: list[Refusal],
    ) -> Action:
        if table.create is None:
            raise InternalError(f"{desired.name}: {table.title} has no create")
        # What it refers to may have another name than the manifest gives it.
        known = None if desired.fields.shape.refers else match.created
        difference, created = creation(desired, table, known)
        key, _ = wanted_key(desired, table)
        changes = difference.changes
        if refusals:
            told = {name for refusal in refusals for name in refusal.paths}
            # A default in the place of what is refused would read as if it were taken instead.
            changes = tuple(change for change in changes if not change.default or change.path not in told)
        action = self._begun(
            desired,
            key if table.identity.client_chosen else None,
            after=after,
            changes=changes,
            unverified=difference.unverified,
            hints=desired.hints,
        )
        unexplained = _unexplained(table, created.missing, refusals)
        if unexplained or created.unmet:
            refusals = [_incomplete(table, unexplained, created.unmet), *refusals]

        pin = dotted(table.identity.pin)

        def guarded(case: Case) -> list[Refusal]:
            named = (
                rename_guard(case, pin, match.resembling, table.variant),
                shadow_guard(case, pin, match.shadowed),
            )
            return [*(refusal for refusal in named if refusal), *self._price_guards(case, desired, table, {})]

        return self._finished(
            action,
            operation="create",
            refusals=refusals,
            requests=_requests(table, table.create, difference.edits),
            rests_on=surroundings({near for near in match.near if (table.resource, near[0]) not in self.own}),
            # Not all that it rests on: which of them are claimed by manifests that the run leaves out
            # is no part of the change.
            digested=surroundings(
                {(live.id, what) for live, what in match.resembling}
                | ({(match.shadowed.id, "name")} if match.shadowed else set())
            ),
            guards=guarded,
        )

    def _finished(
        self,
        action: Action,
        *,
        operation: Any = "none",
        refusals: list[Refusal],
        requests: Sequence[PlannedRequest] = (),
        rests_on: str = "",
        digested: str | None = None,
        guards: Callable[[Case], list[Refusal]] | None = None,
    ) -> Action:
        """``action`` with its digest, and refused where anything refuses it.

        The digest is of what the action would do, whether it may or not: an acknowledgement names it.
        ``digested`` stands in it for ``rests_on`` where that holds more.
        """
        digest = digest_of(
            [self.name, self.entry.kind, self.target],
            [action.resource, action.variant, action.id or action.name],
            operation,
            # In an order of their own: that of the manifest's keys means nothing.
            sorted(
                ([change.path, change.wire_live, change.wire_desired] for change in action.changes),
                key=_first,
            ),
            sorted((_edit_json(edit) for request in requests for edit in request.edits), key=_first),
            rests_on if digested is None else digested,
        )
        case = Case(self.acknowledged, self.name, action.name, digest)
        refusals = [*refusals, *(guards(case) if guards else ())]
        return replace(
            action,
            operation="refused" if refusals else operation,
            refusals=tuple(refusals),
            requests=() if refusals else tuple(requests),
            rests_on=rests_on,
            digest=digest,
        )


def _first(parts: list[Any]) -> Any:
    return parts[0]


def _edit_json(edit: PlannedEdit) -> list[Any]:
    return [list(edit.path), edit.value, edit.secret, edit.cleared]


def own_models(observed: Observation) -> int | None:
    """How many models there are that are not the vendor's: what a share of updates is of. None where not
    all of them were read."""
    if observed.names is not None:
        return None
    return sum(live.ours and live.resource == "Model" for live in observed.objects)


def _requests(table: Table, call: Call, edits: Sequence[Edit]) -> list[PlannedRequest]:
    return [
        PlannedRequest(one.name, one.method, one.path, tuple(PlannedEdit.of(edit) for edit in some))
        for one, some in table.requests(call, edits)
    ]


def unseen_keys(tables: Collection[Table], observed: Observation) -> dict[str, frozenset[Path]]:
    """By variant, the keys (as wire paths) that only some servers show, and that stand in no object."""
    unseen: dict[str, frozenset[Path]] = {}
    for table in {table.variant: table for table in tables}.values():
        raws = [live.raw for live in observed.objects if live.resource == table.resource and live.ours]
        paths = {row.points[0].path[:1] for row in table.rows if row.echo is Echo.MAYBE} | _carried(table)
        unseen[table.variant] = frozenset(
            path for path in paths if all(dig(raw, path) is ABSENT for raw in raws)
        )
    return unseen


def _carried(table: Table) -> set[Path]:
    """The objects inside an object that an update replaces whole: not shown, they would be lost."""
    points = (point.path for row in table.rows for point in row.points if table.update.whole)
    return {path[:1] for path in points if len(path) > 1}


def null_containers(tables: Collection[Table], observed: Observation) -> dict[str, frozenset[Path]]:
    """By variant, the objects inside that no live object shows and some show as null: that may mean none."""
    nulls: dict[str, frozenset[Path]] = {}
    for table in {table.variant: table for table in tables}.values():
        raws = [live.raw for live in observed.objects if live.resource == table.resource and live.ours]
        found = {path: [dig(raw, path) for raw in raws] for path in _carried(table)}
        nulls[table.variant] = frozenset(
            path for path, there in found.items() if None in there and all(_is_none(one) for one in there)
        )
    return nulls


def _is_none(wire: Any) -> bool:
    return wire is None or wire is ABSENT


def _blanks(desired: Desired, table: Table, nulls: Collection[Path]) -> Iterator[str]:
    """What an update may reset without a trace, as a note: objects that read as null everywhere."""
    declared = {path[:1] for path in readable_points(desired)}
    for path in sorted(set(nulls) - declared):
        yield (
            f"the registry shows no {'.'.join(path)} of any {table.resource.lower()}; "
            "what is set there and not declared would be lost"
        )


@dataclass(frozen=True, slots=True)
class _Referable:
    """What a field may refer to: its best name, and the key of the action that makes or changes it.

    ``left_out``: it is not there yet, and the run leaves out the manifest that declares it.
    """

    name: str
    action: str | None = None
    left_out: bool = False


def _referable(
    desired: Sequence[Desired], matches: Sequence[Match], observed: Observation, wanted: Iterable[Desired]
) -> dict[str, dict[str, _Referable]]:
    """By resource, every name that is live or declared. ``wanted`` are those that the run is about."""
    found: dict[str, dict[str, _Referable]] = defaultdict(dict)
    if not any(one.fields.shape.refers for one in desired):
        return found
    chosen = {_key(one) for one in wanted}
    for live in observed.objects:
        best, *others = live.names
        found[live.resource][best] = _Referable(best)
        for name in others:
            found[live.resource].setdefault(name, _Referable(best))
    for one, match in zip(desired, matches, strict=True):
        names = found[one.manifest.resource]
        is_chosen = _key(one) in chosen
        if isinstance(match, Found) and is_chosen:
            best = match.live.names[0]
            for name in match.live.names:
                if name in names and names[name].name == best:
                    names[name] = _Referable(best, _key(one))
        elif not isinstance(match, Found) and one.table is not None:
            key = wanted_key(one, one.table)[0]
            if key is not None and (is_chosen or key not in names):
                names[key] = _Referable(key, _key(one) if is_chosen else None, left_out=not is_chosen)
    return found


def _unknown(resource: str, path: str, value: str, known: Mapping[str, _Referable]) -> Refusal:
    what = resource.lower()
    message = f"{path}: the registry has no {what} '{value}', and no manifest declares it"
    hint = did_you_mean(value, known) or f"add a manifest of `kind: {resource}` for it"
    if value in known:
        message = f"{path}: the registry has no {what} '{value}' yet"
        hint = "this run leaves out the manifest that declares it; include it"
    return Refusal(f"unknown-{what}", message, hint, (path,))


def _out_of_circles(actions: Sequence[Action]) -> list[Action]:
    """``actions``, refused where they would wait for each other. What needs nothing waits for nothing."""
    if not any(action.after for action in actions):
        return list(actions)
    after = {action.key: action.after for action in actions if action.operation != "none"}

    def before(key: str) -> set[str]:
        """Everything that comes before ``key``."""
        seen: set[str] = set()
        open_ = list(after.get(key, ()))
        while open_:
            one = open_.pop()
            if one not in seen:
                seen.add(one)
                open_ += after.get(one, ())
        return seen

    def refused(action: Action) -> Action:
        ways = before(action.key)
        if action.key not in ways:
            return action
        others = sorted(key for key in ways if key != action.key and action.key in before(key))
        message = f"it would wait for itself, by way of {', '.join(others)}"
        circle = Refusal("circle", message, "let one of them refer to something else", ())
        kept = (*action.refusals, circle)
        return replace(action, operation="refused", refusals=kept, requests=(), after=())

    return [refused(action) for action in actions]


def _key(desired: Desired) -> str:
    return key_of(desired.manifest.resource, desired.name)


def _unexplained(table: Table, missing: Sequence[Path], refusals: Sequence[Refusal]) -> list[Path]:
    """Those of ``missing`` that are declared nowhere; for the others a refusal says what is wrong."""
    if not missing or not refusals:
        return list(missing)
    told = {name for refusal in refusals for name in refusal.paths}
    points = {item.points[0].path for item in table.fields() if dotted(item.path) in told}
    return [
        path for path in missing if (item := table.find(path)) is None or item.points[0].path not in points
    ]


def _incomplete(table: Table, missing: Sequence[Path], unmet: Sequence[Demand]) -> Refusal:
    chosen = {path for demand in unmet for choice in demand.choices for path in choice}
    names = tuple(dotted(path) for path in missing if path not in chosen)
    wanted = [*names, *(_choices(demand) for demand in unmet)]
    pin = dotted(table.identity.pin)
    fix = f"declare them, or adopt a live {table.resource.lower()} by its {table.identity.pin[-1]} with {pin}"
    return Refusal("incomplete", f"a create in {table.title} demands {', '.join(wanted)}", fix, names)


def _choices(demand: Demand) -> str:
    choices = [" and ".join(dotted(path) for path in choice) for choice in demand.choices]
    return f"{' or '.join(choices)} ({demand.why})"


def _adoption(table: Table, match: Found) -> str:
    same = " and ".join(".".join(path) for path in table.identity.natural)
    pin = dotted(table.identity.pin)
    return f"adopts {match.live.label}: same {same}; pin it with {pin}: {match.live.id}"


def _left_alone(live: LiveObject) -> LeftAlone:
    return LeftAlone(live.names[0], live.id, live.display_name, live.resource)
