"""Declared prices beside public ones: the catalogue, what is found in it, and what the two say together."""

from __future__ import annotations

import socket
import sys
from datetime import date, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import genai_prices.data
import pytest
from genai_prices import data_snapshot
from genai_prices.types import (
    ClauseEquals,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from reconciler.cli.loading import load
from reconciler.errors import InputError
from reconciler.manifests.providers import PROVIDERS
from reconciler.money import PER_1M_TOKENS, Price
from reconciler.prices.catalogue import Catalogue, Entry, MissingExtra, UnknownRelease, load_catalogue
from reconciler.prices.check import Checked, PriceCheck, Row, check_prices
from reconciler.prices.draft import new_manifest, pricing_lines
from reconciler.prices.lookup import NoEntry, by_model, by_name
from reconciler.prices.words import IN_CATALOGUE, OUTSIDE, ours

DAY = date(2026, 11, 10)
ROOT = Path(__file__).parents[1]


def model(id_: str = "small", prices: Any = None, **more: Any) -> ModelInfo:
    found = prices or ModelPrice(input_mtok=Decimal("0.20"), output_mtok=Decimal("0.80"))
    return ModelInfo(id=id_, match=more.pop("match", ClauseEquals(equals=id_)), prices=found, **more)


def provider(id_: str, *models: ModelInfo, **more: Any) -> Provider:
    return Provider(id=id_, name=id_, api_pattern=id_, models=list(models), **more)


def catalogue(*providers: Provider, day: date = DAY) -> Catalogue:
    return Catalogue("test", day, list(providers))


def small(prices: Any = None, *, day: date = DAY, **more: Any) -> Catalogue:
    return catalogue(provider("openai", model(prices=prices, **more)), day=day)


def entry(prices: Any, *, day: date = DAY, **more: Any) -> Entry:
    found = small(prices, day=day, **more).named("openai", "small")
    assert found is not None
    return found


def fields(one: Entry, index: int = 0) -> dict[str, str]:
    return {".".join(path): str(price) for path, price in one.prices[index].fields.items()}


def check(
    tmp_path: Path,
    found: Catalogue,
    pricing: str,
    *,
    more: str = "",
    provider: str = "provider: openai",
    registries: str = "one, two",
) -> PriceCheck:
    (tmp_path / "models").mkdir(exist_ok=True)
    (tmp_path / "reconciler.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: Config\nregistries:\n"
        "  one: {kind: orq, embedded: one.db}\n  two: {kind: orq, embedded: two.db}\n"
    )
    (tmp_path / "models" / "a.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: Model\nmetadata: {name: a}\nspec:\n"
        f"  registries: [{registries}]\n  {provider}\n  model: small\n  pricing: {{{pricing}}}\n{more}"
    )
    return check_prices(found, load(tmp_path / "reconciler.yaml").manifests)


def only(result: PriceCheck) -> Checked:
    [one] = result.checked
    return one


def row(one: Checked, path: str) -> Row:
    [found] = [each for each in one.rows if each.path == path]
    return found


USD = "unit: 1M tokens, currency: USD"


# --- the catalogue -----------------------------------------------------------------------------------


def test_every_price_is_held_as_a_decimal_in_dollars_per_its_own_unit() -> None:
    prices = ModelPrice(
        input_mtok=Decimal("0.15"),
        output_mtok=Decimal("0.6"),
        cache_read_mtok=Decimal("0.075"),
        cache_write_mtok=Decimal("0.1875"),
        cache_write_1h_mtok=Decimal("0.3"),
        output_reasoning_mtok=Decimal("1.1"),
        input_audio_mtok=Decimal("6.5"),
        output_audio_mtok=Decimal(20),
        web_searches_kcount=Decimal(10),
    )
    one = entry(prices)
    assert fields(one) == {
        "input": "0.15 USD / 1M tokens",
        "output": "0.60 USD / 1M tokens",
        "cache_read": "0.075 USD / 1M tokens",
        "cache_write": "0.1875 USD / 1M tokens",
        "cache_write_1h": "0.30 USD / 1M tokens",
        "reasoning": "1.10 USD / 1M tokens",
        "audio.input": "6.50 USD / 1M tokens",
        "audio.output": "20.00 USD / 1M tokens",
        "search": "10.00 USD / 1K searches",
    }
    assert one.prices[0].of(("cache_write_5m",)) == one.prices[0].fields["cache_write",]
    assert one.prices[0].of(("image",)) is None


def test_the_whole_snapshot_is_read_without_a_float() -> None:
    found = load_catalogue()
    count = 0
    for one in [found.named(*ref) for ref in found.refs()]:
        assert one is not None
        for prices in one.prices:
            count += len(prices.fields)
            assert all(type(price.amount) is Decimal for price in prices.fields.values())
    assert count > 4_000


def test_a_tier_has_the_price_of_every_kind_that_holds_there() -> None:
    steps = TieredPrices(base=Decimal(2), tiers=[Tier(200_000, Decimal(4)), Tier(1_000_000, Decimal(8))])
    one = entry(ModelPrice(input_mtok=steps, output_mtok=Decimal(6), web_searches_kcount=Decimal(10)))
    assert fields(one) == {
        "input": "2.00 USD / 1M tokens",
        "output": "6.00 USD / 1M tokens",
        "search": "10.00 USD / 1K searches",
        "tiers.above_200k.input": "4.00 USD / 1M tokens",
        "tiers.above_200k.output": "6.00 USD / 1M tokens",
        "tiers.above_1m.input": "8.00 USD / 1M tokens",
        "tiers.above_1m.output": "6.00 USD / 1M tokens",
    }
    assert one.prices[0].of(("tiers", "above_1000k", "input")) == Price(Decimal(8), "USD", PER_1M_TOKENS)


@pytest.mark.parametrize(("start", "name"), [(199_999, "above_200k"), (272_000, "above_272k")])
def test_a_tier_is_named_by_the_round_number_that_it_starts_at(start: int, name: str) -> None:
    one = entry(ModelPrice(input_mtok=TieredPrices(base=Decimal(2), tiers=[Tier(start, Decimal(4))])))
    assert one.prices[0].fields["tiers", name, "input"].amount == 4


def test_what_no_field_can_hold_is_told_and_not_dropped() -> None:
    odd = TieredPrices(base=Decimal(2), tiers=[Tier(524_288, Decimal(4))])
    hour = TieredPrices(base=Decimal(3), tiers=[Tier(200_000, Decimal(6))])
    one = entry(ModelPrice(input_mtok=odd, cache_write_1h_mtok=hour, output_image_mtok=Decimal(120)))
    assert set(fields(one)) == {"input", "cache_write_1h"}
    assert set(one.prices[0].elsewhere) == {
        "input_mtok 4 above 524288 tokens",
        "cache_write_1h_mtok 6 above 200000 tokens",
        "output_image_mtok 120",
    }


def changing() -> list[ConditionalPrice]:
    return [
        ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(1))),
        ConditionalPrice(StartDateConstraint(date(2026, 5, 1)), prices=ModelPrice(input_mtok=Decimal(2))),
        ConditionalPrice(StartDateConstraint(date(2027, 1, 1)), prices=ModelPrice(input_mtok=Decimal(4))),
    ]


@pytest.mark.parametrize(
    ("day", "amount"),
    [(date(2026, 4, 30), 1), (date(2026, 5, 1), 2), (DAY, 2), (date(2026, 12, 31), 2), (date(2027, 1, 1), 4)],
)
def test_the_prices_are_those_of_the_catalogues_day(day: date, amount: int) -> None:
    assert entry(changing(), day=day).prices[0].fields["input",].amount == amount


def test_prices_that_depend_on_the_hour_are_sets_with_their_hours() -> None:
    east = timezone(timedelta(hours=8))
    peak = ModelPrice(input_mtok=Decimal(2))
    one = entry(
        [
            ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(1))),
            ConditionalPrice(TimeOfDateConstraint(time(1), time(4)), prices=peak),
            ConditionalPrice(
                TimeOfDateConstraint(time(14, tzinfo=east), time(18, tzinfo=east)),
                prices=ModelPrice(input_mtok=Decimal(2)),
            ),
        ]
    )
    assert [(prices.hours, prices.fields["input",].amount) for prices in one.prices] == [
        ("00:00–01:00, 04:00–06:00, 10:00–00:00 UTC", 1),
        ("01:00–04:00, 06:00–10:00 UTC", 2),
    ]


def test_batch_prices_are_those_of_the_batch_api_on_that_day() -> None:
    batch = {"processing": "batch"}
    variants = [
        PriceVariant({"service_tier": "flex"}, ModelPrice(input_mtok=Decimal("0.01"))),
        PriceVariant(batch, ModelPrice(input_mtok=Decimal("0.3")), StartDateConstraint(date(2027, 1, 1))),
        PriceVariant(batch, ModelPrice(input_mtok=Decimal("0.1"), output_mtok=Decimal("0.4"))),
    ]
    one = entry(None, price_variants=variants)
    assert (fields(one)["batch.input"], fields(one)["batch.output"]) == (
        "0.10 USD / 1M tokens",
        "0.40 USD / 1M tokens",
    )
    assert fields(entry(None, price_variants=variants, day=date(2027, 1, 1)))["batch.input"].startswith(
        "0.30"
    )


def test_what_somebody_else_set_as_the_snapshot_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    other = data_snapshot.DataSnapshot(providers=[], from_auto_update=True)
    monkeypatch.setattr(data_snapshot, "_custom_snapshot", other)
    assert load_catalogue().providers == tuple(one.id for one in genai_prices.data.providers)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    with pytest.raises(MissingExtra) as raised:
        load_catalogue()
    assert raised.value.hint == "pip install 'model-reconciler[prices]'"


def test_a_release_of_an_unknown_day_asks_for_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genai_prices.__version__", "9.9.9")
    with pytest.raises(UnknownRelease, match=r"9\.9\.9") as raised:
        load_catalogue()
    assert "--date" in str(raised.value.hint)
    assert str(load_catalogue(DAY)) == "genai-prices 9.9.9, prices of 2026-11-10"


def test_the_day_of_the_pinned_release_is_known() -> None:
    assert str(load_catalogue()) == "genai-prices 0.2.3, prices of 2026-11-10"


def test_no_socket_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    found = load_catalogue()
    assert by_name(found, "openai/gpt-4o-mini").entry.ref == "openai/gpt-4o-mini"


# --- which entry -------------------------------------------------------------------------------------


def test_every_word_for_a_provider_is_in_the_catalogue_or_explained() -> None:
    assert set(IN_CATALOGUE) | set(OUTSIDE) == set(PROVIDERS)
    assert not set(IN_CATALOGUE) & set(OUTSIDE)
    known = load_catalogue().providers
    assert set(IN_CATALOGUE.values()) <= set(known)
    # A word that both have means the same to both.
    assert [word for word, theirs in IN_CATALOGUE.items() if word in known and word != theirs] == []
    assert ours("google") == ("gemini", "vertex-ai")


def test_a_model_is_found_by_the_rules_of_the_catalogue() -> None:
    found = load_catalogue()
    refs = {
        ("openai", "gpt-4o-mini-2024-07-18"): "openai/gpt-4o-mini",
        ("openai", "gpt-5.6-sol-20260730"): "openai/gpt-5.6-sol",
        ("azure-openai", "gpt-4o-mini"): "openai/gpt-4o-mini",
        ("vertex-ai", "gemini-3.8-flash"): "google/gemini-3.8-flash",
        (
            "bedrock",
            "us.meta.llama4-maverick-17b-instruct-v1:0",
        ): "aws/meta.llama4-maverick-17b-instruct-v1:0",
    }
    for (word, id_), ref in refs.items():
        one = by_model(found, word, id_)
        assert not isinstance(one, str), one
        assert one.ref == ref


def test_batch_prices_are_not_those_of_another_provider() -> None:
    batch = [PriceVariant({"processing": "batch"}, ModelPrice(input_mtok=Decimal("0.1")))]
    found = catalogue(
        provider("openai", model(price_variants=batch)),
        provider("azure", fallback_model_providers=["openai"]),
    )
    own, lent = by_model(found, "openai", "small"), by_model(found, "azure-openai", "small")
    assert not isinstance(own, str)
    assert not isinstance(lent, str)
    assert own.ref == lent.ref == "openai/small"
    assert set(fields(own)) - set(fields(lent)) == {"batch.input"}


def test_why_there_is_no_entry() -> None:
    found = small()
    assert by_model(found, "openai", "smal") == "no entry of openai matches 'smal'"
    assert by_model(found, "nvidia", "small") == (
        "nvidia is not in the catalogue: the catalogue does not have this provider"
    )
    assert "declares no provider" in str(by_model(found, None, "small"))
    assert "declares no model" in str(by_model(found, "openai", None))


def test_an_entry_is_named_by_provider_and_id_in_their_words_or_ours() -> None:
    dated = model("big", match=ClauseStartsWith(starts_with="big-2"))
    found = catalogue(
        provider("openai", model(), dated),
        provider("google", model("g")),
        provider("azure", fallback_model_providers=["openai"]),
    )
    names = {
        "openai/small": ("openai/small", "openai", "small"),
        "openai/SMALL": ("openai/small", "openai", "SMALL"),
        "openai/big-2026": ("openai/big", "openai", "big-2026"),
        "google/g": ("google/g", None, "g"),
        "vertex-ai/g": ("google/g", "vertex-ai", "g"),
        "azure/small": ("openai/small", "azure-openai", "small"),
        "big": ("openai/big", "openai", "big"),
    }
    for name, (ref, word, id_) in names.items():
        one = by_name(found, name)
        assert (one.entry.ref, one.word, one.model) == (ref, word, id_), name


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("openai/smal", "no 'smal' at openai", "did you mean 'small'?"),
        ("opnai/small", "no entry 'opnai/small'", "did you mean 'openai/small'?"),
        ("smal", "no entry 'smal'", "did you mean 'small'?"),
        ("?", "no entry", "an entry reads openai/gpt-4o-mini"),
        ("both", "an entry of 2 providers", "say which: openai/both, groq/both"),
        ("openai/oss", "no 'oss' at openai", "did you mean groq/openai/oss?"),
    ],
)
def test_a_name_that_is_no_entrys(name: str, message: str, hint: str) -> None:
    found = catalogue(
        provider("openai", model(), model("both")), provider("groq", model("both"), model("openai/oss"))
    )
    with pytest.raises(NoEntry, match=message) as raised:
        by_name(found, name)
    assert raised.value.hint == hint


# --- a manifest from an entry ------------------------------------------------------------------------


def test_what_is_deprecated_or_has_no_price_says_so() -> None:
    found = small(ModelPrice(audio_hours=Decimal(2)), deprecated=True)
    reference = by_name(found, "openai/small")
    assert list(pricing_lines(found, reference)) == [
        "  # openai/small in genai-prices test, prices of 2026-11-10",
        "  # deprecated by its provider",
        "  # the catalogue has no price for it that a manifest can hold",
        "  # no field for audio_hours 2",
    ]
    made = new_manifest(found, reference, "a", registries=(), choice=())
    assert made.unknown == ("type", "developer", "family", "pricing", "capabilities")


# --- the two compared --------------------------------------------------------------------------------


def test_agreement_and_difference_in_the_manifests_own_unit(tmp_path: Path) -> None:
    one = only(check(tmp_path, small(), "unit: 1K tokens, currency: USD, input: 0.00015, output: 0.0008"))
    assert (one.entry, one.verdict, one.registries) == ("openai/small", "differs", ("one", "two"))
    found = row(one, "pricing.input")
    assert (found.declared, found.listed, found.unit, found.change) == (
        "0.00015",
        "0.0002",
        "USD / 1K tokens",
        "+33%",
    )
    assert found.place.line == 8
    assert (row(one, "pricing.output").verdict, row(one, "pricing.output").change) == ("agrees", None)


def test_a_price_with_a_unit_of_its_own_is_compared_in_that(tmp_path: Path) -> None:
    one = only(check(tmp_path, small(), "currency: USD, input: 0.0000006 / 3 tokens"))
    assert (one.rows[0].verdict, one.rows[0].listed, one.rows[0].unit) == (
        "agrees",
        "0.0000006",
        "USD / 3 tokens",
    )


def test_a_search_is_compared_per_search(tmp_path: Path) -> None:
    found = small(ModelPrice(web_searches_kcount=Decimal(10)))
    assert only(check(tmp_path, found, "currency: USD, search: 0.01 / search")).verdict == "agrees"


@pytest.mark.parametrize(
    ("pricing", "reason"),
    [
        (f"{USD}, cache_read: 0.1", "openai/small has no price of that kind"),
        ("currency: USD, image: 0.04 / image", "openai/small has no price of that kind"),
        (
            "unit: 1M tokens, currency: EUR, input: 0.20",
            "declared in EUR, and the catalogue has USD alone",
        ),
        (f"{USD}, tiers: {{above_200k: {{input: 1}}}}", "openai/small has no price above_200k"),
    ],
)
def test_what_cannot_be_compared_is_unknown_and_says_why(tmp_path: Path, pricing: str, reason: str) -> None:
    one = only(check(tmp_path, small(), pricing))
    assert (one.verdict, one.rows[0].verdict, one.rows[0].reason) == ("unknown", "unknown", reason)


def test_a_tier_that_the_entry_lacks_names_those_that_it_has(tmp_path: Path) -> None:
    steps = TieredPrices(base=Decimal(2), tiers=[Tier(272_000, Decimal(4))])
    pricing = f"{USD}, tiers: {{above_272k: {{input: 4}}, above_200k: {{input: 4}}}}"
    one = only(check(tmp_path, small(ModelPrice(input_mtok=steps)), pricing))
    assert [each.verdict for each in one.rows] == ["agrees", "unknown"]
    assert one.rows[1].reason == "openai/small has no price above_200k; it has above_272k"


def test_a_model_without_an_entry_is_unknown(tmp_path: Path) -> None:
    one = only(check(tmp_path, catalogue(provider("openai")), f"{USD}, input: 0.2"))
    assert (one.verdict, one.entry, one.reason) == ("unknown", None, "no entry of openai matches 'small'")


def test_a_difference_is_not_hidden_by_what_is_unknown(tmp_path: Path) -> None:
    assert only(check(tmp_path, small(), f"{USD}, input: 9, cache_read: 1")).verdict == "differs"


def test_a_provider_has_no_prices_to_compare(tmp_path: Path) -> None:
    more = "---\napiVersion: reconciler/v1\nkind: Provider\nmetadata: {name: p}\nspec: {}\n"
    result = check(tmp_path, small(), f"{USD}, input: 0.2", more=more.replace("{}", "{registries: [one]}"))
    assert ([one.name for one in result.checked], result.without_prices) == (["a"], ())


def test_a_price_that_must_not_be_set_is_no_price(tmp_path: Path) -> None:
    result = check(tmp_path, small(), "currency: USD, input: null")
    assert (result.checked, result.without_prices) == ((), ("a",))


def test_the_nearest_hours_count(tmp_path: Path) -> None:
    prices = [
        ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(1))),
        ConditionalPrice(TimeOfDateConstraint(time(1), time(4)), prices=ModelPrice(input_mtok=Decimal(2))),
    ]
    one = only(check(tmp_path, small(prices), f"{USD}, input: 2"))
    assert (one.verdict, one.hours) == ("agrees", "01:00–04:00 UTC")
    one = only(check(tmp_path, small(prices), f"{USD}, input: 3"))
    assert (one.verdict, one.hours) == ("differs", "00:00–01:00, 04:00–00:00 UTC")


# --- pricing.compare ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "terms", "verdict"),
    [
        ("0.22", "markup: 10%", "agrees"),
        ("0.20", "markup: 10%", "differs"),
        ("0.19", 'markup: "-5%"', "agrees"),
        ("0.2002", "tolerance: 0.1%", "agrees"),
        ("0.1998", "tolerance: 0.1%", "agrees"),
        ("0.20020000000000000001", "tolerance: 0.1%", "differs"),
        ("0.2222", "markup: 10%, tolerance: 1%", "agrees"),
        ("0.2178", "markup: 10%, tolerance: 1%", "agrees"),
        ("0.22221", "markup: 10%, tolerance: 1%", "differs"),
        ("0.2", "markup: 0%", "agrees"),
    ],
)
def test_markup_and_tolerance_are_exact(tmp_path: Path, amount: str, terms: str, verdict: str) -> None:
    one = only(check(tmp_path, small(), f"{USD}, input: {amount}, compare: {{{terms}}}"))
    assert one.verdict == verdict


def test_what_is_expected_and_what_is_listed(tmp_path: Path) -> None:
    one = only(check(tmp_path, small(), f"{USD}, input: 0.20, compare: {{markup: 10%}}"))
    assert (one.markup, one.tolerance) == ("10%", None)
    found = one.rows[0]
    assert (found.declared, found.listed, found.expected, found.change) == ("0.20", "0.20", "0.22", "+10%")


def test_compare_says_which_entry_is_meant(tmp_path: Path) -> None:
    found = catalogue(provider("openai"), provider("groq", model("llama")))
    pricing = f"{USD}, input: 0.2, compare: {{catalogue: groq/llama}}"
    assert only(check(tmp_path, found, pricing)).entry == "groq/llama"
    endpoint = "endpoint: {base_url: 'https://llm.example.com/v1'}"
    assert only(check(tmp_path, found, pricing, provider=endpoint)).verdict == "agrees"


def test_an_entry_that_is_not_there_is_a_mistake_in_the_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        check(tmp_path, small(), f"{USD}, input: 0.2, compare: {{catalogue: openai/smal}}")
    [problem] = raised.value.problems
    assert (problem.path, problem.hint) == ("spec.pricing.compare.catalogue", "did you mean 'small'?")
    override = "  overrides: {two: {pricing: {compare: {catalogue: openai/smal}}}}\n"
    with pytest.raises(InputError) as raised:
        check(tmp_path, small(), f"{USD}, input: 0.2", more=override)
    [problem] = raised.value.problems
    assert problem.path == "spec.overrides.two.pricing.compare.catalogue"
    assert problem.place.line == 9


@pytest.mark.parametrize(
    ("compare", "message"),
    [
        ("false", "must be a mapping"),
        ("null", "null has no meaning here"),
        ("{markup: 0.1}", "a mark-up reads 10%"),
        ("{markup: 10 percent}", "a mark-up reads 10%"),
        ('{markup: "-100%"}', "a mark-up reads 10%"),
        ('{tolerance: "-1%"}', "a tolerance reads 1%"),
        ("{catalogue: gpt-4o-mini}", "an entry is named by its provider and its id"),
        ("{catalog: openai/gpt-4o-mini}", "has no field 'catalog'"),
    ],
)
def test_compare_is_checked_with_the_manifest(tmp_path: Path, compare: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        check(tmp_path, small(), f"{USD}, input: 0.2, compare: {compare}")
    assert message in raised.value.problems[0].message


def test_compare_concerns_no_registry(tmp_path: Path) -> None:
    check(tmp_path, small(), f"{USD}, input: 0.2, compare: {{markup: 10%, catalogue: openai/small}}")
    for desired in load(tmp_path / "reconciler.yaml").desired:
        assert ("pricing", "input") in desired.fields
        assert not [path for path in (*desired.fields, *desired.unheld) if "compare" in path]
        assert desired.refusals == ()


# --- registries --------------------------------------------------------------------------------------


def test_registries_are_apart_where_an_override_makes_them(tmp_path: Path) -> None:
    override = "  overrides: {two: {pricing: {input: 0.30}}}\n"
    result = check(tmp_path, small(), f"{USD}, input: 0.20, output: 0.80", more=override)
    base, other = result.checked
    assert (base.registries, base.verdict) == (("one",), "agrees")
    assert (other.registries, other.verdict) == (("two",), "differs")
    assert [(each.path, each.verdict, each.place.line) for each in other.rows] == [
        ("pricing.input", "differs", 9),
        ("pricing.output", "agrees", 8),
    ]


def test_an_override_of_something_else_does_not_part_them(tmp_path: Path) -> None:
    override = "  overrides: {two: {display_name: Two}}\n"
    assert only(check(tmp_path, small(), f"{USD}, input: 0.20", more=override)).registries == ("one", "two")


def test_an_override_may_change_the_model_and_the_terms(tmp_path: Path) -> None:
    found = catalogue(provider("openai", model(), model("other")))
    override = "  overrides: {two: {model: other, pricing: {compare: {markup: 50%}}}}\n"
    pricing = f"{USD}, input: 0.20, compare: {{tolerance: 1%}}"
    base, other = check(tmp_path, found, pricing, more=override).checked
    assert (base.entry, base.markup, base.tolerance) == ("openai/small", None, "1%")
    assert (other.entry, other.markup, other.tolerance) == ("openai/other", "50%", "1%")
    assert other.rows[0].expected == "0.30"


# --- the example -------------------------------------------------------------------------------------


def test_every_model_of_the_example_is_matched_or_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples" / "catalog")
    manifests = load(Path("reconciler.yaml")).manifests
    result = check_prices(load_catalogue(), manifests)
    assert {one.name for one in result.checked} | set(result.without_prices) == {
        one.name for one in manifests
    }
    assert [one.name for one in result.checked if one.verdict == "differs"] == []
    unknown = {
        one.name: one.reason or one.rows[0].reason for one in result.checked if one.verdict == "unknown"
    }
    assert unknown == {
        "grok-4.6": "no entry of aws matches 'global.xai.grok-4.6'",
        "stable-image-core": "no entry of aws matches 'stability.stable-image-core-v1:1'",
        "gemini-3-pro-image": "google/gemini-3-pro-image-preview has no price of that kind",
    }
    assert check_prices(load_catalogue(), manifests) == result


def test_the_prices_of_another_day_can_be_asked_for() -> None:
    before = load_catalogue().named("google", "gemini-3.8-flash")
    after = load_catalogue(date(2027, 1, 1)).named("google", "gemini-3.8-flash")
    assert before is not None
    assert after is not None
    assert after.prices[0].fields["input",].amount == 2 * before.prices[0].fields["input",].amount
