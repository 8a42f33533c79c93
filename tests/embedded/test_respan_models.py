"""Respan's custom models: create, read, update, replace."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from .client import Client, decode

PATH = "/api/models/"

FIELDS = {
    "cache_creation_input_cost": Decimal("3.75"),
    "cache_hit_input_cost": Decimal("0.075"),
    "custom_provider_id": "openai",
    "display_name": "Support mini",
    "function_call": 1,
    "image_support": 0,
    "input_cost": Decimal("0.15"),
    "max_context_window": 128_000,
    "output_cost": Decimal("0.6"),
    "streaming_support": 1,
}


def upsert(registry: Client, name: str = "support", **fields: Any) -> httpx.Response:
    return registry.call("POST", PATH, {"model_name": name, **fields})


def created(registry: Client, name: str = "support", **fields: Any) -> dict[str, Any]:
    answer = upsert(registry, name, **(fields or {"base_model_name": "gpt-4o"}))
    assert answer.status_code in {200, 201}, answer.text
    document: dict[str, Any] = decode(answer)
    return document


def read(registry: Client, name: str = "support") -> dict[str, Any]:
    answer = registry.send("GET", f"{PATH}{name}/")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = decode(answer)
    return document


def change(registry: Client, method: str, name: str = "support", **fields: Any) -> dict[str, Any]:
    answer = registry.call(method, f"{PATH}{name}/", fields)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = decode(answer)
    return document


class TestCreate:
    def test_every_field_reads_back_as_it_was_sent(self, registry: Client) -> None:
        document = created(registry, **FIELDS)
        for key in FIELDS.keys() - {"custom_provider_id"}:
            assert document[key] == FIELDS[key], key
        assert document == read(registry)

    def test_the_server_fills_in_the_rest(self, registry: Client) -> None:
        document = created(registry, **FIELDS)
        assert document["id"] == document["model_name"] == "support"
        assert document["affiliation_category"] == "custom"
        assert document["source"] == "db"
        assert document["provider"] == {
            "id": "openai",
            "provider_id": "openai",
            "provider_name": "OpenAI",
        }
        assert "custom_provider_id" not in document

    def test_it_is_201_once_and_200_after_that(self, registry: Client) -> None:
        answers = [upsert(registry, **FIELDS).status_code for _ in range(3)]
        assert answers == [201, 200, 200]

    def test_an_upsert_changes_what_it_names_and_leaves_the_rest(self, registry: Client) -> None:
        before = created(registry, **FIELDS)
        after = created(registry, input_cost=1)
        assert after == {**before, "input_cost": 1, "updated_at": after["updated_at"]}

    @pytest.mark.parametrize("key", ["custom_provider_id", "provider_id"])
    @pytest.mark.parametrize("reference", ["anthropic", 2, "2"])
    def test_a_provider_is_named_by_id_or_number_under_two_keys(
        self, registry: Client, key: str, reference: object
    ) -> None:
        assert created(registry, **{key: reference})["provider"]["provider_id"] == "anthropic"

    def test_unset_costs_are_zero_with_a_point_and_unset_flags_zero(self, registry: Client) -> None:
        answer = upsert(registry, provider_id="openai")
        assert '"cache_hit_input_cost":0.0,"cache_creation_input_cost":0.0' in answer.text
        document = decode(answer)
        assert document["function_call"] == document["image_support"] == document["streaming_support"] == 0
        assert document["max_context_window"] is None

    def test_a_base_is_shown_only_where_there_is_one(self, registry: Client) -> None:
        assert created(registry, "a")["base_model_name"] == "gpt-4o"
        assert "base_model_name" not in created(registry, "b", provider_id="openai")

    def test_fields_that_nobody_knows_are_ignored(self, registry: Client) -> None:
        assert "colour" not in created(registry, base_model_name="gpt-4o", colour="red")


class TestInheritance:
    def test_effective_values_are_those_of_the_base(self, registry: Client) -> None:
        document = created(registry, base_model_name="gpt-4", input_cost=1)
        assert document["input_cost"] == 1
        assert document["output_cost"] == 60
        assert document["max_context_window"] == 8192
        assert (document["streaming_support"], document["function_call"]) == (1, 1)
        assert document["provider"]["provider_id"] == "openai"

    def test_a_base_may_have_a_base_and_its_changes_come_through(self, registry: Client) -> None:
        created(registry, "first", base_model_name="gpt-4")
        created(registry, "second", base_model_name="first")
        change(registry, "PATCH", "first", output_cost=7)
        document = read(registry, "second")
        assert (document["output_cost"], document["max_context_window"]) == (7, 8192)

    def test_a_false_flag_and_a_zero_cost_are_values(self, registry: Client) -> None:
        document = created(registry, base_model_name="gpt-4", function_call=0, input_cost=0)
        assert (document["function_call"], document["input_cost"]) == (0, 0)

    def test_an_own_provider_wins(self, registry: Client) -> None:
        document = created(registry, base_model_name="gpt-4", provider_id="anthropic")
        assert document["provider"]["provider_id"] == "anthropic"

    def test_an_unknown_base_is_400_in_its_own_shape(self, registry: Client) -> None:
        answer = upsert(registry, base_model_name="nobody")
        assert answer.status_code == 400
        assert answer.json() == {"error": "Base model not found"}
        assert registry.send("GET", f"{PATH}support/").status_code == 404

    def test_a_circle_is_refused(self, registry: Client) -> None:
        created(registry, "first", base_model_name="gpt-4")
        created(registry, "second", base_model_name="first")
        answer = registry.call("PATCH", f"{PATH}first/", {"base_model_name": "second"})
        assert (answer.status_code, answer.json()) == (400, {"detail": "A model cannot inherit from itself"})
        assert read(registry, "first")["base_model_name"] == "gpt-4"


class TestSupportedParams:
    def test_the_override_is_not_shown_but_its_effect(self, registry: Client) -> None:
        override = {"temperature": {"range": {"min": 0, "max": 1}}, "top_p": None}
        document = created(registry, base_model_name="gpt-4o", supported_params_override=override)
        assert "supported_params_override" not in document
        assert sorted(document["supported_params"]) == ["max_tokens", "temperature"]
        assert document["supported_params"]["temperature"] == {"range": {"min": 0, "max": 1}}

    def test_a_new_override_replaces_the_earlier_one(self, registry: Client) -> None:
        created(registry, base_model_name="gpt-4o", supported_params_override={"top_p": None})
        document = change(registry, "PATCH", supported_params_override={"seed": {}})
        assert sorted(document["supported_params"]) == ["max_tokens", "seed", "temperature", "top_p"]


class TestUpdate:
    def test_a_patch_is_partial(self, registry: Client) -> None:
        before = created(registry, **FIELDS)
        after = change(registry, "PATCH", input_cost=2, image_support=1)
        assert after == {**before, "input_cost": 2, "image_support": 1, "updated_at": after["updated_at"]}
        assert after == read(registry)

    def test_a_put_replaces(self, registry: Client) -> None:
        before = created(registry, **FIELDS)
        after = change(registry, "PUT", base_model_name="gpt-4", input_cost=2)
        assert after["input_cost"] == 2
        assert after["max_context_window"] == 8192
        assert after["display_name"] == "support"
        assert after["created_at"] == before["created_at"]

    def test_a_put_without_base_and_provider_is_refused(self, registry: Client) -> None:
        created(registry, **FIELDS)
        assert registry.call("PUT", f"{PATH}support/", {"input_cost": 1}).status_code == 422

    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    def test_the_name_is_read_only(self, registry: Client, method: str) -> None:
        created(registry)
        document = change(registry, method, model_name="other", base_model_name="gpt-4o")
        assert document["model_name"] == "support"
        assert registry.send("GET", f"{PATH}other/").status_code == 404

    @pytest.mark.parametrize("method", ["GET", "PATCH", "PUT"])
    def test_an_unknown_model_is_404(self, registry: Client, method: str) -> None:
        answer = registry.call(method, f"{PATH}nobody/", None if method == "GET" else {})
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})

    def test_an_unknown_provider_is_refused(self, registry: Client) -> None:
        created(registry)
        answer = registry.call("PATCH", f"{PATH}support/", {"provider_id": "nobody"})
        assert (answer.status_code, answer.json()) == (400, {"error": "Provider not found"})


@pytest.mark.parametrize("name", ["openai/gpt-4o", "a/b/c", "a b", "50%", "list", "é"])
def test_a_name_may_hold_slashes_and_anything_else(registry: Client, name: str) -> None:
    path = httpx.URL("http://registry").copy_with(path=f"{PATH}{name}/").raw_path.decode()
    created(registry, name, base_model_name="gpt-4")
    assert registry.call("PATCH", path, {"input_cost": 5}).json()["model_name"] == name
    models = registry.send("GET", f"{PATH}?all=true").json()
    assert [model["input_cost"] for model in models if model["model_name"] == name] == [5]


class TestVendorsModels:
    def test_they_can_be_read_and_are_not_custom(self, registry: Client) -> None:
        document = read(registry, "openai/gpt-4o-mini")
        assert document["affiliation_category"] == "keywordsai"
        assert document["source"] == "hardcoded"

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", PATH, {"model_name": "gpt-4", "input_cost": 0}),
            ("PATCH", f"{PATH}gpt-4/", {"input_cost": 0}),
            ("PUT", f"{PATH}gpt-4/", {"provider_id": "openai"}),
        ],
    )
    def test_they_cannot_be_changed(
        self, registry: Client, method: str, path: str, body: dict[str, Any]
    ) -> None:
        before = read(registry, "gpt-4")
        answer = registry.call(method, path, body)
        assert (answer.status_code, answer.json()) == (403, {"detail": "Cannot modify hardcoded models"})
        assert read(registry, "gpt-4") == before


def test_models_outlive_the_process(registry: Client, open_registry: Callable[..., Client]) -> None:
    assert read(open_registry(), created(registry, **FIELDS)["id"]) == read(registry)


def test_of_many_upserts_of_one_name_exactly_one_creates(registry: Client) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: upsert(registry, **FIELDS).status_code, range(8)))
    assert sorted(answers) == [200] * 7 + [201]
