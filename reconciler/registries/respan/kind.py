"""The kind `respan`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.registries.interface import Kind, Unsupported
from reconciler.registries.respan.fields import KIND, MODEL, PROVIDER
from reconciler.registries.rows import Path, Table


def _choose(resource: str, declared: Mapping[Path, Any]) -> Table | Unsupported:
    del declared
    for table in (MODEL, PROVIDER):
        if table.resource == resource:
            return table
    return Unsupported(f"kind {KIND} holds no {resource.lower()}s")


RESPAN: Final = Kind(
    name=KIND,
    title="Respan",
    tables={table.variant: table for table in (MODEL, PROVIDER)},
    choose=_choose,
    client_module="reconciler.registries.respan.client",
    # The vendor's own limit, for each organisation, of everything but logs and the gateway.
    requests_per_minute=60,
)
