"""The addresses in a value of an object that the object's secrets may be used at."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from reconciler.registries.codecs import Json, TreeOrSecret

if TYPE_CHECKING:
    from reconciler.registries.rows import Row

_DOT: Final = "[.\u3002\uff0e\uff61]"


# Compiled when they are asked for: most runs meet no free part of an object.
@cache
def _names_address() -> re.Pattern[str]:
    """Keys of what reads like an address."""
    return re.compile(
        r"(?i:(?:url|uri|endpoint|host|hostname|domain|server|proxy|gateway|upstream|origin)s?$"
        r"|(?:^|[^a-z])base$)|[a-z0-9]Base$"
    )


@cache
def _host() -> re.Pattern[str]:
    return re.compile(
        rf"(?:[^\s/@]*:[^\s/@]*@)?"  # user and password
        rf"(?:[\w-]+(?:{_DOT}[\w-]+)*{_DOT}(?:[^\W\d_]{{2,}}|xn--[a-z0-9-]+){_DOT}?(?::[0-9]+)?"  # name.tld
        r"|[\w.-]*[^\W\d_][\w.-]*:[1-9][0-9]{0,4}"  # name:port
        r"|[0-9]+(?:\.[0-9]+){3}(?::[0-9]+)?|\[[0-9a-f:.]+\](?::[0-9]+)?|localhost)"
        r"(?:[/?#\\].*)?",
        re.IGNORECASE | re.DOTALL,
    )


def upstreams(row: Row, path: tuple[str, ...], value: Any) -> Iterator[str]:
    """The addresses in a value that the object's secrets are used at.

    In a free part of an object nobody documents which key is one, so everything that reads like an
    address counts.
    """
    if row.upstream and isinstance(value, str) and value:
        yield row.host.format(value) if row.host else value
    elif isinstance(row.codec, TreeOrSecret):
        yield from _addresses(path[-1], value.value if isinstance(value, Json) else value)


def _addresses(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _addresses(name, item)
    elif isinstance(value, list):
        for item in value:
            yield from _addresses(key, item)
    elif isinstance(value, str) and value.strip():
        if _names_address().search(key):
            yield value
        else:
            yield from (word for word in re.split(r"[\s,;|]+", value) if _is_address(word))


def _is_address(word: str) -> bool:
    if "://" in word or word.startswith(("//", "\\\\")) or _host().fullmatch(word):
        return True
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True
