"""Adapters: one folder per kind, and those that other distributions bring. They fetch and translate;
they decide nothing."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.registries.builtin import BuiltIn
from reconciler.registries.kind import Kind
from reconciler.registries.plugins import Kinds

BUILT_IN: Mapping[str, Kind] = BuiltIn(
    {
        "orq": "reconciler.registries.orq.kind:ORQ",
        "respan": "reconciler.registries.respan.kind:RESPAN",
        "watsonx": "reconciler.registries.watsonx.kind:WATSONX",
    }
)
"""The kinds that come with reconciler, by the word of reconciler.yaml."""

KINDS: Mapping[str, Kind] = Kinds(BUILT_IN)
"""Every kind of registry that this installation speaks. The built-in ones first; what else is installed
is looked up only where a name is not built in, or where all are listed."""
