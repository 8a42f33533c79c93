"""The parts of the registry put together: database, routes, error answers."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.embedded import dialects
from reconciler.embedded.answers import Refused, json_answer
from reconciler.embedded.envelope import Envelope
from reconciler.embedded.faults.faults import Faults
from reconciler.embedded.faults.injector import FaultInjector
from reconciler.embedded.options import Options
from reconciler.embedded.orq import deployments, openai_like_routes, workspace_models
from reconciler.embedded.orq import routes as orq_routes
from reconciler.embedded.respan import routes as respan_routes
from reconciler.embedded.schema import MIGRATIONS
from reconciler.embedded.store import Store
from reconciler.embedded.tokens import Tokens
from reconciler.embedded.vault import Vault
from reconciler.embedded.watsonx import identity
from reconciler.embedded.watsonx import routes as watsonx_routes


def build(database: Path, *, token: str | None, options: Options, faults: Faults | None = None) -> Starlette:
    """See ``reconciler.embedded.create_app``."""
    if token is not None and not token.strip():
        raise ValueError("the token is empty: it would let anybody in who sends none")
    store = Store(database, MIGRATIONS)
    vault = Vault(database)
    with store.reading() as connection:
        vault.check(connection)
    tokens = Tokens(token, seconds=options.access_token_seconds)
    injector = [] if faults is None else [Middleware(FaultInjector, faults=faults, store=store)]
    app = Starlette(
        routes=[
            Route("/healthz", _healthz, methods=["GET"]),
            # Before the generic ones, whose ids may hold slashes.
            *openai_like_routes.routes(store, vault, probing=options.probe),
            *orq_routes.routes(store, vault),
            *workspace_models.routes(store),
            *deployments.routes(store),
            *identity.routes(tokens),
            *watsonx_routes.routes(store, vault, quota=options.watsonx_model_quota),
            *respan_routes.routes(store, vault, requests_per_minute=options.respan_requests_per_minute),
        ],
        middleware=[*injector, Middleware(Envelope, tokens=tokens)],
        exception_handlers={Refused: _on_refused, HTTPException: _on_http_exception},
    )
    # An answer to /v2/models/ would be a redirect, which clients follow with their token or not at all.
    app.router.redirect_slashes = False
    app.state.store = store
    return app


async def _healthz(_request: Request) -> Response:
    return json_answer('{"status":"ok"}')


async def _on_refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return dialects.of(request.scope["path"]).refused(refused)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """404 for an unknown path and 405 for a method that a path does not have."""
    assert isinstance(error, HTTPException)
    answer = dialects.of(request.scope["path"]).failed(error.status_code, error.detail)
    answer.headers.update(error.headers or {})
    return answer
