"""The native part of a manifest, flat: each leaf checked against the table that it is for.

Credentials are looked for here, because only the tables know which part of a native tree is free: a
secret is a reference, also under a key that no row knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from reconciler.draft import Draft
from reconciler.manifests.fields import LITERAL, secret_shape_problem
from reconciler.manifests.problems import did_you_mean, dotted
from reconciler.manifests.secretkeys import secret_in_address, secret_key
from reconciler.registries.codecs import EmptyMapping, SecretText, Tree, TreeOrSecret
from reconciler.registries.rows import REST, Clear, Field, Path, Table


def laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with an override's tree over it: mapping by mapping; anything else replaces what is there."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = laid_over(below, value) if _is_group(below) and _is_group(value) else value
    return result


def _is_group(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether ``value`` is a mapping of fields; a reference to a secret is one value."""
    return isinstance(value, dict) and not (set(value) == {"secret"} and isinstance(value["secret"], str))


def paths_of(tree: Mapping[str, Any], above: Path) -> Iterator[Path]:
    """Every path that stands in ``tree``, those of its mappings too."""
    for key, value in tree.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from paths_of(value, (*above, key))


def native_leaves(
    draft: Draft, table: Table, tree: Mapping[str, Any], above: Path = ()
) -> Iterator[tuple[Path, Any]]:
    """Every native value, flat down to what a row takes; unknown keys become Problems."""
    inside = above or ("native", table.kind)
    for key, value in tree.items():
        path, item = table.below(inside, key)
        if isinstance(value, dict) and value and _goes_deeper(table, path, item, value):
            yield from native_leaves(draft, table, value, path)
        elif item is None and value == {} and table.has_below(path):
            continue  # a group without a field declares nothing
        elif item is None:
            _unknown_native(draft, table, path, value)
        elif value is None and isinstance(item.row.codec, EmptyMapping) and item.row.clear is Clear.NEVER:
            draft.problem("native-value", "must be a mapping; null stands for single keys", path)
        else:
            yield path, value


def _goes_deeper(table: Table, path: Path, item: Field | None, value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a group of fields rather than the value of one."""
    if _is_secret(item, value):
        return False
    return (item is not None and _is_free(item)) or table.has_below(path)


def _is_free(item: Field) -> bool:
    return any(known[-1] == REST for known in item.row.native)


def _is_secret(item: Field | None, value: Mapping[str, Any]) -> bool:
    if item is None:
        return False
    if isinstance(item.row.codec, SecretText):
        return True
    return isinstance(item.row.codec, TreeOrSecret) and set(value) == {"secret"}


def _unknown_native(draft: Draft, table: Table, path: Path, value: Any) -> None:
    if table.has_below(path):
        hint = "null stands for single keys" if value is None else None
        draft.problem("native-value", "must be a mapping", path, hint)
        return
    known = table.native_words(path[:-1])
    hint = did_you_mean(path[-1], known)
    other = next((other for other in draft.kind.tables_of(table.resource) if _has(other, path)), None)
    if other is not None and other.described_by:
        hint = f"it belongs to {other.described_by}; this is {table.described_by}"
    elif hint is None and len(known) <= 30:
        hint = f"known here: {', '.join(known)}"
    elif hint is None:
        hint = f"docs/manifest.md lists the {len(known)} keys that may stand here"
    message = f"{dotted(path[:-1])} has no field '{path[-1]}'"
    draft.problem("unknown-field", message, path, hint, key=True)


def _has(table: Table, path: Path) -> bool:
    return table.find(path) is not None or table.has_below(path)


def literal_secret(draft: Draft, item: Field, path: Path, value: Any) -> bool:
    """Whether a credential is written out in a free value; if so, adds the mistake, without the value."""
    if not isinstance(item.row.codec, Tree) or not (_is_free(item) or item.row.codec.free):
        return False
    return _tell_literal(draft, path, value, may_refer=isinstance(item.row.codec, TreeOrSecret))


def check_free(draft: Draft, tree: Mapping[str, Any], above: Path = ()) -> None:
    """Adds every credential that is written out in a native tree that no table describes."""
    for key, value in tree.items():
        path = (*(above or ("native", draft.kind.name)), key)
        if isinstance(value, dict) and set(value) != {"secret"}:
            check_free(draft, value, path)
        else:
            _tell_literal(draft, path, value, may_refer=True)


def _tell_literal(draft: Draft, path: Path, value: Any, *, may_refer: bool) -> bool:
    message = _literal(path[-1], value, may_refer=may_refer)
    if message is None:
        return False
    hint = "name it in reconciler.yaml and write {secret: NAME}"
    draft.problem(LITERAL, f"{path[-1]}: {message}", path, hint)
    return True


def _literal(key: str, value: Any, *, may_refer: bool) -> str | None:
    """What is wrong with ``value`` below ``key``, or None."""
    if isinstance(value, Mapping):
        if "secret" in value and not may_refer:
            return "a reference to a secret cannot stand here"
        if set(value) == {"secret"}:
            return secret_shape_problem(value)
        problems = (_literal(name, item, may_refer=may_refer) for name, item in value.items())
        return next((problem for problem in problems if problem), None)
    if isinstance(value, list):
        # Lists are sent as they stand, so no reference in one would be resolved.
        problems = (_literal(key, item, may_refer=False) for item in value)
        return next((problem for problem in problems if problem), None)
    if isinstance(value, str) and secret_in_address().search(value):
        return "an address here has no user information, and no key in its query"
    written = value is not None and not isinstance(value, bool)
    return "a secret is never written in a manifest" if written and secret_key().search(key) else None
