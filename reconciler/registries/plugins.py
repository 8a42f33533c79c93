"""Adapters from other distributions, by the entry points of one group.

The name of an entry point is the word for `kind` in reconciler.yaml, its value an object of the type
``Kind``. To look for them reads the metadata of everything that is installed, so it is done late and
once; the module of a plugin is imported only when its kind is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from reconciler.errors import PluginError
from reconciler.registries.kind import PLUGIN_HINT, Kind, described

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "reconciler.registries"


class Kinds(Mapping[str, Kind]):
    """Kinds by name: ``built_in`` first, then the plugins by their names.

    Whatever looks up a name that is not built in, or lists all, may raise PluginError.
    """

    def __init__(self, built_in: Mapping[str, Kind]) -> None:
        self._built_in = built_in
        self._loaded: dict[str, Kind] = {}

    def __getitem__(self, name: str) -> Kind:
        if name in self._built_in:
            return self._built_in[name]
        if name not in self._loaded:
            self._loaded[name] = _load(self._plugins[name])
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._built_in or name in self._plugins

    def __iter__(self) -> Iterator[str]:
        yield from self._built_in
        yield from self._plugins

    def __len__(self) -> int:
        return len(self._built_in) + len(self._plugins)

    @cached_property
    def _plugins(self) -> Mapping[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for point in _entry_points():
            if point.name in self._built_in:
                raise _broken(point, f"the kind '{point.name}' comes with reconciler itself")
            if point.name in found:
                other = _origin(found[point.name])
                raise _broken(point, f"{other} has a kind of the same name")
            found[point.name] = point
        return found


def _entry_points() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes longer than to check a manifest

    try:
        return sorted(entry_points(group=GROUP), key=lambda point: (point.name, _origin(point)))
    except Exception as error:  # noqa: BLE001 - metadata of any form, of any distribution
        message = f"the entry points of the installed distributions cannot be read: {described(error)}"
        raise PluginError(message, hint="find the broken distribution with `pip check`") from None


def _load(point: EntryPoint) -> Kind:
    from reconciler.registries.consistency import mistakes  # noqa: PLC0415 - built-in kinds have a test

    try:
        kind = point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody else's code
        raise _broken(point, described(error)) from None
    if not isinstance(kind, Kind):
        raise _broken(point, f"it is of the type {type(kind).__name__}, and must be a Kind")
    if kind.name != point.name:
        raise _broken(point, f"it holds the kind '{kind.name}'; both names must be the same")
    try:
        found = mistakes(kind)
    except Exception as error:  # noqa: BLE001 - tables of any form
        raise _broken(point, f"its tables cannot be read: {described(error)}") from None
    if found:
        raise _broken(point, "; ".join(found))
    return replace(kind, origin=_origin(point))


def _origin(point: EntryPoint) -> str:
    """The distribution of an entry point, with its version."""
    return "an unnamed distribution" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _broken(point: EntryPoint, what: str) -> PluginError:
    where = f"entry point {point.name} = {point.value} of {_origin(point)}"
    return PluginError(f"{where}: {what}", hint=PLUGIN_HINT)
