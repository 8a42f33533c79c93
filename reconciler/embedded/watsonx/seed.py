"""The watsonx part of ``reconciler.embedded.seed``."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from reconciler.embedded import wire
from reconciler.embedded.seeding import Entries, take_identity
from reconciler.embedded.shapes import Check, array, closed_object, identifier, text
from reconciler.embedded.vault import Vault
from reconciler.embedded.watsonx import builtin, model, table
from reconciler.embedded.watsonx.model import Document

_VENDORS: Check = closed_object({"name": identifier}, {"display_name": text, "tags": array(text)})


def _put_own(connection: sqlite3.Connection, vault: Vault, entry: Document, nth: int) -> None:
    chosen = take_identity(entry, "watsonx.models", nth, entry.get("name"))
    model.BODY("", entry)
    new = model.new_model(entry, tenant=table.tenant_id(connection))
    new.document["id"] = chosen
    sealed = vault.seal(connection, wire.dumps(new.secrets).encode()) if new.secrets else None
    table.put(connection, new.document, sealed=sealed)


def _put_vendors(connection: sqlite3.Connection, _vault: Vault, entry: Document, _nth: int) -> None:
    _VENDORS("", entry)
    named = {"display_name": entry["name"], "tags": ["default"], **entry}
    document = builtin.document(named["name"], named["display_name"], named["tags"])
    table.put(connection, document, sealed=None, is_virtual=False)


LISTS: Mapping[str, Entries] = {
    "vendor_models": Entries(_put_vendors, "name"),
    "models": Entries(_put_own, "name", unique=False),
}
"""In the order in which they are put in."""
