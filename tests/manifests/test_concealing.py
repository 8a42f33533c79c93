from __future__ import annotations

from typing import Any

import pytest

from reconciler.manifests.concealing import HIDDEN, concealed, holds_one, reads_like_one


@pytest.mark.parametrize(
    "text",
    [
        "Bearer planted-1",
        "Basic cGxhbnRlZDox",
        "-H 'Authorization: Bearer planted-1'",
        "api-key: planted-3",
        'x-api-key="planted3"',
        "password=Planted9",
        "sig=sk-planted-4",
        "use sk-planted-4, please",
        "ghp_Planted1234567890",
        "AKIA" + "ABCDEFGH12345678",
        "eyJhbGciOi.eyJzdWIiOi.c2ln",
        "-----BEGIN RSA PRIVATE KEY-----",
        "https://me:planted@llm.example.com",
        "https://llm.example.com/?api_key=planted",
    ],
)
def test_texts_that_read_like_a_credential(text: str) -> None:
    assert reads_like_one(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the bearer of news",
        "Basic understanding.",
        "Bearer ${TOKEN}",
        "Bearer {{ token }}",
        "task-force-one",
        "sk-learn",
        "the key: patience",
        "https://llm.example.com/v1?page=2",
        "gpt-4o-mini-2024-07-18",
    ],
)
def test_texts_that_do_not(text: str) -> None:
    assert not reads_like_one(text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"apiKey": "x", "token": 5, "id": "y"}, {"apiKey": HIDDEN, "token": HIDDEN, "id": "y"}),
        ({"token": None, "auth": True}, {"token": None, "auth": True}),
        ([{"name": "Authorization", "value": "x"}], [{"name": "Authorization", "value": HIDDEN}]),
        ({"header_name": "X-Api-Key", "Value": ["x"]}, {"header_name": "X-Api-Key", "Value": HIDDEN}),
        ([["Cookie", "x"], ["Accept", "y"]], [["Cookie", HIDDEN], ["Accept", "y"]]),
        (["token", "name"], ["token", "name"]),
        ({"name": "region", "value": "eu"}, {"name": "region", "value": "eu"}),
        ({"a": [{"b": "Bearer planted-1"}]}, {"a": [{"b": HIDDEN}]}),
    ],
)
def test_credentials_in_trees(value: Any, shown: Any) -> None:
    assert concealed(value) == shown
    assert holds_one(value) is (value != shown)


def test_without_keys_only_what_reads_like_one_is_hidden() -> None:
    assert concealed({"token": "x", "a": "sk-planted-1"}, by_key=False) == {"token": "x", "a": HIDDEN}
