"""Requests to a forge's API: JSON, page by page, and what goes wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from reconciler.errors import RegistryError, Rejected, Unauthorised
from reconciler.forge.interface import ForgeError
from reconciler.http import Settings, Transport
from reconciler.http.urls import BaseUrl
from reconciler.secrets import Secret

T = TypeVar("T")

_SETTINGS: Final = Settings(
    requests_per_minute=600, concurrency=1, timeout=30, max_answer_bytes=16 * 2**20, longest_wait=60
)
_PAGE: Final = 100
_MOST_PAGES: Final = 100


class Calls:
    """The API of one forge. ``needs`` says what a token that is refused lacks.

    Raises ForgeError for an address that a token may not be sent to.
    """

    def __init__(
        self, name: str, api_url: str, token: Secret, *, headers: Mapping[str, str], needs: str
    ) -> None:
        self._name, self._needs = name, needs
        try:
            base = BaseUrl.parse(api_url, registry=name, setting="--api-url")
            if base.is_plain and not base.is_loopback:
                message = f"{name}: its address starts with http://: the token would travel in clear"
                raise ForgeError(message, hint="give an https:// address with --api-url")
            self._transport = Transport(
                registry=name,
                base_url=api_url,
                token=token,
                settings=_SETTINGS,
                explain=_explain,
                setting="--api-url",
                headers=headers,
            )
        except RegistryError as error:
            raise ForgeError(error.message, hint="correct --api-url") from None

    async def get(self, path: str, **params: str) -> Any:
        """Raises ForgeError."""
        try:
            return (await self._transport.read("GET", path, params=params)).data
        except RegistryError as error:
            raise self._failed(error) from None

    async def pages(
        self, path: str, *, inside: str | None = None, most: int = _MOST_PAGES, **params: str
    ) -> Any:
        """The items of every page, ``most`` at most; ``inside`` is the key that each page has them at."""
        found: list[Any] = []
        for page in range(1, most + 1):
            data = await self.get(path, **params, per_page=str(_PAGE), page=str(page))
            items = data.get(inside) if inside is not None and isinstance(data, dict) else data
            if not isinstance(items, list):
                raise self.unknown(path)
            found += items
            if len(items) < _PAGE:
                break
        return found

    async def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Raises ForgeError; RejectedError where the forge understood and said no."""
        try:
            return (await self._transport.write(method, path, json.dumps(body).encode())).data
        except RegistryError as error:
            raise self._failed(error) from None

    def read(self, path: str, take: Callable[[], T]) -> T:
        """What ``take`` finds in an answer from ``path``. Raises ForgeError where it is not there."""
        try:
            return take()
        except (KeyError, TypeError, AttributeError, ValueError):
            raise self.unknown(path) from None

    def unknown(self, path: str) -> ForgeError:
        return ForgeError(f"{self._name}: {path}: an answer of a shape that we do not know")

    def _failed(self, error: RegistryError) -> ForgeError:
        if isinstance(error, Unauthorised) or error.status == 404:
            return RefusedError(error.message, hint=self._needs)
        if isinstance(error, Rejected):
            return RejectedError(error.message, hint=error.hint)
        return ForgeError(error.message, hint="run the job again")

    async def aclose(self) -> None:
        await self._transport.aclose()


class RefusedError(ForgeError):
    """The token may not do that, or what it is about is not there: forges answer both alike."""


class RejectedError(ForgeError):
    """The forge understood and said no."""


def _explain(data: Any) -> str | None:
    message = data.get("message") if isinstance(data, dict) else None
    if message is None and isinstance(data, dict):
        message = data.get("error")
    if message is None:
        return None
    return message if isinstance(message, str) else json.dumps(message, default=str)
