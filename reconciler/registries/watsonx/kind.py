"""The kind `watsonx`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from reconciler.registries.kind import Kind, Unsupported
from reconciler.registries.rows import Path, Table
from reconciler.registries.watsonx.fields import KIND, MODEL

if TYPE_CHECKING:
    from reconciler.registries.interface import LiveObject


def _choose(resource: str, _declared: Mapping[Path, Any]) -> Table | Unsupported:
    if resource != MODEL.resource:
        return Unsupported(f"kind {KIND} holds no {resource.lower()}s")
    return MODEL


def _account(objects: Sequence[LiveObject]) -> str | None:
    """The tenant, by its name or its id."""
    own = [live.raw.get("tenant_name") or live.raw.get("tenant_id") for live in objects if live.ours]
    names = sorted({name for name in own if isinstance(name, str) and name})
    return f"tenant {', '.join(names)}" if names else None


WATSONX: Final = Kind(
    name=KIND,
    title="IBM watsonx Orchestrate",
    tables={MODEL.variant: MODEL},
    choose=_choose,
    client_module="reconciler.registries.watsonx.client",
    # No source states a rate limit; this is a careful one. [?]
    requests_per_minute=300,
    takes_auth=True,
    embedded_path="/api/v1",
    account=_account,
    # They stand in the address, which some servers take no more than 8 kB of.
    by_name={MODEL.resource: 20},
)
