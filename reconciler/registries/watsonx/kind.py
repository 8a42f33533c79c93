"""The kind `watsonx`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.registries.interface import Kind, Unsupported
from reconciler.registries.rows import Path, Table
from reconciler.registries.watsonx.fields import KIND, MODEL


def _choose(resource: str, _declared: Mapping[Path, Any]) -> Table | Unsupported:
    if resource != MODEL.resource:
        return Unsupported(f"kind {KIND} holds no {resource.lower()}s")
    return MODEL


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
)
