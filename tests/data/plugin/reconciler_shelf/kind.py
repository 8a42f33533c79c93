"""What the entry point names: the kind `shelf`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.registries.interface import LiveObject
from reconciler.registries.kind import Kind, Unsupported
from reconciler.registries.rows import Path, Table
from reconciler_shelf.fields import KIND, MODELS


def _choose(resource: str, declared: Mapping[Path, Any]) -> Table | Unsupported:
    """The table of a manifest. With one table, what the manifest declares makes no difference."""
    del declared
    return MODELS if resource == "Model" else Unsupported(f"kind {KIND} holds no {resource.lower()}s")


def _account(objects: Sequence[LiveObject]) -> str | None:
    """The workspace, which every model names."""
    names = sorted({str(live.raw["workspace"]) for live in objects if live.raw.get("workspace")})
    return f"workspace {', '.join(names)}" if names else None


SHELF: Final = Kind(
    name=KIND,
    title="Shelf",
    tables={MODELS.variant: MODELS},
    choose=_choose,
    client_module="reconciler_shelf.client",
    requests_per_minute=600,
    account=_account,
)
