"""Respan's tables against the facts of the reference page, extracted once into tests/data."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path as File
from typing import Any

import pytest

from reconciler.money import PER_1K_TOKENS, PER_1M_TOKENS, Price, Unit
from reconciler.registries.codecs import (
    BadValue,
    CannotExpress,
    Codec,
    Money,
    Text,
    Tree,
    Unreadable,
    Whole,
    ZeroOrOne,
)
from reconciler.registries.respan.fields import MODEL, PROVIDER, without_secrets
from reconciler.registries.respan.kind import RESPAN
from reconciler.registries.rows import ABSENT, Field, Path, Table, dig
from reconciler.secrets import SecretRef

PAGE: dict[str, Any] = json.loads(
    (File(__file__).parent.parent / "data" / "respan_model_keys.json").read_text(encoding="utf-8")
)
NATIVE = ("native", "respan")
TYPES = {"string": Text, "double": Money, "integer": Whole, "enum": ZeroOrOne, "object": Tree}


def codecs(table: Table) -> dict[Path, Codec]:
    return {point.path: point.codec or row.codec for row in table.rows for point in row.points}


def field(*path: str, table: Table = MODEL) -> Field:
    found = table.find(path)
    assert found is not None
    return found


def create(table: Table = MODEL, /, name: str = "support", **declared: Any) -> dict[str, Any]:
    """The body of a create; the keys of ``declared`` are native ones, or portable paths with ``__``."""
    fields = {}
    for key, value in declared.items():
        path = tuple(key.split("__")) if "__" in key else (*NATIVE, key)
        item = field(*path, table=table)
        fields[path] = (item, item.normal(value))
    assert table.create is not None
    body = table.body(table.create, table.create_edits(fields, name).edits, {})
    assert body is not None
    return body


# ---- the page


def test_a_create_can_send_each_key_of_the_page_once_and_no_other() -> None:
    written = Counter(point.path for row in MODEL.rows for point in row.points if point.create)
    assert written == {(key,): 1 for key in PAGE["request"]}


def test_an_update_can_send_all_of_them_but_the_name() -> None:
    written = Counter(point.path for row in MODEL.rows for point in row.points if point.update)
    assert written == {(key,): 1 for key in PAGE["request"] if key != "model_name"}


@pytest.mark.parametrize("key", PAGE["request"])
def test_each_key_has_the_type_of_the_page(key: str) -> None:
    assert isinstance(codecs(MODEL)[key,], TYPES[PAGE["request"][key]])


@pytest.mark.parametrize("key", PAGE["request"])
def test_each_key_may_be_written_natively(key: str) -> None:
    assert field(*NATIVE, key).row is MODEL.row_at((key,))


def test_what_is_read_is_on_the_page() -> None:
    read = {point.path[0] for row in MODEL.rows for point in row.points if point.read}
    assert read <= set(PAGE["answer"])


def test_the_priced_keys_are_those_that_the_page_gives_per_million_tokens() -> None:
    money = {path[0]: codec for path, codec in codecs(MODEL).items() if isinstance(codec, Money)}
    priced = {key for key, codec in money.items() if codec.unit == PER_1M_TOKENS}
    assert priced == set(PAGE["per_million_tokens"])


def test_what_the_page_requires_is_demanded_and_has_a_default() -> None:
    demanded = {row.points[0].path[0] for row in MODEL.rows if row.demanded}
    assert demanded == {*PAGE["required"], "display_name"}
    assert create(base_model_name="gpt-4") == {
        "model_name": "support",
        "display_name": "support",
        "base_model_name": "gpt-4",
    }


# ---- values


@pytest.mark.parametrize(
    ("price", "wire"),
    [
        (Price(Decimal("0.15"), "USD", PER_1M_TOKENS), "0.15"),
        (Price(Decimal("0.00015"), "USD", PER_1K_TOKENS), "0.15"),
        (Price(Decimal("0.00000015"), "USD", Unit("token")), "0.15"),
        (Price(Decimal(30), "USD", PER_1M_TOKENS), "30"),
        (Price(Decimal(0), "USD", PER_1M_TOKENS), "0"),
    ],
)
@pytest.mark.parametrize("name", ["input", "output", "cache_read", "cache_write"])
def test_prices_are_sent_per_million_tokens(price: Price, wire: str, name: str) -> None:
    item = field("pricing", name)
    key = item.points[0].path[0]
    sent = create(**{f"pricing__{name}": price})[key]
    assert str(sent) == wire
    assert item.read({key: sent}) == item.normal(price)


def test_a_native_price_is_per_million_tokens_too() -> None:
    assert create(input_cost=Decimal("2.5"))["input_cost"] == Decimal("2.5")


def test_only_dollars() -> None:
    with pytest.raises(CannotExpress):
        field("pricing", "input").normal(Price(Decimal(1), "EUR", PER_1M_TOKENS))


@pytest.mark.parametrize("zero", [0, Decimal("0.0"), ABSENT])
def test_a_cache_price_that_is_not_set_is_0(zero: Any) -> None:
    for name, key in (("cache_read", "cache_hit_input_cost"), ("cache_write", "cache_creation_input_cost")):
        item = field("pricing", name)
        live = {} if zero is ABSENT else {key: zero}
        assert item.read(live) == item.wanted(item.normal(None)) == Price(Decimal(0), "USD", PER_1M_TOKENS)


@pytest.mark.parametrize(
    ("name", "key"),
    [("tools", "function_call"), ("vision", "image_support"), ("streaming", "streaming_support")],
)
@pytest.mark.parametrize("value", [True, False])
def test_capabilities_are_0_and_1_on_the_wire(name: str, key: str, value: bool) -> None:
    item = field("capabilities", name)
    sent = create(**{f"capabilities__{name}": value})[key]
    assert sent == int(value)
    assert not isinstance(sent, bool)
    for live in (int(value), Decimal(int(value)), value):
        assert item.read({key: live}) is value


@pytest.mark.parametrize("value", [2, -1, "1", Decimal("0.5"), []])
def test_any_other_capability_is_unreadable(value: Any) -> None:
    assert isinstance(field("capabilities", "tools").read({"function_call": value}), Unreadable)


def test_natively_1_is_true_and_2_is_a_mistake() -> None:
    item = field(*NATIVE, "function_call")
    assert item.normal(1) is item.normal(True) is True
    assert item.normal(0) is item.normal(False) is False
    for wrong in (2, -1, "1", Decimal(1)):
        with pytest.raises(BadValue):
            item.normal(wrong)
    with pytest.raises(BadValue):
        field("capabilities", "tools").normal(1)


# ---- whom a model names


@pytest.mark.parametrize("key", ["provider_id", "custom_provider_id"])
def test_a_provider_is_sent_under_the_key_that_names_it_and_read_where_it_is_nested(key: str) -> None:
    item = field(*NATIVE, key)
    assert create(**{key: "house"})[key] == "house"
    assert item.read({"provider": {"id": 12, "provider_id": "house"}}) == "house"
    assert item.read({"provider": None}) is item.read({}) is None
    assert MODEL.shown_at((key,)) == ("provider", "provider_id")


def test_a_provider_may_be_named_by_its_number() -> None:
    assert field(*NATIVE, "provider_id").normal(12) == field(*NATIVE, "provider_id").normal("12") == "12"
    with pytest.raises(BadValue):
        field(*NATIVE, "provider_id").normal(True)


def test_overrides_are_a_mapping_in_which_null_takes_one_away() -> None:
    sent = create(supported_params_override={"top_p": None, "temperature": {"range": {"min": 0, "max": 1}}})
    assert sent["supported_params_override"] == {
        "top_p": None,
        "temperature": {"range": {"min": 0, "max": 1}},
    }
    for wrong in ([], "top_p", 1):
        with pytest.raises(BadValue):
            field(*NATIVE, "supported_params_override").normal(wrong)


# ---- names


@pytest.mark.parametrize(
    "name", ["gpt-4", "openai/gpt-4o-mini", "a/b/c", "a b", "lists", "list/a", "...", "ü"]
)
def test_names_that_an_address_can_hold(name: str) -> None:
    assert field(*NATIVE, "model_name").normal(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "a/..",
        "../a",
        "a/./b",
        "a\nb",
        "a\u200bb",
        "list",
        "public",
        "summary",
    ],
)
def test_names_that_none_can(name: str) -> None:
    with pytest.raises(BadValue):
        field(*NATIVE, "model_name").normal(name)


@pytest.mark.parametrize("identity", ["", ".", "..", "a/b", "a\nb"])
def test_ids_of_providers_that_no_address_can_hold(identity: str) -> None:
    with pytest.raises(BadValue):
        field(*NATIVE, "provider_id", table=PROVIDER).normal(identity)


# ---- providers


def test_a_key_is_sent_to_both_places_that_the_pages_know() -> None:
    key = SecretRef("KEY")
    body = create(
        PROVIDER,
        "house",
        endpoint__base_url="https://llm.example.com/v1",
        endpoint__api_key=key,
    )
    assert body == {
        "provider_id": "house",
        "provider_name": "house",
        "api_key": key,
        "extra_kwargs": {"base_url": "https://llm.example.com/v1", "api_key": key},
    }


LIVE = {"extra_kwargs": {"timeout": 30}}
KEY = ("extra_kwargs", "api_key")
OTHER = ("extra_kwargs", "headers", "Authorization")


@pytest.mark.parametrize(
    ("sent", "raw", "hidden", "lost"),
    [
        ([("provider_name",)], LIVE, [KEY], ""),
        ([("provider_name",)], {}, [], ""),
        ([("extra_kwargs", "timeout")], LIVE, [], "endpoint.api_key (null where there is none)"),
        ([("extra_kwargs", "timeout")], {"extra_kwargs": None}, [], "endpoint.api_key"),
        ([("extra_kwargs", "timeout"), KEY], LIVE, [("api_key",)], ""),
        ([("extra_kwargs", "timeout"), KEY], LIVE, [KEY], ""),
        ([("extra_kwargs", "timeout"), KEY], {}, [], ""),
        ([("extra_kwargs", "timeout")], LIVE, [KEY], "endpoint.api_key"),
        ([("extra_kwargs", "timeout")], {}, [], "endpoint.api_key"),
        ([("extra_kwargs", "timeout"), KEY], LIVE, [KEY, OTHER], "native.respan.extra_kwargs.headers"),
        ([("extra_kwargs", "headers"), KEY], LIVE, [KEY, OTHER], ""),
    ],
)
def test_an_update_that_may_replace_a_secret_must_bring_it(
    sent: list[Path], raw: Any, hidden: list[Path], lost: str
) -> None:
    found = PROVIDER.loses(sent, raw, hidden)
    assert (found is None) == (lost == "")
    assert lost in (found or ("", ""))[1]


def test_an_update_carries_what_is_live() -> None:
    item = field(*NATIVE, "extra_kwargs", "timeout", table=PROVIDER)
    raw = {"extra_kwargs": {"timeout": 30, "seed": 4, "headers": {"X-Team": "a"}}}
    edits = PROVIDER.update_edits(item, item.normal(60), raw)
    assert PROVIDER.body(PROVIDER.update, edits, raw) == {
        "extra_kwargs": {"timeout": 60, "seed": 4, "headers": {"X-Team": "a"}}
    }


def test_the_addresses_that_an_update_carries_count_as_hosts_of_its_secrets() -> None:
    raw = {"extra_kwargs": {"base_url": "https://a.example.com", "proxy": "https://b.example.com", "seed": 4}}
    [edit] = PROVIDER.update_edits(field("endpoint", "api_key", table=PROVIDER), SecretRef("KEY"), raw)[:1]
    assert set(PROVIDER.upstreams([edit], raw)) == {"https://a.example.com", "https://b.example.com"}
    item = field(*NATIVE, "extra_kwargs", "proxy", table=PROVIDER)
    [other] = PROVIDER.update_edits(item, item.normal("https://c.example.com"), raw)
    assert set(PROVIDER.upstreams([edit, other], raw)) == {"https://a.example.com", "https://c.example.com"}


def test_a_masked_or_empty_credential_is_never_kept() -> None:
    document = {"api_key": "****", "extra_kwargs": {"api_key": None, "token": "", "password": "x"}}
    assert without_secrets(document) == (
        {"extra_kwargs": {}},
        frozenset({("api_key",), ("extra_kwargs", "password")}),
    )


@pytest.mark.parametrize(
    "mask", ["****", "Bear****abcd", "sk-\u2022\u2022\u2022\u2022", "[REDACTED]", "Dummy"]
)
def test_what_only_stands_for_a_credential_is_never_written_back(mask: str) -> None:
    extra = {
        "vertex_params": mask,
        "headers": [{"name": "Authorization", "value": mask}, {"name": "X-Team", "value": "a"}],
        "args": ["a", mask],
        "masked_value": "sk-...d",
        "timeout": 30,
    }
    raw, hidden = without_secrets({"provider_name": mask, "extra_kwargs": extra})
    assert raw == {
        "provider_name": mask,
        "extra_kwargs": {
            "headers": [{"name": "Authorization"}, {"name": "X-Team", "value": "a"}],
            "args": ["a"],
            "timeout": 30,
        },
    }
    assert {path[1:] for path in hidden} == {
        ("vertex_params",),
        ("headers", "0", "value"),
        ("args", "1"),
        ("masked_value",),
    }
    found = PROVIDER.loses([("extra_kwargs", "timeout"), KEY], raw, hidden)
    assert found is not None
    assert found[1] == (
        "declare native.respan.extra_kwargs.args whole and native.respan.extra_kwargs.headers whole and "
        "native.respan.extra_kwargs.masked_value by reference and "
        "native.respan.extra_kwargs.vertex_params by reference"
    )


@pytest.mark.parametrize("text", ["a*b", "**bold**", "hidden layers", "dummy-model", "2 * 3 * 4"])
def test_what_does_not_is_carried_along(text: str) -> None:
    document = {"extra_kwargs": {"text": text, "args": [text]}}
    assert without_secrets(document) == (document, frozenset())


def test_what_an_answer_says_of_extra_kwargs_is_proof_only_where_it_shows_any() -> None:
    item = field(*NATIVE, "extra_kwargs", "timeout", table=PROVIDER)
    [edit] = PROVIDER.update_edits(item, item.normal(60), {})
    assert PROVIDER.holds(edit, {"extra_kwargs": {"timeout": 60}}) is True
    assert PROVIDER.holds(edit, {"extra_kwargs": {"timeout": 30}}) is False
    assert PROVIDER.holds(edit, {"extra_kwargs": {}}) is False
    assert PROVIDER.holds(edit, {"provider_name": "House"}) is None


# ---- the kind


def test_it_holds_models_and_providers() -> None:
    assert RESPAN.choose("Model", {}) is MODEL
    assert RESPAN.choose("Provider", {}) is PROVIDER
    assert [table.title for table in RESPAN.tables_of("Provider")] == [PROVIDER.title]


def test_it_keeps_to_the_vendors_limit() -> None:
    assert RESPAN.requests_per_minute == 60


@pytest.mark.parametrize("table", RESPAN.tables.values(), ids=RESPAN.tables)
def test_every_path_ends_with_a_slash(table: Table) -> None:
    assert all(call.path.endswith("/") for call in table.calls.values())


@pytest.mark.parametrize("table", RESPAN.tables.values(), ids=RESPAN.tables)
def test_what_was_written_reads_back_equal(table: Table) -> None:
    values: dict[type[Codec], Any] = {Money: Decimal("0.3"), Whole: 8192, ZeroOrOne: True}
    for item in table.fields():
        if item.shown is None or item.row.secret or len(item.shown.path) > 1:
            continue
        sample = values.get(type(item.row.codec), "some-text")
        if not item.native:
            sample = Price(Decimal("0.3"), "USD", PER_1M_TOKENS) if type(item.row.codec) is Money else sample
        normal = item.normal(sample)
        wire = item.row.codec.encode(normal)
        assert item.read({item.shown.path[0]: wire}) == normal
        assert dig({item.shown.path[0]: wire}, item.shown.path) == wire
