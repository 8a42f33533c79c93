"""Prices from the line of a manifest to the number on the wire, computed by hand from the vendors' pages.

Every row goes the whole way: the YAML is loaded, planned and applied to an embedded registry, the text of
the request is looked at, and what the registry then holds must read back as the price that was declared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from priced import REGISTRY, Priced, PricedHouse, action_of

from reconciler.desired import Desired
from reconciler.http.answer import decode
from reconciler.outcome import Outcome
from reconciler.plan import Plan
from reconciler.registries import KINDS

ORQ = "Orq: POST /v2/models"
PER_1K = "Orq: Terraform provider, bedrock_model, input_cost ('USD per 1K tokens')"
LIKE = "Orq: POST /v2/models/openai-like"
RESPAN = "Respan: Create a custom model"
WATSONX = "watsonx Orchestrate: Create model (no field for a cost)"


class Row(NamedTuple):
    """``wire``: where the number stands in the body of the create, and its text."""

    model: Priced
    wire: str
    number: str
    source: str


def orq(line: str, wire: str, number: str, source: str, **more: str) -> Row:
    return Row(Priced("orq", line, **more), wire, number, source)


def like(line: str, wire: str, number: str, source: str, **more: str) -> Row:
    return Row(Priced("openai-like", line, **more), wire, number, source)


def respan(line: str, wire: str, number: str, source: str, **more: str) -> Row:
    return Row(Priced("respan", line, **more), wire, number, source)


def million(name: str) -> tuple[str, str]:
    """A key of `metadata` whose unit is in its name, and where it is documented."""
    return f"metadata.million_tokens_{name}_cost", f"{ORQ}, metadata.million_tokens_{name}_cost (its name)"


M = "unit: 1M tokens, "
K = "unit: 1K tokens, "
T = "unit: token, "

ROWS = [
    # Orq, generic: per 1K tokens at the top.
    orq(M + "input: 0.15", "input_cost", "0.00015", PER_1K),
    orq(M + "input: 1.5e-1", "input_cost", "0.00015", PER_1K),
    orq(K + "input: 0.00015", "input_cost", "0.00015", PER_1K),
    orq(K + "input: 1.5e-04", "input_cost", "0.00015", PER_1K),
    orq(K + "input: 0.000150", "input_cost", "0.00015", PER_1K),
    orq(T + "input: 0.00000015", "input_cost", "0.00015", PER_1K),
    orq("input: 0.15 / 1M tokens", "input_cost", "0.00015", PER_1K),
    orq("input: 75 / 500M tokens", "input_cost", "0.00015", PER_1K),
    orq(M + "output: 0.60", "output_cost", "0.0006", PER_1K),
    orq(M + "output: 15", "output_cost", "0.015", PER_1K),
    orq(M + "output: 600", "output_cost", "0.6", PER_1K),
    orq(M + "output: 2000", "output_cost", "2", PER_1K),
    orq("output: 0.03 / 1K tokens", "output_cost", "0.03", PER_1K),
    orq("output: 3 / 3 tokens", "output_cost", "1000", PER_1K),
    orq(M + "input: 0.0001", "input_cost", "1E-7", PER_1K),
    orq(M + "input: 123.456789012345", "input_cost", "0.123456789012345", PER_1K),
    orq(M + "input: 0", "input_cost", "0", PER_1K),
    orq(M + "input: 0.02", "input_cost", "0.00002", PER_1K, type="embedding"),
    orq("", "input_cost", "0.00015", f"{ORQ}, input_cost", native="input_cost: 0.00015"),
    orq(
        "",
        "input_cost",
        "0.00015",
        million("input")[1],
        native="metadata: {million_tokens_input_cost: 0.15}",
    ),
    # Orq, generic: the keys of metadata, per 1M tokens.
    orq(M + "cache_read: 0.075", million("cache_read")[0], "0.075", million("cache_read")[1]),
    orq(K + "cache_read: 0.000075", million("cache_read")[0], "0.075", million("cache_read")[1]),
    orq(M + "cache_write: 3.75", million("cache_write")[0], "3.75", million("cache_write")[1]),
    orq(T + "cache_write_5m: 3.75e-6", million("cache_write_5m")[0], "3.75", million("cache_write_5m")[1]),
    orq(M + "cache_write_1h: 6", million("cache_write_1h")[0], "6", million("cache_write_1h")[1]),
    orq("reasoning: 3 / 1M tokens", million("reasoning")[0], "3", million("reasoning")[1]),
    orq(M + "batch: {input: 0.075}", million("batches_input")[0], "0.075", million("batches_input")[1]),
    orq(K + "batch: {output: 0.0003}", million("batches_output")[0], "0.3", million("batches_output")[1]),
    orq(M + "audio: {input: 40}", million("audio_input")[0], "40", million("audio_input")[1]),
    orq("audio: {output: 0.08 / 1K tokens}", million("audio_output")[0], "80", million("audio_output")[1]),
    # Orq, generic: tiers.
    orq(
        M + "tiers: {above_128k: {input: 2.5}}",
        million("above_128k_input")[0],
        "2.5",
        million("above_128k_input")[1],
    ),
    orq(
        K + "tiers: {above_128k: {output: 0.01}}",
        million("above_128k_output")[0],
        "10",
        million("above_128k_output")[1],
    ),
    orq(
        M + "tiers: {above_200k: {input: 6}}",
        million("above_200k_input")[0],
        "6",
        million("above_200k_input")[1],
    ),
    orq(
        T + "tiers: {above_200k: {output: 0.0000225}}",
        million("above_200k_output")[0],
        "22.5",
        million("above_200k_output")[1],
    ),
    orq(
        M + "tiers: {above_200k: {cache_read: 0.60}}",
        million("above_200k_cache_read")[0],
        "0.6",
        million("above_200k_cache_read")[1],
    ),
    orq(
        M + "tiers: {above_200k: {cache_write: 7.50}}",
        million("above_200k_cache_write")[0],
        "7.5",
        million("above_200k_cache_write")[1],
    ),
    # Orq, generic: what is not per token.
    orq(
        "image: 0.04 / image", "metadata.cost_per_image", "0.04", f"{ORQ}, metadata.cost_per_image (its name)"
    ),
    orq("image: 40 / 1K images", "metadata.cost_per_image", "0.04", f"{ORQ}, metadata.cost_per_image"),
    orq(
        "video_second: 0.50 / second",
        "metadata.per_video_second_cost",
        "0.5",
        f"{ORQ}, metadata.per_video_second_cost (its name)",
    ),
    orq("video_second: 6 / minute", "metadata.per_video_second_cost", "0.1", f"{ORQ}, the same: 6 / 60"),
    orq(
        "video_second: 90 / 10 minutes",
        "metadata.per_video_second_cost",
        "0.15",
        f"{ORQ}, the same: 90 / 600",
    ),
    orq(
        "video_second_1080p: 0.75 / second",
        "metadata.per_video_second_cost_1080p",
        "0.75",
        f"{ORQ}, metadata.per_video_second_cost_1080p (its name)",
    ),
    orq(
        "search: 10 / 1K searches",
        "metadata.million_searches_cost",
        "10000",
        f"{ORQ}, metadata.million_searches_cost (its name)",
    ),
    orq("search: 0.01 / search", "metadata.million_searches_cost", "10000", f"{ORQ}, the same: 0.01 x 1M"),
    orq("search: 25000 / 1M searches", "metadata.million_searches_cost", "25000", f"{ORQ}, the same"),
    # Orq, generic: what has no field goes into `metadata.pricing`, which says its unit itself.
    orq(
        "",
        "metadata.pricing.input.cost",
        "15",
        f"{ORQ}, metadata.pricing.input {{cost, currency, per, unit}}",
        native="metadata: {pricing: {input: {cost: 15.00, currency: USD, per: 1000000, unit: character}}}",
    ),
    orq(
        "",
        "metadata.pricing.output.cost",
        "0.014",
        f"{ORQ}, metadata.pricing.output {{cost, currency, per, unit}}",
        native="metadata: {pricing: {output: {cost: 1.4e-2, currency: USD, per: 1, unit: request}}}",
    ),
    # Orq, behind an endpoint: the same fields of the same meaning.
    like(M + "input: 0.20", "input_cost", "0.0002", f"{LIKE}, input_cost; SDK sample inputCost 0.002"),
    like(M + "output: 0.20", "output_cost", "0.0002", f"{LIKE}, output_cost; SDK sample outputCost 0.004"),
    like(K + "input: 0.0002", "input_cost", "0.0002", f"{LIKE}, input_cost"),
    like(T + "output: 2e-7", "output_cost", "0.0002", f"{LIKE}, output_cost"),
    like(M + "input: 0", "input_cost", "0", f"{LIKE}, input_cost"),
    like("", "input_cost", "0.0002", f"{LIKE}, input_cost", native="input_cost: 2.0e-4"),
    like("image: 0.04 / image", "cost_per_image", "0.04", f"{LIKE}, cost_per_image (its name)", type="image"),
    like("image: 4 / 100 images", "cost_per_image", "0.04", f"{LIKE}, cost_per_image", type="image"),
    # Respan: per 1M tokens.
    respan(
        M + "input: 0.15", "input_cost", "0.15", f"{RESPAN}, input_cost ('Cost per 1M input tokens (USD)')"
    ),
    respan(K + "input: 0.00015", "input_cost", "0.15", f"{RESPAN}, input_cost"),
    respan(T + "input: 1.5e-7", "input_cost", "0.15", f"{RESPAN}, input_cost"),
    respan(M + "input: 150", "input_cost", "150", f"{RESPAN}, input_cost"),
    respan(M + "input: 0", "input_cost", "0", f"{RESPAN}, input_cost"),
    respan(M + "output: 0.60", "output_cost", "0.6", f"{RESPAN}, output_cost ('per 1M output tokens (USD)')"),
    respan("output: 0.01 / 1K tokens", "output_cost", "10", f"{RESPAN}, output_cost"),
    respan(
        M + "cache_read: 0.075",
        "cache_hit_input_cost",
        "0.075",
        f"{RESPAN}, cache_hit_input_cost ('per 1M cached input tokens (USD)')",
    ),
    respan(
        K + "cache_write: 0.00375",
        "cache_creation_input_cost",
        "3.75",
        f"{RESPAN}, cache_creation_input_cost ('per 1M cache creation tokens (USD)')",
    ),
    respan(M + "output: 0.000000123456789", "output_cost", "1.23456789E-7", f"{RESPAN}, output_cost"),
    respan("", "input_cost", "0.15", f"{RESPAN}, input_cost", native="input_cost: 0.15"),
]
IDS = [f"{row.model.to} {row.model.line or row.model.native}" for row in ROWS]


class Refused(NamedTuple):
    model: Priced
    path: str
    why: str
    source: str


REFUSED = [
    # A currency that the field does not hold.
    Refused(
        Priced("orq", M + "input: 1", currency="EUR"), "pricing.input", "in USD, not in EUR", f"{ORQ}: USD"
    ),
    Refused(
        Priced("orq", "image: 1 / image", currency="GBP"),
        "pricing.image",
        "in USD, not in GBP",
        f"{ORQ}: USD",
    ),
    Refused(
        Priced("openai-like", M + "input: 1", currency="EUR"),
        "pricing.input",
        "in USD, not in EUR",
        f"{LIKE}",
    ),
    Refused(
        Priced("respan", M + "input: 1", currency="EUR"),
        "pricing.input",
        "in USD, not in EUR",
        f"{RESPAN} (USD)",
    ),
    # A conversion that does not end.
    Refused(Priced("orq", "video_second: 1 / minute"), "pricing.video_second", "no exact value", "1 / 60"),
    Refused(Priced("orq", "unit: 3 tokens, input: 1"), "pricing.input", "no exact value", "1000 / 3"),
    Refused(Priced("respan", "input: 1 / 7K tokens"), "pricing.input", "no exact value", "1000 / 7"),
    Refused(Priced("orq", "image: 1 / 3 images"), "pricing.image", "no exact value", "1 / 3"),
    Refused(Priced("openai-like", "image: 1 / 3 images"), "pricing.image", "no exact value", "1 / 3"),
    Refused(Priced("orq", "search: 1 / 3 searches"), "pricing.search", "no exact value", "1M / 3"),
    # More digits than a double keeps.
    Refused(
        Priced("orq", M + "input: 0.1234567890123456"),
        "pricing.input",
        "15 significant digits",
        f"{ORQ}, double",
    ),
    Refused(
        Priced("openai-like", M + "input: 1000000000000001"),
        "pricing.input",
        "15 significant",
        f"{LIKE}, double",
    ),
    Refused(
        Priced("respan", M + "output: 0.3000000000000000000001"),
        "pricing.output",
        "15 significant digits",
        f"{RESPAN}, double",
    ),
    # A tier that has no field beside others that have.
    Refused(
        Priced("orq", M + "tiers: {above_300k: {input: 3}}"),
        "pricing.tiers.above_300k.input",
        "above_128k, above_200k only",
        f"{ORQ}, metadata.million_tokens_above_*",
    ),
    # What an image model cannot have.
    Refused(
        Priced("openai-like", M + "input: 0.15", type="image"),
        "pricing.input",
        "no token prices",
        "Orq: Terraform provider, openai_like_model (stores 0)",
    ),
]

NOT_HELD = [
    (
        Priced("openai-like", M + "cache_read: 0.02"),
        "pricing.cache_read",
        f"{LIKE}: cache costs without a unit",
    ),
    (Priced("openai-like", M + "batch: {input: 0.1}"), "pricing.batch.input", LIKE),
    (Priced("openai-like", "video_second: 1 / second"), "pricing.video_second", LIKE),
    (Priced("openai-like", "search: 1 / 1K searches"), "pricing.search", LIKE),
    (Priced("openai-like", M + "tiers: {above_200k: {input: 1}}"), "pricing.tiers.above_200k.input", LIKE),
    (Priced("respan", M + "cache_write_5m: 3.75"), "pricing.cache_write_5m", RESPAN),
    (Priced("respan", M + "reasoning: 3"), "pricing.reasoning", RESPAN),
    (Priced("respan", M + "audio: {output: 80}"), "pricing.audio.output", RESPAN),
    (Priced("respan", M + "tiers: {above_200k: {output: 3}}"), "pricing.tiers.above_200k.output", RESPAN),
    (Priced("respan", "image: 0.04 / image"), "pricing.image", RESPAN),
    (Priced("respan", "video_second: 6 / minute"), "pricing.video_second", RESPAN),
    (Priced("respan", "search: 10 / 1K searches"), "pricing.search", RESPAN),
    (Priced("watsonx", M + "input: 0.15"), "pricing.input", WATSONX),
    (Priced("watsonx", M + "output: 0.60", currency="EUR"), "pricing.output", WATSONX),
    (Priced("watsonx", M + "cache_read: 0.075", type="embedding"), "pricing.cache_read", WATSONX),
    (Priced("watsonx", "image: 0.04 / image"), "pricing.image", WATSONX),
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as path:
        yield Path(path)


class Run(NamedTuple):
    """One apply of every row, and what it left."""

    house: PricedHouse
    desired: dict[str, Desired]
    plan: Plan
    outcome: Outcome
    again: Plan
    bodies: dict[str, Any]
    live: dict[str, Any]


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    house = PricedHouse(folder, [row.model for row in ROWS])
    desired = {one.name: one for one in house.load().desired}
    plan, outcome = house.apply()
    again = house.plan(guarded=True)
    bodies: dict[str, Any] = {}
    for _, text in house.sent:
        # Numbers stay as they were written.
        body = json.loads(text, parse_float=str, parse_int=str)
        name = body.get("model_name") or body.get("display_name")
        if name is not None:  # else it is a list that is asked for by POST
            assert name not in bodies
            bodies[name] = body
    live = {action.name: action.id for action in again.actions()}
    raws = {
        name: one.raw
        for found in house.observe().values()
        for one in found.objects
        for name, identity in live.items()
        if one.ours and identity == one.id
    }
    return Run(house, desired, plan, outcome, again, bodies, raws)


def at(tree: Any, path: str) -> Any:
    for step in path.split("."):
        tree = tree[step]
    return tree


def test_there_are_more_than_forty_conversions_over_every_adapter_each_with_its_source() -> None:
    assert len(ROWS) > 40
    assert all(row.source for row in ROWS)
    shown = {row.model.to for row in ROWS} | {model.to for model, _, _ in NOT_HELD}
    assert {REGISTRY[to] for to in shown} == set(KINDS) & {"orq", "respan", "watsonx"}


@pytest.mark.parametrize("index", range(len(ROWS)), ids=IDS)
def test_the_number_on_the_wire_is_the_one_computed_by_hand(run: Run, index: int) -> None:
    assert at(run.bodies[f"row-{index}"], ROWS[index].wire) == ROWS[index].number


@pytest.mark.parametrize("index", range(len(ROWS)), ids=IDS)
def test_what_is_live_then_reads_back_as_declared(run: Run, index: int) -> None:
    assert action_of(run.plan, index).operation == "create"
    action = action_of(run.again, index)
    assert (action.operation, action.changes, action.refusals) == ("none", (), ())


def spelled(number: str) -> Iterator[str]:
    """JSON texts of one number, among them those of servers that answer it as a text."""
    value = Decimal(number)
    yield number
    yield f"{value:f}"
    yield f"{value:f}0" if "." in f"{value:f}" else f"{value:f}.0"
    yield f"{value:.14e}"
    yield repr(float(value))
    yield f'"{value:f}"'
    yield f'"{value:e}"'


@pytest.mark.parametrize("index", range(len(ROWS)), ids=IDS)
def test_a_live_number_is_equal_however_the_server_spells_it(run: Run, index: int) -> None:
    row = ROWS[index]
    if ".pricing." in row.wire:
        return  # free JSON, where a text is a text
    desired = run.desired[f"row-{index}"]
    assert desired.table is not None
    path = desired.table.shown_at(tuple(row.wire.split(".")))
    for text in spelled(row.number):
        body = text
        for step in reversed(path):
            body = json.dumps({step: "@"}).replace('"@"', body)
        raw = decode(body.encode())
        [(item, value)] = [
            (item, value)
            for item, value in desired.fields.values()
            if tuple(row.wire.split(".")) == item.points[0].path
        ]
        assert item.read(raw) == value, text


@pytest.fixture(scope="module")
def refusing(folder: Path) -> Plan:
    path = folder / "refusing"
    path.mkdir()
    return PricedHouse(path, [row.model for row in REFUSED]).plan()


@pytest.mark.parametrize("index", range(len(REFUSED)))
def test_what_a_field_cannot_take_is_refused_and_nothing_is_sent(refusing: Plan, index: int) -> None:
    action = action_of(refusing, index)
    assert (action.operation, action.requests) == ("refused", ())
    [refusal] = [each for each in action.refusals if REFUSED[index].path in each.paths]
    assert refusal.code == "cannot-express"
    assert REFUSED[index].why in refusal.message


@pytest.fixture(scope="module")
def unheld(folder: Path) -> tuple[Plan, list[tuple[str, str]]]:
    path = folder / "unheld"
    path.mkdir()
    house = PricedHouse(path, [model for model, _, _ in NOT_HELD])
    plan, _ = house.apply()
    return plan, house.sent


@pytest.mark.parametrize("index", range(len(NOT_HELD)))
def test_a_kind_of_price_that_has_no_field_is_not_held_and_the_plan_says_so(
    unheld: tuple[Plan, list[tuple[str, str]]], index: int
) -> None:
    plan, sent = unheld
    model, path, _ = NOT_HELD[index]
    assert action_of(plan, index).operation == "create"
    [registry] = [each for each in plan.registries if each.name == REGISTRY[model.to]]
    [held] = [each for each in registry.not_held if each.path == path]
    assert f"row-{index}" in held.names
    [body] = [text for _, text in sent if f'"row-{index}"' in text]
    assert "cost" not in body


def test_the_vendors_own_model_takes_no_price(tmp_path: Path) -> None:
    plan = PricedHouse(tmp_path, [Priced("builtin", M + "input: 0.15")]).plan()
    [refusal] = action_of(plan, 0).refusals
    assert (refusal.code, refusal.paths) == ("cannot-express", ("pricing.input",))


@pytest.mark.parametrize(
    "line",
    [
        "input: 0.15",  # neither a unit nor one for all
        M + "image: 0.04",
        M + "search: 10",
        M + "video_second: 1",
        M + "input: '0.15'",
        "unit: image, input: 0.15",
        M + "image: 0.04 / 1M tokens",
        M + "input: 0.15 / image",
        M + "input: -1",
    ],
)
def test_a_price_without_a_unit_or_with_another_dimension_is_a_mistake_in_the_file(
    tmp_path: Path, line: str
) -> None:
    with pytest.raises(Exception, match="problem") as raised:
        PricedHouse(tmp_path, [Priced("orq", line)]).load()
    assert {problem.code for problem in raised.value.problems} <= {"price", "price-unit", "unit"}  # type: ignore[attr-defined]
