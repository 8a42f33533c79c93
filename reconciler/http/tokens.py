"""Where the bearer token of a call comes from, and how it gets onto a request."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Protocol

import httpx

from reconciler.errors import SecretError
from reconciler.secrets import Secret

_TOKEN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def can_be_a_header(token: Secret) -> bool:
    """Whether ``token`` has only characters that a header may have."""
    return _TOKEN.fullmatch(token.reveal()) is not None


class TokenSource(Protocol):
    """Gives the token of each call."""

    @property
    def name(self) -> str | None:
        """What a user checks when a token is refused; None where there is none to check."""
        ...

    async def current(self) -> Secret | None:
        """The token to send now; None for none. Raises RegistryError where none can be had."""
        ...

    def refused(self, token: Secret | None) -> bool:
        """Notes that a registry answered 401 to ``token``. Whether the next one will be another."""
        ...


class FixedToken:
    """One token for all calls, or none."""

    def __init__(self, token: Secret | None) -> None:
        """Raises SecretError where the token cannot be a header."""
        if token is not None and not can_be_a_header(token):
            raise _no_header(token)
        self._token = token
        self.name = None if token is None else token.name

    async def current(self) -> Secret | None:
        return self._token

    def refused(self, token: Secret | None) -> bool:
        del token
        return False


def _no_header(token: Secret) -> SecretError:
    return SecretError(
        f"{token.name}: has characters that a token cannot have",
        hint="set it again without line breaks, control characters or letters outside ASCII",
    )


def bearer(token: Secret) -> str:
    """What the header `Authorization` says; made at the last moment, so that no value of ours holds it.

    Raises SecretError where the token cannot be a header: it must end no line of a request.
    """
    if not can_be_a_header(token):
        raise _no_header(token)
    return f"Bearer {token.reveal()}"


class BearerAuth(httpx.Auth):
    """Puts the token on the requests of an httpx client.

    An explicit auth also keeps httpx from taking credentials out of an address or a netrc file.
    """

    def __init__(self, token: Secret | None) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._token is not None:
            request.headers["Authorization"] = bearer(self._token)
        yield request
