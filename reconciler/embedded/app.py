"""The parts of the registry put together: database, routes, error answers."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.embedded.answers import Refused, error_answer, json_answer
from reconciler.embedded.envelope import Envelope
from reconciler.embedded.orq import routes as orq_routes
from reconciler.embedded.schema import MIGRATIONS
from reconciler.embedded.store import Store
from reconciler.embedded.vault import Vault


def build(database: Path, *, token: str | None) -> Starlette:
    """See ``reconciler.embedded.create_app``."""
    if token is not None and not token.strip():
        raise ValueError("the token is empty: it would let anybody in who sends none")
    store = Store(database, MIGRATIONS)
    vault = Vault(database)
    with store.reading() as connection:
        vault.check(connection)
    app = Starlette(
        routes=[Route("/healthz", _healthz, methods=["GET"]), *orq_routes.routes(store, vault)],
        middleware=[Middleware(Envelope, token=token)],
        exception_handlers={Refused: _on_refused, HTTPException: _on_http_exception},
    )
    # An answer to /v2/models/ would be a redirect, which clients follow with their token or not at all.
    app.router.redirect_slashes = False
    app.state.store = store
    return app


async def _healthz(_request: Request) -> Response:
    return json_answer('{"status":"ok"}')


async def _on_refused(_request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return error_answer(refused.status, refused.message)


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    """404 for an unknown path and 405 for a method that a path does not have."""
    assert isinstance(error, HTTPException)
    return error_answer(error.status_code, error.detail, error.headers)
