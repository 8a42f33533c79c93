"""Connections that an app can reset, and break off in the middle of an answer."""

from __future__ import annotations

import socket
import struct
from typing import Final

from starlette.types import Receive, Scope

CONNECTION: Final = "reconciler.connection"
"""Where the state of a request has its connection, which ``protocol`` puts there."""
_NO_LINGER: Final = struct.pack("ii", 1, 0)


async def cut(scope: Scope, receive: Receive, *, answer: bytes = b"", reset: bool) -> None:
    """Ends the connection of a request, after ``answer`` has gone out as it is. Returns when it is gone.

    ``reset``: by a TCP reset, so that the other side sees an error and no end. Where there is no socket, as
    for an app in the same process, raises ConnectionResetError, which is what a client would see of it.
    """
    connection = scope.get("state", {}).get(CONNECTION)
    if connection is None:
        raise ConnectionResetError("the connection was reset on purpose")
    if answer:
        connection.write(answer)
    if reset:
        connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        connection.abort()
    else:
        connection.close()
    while (await receive())["type"] != "http.disconnect":
        pass
