"""What is done to the registry while it misbehaves: one entry for each kind of action of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import simplejson
from conformance import manifests
from conformance.manifests import NAME, path_of
from conformance.subject import Variant
from conformance.test_edits import changes, fields

from .stand import FaultStand

Match = Mapping[str, Any]


@dataclass(frozen=True)
class Deed:
    """``prepare`` leaves a manifest that is to be applied. ``calls`` are those that a fault may meet, by
    the words that a rule matches them with."""

    prepare: Callable[[FaultStand], None]
    calls: Mapping[str, Match]

    @property
    def creates(self) -> bool:
        return any(match["call"] == "create" for match in self.calls.values())


def _create(stand: FaultStand) -> None:
    stand.write(stand.minimal())


def _switch_path(stand: FaultStand) -> Any:
    return path_of(stand.table, next(row for row in stand.table.rows if row.switch is not None))


def _create_off(stand: FaultStand) -> None:
    stand.write(stand.minimal({_switch_path(stand): False}))


def _edit(stand: FaultStand) -> Mapping[Any, Any]:
    path = next(
        path
        for path in fields(stand.variant).values()
        if changes(stand, path) and path[0] not in ("pricing", "type") and "enabled" not in path
    )
    return {path: stand.two(path)[1]}


def _update(stand: FaultStand) -> None:
    live = stand.made(stand.minimal())
    stand.write(stand.pinned(stand.minimal(_edit(stand)), live))


def _adopt(stand: FaultStand) -> None:
    stand.made(stand.minimal())
    stand.write(stand.minimal(_edit(stand)), names=("adopted",))


def _switch(stand: FaultStand) -> None:
    live = stand.made(stand.minimal({_switch_path(stand): True}))
    stand.write(stand.pinned(stand.minimal({_switch_path(stand): False}), live))


def _with_provider(stand: FaultStand) -> None:
    """A model, and before it the provider that it names."""
    spec = dict(stand.minimal())
    spec = {path: value for path, value in spec.items() if path[:2] != ("native", "respan")}
    spec["native", "respan", "custom_provider_id"] = "house"
    head = {"apiVersion": "reconciler/v1", "kind": "Provider", "metadata": {"name": "house"}}
    provider = {**head, "spec": {"display_name": "House"}}
    model = manifests.document(stand.variant, spec)
    texts = [simplejson.dumps(each, use_decimal=True, indent=1) for each in (provider, model)]
    (stand.folder / "models" / "all.yaml").write_text("\n---\n".join(texts), encoding="utf-8")


CREATE: Match = {"call": "create"}
UPDATE: Match = {"call": "update"}
SWITCH: Match = {"call": "switch"}


def deeds(variant: Variant) -> dict[str, Deed]:
    """Every action of a table, by its name."""
    table = variant.table
    switched = any(row.switch is not None for row in table.rows)
    found: dict[str, Deed] = {}
    if table.create is not None:
        found["create"] = Deed(_create, {"": CREATE})
        found["update"] = Deed(_update, {"": UPDATE})
    if table.create is not None and switched:
        found["create, switch off"] = Deed(_create_off, {"the create": CREATE, "the switch": SWITCH})
    if switched:
        found["switch off"] = Deed(_switch, {"": SWITCH})
    if table.create is not None and table.identity.natural:
        found["adopt"] = Deed(_adopt, {"": UPDATE})
    if str(variant) == "respan/model":
        both = {"the provider": {**CREATE, "name": "house"}, "the model": {**CREATE, "name": NAME}}
        found["create with its provider"] = Deed(_with_provider, both)
    return found
