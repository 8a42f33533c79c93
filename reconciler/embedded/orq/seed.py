"""The Orq part of ``reconciler.embedded.seed``."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from reconciler.embedded import wire
from reconciler.embedded.orq import deployments, document, fields, openai_like, table
from reconciler.embedded.orq.document import Document, NewModel
from reconciler.embedded.seeding import Entries, take_flag, take_identity
from reconciler.embedded.shapes import Check, array, closed_object, free_object, identifier, nullable, text
from reconciler.embedded.vault import Vault

_MODEL: Document = {
    "configuration": {},
    "has_functions": False,
    "input_cost": 0,
    "model_developer": "OpenAI",
    "model_family": "gpt",
    "model_type": "chat",
    "output_cost": 0,
    "parameters": [],
    "provider": "openai",
}
_OPENAI_LIKE: Document = {"api_key": "none", "model_type": "chat", "region": "local"}

_PROMPT: Document = {
    "messages": [{"role": "system", "content": "Answer."}],
    "model_parameters": {},
    "model_type": "chat",
    "tools": [],
}

_DEPLOYMENT: Check = closed_object(
    {"key": identifier, "model": text, "provider": text},
    {
        "created": text,
        "updated": text,
        "description": nullable(text),
        "version": text,
        "messages": array(free_object),
        "model_parameters": free_object,
        "model_type": text,
        "tools": array(free_object),
    },
)


def _put_own(connection: sqlite3.Connection, vault: Vault, entry: Document, _nth: int) -> None:
    _put_generic(connection, vault, entry, owner=table.workspace_id(connection))


def _put_vendors(connection: sqlite3.Connection, vault: Vault, entry: Document, _nth: int) -> None:
    _put_generic(connection, vault, entry, owner=document.SYSTEM)


def _put_generic(connection: sqlite3.Connection, vault: Vault, entry: Document, *, owner: str) -> None:
    enabled = take_flag(entry, "enabled", default=True)
    name = entry.get("id")
    model_id = name.partition("/")[2] or name if isinstance(name, str) else name
    metadata = {"is_private": owner != document.SYSTEM}
    defaults = {"display_name": name, "model_id": model_id, "metadata": metadata}
    body = {**_MODEL, **defaults, **entry}
    fields.CREATE("", body)
    _put(connection, vault, document.new_model(body, owner=owner), enabled=enabled)


def _put_openai_like(connection: sqlite3.Connection, vault: Vault, entry: Document, nth: int) -> None:
    enabled = take_flag(entry, "enabled", default=True)
    name = entry.get("model_id")
    chosen = take_identity(entry, "orq.openai_like", nth, name)
    body = {**_OPENAI_LIKE, "display_name": name, **entry}
    openai_like.CREATE("", body)
    model = openai_like.new_model(body, owner=table.workspace_id(connection))
    model.document["id"] = chosen
    _put(connection, vault, model, enabled=enabled)


def _put(connection: sqlite3.Connection, vault: Vault, model: NewModel, *, enabled: bool) -> None:
    sealed = vault.seal(connection, wire.dumps(model.credentials).encode()) if model.credentials else None
    table.remove(connection, model.document["id"])
    table.insert(connection, {**model.document, "enabled": enabled}, sealed=sealed)


def _put_deployment(connection: sqlite3.Connection, _vault: Vault, entry: Document, nth: int) -> None:
    chosen = take_identity(entry, "orq.deployments", nth, entry.get("key"))
    _DEPLOYMENT("", entry)
    now = document.current_time()
    prompt: dict[str, Any] = {key: entry.get(key, default) for key, default in _PROMPT.items()}
    created = entry.get("created", now)
    deployments.put(
        connection,
        {
            "id": chosen,
            "created": created,
            "updated": entry.get("updated", created),
            "key": entry["key"],
            "description": entry.get("description") or "",
            "prompt_config": {**prompt, "model": entry["model"], "provider": entry["provider"]},
            "version": entry.get("version", "1"),
        },
    )


LISTS: Mapping[str, Entries] = {
    "vendor_models": Entries(_put_vendors, "id"),
    "models": Entries(_put_own, "id"),
    "openai_like": Entries(_put_openai_like, "model_id", unique=False),
    "deployments": Entries(_put_deployment, "key", unique=False),
}
"""In the order in which they are put in."""
