"""What the clients of all kinds do alike: open a connection, send one request, refuse a strange answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar

from reconciler.errors import UnexpectedAnswer
from reconciler.http import ReadTransport, Reply, Settings, Transport, quote_segment
from reconciler.registries.interface import Connection, OutgoingRequest
from reconciler.registries.wire import body_bytes

CHECK_URL: Final = "check `url` in reconciler.yaml"

MOST_PAGES: Final = 2000
"""Pages of one list; at a hundred models each, more than any team has."""

MOST_BYTES: Final = 256 * 1024 * 1024
"""Bytes of all pages of one list."""

Explain = Callable[[Any], str | None]
"""The decoded body of an error, whatever it is: the registry's own message, or None."""

RetryAfter = Callable[[Any], float | None]
"""The same: the seconds that it asks to wait; `math.inf` for a limit that waiting does not lift."""

Talker = TypeVar("Talker")
Way = TypeVar("Way", bound=ReadTransport)
Opens = Callable[[Connection], AbstractAsyncContextManager[Talker]]


def _unsaid(_: Any) -> None:
    return None


def opens_reader(
    make: Callable[[str, ReadTransport], Talker], explain: Explain, retry_after: RetryAfter = _unsaid
) -> Opens[Talker]:
    """The function `reader` of a client: ``make`` takes the registry's name and what can only read it."""
    return _opens(ReadTransport, make, explain, retry_after)


def opens_writer(
    make: Callable[[str, Transport], Talker], explain: Explain, retry_after: RetryAfter = _unsaid
) -> Opens[Talker]:
    """The function `writer` of a client: ``make`` takes the registry's name and what can write to it."""
    return _opens(Transport, make, explain, retry_after)


def _opens(
    way: type[Way], make: Callable[[str, Way], Talker], explain: Explain, retry_after: RetryAfter
) -> Opens[Talker]:
    @asynccontextmanager
    async def opened(connection: Connection) -> AsyncIterator[Talker]:
        transport = way(
            registry=connection.registry,
            base_url=connection.url,
            token=connection.credentials,
            settings=_settings(connection),
            explain=explain,
            retry_after=retry_after,
            wire=connection.wire,
            pace=connection.pace,
        )
        async with transport:
            yield make(connection.registry, transport)

    return opened


def _settings(connection: Connection) -> Settings:
    return Settings(requests_per_minute=connection.requests_per_minute, concurrency=connection.concurrency)


async def send(transport: Transport, request: OutgoingRequest, *, safe: str = "") -> Reply:
    """Sends ``request`` as it is, its secrets put in. ``safe`` stays as it is in the id that its path names.

    Raises RegistryError; UnknownOutcome where it may have taken effect.
    """
    path = request.path
    if request.id is not None:
        path = path.format(id=quote_segment(request.id, safe=safe))
    body = None if request.body is None else body_bytes(request.body, request.secrets)
    secrets, patience = tuple(request.secrets.values()), request.patience
    return await transport.write(
        request.method, path, body, secrets=secrets, patience=patience, template=request.path
    )


class Pages:
    """What has come of one list that is read page by page, so that one without an end is refused."""

    def __init__(self, registry: str, request: str) -> None:
        self._registry = registry
        self._request = request
        self._pages = self._bytes = 0

    def add(self, reply: Reply) -> None:
        """Raises UnexpectedAnswer for more than MOST_PAGES pages, or MOST_BYTES bytes."""
        self._pages += 1
        self._bytes += reply.size
        if self._pages > MOST_PAGES:
            raise unexpected(self._registry, self._request, f"its list does not end in {MOST_PAGES} pages")
        if self._bytes > MOST_BYTES:
            raise unexpected(self._registry, self._request, f"its list is larger than {MOST_BYTES} bytes")


def unexpected(registry: str, request: str, what: str, hint: str = CHECK_URL) -> UnexpectedAnswer:
    """The error for an answer to ``request`` (`GET /models`) of a shape that we do not know."""
    message = f"{registry}: {request}: {what}"
    return UnexpectedAnswer(message, registry=registry, request=request, hint=hint)
