"""From live objects to manifests, by whatever tables a kind has: here one that has every oddity at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path as File
from typing import Any

import pytest
from house import House, build_in, observation

from reconciler.errors import UsageError
from reconciler.importing import Import, choose, import_objects
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.manifests.load import read_documents
from reconciler.manifests.yamltree import parse
from reconciler.money import PER_1K_TOKENS, Unit
from reconciler.registries.codecs import Address, Flag, Id, Money, SecretText, Text, TreeOrSecret, Whole, Word
from reconciler.registries.interface import LiveObject, Observation
from reconciler.registries.kind import Kind
from reconciler.registries.rows import REST, Call, Declared, Echo, Identity, Path, Point, Row, Table

SECRET = "sk-planted-0123456789"


def row(name: str, codec: Any, portable: Path | None = None, **more: Any) -> Row:
    return Row(portable=portable, native=((name,),), points=(Point((name,)),), codec=codec, **more)


class Seeing(Text):
    """One word for two: `sees` means a chat that takes images."""

    def decode(self, wire: Any) -> Any:
        return "chat" if wire == "sees" else Text.decode(self, wire)


class Sees(Flag):
    def decode(self, wire: Any) -> Any:
        return wire == "sees"


def key(declared: Declared) -> str | None:
    provider = declared.values.get(("provider",)) or declared.values.get(("native", "toy", "provider"))
    return None if provider is None else f"{provider}/{declared.values.get(('model',))}"


LABEL = ("native", "toy", "label")
MODELS = Table(
    kind="toy",
    variant="model",
    title="Toy models",
    resource="Model",
    rows=(
        Row(
            native=(("name",),),
            points=(Point(("name",), update=False),),
            codec=Id(),
            identity=True,
        ),
        row("provider", Word({"openai": "OPENAI", "gemini": "google"}, "toy"), ("provider",), demanded=True),
        row("model", Text(), ("model",), demanded=True),
        row("base", Text()),
        row("cost", Money(PER_1K_TOKENS), ("pricing", "input"), echo=Echo.EFFECTIVE),
        row("euros", Money(PER_1K_TOKENS, "EUR"), ("pricing", "output")),
        row("third", Money(Unit("token", 3)), ("pricing", "reasoning")),
        row("type", Seeing(), ("type",)),
        Row(portable=("capabilities", "vision"), points=(Point(("type",)),), codec=Sees(), absent=False),
        row("label", Text(empty_is_unset=True)),
        row("hint", Text(), default=lambda declared: declared.name, demanded=True),
        row("seen", Text(), echo=Echo.MAYBE),
        row("host", Address(), ("endpoint", "base_url"), upstream=True),
        Row(
            portable=("endpoint", "api_key"),
            native=(("settings", "api_key"),),
            points=(Point(("settings", "api_key"), read=False),),
            codec=SecretText(),
            echo=Echo.WRITE_ONLY,
        ),
        Row(
            native=(("settings", "note"),),
            points=(Point(("settings", "note")),),
            codec=Text(),
        ),
        row("maker", Text()),
        Row(
            native=(("made_by",),),
            points=(Point(("made_by",), read=False), Point(("maker",), create=False, update=False)),
            codec=Text(),
        ),
        row("count", Whole(), ("limits", "context_window")),
        Row(
            native=(("settings", REST),),
            points=(Point(("settings", REST)),),
            codec=TreeOrSecret(),
        ),
        Row(
            native=(("vault", REST),),
            points=(Point(("vault", REST), read=False),),
            codec=TreeOrSecret(),
            echo=Echo.WRITE_ONLY,
        ),
        Row(native=(("made",),), points=(Point(("made",), create=False, update=False),), codec=Text()),
        Row(
            native=(("forgotten",),),
            points=(Point(("forgotten",)),),
            codec=Text(),
            echo=Echo.WRITE_ONLY,
        ),
    ),
    identity=Identity(pin=("native", "toy", "name"), client_chosen=True, key=key),
    create=Call("create", "POST", "/models"),
    update=Call("update", "PATCH", "/models/{id}"),
    implied=lambda declared: [LABEL] if {LABEL, ("native", "toy", "hint")} <= set(declared.values) else [],
)
PROVIDERS = Table(
    kind="toy",
    variant="provider",
    title="Toy providers",
    resource="Provider",
    rows=(
        Row(native=(("id",),), points=(Point(("id",)),), codec=Id(), identity=True),
        row("display_name", Text(), ("display_name",)),
        Row(
            portable=("endpoint", "api_key"),
            points=(Point(("key",), read=False),),
            codec=SecretText(),
            demanded=True,
            echo=Echo.WRITE_ONLY,
        ),
    ),
    identity=Identity(pin=("native", "toy", "id"), client_chosen=True),
    create=Call("create", "POST", "/providers"),
    update=Call("update", "PATCH", "/providers/{id}"),
)
TOY = Kind(
    name="toy",
    title="Toy",
    tables={table.variant: table for table in (MODELS, PROVIDERS)},
    choose=lambda resource, _: MODELS if resource == "Model" else PROVIDERS,
    client_module="none",
    requests_per_minute=60,
)
CONFIG = """\
apiVersion: reconciler/v1
kind: Config
default_registries: [toy]
registries:
  toy: {kind: toy, url: "https://toy.example.com", token: {env: OPENAI_GPT_KEY}}
"""


@pytest.fixture
def config(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> LoadedConfig:
    build_in(monkeypatch, TOY)
    (tmp_path / "reconciler.yaml").write_text(CONFIG)
    return load_config(tmp_path / "reconciler.yaml", "reconciler.yaml")


def model(name: str = "OPENAI/gpt", *, ours: bool = True, hidden: Any = (), **raw: Any) -> LiveObject:
    whole = {"name": name, "provider": "OPENAI", "model": "gpt", "hint": "h", **raw}
    return LiveObject(f"id of {name}", whole, ours, "model", keys=(name,), hidden=frozenset(hidden))


def run(config: LoadedConfig, *objects: LiveObject, taken: Any = ()) -> Import:
    found = Observation("toy", objects, time.monotonic())
    return import_objects(config, [], found, choose(found, []), set(taken))


def spec(result: Import) -> Mapping[str, Any]:
    [one] = result.manifests
    loaded = parse(one.text("schema").encode(), "file")
    assert loaded[1] == []
    [document] = loaded[0]
    shown = dict(document.root)["spec"]
    assert shown.pop("registries") == ["toy"]
    return dict(shown)


def test_no_pin_where_the_manifest_says_the_name_itself(config: LoadedConfig) -> None:
    assert spec(run(config, model())) == {
        "provider": "openai",
        "model": "gpt",
        "native": {"toy": {"hint": "h"}},
    }


def test_a_pin_where_the_name_is_another_one(config: LoadedConfig) -> None:
    assert spec(run(config, model("house")))["native"]["toy"]["name"] == "house"


def test_no_pin_where_the_name_follows_from_the_registrys_own_word(
    config: LoadedConfig,
) -> None:
    native = spec(run(config, model("acme/gpt", provider="acme")))["native"]["toy"]
    assert native == {"provider": "acme", "hint": "h"}
    native = spec(run(config, model("gemini/gpt", provider="gemini")))["native"]["toy"]
    assert native == {"provider": "gemini", "hint": "h"}, "a word of ours, which means another system there"


def test_a_pin_where_the_field_that_the_name_follows_from_cannot_stand_in_its_place(
    config: LoadedConfig,
) -> None:
    long = "m" * 300
    native = spec(run(config, model(f"OPENAI/{long}", model=long)))["native"]["toy"]
    assert native == {"name": f"OPENAI/{long}", "model": long, "hint": "h"}


class TestInheritance:
    BASE = model("base", ours=False, cost=Decimal("0.001"))

    def test_what_the_base_says_too_is_left_out(self, config: LoadedConfig) -> None:
        assert "pricing" not in spec(run(config, self.BASE, model(base="base", cost=Decimal("0.001"))))

    def test_what_the_base_says_otherwise_is_written(self, config: LoadedConfig) -> None:
        pricing = spec(run(config, self.BASE, model(base="base", cost=Decimal("0.002"))))["pricing"]
        assert pricing == {"unit": "1M tokens", "currency": "USD", "input": 2}

    def test_without_a_base_it_is_its_own(self, config: LoadedConfig) -> None:
        for base in ({}, {"base": "elsewhere"}, {"base": "OPENAI/gpt"}):
            assert spec(run(config, self.BASE, model(**base, cost=Decimal("0.001"))))["pricing"]["input"] == 1


def test_two_words_that_a_kind_joins_in_one_are_both_written(config: LoadedConfig) -> None:
    found = spec(run(config, model(type="sees")))
    assert (found["type"], found["capabilities"]) == ("chat", {"vision": True})


def test_prices_of_two_currencies_stand_where_each_can(config: LoadedConfig) -> None:
    found = spec(run(config, model(cost=Decimal("0.001"), euros=Decimal("0.0025"))))
    assert found["pricing"] == {"unit": "1M tokens", "currency": "USD", "input": Decimal("1.00")}
    assert found["native"]["toy"]["euros"] == Decimal("0.0025")


def test_a_price_without_an_end_per_million_keeps_its_unit(config: LoadedConfig) -> None:
    pricing = spec(run(config, model(third=Decimal("0.1"))))["pricing"]
    assert pricing == {"currency": "USD", "reasoning": "0.10 / 3 tokens"}


def test_what_is_implied_made_or_never_read_is_left_out(config: LoadedConfig) -> None:
    result = run(config, model(label="l", made="m", forgotten="f", seen="s"))
    assert spec(result)["native"]["toy"] == {"hint": "h", "seen": "s"}
    assert result.manifests[0].left_out == ()


def test_what_two_rows_say_is_said_once(config: LoadedConfig) -> None:
    result = run(config, model(maker="acme", settings={"note": "n", "other": 1}))
    assert spec(result)["native"]["toy"] == {
        "hint": "h",
        "maker": "acme",
        "settings": {"note": "n", "other": 1},
    }
    assert result.manifests[0].left_out == ()


def test_null_is_nothing(config: LoadedConfig) -> None:
    result = run(config, model(count=None, type=None, maker=None, settings={"a": None}))
    assert set(spec(result)) == {"provider", "model", "native"}
    assert result.manifests[0].left_out == ()


def test_a_default_needs_no_line_and_what_differs_from_it_has_one(config: LoadedConfig) -> None:
    assert "native" not in spec(run(config, model(hint="openai-gpt")))


class TestSecrets:
    def test_a_hidden_one_is_named_with_the_hosts_that_it_reaches(self, config: LoadedConfig) -> None:
        live = model(host="https://llm.example.com:8443/v1", hidden=[("settings", "api_key")])
        result = run(config, live)
        assert spec(result)["endpoint"]["api_key"] == {"secret": "OPENAI_GPT_KEY_2"}, "the first is a token"
        [stub] = result.manifests[0].secrets
        assert (stub.hosts, stub.used_by) == (("llm.example.com:8443",), "openai-gpt")
        assert stub.line == "OPENAI_GPT_KEY_2: {env: OPENAI_GPT_KEY_2, hosts: [llm.example.com:8443]}"

    def test_one_without_an_upstream_goes_to_the_registry(self, config: LoadedConfig) -> None:
        [stub] = run(config, model(hidden=[("settings", "api_key")])).manifests[0].secrets
        assert stub.hosts == ("toy.example.com",)

    def test_one_that_goes_nowhere_has_a_list_of_hosts_all_the_same(self, config: LoadedConfig) -> None:
        (config.folder / "reconciler.yaml").write_text(
            "apiVersion: reconciler/v1\nkind: Config\nregistries: {toy: {kind: toy, embedded: r.db}}\n"
        )
        embedded = load_config(config.folder / "reconciler.yaml", "reconciler.yaml")
        [stub] = run(embedded, model(hidden=[("settings", "api_key")])).manifests[0].secrets
        assert (stub.name, stub.hosts) == ("OPENAI_GPT_KEY", ("localhost",))

    def test_a_hidden_one_in_a_free_part(self, config: LoadedConfig) -> None:
        result = run(config, model(hidden=[("vault", "aws", "secret_key")], vault={"aws": {"region": "eu"}}))
        vault = spec(result)["native"]["toy"]["vault"]
        assert vault == {"aws": {"secret_key": {"secret": "OPENAI_GPT_SECRET_KEY"}}}

    def test_one_that_a_registry_shows_is_never_repeated(self, config: LoadedConfig) -> None:
        result = run(
            config, model(settings={"deep": {"access_token": SECRET}, "url": f"https://u:{SECRET}@h"})
        )
        assert len(result.manifests[0].left_out) == 2
        assert SECRET not in repr(result.manifests)

    def test_a_name_that_begins_with_a_digit(self, config: LoadedConfig) -> None:
        provider = LiveObject("4o", {"id": "4o"}, ours=True, variant="provider", resource="Provider")
        [stub] = run(config, provider).manifests[0].secrets
        assert stub.name == "PROVIDER_4O_KEY"


def test_a_provider_and_a_model_may_have_one_name(config: LoadedConfig) -> None:
    provider = LiveObject(
        "house", {"id": "house", "display_name": "House"}, ours=True, variant="provider", resource="Provider"
    )
    result = run(config, model("house"), provider)
    assert [(one.resource, one.name) for one in result.manifests] == [
        ("Model", "house"),
        ("Provider", "house"),
    ]
    texts = "\n---\n".join(one.text("schema") for one in result.manifests)
    documents, _ = parse(texts.encode(), "file")
    assert read_documents(config, documents).problems == []
    assert [stub.name for one in result.manifests for stub in one.secrets] == ["HOUSE_KEY"]


def test_names_that_are_taken_get_a_number(config: LoadedConfig) -> None:
    result = run(config, model("house"), taken=[("Model", "House"), ("Provider", "house-2")])
    assert [one.name for one in result.manifests] == ["house-2"]
    long = run(config, model("x" * 128), taken=[("Model", "x" * 128)])
    assert [one.name for one in long.manifests] == ["x" * 126 + "-2"]


def test_an_object_without_a_table_is_skipped(config: LoadedConfig) -> None:
    result = run(config, model()._replace(variant="new"), model("vendor", ours=False))
    assert result.manifests == ()
    assert [(one.reason, one.failed) for one in result.skipped] == [
        ("objects of the variant 'new' cannot be declared", False)
    ]
    found = Observation("toy", (model("vendor", ours=False),), time.monotonic())
    result = import_objects(config, [], found, choose(found, ["vendor"]), set())
    assert [one.reason for one in result.skipped] == ["the vendor's objects cannot be declared"]


def test_patterns_choose_each_object_once(config: LoadedConfig) -> None:
    found = Observation("toy", (model("a1"), model("a2"), model("b", ours=False)), time.monotonic())
    assert [live.names for live in choose(found, ["a*", "a1", "id of a2"])] == [("a1",), ("a2",)]
    with pytest.raises(UsageError, match="'b\\*' fits no object of yours in toy"):
        choose(found, ["b*"])


def test_unknown_keys_of_a_registry_are_of_no_concern(tmp_path: File) -> None:
    house = House(tmp_path)
    config, _, _ = house.load()
    document = {
        "id": "m",
        "owner": "ws",
        "provider": "openai",
        "model_id": "m",
        "metadata": {"new_key": 1, "million_tokens_input_cost": Decimal(3)},
        "input_cost": Decimal("0.003"),
        "brand_new": [1],
    }
    found = observation([document])
    [one] = import_objects(config, [], found, choose(found, []), set()).manifests
    assert one.left_out == ()
    assert one.tree["spec"]["pricing"]["input"] == 3
    assert "new" not in one.text("schema")
