"""What the routes of Respan's models do, one transaction each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

from reconciler.embedded.answers import Refused
from reconciler.embedded.respan import model, query, table
from reconciler.embedded.respan.errors import not_found
from reconciler.embedded.respan.model import Document
from reconciler.embedded.store import Store

Change = Callable[[Document, Document], Document]


class Models:
    def __init__(self, store: Store) -> None:
        self._store = store

    def listing(self, *, filters: Mapping[str, object], sort_by: str | None) -> list[Document]:
        with self._store.reading() as connection:
            everything = table.models(connection)
            providers = table.providers(connection)
            nested = {identity: _nested(connection, item) for identity, item in providers.items()}
        shown = [model.shown(item, everything.get, nested.get) for item in everything.values()]
        return query.ordered(query.filtered(shown, filters), sort_by)

    def one(self, name: str) -> Document:
        with self._store.reading() as connection:
            found = table.model(connection, name)
            if found is None:
                raise not_found()
            return _shown(connection, found)

    def upsert(self, body: Document) -> tuple[Document, int]:
        """The model, and 201 where it is new or 200 where it was there."""
        with self._store.writing() as connection:
            live = table.model(connection, body["model_name"])
            stored = _put(connection, live or model.new(body["model_name"]), body, model.merged)
            return stored, 200 if live else 201

    def update(self, name: str, body: Document, change: Change) -> Document:
        with self._store.writing() as connection:
            live = table.model(connection, name)
            if live is None:
                raise not_found()
            return _put(connection, live, body, change)


def _put(connection: sqlite3.Connection, live: Document, body: Document, change: Change) -> Document:
    if model.is_vendors(live):
        raise Refused(403, "Cannot modify hardcoded models")
    changed = change(live, body)
    reference = model.provider_reference(body)
    if reference is not None:
        provider = table.provider(connection, reference)
        if provider is None:
            # No source states it; this is the shape that an unknown base model gets.
            raise Refused(400, "Provider not found", body={"error": "Provider not found"})
        changed["provider"] = provider["provider_id"]
    model.check(changed, lambda name: table.model(connection, name))
    table.put_model(connection, changed)
    return _shown(connection, changed)


def _shown(connection: sqlite3.Connection, document: Document) -> Document:
    def find_provider(identity: str) -> Document | None:
        provider = table.provider(connection, identity)
        return None if provider is None else _nested(connection, provider)

    return model.shown(document, lambda name: table.model(connection, name), find_provider)


def _nested(connection: sqlite3.Connection, provider: Document) -> Document:
    """A provider as its models show it. No source says whether credentials are there; here they are not."""
    identity = provider["provider_id"]
    shown = {"id": identity, "provider_id": identity, "provider_name": provider["provider_name"]}
    return shown | table.owner(connection, provider)
