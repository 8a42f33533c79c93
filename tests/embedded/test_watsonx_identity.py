"""An API key is exchanged for an access token, which watsonx Orchestrate takes until it expires."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconciler.embedded import Options

from .client import Client

GRANT = "urn:ibm:params:oauth:grant-type:apikey"
KEY = "the-api-key-é"

Open = Callable[..., Client]


@pytest.fixture
def guarded(open_registry: Open) -> Client:
    return open_registry(token=KEY)


def exchange(registry: Client, **form: str) -> httpx.Response:
    return registry.send("POST", "/identity/token", data={"grant_type": GRANT, "apikey": KEY, **form})


def with_token(registry: Client, token: str, path: str = "/v1/orchestrate/models") -> int:
    return registry.send("GET", path, headers={"authorization": f"Bearer {token}".encode()}).status_code


def test_the_answer_has_the_documented_keys(guarded: Client) -> None:
    before = int(time.time())
    body = exchange(guarded).json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "expiration"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert body["expiration"] >= before + 3600
    assert KEY not in body["access_token"]


@pytest.mark.parametrize("path", ["/v1/orchestrate/models", "/api/v1/models/list"])
def test_the_token_lets_in_to_watsonx(guarded: Client, path: str) -> None:
    assert with_token(guarded, exchange(guarded).json()["access_token"], path) == 200


@pytest.mark.parametrize("path", ["/v2/models", "/api/models/"])
def test_and_nowhere_else(guarded: Client, path: str) -> None:
    assert with_token(guarded, exchange(guarded).json()["access_token"], path) == 401


def test_the_registrys_own_token_lets_in_too(guarded: Client) -> None:
    assert with_token(guarded, KEY) == 200


def test_a_token_that_has_expired_does_not(open_registry: Open) -> None:
    registry = open_registry(token=KEY, options=Options(access_token_seconds=0))
    token = exchange(registry).json()["access_token"]
    assert with_token(registry, token) == 401


def test_a_token_outlives_the_process(guarded: Client, open_registry: Open) -> None:
    assert with_token(open_registry(token=KEY), exchange(guarded).json()["access_token"]) == 200


def test_a_token_that_was_tampered_with_does_not(guarded: Client) -> None:
    prefix, expiration, signature = exchange(guarded).json()["access_token"].split(".")
    for forged in (
        f"{prefix}.{int(expiration) + 1}.{signature}",
        f"{prefix}.{expiration}.{'0' * 64}",
        f"{prefix}.x.{signature}",
        f"jwt.{expiration}.{signature}",
        "iam",
        "é",
        "",
    ):
        assert with_token(guarded, forged) == 401


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"apikey": "wrong"}, "BXNIM0415E"),
        ({"apikey": ""}, "BXNIM0109E"),
        ({"grant_type": "password"}, "BXNIM0106E"),
        ({"grant_type": ""}, "BXNIM0106E"),
    ],
)
def test_a_wrong_request_is_400_and_repeats_nothing(guarded: Client, form: dict[str, str], code: str) -> None:
    answer = exchange(guarded, **form)
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == code
    assert answer.json().keys() == {"errorCode", "errorMessage"}
    assert "wrong" not in answer.text


@pytest.mark.parametrize(
    ("options", "status"), [({"json": {"apikey": KEY}}, 415), ({"content": b"\xff=1"}, 400)]
)
def test_a_body_that_is_no_form(guarded: Client, options: dict[str, Any], status: int) -> None:
    if "content" in options:
        options = {**options, "headers": {"content-type": "application/x-www-form-urlencoded"}}
    assert guarded.send("POST", "/identity/token", **options).status_code == status


def test_without_a_token_every_key_will_do(registry: Client) -> None:
    token = exchange(registry, apikey="anything").json()["access_token"]
    assert with_token(registry, token) == 200
