"""What a kind of registry is to the rest of the house: its tables, and which module talks.

What that module is given and gives is in `interface.py`, which validation does without.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from reconciler.errors import PluginError
from reconciler.registries.rows import Path, Table

if TYPE_CHECKING:
    from reconciler.registries.interface import Client, LiveObject

PLUGIN_HINT: Final = "install another version of it, or uninstall it"


def described(error: BaseException) -> str:
    """An error of somebody else's code in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A manifest asks for a variant, or a resource, that this version has no table for."""

    message: str


Account = Callable[[Sequence["LiveObject"]], str | None]
"""Whose registry it is, in a few words, as its objects tell; None where none of them does."""


def _untold(_: Sequence[LiveObject]) -> None:
    return None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Kind:
    """One kind of registry.

    ``tables`` are by variant. ``choose`` picks the table of a manifest by its resource and the paths that
    it declares (with a value that is not null; of the native part, the first step). ``client_module``
    is the module that talks; it is imported late, because validation needs no HTTP. ``takes_auth``: a
    key may be exchanged for its tokens. ``embedded_path`` is where the embedded registry speaks it.
    ``account`` tells whose registry it is. ``origin`` is the distribution that a plugin came with; empty
    for our own. ``by_name``: the resources whose objects its reader, a ReaderByName, can read by exact name,
    and of how many names at once; only where a create sends the name, and ``usages`` tells nothing.
    """

    name: str
    title: str
    tables: Mapping[str, Table]
    choose: Callable[[str, Mapping[Path, Any]], Table | Unsupported]
    client_module: str
    requests_per_minute: int
    takes_auth: bool = False
    embedded_path: str = ""
    account: Account = _untold
    origin: str = ""
    by_name: Mapping[str, int] = field(default_factory=dict)

    def client(self) -> Client:
        """The module that talks, which is a Client. Raises PluginError where that of a plugin is broken."""
        try:
            module: Any = importlib.import_module(self.client_module)
        except Exception as error:
            if not self.origin:
                raise
            raise self._broken(f"cannot be imported: {described(error)}") from None
        for name in ("reader", "writer") if self.origin else ():
            if not callable(getattr(module, name, None)):
                raise self._broken(f"has no function '{name}'")
        return cast("Client", module)

    def _broken(self, what: str) -> PluginError:
        message = f"{self.origin}: the module {self.client_module} of kind {self.name} {what}"
        return PluginError(message, hint=PLUGIN_HINT)

    def tables_of(self, resource: str) -> tuple[Table, ...]:
        """The tables of one resource, the usual one first; none where this kind holds no such objects."""
        return tuple(table for table in self.tables.values() if table.resource == resource)
