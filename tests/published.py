"""The published schemas, generated once in a process."""

from __future__ import annotations

from functools import cache

from reconciler.schemas import Schema, schema_of


@cache
def published(name: str) -> Schema:
    """The schema of the file ``name`` as it is generated now. Nobody may change it."""
    return schema_of(name)
