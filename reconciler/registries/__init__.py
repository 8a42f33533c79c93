"""Adapters: one folder per kind, and those that other distributions bring. They fetch and translate;
they decide nothing."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.registries.interface import Kind
from reconciler.registries.orq.kind import ORQ
from reconciler.registries.plugins import Kinds
from reconciler.registries.respan.kind import RESPAN
from reconciler.registries.watsonx.kind import WATSONX

BUILT_IN: Mapping[str, Kind] = {kind.name: kind for kind in (ORQ, RESPAN, WATSONX)}
"""The kinds that come with reconciler, by the word of reconciler.yaml."""

KINDS: Mapping[str, Kind] = Kinds(BUILT_IN)
"""Every kind of registry that this installation speaks. The built-in ones first; what else is installed
is looked up only where a name is not built in, or where all are listed."""
