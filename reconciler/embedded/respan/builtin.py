"""The vendor's own models and providers that every registry has.

A real organisation lists hundreds of them beside its own. These stand for them: a client must tell them
from its own by their ``affiliation_category``, may inherit from them, and cannot change them.
"""

from __future__ import annotations

import sqlite3
from decimal import Decimal

from reconciler.embedded.respan import model, table

_PROVIDERS = {"openai": "OpenAI", "anthropic": "Anthropic"}

_MODELS = (
    # name, provider, USD per 1M tokens of input and output, context, tools, images
    ("gpt-4", "openai", "30", "60", 8192, 1, 0),
    ("gpt-4o", "openai", "2.5", "10", 128_000, 1, 1),
    ("openai/gpt-4o-mini", "openai", "0.15", "0.6", 128_000, 1, 1),
    ("claude-sonnet-4-5", "anthropic", "3", "15", 200_000, 1, 1),
)


def add_all(connection: sqlite3.Connection) -> None:
    """Adds them to a new database, inside its transaction."""
    for identity, name in _PROVIDERS.items():
        now = model.current_time()
        document = {"provider_id": identity, "provider_name": name, "is_managed": True}
        table.put_provider(connection, {**document, "created_at": now, "updated_at": now}, sealed=None)
    for name, provider, input_cost, output_cost, window, tools, images in _MODELS:
        table.put_model(
            connection,
            model.merged(
                {**model.new(name), "affiliation_category": model.VENDOR, "provider": provider},
                {
                    "input_cost": Decimal(input_cost),
                    "output_cost": Decimal(output_cost),
                    "max_context_window": window,
                    "streaming_support": 1,
                    "function_call": tools,
                    "image_support": images,
                },
            ),
        )
