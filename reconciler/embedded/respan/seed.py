"""The Respan part of ``reconciler.embedded.seed``."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from reconciler.embedded import wire
from reconciler.embedded.answers import Refused
from reconciler.embedded.respan import fields, model, table
from reconciler.embedded.respan.model import Document
from reconciler.embedded.seeding import Entries, take_flag
from reconciler.embedded.vault import Vault


def _put_provider(connection: sqlite3.Connection, vault: Vault, entry: Document, _nth: int) -> None:
    is_managed = take_flag(entry, "is_managed", default=False)
    fields.NEW_PROVIDER("", entry)
    secrets = {key: entry[key] for key in ("api_key", "extra_kwargs") if key in entry}
    now = model.current_time()
    document = {
        "provider_id": entry["provider_id"],
        "provider_name": entry["provider_name"],
        "is_managed": is_managed,
        "created_at": now,
        "updated_at": now,
    }
    sealed = vault.seal(connection, wire.dumps(secrets).encode()) if secrets else None
    table.put_provider(connection, document, sealed=sealed)


def _put_own(connection: sqlite3.Connection, _vault: Vault, entry: Document, _nth: int) -> None:
    _put_model(connection, entry, "custom")


def _put_vendors(connection: sqlite3.Connection, _vault: Vault, entry: Document, _nth: int) -> None:
    _put_model(connection, entry, model.VENDOR)


def _put_model(connection: sqlite3.Connection, entry: Document, affiliation: str) -> None:
    fields.CREATE("", entry)
    document = model.merged({**model.new(entry["model_name"]), "affiliation_category": affiliation}, entry)
    reference = model.provider_reference(entry)
    if reference is not None:
        provider = table.provider(connection, reference)
        if provider is None:
            raise Refused(400, "Provider not found")
        document["provider"] = provider["provider_id"]
    model.check(document, lambda name: table.model(connection, name))
    table.put_model(connection, document)


LISTS: Mapping[str, Entries] = {
    "providers": Entries(_put_provider, "provider_id"),
    "vendor_models": Entries(_put_vendors, "model_name"),
    "models": Entries(_put_own, "model_name"),
}
"""In the order in which they are put in."""
