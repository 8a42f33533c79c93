"""Answers, and what a vendor's API puts into the ones that refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from reconciler.embedded import wire


class Refused(Exception):
    """A request that gets an HTTP ``status`` from 400 to 499, worded by the dialect of its API.

    ``message`` goes to the client: it may name keys of the request, never their values. ``body`` is the
    whole answer, for the few that differ from the usual shape of their API.
    """

    def __init__(self, status: int, message: str, *, body: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = body


class Mismatch(Refused):
    """A value of the body that is not what its field takes.

    ``kind`` is one of pydantic's words: ``missing``, ``extra_forbidden``, ``type_error``, ``value_error``.
    """

    def __init__(self, path: str, reason: str, *, kind: str = "value_error") -> None:
        super().__init__(400, f"{path or 'the body'}: {reason}")
        self.path = path
        self.reason = reason
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one vendor words its error answers.

    ``refused`` for requests that are understood, ``failed`` for paths and methods that do not exist
    (status, text), ``unauthorised`` for a token that is missing (``authentication_required``) or wrong
    (``invalid_api_key``), and ``fault`` for 500: without a word about the cause, which may hold what a
    client sent.
    """

    refused: Callable[[Refused], Response]
    failed: Callable[[int, str], Response]
    unauthorised: Callable[[str], Response]
    fault: Callable[[], Response]


def json_answer(
    body: str | bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer whose ``body`` is rendered JSON already."""
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def rendered(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer whose ``body`` is not rendered yet."""
    return json_answer(wire.dumps(body), status=status, headers=headers)


CHALLENGE = {"WWW-Authenticate": "Bearer"}
"""The header that HTTP demands of a 401."""

TOKEN_ERRORS = {
    "authentication_required": "Send the header Authorization: Bearer <token>",
    "invalid_api_key": "The token is not valid for this registry",
}
