"""The vendor's own models, which ``GET /models/list`` shows beside the tenant's.

The tags are the service's: the vendor's client knows ``default``, ``third party`` and ``recommended``.
"""

from __future__ import annotations

import sqlite3

from reconciler.embedded.watsonx import table
from reconciler.embedded.watsonx.model import Document

_MODELS = (
    ("groq/openai/gpt-oss-120b", "GPT-OSS 120B", ["default", "recommended", "third party"]),
    ("watsonx/ibm/granite-3-3-8b-instruct", "Granite 3.3 8B Instruct", ["default"]),
)


def add_all(connection: sqlite3.Connection) -> None:
    """Adds them to a new database, inside its transaction. Their ids are their names."""
    for name, title, tags in _MODELS:
        table.put(connection, document(name, title, tags), sealed=None, is_virtual=False)


def document(name: str, title: str, tags: list[str]) -> Document:
    """A model of the vendor's, as the list shows it."""
    return {
        "id": name,
        "name": name,
        "display_name": title,
        "description": title,
        "provider_config": None,
        "config": None,
        "tags": tags,
        "model_type": "chat",
        "connection_id": None,
        "tenant_id": None,
    }
