"""uvicorn's protocol, so that an app finds the connection of a request and can cut it."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.embedded.faults.cutting import CONNECTION


class CuttableProtocol(H11Protocol):
    """For uvicorn's option ``http``: puts the connection into the state of every request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, CONNECTION: transport}
