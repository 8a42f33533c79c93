"""What `guards` of reconciler.yaml sets: for a registry its own, else the general one."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from reconciler.guards.prices import Limits
from reconciler.manifests.config import Guards, LoadedConfig
from reconciler.manifests.fields import Percent
from reconciler.refusal import PlanPlace

UPDATE_SHARE: Final = Percent(Decimal(30))
"""How many of its models one run may update, where nobody says otherwise."""

OWN_MODELS: Final = 10
"""From how many models on a share says something: of three, every one is a third."""

Path = tuple[str | int, ...]
Set = tuple[Path, Guards]
"""Guards, and where in reconciler.yaml they stand."""


def guards_of(config: LoadedConfig, registry: str) -> Iterator[Set]:
    """The guards that are written for ``registry``, the nearest first."""
    entry = config.value.registries.get(registry)
    if entry is not None and entry.guards is not None:
        yield ("registries", registry, "guards"), entry.guards
    if config.value.guards is not None:
        yield ("guards",), config.value.guards


def setting(config: LoadedConfig, registry: str, name: str) -> tuple[Any, Path]:
    """The nearest value of a guard for ``registry``, and its path; None and () where nobody sets it."""
    for path, guards in guards_of(config, registry):
        value = getattr(guards, name)
        if value is not None:
            return value, (*path, name)
    return None, ()


def update_share(config: LoadedConfig, registry: str) -> tuple[Percent, PlanPlace | None]:
    """The largest share of its models that one run may update, and where that is set."""
    value, path = setting(config, registry, "update_share")
    return (UPDATE_SHARE, None) if value is None else (value, place_of(config, path))


def protected(config: LoadedConfig, registry: str) -> list[tuple[str, PlanPlace]]:
    """The patterns of what no update may touch there, and where each is set."""
    patterns, path = setting(config, registry, "protected")
    return [(pattern, place_of(config, (*path, index))) for index, pattern in enumerate(patterns or ())]


def price_limits(config: LoadedConfig, registry: str) -> Limits:
    """How far a price may move there."""
    change, path = setting(config, registry, "price_change")
    if change is None:
        return Limits()
    rise, fall = (None if part is None else part.share for part in (change.rise, change.fall))
    return Limits(rise, fall, place_of(config, path))


def place_of(config: LoadedConfig, path: Path) -> PlanPlace:
    """Where in reconciler.yaml ``path`` is written."""
    place = config.place(*path)
    return PlanPlace(place.file, place.line, place.column)
