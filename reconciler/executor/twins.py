"""Two live objects where one was asked for: another client made the same at the same time.

Only where a registry keeps both: it makes the ids itself, or does not keep names apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from functools import partial

from reconciler.matching import natural_key
from reconciler.registries.interface import LiveObject, Ref
from reconciler.registries.rows import Table, dig


def may_double(table: Table) -> bool:
    """Whether two creates of the same make two objects."""
    return not (table.identity.client_chosen and table.identity.unique)


def twins(tables: Mapping[str, Table], objects: Iterable[LiveObject]) -> dict[Ref, list[LiveObject]]:
    """Those of ours that no manifest can tell apart: each by its ref, with all that are like it."""
    alike: dict[Hashable, list[LiveObject]] = defaultdict(list)
    for live in objects:
        table = tables.get(live.variant)
        if not live.ours or table is None or not may_double(table):
            continue
        key: Hashable = live.names[0]
        if not table.identity.client_chosen:
            key = natural_key(table, partial(dig, live.raw))
        if key is not None:
            alike[live.resource, live.variant, key].append(live)
    return {live.ref: found for found in alike.values() if len(found) > 1 for live in found}
