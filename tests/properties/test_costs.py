"""What `plan --usage` counts is what a person counts by hand, row by row."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal, localcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from reconciler.costs.count import count_costs
from reconciler.costs.quantities import BY_PRICE, QUANTITIES
from reconciler.costs.usage import UsageFile, read_usage
from reconciler.manifests.portable import ANY_TIER, portable_paths
from reconciler.money import DIMENSIONS
from reconciler.plan import Action, Change, Plan, RegistryPlan, Shown
from reconciler.refusal import PlanPlace

from .profile import examples

PLACE = PlanPlace("models.yaml", 1, 1)
CURRENCIES = ("USD", "EUR")
UNITS = {"token": 1, "1K tokens": 1_000, "1M tokens": 1_000_000, "20 tokens": 20}
amounts = st.decimals(0, 10_000, places=6)
prices = st.tuples(amounts, st.sampled_from(sorted(UNITS)))
names = st.sampled_from(["a", "b", "c"])
rows = st.lists(
    st.tuples(names, st.sampled_from(["2026-08", "2026-09", "2026-10"]), *[st.integers(0, 10**20 - 1)] * 2),
    min_size=1,
    max_size=12,
)
changes = st.dictionaries(
    st.tuples(names, st.sampled_from(["input", "output"])),
    st.tuples(prices, prices),
    min_size=1,
)


def test_every_portable_price_but_those_of_tiers_has_a_column() -> None:
    portable = {path for path in portable_paths("Model") if path[0] == "pricing" and ANY_TIER not in path}
    assert set(BY_PRICE) == portable
    assert len(BY_PRICE) == len({quantity.name for quantity in QUANTITIES}) == len(QUANTITIES)
    assert {quantity.dimension for quantity in QUANTITIES} <= set(DIMENSIONS)


@examples(40)
@given(
    rows=rows,
    changes=changes,
    currencies=st.fixed_dictionaries({name: st.sampled_from(CURRENCIES) for name in "abc"}),
    refused=st.sets(names),
)
def test_totals_are_the_sums_over_all_rows(
    rows: list[tuple[str, str, int, int]],
    changes: dict[tuple[str, str], tuple[tuple[Decimal, str], tuple[Decimal, str]]],
    currencies: dict[str, str],
    refused: set[str],
) -> None:
    plan = _plan(changes, currencies, refused)
    usage = _usage(rows)
    [registry] = count_costs(plan, usage, {}).registries
    wanted: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with localcontext(prec=200):
        for model, month, *used in rows:
            for field, number in zip(("input", "output"), used, strict=True):
                if (model, field) in changes and model not in refused:
                    before, after = changes[model, field]
                    each = after[0] / UNITS[after[1]] - before[0] / UNITS[before[1]]
                    wanted[currencies[model], month] += each * number
        counted = {
            (total.currency, month.month): Decimal(month.cost.difference)
            for total in registry.totals
            for month in total.months
        }
        assert counted == wanted
        for total in registry.totals:
            sums = [value for (currency, _), value in wanted.items() if currency == total.currency]
            assert Decimal(total.cost.difference) == sum(sums)
            assert Decimal(total.cost.difference) == Decimal(total.cost.after) - Decimal(total.cost.before)
    assert {change.model for change in registry.changes if change.refused} <= refused
    used_models = {model for model, *_ in rows}
    assert {one.model for one in registry.unknown if one.reason == "no-usage"} == {
        model for model, _ in changes if model not in used_models
    }


def _usage(rows: list[tuple[str, str, int, int]]) -> UsageFile:
    lines = [f"{model},{month},{first},{second}" for model, month, first, second in rows]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "usage.csv"
        path.write_text("\n".join(["model,month,input_tokens,output_tokens", *lines]))
        return read_usage(path, "usage.csv", columns={}, registries=())


def _plan(
    changes: dict[tuple[str, str], tuple[tuple[Decimal, str], tuple[Decimal, str]]],
    currencies: dict[str, str],
    refused: set[str],
) -> Plan:
    def price(model: str, amount: Decimal, unit: str) -> Shown:
        return Shown("price", {"amount": f"{amount:f}", "currency": currencies[model], "per": unit})

    def action(name: str) -> Action:
        found = tuple(
            Change(f"pricing.{field}", price(name, *before), price(name, *after), PLACE, None, None)
            for (model, field), (before, after) in changes.items()
            if model == name
        )
        operation = "refused" if name in refused else "update"
        return Action("one", "Model", name, operation, "generic", name, PLACE, changes=found)

    actions = tuple(action(name) for name in sorted({model for model, _ in changes}))
    return Plan((RegistryPlan("one", "orq", "https://orq.invalid", actions=actions),), "")
