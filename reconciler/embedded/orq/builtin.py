"""The vendor's own models that every new registry has.

A real workspace lists a few hundred of them beside its own. These stand for them: a client must tell
them from its own by their ``owner``, and cannot change them.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from reconciler.embedded.orq import document, table


@dataclass(frozen=True, slots=True)
class _Chat:
    """``costs``: USD per 1,000 tokens of input and output; ``limits``: tokens of context and output."""

    provider: str
    model: str
    name: str
    costs: tuple[str, str]
    limits: tuple[int, int]


_CHAT_MODELS = (
    _Chat("openai", "gpt-4o", "GPT-4o", ("0.0025", "0.01"), (128_000, 16_384)),
    _Chat("openai", "gpt-4o-mini", "GPT-4o mini", ("0.00015", "0.0006"), (128_000, 16_384)),
    _Chat("anthropic", "claude-sonnet-4-5", "Claude Sonnet 4.5", ("0.003", "0.015"), (200_000, 64_000)),
)


def add_all(connection: sqlite3.Connection) -> None:
    """Adds the models to a new database, inside its transaction."""
    for chat in _CHAT_MODELS:
        model = document.new_model(_create_body(chat), owner=document.SYSTEM)
        table.insert(connection, model.document, sealed=None)


def _create_body(chat: _Chat) -> dict[str, Any]:
    window, output = chat.limits
    return {
        "configuration": {},
        "display_name": chat.name,
        "has_functions": True,
        "id": f"{chat.provider}/{chat.model}",
        "input_cost": Decimal(chat.costs[0]),
        "metadata": {
            "is_private": False,
            "context_window": window,
            "max_output_tokens": output,
            "supports_streaming": True,
            "supports_tool_calling": True,
            "supports_vision": True,
        },
        "model_developer": chat.provider,
        "model_family": chat.model.partition("-")[0],
        "model_id": chat.model,
        "model_type": "chat",
        "output_cost": Decimal(chat.costs[1]),
        "parameters": [_slider("temperature", "Temperature", 2), _slider("maxTokens", "Max tokens", output)],
        "provider": chat.provider,
    }


def _slider(parameter: str, name: str, highest: int) -> dict[str, Any]:
    config = {"min": 0, "max": highest}
    return {"config": config, "name": name, "parameter": parameter, "parameter_type": "slider"}
