"""One manifest for one registry while it is put together: its mistakes, its refusals, its places."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.errors import Place, Problem
from reconciler.manifests.problems import dotted
from reconciler.manifests.yamltree import Document, locate
from reconciler.refusal import Refusal
from reconciler.registries.kind import Kind
from reconciler.registries.rows import Path


@dataclass(slots=True, eq=False, repr=False)
class Draft:
    """Collects what is wrong. ``overridden`` are the paths that the registry's override sets;
    ``in_override`` says that what is looked at now stands in it."""

    document: Document
    registry: str
    kind: Kind
    overridden: frozenset[Path] = frozenset()
    in_override: bool = False
    problems: list[Problem] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def problem(
        self,
        code: str,
        message: str,
        path: Path,
        hint: str | None = None,
        *,
        key: bool = False,
        related: tuple[Place, ...] = (),
    ) -> None:
        """Adds a mistake in the file, at the place of ``path``."""
        shown = (*self._above(path), *path)
        self.problems.append(
            Problem(code, message, locate(self.document, shown, key=key), hint, dotted(shown), related)
        )

    def refuse(self, path: Path, message: str, fix: str | None = None) -> None:
        """Adds a value that this kind of registry cannot take."""
        fix = fix or f"give it another value for this registry under overrides.{self.registry}"
        self.refusals.append(Refusal("cannot-express", f"{dotted(path)}: {message}", fix, (dotted(path),)))

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where the value, or with ``key`` the key, of ``path`` is written."""
        return locate(self.document, (*self._above(path), *path), key=key)

    def _above(self, path: Path) -> Path:
        return above(self.registry, overridden=self.in_override or path in self.overridden)


def above(registry: str, *, overridden: bool) -> Path:
    """Where a path of a spec begins in the document."""
    return ("spec", "overrides", registry) if overridden else ("spec",)
