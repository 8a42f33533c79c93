"""A registry in a SQLite file that speaks Orq's HTTP API for generic models.

It is an implementation of its own, written from the API reference: it shares no code and no table with
the adapter that talks to it, so a wrong row on one side cannot agree with itself on the other.

- ``wire``, ``shapes``, ``answers``, ``envelope``: bodies in, checks, bodies out, what every answer has
- ``store``, ``schema``, ``vault``: the database, its versions, the encryption of credentials
- ``orq``: what the Orq routes accept, keep and answer
- ``app``, ``server``: the parts put together; the same on a socket

Importing this package loads none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["create_app"]


def create_app(database: Path, *, token: str | None = None) -> Starlette:
    """The registry in ``database`` as an ASGI app; the file and its folder are made where absent.

    It needs no lifespan events, so it runs under any server and under ``httpx.ASGITransport``.
    ``app.state.store.close()`` lets go of the file; without it that happens when the app is collected.

    With ``token``, every route but ``GET /healthz`` demands it as ``Authorization: Bearer <token>``.

    Raises StorageError: the file cannot be opened or made, is no database of ours, was written by a
    newer version, or holds credentials whose key file is gone. Raises ValueError for an empty ``token``.
    """
    from reconciler.embedded import app  # noqa: PLC0415 - commands that need no registry must start fast

    return app.build(database, token=token)
