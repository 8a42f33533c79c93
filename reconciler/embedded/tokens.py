"""Who may come in: the registry's own token, and the short-lived ones that it is exchanged for.

IBM's clients send no API key to watsonx Orchestrate: they exchange it at ``POST /identity/token`` for an
access token that expires. Such tokens are good for the watsonx routes only.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from dataclasses import dataclass

WATSONX_PATHS = ("/api/v1/", "/v1/orchestrate/")

_OPEN_TO_ALL = {("GET", "/healthz"), ("POST", "/identity/token")}


@dataclass(frozen=True, slots=True)
class AccessToken:
    """``seconds`` is how long it is good for, ``expiration`` until when, in seconds since 1970."""

    text: str
    seconds: int
    expiration: int


class Tokens:
    """The token of one registry; ``None`` lets everybody in."""

    def __init__(self, token: str | None, *, seconds: int) -> None:
        self._token = None if token is None else token.encode()
        self._seconds = seconds
        self._key = os.urandom(32) if token is None else token.encode()

    def denial(self, method: str, path: str, authorization: str | None) -> str | None:
        """Why a request may not come in: ``authentication_required``, ``invalid_api_key``, or it may."""
        if self._token is None or (method, path) in _OPEN_TO_ALL:
            return None
        if authorization is None:
            return "authentication_required"
        scheme, _, sent = authorization.partition(" ")
        # Starlette reads header bytes as Latin-1; back to the bytes, which is what a token is compared as.
        text = sent.strip().encode("latin-1")
        if scheme.lower() == "bearer" and (
            self.knows(text) or (path.startswith(WATSONX_PATHS) and self._is_good(text))
        ):
            return None
        return "invalid_api_key"

    def knows(self, text: bytes) -> bool:
        """Whether ``text`` is the registry's token. Where it has none, every text is."""
        return self._token is None or hmac.compare_digest(text, self._token)

    def issue(self) -> AccessToken:
        expiration = int(time.time()) + self._seconds
        text = f"iam.{expiration}.{self._signature(str(expiration))}"
        return AccessToken(text, self._seconds, expiration)

    def _is_good(self, text: bytes) -> bool:
        prefix, _, rest = text.decode("latin-1").partition(".")
        expiration, _, signature = rest.partition(".")
        signed = hmac.compare_digest(signature.encode(), self._signature(expiration).encode())
        return prefix == "iam" and signed and time.time() < int(expiration)

    def _signature(self, expiration: str) -> str:
        return hmac.new(self._key, f"access token until {expiration}".encode(), hashlib.sha256).hexdigest()
