"""The keys of watsonx Orchestrate against the facts of the reference page, extracted once into tests/data."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import simplejson
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from properties.profile import examples
from properties.strategies import native_values
from properties.test_codecs import ANYTHING, Server

from reconciler.registries.codecs import (
    Address,
    BadValue,
    Codec,
    Flag,
    Number,
    SecretObject,
    SecretText,
    SetOf,
    Tree,
)
from reconciler.registries.codecs import Whole as WholeNumber
from reconciler.registries.watsonx.keys import (
    CONFIG,
    DERIVED,
    PROVIDER_CONFIG,
    SECRETS,
    spelled,
)
from reconciler.schemas.native import type_text
from reconciler.schemas.tidy import or_null
from reconciler.secrets import SecretJson, SecretRef

DATA = Path(__file__).parent.parent / "data"


def page(name: str, part: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))[part]
    return data


PROVIDER_PAGE = page("watsonx_provider_config_keys.json", "provider_config")
CONFIG_PAGE = page("watsonx_config_keys.json", "config")
CODECS = {**{f"provider_config.{wire}": key.codec for wire, key in PROVIDER_CONFIG.items()}} | {
    f"config.{key}": codec for key, codec in CONFIG.items()
}
PAGE = {f"provider_config.{key}": shape for key, shape in PROVIDER_PAGE.items()} | {
    f"config.{key}": shape for key, shape in CONFIG_PAGE.items()
}
ALIASES = {alias: wire for wire, key in PROVIDER_CONFIG.items() for alias in key.aliases}


FILLED = {"metadata": {"team": "a"}, "logit_bias": {"50256": 1}}
"""What stands in objects of which the page names no key."""


def sample(shape: Any) -> Any:
    """A value of the page's type."""
    match shape:
        case dict():
            return {key: sample(below) for key, below in shape.items()}
        case list():
            return [sample(shape[0])]
        case "boolean":
            return True
        case "number":
            return 123
        case "any":
            return {"any": [1, None]}
        case _:
            return "text"


def types_of(codec: Codec) -> set[str]:
    """The JSON types that a codec takes."""
    match codec:
        case SecretObject():
            return {"object"}
        case Flag():
            return {"boolean"}
        case WholeNumber() | Number():
            return {"number"}
        case SetOf():
            return {"array"}
        case Tree(shape=shape):
            choices = (shape or {}).get("anyOf", (shape or {},))
            return {choice.get("type", "any") for choice in choices}
        case _:
            return {"string"}


def type_of(shape: Any) -> str:
    return {dict: "object", list: "array"}.get(type(shape), shape)


class TestThePage:
    def test_the_keys_of_provider_config_are_exactly_these_76(self) -> None:
        assert len(PROVIDER_PAGE) == 76
        assert set(PROVIDER_CONFIG) == set(PROVIDER_PAGE)

    def test_the_keys_of_config_are_exactly_these_34(self) -> None:
        assert len(CONFIG_PAGE) == 34
        assert set(CONFIG) == set(CONFIG_PAGE)

    @pytest.mark.parametrize("key", PAGE)
    def test_each_key_takes_the_type_of_the_page(self, key: str) -> None:
        assert type_of(PAGE[key]) in types_of(CODECS[key])

    @pytest.mark.parametrize("key", [key for key in PAGE if not isinstance(CODECS[key], SecretText)])
    def test_a_value_of_the_page_is_sent_as_it_stands(self, key: str) -> None:
        name = key.partition(".")[2]
        address = isinstance(CODECS[key], Address)
        value = "https://host.example" if address else FILLED.get(name) or sample(PAGE[key])
        codec = CODECS[key]
        assert codec.encode(codec.normal(value, native=True)) == value
        assert Draft202012Validator(codec.schema()).is_valid(value)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("provider_config.cache", {"mode": "semantic"}),
            ("config.logprobs", True),
            ("config.top_logprobs", 5),
            ("config.stop", ["b", "a"]),
            ("config.prompt", ["b", "a"]),
            ("config.anthropic_beta", ["b", "a"]),
            ("config.prediction", {"type": "content", "content": "text"}),
            ("config.response_format", {"type": "json_schema", "json_schema": {"strict": True}, "more": 1}),
            ("config.temperature", Decimal("0.2")),
            ("config.presence_penalty", Decimal("-1.5")),
            ("config.seed", -1),
            ("provider_config.index", -1),
        ],
    )
    def test_the_other_type_that_servers_of_this_kind_take(self, key: str, value: Any) -> None:
        codec = CODECS[key]
        assert codec.encode(codec.normal(value, native=True)) == value
        assert Draft202012Validator(codec.schema()).is_valid(value)

    @pytest.mark.parametrize(
        ("key", "value", "text"),
        [
            ("provider_config.cache", ["a"], "must be a text or a mapping"),
            ("provider_config.cache", True, "must be a text or a mapping"),
            ("provider_config.metadata", {"a": 1}, "'a' must be a text"),
            ("provider_config.beforeRequestHooks", ["a"], "'[0]' must be a mapping"),
            ("provider_config.requestTimeout", -1, "must not be negative"),
            ("provider_config.index", Decimal("1.5"), "must be a whole number"),
            ("provider_config.index", -(10**15) - 1, "must be at least -1000000000000000"),
            ("provider_config.customHost", "https://key@host.example", "without user information"),
            ("provider_config.api_key", "planted", "never written in a manifest"),
            ("provider_config.vertexServiceAccountJson", {"type": "service_account"}, "a reference"),
            ("config.stop", 1, "must be a text or a list"),
            ("config.stop", [1], "'[0]' must be a text"),
            ("config.temperature", -1, "must not be negative"),
            ("config.stream", "yes", "must be true or false"),
            ("config.logprobs", "5", "must be a number or true or false"),
            ("config.prediction", {"content": [{"text": 1}]}, "'content[0].text' must be a text"),
            ("config.thinking", {"budget_tokens": True}, "'budget_tokens' must be a whole number"),
            ("config.logit_bias", {"50256": "-100"}, "'50256' must be a number"),
        ],
    )
    def test_another_type_is_a_mistake(self, key: str, value: Any, text: str) -> None:
        with pytest.raises(BadValue) as caught:
            CODECS[key].normal(value, native=True)
        assert not Draft202012Validator(CODECS[key].schema()).is_valid(value)
        assert text in str(caught.value)
        assert "planted" not in str(caught.value)


SECRET_KEYS = """
api_key azureEntraClientSecret azureAdToken awsSecretAccessKey awsAccessKeyId awsSessionToken
vertexServiceAccountJson watsonxCpdPassword
"""

UPSTREAM_KEYS = (
    "customHost urlToFetch huggingfaceBaseUrl azureFoundryUrl watsonxCpdUrl resourceName snowflakeAccount"
)


class TestSecretsAndAddresses:
    def test_these_are_secrets(self) -> None:
        assert set(SECRET_KEYS.split()) == SECRETS

    def test_these_are_addresses_that_secrets_reach(self) -> None:
        assert {wire for wire, key in PROVIDER_CONFIG.items() if key.upstream} == set(UPSTREAM_KEYS.split())

    def test_a_service_account_is_sent_as_an_object(self) -> None:
        codec = PROVIDER_CONFIG["vertexServiceAccountJson"].codec
        assert codec.encode(codec.normal({"secret": "ACCOUNT"}, native=True)) == SecretJson(
            SecretRef("ACCOUNT")
        )


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("provider_config.cache", "A text or a mapping, compared whole"),
        ("provider_config.beforeRequestHooks", "A list, compared whole"),
        ("provider_config.metadata", "A mapping, compared whole"),
        ("provider_config.vertexServiceAccountJson", "A secret by reference, whose text is a JSON object"),
        ("config.logprobs", "A number or true or false, compared whole"),
        ("config.safety_settings", "Any value, compared whole"),
    ],
)
def test_the_type_in_words(key: str, text: str) -> None:
    assert type_text(CODECS[key]) == text


@pytest.mark.parametrize("key", CODECS)
def test_null_can_be_added_to_every_schema(key: str) -> None:
    assert Draft202012Validator(or_null(CODECS[key].schema())).is_valid(None)


class TestSpelling:
    def test_no_spelling_means_two_keys(self) -> None:
        spellings = [*PROVIDER_CONFIG, *ALIASES]
        assert len(spellings) == len(set(spellings))
        assert len(ALIASES) == sum(len(key.aliases) for key in PROVIDER_CONFIG.values())

    def test_every_key_that_is_not_snake_case_has_a_spelling_that_is(self) -> None:
        for wire, key in PROVIDER_CONFIG.items():
            assert bool(key.aliases) is not (wire == wire.lower())
            assert all(alias == alias.lower() for alias in key.aliases)

    @pytest.mark.parametrize(
        ("alias", "wire"),
        [
            ("aws_server_side_encryption_kms_key_id", "awsServerSideEncryptionKMSKeyId"),
            ("strict_open_ai_compliance", "strictOpenAiCompliance"),
            ("azure_resource_name", "resourceName"),
            ("azure_deployment_id", "deploymentId"),
            ("azure_api_version", "apiVersion"),
            ("azure_inference_api_version", "azureApiVersion"),
            ("azure_deployment_name", "azureDeploymentName"),
            ("azure_inference_deployment_name", "azureDeploymentName"),
            ("api_key", "api_key"),
            ("customHost", "customHost"),
            ("custom_hosts", "custom_hosts"),
            (DERIVED, DERIVED),
        ],
    )
    def test_which_documented_key_it_is(self, alias: str, wire: str) -> None:
        assert spelled({alias: 1}) == {wire: 1}

    def test_a_live_object_in_either_spelling_reads_the_same(self) -> None:
        camel = {wire: [wire] for wire in PROVIDER_CONFIG}
        for pick in (0, -1):
            snake = {(key.aliases or (wire,))[pick]: [wire] for wire, key in PROVIDER_CONFIG.items()}
            assert spelled(snake) == spelled(camel) == camel

    def test_values_and_unknown_keys_stay_as_they_are(self) -> None:
        live = {
            "metadata": {"custom_host": 1, "provider": 2},
            "before_request_hooks": [{"request_timeout": 3}],
            "server_cert": "x",
            DERIVED: "openai",
        }
        assert spelled(live) == {
            "metadata": {"custom_host": 1, "provider": 2},
            "beforeRequestHooks": [{"request_timeout": 3}],
            "server_cert": "x",
            DERIVED: "openai",
        }

    @pytest.mark.parametrize("order", [1, -1])
    def test_the_documented_spelling_counts_where_both_stand(self, order: int) -> None:
        live = dict([("customHost", "new"), ("custom_host", "old")][::order])
        assert spelled(live) == {"customHost": "new"}


READABLE = [key for key, codec in CODECS.items() if not isinstance(codec, SecretText)]


@examples(600)
@given(data=st.data())
def test_what_was_sent_reads_back(data: st.DataObject) -> None:
    codec = CODECS[data.draw(st.sampled_from(READABLE))]
    upstream = type(codec).__name__ == "Address"
    declared = data.draw(st.just("host.example/v1") if upstream else native_values(codec))
    normal = codec.normal(declared, native=True)
    sent = simplejson.loads(simplejson.dumps(codec.encode(normal), use_decimal=True), use_decimal=True)
    stored = Server(data).stored(sent, free=isinstance(codec, Tree))
    assert codec.decode(stored) == normal


@examples(300)
@given(data=st.data(), wire=ANYTHING)
def test_any_live_value_can_be_read(data: st.DataObject, wire: Any) -> None:
    codec = CODECS[data.draw(st.sampled_from(READABLE))]
    codec.shown(codec.decode(wire), native=True)
