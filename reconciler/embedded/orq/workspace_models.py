"""``/v2/workspace-models``: which models are switched on, the vendor's own included.

Source: the vendor's published client. ``model_id`` is taken as the ``id`` of a model: the vendor's
Terraform provider sends that one.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.embedded import bodies
from reconciler.embedded.answers import Refused
from reconciler.embedded.orq import table
from reconciler.embedded.shapes import Check, closed_object, text
from reconciler.embedded.store import Store

_ENABLE: Check = closed_object({"model_id": text})


def routes(store: Store) -> Sequence[Route]:
    async def enable(request: Request) -> Response:
        body = bodies.checked(await bodies.read(request), _ENABLE)
        await run_in_threadpool(_enable, store, body["model_id"])
        return Response(status_code=204)

    async def disable(request: Request) -> Response:
        await run_in_threadpool(_disable, store, request.path_params["id"])
        return Response(status_code=204)

    return (
        Route("/v2/workspace-models", enable, methods=["POST"]),
        Route("/v2/workspace-models/{id:path}", disable, methods=["DELETE"]),
    )


def _enable(store: Store, identity: str) -> None:
    """Enabling twice is no mistake."""
    with store.writing() as connection:
        model = table.find(connection, identity)
        if model is None:
            raise Refused(404, "Model not found")
        table.replace(connection, {**model, "enabled": True})


def _disable(store: Store, identity: str) -> None:
    """Documented as idempotent. The vendor's Terraform provider notes a platform that answers 404 to the
    second call; a client has to take both."""
    with store.writing() as connection:
        model = table.find(connection, identity)
        if model is None:
            # What an unknown model gets, no source states; 204 would let a slip in the id pass.
            raise Refused(404, "Model not found")
        table.replace(connection, {**model, "enabled": False})
