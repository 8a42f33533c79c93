"""Every way in which a folder can be read, and all that one reading says, in a form that can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import BaseModel

from reconciler.desired import Desired
from reconciler.errors import Place
from reconciler.folder import quick, read_folder, workers
from reconciler.folder.cache import FOLDER
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.load import Manifest
from reconciler.manifests.yamltree import Document
from tests.folders import Read, spoil
from tests.folders import read as read_in_state

NEVER: Final = 1 << 40
"""Bytes that no folder has: every file is read here, one by one, and nothing is kept."""

WAYS: Final = ("records", "processes", "cold", "warm", "warm by processes", "corrupt", "shared")


def plainly(config: LoadedConfig, folder: Path) -> Read:
    """The folder as the code reads it that knows no records."""
    return read_folder(config, relative_to=folder, environ=None, worth=NEVER)


def read(config: LoadedConfig, folder: Path, way: str, cache: Path) -> Read:
    """The folder in one of ``WAYS``; what is kept goes to the folder ``cache``."""
    environ = {FOLDER: str(cache)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "processes", lambda: 1)
        patch.setattr(quick, "processes", lambda: 2 if "processes" in way else 1)
        patch.setattr(quick, "_WORTH_A_FORK", 1)
        match way:
            case "records":
                return read_folder(config, relative_to=folder, environ=None, worth=0)
            case "processes":
                return read_folder(config, relative_to=folder, environ=None, worth=0)
            case "shared":
                return read_in_state(config, folder, "shared")
            case "cold":
                return read_folder(config, relative_to=folder, environ=environ, worth=0)
        read_folder(config, relative_to=folder, environ=environ, worth=0)
        if way == "corrupt":
            for path in cache.glob("*.sqlite"):
                spoil(path)
        return read_folder(config, relative_to=folder, environ=environ, worth=0)


def said(read: Read) -> dict[str, Any]:
    """Everything that a reading says, down to places and digits."""
    loaded, desired, problems = read
    return {
        "manifests": [_manifest(one) for one in loaded.manifests],
        "broken": [_document(one) for one in loaded.broken],
        "desired": [asked(one) for one in desired],
        "mistakes of files": loaded.problems,
        "mistakes": problems,
    }


def asked(one: Desired) -> dict[str, Any]:
    """What a manifest asks of a registry. Texts of numbers: equal ones may be written otherwise."""
    return {
        "registry": one.registry,
        "name": one.name,
        "table": None if one.table is None else id(one.table),
        "fields": [
            (path, item, type(value), repr(value), one.place(path))
            for path, (item, value) in one.fields.items()
        ],
        "unheld": one.unheld,
        "refusals": one.refusals,
        "overridden": one.overridden,
        "units": list(one.units.items()),
        "hints": one.hints,
    }


def _manifest(one: Manifest) -> dict[str, Any]:
    paths = [(), ("metadata", "name"), ("spec", "not", "there"), *_paths(one.document.root, ())]
    return {
        "resource": one.resource,
        "name": one.name,
        "labels": dict(one.labels),
        "registries": one.registries,
        "named at": one.named_at,
        "value": repr(one.value),
        "set": _set(one.value),
        "document": _document(one.document),
        "places": [_places(one, path) for path in paths],
    }


def _set(value: Any) -> Any:
    """Which fields are declared, down to the last: one that is left out is another than null."""
    if isinstance(value, BaseModel):
        return {name: _set(getattr(value, name)) for name in sorted(value.model_fields_set)}
    return {key: _set(item) for key, item in value.items()} if isinstance(value, dict) else None


def _places(one: Manifest, path: tuple[str | int, ...]) -> tuple[Place, Place]:
    return one.place(*path), one.place(*path, key=True)


def _document(one: Document) -> tuple[Any, ...]:
    return one.file, one.index, one.line, one.column, repr(one.root)


def _paths(tree: Any, above: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    pairs: Any = (
        tree.items() if isinstance(tree, Mapping) else enumerate(tree if type(tree) is not str else ())
    )
    for step, below in pairs:
        yield (*above, step)
        if isinstance(below, Mapping | list):
            yield from _paths(below, (*above, step))


def at(config: LoadedConfig, folder: Path) -> LoadedConfig:
    """``config`` as if its file stood in ``folder``, with the manifests in ``models``."""
    value = config.value.model_copy(update={"manifests": "models"})
    return replace(config, value=value, folder=folder)
