"""The catalogue as the registries show it: computed, so that 100,000 models are there in seconds.

The mapping is written here once more, from the registries' side. It uses the embedded registry's words
for what a server makes of a request, and nothing of the adapters, so that a plan without changes proves
both of them right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import simplejson

from benchmarks.models import VENDORS, Model, models
from reconciler.embedded.orq.document import new_model

Document = dict[str, Any]

OWNER: Final = "0f6c4a3e-5b1d-4f6e-9a55-5d2f8f1d7c11"
WHEN: Final = "2026-11-20T09:00:00.000Z"

_ORQ_PROVIDERS: Final = {
    "azure-openai": "azure",
    "bedrock": "aws",
    "gemini": "google-ai",
    "together-ai": "togetherai",
    "vertex-ai": "google",
}
_ORQ_PRICES: Final = {
    "image": "cost_per_image",
    "search": "million_searches_cost",
    "cache_read": "million_tokens_cache_read_cost",
    "cache_write": "million_tokens_cache_write_cost",
    "cache_write_5m": "million_tokens_cache_write_5m_cost",
    "cache_write_1h": "million_tokens_cache_write_1h_cost",
    "batch.input": "million_tokens_batches_input_cost",
    "batch.output": "million_tokens_batches_output_cost",
    "tiers.above_200k.input": "million_tokens_above_200k_input_cost",
    "tiers.above_200k.output": "million_tokens_above_200k_output_cost",
}
_ORQ_CAPABILITIES: Final = {
    "tools": "supports_tool_calling",
    "strict_tools": "supports_strict_tool",
    "vision": "supports_vision",
    "streaming": "supports_streaming",
    "reasoning": "supports_reasoning",
    "json_schema": "supports_json_schema_response_format",
    "image_edit": "supports_image_edit",
}
_RESPAN_PRICES: Final = {
    "input": "input_cost",
    "output": "output_cost",
    "cache_read": "cache_hit_input_cost",
    "cache_write": "cache_creation_input_cost",
}
_RESPAN_FLAGS: Final = {"tools": "function_call", "vision": "image_support", "streaming": "streaming_support"}


def documents(kind: str, count: int, changed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Name and JSON of each of ``count`` models; ``changed`` of them differ in a field."""
    step = count // changed if changed else 0
    make = {"orq": orq, "respan": respan}[kind]
    for model in models(count):
        turn, rest = divmod(model.index, step) if step else (changed, 0)
        is_other = rest == 0 and turn < changed
        yield model.name, dumps(make(other(model, turn) if is_other else model))


def other(model: Model, turn: int) -> Model:
    """``model`` as somebody left it by hand: one field that every kind of registry shows is another one."""
    if turn % 2:
        return replace(model, display_name=f"{model.display_name} (old)")
    prices = {
        path: price * Decimal("0.9") if path in {"input", "image"} else price
        for path, price in model.prices.items()
    }
    if "image" in prices:  # which Respan does not hold
        return replace(model, prices=prices, display_name=f"{model.display_name} (old)")
    return replace(model, prices=prices)


def dumps(document: Document) -> bytes:
    """Compact JSON, prices digit for digit."""
    text: str = simplejson.dumps(document, ensure_ascii=False, separators=(",", ":"), use_decimal=True)
    return text.encode()


def orq(model: Model) -> Document:
    """One item of ``GET /v2/models``."""
    document = new_model(orq_body(model), owner=OWNER).document
    return {**document, "created": WHEN, "updated": WHEN}


def orq_body(model: Model) -> Document:
    """The body of ``POST /v2/models``."""
    provider = _ORQ_PROVIDERS.get(model.provider, model.provider)
    metadata: Document = {"is_private": True, **model.limits, **model.metadata}
    for path, price in model.prices.items():
        if path in _ORQ_PRICES:
            metadata[_ORQ_PRICES[path]] = _short(price * 1000 if path == "search" else price)
    metadata |= {_ORQ_CAPABILITIES[name]: value for name, value in model.capabilities.items()}
    return {
        "id": model.name,
        "display_name": model.display_name,
        "model_id": model.model,
        "model_developer": model.developer,
        "model_family": model.family,
        "model_type": model.type,
        "provider": provider,
        "has_functions": model.capabilities.get("tools", False),
        "input_cost": _short(model.prices.get("input", Decimal(0)) / 1000),
        "output_cost": _short(model.prices.get("output", Decimal(0)) / 1000),
        "metadata": metadata,
        "parameters": [],
        "configuration": {"provider": provider},
    }


def respan(model: Model) -> Document:
    """One item of ``/api/models/list/``."""
    return {
        "id": model.name,
        "model_name": model.name,
        "display_name": model.display_name,
        "affiliation_category": "custom",
        **{
            key: _short(model.prices[path]) if path in model.prices else Decimal("0.0")
            for path, key in _RESPAN_PRICES.items()
        },
        **{key: int(model.capabilities.get(name, False)) for name, key in _RESPAN_FLAGS.items()},
        "max_context_window": model.limits.get("context_window"),
        "source": "db",
        "supported_params": {"max_tokens": {"type": "int", "range": {"min": 1, "max": 4096}}},
        "provider": respan_provider(model.provider),
        "created_at": WHEN,
        "updated_at": WHEN,
    }


def respan_provider(name: str) -> Document:
    """A provider as its models show it."""
    return {"id": name, "provider_id": name, "provider_name": name}


def respan_providers() -> list[Document]:
    """Every item of ``/api/providers/``."""
    more = {"is_managed": False, "extra_kwargs": {}, "created_at": WHEN, "updated_at": WHEN}
    return [{**respan_provider(name), **more} for name in dict.fromkeys(name for _, name, _ in VENDORS)]


def _short(price: Decimal) -> Decimal | int:
    """Without zeros at the end, and without an exponent."""
    return int(price) if price == price.to_integral_value() else price.normalize()
