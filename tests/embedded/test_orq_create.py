from __future__ import annotations

import json
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from .client import DATA, Client, decode, new_model, ok, refusal, slider

KEYS = json.loads((DATA / "orq_response_keys.json").read_text())
EVERY_FIELD = json.loads((DATA / "orq_every_field.json").read_text(), parse_float=Decimal)


def test_a_create_answers_200_with_the_document_that_the_list_then_shows(registry: Client) -> None:
    created = registry.create()
    assert created == registry.model("support")


def test_a_document_has_every_key_of_the_reference_and_no_other(registry: Client) -> None:
    created = ok(registry.post(EVERY_FIELD))
    assert sorted(created) == KEYS["model"]
    assert sorted(created["parameters"][0]) == KEYS["parameter"]


def test_all_111_metadata_keys_are_taken_and_read_back(registry: Client) -> None:
    assert len(EVERY_FIELD["metadata"]) == 111
    assert ok(registry.post(EVERY_FIELD))["metadata"] == EVERY_FIELD["metadata"]


def test_what_was_sent_at_the_top_reads_back_as_it_was(registry: Client) -> None:
    sent = new_model(has_functions=True, input_cost=0, parameters=[])
    created = ok(registry.post(sent))
    for key in sent.keys() - {"metadata", "configuration"}:
        assert created[key] == sent[key], key


def test_the_server_fills_in_what_the_client_cannot_send(registry: Client) -> None:
    created = registry.create()
    expected = {
        "description": None,
        "docs_url": None,
        "enabled": True,
        "enabled_for_endpoints": True,
        "enabled_for_playground": True,
        "has_cpu_pricing": False,
        "input_currency": "USD",
        "is_active": True,
        "output_currency": "USD",
        "pricing_url": None,
    }
    assert {key: created[key] for key in expected} == expected
    assert datetime.fromisoformat(created["created"]).tzinfo is not None
    assert created["updated"] == created["created"]


def test_all_models_of_a_registry_have_one_workspace_as_owner(registry: Client) -> None:
    owners = {registry.create(id=name)["owner"] for name in ("a", "b")}
    assert len(owners) == 1
    assert str(uuid.UUID(*owners)) in owners


def test_the_ref_id_of_a_workspace_model_starts_with_the_workspace(registry: Client) -> None:
    assert registry.create(model_id="m-1", provider="azure")["refId"] == "embedded@azure/m-1"


def test_an_id_that_exists_is_refused_and_the_model_stays(registry: Client) -> None:
    registry.create(display_name="First")
    message = refusal(registry.post(new_model(display_name="Second")))
    assert message == "A model with id support already exists"
    assert registry.model("support")["display_name"] == "First"


def test_parameters_get_an_id_and_are_active(registry: Client) -> None:
    first, second = registry.create(parameters=[slider(), slider(parameter="top_p")])["parameters"]
    assert first["id"] != second["id"]
    assert str(uuid.UUID(first["id"])) == first["id"]
    assert first["is_active"] is True
    assert first["description"] is None
    assert "position" not in first


@pytest.mark.parametrize("sent", [None, []])
def test_parameters_stay_null_or_empty_as_they_were_sent(registry: Client, sent: object) -> None:
    assert registry.create(parameters=sent)["parameters"] == sent


class TestMetadataOnRead:
    def test_false_zero_empty_and_null_are_dropped(self, registry: Client) -> None:
        metadata = {
            "is_private": False,
            "supports_vision": False,
            "context_window": 0,
            "cost_per_image": Decimal("0.0"),
            "region": "",
            "supported_video_sizes": [],
            "supported_video_durations": None,
        }
        created = registry.create(metadata=metadata, input_cost=0, output_cost=0)
        assert created["metadata"] == {}

    def test_nested_objects_are_pruned_and_kept(self, registry: Client) -> None:
        metadata = {"is_private": True, "autorouter": {"id": "", "profile": "fast"}, "pricing": {}}
        created = registry.create(metadata=metadata)
        assert created["metadata"]["autorouter"] == {"profile": "fast"}
        assert created["metadata"]["pricing"] == {}

    def test_a_price_keeps_its_required_keys_even_at_zero(self, registry: Client) -> None:
        free = {"cost": 0, "currency": "USD", "per": 1_000_000, "unit": "tokens"}
        pricing = {"input": free, "variants": [{"when": "", "output": free}]}
        created = registry.create(metadata={"is_private": True, "pricing": pricing})
        assert created["metadata"]["pricing"] == pricing

    def test_values_inside_lists_are_not_dropped(self, registry: Client) -> None:
        metadata = {"is_private": True, "supported_video_durations": [0, 8]}
        assert registry.create(metadata=metadata)["metadata"]["supported_video_durations"] == [0, 8]


class TestDerivedPrices:
    @pytest.mark.parametrize(
        ("per_thousand", "per_million"),
        [("0.00015", "0.15"), ("0.0001", "0.1"), ("0.000075", "0.075"), ("0.01", "10"), ("2", "2000")],
    )
    def test_prices_per_million_are_exact(
        self, registry: Client, per_thousand: str, per_million: str
    ) -> None:
        answer = registry.post(new_model(input_cost=Decimal(per_thousand)))
        assert f'"million_tokens_input_cost":{per_million},' in answer.text

    def test_a_derived_price_wins_over_one_that_was_sent(self, registry: Client) -> None:
        metadata = {"is_private": True, "million_tokens_input_cost": 99, "million_tokens_output_cost": 99}
        created = registry.create(metadata=metadata, output_cost=0)
        assert created["metadata"]["million_tokens_input_cost"] == Decimal("0.15")
        assert "million_tokens_output_cost" not in created["metadata"]

    def test_an_image_model_keeps_the_costs_that_were_sent(self, registry: Client) -> None:
        created = registry.create(model_type="image")
        assert created["input_cost"] == Decimal("0.00015")


class TestNumbers:
    @pytest.mark.parametrize("number", ["0.1", "1e-7", "0.00015", "123456789.012345", "7", "0.0"])
    def test_a_number_reads_back_with_the_value_that_was_sent(self, registry: Client, number: str) -> None:
        created = registry.create(input_cost=Decimal(number))
        assert created["input_cost"] == Decimal(number)

    def test_a_number_is_kept_to_15_digits_as_a_double_would(self, registry: Client) -> None:
        sent = Decimal("0.12345678901234567")
        assert registry.create(input_cost=sent)["input_cost"] == Decimal("0.123456789012346")

    def test_a_number_below_a_double_is_zero(self, registry: Client) -> None:
        text = json.dumps(new_model(input_cost=0, output_cost=0))
        assert ok(registry.post(text.replace('"input_cost": 0', '"input_cost": 1e-999999999999999999999')))

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
    def test_what_is_no_double_is_refused(self, registry: Client, number: str) -> None:
        text = json.dumps(new_model(input_cost=0, output_cost=0))
        refusal(registry.post(text.replace('"input_cost": 0', f'"input_cost": {number}')))


class TestConfiguration:
    def test_the_18_documented_keys_read_back(self, registry: Client) -> None:
        flags = {"is_openai_compatible", "is_tuned_model", "should_use_beta_features"}
        sent = {key: True if key in flags else f"a {key}" for key in KEYS["configuration"]}
        assert len(sent) == 18
        assert registry.create(configuration=sent)["configuration"] == sent

    def test_the_provider_is_always_there(self, registry: Client) -> None:
        assert registry.create(configuration={})["configuration"] == {"provider": "openai"}

    @pytest.mark.parametrize(
        "secret", [{"api_key": "hush"}, {"aws": {"secret": "hush"}}, {"base_url": {"token": "hush"}}]
    )
    def test_anything_else_is_taken_and_never_shown(self, registry: Client, secret: dict[str, Any]) -> None:
        answer = registry.post(new_model(configuration={"region": "eu", **secret}))
        assert decode(answer)["configuration"] == {"provider": "openai", "region": "eu"}
        assert "hush" not in answer.text
        assert "hush" not in registry.send("GET", "/v2/models").text
