"""The guards over prices beside a public catalogue: what they take for slips, and what they measure by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path as File

import pytest

pytest.importorskip("genai_prices")

from reconciler.guards.acknowledgements import Acknowledged
from reconciler.guards.case import Case
from reconciler.guards.facts import Moved, Peers
from reconciler.guards.prices import PEERS, Limits, price_guards
from reconciler.guards.ranges import usual_range
from reconciler.money import PER_1M_TOKENS, Price
from reconciler.prices.catalogue import Catalogue, Entry, load_catalogue

RELEASE = "0.2.3"
COMPARED = (("input",), ("output",), ("cache_read",), ("cache_write",))

FALSE_ALARMS = {
    ("unit-slip", "novita/deepseek/deepseek-r1", "novita/deepseek/deepseek-r1-distill-llama-8b"),
    ("unit-slip", "novita/deepseek/deepseek-r1-distill-llama-8b", "novita/deepseek/deepseek-r1"),
    ("price-order", "openai/gpt-5", "openai/gpt-5-image-mini"),
    ("price-order", "openai/gpt-5-image", "openai/gpt-5-image-mini"),
    ("price-order", "openrouter/openai/gpt-5", "openrouter/openai/gpt-5-image-mini"),
    ("price-order", "openrouter/openai/gpt-5-image", "openrouter/openai/gpt-5-image-mini"),
}
"""Every pair whose difference is refused: the guard, the model before, the model after."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    found = load_catalogue()
    if found.version != RELEASE:
        pytest.skip(f"the numbers are those of {RELEASE}")
    return found


@pytest.fixture(scope="module")
def entries(catalogue: Catalogue) -> list[Entry]:
    found = [catalogue.named(provider, model) for provider, model in catalogue.refs()]
    return [entry for entry in found if entry is not None]


def test_the_usual_ranges_are_those_of_the_catalogue(entries: list[Entry], catalogue: Catalogue) -> None:
    assert (len(entries), len(catalogue.providers)) == (2330, 47)
    prices: dict[tuple[str, ...], set[tuple[Decimal, Price]]] = defaultdict(set)
    models: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for entry in entries:
        for found in entry.prices:
            for path, price in found.fields.items():
                if price.amount and path[0] != "tiers":
                    prices[path].add((price.amount / price.unit.count, price))
                    models[path].add(entry.ref)
    for path, found in prices.items():
        if len(models[path]) < PEERS:
            assert usual_range(("pricing", *path)) is None
            continue
        cheapest, dearest = min(found, key=lambda one: one[0]), max(found, key=lambda one: one[0])
        assert usual_range(("pricing", *path)) == (cheapest[1], dearest[1]), path


def test_the_price_of_a_tier_is_a_price_of_its_kind() -> None:
    assert usual_range(("pricing", "tiers", "above_200k", "output")) == usual_range(("pricing", "output"))
    assert usual_range(("pricing", "cache_write_5m")) == usual_range(("pricing", "cache_write"))
    assert usual_range(("pricing", "image")) is None


def pairs(entries: list[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """A model and one of its variants at the same provider (gpt-4o, gpt-4o-mini), either way around."""
    by_provider: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if len(entry.prices) == 1:
            by_provider[entry.provider].append(entry)
    for known in by_provider.values():
        for one in known:
            for variant in known:
                if variant.id.startswith(f"{one.id}-"):
                    yield one, variant
                    yield variant, one


def moves(before: Entry, after: Entry) -> list[Moved]:
    was, becomes = before.prices[0].fields, after.prices[0].fields
    return [
        Moved(("pricing", *path), ("pricing", *path), was[path], becomes[path], PER_1M_TOKENS)
        for path in COMPARED
        if path in was and path in becomes and was[path] != becomes[path]
    ]


def test_one_model_for_another_of_its_family_is_hardly_ever_refused(entries: list[Entry]) -> None:
    """As if a manifest went from one to the other. At most 2% of the differences may be refused."""
    case = Case(Acknowledged(), "r", "m", "0" * 64)
    seen = different = refused = 0
    alarms = set()
    for before, after in pairs(entries):
        moved = moves(before, after)
        in_force = {("pricing", *path): price for path, price in after.prices[0].fields.items()}
        found = list(price_guards(case, moved, in_force, Peers(()), model_type="chat", limits=Limits()))
        seen += bool(moved)
        different += len(moved)
        refused += len(found)
        alarms |= {(refusal.code, before.ref, after.ref) for refusal in found}
    assert (seen, different, refused) == (772, 1882, 12)
    assert alarms == FALSE_ALARMS
    assert Decimal(refused) / different < Decimal("0.02")


def test_the_page_on_guards_lists_them() -> None:
    page = (File(__file__).parents[1] / "docs" / "guards.md").read_text(encoding="utf-8")
    for guard, before, after in FALSE_ALARMS:
        one, other = sorted((before, after), key=len)
        assert f"`{guard}`" in page
        assert one in page
        assert other in page
