"""Which vendor's API a path belongs to, and with it how errors are worded there."""

from __future__ import annotations

from reconciler.embedded.answers import Dialect
from reconciler.embedded.orq.errors import DIALECT as ORQ
from reconciler.embedded.respan.errors import DIALECT as RESPAN
from reconciler.embedded.watsonx.errors import DIALECT as WATSONX

_PREFIXES = (("/api/v1/", WATSONX), ("/v1/orchestrate/", WATSONX), ("/identity/", WATSONX), ("/api/", RESPAN))


def of(path: str) -> Dialect:
    """The dialect of ``path``; Orq's for what belongs to nobody."""
    return next((dialect for prefix, dialect in _PREFIXES if path.startswith(prefix)), ORQ)
