"""The portable paths: every field of ``spec`` that means the same in each registry, from the models."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from reconciler.manifests.load import RESOURCES

Path = tuple[str, ...]

ANY_TIER: Final = "*"
"""Stands in a path for the name of a tier."""

_NO_FIELDS: Final = frozenset({"native", "registries", "overrides", "unit", "currency", "compare"})
"""What says how to read the rest, or what it is compared with."""


def portable_paths(resource: str) -> tuple[Path, ...]:
    """The paths of one resource from ``spec``, in the order of the model."""
    spec = RESOURCES[resource].model_fields["spec"].annotation
    return tuple(_paths(spec, ()))


def is_portable(resource: str, path: Path) -> bool:
    """Whether ``path`` is one of them, the name of a tier filled in."""
    known = portable_paths(resource)
    return path in known or (*path[:2], ANY_TIER, *path[3:]) in known


def _paths(annotation: Any, above: Path) -> Iterator[Path]:
    for name, field in annotation.model_fields.items():
        if name in _NO_FIELDS:
            continue
        below, tiers = _group(field.annotation)
        if below is None:
            yield (*above, name)
        else:
            yield from _paths(below, (*above, name, *((ANY_TIER,) if tiers else ())))


def _group(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The mapping of fields in an annotation, and whether it stands behind a name of its own."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    named = typing.get_origin(annotation) is dict
    for argument in typing.get_args(annotation):
        found, below = _group(argument)
        if found is not None:
            return found, named or below
    return None, False
