"""From a file of contents to what the embedded registry holds. Shared by `serve --seed` and `seed`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconciler.cli.console import shown_path
from reconciler.embedded.seed import Mistake, Seeded, SeedError, seed
from reconciler.errors import InputError, Place, Problem
from reconciler.manifests.problems import dotted
from reconciler.manifests.yamltree import Document, Limits, locate, parse
from reconciler.report.counting import counted

_EXAMPLE: Final = "it starts with a vendor: orq, respan or watsonx; docs/embedded.md shows one"
_TITLES: Final = {
    "providers": ("provider", "providers"),
    "vendor_models": ("vendor model", "vendor models"),
    "models": ("model", "models"),
    "openai_like": ("openai-like model", "openai-like models"),
    "deployments": ("deployment", "deployments"),
}
_CODES: Final = {"extra_forbidden": "unknown-field", "type_error": "type", "value_error": "value"}


def read(path: Path) -> Document:
    """The one document of a file of contents, not checked further than as YAML.

    Raises InputError with every mistake.
    """
    file = shown_path(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(Limits().file_bytes + 1)
    except OSError as error:
        raise InputError([Problem("seed-unreadable", _reason(error), Place(file))]) from None
    if len(data) > Limits().file_bytes:
        message = f"the file has more than {Limits().file_bytes:,} bytes"
        raise InputError([Problem("file-too-large", message, Place(file))])
    documents, problems = parse(data, file)
    if not problems and len(documents) != 1:
        place = Place(file, documents[1].line, documents[1].column) if documents else Place(file)
        message = "the contents are exactly one document"
        problems = [Problem("seed-documents", message, place, "join them" if documents else _EXAMPLE)]
    if problems:
        raise InputError(problems)
    return documents[0]


def put(database: Path, contents: Document) -> Seeded:
    """Puts ``contents`` into the file of an embedded registry: all of it, or nothing.

    Raises InputError with every mistake, and StorageError.
    """
    try:
        return seed(database, contents.root)
    except SeedError as error:
        raise InputError(_problem(contents, mistake) for mistake in error.mistakes) from None


def parts(seeded: Seeded) -> Iterator[tuple[str, str]]:
    """What was put in: a vendor, and its entries in words."""
    for vendor, lists in seeded.items():
        yield vendor, ", ".join(counted(number, *_TITLES[name]) for name, number in lists.items())


def _reason(error: OSError) -> str:
    return error.strerror or "cannot be read"


def _problem(contents: Document, mistake: Mistake) -> Problem:
    is_about_key = mistake.kind in {"extra_forbidden", "duplicate"}
    return Problem(
        _CODES.get(mistake.kind, mistake.kind),
        str(mistake),
        locate(contents, mistake.path, key=is_about_key),
        _hint(mistake),
        dotted(mistake.path) or None,
    )


def _hint(mistake: Mistake) -> str | None:
    if not mistake.path:
        return _EXAMPLE
    if mistake.reason == "expected a boolean, got a string":
        return "write true or false: in YAML 1.2, yes and no are texts"
    return None
