"""Answers that are none: each ends in a clear error, in bounded time and memory, for a read and a write."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from reconciler.http.answer import decode

from .conftest import KINDS, LIMIT, House
from .server import Act, Line, head, raw, says

BOMB = gzip.compress(b"[" + b" " * 20_000_000 + b"]")
MODEL = (
    b'[{"id": "a", "name": "a", "provider": "p", "model_name": "a", "affiliation_category": "x", "n": %s}]'
)
ESCAPES = "a\x1b]0;owned\x07\nb\u202e\x9b31m"
SHOWN = r"a\x1b]0;owned\x07 b\u202e\x9b31m"


def then(start: bytes, piece: bytes, pause: float = 0.0) -> Act:
    """``start``, and ``piece`` until the client hangs up."""

    def act(line: Line) -> None:
        line.send(start)
        line.send_for_ever(piece, pause=pause)

    return act


def plain(start: str) -> Act:
    return raw(start.replace("\n", "\r\n").encode("latin-1"))


NO_JSON: dict[str, tuple[Act, str]] = {
    "a page": (says(b"<!doctype html><title>Log in", media="text/html"), "is a page of HTML, not JSON"),
    "a page that says that it is JSON": (says(b"<html><body>"), "is a page of HTML, not JSON"),
    "cut JSON": (says(b'[{"id": "x", "na'), "is not JSON (Unterminated string"),
    "a type with escapes": (says(b"x", media="a\x1b[31m"), r"content type a\x1b[31m"),
    "UTF-16": (says("[]".encode("utf-16")), "is not JSON ('utf-8' codec can't decode"),
    "invalid UTF-8": (says(MODEL % b'"\xff\xfe"'), "is not JSON ('utf-8' codec can't decode"),
    "NaN": (says(MODEL % b"NaN"), "it has NaN, which is not JSON"),
    "Infinity": (says(MODEL % b"-Infinity"), "it has -Infinity, which is not JSON"),
    "a large exponent": (says(MODEL % b"1e999999999"), "a number that no registry could have computed"),
    "a larger exponent": (says(MODEL % b"1e99999999999999999999"), "a number that no registry could"),
    "many digits": (says(MODEL % (b"9" * 200_000)), "it has a number of 200000 digits"),
    "many decimals": (says(MODEL % (b"0." + b"9" * 200_000)), "a number that no registry could"),
    "open lists": (says(b"[" * 100_000), "it is nested too deeply"),
    "nested lists": (says(b"[" * 100_000 + b"]" * 100_000), "it is nested too deeply"),
    "nested objects": (says(b'{"a":' * 40_000 + b"1" + b"}" * 40_000), "it is nested too deeply"),
}
TOO_MUCH: dict[str, tuple[Act, str]] = {
    "endless": (then(head(), b" " * 65_536), "larger than 262144 bytes"),
    "endless in chunks": (
        then(head(transfer_encoding="chunked"), b"10000\r\n" + b" " * 65_536 + b"\r\n"),
        "larger than 262144 bytes",
    ),
    "200 MB": (then(head(content_length="200000000"), b" " * 65_536), "larger than 262144 bytes"),
    "a bomb": (says(BOMB, headers={"content-encoding": "gzip"}), "larger than 262144 bytes"),
    "a bomb in a bomb": (
        says(gzip.compress(BOMB), headers={"content-encoding": "gzip, gzip"}),
        "cannot be decompressed",
    ),
    "endless headers": (then(b"HTTP/1.1 200 OK\r\n", b"a: " + b"b" * 8000 + b"\r\n"), "before an answer"),
    "an endless header": (then(b"HTTP/1.1 200 OK\r\na: ", b"b" * 8000), "before an answer"),
}
SLOW: dict[str, tuple[Act, str]] = {
    "a drip": (then(head(), b" ", 0.02), "in time"),
    "a drip of headers": (then(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n", 0.02), "in time"),
    "a drip of answers to come": (then(b"", b"HTTP/1.1 103 Soon\r\n\r\n", 0.02), "in time"),
    "silence": (lambda line: line.ended.wait(5), "in time"),
}
BROKEN: dict[str, tuple[Act, str]] = {
    "no answer": (raw(b""), "before an answer"),
    "a reset": (lambda line: line.reset(), "before an answer"),
    "half a head": (plain("HTTP/1.1 200 OK\ncontent-ty"), "before an answer"),
    "half a body": (plain("HTTP/1.1 200 OK\ncontent-length: 100\n\n[{"), "the answer broke off"),
    "half a chunk": (raw(head(transfer_encoding="chunked") + b"ff\r\n[{"), "the answer broke off"),
    "no chunk": (raw(head(transfer_encoding="chunked") + b"zz\r\n[]\r\n"), "the answer broke off"),
    "HTTP/1.0 that ends early": (plain("HTTP/1.0 200 OK\n\n[{"), "is not JSON"),
    "HTTP/0.9": (raw(b"[]"), "before an answer"),
    "HTTP/2": (plain("HTTP/2 200 OK\n\n[]"), "before an answer"),
    "a NUL": (plain("HTTP/1.1 200 O\0K\n\n[]"), r"O\x00K"),
    "two lengths": (
        plain("HTTP/1.1 200 OK\ncontent-length: 2\ncontent-length: 3\n\n"),
        "before an answer",
    ),
    "a length below nothing": (plain("HTTP/1.1 200 OK\ncontent-length: -2\n\n[]"), "before an answer"),
    "another protocol": (
        plain("HTTP/1.1 101 Go\nupgrade: x\nconnection: upgrade\n\n"),
        "before an answer",
    ),
    "cut gzip": (says(gzip.compress(b"[]" * 99)[:-9], headers={"content-encoding": "gzip"}), "broke off"),
    "gzip that is none": (says(b"[]", headers={"content-encoding": "gzip"}), "cannot be decompressed"),
    "an encoding nobody asked for": (says(b"[]", headers={"content-encoding": "br"}), "be decompressed"),
}
STATUS: dict[str, tuple[Act, str]] = {
    "a page in an error": (
        says(b"<html><h1>\x1b[31mNot \xe2\x80\xae found</h1>", 410, "text/html"),
        r"410 Gone: \x1b[31mNot \u202e found",
    ),
    "escapes in a message": (says({"error": {"message": ESCAPES}, "detail": ESCAPES}, 400), SHOWN),
    "a message of wrong types": (
        says({"error": [1], "detail": [{"loc": [[1]]}, 3]}, 400),
        "400",
    ),
    "a nested error": (says(b"[" * 60_000, 400), "400 Bad Request: [[["),
    "an endless error": (then(head(400), b"x" * 65_536), "400 Bad Request: xxx"),
    "a request id with escapes": (says({}, 400, headers={"x-request-id": "a\x1b[2J"}), r"id a\x1b[2J)"),
    "a wait that is no number": (says({"retry_after": "x"}, 429, headers={"retry-after": "nan"}), "429"),
    "a wait without end": (
        says({"retry_after": 1e308}, 429, headers={"retry-after": "1e300"}),
        "more than a day",
    ),
    "a status that is none": (plain("HTTP/1.1 999 x\ncontent-length: 2\n\n[]"), "999"),
}
BAD = {**NO_JSON, **TOO_MUCH, **BROKEN, **STATUS}


@pytest.mark.parametrize("case", BAD)
def test_a_list_that_is_none(house: House, case: str) -> None:
    check_list(house, *BAD[case])


@pytest.mark.parametrize("case", SLOW)
def test_a_list_that_does_not_come(house: House, case: str) -> None:
    house.timeout, house.attempts = 0.5, 1
    check_list(house, *SLOW[case])


def test_a_drip_does_not_hide_the_status_of_an_error(house: House) -> None:
    house.timeout, house.attempts = 1.0, 1
    check_list(house, then(head(400), b"x", 0.02), "400 Bad Request: xxx")


def check_list(house: House, act: Act, text: str) -> None:
    house.lists(act)
    result = house.run("plan", "-o", "json")
    assert result.code == 1
    for kind, registry in zip(KINDS, result.document["registries"], strict=True):
        failure = registry["failure"]
        assert failure["message"].startswith(f"{kind.name}: ")
        assert failure["request"] == f"{kind.lists[0]} {house.servers[kind.name].url}{kind.lists[1]}"
        assert text in failure["message"]
        assert len(failure["message"]) < 1500
    assert all(line.sent < 8_000_000 for server in house.servers.values() for line in server.lines)


@pytest.mark.parametrize("case", BAD)
def test_an_answer_to_a_write_that_is_none(house: House, case: str) -> None:
    check_write(house, *BAD[case])


def test_an_answer_to_a_write_that_does_not_come(house: House) -> None:
    house.timeout = 1.0
    check_write(house, *SLOW["a drip"])


def check_write(house: House, act: Act, text: str) -> None:
    house.creates(act)
    result = house.run("apply", "--yes", "-o", "json")
    results = {one["registry"]: one for one in result.document["outcome"]["results"]}
    assert set(results) == {kind.name for kind in KINDS}
    assert {one["status"] for one in results.values()} <= {"failed", "unproven"}
    unproven = any(one["status"] == "unproven" for one in results.values())
    assert result.code == (4 if unproven else 1)
    for one in results.values():
        assert text in one["failure"]["message"]
        assert one["failure"]["code"] in {"unknown-outcome", "rejected", "rate-limited"}


def test_the_text_names_each_registry_and_what_to_do(house: House) -> None:
    house.lists(says(b"<html>", media="text/html"))
    result = house.run("plan")
    assert result.code == 1
    for kind in KINDS:
        assert f"{kind.name}  ({kind.name}, {house.servers[kind.name].url})" in result.out
    assert result.out.count("the answer is a page of HTML, not JSON (content type text/html)") == 3
    assert result.out.count("check `url` in reconciler.yaml: it may be wrong") == 3
    assert "No plan: no registry could be read." in result.out


SHAPES: dict[str, Any] = {
    "number": 7, "text": "x", "true": True, "object": {}, "of lists": [[[]]], "of nulls": [None],
    "of objects": [{}], "ids of null": [{"id": None, "name": None, "model_name": None}],
    "ids of numbers": [{"id": 7, "name": 7, "model_name": 7, "provider": "p", "affiliation_category": "x"}],
    "ids of lists": [{"id": [], "name": {}, "model_name": [1], "provider": "p", "affiliation_category": "x"}],
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_list_of_another_shape(house: House, shape: str) -> None:
    house.lists(says(SHAPES[shape]))
    result = house.run("plan", "-o", "json")
    assert result.code == 1
    for registry in result.document["registries"]:
        assert registry["failure"]["code"] == "unexpected-answer"
        assert "answered with something that is not a list of models" in registry["failure"]["message"]


@pytest.mark.parametrize(
    "act", [says(b""), says(b" \n"), plain("HTTP/1.1 204 No Content\nconnection: close\n\n")]
)
def test_nothing_is_no_empty_list(house: House, act: Act) -> None:
    house.lists(act)
    result = house.run("plan", "-o", "json")
    assert result.code == 1
    assert all("answered with" in one["failure"]["message"] for one in result.document["registries"])


HARMLESS: dict[str, Act] = {
    "a byte order mark": says(b"\xef\xbb\xbf[]"),
    "a lie about the type": says(b"[]", media="image/png"),
    "HTTP/1.0 without a length": plain("HTTP/1.0 200 OK\n\n[]"),
    "an answer to come": plain("HTTP/1.1 103 Soon\na: b\n\nHTTP/1.1 200 OK\ncontent-length: 2\n\n[]"),
    "a cookie": says(b"[]", headers={"set-cookie": "a=b; domain=127.0.0.1"}),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_is_odd_and_can_be_read(house: House, case: str) -> None:
    house.lists(HARMLESS[case])
    assert [one["failure"] for one in house.run("plan", "-o", "json").document["registries"]] == [None] * 3


def test_a_key_that_stands_twice_counts_as_it_came_last() -> None:
    assert decode(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    ("opens", "closes"), [(b'["]",', b',"["]'), (b'{"]":', b"}"), (b'["\\"]",', b"]"), (b"[", b"]")]
)
def test_brackets_in_texts_hide_no_depth(opens: bytes, closes: bytes) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        decode(opens * 90 + b"1" + closes * 90)
    assert decode(opens * 20 + b"1" + closes * 20) is not None


def test_small_values_in_great_number_are_not_made(house: House) -> None:
    assert LIMIT < 10_000_000
    with pytest.raises(ValueError, match="too many values"):
        decode(b"[" + b"{}," * 5_000_001 + b"1]")
