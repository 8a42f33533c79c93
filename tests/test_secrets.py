"""A secret is a type: it shows its name, and goes only where its list says."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from reconciler.errors import SecretError
from reconciler.secrets import EnvSource, Secret, SecretRef, SecretRule, SecretStore

PLANTED = "sk-planted-0123456789"


def store(environment: dict[str, str], *hosts: str) -> SecretStore:
    rule = SecretRule("KEY", EnvSource("THE_KEY"), frozenset(hosts))
    return SecretStore({"KEY": rule}, environment)


def test_a_secret_shows_its_name_and_never_its_text() -> None:
    secret = Secret("KEY", PLANTED)
    for text in (repr(secret), str(secret), f"{secret}", f"{secret:>40}", "%s" % secret, repr([secret])):  # noqa: UP031
        assert "KEY" in text
        assert PLANTED not in text


@pytest.mark.parametrize("write", [pickle.dumps, copy.deepcopy, json.dumps])
def test_a_secret_is_never_serialised(write: object) -> None:
    assert callable(write)
    with pytest.raises(TypeError) as caught:
        write(Secret("KEY", PLANTED))
    assert PLANTED not in str(caught.value)


def test_the_store_does_not_show_what_it_resolved() -> None:
    secrets = store({"THE_KEY": PLANTED}, "llm.example.com")
    assert secrets.resolve(SecretRef("KEY"), ["llm.example.com"]).reveal() == PLANTED
    assert PLANTED not in repr(secrets)


def test_a_secret_goes_to_no_host_that_its_list_does_not_name() -> None:
    secrets = store({"THE_KEY": PLANTED}, "llm.example.com")
    with pytest.raises(SecretError, match=r"may not be sent to evil\.example\.com"):
        secrets.resolve(SecretRef("KEY"), ["llm.example.com", "evil.example.com"])


@pytest.mark.parametrize(
    ("listed", "host", "allowed"),
    [
        ("llm.example.com", "llm.example.com", True),
        ("llm.example.com", "llm.example.com:8443", True),
        ("llm.example.com:8443", "llm.example.com:8443", True),
        ("llm.example.com:8443", "llm.example.com", False),
        ("llm.example.com:8443", "llm.example.com:9000", False),
        ("llm.example.com", "sub.llm.example.com", False),
        ("llm.example.com", "llm.example.com.evil.org", False),
        ("[::1]:8080", "[::1]:8080", True),
        ("[::1]", "[::1]:8080", True),
    ],
)
def test_a_host_with_a_port_is_that_port_only(listed: str, host: str, *, allowed: bool) -> None:
    rule = SecretRule("KEY", EnvSource("THE_KEY"), frozenset({listed}))
    assert (rule.refuse_hosts([host]) == ()) is allowed


@pytest.mark.parametrize(
    ("environment", "why"),
    [({}, "THE_KEY is not set"), ({"THE_KEY": ""}, "set but empty"), ({"THE_KEY": " \n"}, "set but empty")],
)
def test_a_variable_that_holds_nothing_is_named(environment: dict[str, str], why: str) -> None:
    with pytest.raises(SecretError, match=why) as caught:
        store(environment, "h").resolve(SecretRef("KEY"), ["h"])
    assert "export THE_KEY" in (caught.value.hint or "")


def test_a_secret_that_is_not_in_the_list_is_not_read() -> None:
    with pytest.raises(SecretError, match="not in the list"):
        store({"HOME": PLANTED}, "h").resolve(SecretRef("HOME"), ["h"])


def test_the_line_break_at_the_end_of_a_file_is_no_part_of_a_secret() -> None:
    assert store({"THE_KEY": f"{PLANTED}\n"}, "h").resolve(SecretRef("KEY"), ["h"]).reveal() == PLANTED
