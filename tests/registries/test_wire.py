"""Bodies on their way out: where the text of a secret stands, and what is no body."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from reconciler.errors import InternalError, ReconcilerError, SecretError
from reconciler.registries.wire import body_bytes
from reconciler.secrets import Secret, SecretJson, SecretRef

ACCOUNT = SecretRef("ACCOUNT")
DOCUMENT = '{"type": "service_account", "private_key": "-----BEGIN\\nplanted\\n", "version": 1.10}'


def body(text: str) -> bytes:
    value = {"price": Decimal("0.10"), "as_text": ACCOUNT, "as_object": {"inner": SecretJson(ACCOUNT)}}
    return body_bytes(value, {ACCOUNT: Secret("ACCOUNT", text)})


def test_a_secret_stands_as_text_or_as_the_object_in_its_text() -> None:
    sent = body(DOCUMENT)
    assert b'"price": 0.10' in sent
    assert b'"version": 1.10' in sent
    assert json.loads(sent)["as_text"] == DOCUMENT
    assert json.loads(sent)["as_object"] == {"inner": json.loads(DOCUMENT)}


@pytest.mark.parametrize(
    "text",
    [
        "planted",
        '"planted"',
        '["planted"]',
        "null",
        '{"a": planted}',
        '{"a": 1e99999999999999999999}',
        '{"a":' * 100_000,
        "",
    ],
)
def test_a_text_that_is_no_object_is_told_by_its_name_alone(text: str) -> None:
    with pytest.raises(
        SecretError, match="ACCOUNT: is sent as a JSON object, and its text is no JSON object"
    ) as caught:
        body(text)
    assert "planted" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_text_in_an_object_that_is_no_utf8_is_told_by_its_name_alone() -> None:
    value = {"account": SecretJson(ACCOUNT)}
    with pytest.raises(ReconcilerError, match="the secret ACCOUNT holds text that is not UTF-8") as caught:
        body_bytes(value, {ACCOUNT: Secret("ACCOUNT", '{"a": "planted-\\ud800"}')})
    assert "planted" not in str(caught.value)


def test_a_secret_that_was_not_resolved_is_a_bug() -> None:
    with pytest.raises(InternalError, match="SecretJson"):
        body_bytes({"account": SecretJson(ACCOUNT)}, {})
