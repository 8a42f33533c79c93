"""The folder of manifests: every document of every file, valid by its own shape, with unique names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.errors import Place, Problem
from reconciler.manifests.config import LoadedConfig, unknown_registry
from reconciler.manifests.files import load_folder
from reconciler.manifests.model import Model, pricing_gaps
from reconciler.manifests.problems import did_you_mean, validate
from reconciler.manifests.yamltree import Document, locate

RESOURCES: Mapping[str, type[Model]] = {"Model": Model}
"""The kinds of manifest, by the word that `kind` holds."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One valid manifest. ``registries`` are those that it is for, defaults applied."""

    resource: str
    name: str
    labels: Mapping[str, str]
    registries: tuple[str, ...]
    value: Model
    document: Document

    def place(self, *path: str | int, key: bool = False) -> Place:
        """Where ``path`` (from the document's root) is written."""
        return locate(self.document, path, key=key)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the folder holds. ``broken`` are documents whose own shape is wrong; the tables can still
    say what else is wrong with them, so that all mistakes come in one run."""

    manifests: list[Manifest]
    broken: list[Document]
    problems: list[Problem]


def load_manifests(config: LoadedConfig, *, relative_to: Path) -> Loaded:
    """Every manifest that is valid by itself, and every mistake of all files."""
    documents, problems = load_folder(config.manifests, relative_to=relative_to)
    manifests: list[Manifest] = []
    broken: list[Document] = []
    seen: dict[tuple[str, str], Manifest] = {}
    for document in documents:
        manifest, found = _manifest(config, document)
        problems += found
        if manifest is None:
            broken.append(document)
            continue
        first = seen.setdefault((manifest.resource, manifest.name), manifest)
        if first is not manifest:
            problems.append(
                Problem(
                    "duplicate-name",
                    f"a {manifest.resource} named '{manifest.name}' is already declared",
                    manifest.place("metadata", "name"),
                    "names are unique in the folder; for one model in several registries list them",
                    "metadata.name",
                    (first.place("metadata", "name"),),
                )
            )
        manifests.append(manifest)
    return Loaded(manifests, broken, problems)


def _manifest(config: LoadedConfig, document: Document) -> tuple[Manifest | None, list[Problem]]:
    if not isinstance(document.root, dict):
        place = Place(document.file, document.line, document.column)
        return None, [Problem("not-a-manifest", "a manifest is a mapping", place)]
    kind: Any = document.root.get("kind")
    if not isinstance(kind, str) or kind not in RESOURCES:
        return None, [_unknown_kind(document, kind)]
    model, problems = validate(RESOURCES[kind], document)
    if model is None:
        return None, problems + _more_problems(config, document, problems)
    problems = _registry_problems(config, model, document)
    registries = model.spec.registries or config.value.default_registries or ()
    manifest = Manifest(
        kind, model.metadata.name, model.metadata.labels, tuple(dict.fromkeys(registries)), model, document
    )
    return (None if problems else manifest), problems


def _unknown_kind(document: Document, kind: object) -> Problem:
    known = ", ".join(RESOURCES)
    if kind is None:
        place = Place(document.file, document.line, document.column)
        return Problem("missing", "'kind' is missing", place, f"known here: {known}", "kind")
    place = locate(document, ("kind",))
    if kind == "Config":
        hint: str | None = "reconciler.yaml stands outside the folder of manifests"
    else:
        hint = did_you_mean(kind, RESOURCES) or f"known here: {known}"
    return Problem("unknown-kind", f"'{kind}' is not a kind of manifest", place, hint, "kind")


def _more_problems(config: LoadedConfig, document: Document, known: list[Problem]) -> list[Problem]:
    """What pydantic did not come to, because something else in the same document is wrong."""
    spec: Any = document.root.get("spec")
    if not isinstance(spec, dict):
        return []
    problems = []
    codes = {problem.code for problem in known if problem.path == "spec.pricing"}
    if isinstance(spec.get("pricing"), dict):
        place = locate(document, ("spec", "pricing"))
        problems += [
            Problem(code, message, place, hint, "spec.pricing")
            for code, message, hint in pricing_gaps(spec["pricing"])
            if code not in codes
        ]
    registries: Any = spec.get("registries")
    for index, name in enumerate(registries if isinstance(registries, list) else ()):
        if isinstance(name, str) and name not in config.value.registries:
            problems.append(unknown_registry(config, name, locate(document, ("spec", "registries", index))))
    return problems


def _registry_problems(config: LoadedConfig, model: Model, document: Document) -> list[Problem]:
    known = config.value.registries
    problems = [
        unknown_registry(config, name, locate(document, ("spec", "registries", index)))
        for index, name in enumerate(model.spec.registries or ())
        if name not in known
    ]
    if model.spec.registries is None and config.value.default_registries is None:
        problems.append(
            Problem(
                "missing",
                "'registries' is missing",
                locate(document, ("spec",), key=True),
                "name them here, or set default_registries in reconciler.yaml",
                "spec.registries",
            )
        )
    problems += [
        unknown_registry(config, name, locate(document, ("spec", "overrides", name), key=True))
        for name in model.spec.overrides or ()
        if name not in known
    ]
    return problems
