"""What the suite must know of each kind beyond its tables: one module for each, named for it."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec

from conformance.subject import Subject


@cache
def subject_of(kind: str) -> Subject | None:
    """The subject of a kind; None where nobody has written it yet."""
    name = f"{__name__}.{kind}"
    if find_spec(name) is None:
        return None
    subject: Subject = importlib.import_module(name).SUBJECT
    return subject
