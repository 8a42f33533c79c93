"""Declared prices beside the catalogue's: what agrees, what differs, and what cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import Any, Final, Literal

from reconciler.desired import effective
from reconciler.draft import above
from reconciler.errors import ExitCode, InputError, Place, Problem
from reconciler.manifests.fields import Percent
from reconciler.manifests.load import Manifest
from reconciler.manifests.model import Compare, Model
from reconciler.manifests.problems import dotted
from reconciler.money import Price, amount_text, change_in_percent
from reconciler.outlines import COMPARE
from reconciler.prices.catalogue import CURRENCY, Catalogue, Entry, Path, Prices
from reconciler.prices.lookup import NoEntry, by_model, by_name

Verdict = Literal["agrees", "differs", "unknown"]

_EXACT: Final = Context(prec=200)  # two amounts of 40 digits, two units and two percentages


@dataclass(frozen=True, slots=True)
class Row:
    """One declared price beside the catalogue's.

    ``listed`` is the catalogue's amount, ``expected`` that with the mark-up, all in ``unit``, which is the
    manifest's own. ``change`` is from what is declared to what is expected.
    """

    path: str
    verdict: Verdict
    declared: str
    unit: str
    place: Place
    listed: str | None = None
    expected: str | None = None
    change: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """One manifest, as it is for some of its registries.

    ``entry`` is what it was compared with; where there is none, ``reason`` says why.
    """

    name: str
    registries: tuple[str, ...]
    place: Place
    entry: str | None
    markup: str | None
    tolerance: str | None
    hours: str | None
    reason: str | None
    rows: tuple[Row, ...]

    @property
    def verdict(self) -> Verdict:
        """Unknown is never taken for agreement, and does not hide a difference."""
        verdicts = {row.verdict for row in self.rows}
        if "differs" in verdicts:
            return "differs"
        return "unknown" if self.entry is None or "unknown" in verdicts else "agrees"


@dataclass(frozen=True, slots=True)
class PriceCheck:
    """All that was compared, and the manifests that declare no price."""

    package: str
    version: str
    day: str
    checked: tuple[Checked, ...]
    without_prices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Declared:
    """What one manifest says of its prices for one registry."""

    word: str | None
    model: str | None
    prices: Mapping[Path, Price]
    compare: Compare
    overridden: frozenset[Path]
    compare_overridden: bool


def exit_code(check: PriceCheck, *, differences_count: bool) -> ExitCode:
    """CHANGES where asked for and something differs. What is unknown is no difference."""
    differs = any(one.verdict == "differs" for one in check.checked)
    return ExitCode.CHANGES if differs and differences_count else ExitCode.OK


def check_prices(catalogue: Catalogue, manifests: Iterable[Manifest]) -> PriceCheck:
    """Every manifest of a model beside its entry.

    Raises InputError where `pricing.compare` names an entry that is not there.
    """
    checked: list[Checked] = []
    without: list[str] = []
    problems: list[Problem] = []
    for manifest in manifests:
        if not isinstance(manifest.value, Model):
            continue
        groups = list(_by_registry(manifest))
        if not groups:
            without.append(manifest.name)
        for declared, registries in groups:
            try:
                checked.append(_check(catalogue, manifest, declared, registries))
            except NoEntry as error:
                on = above(registries[0], overridden=declared.compare_overridden)
                path = (*on, *COMPARE, "catalogue")
                place = manifest.place(*path)
                problems.append(Problem(error.code, error.message, place, error.hint, dotted(path)))
    if problems:
        raise InputError(problems)
    day = catalogue.day.isoformat()
    return PriceCheck(catalogue.package, catalogue.version, day, tuple(checked), tuple(without))


def _by_registry(manifest: Manifest) -> Iterator[tuple[_Declared, tuple[str, ...]]]:
    """What the manifest declares, once for all registries for which it is the same; prices or nothing."""
    groups: list[tuple[_Declared, list[str]]] = []
    for registry in manifest.registries:
        one = _declared(manifest, registry)
        if not one.prices:
            continue
        for known, registries in groups:
            if _says(known) == _says(one):
                registries.append(registry)
                break
        else:
            groups.append((one, [registry]))
    for one, registries in groups:
        yield one, tuple(registries)


def _says(declared: _Declared) -> object:
    """What makes two registries' prices the same to us. A unit is part of how they are shown."""
    prices = {path: (price.amount, price.currency, price.unit) for path, price in declared.prices.items()}
    return declared.word, declared.model, prices, declared.compare


def _declared(manifest: Manifest, registry: str) -> _Declared:
    fields, overridden = effective(manifest, registry)
    assert isinstance(manifest.value, Model)
    spec = manifest.value.spec
    patch = (spec.overrides or {}).get(registry)
    settings: dict[str, Any] = {}
    over = False
    for layer in (spec, patch):
        pricing = getattr(layer, "pricing", None)
        compare = pricing.compare if pricing is not None else None
        if compare is not None:
            settings |= {name: getattr(compare, name) for name in compare.model_fields_set}
            over = layer is patch and "catalogue" in compare.model_fields_set
    return _Declared(
        fields.get(("provider",)),
        fields.get(("model",)),
        {path[1:]: value for path, value in fields.items() if isinstance(value, Price)},
        Compare(**settings),
        overridden,
        over,
    )


def _check(
    catalogue: Catalogue, manifest: Manifest, declared: _Declared, registries: tuple[str, ...]
) -> Checked:
    compare = declared.compare
    if compare.catalogue is not None:
        found: Entry | str = by_name(catalogue, compare.catalogue).entry
    else:
        found = by_model(catalogue, declared.word, declared.model)

    def place(path: Path) -> Place:
        overridden = ("pricing", *path) in declared.overridden
        return manifest.place(*above(registries[0], overridden=overridden), "pricing", *path)

    first = Checked(
        manifest.name,
        registries,
        place(next(iter(declared.prices))),
        None if isinstance(found, str) else found.ref,
        _text(compare.markup),
        _text(compare.tolerance),
        None,
        found if isinstance(found, str) else None,
        (),
    )
    if isinstance(found, str):
        return first

    def rows(prices: Prices) -> tuple[Row, ...]:
        return tuple(
            _row(path, price, prices, entry=found, compare=compare, place=place(path))
            for path, price in declared.prices.items()
        )

    # Where prices depend on the hour, those count that the manifest is nearest to.
    tried = [replace(first, hours=prices.hours or None, rows=rows(prices)) for prices in found.prices]
    return min(tried, key=lambda one: sum(row.verdict == "differs" for row in one.rows))


def _text(percent: Percent | None) -> str | None:
    return None if percent is None else str(percent)


def _row(path: Path, price: Price, prices: Prices, *, entry: Entry, compare: Compare, place: Place) -> Row:
    row = Row(dotted(("pricing", *path)), "unknown", amount_text(price.amount), _unit(price), place)
    listed = prices.of(path)
    if listed is None:
        return replace(row, reason=_lacking(path, prices, entry))
    if price.currency != listed.currency:
        return replace(row, reason=f"declared in {price.currency}, and the catalogue has {CURRENCY} alone")
    markup = compare.markup.number if compare.markup else Decimal(0)
    expected = replace(listed, amount=_EXACT.multiply(listed.amount, _EXACT.add(1, _hundredth(markup))))
    agrees = _near(price, expected, compare.tolerance.number if compare.tolerance else Decimal(0))
    # The catalogue's units are powers of ten, so that a price in them divides into any unit.
    there, wanted = listed.to(price.unit), expected.to(price.unit)
    return replace(
        row,
        verdict="agrees" if agrees else "differs",
        listed=amount_text(there.amount),
        expected=amount_text(wanted.amount),
        change=None if agrees else change_in_percent(price.amount, wanted.amount),
    )


def _hundredth(percent: Decimal) -> Decimal:
    return _EXACT.scaleb(percent, -2)


def _near(price: Price, expected: Price, tolerance: Decimal) -> bool:
    """Whether ``price`` is as ``expected``, or off by at most ``tolerance`` percent of that."""
    here = _EXACT.multiply(price.amount, Decimal(expected.unit.count))
    wanted = _EXACT.multiply(expected.amount, Decimal(price.unit.count))
    most = _EXACT.multiply(wanted, _hundredth(tolerance))
    return abs(_EXACT.subtract(here, wanted)) <= most


def _unit(price: Price) -> str:
    return f"{price.currency} / {price.unit}"


def _lacking(path: Path, prices: Prices, entry: Entry) -> str:
    if path[0] == "tiers":
        names = sorted({known[1] for known in prices.fields if known[0] == "tiers"})
        has = f"; it has {', '.join(names)}" if names else ""
        return f"{entry.ref} has no price {path[1]}{has}"
    return f"{entry.ref} has no price of that kind"
