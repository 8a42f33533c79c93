"""The kind `orq`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.registries.interface import Kind, Unsupported
from reconciler.registries.orq.fields import GENERIC, KIND
from reconciler.registries.rows import Path, Table


def _choose(resource: str, declared: Mapping[Path, Any]) -> Table | Unsupported:
    if resource != GENERIC.resource:
        return Unsupported(f"kind {KIND} holds no {resource.lower()}s")
    if any(path[0] == "endpoint" for path in declared):
        return Unsupported(
            "OpenAI-compatible models (a manifest with `endpoint`) are not supported for kind orq yet"
        )
    return GENERIC


ORQ: Final = Kind(
    name=KIND,
    title="Orq.ai",
    tables={GENERIC.variant: GENERIC},
    choose=_choose,
    client_module="reconciler.registries.orq.client",
    # The vendor limits gateway traffic by plan; whether the management routes share it is not stated. [?]
    requests_per_minute=300,
)
