"""The folder of manifests: every document of every file, valid by its own shape, with unique names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from reconciler.errors import Place, Problem
from reconciler.manifests.config import LoadedConfig, unknown_registry
from reconciler.manifests.model import Model, pricing_gaps
from reconciler.manifests.problems import did_you_mean, dotted, validate
from reconciler.manifests.provider import Provider
from reconciler.manifests.vocabulary import NAME, full
from reconciler.manifests.yamltree import Document, Map, locate

Resource = Model | Provider
RESOURCES: Mapping[str, type[Model] | type[Provider]] = {"Model": Model, "Provider": Provider}
"""The kinds of manifest, by the word that `kind` holds."""


class Origin(Protocol):
    """Where a manifest was read from, and can be read again."""

    def document(self) -> Document:
        """The document, with its places."""
        ...


@dataclass(slots=True, eq=False, repr=False)
class Manifest:
    """One valid manifest. ``resource`` is its kind; ``registries`` are those that it is for, defaults
    applied; ``named_at`` is where its name is written.

    Its tree and its typed value are large, and most runs need neither of most manifests: they are read anew
    from ``origin`` when they are asked for.
    """

    resource: str
    name: str
    labels: Mapping[str, str]
    registries: tuple[str, ...]
    named_at: Place
    origin: Document | Origin
    known: Resource | None = None

    @property
    def document(self) -> Document:
        """Its tree."""
        return self.origin if isinstance(self.origin, Document) else self.origin.document()

    @property
    def value(self) -> Resource:
        """It as an instance of the model of its kind."""
        if self.known is not None:
            return self.known
        return RESOURCES[self.resource].model_validate(self.document.root)

    def place(self, *path: str | int, key: bool = False) -> Place:
        """Where ``path`` (from the document's root) is written."""
        if path == _NAME and not key:
            return self.named_at
        return locate(self.document, path, key=key)


_NAME: Final = ("metadata", "name")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the folder holds. ``broken`` are documents whose own shape is wrong; the tables can still
    say what else is wrong with them, so that all mistakes come in one run."""

    manifests: list[Manifest]
    broken: list[Document]
    problems: list[Problem]


def but_for(known: Iterable[Problem], more: Iterable[Problem]) -> list[Problem]:
    """``more`` without those at a place that ``known`` has a mistake at: what could not be read there
    needs no second complaint."""
    places = {problem.place for problem in known}
    return [problem for problem in more if problem.place not in places]


def read_documents(config: LoadedConfig, documents: Iterable[Document | Manifest]) -> Loaded:
    """Every one of ``documents`` as a manifest, or what is wrong with it. What is a manifest already is taken
    as valid by itself."""
    manifests: list[Manifest] = []
    broken: list[Document] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, str], Place] = {}
    for document in documents:
        if isinstance(document, Manifest):
            problems += _duplicate(document.resource, document.name, document.named_at, seen)
            manifests.append(document)
            continue
        named = _named(document)
        place = _named_at(document)
        manifest, found = _manifest(config, document, place)
        problems += found
        if named is not None:
            problems += _duplicate(*named, place, seen)
        if manifest is None:
            broken.append(document)
        else:
            manifests.append(manifest)
    return Loaded(manifests, broken, problems)


def _named(document: Document) -> tuple[str, str] | None:
    """The kind and the name of a document, which may be broken elsewhere."""
    root: Any = document.root
    metadata = root.get("metadata") if isinstance(root, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    kind = root.get("kind") if isinstance(root, dict) else None
    if not isinstance(name, str) or not isinstance(kind, str) or kind not in RESOURCES:
        return None
    return kind, name


def _named_at(document: Document) -> Place:
    """Where the name of a document is written, or the deepest thing on the way to it."""
    root = document.root
    metadata = root.get("metadata") if isinstance(root, Map) else None
    if not isinstance(metadata, Map) or "name" not in metadata:
        return locate(document, _NAME)
    return Place(document.file, *metadata.value_place("name"))


def _duplicate(kind: str, name: str, place: Place, seen: dict[tuple[str, str], Place]) -> list[Problem]:
    """A name that is already declared for a manifest of the same kind; broken documents count too."""
    first = seen.setdefault((kind, name), place)
    if first is place:
        return []
    message = f"a {kind} named '{name}' is already declared"
    hint = f"names are unique within one kind; for one {kind.lower()} in several registries list them"
    return [Problem("duplicate-name", message, place, hint, "metadata.name", (first,))]


def _manifest(
    config: LoadedConfig, document: Document, named_at: Place
) -> tuple[Manifest | None, list[Problem]]:
    if not isinstance(document.root, dict):
        place = Place(document.file, document.line, document.column)
        hint = "it starts with apiVersion, kind, metadata and spec"
        return None, [Problem("not-a-manifest", "a manifest is a mapping", place, hint)]
    kind: Any = document.root.get("kind")
    if not isinstance(kind, str) or kind not in RESOURCES:
        return None, [_unknown_kind(document, kind)]
    value, problems = validate(RESOURCES[kind], document)
    problems += _registry_problems(config, document)
    if RESOURCES[kind] is Model and (value is None or value.spec.overrides):
        problems += _price_problems(document, problems)
    if value is None or problems:
        return None, problems
    registries = value.spec.registries or config.value.default_registries or ()
    manifest = Manifest(
        kind,
        value.metadata.name,
        value.metadata.labels,
        tuple(dict.fromkeys(registries)),
        named_at,
        document,
        value,
    )
    return manifest, []


def _unknown_kind(document: Document, kind: object) -> Problem:
    known = ", ".join(RESOURCES)
    if kind is None:
        place = locate(document, ("kind",), key=True)
        slip = next((key for key in document.root if did_you_mean(key, ("kind",))), None)
        way_out = f"is '{slip}' a slip?" if slip else f"known here: {known}"
        return Problem("missing", "'kind' is missing", place, way_out, "kind")
    place = locate(document, ("kind",))
    if not isinstance(kind, str):
        return Problem("string-type", "must be a text", place, f"known here: {known}", "kind")
    if kind == "Config":
        hint: str | None = "reconciler.yaml stands outside the folder of manifests"
    else:
        hint = " ".join(part for part in (did_you_mean(kind, RESOURCES), f"known here: {known}") if part)
    return Problem("unknown-kind", f"'{kind}' is not a kind of manifest", place, hint, "kind")


def _mapping(tree: Any, key: str) -> Mapping[str, Any]:
    """A mapping of a document that may be broken; empty where there is none."""
    below = tree.get(key) if isinstance(tree, dict) else None
    return below if isinstance(below, dict) else {}


def _price_problems(document: Document, known: list[Problem]) -> Iterator[Problem]:
    """Units and currencies that are missing.

    pydantic does not come to them where something else in `pricing` is wrong, and knows nothing of what
    an override is laid over.
    """
    spec = _mapping(document.root, "spec")
    base = _mapping(spec, "pricing")
    reported = {(problem.code, problem.path) for problem in known}
    owners: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [(("spec", "pricing"), {})]
    owners += [(("spec", "overrides", name, "pricing"), base) for name in _mapping(spec, "overrides")]
    for path, below in owners:
        tree: Any = document.root
        for step in path:
            tree = _mapping(tree, step)
        for code, message, hint in pricing_gaps(tree, below):
            if (code, dotted(path)) not in reported:
                yield Problem(code, message, locate(document, path), hint, dotted(path))


def _registry_problems(config: LoadedConfig, document: Document) -> Iterator[Problem]:
    """Registries that reconciler.yaml does not have. The document may be broken elsewhere."""
    spec: Any = document.root.get("spec")
    if not isinstance(spec, dict):
        return
    known = config.value.registries
    named: Any = spec.get("registries")
    listed = named if isinstance(named, list) else []
    paths: list[tuple[Any, tuple[str | int, ...]]]
    paths = [(name, ("registries", index)) for index, name in enumerate(listed)]
    paths += [(name, ("overrides", name)) for name in _mapping(spec, "overrides")]
    for name, path in paths:
        if isinstance(name, str) and name not in known and full(NAME).match(name):
            place = locate(document, ("spec", *path), key=True)
            yield unknown_registry(config, name, place, dotted(("spec", *path)))
    if "registries" not in spec and config.value.default_registries is None:
        yield Problem(
            "missing",
            "'registries' is missing",
            locate(document, ("spec",), key=True),
            "name them here, or set default_registries in reconciler.yaml",
            "spec.registries",
        )
