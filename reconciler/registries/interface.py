"""What a kind of registry is to the rest of the house.

An adapter is a ``Kind``: its tables, and two objects that talk. ``Reader`` is all that planning ever
gets; it has no method that writes, so a plan cannot. ``Writer`` is given to the executor alone. Both
only fetch and translate; they decide nothing.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, cast

from reconciler.registries.rows import Path, Table
from reconciler.secrets import Secret, SecretRef


@dataclass(frozen=True, slots=True)
class LiveObject:
    """One object that a registry holds, without any secret. ``raw`` is the wire's, lists as mappings."""

    id: str
    raw: Mapping[str, Any]
    ours: bool
    variant: str
    resource: str = "Model"

    @property
    def label(self) -> str:
        """What people call it, for messages."""
        name = self.raw.get("display_name")
        return f"{self.id} ({name})" if isinstance(name, str) and name != self.id else self.id


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything read from one registry in one go. ``read_at`` is monotonic time, in seconds."""

    registry: str
    objects: tuple[LiveObject, ...]
    read_at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write came back with: the object as the registry now shows it, where it shows it."""

    live: LiveObject | None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """One write, ready but for its secrets, which stand in ``body`` as SecretRef.

    ``id`` is the object's own id; None for a create. ``patience``: seconds for which ``body`` is fresh
    enough to be sent again after a limit.
    """

    method: str
    path: str
    body: Mapping[str, Any]
    id: str | None
    secrets: Mapping[SecretRef, Secret]
    patience: float = math.inf


class Reader(Protocol):
    """Reads one registry. Nothing here can write."""

    async def observe(self) -> Observation:
        """Everything, or a RegistryError: never half."""
        ...


class Writer(Reader, Protocol):
    """Reads and writes one registry."""

    async def send(self, request: OutgoingRequest) -> Answer:
        """Sends one request.

        Raises RegistryError; UnknownOutcome where it may have taken effect.
        """
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one registry.

    ``wire`` makes an httpx transport other than sockets (in this process). ``pace`` is an http.Pace of
    ``requests_per_minute`` that the reader and the writer share; without it, each has its own. ``auth``
    is an http.AccessToken that they share; it stands in for ``token``.
    """

    registry: str
    url: str
    token: Secret | None
    requests_per_minute: int
    concurrency: int
    wire: Callable[[], Any] | None = None
    pace: Any = None
    auth: Any = None

    @property
    def credentials(self) -> Any:
        """What a transport takes as its token: fixed, renewed, or None."""
        return self.auth or self.token


class Client(Protocol):
    """The module `client.py` of a kind."""

    def reader(self, connection: Connection) -> AbstractAsyncContextManager[Reader]: ...

    def writer(self, connection: Connection) -> AbstractAsyncContextManager[Writer]: ...


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A manifest asks for a variant that this version has no table for."""

    message: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of registry.

    ``choose`` picks the table of a manifest by the paths that it declares (with a value that is not
    null). ``client_module`` is the module that talks; it is imported late, because validation needs no
    HTTP.
    """

    name: str
    title: str
    tables: Mapping[str, Table]
    choose: Callable[[Mapping[Path, Any]], Table | Unsupported]
    client_module: str
    requests_per_minute: int

    def client(self) -> Client:
        """The module that talks, which is a Client."""
        return cast("Client", importlib.import_module(self.client_module))

    @property
    def default_table(self) -> Table:
        return next(iter(self.tables.values()))
