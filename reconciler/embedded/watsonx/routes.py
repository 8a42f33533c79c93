"""The routes of watsonx Orchestrate over HTTP.

``/api/v1`` is the base of the local edition, ``/v1/orchestrate`` that of the service; both do the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.embedded import bodies, wire
from reconciler.embedded.answers import Refused, json_answer
from reconciler.embedded.store import Store
from reconciler.embedded.vault import Vault
from reconciler.embedded.watsonx import model, table

_BASES = ("/api/v1", "/v1/orchestrate")


def routes(store: Store, vault: Vault, *, quota: int | None) -> Sequence[Route]:
    """The routes over one database. ``quota`` is how many models a tenant may have."""
    models = _Models(store, vault, quota)

    async def virtual(request: Request) -> Response:
        names = request.query_params.getlist("name")
        return json_answer(await run_in_threadpool(models.virtual, names))

    async def everything(request: Request) -> Response:
        ids = request.query_params.getlist("id")
        return json_answer(await run_in_threadpool(models.everything, ids))

    async def create_model(request: Request) -> Response:
        body = bodies.checked(await bodies.read(request), model.BODY)
        return json_answer(await run_in_threadpool(models.create, body))

    async def replace_model(request: Request) -> Response:
        body = bodies.checked(await bodies.read(request), model.BODY)
        return json_answer(await run_in_threadpool(models.replace, request.path_params["id"], body))

    return [
        route
        for base in _BASES
        for route in (
            Route(f"{base}/models", virtual, methods=["GET"]),
            Route(f"{base}/models", create_model, methods=["POST"]),
            Route(f"{base}/models/list", everything, methods=["GET"]),
            Route(f"{base}/models/{{id:path}}", replace_model, methods=["PUT"]),
        )
    ]


class _Models:
    """What the routes do, one transaction each. Answers are JSON text.

    The reference gives no type to the answers of the two writes; here they are the model as it is stored.
    """

    def __init__(self, store: Store, vault: Vault, quota: int | None) -> None:
        self._store = store
        self._vault = vault
        self._quota = quota

    def virtual(self, names: Sequence[str]) -> str:
        with self._store.reading() as connection:
            return f"[{','.join(table.virtual(connection, names))}]"

    def everything(self, ids: Sequence[str]) -> str:
        with self._store.reading() as connection:
            return f'{{"resources":[{",".join(table.everything(connection, ids))}]}}'

    def create(self, body: model.Document) -> str:
        with self._store.writing() as connection:
            self._refuse_beyond_quota(table.count(connection))
            return self._put(connection, model.new_model(body, tenant=table.tenant_id(connection)))

    def replace(self, identity: str, body: model.Document) -> str:
        with self._store.writing() as connection:
            live = table.find_virtual(connection, identity)
            if live is None:
                # The text, and that the vendor's models are not found here, no source states.
                raise Refused(404, "Model not found")
            return self._put(connection, model.replaced(live, body))

    def _put(self, connection: sqlite3.Connection, new: model.NewModel) -> str:
        sealed = self._vault.seal(connection, wire.dumps(new.secrets).encode()) if new.secrets else None
        return table.put(connection, new.document, sealed=sealed)

    def _refuse_beyond_quota(self, current: int) -> None:
        if self._quota is None or current < self._quota:
            return
        text = "The quota of this resource is exceeded"
        detail = {
            "code": "RESOURCE_QUOTA_EXCEEDED",
            "message": text,
            "resource": "models",
            "current": current,
            "requested": 1,
            "limit": self._quota,
        }
        raise Refused(429, text, body={"detail": detail})
