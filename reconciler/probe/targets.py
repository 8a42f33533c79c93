"""Manifests to targets: overrides applied, each distinct upstream of a manifest once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.manifests.load import Manifest
from reconciler.manifests.model import Capabilities, Model, Spec
from reconciler.probe.results import Skipped
from reconciler.secrets import SecretRef


@dataclass(slots=True)
class Target:
    """One upstream, and what each of its registries is told of it.

    ``base_url`` has no slash at the end. ``capabilities`` holds, by registry, those that are declared;
    one that must not be set is none.
    """

    name: str
    base_url: str
    model: str
    type: str | None
    api_key: SecretRef | None
    capabilities: dict[str, Mapping[str, bool]] = field(default_factory=dict)

    @property
    def registries(self) -> tuple[str, ...]:
        return tuple(self.capabilities)

    def declared(self, capability: str) -> dict[bool | None, list[str]]:
        """What is declared of ``capability``, and by which registries; None: nothing."""
        groups: dict[bool | None, list[str]] = {}
        for registry, declared in self.capabilities.items():
            groups.setdefault(declared.get(capability), []).append(registry)
        return groups


def targets_of(manifests: Iterable[Manifest]) -> tuple[list[Target], list[Skipped]]:
    """Every upstream of ``manifests``, and those of them that declare none for some registry."""
    targets: list[Target] = []
    skipped: list[Skipped] = []
    for manifest in manifests:
        if not isinstance(manifest.value, Model):
            continue  # a provider names no model to ask for
        found, without = _of(manifest, manifest.value)
        targets += found
        skipped += without
    return targets, skipped


def _of(manifest: Manifest, value: Model) -> tuple[list[Target], list[Skipped]]:
    targets: dict[object, Target] = {}
    without: dict[str, list[str]] = {}
    for registry in manifest.registries:
        spec = _Effective(value.spec, registry)
        base_url, model = spec.get("endpoint", "base_url"), spec.get("model")
        if base_url is None:
            without.setdefault("no spec.endpoint.base_url", []).append(registry)
            continue
        if model is None:
            without.setdefault("no spec.model to ask for", []).append(registry)
            continue
        target = Target(
            manifest.name, base_url.rstrip("/"), model, spec.get("type"), spec.get("endpoint", "api_key")
        )
        same = (target.base_url, target.model, target.type, target.api_key)
        targets.setdefault(same, target).capabilities[registry] = {
            name: declared
            for name in Capabilities.model_fields
            if (declared := spec.get("capabilities", name)) is not None
        }
    skipped = [Skipped(manifest.name, tuple(names), reason) for reason, names in without.items()]
    return list(targets.values()), skipped


class _Effective:
    """A spec as one registry gets it: a field that its override sets wins, also with null."""

    def __init__(self, spec: Spec, registry: str) -> None:
        self._layers = [layer for layer in ((spec.overrides or {}).get(registry), spec) if layer is not None]

    def get(self, *path: str) -> Any:
        """The value of ``path``, or None where it is left out or must not be set."""
        *above, name = path
        for layer in self._layers:
            group: Any = layer
            for step in above:
                group = getattr(group, step, None)
            if group is not None and name in group.model_fields_set:
                return getattr(group, name)
        return None
