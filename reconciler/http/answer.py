"""An answer off the wire, inside limits of size and time, and the JSON in it."""

from __future__ import annotations

import asyncio
import codecs
import json
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import Any, NoReturn

import httpx

_LONGEST_ERROR_BODY = 64 * 1024
"""Bytes that are read of an answer that is no success; only its message is of use."""

_LONGEST_NUMBER = 308
"""Digits, and the largest exponent of ten: what a double can hold. More is an attack or a fault."""

_DEEPEST = 64
"""Lists and objects inside each other. What walks an answer later on calls itself as often."""
_TOO_DEEP = "it is nested too deeply"

_MOST_VALUES = 10_000_000
"""Values in one answer, by its commas and brackets: 100,000 models have about half of it. Two bytes can make
an object that takes a hundred."""

_USUAL_DEPTH = 16
_NO_MARKS = bytes(set(range(256)) - set(b',[]{}"\\'))


@dataclass(frozen=True, slots=True)
class Reply:
    """One accepted answer.

    ``data`` is the decoded JSON, numbers with a point or an exponent as Decimal, others as int; None
    for an empty body, which ``empty`` tells from a null. It may hold what the registry keeps secret, so
    ``repr`` leaves it out.
    """

    status: int
    data: Any = field(repr=False)
    request_id: str | None
    empty: bool = False
    size: int = field(default=0, compare=False)
    """Bytes of the body."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a body could not be read whole. ``passing``: the next try may well succeed."""

    text: str
    passing: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, however little of the body could be read."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    flaw: Flaw | None
    location: str | None = field(default=None, repr=False)
    """Where a redirect leads, as it was sent."""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class _TooLargeError(Exception):
    pass


class _TruncatedError(Exception):
    pass


async def receive(response: httpx.Response, *, limit: int, deadline: float) -> Answer:
    """Reads the body of ``response``: at most ``limit`` bytes of it, until the loop's time ``deadline``.

    Never fails: an answer keeps its status even where its body breaks off. A 400 is a clear no to a
    write, with or without the rest.
    """
    success = 200 <= response.status_code < 300
    room = limit if success else min(limit, _LONGEST_ERROR_BODY)
    if isinstance(response.stream, httpx.ByteStream) and not has_header(
        response.headers, b"content-encoding"
    ):
        whole = b"".join(response.stream)
        if len(whole) <= room:
            location = response.extensions.get("location")
            return Answer(response.status_code, response.headers, whole, None, location)
    body = bytearray()
    flaw = None
    try:
        async with asyncio.timeout_at(deadline):
            async for piece in _unpacked(response, room):
                body += piece
    except TimeoutError:
        flaw = Flaw("the answer did not end in time", passing=True)
    except (httpx.HTTPError, OSError, _TruncatedError):
        flaw = Flaw("the answer broke off", passing=True)
    except _TooLargeError:
        flaw = Flaw(f"the answer is larger than {limit} bytes", passing=False)
    except zlib.error:
        flaw = Flaw("the answer cannot be decompressed", passing=False)
    location = response.extensions.get("location")
    return Answer(response.status_code, response.headers, bytes(body), flaw if success else None, location)


def has_header(headers: httpx.Headers, *names: bytes) -> bool:
    """Whether one of ``names`` is there; a lookup by httpx for each takes several times as long."""
    return any(name.lower() in names for name, _ in headers.raw)


async def _unpacked(response: httpx.Response, room: int) -> AsyncIterator[bytes]:
    """The body, decompressed here and not by httpx, which would inflate a small chunk to any size."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise zlib.error(encoding)  # we asked for gzip or nothing
    gunzip = None if encoding == "identity" else zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    begun = False
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.stream:
        begun = begun or bool(chunk)
        piece = chunk if gunzip is None else gunzip.decompress(chunk, max_length=room + 1)
        if len(piece) > room:
            yield piece[:room]
            raise _TooLargeError
        room -= len(piece)
        yield piece
    if gunzip is not None and begun and not gunzip.eof:
        raise _TruncatedError


def decode(body: bytes) -> Any:
    """The JSON in ``body``, or None where it is empty.

    Raises ValueError, whose text never repeats the body.
    """
    marks = body.translate(None, _NO_MARKS)
    if len(marks) > _MOST_VALUES and sum(map(marks.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ValueError("it has too many values")
    text = body.removeprefix(codecs.BOM_UTF8).decode()
    if not text.strip():
        return None
    try:
        data = _decoder(_fraction, _whole).decode(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    deep = marks.count(b"{") + marks.count(b"[") > _DEEPEST and not _is_shallow(marks)
    if deep and _depth(data) > _DEEPEST:
        raise ValueError(_TOO_DEEP)
    return data


@cache
def _decoder(fraction: Callable[[str], Decimal], whole: Callable[[str], int]) -> json.JSONDecoder:
    """To make one takes half as long as to read an answer."""
    return json.JSONDecoder(parse_float=fraction, parse_int=whole, parse_constant=_refuse)


def _is_shallow(marks: bytes) -> bool:
    """Whether JSON of these ``marks`` is less deep than ``_DEEPEST``, where it is; much faster than to walk
    through all of it.

    Brackets in texts could hide others, and texts with escapes could hide those: they are not judged here.
    The quotes of a text without them stand side by side once all else is gone; before the first text that
    has one, an odd number of them does.
    """
    marks = marks.translate(None, b",").replace(b'""', b"")
    if b'"' in marks or b"\\" in marks:
        return False
    for _ in range(_USUAL_DEPTH):
        marks = marks.replace(b"{}", b"").replace(b"[]", b"")
        if not marks:
            return True
    return False


def _depth(data: Any) -> int:
    """How many lists and objects stand inside each other, or one more than ``_DEEPEST``."""
    depth = 0
    level = [data] if isinstance(data, dict | list) else []
    while level and depth <= _DEEPEST:
        depth += 1
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
    return depth


@lru_cache(maxsize=8192)
@lru_cache(maxsize=8192)
def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"it has a number of {len(text)} digits")
    return int(text)


@lru_cache(maxsize=8192)
def _fraction(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = None
    if value is None or len(text) > _LONGEST_NUMBER or abs(value.adjusted()) > _LONGEST_NUMBER:
        raise ValueError("it has a number that no registry could have computed")
    return value


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"it has {word}, which is not JSON")
