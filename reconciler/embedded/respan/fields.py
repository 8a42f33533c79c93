"""What the bodies of Respan's routes may hold.

Sources: the API reference of ``POST /api/models/`` for the fields and their types, the vendor's client
(respan-api, April to November 2026) for the rest. Unknown fields are taken and ignored, as Django REST
serialisers do; no source states it, and the newest client has dropped fields that older ones send.
"""

from __future__ import annotations

from reconciler.embedded.answers import Mismatch
from reconciler.embedded.shapes import (
    Check,
    amount,
    array,
    count,
    either,
    flag,
    free_object,
    identifier,
    integer,
    nullable,
    open_object,
    text,
)

COSTS = ("input_cost", "output_cost", "cache_hit_input_cost", "cache_creation_input_cost")
"""USD per 1M tokens."""

FLAGS = ("streaming_support", "function_call", "image_support")
"""0 or 1, never a JSON boolean."""

PROVIDER_KEYS = ("custom_provider_id", "provider_id")
"""Two names of one field."""


def _zero_or_one(path: str, value: object) -> None:
    integer(path, value)
    if value not in {0, 1}:
        raise Mismatch(path, "must be 0 or 1")


_MODEL: dict[str, Check] = {
    "base_model_name": text,
    "display_name": text,
    **dict.fromkeys(PROVIDER_KEYS, either(integer, text)),
    **dict.fromkeys(COSTS, amount),
    "max_context_window": count,
    **dict.fromkeys(FLAGS, _zero_or_one),
    "supported_params_override": free_object,
}

MODEL_FIELDS = tuple(key for key in _MODEL if key not in PROVIDER_KEYS)
"""The fields of a body that are kept under their own names."""

CREATE: Check = open_object({"model_name": identifier}, _MODEL)
"""The body of ``POST /api/models/``."""

# A null is refused everywhere: no source says what it does.
UPDATE: Check = open_object({}, _MODEL)
"""The body of ``PATCH`` and ``PUT /api/models/{model_name}/``, where ``model_name`` is read-only."""

LIST: Check = open_object(
    {},
    {
        "filters": nullable(open_object({})),
        "is_exporting": nullable(flag),
    },
)
"""The body of ``POST /api/models/list/``."""

FILTER: Check = open_object({"value": array(lambda _path, _value: None)}, {"operator": text})
"""One entry of ``filters``."""

NEW_PROVIDER: Check = open_object(
    {"provider_id": identifier, "provider_name": text}, {"api_key": text, "extra_kwargs": free_object}
)
"""The body of ``POST /api/providers/``."""

PROVIDER: Check = open_object({}, {"provider_name": text, "api_key": text, "extra_kwargs": free_object})
"""The body of ``PATCH /api/providers/{id}/``."""
