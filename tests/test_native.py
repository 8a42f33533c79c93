"""What only one kind of registry has: overrides of it, credentials in it, the hosts that it names."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from reconciler.desired import Desired, desire_all
from reconciler.destinations import NO_ADDRESS, destinations
from reconciler.errors import Problem
from reconciler.manifests.config import load_config
from reconciler.manifests.load import read_documents
from reconciler.manifests.secretkeys import secret_in_address, secret_key
from reconciler.manifests.yamltree import parse
from reconciler.native import laid_over
from reconciler.registries.addresses import upstreams
from reconciler.registries.codecs import Json
from reconciler.registries.orq.fields import GENERIC, READABLE_CONFIGURATION
from reconciler.report.masking import masked
from reconciler.report.problems import problems_text

CONFIG = """
apiVersion: reconciler/v1
kind: Config
default_registries: [one]
registries: {one: {kind: orq, embedded: unused.db}}
secrets:
  UPSTREAM_KEY: {env: UPSTREAM_KEY, hosts: [llm.example.com]}
  OTHER_KEY: {env: OTHER_KEY, hosts: [llm.example.com]}
"""
HEAD = "apiVersion: reconciler/v1\nkind: Model\nmetadata: {name: a}\nspec:\n"


def desire(tmp_path: Path, spec: str) -> tuple[Desired, list[Problem]]:
    (tmp_path / "models").mkdir()
    (tmp_path / "reconciler.yaml").write_text(CONFIG)
    config = load_config(tmp_path / "reconciler.yaml", "reconciler.yaml")
    text = HEAD + indent(dedent(spec).strip(), "  ")
    documents, problems = parse(text.encode(), "a.yaml")
    assert problems == []
    loaded = read_documents(config, documents)
    assert loaded.problems == []
    [desired], problems = desire_all(config, loaded)
    return desired, problems


def values(desired: Desired) -> dict[str, Any]:
    """The normal forms of the native fields, trees opened."""
    return {
        ".".join(path[2:]): value.value if isinstance(value, Json) else value
        for path, (_, value) in desired.fields.items()
        if path[0] == "native"
    }


# ---- overrides

COST = "{cost: %s, currency: USD, per: 1, unit: token}"


def cost(number: int) -> dict[str, Any]:
    return {"cost": number, "currency": "USD", "per": 1, "unit": "token"}


def test_an_override_of_a_part_of_a_tree_leaves_the_rest_of_it(tmp_path: Path) -> None:
    spec = f"""
    native: {{orq: {{metadata: {{pricing: {{input: {COST % 1}, output: {COST % 2}}}, offline: true}}}}}}
    overrides:
      one:
        native:
          orq:
            metadata:
              pricing: {{input: {COST % 3}}}
    """
    desired, problems = desire(tmp_path, spec)
    assert problems == []
    pricing = ("native", "orq", "metadata", "pricing")
    assert values(desired) == {
        "metadata.pricing": {"input": cost(3), "output": cost(2)},
        "metadata.offline": True,
    }
    assert desired.place(pricing).line == 11
    assert desired.place(("native", "orq", "metadata", "offline")).line == 5


def test_an_override_of_a_free_object_goes_mapping_by_mapping(tmp_path: Path) -> None:
    spec = """
    native: {orq: {configuration: {a: {b: 1, c: [1], d: {e: 2}}, key: {secret: UPSTREAM_KEY}, f: {g: 1}}}}
    overrides:
      one: {native: {orq: {configuration: {a: {b: null, c: [3], h: 4}, key: {secret: OTHER_KEY}, f: 5}}}}
    """
    desired, problems = desire(tmp_path, spec)
    assert problems == []
    found = {path.removeprefix("configuration."): value for path, value in values(desired).items()}
    assert str(found.pop("key")) == "secret OTHER_KEY"
    assert found == {"a.b": None, "a.c": [3], "a.d.e": 2, "a.h": 4, "f": 5}
    lines = {path[-1]: desired.place(path).line for path in desired.fields}
    assert lines == {"b": 7, "c": 7, "e": 5, "h": 7, "key": 7, "f": 7}


@pytest.mark.parametrize(
    ("base", "over", "result"),
    [
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": {"b": 1}}, {"a": [1]}, {"a": [1]}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"secret": "X"}}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": {"secret": "X"}}, {"a": {"secret": "X"}}),
        ({"a": {"secret": {"b": 1}}}, {"a": {"c": 1}}, {"a": {"secret": {"b": 1}, "c": 1}}),
    ],
)
def test_laid_over(base: dict[str, Any], over: dict[str, Any], result: dict[str, Any]) -> None:
    before = repr(base)
    assert laid_over(base, over) == result
    assert repr(base) == before


def test_a_mistake_in_an_override_is_told_once_and_there(tmp_path: Path) -> None:
    spec = """
    native: {orq: {metadata: {offline: true, region: eu}}}
    overrides:
      one:
        native:
          orq: {metadata: {offline: 3, regoin: us, region: null}}
    """
    _, problems = desire(tmp_path, spec)
    assert sorted((one.code, one.place.line, one.path) for one in problems) == [
        ("native-value", 9, "spec.overrides.one.native.orq.metadata.offline"),
        ("unknown-field", 9, "spec.overrides.one.native.orq.metadata.regoin"),
    ]


# ---- names of credentials

CREDENTIALS = """
    api_key apiKey APIKEY x-api-key X-API-Key openaiApiKey openaiAPIKey awsSecretAccessKey OPENAI_KEY key
    s3key api_keys api_key_1 secret clientSecret clientsecret secretValue password Password token githubToken
    backend_token super_token accessToken auth basicAuth authHeader Authorization proxy-authorization bearer
    cookie Set-Cookie jwt private_key service_account_json connectionString
""".split()
NO_CREDENTIALS = """
    api_key_env access_key_id secret_name auth_mode auth_type should_use_beta_features max_tokens tokens
    token_limit tokenizer author headers monkey turkey eos_token eosToken stop-token public_key partitionKey
    keyspace authentication_mode
""".split()


@pytest.mark.parametrize("key", CREDENTIALS)
def test_a_key_of_a_credential(key: str) -> None:
    assert secret_key().search(key)
    assert list(masked([f"{key}: x"])) == [f"{key}: …"]


@pytest.mark.parametrize("key", [*NO_CREDENTIALS, *sorted(READABLE_CONFIGURATION)])
def test_a_key_of_no_credential(key: str) -> None:
    assert not secret_key().search(key)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://user:pw@h/v1", True),
        ("https://h/v1?api_key=x", True),
        ("https://h/v1?a=1&accessToken=x", True),
        ("https://h/v1?api-version=1", False),
        ("https://h/@scope/x", False),
        ("me@example.com", False),
    ],
)
def test_an_address_that_holds_a_credential(text: str, found: bool) -> None:
    assert bool(secret_in_address().search(text)) is found


@pytest.mark.parametrize("name", ["AKIAPLANTED", "sk_planted", "Planted"])
def test_the_name_of_an_unknown_secret_is_not_repeated(tmp_path: Path, name: str) -> None:
    spec = f"native: {{orq: {{configuration: {{provider: x, auth: {{secret: {name}}}}}}}}}"
    _, [problem] = desire(tmp_path, spec)
    assert problem.code == "unknown-secret"
    [line] = masked([f"  {spec}"])
    assert name not in problems_text([problem], lambda _: line)


# ---- hosts


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://LLM.example.com/v1", "llm.example.com"),
        ("llm.example.com:8443/v1?a=b", "llm.example.com:8443"),
        ("http://[::1]:80/", "[::1]:80"),
        ("https://evil.com\\@llm.example.com/v1", NO_ADDRESS),
        ("https://llm.example.com#@evil.com/", NO_ADDRESS),
        ("https://evil.com?@llm.example.com", NO_ADDRESS),
        ("https://user:pw@llm.example.com", NO_ADDRESS),
        ("https://llm.example.com\t.evil.com", NO_ADDRESS),
        ("https://llm.example.com:99999", NO_ADDRESS),
        ("jdbc:postgresql://evil.com/x", NO_ADDRESS),
        ("a password", NO_ADDRESS),
        ("", NO_ADDRESS),
    ],
)
def test_the_host_of_an_address(address: str, host: str) -> None:
    assert destinations([address], None) == (host,)


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("x", "evil.com", ["evil.com"]),
        ("x", "evil.com:443/v1", ["evil.com:443/v1"]),
        ("x", "evil:443", ["evil:443"]),
        ("x", "user:pw@evil.com", ["user:pw@evil.com"]),
        ("x", "evil\uff0ecom", ["evil\uff0ecom"]),
        ("x", "10.0.0.1", ["10.0.0.1"]),
        ("x", "::1", ["::1"]),
        ("x", "//evil", ["//evil"]),
        ("x", ["a", {"b": "first.com, wss://second"}], ["first.com", "wss://second"]),
        ("apiBase", "evil", ["evil"]),
        ("api_base", "evil", ["evil"]),
        ("customHost", "evil", ["evil"]),
        ("proxy", "evil", ["evil"]),
        ("database", "models", []),
        ("x", "gpt-4.1", []),
        ("x", "anthropic.claude-3-v2:0", []),
        ("x", "eu-west-1", []),
        ("x", "12:30", []),
        ("x", 3, []),
    ],
)
def test_the_addresses_of_a_free_value(key: str, value: Any, found: list[str]) -> None:
    path = ("native", "orq", "configuration", key)
    item = GENERIC.find(path)
    assert item is not None
    assert list(upstreams(item.row, path, value)) == found


def test_a_number_keeps_its_digits_below_an_override(tmp_path: Path) -> None:
    spec = """
    native: {orq: {configuration: {weights: {a: 0.10}}}}
    overrides: {one: {native: {orq: {configuration: {weights: {b: 2}}}}}}
    """
    desired, problems = desire(tmp_path, spec)
    assert problems == []
    assert values(desired) == {"configuration.weights.a": Decimal("0.1"), "configuration.weights.b": 2}
