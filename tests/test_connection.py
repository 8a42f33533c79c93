"""The short way to an answer agrees with h11, whatever a server sends."""

from __future__ import annotations

import h11
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.http.connection import Asked, _usual_answer

USUAL = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id:  r-1 \r\n"
REQUEST = h11.Request(method="POST", target="/v2/models", headers=[("host", "x"), ("content-length", "0")])


def by_h11(data: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
    """Status, headers and body where h11 takes ``data`` for one whole answer with another one to follow."""
    side = h11.Connection(h11.CLIENT)
    side.send(REQUEST)
    side.send(h11.EndOfMessage())
    side.receive_data(data)
    body, head = b"", None
    try:
        while isinstance(event := side.next_event(), h11.Response | h11.Data):
            if isinstance(event, h11.Response):
                head = event
            else:
                body += event.data
    except h11.RemoteProtocolError:
        return None
    over = (side.our_state, side.their_state, bytes(side.trailing_data[0])) == (h11.DONE, h11.DONE, b"")
    if head is None or not over:
        return None
    return head.status_code, [(name.lower(), value) for name, value in head.headers], body


def shown(answer: httpx.Response) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    assert isinstance(answer.stream, httpx.ByteStream)
    headers = [(name.lower(), value) for name, value in answer.headers.raw]
    return answer.status_code, headers, b"".join(answer.stream)


@pytest.mark.parametrize(
    "data",
    [
        USUAL + b"content-length: 2\r\n\r\n{}",
        USUAL + b"Content-Length:0\r\n\r\n",
        USUAL + b"connection: Keep-Alive\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 404 \r\ncontent-length: 4\r\n\r\ngone",
    ],
)
def test_the_usual_answer_is_read_without_h11_and_alike(data: bytes) -> None:
    answer = _usual_answer(data)
    assert answer is not None
    assert shown(answer) == by_h11(data)


@pytest.mark.parametrize(
    "data",
    [
        USUAL + b"content-length: 2\r\n\r\n{",
        USUAL + b"content-length: 2\r\n\r\n{}{}",
        USUAL + b"content-length: 2\r\ncontent-length: 2\r\n\r\n{}",
        USUAL + b"content-length: 02\r\n\r\n{}",
        USUAL + b"content-length: +2\r\n\r\n{}",
        USUAL + b"content-length: 2, 2\r\n\r\n{}",
        USUAL + b"content-length : 2\r\n\r\n{}",
        USUAL + b"content-length: 2\r\n folded\r\n\r\n{}",
        USUAL + b"content-length: 2\n\r\n{}",
        USUAL + b"content-length: 2\r\nx: a\x00b\r\n\r\n{}",
        USUAL + b"content-length: 2\r\nconnection: close\r\n\r\n{}",
        USUAL + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        USUAL + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        USUAL + b"\r\n{}",
        USUAL.replace(b"200", b"204") + b"content-length: 2\r\n\r\n{}",
        USUAL.replace(b"200", b"304") + b"content-length: 2\r\n\r\n{}",
        USUAL.replace(b"200", b"103") + b"content-length: 2\r\n\r\n{}",
        USUAL.replace(b"200", b"600") + b"content-length: 2\r\n\r\n{}",
        USUAL.replace(b"1.1", b"1.0") + b"content-length: 2\r\n\r\n{}",
        USUAL + b"x: " + b"y" * 200_000 + b"\r\ncontent-length: 2\r\n\r\n{}",
        b"\r\n" + USUAL + b"content-length: 2\r\n\r\n{}",
        b"",
    ],
)
def test_anything_else_is_left_to_h11(data: bytes) -> None:
    assert _usual_answer(data) is None


PARTS = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 500 \r\n", b"HTTP/1.1 200\r\n", b"HTTP/1.0 200 OK\r\n"),
        *(b"content-length: 2\r\n", b"Content-Length:2\r\n", b"content-length: 0\r\n", b"content-length: 2"),
        *(b"transfer-encoding: chunked\r\n", b"connection: close\r\n", b"connection: keep-alive\r\n"),
        *(b"x-y: z\r\n", b"x y: z\r\n", b": z\r\n", b"x:\r\n", b" z\r\n", b"x: \xe4\t\r\n", b"x: \x00\r\n"),
        *(b"\r\n", b"\n", b"\r", b"{}", b"[", b"2\r\n{}\r\n0\r\n\r\n"),
    ]
)


@given(st.lists(PARTS | st.binary(max_size=3), max_size=8))
@settings(max_examples=500)
def test_no_answer_is_read_otherwise_than_h11_reads_it(parts: list[bytes]) -> None:
    for data in (b"".join(parts), b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n" + b"".join(parts)):
        answer = _usual_answer(data)
        if answer is not None:
            assert shown(answer) == by_h11(data)


HEADERS = ((b"host", b"x"), (b"accept", b"application/json"), (b"x-y", b"\xe4"))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("address", ["http://x", "http://x/v2/models", "http://x/ä b?q=%2F&q=1"])
def test_a_request_begins_as_h11_would_begin_it(method: str, address: str) -> None:
    url = httpx.URL(address)
    whole = h11.Connection(h11.CLIENT).send(
        h11.Request(method=method, target=url.raw_path, headers=list(HEADERS))
    )
    assert whole is not None
    assert Asked.of(method, url, HEADERS).head == whole.removesuffix(b"\r\n")


class Crooked(httpx.URL):
    @property
    def raw_path(self) -> bytes:
        return b"/models HTTP/1.1\r\nx: y"


def test_an_address_cannot_end_the_line_that_it_stands_in() -> None:
    with pytest.raises(httpx.LocalProtocolError):
        Asked.of("GET", Crooked("http://x"), HEADERS)


@pytest.mark.parametrize("header", [(b"x", b"a\r\nb: c"), (b"x y", b"a")])
def test_a_header_that_is_none_is_not_sent(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        Asked.of("GET", httpx.URL("http://x"), (*HEADERS, header))
