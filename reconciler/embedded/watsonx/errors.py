"""The error shapes of watsonx Orchestrate, which is a FastAPI application.

Source: the error handling of the vendor's client (ibm-watsonx-orchestrate): ``{"detail": text}``,
``{"detail": [{loc, msg, type}]}`` for 422, or ``{"detail": {code, …}}``.
"""

from __future__ import annotations

import re

from starlette.responses import Response

from reconciler.embedded.answers import CHALLENGE, TOKEN_ERRORS, Dialect, Mismatch, Refused, rendered

_STEP = re.compile(r"[^.\[\]]+")

_MESSAGES = {"missing": "Field required", "extra_forbidden": "Extra inputs are not permitted"}


def _refused(refused: Refused) -> Response:
    if isinstance(refused, Mismatch):
        # FastAPI lists every mistake, and the value beside it. One is enough, and no value is repeated.
        problem = {
            "type": refused.kind,
            "loc": ["body", *(int(step) if step.isdigit() else step for step in _STEP.findall(refused.path))],
            "msg": _MESSAGES.get(refused.kind, refused.reason),
        }
        return rendered({"detail": [problem]}, status=422)
    if refused.status == 400 and refused.body is None:  # not JSON
        problem = {"type": "json_invalid", "loc": ["body"], "msg": refused.message}
        return rendered({"detail": [problem]}, status=422)
    return rendered(refused.body or {"detail": refused.message}, status=refused.status)


def _failed(status: int, text: str) -> Response:
    return rendered({"detail": text}, status=status)


def _unauthorised(code: str) -> Response:
    return rendered({"detail": TOKEN_ERRORS[code]}, status=401, headers=CHALLENGE)


def _fault() -> Response:
    return rendered({"detail": "Internal Server Error"}, status=500)


DIALECT = Dialect(_refused, _failed, _unauthorised, _fault)
