"""What the guards over prices look at, from manifests and live objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cached_property
from typing import Any, Final

from reconciler.desired import Desired
from reconciler.money import PER_1M_TOKENS, Price, Unit
from reconciler.registries.codecs import Money, Value
from reconciler.registries.rows import Field, Path, Table

_DIGITS: Final = Context(prec=40)


@dataclass(frozen=True, slots=True)
class Moved:
    """A price that an action changes. ``path`` is where the manifest writes it, ``name`` its portable path,
    ``unit`` what the manifest's number is per; ``before`` is None where none is live in the same currency."""

    path: Path
    name: Path
    before: Price | None
    after: Price
    unit: Unit


def moved_prices(desired: Desired, table: Table, raw: Mapping[str, Any]) -> Iterator[Moved]:
    """The declared prices that are not live; ``raw`` is empty where nothing is.

    A null is none of them: who writes it means it.
    """
    for path, (item, after) in desired.fields.items():
        if not isinstance(after, Price):
            continue
        before = item.read(raw) if raw else None
        if before != after:
            known = before if isinstance(before, Price) and before.currency == after.currency else None
            yield Moved(path, table.portable_name(item), known, after, _unit(desired, path, item, after))


def _unit(desired: Desired, path: Path, item: Field, price: Price) -> Unit:
    if path in desired.units:
        return desired.units[path]
    if item.native:
        shown = item.row.codec.shown(price, native=True)
        return shown.unit if isinstance(shown, Price) else price.unit
    return PER_1M_TOKENS if price.unit.dimension == "token" else price.unit


def live_prices(table: Table, raw: Mapping[str, Any]) -> dict[Path, Price]:
    """The prices of a live object by their portable paths."""
    found: dict[Path, Price] = {}
    for item in table.fields() if raw else ():
        if isinstance(item.row.codec, Money) and not item.native:
            value = item.read(raw)
            if isinstance(value, Price):
                found[item.path] = value
    return found


def type_of(desired: Desired, table: Table, raw: Mapping[str, Any]) -> str | None:
    """What a model does: as declared, else as it is live."""
    declared = _declared_type(desired)
    item = table.find(("type",))
    value: Value = item.read(raw) if declared is None and item is not None and raw else declared
    return value if isinstance(value, str) else None


def _declared_type(desired: Desired) -> str | None:
    found = desired.fields.get(("type",))
    return found[1] if found is not None and isinstance(found[1], str) else None


Span = tuple[int, Price, Price]
"""How many prices there are, the lowest of them, and the highest."""


class Peers:
    """The declared prices of every manifest for one registry, by type and portable path."""

    def __init__(self, wanted: Iterable[Desired]) -> None:
        self._wanted = wanted

    @cached_property
    def _sorted(self) -> Mapping[tuple[str, Path, str, str], list[tuple[Decimal, str, Price]]]:
        """The prices by what is comparable, the lowest first. Made when one is first looked for: most plans
        change no price."""
        found: dict[tuple[str, Path, str, str], list[tuple[Decimal, str, Price]]] = defaultdict(list)
        for one in self._wanted:
            kind = _declared_type(one)
            if one.table is None or kind is None:
                continue
            for item, value in one.fields.values():
                if isinstance(value, Price) and value.amount:
                    key = (kind, one.table.portable_name(item), value.currency, value.unit.dimension)
                    single = _DIGITS.divide(value.amount, Decimal(value.unit.count))
                    found[key].append((single, one.name, value))
        return {key: sorted(prices, key=lambda entry: entry[0]) for key, prices in found.items()}

    def span(self, kind: str | None, name: Path, like: Price, without: str | None) -> Span | None:
        """The range of the prices comparable to ``like``, but for those of the manifest ``without``."""
        prices = self._sorted.get((kind or "", name, like.currency, like.unit.dimension), [])
        lowest = next((price for _, whose, price in prices if whose != without), None)
        highest = next((price for _, whose, price in reversed(prices) if whose != without), None)
        if lowest is None or highest is None:
            return None
        # One manifest has one price of a name, or two names of it, which are equal.
        return len(prices) - 1, lowest, highest
