"""The catalogue of public prices: the snapshot that genai-prices ships, in our fields and units.

Only this module knows that package. Its amounts are Decimals in US dollars, most per million tokens; that
its own downloads are never started, and that a snapshot which somebody else set is not used, keeps a run
the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from reconciler.errors import ReconcilerError
from reconciler.money import PER_1M_TOKENS, Price, Unit

if TYPE_CHECKING:
    from genai_prices import types

PACKAGE: Final = "genai-prices"
EXTRA: Final = "model-reconciler[prices]"
CURRENCY: Final = "USD"

RELEASED: Final[Mapping[str, date]] = {"0.2.3": date(2026, 11, 10)}
"""When a version of the package came out, which it does not say of itself: the day whose prices count."""

Path: TypeAlias = tuple[str, ...]

_PER_1K_SEARCHES: Final = Unit("search", 1_000)
_FIELDS: Final[Mapping[str, tuple[Path, Unit]]] = {
    "input_mtok": (("input",), PER_1M_TOKENS),
    "output_mtok": (("output",), PER_1M_TOKENS),
    "cache_read_mtok": (("cache_read",), PER_1M_TOKENS),
    "cache_write_mtok": (("cache_write",), PER_1M_TOKENS),
    "cache_write_5m_mtok": (("cache_write_5m",), PER_1M_TOKENS),
    "cache_write_1h_mtok": (("cache_write_1h",), PER_1M_TOKENS),
    "output_reasoning_mtok": (("reasoning",), PER_1M_TOKENS),
    "input_audio_mtok": (("audio", "input"), PER_1M_TOKENS),
    "output_audio_mtok": (("audio", "output"), PER_1M_TOKENS),
    "web_searches_kcount": (("search",), _PER_1K_SEARCHES),
}
"""Its prices and our fields below `pricing`."""

_TIERED: Final = ("input", "output", "cache_read", "cache_write")
_BATCH: Final = {"processing": "batch"}
_BATCHED: Final = ("input_mtok", "output_mtok")


class MissingExtra(ReconcilerError):
    """The optional package with the prices is not installed."""

    code = "missing-extra"

    def __init__(self) -> None:
        super().__init__(
            f"the public prices come with an optional package, {PACKAGE}, which is not installed",
            hint=f"pip install '{EXTRA}'",
        )


class UnknownRelease(ReconcilerError):
    """A version of the package whose day we do not know."""

    code = "unknown-release"

    def __init__(self, version: str) -> None:
        super().__init__(
            f"{PACKAGE} {version} is installed, and it is not known here when that was released",
            hint=f"say which day's prices count, --date YYYY-MM-DD, or pip install '{EXTRA}'",
        )


@dataclass(frozen=True, slots=True)
class Prices:
    """What an entry costs on the catalogue's day. Paths are those below `pricing`.

    ``hours`` says when in the day (UTC) they hold, where an entry has several sets. ``elsewhere`` are the
    prices that no field of ours can hold, as the catalogue writes them.
    """

    fields: Mapping[Path, Price]
    hours: str = ""
    elsewhere: tuple[str, ...] = ()

    def of(self, path: Path) -> Price | None:
        """The price for ``path``; None where the entry has none of that kind."""
        found = self.fields.get(tier_path(path))
        if found is None and path == ("cache_write_5m",):
            # Five minutes is what a write to the cache without a time means to the catalogue.
            return self.fields.get(("cache_write",))
        return found


@dataclass(frozen=True, slots=True)
class Entry:
    """One model at one provider. ``prices`` has more than one member where they depend on the hour."""

    provider: str
    id: str
    prices: tuple[Prices, ...]
    name: str | None = None
    context_window: int | None = None
    deprecated: bool = False

    @property
    def ref(self) -> str:
        return f"{self.provider}/{self.id}"


@dataclass(frozen=True)
class Catalogue:
    """The snapshot: which version, and the day whose prices count."""

    version: str
    day: date
    _providers: list[types.Provider] = field(repr=False)
    package: str = PACKAGE

    def __str__(self) -> str:
        return f"{self.package} {self.version}, prices of {self.day}"

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(one.id for one in self._providers)

    def refs(self) -> Iterator[tuple[str, str]]:
        """Provider and id of every entry."""
        for provider in self._providers:
            for model in provider.models:
                yield provider.id, model.id

    def named(self, provider: str, id_: str) -> Entry | None:
        """The entry with just this id; upper and lower case are one, as the catalogue has it."""
        for one in self._providers:
            if one.id == provider:
                for model in one.models:
                    if model.id.lower() == id_.lower():
                        return self._entry(one, model, asked=provider)
        return None

    def matching(self, provider: str, model: str) -> Entry | None:
        """The entry that the catalogue's own rules find for a model id at one of its providers.

        They know dates at the end of ids, and where a provider serves the models of another at their
        prices; the entry is then the other's.
        """
        for one in self._providers:
            if one.id != provider:
                continue
            found = one.find_model(model, all_providers=self._providers)
            if found is None:
                return None
            owner = next(each for each in self._providers if any(found is other for other in each.models))
            return self._entry(owner, found, asked=provider)
        return None

    def _entry(self, provider: types.Provider, model: types.ModelInfo, *, asked: str) -> Entry:
        return Entry(
            provider.id,
            model.id,
            # Batch prices are the provider's own; whoever serves its models need not have them.
            tuple(_prices_of(model, self.day, batch=provider.id == asked)),
            model.name,
            model.context_window,
            bool(model.deprecated),
        )


def load_catalogue(day: date | None = None) -> Catalogue:
    """The catalogue with the prices of ``day``, or of the day on which the package was released.

    Raises MissingExtra; UnknownRelease for a version whose day must be given.
    """
    try:
        import genai_prices  # noqa: PLC0415 - large, and only with the extra
        from genai_prices.data import providers  # noqa: PLC0415
    except ModuleNotFoundError:
        raise MissingExtra from None
    version = genai_prices.__version__
    chosen = day or RELEASED.get(version)
    if chosen is None:
        raise UnknownRelease(version)
    return Catalogue(version, chosen, providers)


def _prices_of(model: types.ModelInfo, day: date, *, batch: bool) -> Iterator[Prices]:
    """The sets of prices that hold at some hour of ``day``; from midnight on, equal ones as one."""
    hours = _hours(model)
    sets: list[tuple[types.ModelPrice, list[str]]] = []
    for start, end in zip(hours, [*hours[1:], time(0)], strict=True):
        found = model.get_prices(datetime.combine(day, start, UTC))
        span = f"{start:%H:%M}–{end:%H:%M}"
        for known, spans in sets:
            if known == found:
                spans.append(span)
                break
        else:
            sets.append((found, [span]))
    for found, spans in sets:
        text = f"{', '.join(spans)} UTC" if len(sets) > 1 else ""
        yield _prices(found, _batch(model, day) if batch else {}, text)


def _hours(model: types.ModelInfo) -> list[time]:
    """Every time of day (UTC) at which the prices of ``model`` may change."""
    from genai_prices.types import TimeOfDateConstraint  # noqa: PLC0415 - as above

    found = {time(0)}
    for one in model.prices if isinstance(model.prices, list) else ():
        if isinstance(one.constraint, TimeOfDateConstraint):
            found |= {_utc(one.constraint.start_time), _utc(one.constraint.end_time)}
    return sorted(found)


def _utc(value: time) -> time:
    if value.tzinfo is None:
        return value
    return datetime.combine(date(2000, 1, 1), value).astimezone(UTC).time()


def _batch(model: types.ModelInfo, day: date) -> Mapping[Path, Price]:
    """The prices of the batch API, where the entry has such a variant."""
    midnight = datetime.combine(day, time(0), UTC)
    found: dict[Path, Price] = {}
    for variant in model.price_variants or ():
        if variant.when == _BATCH and (variant.constraint is None or variant.constraint.active(midnight)):
            for key in _BATCHED:
                value = getattr(variant.prices, key)
                if value is not None:
                    [name], unit = _FIELDS[key]
                    found.setdefault(("batch", name), _price(_base(value), unit))
    return found


def _prices(found: types.ModelPrice, batch: Mapping[Path, Price], hours: str) -> Prices:
    fields: dict[Path, Price] = {}
    elsewhere: list[str] = []
    tiered: dict[int, Unit] = {}
    values = {key: value for key, value in vars(found).items() if value is not None}
    for key, (path, unit) in _FIELDS.items():
        if key in values:
            fields[path] = _price(_base(values[key]), unit)
    for key, value in values.items():
        if key not in _FIELDS:
            elsewhere.append(f"{key} {_base(value):f}")
        for start, amount in _steps(value):
            if key in _FIELDS and _FIELDS[key][0][0] in _TIERED and _tier_name(start):
                tiered[_even(start)] = _FIELDS[key][1]
            else:
                elsewhere.append(f"{key} {amount:f} above {start} tokens")
    for start in sorted(tiered):
        for key, (path, unit) in _FIELDS.items():
            if path[0] in _TIERED and key in values:
                fields["tiers", _tier_name(start), path[0]] = _price(_above(values[key], start), unit)
    return Prices({**fields, **batch}, hours, tuple(elsewhere))


def _price(amount: Decimal, unit: Unit) -> Price:
    return Price(amount, CURRENCY, unit)


def _base(value: Decimal | types.TieredPrices) -> Decimal:
    return value if isinstance(value, Decimal) else value.base


def _steps(value: Decimal | types.TieredPrices) -> list[tuple[int, Decimal]]:
    return [] if isinstance(value, Decimal) else [(tier.start, tier.price) for tier in value.tiers]


def _above(value: Decimal | types.TieredPrices, start: int) -> Decimal:
    """What holds for longer inputs than ``start``: the last step up to there, or the price itself."""
    reached = [amount for at, amount in _steps(value) if _even(at) <= start]
    return reached[-1] if reached else _base(value)


def _even(start: int) -> int:
    """The number of tokens that a step is named by: 199999 means "from 200K on"."""
    return start + 1 if start % 1_000 == 999 else start


def _tier_name(start: int) -> str:
    """Our name for a step, ``above_200k``; empty for a number of tokens that has none."""
    tokens = _even(start)
    if tokens <= 0 or tokens % 1_000:
        return ""
    return f"above_{tokens // 1_000_000}m" if tokens % 1_000_000 == 0 else f"above_{tokens // 1_000}k"


def tier_path(path: Path) -> Path:
    """``path`` with a tier's name as the catalogue's entries have it here: above_1000k is above_1m."""
    if path[0] != "tiers":
        return path
    number = path[1].removeprefix("above_")
    tokens = int(number[:-1]) * (1_000_000 if number.endswith("m") else 1_000)
    return ("tiers", _tier_name(tokens), *path[2:])
