"""The answers of the registry, in the error shapes that Orq documents.

Sources: the API reference and docs.orq.ai/reference/errors. Requests are refused as ``{"error": text}``,
missing or wrong tokens as ``{"error": {code, message, doc_url}}``, and faults of ours as
``{"code": 500, "message": text}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from reconciler.embedded import wire

_ERRORS_PAGE = "https://docs.orq.ai/reference/errors"


class Refused(Exception):
    """A request that gets ``{"error": message}`` with an HTTP ``status`` from 400 to 499.

    ``message`` goes to the client: it may name keys of the request, never their values.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def json_answer(
    body: str | bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer whose ``body`` is rendered JSON already."""
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def error_answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return _rendered({"error": message}, status, headers)


def unauthorised_answer(code: str, message: str) -> Response:
    """401 with one of the documented codes: ``authentication_required``, ``invalid_api_key``."""
    error = {"code": code, "message": message, "doc_url": _ERRORS_PAGE}
    return _rendered({"error": error}, 401, {"WWW-Authenticate": "Bearer"})


def fault_answer() -> Response:
    """500 without a word about the cause, which may hold what a client sent."""
    return _rendered({"code": 500, "message": "Internal server error"}, 500, None)


def _rendered(body: dict[str, Any], status: int, headers: Mapping[str, str] | None) -> Response:
    return json_answer(wire.dumps(body), status=status, headers=headers)
