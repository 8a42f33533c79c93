"""The error shapes that Orq documents.

Sources: the API reference and docs.orq.ai/reference/errors. Requests are refused as ``{"error": text}``,
missing or wrong tokens as ``{"error": {code, message, doc_url}}``, and faults of ours are
``{"code": 500, "message": text}``.
"""

from __future__ import annotations

from starlette.responses import Response

from reconciler.embedded.answers import CHALLENGE, TOKEN_ERRORS, Dialect, Refused, rendered

_ERRORS_PAGE = "https://docs.orq.ai/reference/errors"


def _refused(refused: Refused) -> Response:
    return _failed(refused.status, refused.message)


def _failed(status: int, text: str) -> Response:
    return rendered({"error": text}, status=status)


def _unauthorised(code: str) -> Response:
    error = {"code": code, "message": TOKEN_ERRORS[code], "doc_url": _ERRORS_PAGE}
    return rendered({"error": error}, status=401, headers=CHALLENGE)


def _fault() -> Response:
    return rendered({"code": 500, "message": "Internal server error"}, status=500)


DIALECT = Dialect(_refused, _failed, _unauthorised, _fault)
