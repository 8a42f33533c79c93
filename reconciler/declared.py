"""Two revisions of the manifests -> what they declare differently. Offline: no registry is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from reconciler.desired import Desired
from reconciler.diff import creation, declared_changes
from reconciler.manifests.problems import dotted
from reconciler.plan import Action, Change, NotHeld, key_of
from reconciler.refusal import PlanPlace
from reconciler.stages import staged

FORMAT = 1
"""The version of the document."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two revisions: as it was named, and the commit that this is."""

    name: str
    commit: str


@dataclass(frozen=True, slots=True)
class Released:
    """A manifest that is there no more, or no more for this registry. What is live stays."""

    resource: str
    name: str
    place: PlanPlace


@dataclass(frozen=True, slots=True)
class RegistryDiff:
    """What changes for one registry. ``actions`` say what an apply would be asked for; nothing is known of
    what is live, so a `create` is a manifest that was not there before."""

    name: str
    kind: str
    target: str
    actions: tuple[Action, ...] = ()
    released: tuple[Released, ...] = ()
    not_held: tuple[NotHeld, ...] = ()


@dataclass(frozen=True, slots=True)
class Diff:
    """The whole: every registry for which anything is declared differently."""

    base: Side
    head: Side
    registries: tuple[RegistryDiff, ...]
    notes: tuple[str, ...] = ()
    apiVersion: Literal["reconciler/v1"] = "reconciler/v1"  # noqa: N815 - the field's name is given
    kind: Literal["Diff"] = "Diff"
    format: int = FORMAT

    def actions(self, *operations: str) -> list[Action]:
        """Every action with one of ``operations``; all where none is given."""
        return [
            action
            for registry in self.registries
            for action in registry.actions
            if not operations or action.operation in operations
        ]

    @property
    def released(self) -> list[Released]:
        return [one for registry in self.registries for one in registry.released]


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry as reconciler.yaml has it."""

    name: str
    kind: str
    target: str


@staged("compare")
def diff_declared(
    sides: tuple[Side, Side],
    registries: Iterable[Registry],
    before: Iterable[Desired],
    after: Iterable[Desired],
    notes: Iterable[str] = (),
) -> Diff:
    """What ``after`` declares otherwise than ``before``, by registry, in the order of ``registries``.

    A manifest is known by its kind and its name, wherever it is written.
    """
    then, now = ({(one.registry, _key(one)): one for one in some} for some in (before, after))
    parts = [
        part
        for registry in registries
        if (part := _registry(registry, _of(registry, then), _of(registry, now))) is not None
    ]
    return Diff(*sides, tuple(parts), tuple(notes))


def _key(one: Desired) -> str:
    return key_of(one.manifest.resource, one.name)


def _of(registry: Registry, desired: Mapping[tuple[str, str], Desired]) -> dict[str, Desired]:
    return {key: one for (name, key), one in desired.items() if name == registry.name}


def _registry(
    registry: Registry, then: Mapping[str, Desired], now: Mapping[str, Desired]
) -> RegistryDiff | None:
    actions = tuple(
        action for one in now.values() if (action := _action(one, then.get(_key(one)))) is not None
    )
    released = tuple(
        Released(one.manifest.resource, one.name, _place(one)) for key, one in then.items() if key not in now
    )
    if not actions and not released:
        return None
    changed = {action.key for action in actions}
    not_held = tuple(_not_held(one for key, one in now.items() if key in changed))
    return RegistryDiff(registry.name, registry.kind, registry.target, actions, released, not_held)


def _place(one: Desired) -> PlanPlace:
    place = one.manifest.place("metadata", "name")
    return PlanPlace(place.file, place.line, place.column)


def _action(after: Desired, before: Desired | None) -> Action | None:
    """What changes for one manifest; None where nothing does."""
    notes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    table = after.table
    if before is None:
        operation: Literal["create", "update"] = "create"
        changes = creation(after, table)[0].changes if table is not None else ()
    else:
        operation = "update"
        changes = declared_changes(before, after)
        was, is_ = (one.table.variant if one.table else "nothing" for one in (before, after))
        if was != is_:
            notes = (f"was declared as {was}, is declared as {is_}",)
        if not changes and not notes and before.refusals == after.refusals:
            return None
    return Action(
        registry=after.registry,
        resource=after.manifest.resource,
        name=after.name,
        operation="refused" if after.refusals else operation,
        variant=table.variant if table else "",
        id=None,
        place=_place(after),
        changes=changes,
        refusals=after.refusals,
        notes=notes,
        hints=after.hints,
    )


def _not_held(desired: Iterable[Desired]) -> Iterator[NotHeld]:
    names: dict[tuple[str, str], list[str]] = {}
    for one in desired:
        for path in one.unheld:
            names.setdefault((dotted(path), one.manifest.resource), []).append(one.name)
    for (held, resource), those in sorted(names.items()):
        yield NotHeld(held, tuple(those), resource)
