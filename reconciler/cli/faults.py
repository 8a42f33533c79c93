"""From a file of faults to rules for the embedded registry."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli.console import shown_path
from reconciler.embedded.faults.faults import Faults
from reconciler.embedded.faults.rules import FaultFile
from reconciler.errors import InputError, Place, Problem
from reconciler.manifests.problems import validate
from reconciler.manifests.yamltree import Limits, parse


def read(path: Path) -> Faults:
    """The rules of a file, YAML or JSON. Raises InputError with every mistake."""
    file = shown_path(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(Limits().file_bytes + 1)
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise InputError([Problem("faults-unreadable", reason, Place(file))]) from None
    if len(data) > Limits().file_bytes:
        message = f"the file has more than {Limits().file_bytes:,} bytes"
        raise InputError([Problem("file-too-large", message, Place(file))])
    documents, problems = parse(data, file)
    if not problems and len(documents) != 1:
        place = Place(file, documents[1].line, documents[1].column) if documents else Place(file)
        hint = "join them" if documents else "it starts with `faults:`; docs/embedded.md shows one"
        problems = [Problem("faults-documents", "the rules are exactly one document", place, hint)]
    if problems:
        raise InputError(problems)
    found, problems = validate(FaultFile, documents[0])
    if found is None:
        raise InputError(problems)
    return Faults(found)
