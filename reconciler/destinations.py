"""The hosts that the secrets of an object reach."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reconciler.manifests.vocabulary import HOST, full

NO_ADDRESS: Final = "an address that is none"
"""Stands for an address whose host is not certain; no list of hosts can hold it."""

# What programs read in different ways (a backslash, user information, a fragment) is no address here.
_ADDRESS: Final = (
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?"
    rf"(?P<host>(?i:{HOST}))(?:[/?][!$-?A-\[\]-~]*)?"
)


def destinations(upstreams: Iterable[str], registry_url: str | None) -> tuple[str, ...]:
    """The hosts that an object's secrets reach: its upstreams, else the registry that uses them itself.

    An embedded registry without an upstream sends them nowhere.
    """
    hosts = sorted({_host(url) for url in upstreams})
    if hosts:
        return tuple(hosts)
    return (_host(registry_url),) if registry_url else ()


def _host(url: str) -> str:
    """``host`` or ``host:port`` in small letters. Never the text itself: it may hold a password."""
    found = full(_ADDRESS).match(url)
    return NO_ADDRESS if found is None else found["host"].lower()
