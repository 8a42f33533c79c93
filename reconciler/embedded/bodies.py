"""Request bodies: how large they may be, and what they are."""

from __future__ import annotations

from typing import Any, cast

from starlette.requests import Request

from reconciler.embedded import wire
from reconciler.embedded.answers import Refused
from reconciler.embedded.shapes import Check

LARGEST = 10_000_000
"""Bytes."""


async def read(request: Request, *, expected: str = "application/json") -> bytes:
    """The body. Raises Refused: 413 above ``LARGEST``, 415 where it is not declared as ``expected``.

    Without the second, any web page could make a browser post to a registry on localhost that has no
    token: browsers send text/plain anywhere, and ask before they send JSON.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != expected:
        raise Refused(415, f"Content-Type must be {expected}")
    body = bytearray()
    size = 0
    # Read to the end, but not kept: a client that is cut off while it sends sees a reset, not the answer.
    async for chunk in request.stream():
        size += len(chunk)
        if size <= LARGEST:
            body += chunk
    if size > LARGEST:
        raise Refused(413, f"The body is larger than {LARGEST} bytes")
    return bytes(body)


def checked(text: bytes, check: Check) -> dict[str, Any]:
    """The object in ``text``. Raises Refused 400: not JSON, or not what ``check`` asks for."""
    try:
        body = wire.loads(text)
    except wire.InvalidJSONError as error:
        raise Refused(400, str(error)) from None
    check("", body)
    return cast("dict[str, Any]", body)
