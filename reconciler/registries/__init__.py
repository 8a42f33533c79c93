"""Adapters: one folder per kind. They fetch and translate; they decide nothing."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.registries.interface import Kind
from reconciler.registries.orq.kind import ORQ
from reconciler.registries.respan.kind import RESPAN
from reconciler.registries.watsonx.kind import WATSONX

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (ORQ, RESPAN, WATSONX)}
"""Every kind of registry that this installation speaks, by the word of reconciler.yaml."""
