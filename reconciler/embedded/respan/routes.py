"""Respan's routes over HTTP.

Every path ends with a slash, as in Django: without it a GET is sent on to the path with it, and any other
method fails. Model names hold slashes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from reconciler.embedded import bodies
from reconciler.embedded.answers import rendered
from reconciler.embedded.respan import fields, model, query
from reconciler.embedded.respan.models import Change, Models
from reconciler.embedded.respan.pace import Pace
from reconciler.embedded.respan.providers import Providers
from reconciler.embedded.shapes import Check
from reconciler.embedded.store import Store
from reconciler.embedded.vault import Vault

Handler = Callable[[Request], Awaitable[Response]]


def routes(store: Store, vault: Vault, *, requests_per_minute: int | None) -> Sequence[Route]:
    """The routes over one database. SQLite and JSON are worked on in threads, not in the event loop."""
    pace = Pace(requests_per_minute)

    def route(path: str, method: str, handler: Handler) -> Route:
        async def paced(request: Request) -> Response:
            pace.take()
            return await handler(request)

        return Route(path, paced, methods=[method])

    models = _models(Models(store))
    providers = _providers(Providers(store, vault))
    return (
        *(route(path, method, handler) for path, method, handler in (*models, *providers)),
        Route("/api/models{rest:path}", _append_slash, methods=["GET"]),
        Route("/api/providers{rest:path}", _append_slash, methods=["GET"]),
    )


Table = Sequence[tuple[str, str, Handler]]


def _models(models: Models) -> Table:
    async def page(request: Request, filters: dict[str, Any]) -> Response:
        sort_by = request.query_params.get("sort_by")
        found = await run_in_threadpool(models.listing, filters=filters, sort_by=sort_by)
        shown = query.page(found, request.url, request.query_params)
        return await run_in_threadpool(rendered, shown.body(current_filters=filters))

    async def list_by_post(request: Request) -> Response:
        return await page(request, (await _body(request, fields.LIST)).get("filters") or {})

    async def list_by_get(request: Request) -> Response:
        return await page(request, {})

    async def list_as_array(request: Request) -> Response:
        """The oldest list. Without ``all=true`` it may have pages, of a size that no source states."""
        sort_by = request.query_params.get("sort_by")
        found = await run_in_threadpool(models.listing, filters={}, sort_by=sort_by)
        if request.query_params.get("all") != "true":
            found = list(query.page(found, request.url, request.query_params).results)
        return await run_in_threadpool(rendered, found)

    async def one(request: Request) -> Response:
        return rendered(await run_in_threadpool(models.one, request.path_params["name"]))

    async def upsert(request: Request) -> Response:
        stored, status = await run_in_threadpool(models.upsert, await _body(request, fields.CREATE))
        return rendered(stored, status=status)

    def change(how: Change) -> Handler:
        async def update(request: Request) -> Response:
            body = await _body(request, fields.UPDATE)
            return rendered(await run_in_threadpool(models.update, request.path_params["name"], body, how))

        return update

    return (
        ("/api/models/", "GET", list_as_array),
        ("/api/models/", "POST", upsert),
        ("/api/models/list/", "GET", list_by_get),
        ("/api/models/list/", "POST", list_by_post),
        ("/api/models/{name:path}/", "GET", one),
        ("/api/models/{name:path}/", "PATCH", change(model.merged)),
        ("/api/models/{name:path}/", "PUT", change(model.replaced)),
    )


def _providers(providers: Providers) -> Table:
    async def page(request: Request) -> Response:
        found = await run_in_threadpool(providers.listing)
        return rendered(query.page(found, request.url, request.query_params).body())

    async def create(request: Request) -> Response:
        body = await _body(request, fields.NEW_PROVIDER)
        return rendered(await run_in_threadpool(providers.create, body), status=201)

    async def one(request: Request) -> Response:
        return rendered(await run_in_threadpool(providers.one, request.path_params["id"]))

    async def update(request: Request) -> Response:
        body = await _body(request, fields.PROVIDER)
        return rendered(await run_in_threadpool(providers.update, request.path_params["id"], body))

    return (
        ("/api/providers/", "GET", page),
        ("/api/providers/", "POST", create),
        ("/api/providers/{id}/", "GET", one),
        ("/api/providers/{id}/", "PATCH", update),
    )


async def _body(request: Request, check: Check) -> dict[str, Any]:
    return bodies.checked(await bodies.read(request), check)


async def _append_slash(request: Request) -> Response:
    """What Django's APPEND_SLASH does with a GET."""
    rest = request.path_params["rest"]
    if rest.endswith("/") or not (rest == "" or rest.startswith("/")):
        raise HTTPException(404)
    return RedirectResponse(request.url.replace(path=request.url.path + "/"), status_code=301)
