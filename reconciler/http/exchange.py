"""An API key exchanged for access tokens, which end after a while.

Sources: the vendor's ibm-cloud-sdk-core 3.28 (IAM, MCSP) and ibm-watsonx-orchestrate-clients 2.19;
cloud.ibm.com/docs/iam, "Generating an IBM Cloud IAM token by using an API key".
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from reconciler.errors import RegistryError, Rejected, Unauthorised, UnexpectedAnswer
from reconciler.http.answer import Reply
from reconciler.http.judge import Call, check_hint
from reconciler.http.pace import Clock
from reconciler.http.tokens import can_be_a_header
from reconciler.http.transport import ReadTransport, Settings
from reconciler.secrets import Secret, TokenExchange

_SETTINGS: Final = Settings(requests_per_minute=60, concurrency=1, timeout=30.0, max_answer_bytes=1024 * 1024)
_SETTING: Final = "auth.token_url"
_GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"

_LONGEST_MARGIN: Final = 60.0
"""Seconds before its end at which a token is not begun with any more: as long as a call may take."""


class AccessToken:
    """The access token of one registry: fetched when first needed, shared by all calls, renewed in time.

    The reader and the writer of a registry share one of these. One exchange runs at a time; who waits
    for it gets its token, or its failure.
    """

    def __init__(self, exchange: TokenExchange, *, registry: str, clock: Clock | None = None) -> None:
        self.name = exchange.key.name
        self._exchange = exchange
        self._registry = registry
        self._clock = clock or Clock()
        self._token: Secret | None = None
        self._good_until = -math.inf
        self._failure: RegistryError | None = None
        self._exchanges = 0
        self._lock: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def current(self) -> Secret:
        """A token that is good for a while.

        Raises RegistryError, which names the token endpoint: Unauthorised where it refuses the key,
        Unreachable, RateLimited or UnexpectedAnswer.
        """
        token = self._good()
        if token is not None:
            return token
        before = self._exchanges
        async with self._turn():
            token = self._good()
            if token is None and before != self._exchanges and self._failure is not None:
                raise self._failure
            return token or await self._renew()

    def refused(self, token: Secret | None) -> bool:
        """A registry's 401: the token may have ended early, or another one came meanwhile."""
        if token is self._token:
            self._token = None
        return True

    def _good(self) -> Secret | None:
        return self._token if self._clock.monotonic() < self._good_until else None

    async def _renew(self) -> Secret:
        self._token = None
        began = self._clock.monotonic()  # the life of a token begins before its answer arrives
        result = await self._fetch()
        self._exchanges += 1
        self._failure = result if isinstance(result, RegistryError) else None
        if isinstance(result, RegistryError):
            raise result
        token, seconds = result
        # A life that is not told is unlimited here: a 401 ends it.
        self._token, self._good_until = token, began + seconds - min(_LONGEST_MARGIN, seconds / 10)
        return token

    async def _fetch(self) -> tuple[Secret, float] | RegistryError:
        """A token and its life in seconds, or why there is none, free of the failure that it came from."""
        try:
            async with _Endpoint(self._exchange, self._registry, self._clock) as endpoint:
                return endpoint.token_in(await endpoint.exchange())
        except Rejected as error:
            # IAM answers 400 to a key that it does not know.
            if error.status == 400:
                return _as_unauthorised(error, self.name)
            error.hint = f"check `{_SETTING}` in reconciler.yaml: it may be wrong"
            return error
        except RegistryError as error:
            return error

    def _turn(self) -> asyncio.Lock:
        """The lock of the running loop; one cannot serve two."""
        loop = asyncio.get_running_loop()
        if self._lock is None or self._loop is not loop:
            self._lock, self._loop = asyncio.Lock(), loop
        return self._lock


class _Endpoint(ReadTransport):
    """The token endpoint. Asking it for a token changes nothing, so it is a read that may be repeated."""

    def __init__(self, exchange: TokenExchange, registry: str, clock: Clock) -> None:
        super().__init__(
            registry=registry,
            base_url=exchange.url,
            token=_KeyInBody(exchange.key),
            settings=_SETTINGS,
            explain=_explain,
            clock=clock,
            setting=_SETTING,
        )
        self._asked = exchange
        self._shown = f"POST {self._base.text}"

    async def exchange(self) -> Reply:
        """The answer to the key. Raises RegistryError."""
        key = self._asked.key.reveal()
        if self._asked.form == "iam":
            body, content_type = (
                urlencode({"grant_type": _GRANT, "apikey": key}),
                "application/x-www-form-urlencoded",
            )
        else:
            body, content_type = json.dumps({"apikey": key}), "application/json"
        call = Call(
            method="POST",
            address=self._base.text,
            shown=self._shown,
            body=body.encode(),
            writes=False,
            secrets=(self._asked.key,),
            content_type=content_type,
        )
        return await self._settle(call, patience=math.inf)

    def token_in(self, reply: Reply) -> tuple[Secret, float]:
        """Raises UnexpectedAnswer, without anything of the answer."""
        data = reply.data if isinstance(reply.data, Mapping) else {}
        text = data.get("access_token" if self._asked.form == "iam" else "token")
        token = Secret(f"the access token of registry '{self._judge.registry}'", text or "")
        if isinstance(text, str) and can_be_a_header(token):
            return token, _life(data.get("expires_in"))
        raise UnexpectedAnswer(
            f"{self._judge.registry}: {self._shown}: the answer holds no access token",
            registry=self._judge.registry,
            request=self._shown,
            status=reply.status,
            request_id=reply.request_id,
            hint=f"check `{_SETTING}` in reconciler.yaml, and `auth.form`: '{self._asked.form}' was used",
        )


class _KeyInBody:
    """The token endpoint gets the key in a body, and no header."""

    def __init__(self, key: Secret) -> None:
        self.name = key.name

    async def current(self) -> None:
        return None

    def refused(self, token: Secret | None) -> bool:
        del token
        return False


def _life(seconds: Any) -> float:
    """Seconds for which a token is good."""
    is_number = isinstance(seconds, int | Decimal) and not isinstance(seconds, bool)
    return max(0.0, float(seconds)) if is_number else math.inf


def _as_unauthorised(error: RegistryError, name: str) -> Unauthorised:
    return Unauthorised(
        error.message,
        registry=error.registry,
        request=error.request,
        status=error.status,
        request_id=error.request_id,
        hint=check_hint(name),
    )


def _explain(data: Any) -> str | None:
    """The endpoint's own words; IAM says `errorMessage`, and proxies before MCSP speak in their own ways."""
    if not isinstance(data, Mapping):
        return None
    told = (data.get(key) for key in ("errorMessage", "error_description", "message", "detail", "error"))
    return next((words for words in told if isinstance(words, str) and words), None)
