"""The routes of models behind an OpenAI-compatible endpoint. Each write probes before it stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.embedded import bodies, wire
from reconciler.embedded.answers import Refused, json_answer
from reconciler.embedded.orq import openai_like, table
from reconciler.embedded.orq.document import Document
from reconciler.embedded.orq.probe import Target, probe
from reconciler.embedded.orq.routes import NOT_FOUND
from reconciler.embedded.store import Store
from reconciler.embedded.vault import Vault


def routes(store: Store, vault: Vault, *, probing: bool) -> Sequence[Route]:
    """The routes over one database. Without ``probing``, every endpoint is believed."""
    models = _Models(store, vault)

    async def create_model(request: Request) -> Response:
        body = bodies.checked(await bodies.read(request), openai_like.CREATE)
        if probing:
            keys = ("base_url", "model_id", "model_type", "api_key")
            await probe(Target(**{key: body[key] for key in keys}))
        return json_answer(await run_in_threadpool(models.create, body))

    async def update_model(request: Request) -> Response:
        body = bodies.checked(await bodies.read(request), openai_like.UPDATE)
        identity = request.path_params["id"]
        probed = None
        while True:
            answer = await run_in_threadpool(models.update, identity, body, probed, probing=probing)
            if isinstance(answer, str):
                return json_answer(answer)
            await probe(answer)
            probed = answer

    return (
        Route("/v2/models/openai-like", create_model, methods=["POST"]),
        Route("/v2/models/openai-like/{id:path}", update_model, methods=["PATCH"]),
    )


class _Models:
    """What the routes do with the database, one transaction each."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    def create(self, body: Document) -> str:
        with self._store.writing() as connection:
            model = openai_like.new_model(body, owner=table.workspace_id(connection))
            sealed = self._vault.seal(connection, wire.dumps(model.credentials).encode())
            return table.insert(connection, model.document, sealed=sealed)

    def update(self, identity: str, body: Document, probed: Target | None, *, probing: bool) -> str | Target:
        """The text of the updated model, or what to probe first.

        Nothing is held while a probe runs, so the model may be another one after it: the update then asks
        for a probe of what it is now.
        """
        with self._store.writing() as connection:
            live = table.find_own(connection, identity)
            if live is None:
                raise Refused(404, NOT_FOUND)
            if live["provider"] != openai_like.PROVIDER:
                # No source states it; see the generic update for why.
                raise Refused(400, "Not an openai-like model: use PATCH /v2/models/{id}")
            changed = openai_like.updated_model(live, body)
            if probing and _endpoint(changed) != _endpoint(live):
                target = self._target(connection, changed)
                if target != probed:
                    return target
            return table.replace(connection, changed)

    def _target(self, connection: sqlite3.Connection, model: Document) -> Target:
        sealed = table.sealed(connection, model["id"])
        credentials = {} if sealed is None else wire.loads(self._vault.unseal(connection, sealed))
        key = credentials.get("api_key")
        if not isinstance(key, str):
            raise Refused(400, "The model has no api_key to probe its endpoint with")
        base_url, model_id = _endpoint(model)
        return Target(base_url, model_id, model["model_type"], key)


def _endpoint(model: Document) -> tuple[str, str]:
    return model["configuration"].get("base_url", ""), model["model_id"]
