"""The kind `orq`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from reconciler.registries.kind import Kind, Unsupported
from reconciler.registries.orq.enabling import BUILTIN
from reconciler.registries.orq.fields import GENERIC, KIND
from reconciler.registries.orq.openai_like import OPENAI_LIKE_TABLE
from reconciler.registries.rows import Path, Table

if TYPE_CHECKING:
    from reconciler.registries.interface import LiveObject

_NATIVE: Final = ("native", KIND)
_OPENAI_LIKE_WORDS: Final = set(OPENAI_LIKE_TABLE.native_words(_NATIVE)) - set(GENERIC.native_words(_NATIVE))


def _choose(resource: str, declared: Mapping[Path, Any]) -> Table | Unsupported:
    if resource != "Model":
        return Unsupported(f"kind orq holds no {resource.lower()}s")
    words = {path[2] for path in declared if path[:2] == _NATIVE}
    if "builtin" in words:
        return BUILTIN
    if any(path[0] == "endpoint" for path in declared) or words & _OPENAI_LIKE_WORDS:
        return OPENAI_LIKE_TABLE
    return GENERIC


def _account(objects: Sequence[LiveObject]) -> str | None:
    """The workspace: its key, which stands before the `@` of a `refId`, else its id, the `owner`."""
    own = [live.raw for live in objects if live.ours]
    references = [str(raw.get("refId")) for raw in own]
    keys = {reference.partition("@")[0] for reference in references if "@" in reference.partition("/")[0]}
    names = keys or {str(raw["owner"]) for raw in own if raw.get("owner")}
    return f"workspace {', '.join(sorted(names))}" if names else None


ORQ: Final = Kind(
    name=KIND,
    title="Orq.ai",
    tables={table.variant: table for table in (GENERIC, OPENAI_LIKE_TABLE, BUILTIN)},
    choose=_choose,
    client_module="reconciler.registries.orq.client",
    # The vendor limits gateway traffic by plan; whether the management routes share it is not stated. [?]
    requests_per_minute=300,
    account=_account,
)
