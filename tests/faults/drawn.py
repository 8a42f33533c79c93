"""What a seed draws: manifests before and after, faults, clients, and the moment at which one is killed.

Everything here follows from the seed alone. When a client makes which call does not: that is up to the
machine, so that a run that is repeated does the same things, and may do them in another order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from conformance import manifests
from conformance.cases import VARIANTS
from conformance.manifests import Flat
from conformance.subject import Variant
from conformance.subjects import subject_of

Json = Any
Rule = dict[str, Any]
Moment = Literal["before", "unanswered", "answering", "answered"]
MOMENTS: Sequence[Moment] = ("before", "unanswered", "answering", "answered")
"""When a client is killed: before its call takes effect (which it then does not), after it and before the
answer, in the middle of the answer, after it."""

MOST = 12
"""How many manifests there are at most."""
BUILTIN = 4
"""How many models of the vendor there are that can be switched."""
SEEDED: Mapping[str, Json] = {
    "orq": {
        "vendor_models": [{"id": f"acme/quick-{one}", "provider": "acme"} for one in range(1, BUILTIN + 1)]
    },
    "respan": {
        "vendor_models": [
            {"model_name": f"base-one-{one:02}", "provider_id": "openai", "input_cost": 1}
            for one in range(MOST)
        ]
    },
}
"""What is the vendor's."""


@dataclass(frozen=True)
class Kill:
    """At which call that a client makes it is killed; of its writes, or of all."""

    at: int
    of_writes: bool
    moment: Moment


@dataclass(frozen=True)
class Wanted:
    """One object that manifests are about. ``before`` and ``after`` are specs; None: there is no manifest.

    ``mark`` is what the registry knows it by, whatever it calls its id. ``other`` is what a second
    checkout wants, where that is something else.
    """

    variant: Variant
    name: str
    mark: str
    before: Flat | None
    after: Flat | None
    other: Flat | None = None
    old_name: str | None = None

    @property
    def registry(self) -> str:
        return self.variant.kind.name

    @property
    def is_new(self) -> bool:
        return self.before is None and self.variant.table.create is not None


@dataclass(frozen=True)
class Drawn:
    """One run. ``kills`` are of the applies of the first client one after another; None: it lives."""

    seed: int
    shape: str
    wanted: Sequence[Wanted]
    rules: Sequence[Rule]
    concurrency: int
    kills: Sequence[Kill | None]
    second: Kill | None = None
    kinds: Sequence[str] = field(default=())

    @property
    def is_race(self) -> bool:
        return self.shape.startswith("two clients")


def drawn(seed: int) -> Drawn:
    """The run of ``seed``."""
    chance = random.Random(seed)
    shape = chance.choices(
        ("one client", "killed", "killed twice", "two clients", "two clients, one killed"),
        (30, 32, 8, 20, 10),
    )[0]
    kinds = sorted({variant.kind.name for variant in VARIANTS})
    kinds = sorted(chance.sample(kinds, chance.choices((1, 2, 3), (6, 2, 2))[0]))
    of = [variant for variant in VARIANTS if variant.kind.name in kinds]
    wanted = _wanted(chance, of, differing=shape.startswith("two") and chance.random() < 0.5)
    writes = max(1, sum(one.before != one.after for one in wanted))
    kills = [_kill(chance, writes) for _ in range({"killed": 1, "killed twice": 2}.get(shape, 0))]
    second = _kill(chance, writes) if shape == "two clients, one killed" else None
    names = [one.name for one in wanted]
    rules = [_rule(chance, names) for _ in range(chance.randint(1, 4))]
    return Drawn(
        seed, shape, wanted, rules, chance.choice((1, 2, 4, 8)), kills or [None], second, tuple(kinds)
    )


# ---- manifests

_Values = Callable[[random.Random], Json]


def _whole(low: int, high: int) -> _Values:
    return lambda chance: chance.randint(low, high)


def _text(chance: random.Random) -> str:
    return f"text {chance.randint(1, 999)}"


def _flag(chance: random.Random) -> bool:
    return chance.random() < 0.5


def _price(low: int, high: int) -> _Values:
    return lambda chance: f"{chance.randint(low, high) / 100:.2f} / 1M tokens"


_USUAL: Mapping[str, _Values] = {
    "pricing.input": _price(60, 120),
    "pricing.output": _price(200, 300),
    "capabilities.tools": _flag,
    "capabilities.vision": _flag,
}
_ORQ = {**_USUAL, "limits.max_output_tokens": _whole(1000, 9000), "native.orq.enabled": _flag}
_FIELDS: Mapping[str, Mapping[str, _Values]] = {
    "orq/generic": {
        **_ORQ,
        "limits.context_window": _whole(10_000, 99_000),
        "capabilities.streaming": _flag,
        "native.orq.metadata.region": _text,
    },
    "orq/openai-like": {**_ORQ, "description": _text, "endpoint.region": _text},
    "orq/builtin": {"native.orq.enabled": _flag},
    "respan/model": {
        **_USUAL,
        "limits.context_window": _whole(10_000, 99_000),
        "native.respan.custom_provider_id": lambda chance: chance.choice(("acme-1", "acme-2")),
    },
    "watsonx/model": {
        "description": _text,
        "native.watsonx.tags": lambda chance: [_text(chance)],
        "native.watsonx.config.max_tokens": _whole(100, 900),
    },
}
"""Fields that an update can change, and values for them; a kind that is not here has its name alone."""


def _wanted(chance: random.Random, variants: Sequence[Variant], *, differing: bool) -> list[Wanted]:
    found: list[Wanted] = []
    vendors = 0
    for number in range(chance.randint(1, MOST)):
        variant = chance.choice(variants)
        if variant.table.vendors:
            if vendors == BUILTIN:
                continue
            vendors += 1
        providers = [one for one in found if one.variant.table.resource == "Provider" and one.after]
        found.append(_one(chance, variant, number, vendors, providers, differing=differing))
    return found or [_one(chance, VARIANTS[0], 0, 0, (), differing=differing)]


def _one(
    chance: random.Random,
    variant: Variant,
    number: int,
    vendors: int,
    providers: Sequence[Wanted],
    *,
    differing: bool,
) -> Wanted:
    name = f"one-{number:02}"
    always, mark = _identity(variant, name, vendors)
    fields = _FIELDS.get(str(variant), {})
    if str(variant) == "respan/provider":
        # Of what has the same address, one looks like another that was renamed.
        fields = {
            "endpoint.base_url": lambda chance: f"https://llm.example.com/{name}/{chance.randint(1, 9)}"
        }
    base = {**always, **_some(chance, fields, 0.5)}
    provider = chance.choice(providers) if providers and chance.random() < 0.7 else None
    if str(variant) == "respan/model" and provider is not None:
        base["native", "respan", "custom_provider_id"] = provider.name
    before = _complete(variant, base)
    edits = _some(chance, {path: fields[path] for path in fields if "provider_id" not in path}, 0.4)
    edited = _complete(variant, {**before, **edits})
    kinds = ("create", "update", "unchanged", "removed", "renamed")
    what = chance.choices(kinds, (45, 30, 10, 7, 8))[0]
    if variant.table.vendors:
        what = chance.choice(("create", "update"))
    if str(variant) == "respan/model" and provider is not None and provider.before is None:
        what = "create"
    if what == "renamed" and not variant.table.identity.natural:
        what = "update"
    # Somebody else's checkout wants another price of it, or whatever else can be edited.
    other = _complete(variant, {**edited, **_some(chance, fields, 0.5)}) if differing else None
    match what:
        case "create":
            return Wanted(variant, name, mark, None, edited, other)
        case "unchanged":
            return Wanted(variant, name, mark, before, before)
        case "removed":
            return Wanted(variant, name, mark, before, None)
        case "renamed":
            return Wanted(variant, name, mark, before, edited, old_name=f"old-{number:02}")
        case _:
            return Wanted(variant, name, mark, before, edited, other)


def _identity(variant: Variant, name: str, vendors: int) -> tuple[dict[Any, Json], str]:
    """What makes an object of ``name`` another one than all others, and what the registry knows it by."""
    table = variant.table
    spec: dict[Any, Json] = {("registries",): [variant.kind.name]}
    if table.vendors:
        mark = f"acme/quick-{vendors}"
        return {**spec, table.identity.pin: mark}, mark
    spec["display_name",] = f"Display {name}"
    match str(variant):
        case "orq/generic" | "orq/openai-like":
            spec |= {("model",): f"model-{name}", ("developer",): "acme", ("family",): name}
            if table.variant == "openai-like":
                del spec["developer",], spec["family",]
                # Of what has the same address, one looks like another that was renamed.
                spec["endpoint", "base_url"] = f"https://llm.example.com/{name}"
            return spec, f"model-{name}"
        case "watsonx/model":
            return {**spec, ("model",): f"model-{name}"}, f"virtual-model/openai/model-{name}"
        case "respan/provider":
            # An update of what is beside the key says what becomes of the key.
            return {**spec, ("endpoint", "api_key"): None}, name
        case "respan/model":
            return {**spec, ("native", "respan", "base_model_name"): f"base-{name}"}, name
        case _:
            return spec, name


def _some(chance: random.Random, fields: Mapping[str, _Values], share: float) -> dict[Any, Json]:
    return {
        tuple(path.split(".")): draw(chance)
        for path, draw in fields.items()
        if chance.random() < share or len(fields) == 1
    }


def _complete(variant: Variant, given: Flat) -> dict[Any, Json]:
    """``given``, and what a create needs beside it."""
    subject = subject_of(variant.kind.name)
    assert subject is not None
    ours = {path: value for path, value in given.items() if path != ("registries",)}
    found = manifests.minimal(variant, subject.facts_of(variant.table), ours)
    return {**found, ("registries",): [variant.kind.name]}


# ---- faults and kills


def _kill(chance: random.Random, writes: int) -> Kill:
    of_writes = chance.random() < 0.8
    last = writes if of_writes else 2 * writes + 4
    return Kill(chance.randint(1, last), of_writes, chance.choice(MOMENTS))


_WRITES = ("create", "update", "switch")
_READS = ("list", "get")


def _rule(chance: random.Random, names: Sequence[str]) -> Rule:
    """One rule of any kind, of some of the calls that it can be about, of all or some or one of those."""
    name, values = chance.choice(_FAULTS)
    calls: Sequence[str] = (*_READS, *_WRITES, "usages", "token")
    if name == "duplicate":
        calls = ("create",)
    elif name in ("stale", "lose") or chance.random() < 0.7:
        calls = _WRITES
    match: Rule = {"call": chance.sample(calls, chance.randint(1, len(calls)))}
    if chance.random() < 0.2:
        match["name"] = f"*{chance.choice(names)}*"
    how = chance.random()
    if how < 0.5:
        match["probability"] = round(chance.uniform(0.1, 0.7), 2)
        if chance.random() < 0.5:
            match["times"] = chance.randint(1, 4)
    elif how < 0.9:
        match |= {"at": chance.randint(1, 4), "times": chance.randint(1, 3)}
    return {"match": match, **values(chance)}


_HINTS = (
    "none",
    "retry-after",
    "retry-after-date",
    "retry-after-ms",
    "x-ratelimit-reset",
    "x-ratelimit-reset-at",
    "body",
)


def _of(name: str, *values: Json) -> tuple[str, Callable[[random.Random], Rule]]:
    return name, lambda chance: {name: chance.choice(values)}


def _limit(chance: random.Random) -> Rule:
    return {"status": 429, "hint": chance.choice(_HINTS), "wait": "2s"}


def _error(chance: random.Random) -> Rule:
    return {"status": chance.choice((500, 502, 503, 504)), "when": chance.choice(("before", "after"))}


_FAULTS: Sequence[tuple[str, Callable[[random.Random], Rule]]] = (
    _of("latency", "1ms", "5ms", "20ms"),
    ("status", _limit),
    ("status", _error),
    ("status", _error),
    _of("reset", "before", "after"),
    _of("reset", "before", "after"),
    _of("truncate", "length", "json"),
    _of("malformed", "html", "content-type", "json"),
    _of("stale", "1 read", "2 reads", "4 reads", "10m"),
    _of("lose", True, ["display_name"], ["metadata.region"], ["description"]),
    _of("duplicate", True),
)
