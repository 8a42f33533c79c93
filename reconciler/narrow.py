"""Which objects a plan of few manifests needs, and whether they were enough. Pure.

Where a registry lets itself be asked for names, a plan of few manifests reads no more than the objects that
they mean. That must never make another plan than reading everything would, so it is taken only where all
that a whole read may add cannot matter:

- each chosen manifest has found the one object of ours that has its name. A create also rests on what it
  would stand beside, and a rename, a shadow, a second object of the name on what else there is.
- what it refers to is there, by the very name that it is known by.
- whether this server shows a key at all is told by these objects already: one that no object shows is not
  compared, and may be lost from an update that replaces everything.
- so few updates that they are no more of the models than one run may do, however many there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from reconciler.desired import Desired
from reconciler.diff import compare
from reconciler.guards.limits import OWN_MODELS, update_share
from reconciler.manifests.config import LoadedConfig
from reconciler.matching import Found, match_all, wanted_key
from reconciler.planner import Selection, null_containers, unseen_keys
from reconciler.registries import KINDS
from reconciler.registries.interface import Observation
from reconciler.registries.kind import Kind
from reconciler.registries.rows import Echo, Path, Table


@dataclass(frozen=True, slots=True)
class Narrow:
    """The chosen manifests of one registry, and the names of all that they mean or refer to."""

    config: LoadedConfig
    registry: str
    chosen: tuple[tuple[Desired, Table], ...]
    names: frozenset[str]
    resend: Collection[str] = ()

    def suffices(self, found: Observation) -> bool:
        """Whether a plan on ``found`` is the one that would be made on everything."""
        matches = match_all([one for one, _ in self.chosen], found)
        known = {(live.resource, live.names[0]) for live in found.objects}
        tables = list({table.variant: table for _, table in self.chosen}.values())
        unseen, nulls = unseen_keys(tables, found), null_containers(tables, found)
        updates = 0
        for (one, table), match in zip(self.chosen, matches, strict=True):
            dark = unseen[table.variant]
            if not isinstance(match, Found) or match.adopted or _may_be_another(one, known, dark):
                return False
            if compare(one, table, match.live, unseen=dark, resend=self.resend).changes:
                updates += 1
                if table.update.whole and (dark or nulls[table.variant]):
                    return False
        share, _ = update_share(self.config, self.registry)
        return share.number >= 100 or updates * 100 <= share.number * OWN_MODELS


def _may_be_another(one: Desired, known: Collection[tuple[str, object]], dark: Collection[Path]) -> bool:
    """Whether a manifest refers to what is not ``known``, or declares what stands at a key that no object
    shows, so that there may be others that do."""
    return any(
        (item.row.refers and value is not None and (item.row.refers, value) not in known)
        or (item.row.echo is Echo.MAYBE and item.points[0].path[:1] in dark)
        for item, value in one.fields.values()
    )


def narrow(
    config: LoadedConfig,
    registry: str,
    desired: Sequence[Desired],
    selection: Selection,
    resend: Collection[str] = (),
) -> Narrow | None:
    """What of ``registry`` to ask for by name; None where all of it is to be read.

    ``desired`` is what all manifests ask of it.
    """
    kind = KINDS[config.value.registries[registry].kind]
    if not kind.by_name or selection == Selection():
        return None
    held = [(one, one.table) for one in desired if one.table is not None]
    chosen = [(one, table) for one, table in held if selection.chooses(one)]
    names: set[str] = set()
    for one, table in chosen:
        name = wanted_key(one, table)[0]
        if name is None or table.vendors or table.resource not in kind.by_name:
            return None
        names.update((name, *_referred(one, kind)))
    if not 0 < len(chosen) < len(held) or len(names) > min(kind.by_name.values()):
        return None
    return Narrow(config, registry, tuple(chosen), frozenset(names), resend)


def _referred(one: Desired, kind: Kind) -> set[str]:
    """The names that a manifest refers to, of what is read by name."""
    return {str(value) for item, value in one.fields.values() if value and item.row.refers in kind.by_name}
