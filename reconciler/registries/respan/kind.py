"""The kind `respan`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from reconciler.registries.kind import Kind, Unsupported
from reconciler.registries.respan.fields import KIND, MODEL, PROVIDER
from reconciler.registries.rows import Path, Table

if TYPE_CHECKING:
    from reconciler.registries.interface import LiveObject


def _choose(resource: str, declared: Mapping[Path, Any]) -> Table | Unsupported:
    del declared
    for table in (MODEL, PROVIDER):
        if table.resource == resource:
            return table
    return Unsupported(f"kind {KIND} holds no {resource.lower()}s")


def _account(objects: Sequence[LiveObject]) -> str | None:
    """The organisation, as our own providers name it, in their list or in our models."""
    ours = [live for live in objects if live.ours]
    providers = {live.id for live in ours if live.resource == PROVIDER.resource}
    nested = [live.raw["provider"] for live in ours if isinstance(live.raw.get("provider"), Mapping)]
    # Of a managed provider, it may be the vendor's.
    own = (one for one in nested if str(one.get("provider_id")) in providers)
    holders = [*(live.raw for live in ours), *own]
    found = {str(holder["organization_id"]) for holder in holders if holder.get("organization_id")}
    return f"organisation {', '.join(sorted(found))}" if found else None


RESPAN: Final = Kind(
    name=KIND,
    title="Respan",
    tables={table.variant: table for table in (MODEL, PROVIDER)},
    choose=_choose,
    client_module="reconciler.registries.respan.client",
    # The vendor's own limit, for each organisation, of everything but logs and the gateway.
    requests_per_minute=60,
    account=_account,
    by_name={MODEL.resource: 100},
)
