"""Orq's generic model routes over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.embedded import bodies, wire
from reconciler.embedded.answers import Refused, json_answer
from reconciler.embedded.orq import document, fields, openai_like, table
from reconciler.embedded.store import Store
from reconciler.embedded.vault import Vault

NOT_FOUND = "Model not found or not accessible in this workspace"


def routes(store: Store, vault: Vault) -> Sequence[Route]:
    """The routes, over one database. SQLite and JSON are worked on in threads, not in the event loop."""
    models = _Models(store, vault)

    async def list_models(_request: Request) -> Response:
        return json_answer(await run_in_threadpool(models.listing))

    async def create_model(request: Request) -> Response:
        body = await bodies.read(request)
        return json_answer(await run_in_threadpool(models.create, body))

    async def update_model(request: Request) -> Response:
        body = await bodies.read(request)
        return json_answer(await run_in_threadpool(models.update, request.path_params["id"], body))

    return (
        Route("/v2/models", list_models, methods=["GET"]),
        Route("/v2/models", create_model, methods=["POST"]),
        # Ids hold slashes (openai/gpt-4o), and an encoded slash arrives decoded.
        Route("/v2/models/{id:path}", update_model, methods=["PATCH"]),
    )


class _Models:
    """What the routes do, one transaction each. Bodies and answers are JSON text."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    def listing(self) -> bytes:
        with self._store.reading() as connection:
            return table.all_as_json(connection)

    def create(self, text: bytes) -> str:
        body = bodies.checked(text, fields.CREATE)
        with self._store.writing() as connection:
            if table.exists(connection, body["id"]):
                # What the real service answers to an id that is taken, no source states. Of the documented
                # statuses (200, 400, 401, 404) only this one leaves the stored model as it is.
                raise Refused(400, f"A model with id {body['id']} already exists")
            model = document.new_model(body, owner=table.workspace_id(connection))
            sealed = None
            if model.credentials:
                sealed = self._vault.seal(connection, wire.dumps(model.credentials).encode())
            return table.insert(connection, model.document, sealed=sealed)

    def update(self, identity: str, text: bytes) -> str:
        body = bodies.checked(text, fields.UPDATE)
        with self._store.writing() as connection:
            live = table.find_own(connection, identity)
            if live is None:
                raise Refused(404, NOT_FOUND)
            if live["provider"] == openai_like.PROVIDER:
                # No source states it. The two updates differ in what they replace and what they may
                # change, so a server that took either for every model would break one of its promises.
                raise Refused(400, "An openai-like model: use PATCH /v2/models/openai-like/{id}")
            return table.replace(connection, document.updated_model(live, body))
