"""What a request is, in words that hold for every vendor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from reconciler.embedded import wire

_WATSONX: Final = ("/api/v1/models", "/v1/orchestrate/models")
_CHANGES: Final = {"PATCH": "update", "PUT": "update", "GET": "get"}


@dataclass(frozen=True, slots=True)
class Call:
    """``kind`` is one of ``rules.KINDS``. ``names`` are those that its object goes by, as far as it says."""

    method: str
    path: str
    kind: str
    names: frozenset[str] = frozenset()


def call_of(method: str, path: str, query: bytes, content: bytes) -> Call:
    """The call that a request makes. ``path`` is decoded, and has no query."""
    for of in (_orq, _watsonx, _respan):
        found = of(method, path, query)
        if found is not None:
            kind, identity, keys = found
            names = {identity, *_named(content, keys)} - {""}
            return Call(method, path, kind, frozenset(names))
    return Call(method, path, "other")


_Found = tuple[str, str, Sequence[str]] | None
"""The kind, the id in the path, and the keys of a body that name its object."""


def _orq(method: str, path: str, _query: bytes) -> _Found:
    keys = ("id", "model_id", "display_name")
    if path.startswith("/v2/workspace-models"):
        return "switch", _below(path, "/v2/workspace-models"), ("model_id",)
    if path == "/v2/deployments":
        return "usages", "", ()
    if path == "/v2/models":
        return ("list", "", ()) if method == "GET" else ("create", "", keys)
    if path == "/v2/models/openai-like":
        return "create", "", keys
    if path.startswith("/v2/models/"):
        return "update", _below(path, "/v2/models").removeprefix("openai-like/"), keys
    return None


def _watsonx(method: str, path: str, query: bytes) -> _Found:
    if path == "/identity/token":
        return "token", "", ()
    base = next((base for base in _WATSONX if path == base or path.startswith(f"{base}/")), None)
    if base is None:
        return None
    asked = parse_qs(query.decode("latin-1"))
    identity = _below(path, base)
    keys = ("name", "display_name")
    if method == "GET":
        name = asked.get("name", asked.get("id", [""]))[0]
        return ("get" if name else "list"), name, ()
    return ("update" if identity else "create"), identity, keys


def _respan(method: str, path: str, _query: bytes) -> _Found:
    for base, keys in (
        ("/api/models", ("model_name", "display_name")),
        ("/api/providers", ("provider_id", "provider_name")),
    ):
        if path != base and not path.startswith(f"{base}/"):
            continue
        identity = _below(path, base).removesuffix("/")
        if identity == "list" and base == "/api/models":
            return "list", "", ()
        if identity:
            return _CHANGES.get(method, "other"), identity, keys
        return ("list", "", ()) if method == "GET" else ("create", "", keys)
    return None


def _below(path: str, base: str) -> str:
    return path.removeprefix(base).removeprefix("/")


def _named(content: bytes, keys: Sequence[str]) -> set[str]:
    """The names in a body; none where it is not an object, which the registry will say."""
    if not keys or not content:
        return set()
    try:
        body: Any = wire.loads(content)
    except wire.InvalidJSONError:
        return set()
    if not isinstance(body, Mapping):
        return set()
    return {body[key] for key in keys if isinstance(body.get(key), str)}
