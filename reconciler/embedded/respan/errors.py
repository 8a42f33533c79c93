"""The error shapes that Respan documents.

Source: the error models of the vendor's client (respan-api). Most are ``{"detail": text}``, a body that
is not what it should be is 422 ``{"detail", "errors": {field: [text]}}``, and a fault of ours is
``{"detail", "error_code"}``.
"""

from __future__ import annotations

from starlette.responses import Response

from reconciler.embedded.answers import CHALLENGE, Dialect, Mismatch, Refused, rendered

_UNAUTHORISED = {
    "authentication_required": "Authentication credentials were not provided.",
    # Django REST's own words; the reference shows only the other one.
    "invalid_api_key": "Invalid token.",
}


def not_found() -> Refused:
    return Refused(404, "Not found.")


def _refused(refused: Refused) -> Response:
    if isinstance(refused, Mismatch):
        errors = {refused.path or "non_field_errors": [refused.reason]}
        return rendered({"detail": "Validation error", "errors": errors}, status=422)
    return rendered(refused.body or {"detail": refused.message}, status=refused.status)


def _failed(status: int, text: str) -> Response:
    return rendered({"detail": "Not found." if status == 404 else text}, status=status)


def _unauthorised(code: str) -> Response:
    return rendered({"detail": _UNAUTHORISED[code]}, status=401, headers=CHALLENGE)


def _fault() -> Response:
    return rendered({"detail": "Internal server error", "error_code": "internal_error"}, status=500)


DIALECT = Dialect(_refused, _failed, _unauthorised, _fault)
