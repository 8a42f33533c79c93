"""What the routes of Respan's providers do, one transaction each.

Source: the vendor's client of November 2026, which says of the answers that their ``extra_kwargs`` hold
the credentials that were sent: "handle the response as sensitive". Older pages call them write-only.
"""

from __future__ import annotations

import sqlite3
from typing import cast

from reconciler.embedded import wire
from reconciler.embedded.answers import Refused
from reconciler.embedded.respan import model, table
from reconciler.embedded.respan.errors import not_found
from reconciler.embedded.respan.model import Document
from reconciler.embedded.store import Store
from reconciler.embedded.vault import Vault


class Providers:
    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    def listing(self) -> list[Document]:
        with self._store.reading() as connection:
            return [self._shown(connection, item) for item in table.providers(connection).values()]

    def one(self, reference: str) -> Document:
        with self._store.reading() as connection:
            return self._shown(connection, _found(connection, reference))

    def create(self, body: Document) -> Document:
        with self._store.writing() as connection:
            if table.provider(connection, body["provider_id"]) is not None:
                # The newest pages: "To update an existing provider, use PATCH". Until spring it was an
                # upsert. The text of the refusal, no source states.
                raise Refused(400, "A provider with this provider_id already exists")
            document = {"provider_id": body["provider_id"], "created_at": model.current_time()}
            return self.put(connection, document, body)

    def update(self, reference: str, body: Document) -> Document:
        with self._store.writing() as connection:
            live = _found(connection, reference)
            if live["is_managed"]:
                text = "Cannot modify managed providers"
                raise Refused(403, text, body={"error": text})
            return self.put(connection, live, body)

    def put(self, connection: sqlite3.Connection, live: Document, body: Document) -> Document:
        """Stores ``live`` with what the body names.

        That ``extra_kwargs`` is replaced whole, no source states.
        """
        named = {"provider_name": body["provider_name"]} if "provider_name" in body else {}
        changed = {"is_managed": False, **live, **named, "updated_at": model.current_time()}
        secrets = self._secrets(connection, live["provider_id"])
        secrets |= {key: body[key] for key in ("api_key", "extra_kwargs") if key in body}
        sealed = self._vault.seal(connection, wire.dumps(secrets).encode()) if secrets else None
        table.put_provider(connection, changed, sealed=sealed)
        return self._shown(connection, changed)

    def _shown(self, connection: sqlite3.Connection, document: Document) -> Document:
        """``api_key`` beside ``extra_kwargs`` is of the older pages, and write-only as they say."""
        identity = document["provider_id"]
        extra = self._secrets(connection, identity).get("extra_kwargs", {})
        return {"id": identity, **document, **table.owner(connection, document), "extra_kwargs": extra}

    def _secrets(self, connection: sqlite3.Connection, identity: str) -> Document:
        sealed = table.sealed(connection, identity)
        if sealed is None:
            return {}
        return cast("Document", wire.loads(self._vault.unseal(connection, sealed)))


def _found(connection: sqlite3.Connection, reference: str) -> Document:
    provider = table.provider(connection, reference)
    if provider is None:
        raise not_found()
    return provider
