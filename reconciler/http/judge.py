"""What an answer, or the lack of one, means for a read and for a write.

================================  ==============================  ==============================
what happened                     a read                          a write
================================  ==============================  ==============================
2xx with JSON or nothing          Reply                           Reply
not connected                     again, then Unreachable         again, then Unreachable
sent, no answer                   again, then Unreachable         UnknownOutcome
2xx that breaks off               again, then Unreachable         UnknownOutcome
2xx that is no JSON or too large  UnexpectedAnswer                UnknownOutcome
401, 403                          Unauthorised                    Unauthorised
429                               again, then RateLimited         again, then RateLimited
408, 500, 502-504, 520-524        again, then UnexpectedAnswer    UnknownOutcome
other 5xx                         UnexpectedAnswer                UnknownOutcome
1xx, 3xx                          UnexpectedAnswer                UnexpectedAnswer; 303 Unknown…
other 4xx                         Rejected                        Rejected
================================  ==============================  ==============================

Nothing here raises: a raised error would take the failure of httpx along as its context, and that holds
the request with its headers.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from reconciler.errors import (
    RateLimited,
    RegistryError,
    Rejected,
    Unauthorised,
    UnexpectedAnswer,
    UnknownOutcome,
    Unreachable,
)
from reconciler.http.answer import Answer, Reply, decode, has_header
from reconciler.http.hints import asked_wait
from reconciler.http.text import harmless, is_page, page_text
from reconciler.http.urls import redirect_target
from reconciler.secrets import Secret

# 408: gateways also answer it when the system behind them was too slow. 520 to 524 are a content
# network's own words for 502 and 504.
_TRANSIENT = frozenset({408, 500, 502, 503, 504, 520, 521, 522, 523, 524})

_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout)
_NOT_SENT = (
    *_NO_CONNECTION,
    httpx.PoolTimeout,
    httpx.ProxyError,  # the proxy refused the tunnel
    httpx.InvalidURL,  # longer than httpx sends
)
# A raw OSError: TLS that broke later on.
SEND_FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError)
"""What an exchange without an answer can end in."""

_REQUEST_IDS = (b"x-request-id", b"request-id", b"x-amzn-requestid", b"x-correlation-id", b"cf-ray")
_LONGEST_EXCERPT = 200
_LONGEST_DETAIL = 100
_A_DAY = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Call:
    """One request to make, any number of times. ``shown`` is its method and address, without the query.

    ``good_until`` is the monotonic time after which ``body`` is too old to be sent.
    """

    method: str
    address: str = field(repr=False)
    shown: str
    body: bytes | None = field(repr=False)
    writes: bool
    secrets: tuple[Secret, ...]
    """Those that it carries, which an answer may repeat."""
    good_until: float = math.inf
    content_type: str = "application/json"
    template: str = ""
    """Its path without what differs from object to object; for those who watch, never sent."""

    def carrying(self, token: Secret | None) -> Call:
        """The same with ``token`` among its secrets."""
        if token is None:
            return self
        secrets = (token, *self.secrets)
        return Call(
            self.method,
            self.address,
            self.shown,
            self.body,
            self.writes,
            secrets,
            self.good_until,
            self.content_type,
            self.template,
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """A try that failed. ``repeat``: trying again is safe and may help. ``wait``: seconds asked for."""

    error: RegistryError
    repeat: bool = False
    wait: float | None = None


Verdict = Reply | Failed


@dataclass(frozen=True, slots=True)
class Judge:
    """Turns what happened into a verdict, in the words of one registry.

    ``credential`` is what to check when it refuses us, ``setting`` where its address stands in
    reconciler.yaml.
    """

    registry: str
    credential: str | None
    explain: Callable[[Any], str | None]
    retry_after: Callable[[Any], float | None]
    longest_wait: float
    now: Callable[[], float]
    setting: str = "url"

    def failure(self, call: Call, failure: BaseException) -> Failed:
        """The verdict on a try that brought no answer."""
        about = self._clean(call, str(failure), _LONGEST_EXCERPT) or type(failure).__name__
        if isinstance(failure, _NOT_SENT):
            if _is_untrusted(failure):
                hint = "set SSL_CERT_FILE to the certificates that this network uses"
                return Failed(self._error(Unreachable, call, None, f"not trusted: {about}", hint=hint))
            check = f"check `{self.setting}` in reconciler.yaml, and that the registry is running"
            nobody = check if isinstance(failure, _NO_CONNECTION) else None
            unconnected = self._error(Unreachable, call, None, f"cannot connect: {about}", hint=nobody)
            return Failed(unconnected, repeat=True)
        if isinstance(failure, TimeoutError | httpx.TimeoutException):
            return self._unanswered(call, None, "no answer in time")
        return self._unanswered(call, None, f"the connection broke before an answer: {about}")

    def too_old(self, call: Call) -> Failed:
        """The verdict on a call whose turn came when its body was too old: not sent, to be made anew."""
        error = self._error(RateLimited, call, None, "its turn came too late")
        assert isinstance(error, RateLimited)
        error.wait = 0.0
        return Failed(error)

    def answer(self, call: Call, answer: Answer) -> Verdict:
        """The verdict on a try that brought an answer."""
        status = answer.status
        if answer.is_success:
            return self._success(call, answer)
        if status < 400:
            return self._redirect(call, answer)
        if status in {401, 403}:
            return Failed(
                self._error(Unauthorised, call, answer, self._words(call, answer), hint=self._whose())
            )
        if status == 429:
            return self._limited(call, answer)
        if status < 500 and status not in _TRANSIENT:
            return Failed(self._error(Rejected, call, answer, self._words(call, answer)))
        return self._broken(call, answer)

    def _success(self, call: Call, answer: Answer) -> Verdict:
        flaw = answer.flaw
        if flaw is not None and flaw.passing:
            return self._unanswered(call, answer, flaw.text)
        if flaw is not None:
            return self._unusable(call, answer, flaw.text)
        try:
            data = decode(answer.body)
        except ValueError as error:
            # Never an excerpt: the body of a success may hold what the registry keeps secret.
            media = answer.headers.get("content-type", "")
            kind = self._clean(call, media or "none", _LONGEST_DETAIL)
            if is_page(answer.body.decode("utf-8", "replace"), media):
                return self._unusable(
                    call, answer, f"the answer is a page of HTML, not JSON (content type {kind})"
                )
            return self._unusable(call, answer, f"the answer is not JSON ({error}; content type {kind})")
        empty, size = not answer.body.strip(), len(answer.body)
        return Reply(answer.status, data, self._request_id(call, answer), empty=empty, size=size)

    def _redirect(self, call: Call, answer: Answer) -> Failed:
        what = self._redirection(call, answer)
        if call.writes and answer.status == 303:
            # It says that the request was handled and its result is elsewhere; the others, that it was not.
            return self._unknown(call, answer, what)
        return Failed(self._error(UnexpectedAnswer, call, answer, what, hint=self._wrong_url()))

    def _redirection(self, call: Call, answer: Answer) -> str:
        location = answer.location
        if location is None:
            return "an answer that we do not know"
        try:
            origin, same = redirect_target(call.address, location)
        except (httpx.InvalidURL, ValueError):  # ValueError: a host that no name lookup takes
            return "redirected to an address that is not valid; not followed, and nothing was sent there"
        if same:
            return "redirected to another path of the same origin; not followed"
        origin = self._clean(call, origin, _LONGEST_DETAIL)
        return f"redirected to {origin}; not followed, and nothing was sent there"

    def _limited(self, call: Call, answer: Answer) -> Failed:
        wait = self._wait(answer)
        words = self._words(call, answer)
        if wait is None or wait <= self.longest_wait:
            return Failed(self._error(RateLimited, call, answer, words), repeat=True, wait=wait)
        asked = "waiting does not lift this limit"
        if wait != float("inf"):
            told = f"{wait:.0f} s" if wait < _A_DAY else "more than a day"
            asked = f"asks for a wait of {told}, and we wait {self.longest_wait:.0f} s at most"
        return Failed(self._error(RateLimited, call, answer, f"{asked}: {words}"))

    def _broken(self, call: Call, answer: Answer) -> Failed:
        words = self._words(call, answer)
        if call.writes:
            # A 500 too: some registries answer it although the row was saved.
            return self._unknown(call, answer, words)
        wait = self._wait(answer)
        repeat = answer.status in _TRANSIENT and (wait is None or wait <= self.longest_wait)
        return Failed(self._error(UnexpectedAnswer, call, answer, words), repeat=repeat, wait=wait)

    def _unanswered(self, call: Call, answer: Answer | None, what: str) -> Failed:
        if call.writes:
            return self._unknown(call, answer, what)
        return Failed(self._error(Unreachable, call, answer, what), repeat=True)

    def _unusable(self, call: Call, answer: Answer, what: str) -> Failed:
        if call.writes:
            return self._unknown(call, answer, what)
        return Failed(self._error(UnexpectedAnswer, call, answer, what, hint=self._wrong_url()))

    def _unknown(self, call: Call, answer: Answer | None, what: str) -> Failed:
        what = f"{what}; it may have taken effect"
        return Failed(self._error(UnknownOutcome, call, answer, what, hint="plan again to see what is there"))

    def _error(
        self,
        kind: type[RegistryError],
        call: Call,
        answer: Answer | None,
        what: str,
        *,
        hint: str | None = None,
    ) -> RegistryError:
        status = None if answer is None else answer.status
        request_id = None if answer is None else self._request_id(call, answer)
        said = "" if status is None else f": {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
        end = "" if request_id is None else f" (request id {request_id})"
        return kind(
            f"{self.registry}: {call.shown}{said}: {what}{end}",
            registry=self.registry,
            request=call.shown,
            status=status,
            request_id=request_id,
            hint=hint,
        )

    def _words(self, call: Call, answer: Answer) -> str:
        """The registry's own message, else an excerpt of what it sent: of a page, what it reads as."""
        words = self.explain(_json_or_none(answer))
        if words:
            return self._clean(call, words)
        body = answer.body.decode("utf-8", "replace")
        if is_page(body, answer.headers.get("content-type", "")):
            body = page_text(body, call.secrets)
        return self._clean(call, body, _LONGEST_EXCERPT) or "no message"

    def _wait(self, answer: Answer) -> float | None:
        # The body first: it alone can say that waiting does not help.
        wait = self.retry_after(_json_or_none(answer))
        return wait if wait is not None and wait > 0 else asked_wait(answer.headers, self.now())

    def _request_id(self, call: Call, answer: Answer) -> str | None:
        if not has_header(answer.headers, *_REQUEST_IDS):
            return None
        names = (name.decode() for name in _REQUEST_IDS)
        found = next((value for name in names if (value := answer.headers.get(name))), None)
        return None if found is None else self._clean(call, found, _LONGEST_DETAIL)

    def _whose(self) -> str:
        if self.credential is None:
            return "this registry has no token in reconciler.yaml"
        return f"{check_hint(self.credential)}; a wrong `{self.setting}` looks the same"

    def _wrong_url(self) -> str:
        return f"check `{self.setting}` in reconciler.yaml: it may be wrong"

    def _clean(self, call: Call, text: str, limit: int | None = None) -> str:
        return harmless(text, call.secrets) if limit is None else harmless(text, call.secrets, limit=limit)


def check_hint(credential: str) -> str:
    """What to do about a credential that was refused."""
    return f"check {credential}: is it the right one, still valid, and allowed to do this?"


def _json_or_none(answer: Answer) -> Any:
    try:
        return decode(answer.body)
    except ValueError:
        return None


def _is_untrusted(failure: BaseException | None) -> bool:
    """Whether the other side's certificate was refused, which no further try can change."""
    while failure is not None:
        if isinstance(failure, ssl.SSLCertVerificationError):
            return True
        failure = failure.__cause__ or failure.__context__
    return False
