"""A plan's price changes, multiplied with usage. Exact; what cannot be known is said, never counted as 0."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final, Literal

from reconciler.costs.quantities import BY_PRICE, Quantity
from reconciler.costs.usage import Months, UsageFile
from reconciler.money import Price, amount_text, plain
from reconciler.plan import Action, Change, Plan, RegistryPlan
from reconciler.registries import KINDS
from reconciler.registries.codecs import Money, Number, Tree

PLACES: Final = 12
"""Places after the point of an amount that has no end, such as a third."""

Reason = Literal[
    "no-usage",
    "no-number",
    "new-model",
    "no-price-before",
    "no-price-after",
    "unreadable",
    "tier",
    "no-unit",
    "not-counted",
    "currency",
    "unit",
    "registry",
]

_WIDE: Final = Context(prec=400)
_STEP: Final = re.compile(r'"([^"]*)"|([^."]+)')
_MONEY_WORD: Final = re.compile(r"(?:^|_)(?:cost|price|pricing)s?(?:_|$)")


@dataclass(frozen=True, slots=True)
class Amounts:
    """What was paid at the live price, what it would have been at the declared one, and how much more.

    Texts of decimal numbers, exact wherever a decimal number can be.
    """

    before: str
    after: str
    difference: str


@dataclass(frozen=True, slots=True)
class MonthCost:
    """One price in one month; ``used`` is how much of it."""

    month: str
    used: str
    cost: Amounts


@dataclass(frozen=True, slots=True)
class PriceCost:
    """One change of a price. ``refused``: the plan refuses it, so that no total counts it."""

    model: str
    path: str
    quantity: str
    currency: str
    refused: bool
    months: tuple[MonthCost, ...]
    used: str
    cost: Amounts


@dataclass(frozen=True, slots=True)
class MonthTotal:
    """All counted changes of one month."""

    month: str
    cost: Amounts


@dataclass(frozen=True, slots=True)
class TotalCost:
    """All counted changes in one currency: by month, over all months, and the mean of those months."""

    currency: str
    months: tuple[MonthTotal, ...]
    cost: Amounts
    mean: Amounts


@dataclass(frozen=True, slots=True)
class UnknownCost:
    """What could not be counted, and why. ``path`` is null where it is about the whole model, and ``model``
    where about the registry; ``months`` are those that lack a number."""

    model: str | None
    path: str | None
    reason: Reason
    message: str
    months: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistryCosts:
    """One registry's part."""

    name: str
    changes: tuple[PriceCost, ...]
    totals: tuple[TotalCost, ...]
    unknown: tuple[UnknownCost, ...]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A model that the file names and no manifest has; ``registry`` where rows name one."""

    model: str
    registry: str | None


@dataclass(frozen=True, slots=True)
class Costs:
    """What a plan's price changes would have cost.

    There is no total over registries: unless ``by_registry``, the same usage counts for each of them.
    """

    usage: str
    months: tuple[str, ...]
    by_registry: bool
    registries: tuple[RegistryCosts, ...]
    unmatched: tuple[Unmatched, ...]
    ignored_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sum:
    before: Fraction = Fraction(0)
    after: Fraction = Fraction(0)

    def __add__(self, other: _Sum) -> _Sum:
        return _Sum(self.before + other.before, self.after + other.after)

    def __truediv__(self, count: int) -> _Sum:
        return _Sum(self.before / count, self.after / count)

    def amounts(self) -> Amounts:
        return Amounts(_amount(self.before), _amount(self.after), _amount(self.after - self.before))


def count_costs(plan: Plan, usage: UsageFile, held: Mapping[str, Collection[str]]) -> Costs:
    """What each changed price would have cost, by registry.

    ``held`` are the registries of every manifest of a model, by its name, also of those that are not in
    the plan.
    """
    return Costs(
        usage.file,
        usage.months,
        usage.by_registry,
        tuple(_Registry(registry, usage).costs() for registry in plan.registries),
        tuple(
            Unmatched(model, registry or None)
            for registry, model in sorted(usage.numbers, key=lambda key: (key[1], key[0]))
            if model not in held or (registry and registry not in held[model])
        ),
        usage.ignored,
    )


@dataclass
class _Registry:
    """What is known of one registry so far."""

    plan: RegistryPlan
    usage: UsageFile
    changes: list[PriceCost] = field(default_factory=list)
    unknown: list[UnknownCost] = field(default_factory=list)
    sums: dict[str, dict[str, _Sum]] = field(default_factory=lambda: defaultdict(dict))
    """By currency and month."""

    def costs(self) -> RegistryCosts:
        if self.plan.failure is not None:
            self.unknown.append(UnknownCost(None, None, "registry", "the registry could not be read"))
        for action in self.plan.actions:
            if action.resource == "Model":
                self._action(action)
        totals = tuple(self._total(currency, months) for currency, months in sorted(self.sums.items()))
        return RegistryCosts(self.plan.name, tuple(self.changes), totals, tuple(self.unknown))

    def _total(self, currency: str, months: Mapping[str, _Sum]) -> TotalCost:
        every = sum(months.values(), _Sum())
        return TotalCost(
            currency,
            tuple(MonthTotal(month, months[month].amounts()) for month in sorted(months)),
            every.amounts(),
            (every / len(months)).amounts(),
        )

    def _action(self, action: Action) -> None:
        used = self.usage.of(self.plan.name, action.name)
        prices = list(self._prices(action))
        if action.operation == "create":
            if used is not None:
                self._unknown(action, None, "new-model", "new models have no earlier price")
            return
        if prices and used is None:
            self._unknown(action, None, "no-usage", f"{self.usage.file} has no usage of it")
            return
        for name, change in prices:
            self._price(action, name, change, used or {})

    def _prices(self, action: Action) -> Iterator[tuple[tuple[str, ...], Change]]:
        """The changes of prices by portable path, or by the native one where there is no other."""
        known: set[tuple[str, ...]] = set()
        for change in action.changes:
            path = tuple(quoted or bare for quoted, bare in _STEP.findall(change.path))
            if path[0] == "native":
                path = self._portable(action, path)
            # One price may be declared under two names, which agree.
            if path[:1] in (("pricing",), ("native",)) and path not in known:
                known.add(path)
                yield path, change

    def _portable(self, action: Action, path: tuple[str, ...]) -> tuple[str, ...]:
        """What a native field holds: its portable path, its own where it is a price without one, or ()."""
        table = KINDS[self.plan.kind].tables[action.variant]
        item = table.find(path)
        if item is None:
            return ()
        codec = item.row.codec
        without_unit = isinstance(codec, Number | Tree) and _MONEY_WORD.search(path[-1])
        return table.portable_name(item) if isinstance(codec, Money) or without_unit else ()

    def _price(
        self, action: Action, name: tuple[str, ...], change: Change, used: Mapping[str, Months]
    ) -> None:
        before, after = change.live.price, change.desired.price
        quantity = BY_PRICE.get(name)
        if name[:2] == ("pricing", "tiers"):
            self._unknown(action, change.path, "tier", "tier prices are not counted")
        elif change.live.form == "unreadable":
            self._unknown(action, change.path, "unreadable", "it is not known what it costs now")
        elif before is None and change.live.form == "unset":
            self._unknown(action, change.path, "no-price-before", "there was no price before")
        elif after is None and change.desired.form == "unset":
            self._unknown(action, change.path, "no-price-after", "there is no price after it")
        elif before is None or after is None:
            self._unknown(action, change.path, "no-unit", "the price has no unit that is known")
        elif quantity is None:
            self._unknown(action, change.path, "not-counted", "no column of usage counts it")
        elif before.currency != after.currency:
            self._unknown(action, change.path, "currency", "its currency changes")
        elif {before.unit.dimension, after.unit.dimension} != {quantity.dimension}:
            self._unknown(action, change.path, "unit", f"a price for {quantity.name} is in another unit")
        else:
            self._count(action, change, quantity, (before, after), used.get(quantity.name, {}))

    def _count(
        self, action: Action, change: Change, quantity: Quantity, prices: tuple[Price, Price], used: Months
    ) -> None:
        missing = tuple(month for month in self.usage.months if month not in used)
        if missing:
            where = f" for {', '.join(missing)}" if used else ""
            text = f"{self.usage.file} has no {quantity.name} of it{where}"
            if quantity.name not in self.usage.quantities:
                text = f"{self.usage.file} has no column {quantity.name}"
            self._unknown(action, change.path, "no-number", text, missing)
        if not used:
            return
        refused = action.operation == "refused"
        currency = prices[0].currency
        sums = {month: _Sum(*(_cost(price, number) for price in prices)) for month, number in used.items()}
        for month, one in sums.items() if not refused else ():
            self.sums[currency][month] = self.sums[currency].get(month, _Sum()) + one
        every = sum(sums.values(), _Sum())
        self.changes.append(
            PriceCost(
                action.name,
                change.path,
                quantity.name,
                currency,
                refused,
                tuple(
                    MonthCost(month, _number(Fraction(used[month])), sums[month].amounts())
                    for month in sorted(used)
                ),
                _number(sum(map(Fraction, used.values()), Fraction(0))),
                every.amounts(),
            )
        )

    def _unknown(
        self, action: Action, path: str | None, reason: Reason, text: str, months: Sequence[str] = ()
    ) -> None:
        self.unknown.append(UnknownCost(action.name, path, reason, text, tuple(months)))


def _cost(price: Price, used: Decimal) -> Fraction:
    return Fraction(price.amount) * Fraction(used) / price.unit.count


def _amount(value: Fraction) -> str:
    return amount_text(_decimal(value))


def _number(value: Fraction) -> str:
    return format(plain(_decimal(value)), "f")


def _decimal(value: Fraction) -> Decimal:
    """``value`` exactly where it ends in the decimal system, else to ``PLACES`` after the point."""
    rest, places = value.denominator, {2: 0, 5: 0}
    for prime in places:
        while rest % prime == 0:
            rest //= prime
            places[prime] += 1
    if rest != 1:
        return _decimal(Fraction(round(value * 10**PLACES), 10**PLACES))
    shift = max(places.values())
    return _WIDE.scaleb(Decimal(int(value * 10**shift)), -shift)
