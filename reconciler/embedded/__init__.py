"""A registry in a SQLite file that speaks the HTTP APIs of Orq, Respan and watsonx Orchestrate.

It is an implementation of its own, written from the API references: it shares no code and no table with
the adapters that talk to it, so a wrong row on one side cannot agree with itself on the other.

- ``wire``, ``shapes``, ``answers``, ``bodies``: bodies in, checks, bodies out
- ``envelope``, ``tokens``, ``dialects``: what every request passes, and how each vendor words an error
- ``store``, ``schema``, ``vault``: the database, its versions, the encryption of credentials
- ``orq``, ``respan``, ``watsonx``: what the routes of each vendor accept, keep and answer
- ``options``, ``seed``: choices when a registry is opened; what clients cannot create
- ``faults``: what it does wrong on purpose
- ``app``, ``server``: the parts put together; the same on a socket

Importing this package loads none of them but ``options``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.embedded.options import DEFAULT, Options

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from reconciler.embedded.faults.faults import Faults

__all__ = ["Options", "create_app"]


def create_app(
    database: Path,
    *,
    token: str | None = None,
    options: Options = DEFAULT,
    faults: Faults | None = None,
) -> Starlette:
    """The registry in ``database`` as an ASGI app; the file and its folder are made where absent.

    It needs no lifespan events, so it runs under any server and under ``httpx.ASGITransport``.
    ``app.state.store.close()`` lets go of the file; without it that happens when the app is collected.

    With ``token``, every route demands it as ``Authorization: Bearer <token>``, except ``GET /healthz``
    and ``POST /identity/token``, which takes it as an API key.

    With ``faults`` it misbehaves as they say, ``GET /healthz`` excepted. Connections can be reset and
    broken off where the server that runs it has ``faults.protocol.CuttableProtocol``; without it, such a
    fault is a ConnectionResetError that the app raises.

    Raises StorageError: the file cannot be opened or made, is no database of ours, was written by a
    newer version, or holds credentials whose key file is gone. Raises ValueError for an empty ``token``.
    """
    from reconciler.embedded import app  # noqa: PLC0415 - commands that need no registry must start fast

    return app.build(database, token=token, options=options, faults=faults)
