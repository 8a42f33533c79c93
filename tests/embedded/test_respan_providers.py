"""Respan's providers, whose answers hold credentials."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.embedded.schema import MIGRATIONS
from reconciler.embedded.store import Store

from .client import Client

Open = Callable[..., Client]

PATH = "/api/providers/"
SECRET = "sk-planted-0123456789"
ACME = {
    "provider_id": "acme",
    "provider_name": "Acme",
    "extra_kwargs": {"api_key": SECRET, "base_url": "https://llm.example.com/v1", "timeout": 30},
}


@pytest.fixture
def acme(registry: Client) -> dict[str, Any]:
    answer = registry.call("POST", PATH, ACME)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_a_create_answers_with_all_that_was_sent(registry: Client, acme: dict[str, Any]) -> None:
    assert acme == {
        "id": "acme",
        **ACME,
        "is_managed": False,
        "organization_id": acme["organization_id"],
        "created_at": acme["created_at"],
        "updated_at": acme["updated_at"],
    }
    assert registry.send("GET", f"{PATH}acme/").json() == acme


def test_the_list_has_pages_and_the_vendors_providers(registry: Client, acme: dict[str, Any]) -> None:
    body = registry.send("GET", PATH).json()
    assert list(body) == ["count", "next", "previous", "results"]
    assert [(item["id"], item["is_managed"]) for item in body["results"]] == [
        ("openai", True),
        ("anthropic", True),
        ("acme", False),
    ]
    assert body["results"][-1] == acme
    assert registry.send("GET", f"{PATH}?page_size=2").json()["next"].endswith("?page_size=2&page=2")


def test_one_that_exists_is_not_created_again(registry: Client, acme: dict[str, Any]) -> None:
    answer = registry.call("POST", PATH, {**ACME, "provider_name": "Other"})
    assert answer.status_code == 400
    assert "already exists" in answer.json()["detail"]
    assert registry.send("GET", f"{PATH}acme/").json() == acme


def test_a_patch_changes_what_it_names(registry: Client, acme: dict[str, Any]) -> None:
    changed = registry.call("PATCH", f"{PATH}acme/", {"provider_name": "Acme Ltd"}).json()
    assert changed == {**acme, "provider_name": "Acme Ltd", "updated_at": changed["updated_at"]}
    changed = registry.call("PATCH", f"{PATH}acme/", {"extra_kwargs": {"timeout": 5}}).json()
    assert changed["extra_kwargs"] == {"timeout": 5}
    assert changed["provider_name"] == "Acme Ltd"


def test_a_key_beside_the_extra_kwargs_is_taken_and_never_shown(registry: Client) -> None:
    answer = registry.call("POST", PATH, {"provider_id": "p", "provider_name": "P", "api_key": SECRET})
    assert answer.json()["extra_kwargs"] == {}
    assert SECRET not in answer.text


def test_the_number_of_a_provider_names_it_too(registry: Client, acme: dict[str, Any]) -> None:
    assert registry.send("GET", f"{PATH}3/").json() == acme


def test_a_model_shows_its_provider_without_the_credentials(registry: Client, acme: dict[str, Any]) -> None:
    answer = registry.call("POST", "/api/models/", {"model_name": "m", "custom_provider_id": "acme"})
    assert answer.json()["provider"] == {
        "id": "acme",
        "provider_id": "acme",
        "provider_name": "Acme",
        "organization_id": acme["organization_id"],
    }


def test_our_providers_say_whose_they_are_and_the_vendors_do_not(
    registry: Client, acme: dict[str, Any]
) -> None:
    registry.call("POST", PATH, {"provider_id": "p", "provider_name": "P"})
    registry.call("POST", "/api/models/", {"model_name": "m", "base_model_name": "gpt-4"})
    registry.call("POST", "/api/models/", {"model_name": "n", "provider_id": "p"})
    listed = registry.send("GET", PATH).json()["results"]
    models = registry.send("GET", "/api/models/?all=true").json()
    whose = {one["provider_id"]: one.get("organization_id") for one in listed}
    assert whose == {
        "openai": None,
        "anthropic": None,
        "acme": acme["organization_id"],
        "p": acme["organization_id"],
    }
    assert acme["organization_id"]
    assert {one["model_name"]: one["provider"].get("organization_id") for one in models} == {
        **{one["model_name"]: None for one in models},
        "n": acme["organization_id"],
    }


def test_no_file_and_no_log_holds_the_text_of_a_credential(
    registry: Client, acme: dict[str, Any], database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        registry.call("PATCH", f"{PATH}acme/", {"extra_kwargs": {"api_key": SECRET}})
        registry.call("POST", PATH, ACME)
    assert SECRET not in caplog.text
    assert all(SECRET.encode() not in file.read_bytes() for file in database.parent.iterdir())


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_unknown_provider_is_404(registry: Client, method: str) -> None:
    answer = registry.call(method, f"{PATH}nobody/", {} if method == "PATCH" else None)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


def test_a_managed_provider_cannot_be_changed(registry: Client) -> None:
    answer = registry.call("PATCH", f"{PATH}openai/", {"provider_name": "Mine"})
    assert (answer.status_code, answer.json()) == (403, {"error": "Cannot modify managed providers"})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"provider_name": "P"}, "provider_id"),
        ({"provider_id": "p"}, "provider_name"),
        ({"provider_id": "p", "provider_name": "P", "extra_kwargs": []}, "extra_kwargs"),
    ],
)
def test_a_wrong_body_is_422_by_field(registry: Client, body: dict[str, Any], field: str) -> None:
    answer = registry.call("POST", PATH, body)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


def test_a_database_of_an_older_program_gets_an_organisation(database: Path, open_registry: Open) -> None:
    Store(database, MIGRATIONS[:2]).close()
    made = open_registry().call("POST", PATH, {"provider_id": "p", "provider_name": "P"}).json()
    assert made["organization_id"]
    assert open_registry().send("GET", f"{PATH}p/").json() == made
