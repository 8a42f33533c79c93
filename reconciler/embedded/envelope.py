"""What every request passes and every answer has: a request id, the token check, and no leaked fault."""

from __future__ import annotations

import logging
import traceback
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.embedded import dialects
from reconciler.embedded.tokens import Tokens
from reconciler.errors import StorageError

_log = logging.getLogger("reconciler.embedded")


class Envelope:
    """ASGI middleware around the whole app.

    A fault is answered here and not raised further: Starlette's own handler would answer and then raise
    again, which in-process callers see as an exception in place of the 500.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        dialect = dialects.of(scope["path"])
        denied = self._tokens.denial(
            scope["method"], scope["path"], Headers(scope=scope).get("authorization")
        )
        if denied is not None:
            await dialect.unauthorised(denied)(scope, receive, send_with_id)
            return
        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            return  # nobody is left to answer, and nothing was done: bodies are read before any work
        except Exception as fault:  # noqa: BLE001 - the last stop: every fault becomes a 500 and a log line
            _log.error("%s %s", request_id, _describe(fault))
            # Answers are sent whole, once they are made: at a fault, nothing has been sent yet.
            await dialect.fault()(scope, receive, send_with_id)


def _describe(fault: Exception) -> str:
    # The text of a StorageError is ours. The text of any other exception may quote a request, and with
    # it a credential, so only its type and the lines it passed through are written down.
    if isinstance(fault, StorageError):
        return str(fault)
    return f"{type(fault).__qualname__}\n{''.join(traceback.format_tb(fault.__traceback__))}"
