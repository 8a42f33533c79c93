"""Base addresses, paths and their segments.

Addresses are joined as text: every path arrives percent-encoded, and no segment of it can climb out of
the base address or add a query.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urlencode

import httpx

from reconciler.errors import InternalError, ReconcilerError, Unreachable

_PATH = re.compile(r"(?:/(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)+", re.ASCII)
_DOTS = frozenset({".", ".."})

Query = Mapping[str, str | Sequence[str]]
"""What stands behind the `?` of an address: each name with its value, or its values."""


def quote_segment(text: str, *, safe: str = "") -> str:
    """``text`` percent-encoded as one segment of a path; characters of ``safe`` stay as they are.

    Raises ReconcilerError for "", "." and "..": servers take an encoded dot for a dot, so no encoding
    keeps these from meaning another resource.
    """
    if not text or text in _DOTS:
        raise ReconcilerError(
            f"the id {text!r} cannot be part of an address", hint="give the resource another id"
        )
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
        raise ReconcilerError(f"the id {text!a} cannot be part of an address") from None


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Where a registry lives: ``https://host:port/prefix``, without a slash at the end."""

    text: str
    host: str

    @classmethod
    def parse(cls, text: str, *, registry: str, setting: str = "url") -> BaseUrl:
        """``setting`` is where it stands in reconciler.yaml.

        Raises Unreachable, without repeating ``text``: it may hold a password.
        """
        flaw = None
        try:
            url = httpx.URL(text.rstrip("/"))
            url.raw_host.decode("ascii").encode("idna")  # what the name lookup does, and fails on
        except (httpx.InvalidURL, UnicodeError):
            flaw = "is not a valid address"
        else:
            if url.scheme not in {"http", "https"} or not url.host:
                flaw = "must start with https:// or http:// and a host"
            elif url.userinfo:
                flaw = "must not hold a user name or password"
            elif url.query or url.fragment or "?" in text or "#" in text:
                flaw = "must end with its path"
        if flaw is not None:
            raise Unreachable(
                f"{registry}: its {setting} {flaw}",
                registry=registry,
                hint=f"correct `{setting}` in reconciler.yaml",
            )
        return cls(text=str(url).rstrip("/"), host=url.host)

    def join(self, path: str) -> str:
        """The full address of ``path``, which starts with a slash and is percent-encoded.

        Raises InternalError for a path that could mean another resource than its adapter thinks.
        """
        if not _is_safe(path):
            raise InternalError(f"an adapter made the path {path!r}, which is not safe to send")
        return self.text + path

    @property
    def is_plain(self) -> bool:
        """Whether it is http://, so that everybody on the way can read what is sent."""
        return self.text.startswith("http://")

    @property
    def is_loopback(self) -> bool:
        """Whether the address never leaves this machine."""
        host = self.host.rstrip(".")
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


@lru_cache(maxsize=64)  # all creates have the same one
def _is_safe(path: str) -> bool:
    segments = path.split("/")
    return _PATH.fullmatch(path) is not None and not any(unquote(segment) in _DOTS for segment in segments)


def with_query(address: str, params: Query | None) -> str:
    """``address`` with ``params``; several values of one stand one after the other."""
    return f"{address}?{urlencode(params, doseq=True)}" if params else address


def redirect_target(address: str, location: str) -> tuple[str, bool]:
    """The origin that ``location`` points to, and whether it is that of ``address``."""
    here = httpx.URL(address)
    there = here.join(location)
    origins = [f"{url.scheme}://{url.netloc.decode('ascii')}" for url in (here, there)]
    return origins[1], origins[0] == origins[1]
