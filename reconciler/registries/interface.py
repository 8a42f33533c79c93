"""How the rest of the house talks with a registry.

An adapter is a ``Kind`` (`kind.py`): its tables, and two objects that talk. ``Reader`` is all that planning
ever gets; it has no method that writes, so a plan cannot. ``Writer`` is given to the executor alone. Both
only fetch and translate; they decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from reconciler.registries.rows import Path
from reconciler.secrets import Secret, SecretRef

Ref = tuple[str, str]
"""A resource (`Model`) and the id of an object of it."""


class LiveObject(NamedTuple):
    """One object that a registry holds, without any secret. ``raw`` is the wire's, lists as mappings.

    ``id`` is what calls name it by; ``keys`` is what manifests name it by, the best one first, where
    that is not the id. ``hidden`` are the wire paths of secrets that it has and does not show.
    """

    id: str
    raw: Mapping[str, Any]
    ours: bool
    variant: str
    resource: str = "Model"
    keys: tuple[str, ...] = ()
    hidden: frozenset[Path] = frozenset()

    @property
    def ref(self) -> Ref:
        """What tells it from every other object of its registry."""
        return self.resource, self.id

    @property
    def names(self) -> tuple[str, ...]:
        """What a manifest may call it."""
        return self.keys or (self.id,)

    @property
    def display_name(self) -> str | None:
        name = self.raw.get("display_name") or self.raw.get("provider_name")
        return name if isinstance(name, str) else None

    @property
    def label(self) -> str:
        """What people call it, for messages."""
        name = self.names[0] if self.keys else self.display_name
        return f"{self.id} ({name})" if name is not None and name != self.id else self.id


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything read from one registry in one go. ``read_at`` is monotonic time, in seconds.

    ``names``: of the resources that its kind reads by name, only every object with one of these was read.
    """

    registry: str
    objects: tuple[LiveObject, ...]
    read_at: float
    names: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Usages:
    """What the registry says of who uses its objects: by what they call one (``Table.called``), who does.

    ``noun`` is what the users are (`deployment`). With ``warning`` it is not known, and why.
    """

    noun: str = ""
    by_name: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write came back with: the object as the registry now shows it, where it shows it.

    ``created`` is whether a create made a new object, where the registry says that; False where it
    updated one.
    """

    live: LiveObject | None
    request_id: str | None = None
    created: bool | None = None


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """One write, ready but for its secrets, which stand in ``body`` as SecretRef; None for no body.

    ``secrets`` may hold more than ``body`` names: all of them are struck out of what the registry answers.
    ``id`` is the object's own id; None for a create. ``patience``: seconds for which ``body`` is fresh
    enough to be sent again after a limit.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None
    id: str | None
    secrets: Mapping[SecretRef, Secret]
    patience: float = math.inf


class Reader(Protocol):
    """Reads one registry. Nothing here can write."""

    async def observe(self) -> Observation:
        """Everything, or a RegistryError: never half."""
        ...

    async def usages(self) -> Usages | None:
        """Who uses what; None where this kind does not tell. Raises RegistryError."""
        ...


class ReaderByName(Reader, Protocol):
    """The reader of a kind that has ``by_name``."""

    async def observe_only(self, names: frozenset[str]) -> Observation | None:
        """As `observe`, but of the resources in ``Kind.by_name`` only the objects with one of ``names``, all
        of those, as `observe` shows them. None where this server does not do what that needs: then
        everything is read. Raises RegistryError."""
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
