"""A Respan model as it is stored, and as answers show it.

Stored is what was sent. Shown are effective values: where a model has none of its own, those of its base,
of the base's base, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from reconciler.embedded.answers import Mismatch, Refused
from reconciler.embedded.respan.fields import COSTS, FLAGS, MODEL_FIELDS, PROVIDER_KEYS

Document = dict[str, Any]
Find = Callable[[str], Document | None]

VENDOR = "keywordsai"
"""The ``affiliation_category`` of the vendor's models; for some months of 2026 it was ``respan``."""

_INHERITED = (*COSTS, *FLAGS, "max_context_window", "provider")

# The reference shows no example of either; the names are those of the OpenAI API.
_PARAMS: Document = {
    "max_tokens": {"type": "int", "range": {"min": 1, "max": 4096}},
    "temperature": {"type": "float", "range": {"min": 0, "max": 2}},
    "top_p": {"type": "float", "range": {"min": 0, "max": 1}},
}


def merged(live: Document, body: Document) -> Document:
    """``live`` with what the body names, for ``POST`` and ``PATCH``.

    For the upsert, no source states whether fields that the body leaves out are reset ("updated with the
    new values"); here they stay.
    """
    sent = {key: body[key] for key in MODEL_FIELDS if key in body}
    return {**live, **sent, "updated_at": current_time()}


def replaced(live: Document, body: Document) -> Document:
    """What ``PUT`` leaves of ``live``: its name and when it was made."""
    kept = {key: live[key] for key in ("model_name", "affiliation_category", "created_at")}
    return merged(kept, body)


def new(name: str) -> Document:
    return {"model_name": name, "affiliation_category": "custom", "created_at": current_time()}


def is_vendors(model: Document) -> bool:
    return bool(model["affiliation_category"] != "custom")


def provider_reference(body: Document) -> str | None:
    """The provider that a body names, by its id or by its number."""
    named = [str(body[key]) for key in PROVIDER_KEYS if key in body]
    if len(set(named)) > 1:
        raise Mismatch(PROVIDER_KEYS[1], f"differs from {PROVIDER_KEYS[0]}; send one of them")
    return named[0] if named else None


def check(model: Document, find: Find) -> None:
    """Raises Refused where ``model`` has neither base nor provider, or a base that will not do."""
    if "base_model_name" not in model and "provider" not in model:
        raise Mismatch("custom_provider_id", "Required unless base_model_name is set.", kind="missing")
    names = [model["model_name"]]
    for base in _bases(model, find):
        if base is None:
            raise Refused(400, "Base model not found", body={"error": "Base model not found"})
        if base["model_name"] in names:
            # No source states it. Nothing could be inherited from a circle.
            raise Refused(400, "A model cannot inherit from itself")
        names.append(base["model_name"])


def shown(model: Document, find: Find, find_provider: Find) -> Document:
    """``model`` as answers show it."""
    line = list(_line(model, find))
    effective = {key: _first(line, key) for key in _INHERITED}
    provider = effective["provider"] and find_provider(effective["provider"])
    answer = {
        "id": model["model_name"],
        "model_name": model["model_name"],
        # What stands for a name that was not sent, no source states.
        "display_name": model.get("display_name", model["model_name"]),
        "affiliation_category": model["affiliation_category"],
        # Unset cache costs read back as 0.0; for the other two no source says otherwise.
        **{key: Decimal("0.0") if effective[key] is None else effective[key] for key in COSTS},
        **{key: effective[key] or 0 for key in FLAGS},
        "max_context_window": effective["max_context_window"],
        "source": "hardcoded" if is_vendors(model) else "db",
        "supported_params": _supported_params(line),
        "provider": provider or None,
        "created_at": model["created_at"],
        "updated_at": model["updated_at"],
    }
    if "base_model_name" in model:
        answer["base_model_name"] = model["base_model_name"]
    return answer


def current_time() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _bases(model: Document, find: Find) -> Iterator[Document | None]:
    """The base, its base, and so on; None for one that is not there. It may be a circle."""
    current: Document | None = model
    while current is not None and "base_model_name" in current:
        current = find(current["base_model_name"])
        yield current


def _line(model: Document, find: Find) -> Iterator[Document]:
    """A stored model and its bases; ``check`` has seen to it that they end."""
    yield model
    yield from (base for base in _bases(model, find) if base is not None)


def _first(line: Sequence[Document], key: str) -> Any:
    return next((model[key] for model in line if key in model), None)


def _supported_params(line: Sequence[Document]) -> Document:
    """What is left of the usual parameters after the overrides, the nearest last; null takes one away."""
    params = dict(_PARAMS)
    for model in reversed(line):
        params.update(model.get("supported_params_override", {}))
    return {key: value for key, value in params.items() if value is not None}
