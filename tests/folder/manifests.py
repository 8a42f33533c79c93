"""Manifests for Hypothesis, drawn from the tables of every kind that comes with reconciler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import simplejson
from hypothesis import strategies as st

from reconciler.desired import Desired, _desire
from reconciler.errors import Problem
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.manifests.load import Manifest, read_documents
from reconciler.manifests.yamltree import parse
from reconciler.registries import BUILT_IN
from reconciler.registries.codecs import Choice, ZeroOrOne
from reconciler.registries.kind import Kind
from reconciler.registries.rows import Field, Path, Table
from tests.properties.house import SECRETS, UPSTREAM
from tests.properties.strategies import JSON, TEXTS, WHOLES, may_be_null, values

TABLES: Final = [table for kind in BUILT_IN.values() for table in kind.tables.values()]
UNITS: Final = ("1M tokens", "1K tokens", "token")
_PORTABLE: Final = {
    "Model": [("description",), ("family",), ("type",), ("capabilities", "tools")],
    "Provider": [("display_name",)],
}
"""Fields of manifests that many tables have no place for."""


def config_text() -> str:
    entries = "".join(f"  {name}: {{kind: {name}, url: 'https://{name}.example.com'}}\n" for name in BUILT_IN)
    secrets = "".join(f"  {name}: {{env: {name}, hosts: [{UPSTREAM}]}}\n" for name in SECRETS)
    return f"apiVersion: reconciler/v1\nkind: Config\nregistries:\n{entries}secrets:\n{secrets}"


def tree_of(flat: Mapping[Path, Any]) -> dict[str, Any] | None:
    """The tree of flat paths; None where a value stands in the way of another."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        below = tree
        for step in path[:-1]:
            below = below.setdefault(step, {})
            if not isinstance(below, dict):
                return None
        if path[-1] in below:
            return None
        below[path[-1]] = value
    return tree


def _values(item: Field) -> st.SearchStrategy[Any]:
    match item.row.codec:
        case Choice(words=words):
            return st.sampled_from(words)
        case ZeroOrOne():
            return st.booleans() | st.sampled_from([0, 1]) if item.native else st.booleans()
    return values(item)


@st.composite
def documents(draw: st.DrawFn, table: Table, *, odd: bool = True) -> dict[str, Any]:
    """A manifest for ``table``, which may be no valid one; ``odd``: with nulls and values of wrong types."""
    fields = sorted(table.fields(), key=lambda item: item.path)
    some = st.lists(st.sampled_from(fields), min_size=1, max_size=10, unique_by=lambda item: item.path)
    flat: dict[Path, Any] = {}
    for item in draw(some):
        flat[item.path] = draw(_values(item))
        if odd and may_be_null(item) and draw(st.integers(0, 15)) == 0:
            flat[item.path] = None
        if odd and item.native and draw(st.integers(0, 15)) == 0:
            flat[item.path] = draw(JSON | TEXTS | WHOLES | st.just({}))
    for path in draw(st.sets(st.sampled_from(_PORTABLE[table.resource]), max_size=2)):
        flat.setdefault(path, {"capabilities": True, "type": "chat"}.get(path[0], "text"))
    if odd and draw(st.integers(0, 20)) == 0:
        flat[draw(st.sampled_from([("endpoint",), ("limits",), ("native", table.kind, "unknown")]))] = {}
    if any(path[0] == "pricing" for path in flat):
        flat.setdefault(("pricing", "unit"), draw(st.sampled_from(UNITS)))
        currency = st.sampled_from(["USD", "USD", "USD", "EUR"]) if odd else st.just("USD")
        flat.setdefault(("pricing", "currency"), draw(currency))
    order = draw(st.permutations(list(flat)))
    spec = tree_of({path: flat[path] for path in order}) or {}
    head = {"apiVersion": "reconciler/v1", "kind": table.resource, "metadata": {"name": "one"}}
    return {**head, "spec": {"registries": [table.kind], **spec}}


def manifest_of(config: LoadedConfig, document: Mapping[str, Any]) -> Manifest | None:
    """The manifest that a document is, if it is a valid one."""
    text = simplejson.dumps(document, use_decimal=True)
    found, problems = parse(text.encode(), "model.yaml")
    if problems:
        return None
    loaded = read_documents(config, found)
    return loaded.manifests[0] if loaded.manifests else None


def ordinarily(config: LoadedConfig, manifest: Manifest, kind: Kind) -> tuple[Desired, list[Problem]]:
    """What a manifest asks, worked out value by value."""
    return _desire(config, manifest, manifest.registries[0], kind, config.secret_rules())


def loaded_config(folder: Any) -> LoadedConfig:
    path = folder / "reconciler.yaml"
    path.write_text(config_text())
    return load_config(path, "reconciler.yaml")
