"""The hosts that the secrets of an object reach."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit


def destinations(upstreams: Iterable[str], registry_url: str | None) -> tuple[str, ...]:
    """The hosts that an object's secrets reach: its upstreams, else the registry that uses them itself.

    An embedded registry without an upstream sends them nowhere.
    """
    hosts = sorted({_host(url) for url in upstreams})
    if hosts:
        return tuple(hosts)
    return (_host(registry_url),) if registry_url else ()


def _host(url: str) -> str:
    """``host`` or ``host:port`` in small letters; the whole text where it is no address."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        port = parts.port
    except ValueError:
        return url
    host = (parts.hostname or url).lower()
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"
