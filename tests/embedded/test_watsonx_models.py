"""Virtual models of watsonx Orchestrate."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.embedded import Options
from reconciler.embedded.seed import seed
from reconciler.embedded.watsonx.provider_config import KEYS, SECRETS

from .client import DATA, Client, decode

EVERY_FIELD = json.loads((DATA / "watsonx_every_field.json").read_text(), parse_float=Decimal)
NAME = "virtual-model/openai/gpt-4o"
SECRET = "sk-planted-0123456789"
BASES = ["/api/v1", "/v1/orchestrate"]
PATH = "/api/v1/models"


def post(registry: Client, **fields: Any) -> httpx.Response:
    return registry.call("POST", PATH, {"name": NAME, **fields})


def document(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = decode(answer)
    return found


def models(registry: Client, **parameters: Any) -> list[dict[str, Any]]:
    answer = registry.send("GET", PATH, params=parameters)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = decode(answer)
    return found


class TestCreate:
    def test_the_answer_is_the_document_that_the_list_then_shows(self, registry: Client) -> None:
        assert models(registry) == []
        created = document(post(registry))
        assert models(registry) == [created]
        assert str(uuid.UUID(created["id"])) == created["id"]

    def test_every_field_of_the_reference_is_taken_and_read_back(self, registry: Client) -> None:
        assert len(EVERY_FIELD["provider_config"]) == 76
        created = document(registry.call("POST", PATH, EVERY_FIELD))
        for key in EVERY_FIELD.keys() - {"provider_config"}:
            assert created[key] == EVERY_FIELD[key], key
        sent, shown = EVERY_FIELD["provider_config"], created["provider_config"]
        assert {key: shown[key] for key in sent.keys() - SECRETS} == {
            key: sent[key] for key in sent.keys() - SECRETS
        }
        assert shown.keys() - sent.keys() == {"provider"}

    def test_what_was_left_out_has_its_default(self, registry: Client) -> None:
        created = document(post(registry))
        assert created["model_type"] == "chat"
        assert created["tags"] == []
        for key in ("display_name", "description", "provider_config", "config", "connection_id"):
            assert created[key] is None, key

    def test_the_server_adds_who_made_it_and_more_names(self, registry: Client) -> None:
        created = document(post(registry, display_name="Mine"))
        assert (created["model_name"], created["title"]) == (NAME, "Mine")
        assert document(post(registry))["title"] == NAME
        for key in ("tenant_id", "tenant_name", "created_by", "created_by_username", "created_on"):
            assert created[key]
            answer = registry.call("PUT", f"{PATH}/{created['id']}", {"name": NAME, key: created[key]})
            assert answer.status_code == 422, key

    def test_names_are_not_unique(self, registry: Client) -> None:
        first, second = document(post(registry)), document(post(registry))
        assert first["id"] != second["id"]
        assert len(models(registry, name=NAME)) == 2

    @pytest.mark.parametrize("base", BASES)
    def test_both_bases_do_the_same(self, registry: Client, base: str) -> None:
        created = document(registry.call("POST", f"{base}/models", {"name": NAME}))
        changed = document(registry.call("PUT", f"{base}/models/{created['id']}", {"name": "x"}))
        for other in BASES:
            assert decode(registry.send("GET", f"{other}/models")) == [changed]
            listed = decode(registry.send("GET", f"{other}/models/list"))["resources"]
            assert changed in listed


class TestProviderConfig:
    def test_the_keys_are_those_of_the_reference(self) -> None:
        assert list(KEYS) == list(EVERY_FIELD["provider_config"])

    @pytest.mark.parametrize("key", list(KEYS))
    def test_snake_case_is_taken_and_camel_case_answered(self, registry: Client, key: str) -> None:
        value = EVERY_FIELD["provider_config"][key]
        for spelling in KEYS[key].others:
            shown = document(post(registry, provider_config={spelling: value}))["provider_config"]
            expected = {} if key == "vertexServiceAccountJson" else {key: value}
            if key in SECRETS and expected:
                expected = {key: "********"}
            assert shown == {"api_key": "Dummy", **expected, "provider": "openai"}

    def test_every_key_that_has_a_capital_has_another_spelling(self) -> None:
        for key, row in KEYS.items():
            assert bool(row.others) == bool(re.search("[A-Z]", key)), key
            assert all(spelling == spelling.lower() for spelling in row.others)

    def test_the_spelling_of_values_is_left_alone(self, registry: Client) -> None:
        metadata = {"cost_center": "a", "costCenter": "b"}
        hooks = [{"hook_id": 1, "innerKey": {"deep_key": Decimal("0.5")}}]
        sent = {"metadata": metadata, "before_request_hooks": hooks}
        shown = document(post(registry, provider_config=sent))["provider_config"]
        assert shown["metadata"] == metadata
        assert shown["beforeRequestHooks"] == hooks

    @pytest.mark.parametrize(
        ("name", "provider"),
        [
            ("virtual-model/azure-openai/gpt-4o", "azure-openai"),
            ("virtual-model/groq/openai/gpt-oss", "groq"),
            ("openai/gpt-4o", "openai"),
            ("gpt-4o", "gpt-4o"),
        ],
    )
    def test_the_provider_follows_from_the_name(self, registry: Client, name: str, provider: str) -> None:
        created = document(post(registry, name=name, provider_config={}))
        assert created["provider_config"] == {"api_key": "Dummy", "provider": provider}

    def test_a_null_is_as_good_as_nothing(self, registry: Client) -> None:
        created = document(post(registry, provider_config={"custom_host": None, "api_key": None}))
        assert created["provider_config"] == {"api_key": "Dummy", "provider": "openai"}

    def test_a_cache_is_a_text_or_an_object(self, registry: Client) -> None:
        for cache in ("simple", {"mode": "semantic"}):
            created = document(post(registry, provider_config={"cache": cache}))
            assert created["provider_config"]["cache"] == cache


class TestSecrets:
    def test_no_answer_and_no_file_holds_one(self, registry: Client, database: Path) -> None:
        secrets: dict[str, Any] = dict.fromkeys(SECRETS, SECRET)
        secrets["vertexServiceAccountJson"] = {"private_key": SECRET}
        answer = post(registry, provider_config=secrets)
        assert SECRET not in answer.text
        assert SECRET not in registry.send("GET", PATH).text
        assert SECRET not in registry.send("GET", f"{PATH}/list").text
        assert all(SECRET.encode() not in file.read_bytes() for file in database.parent.iterdir())

    def test_the_default_key_is_no_secret(self, registry: Client, database: Path) -> None:
        created = document(post(registry, provider_config={"api_key": "Dummy"}))
        assert created["provider_config"]["api_key"] == "Dummy"
        assert not database.with_name("registry.db.key").exists()


class TestReplace:
    def test_what_the_body_leaves_out_is_gone(self, registry: Client) -> None:
        created = document(registry.call("POST", PATH, EVERY_FIELD))
        replaced = document(registry.call("PUT", f"{PATH}/{created['id']}", {"name": NAME}))
        assert replaced["provider_config"] is None
        assert (replaced["config"], replaced["tags"], replaced["description"]) == (None, [], None)
        for key in ("id", "tenant_id", "created_on"):
            assert replaced[key] == created[key]
        assert models(registry) == [replaced]

    def test_a_key_that_is_not_sent_again_is_lost(self, registry: Client) -> None:
        created = document(post(registry, provider_config={"api_key": SECRET}))
        assert created["provider_config"]["api_key"] == "********"
        body = {"name": NAME, "provider_config": {"custom_host": "https://llm.example.com"}}
        replaced = document(registry.call("PUT", f"{PATH}/{created['id']}", body))
        assert replaced["provider_config"] == {
            "api_key": "Dummy",
            "customHost": "https://llm.example.com",
            "provider": "openai",
        }

    def test_the_servers_own_tags_outlive_a_body_without_them(self, registry: Client, database: Path) -> None:
        tags = ["mine", "wxo-reserved-tag-premier", "third party"]
        seed(database, {"watsonx": {"models": [{"name": NAME, "id": "m", "tags": tags}]}})
        for sent, shown in (
            (["new"], ["new", *tags[1:]]),
            (["third party"], ["third party", tags[1]]),
        ):
            replaced = document(registry.call("PUT", f"{PATH}/m", {"name": NAME, "tags": sent}))
            assert replaced["tags"] == shown

    def test_a_new_name_is_found_by_it(self, registry: Client) -> None:
        created = document(post(registry))
        document(registry.call("PUT", f"{PATH}/{created['id']}", {"name": "virtual-model/groq/x"}))
        assert models(registry, name=NAME) == []
        assert len(models(registry, name="virtual-model/groq/x")) == 1

    def test_what_was_read_cannot_be_sent_back_as_it_is(self, registry: Client) -> None:
        created = document(post(registry, provider_config={"custom_host": "https://llm.example.com"}))
        body = {"name": NAME, "provider_config": created["provider_config"]}
        answer = registry.call("PUT", f"{PATH}/{created['id']}", body)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", "provider_config", "provider"]

    @pytest.mark.parametrize("identity", ["nobody", "watsonx/ibm/granite-3-3-8b-instruct"])
    def test_an_unknown_or_built_in_model_is_404(self, registry: Client, identity: str) -> None:
        answer = registry.call("PUT", f"{PATH}/{identity}", {"name": NAME})
        assert (answer.status_code, answer.json()) == (404, {"detail": "Model not found"})


class TestLists:
    def test_names_filter_and_may_be_repeated(self, registry: Client) -> None:
        for name in ("a", "b", "c"):
            post(registry, name=name)
        assert [model["name"] for model in models(registry, name=["c", "a", "nobody"])] == ["a", "c"]
        assert models(registry, name="nobody") == []

    def test_the_long_list_has_the_vendors_models_with_their_tags(self, registry: Client) -> None:
        created = document(post(registry, tags=["mine"]))
        body = decode(registry.send("GET", f"{PATH}/list"))
        assert list(body) == ["resources"]
        *vendors, own = body["resources"]
        assert own == created
        assert own["tags"] == ["mine"]
        assert all("default" in model["tags"] for model in vendors)
        assert decode(registry.send("GET", f"{PATH}/list", params={"id": own["id"]}))["resources"] == [own]

    def test_models_outlive_the_process(self, registry: Client, open_registry: Callable[..., Client]) -> None:
        created = document(post(registry))
        assert models(open_registry()) == [created]


def test_a_create_beyond_the_quota_is_429_and_a_replace_is_not(open_registry: Callable[..., Client]) -> None:
    registry = open_registry(options=Options(watsonx_model_quota=1))
    created = document(post(registry))
    answer = post(registry, name="second")
    assert answer.status_code == 429
    assert answer.json() == {
        "detail": {
            "code": "RESOURCE_QUOTA_EXCEEDED",
            "message": "The quota of this resource is exceeded",
            "resource": "models",
            "current": 1,
            "requested": 1,
            "limit": 1,
        }
    }
    assert models(registry) == [created]
    assert registry.call("PUT", f"{PATH}/{created['id']}", {"name": "new"}).status_code == 200
