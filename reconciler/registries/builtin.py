"""Kinds that are imported when they are asked for: a run builds the tables of those that it meets."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from reconciler.registries.kind import Kind


class BuiltIn(Mapping[str, Kind]):
    """Kinds by name, each a ``Kind`` at ``module:object``, as an entry point is written."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._loaded: dict[str, Kind] = {}

    def __getitem__(self, name: str) -> Kind:
        if name not in self._loaded:
            module, _, attribute = self._places[name].partition(":")
            kind: Kind = getattr(importlib.import_module(module), attribute)
            self._loaded[name] = kind
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
