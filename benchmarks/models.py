"""A catalogue of N models, drawn from the mix of examples/catalog. Deterministic: by index alone.

Of 22 models there are 17 for chat, 3 embeddings and 2 for images, with the fields, prices and flags that
such models have there; each declares 25 to 60 fields. Names and ids are unique. Which fields a model declares
it has in common with others of its family, which has a few ways for each type; one in twenty is like no
other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

FEWEST_FIELDS: Final = 25
MOST_FIELDS: Final = 60
USUAL_FIELDS: Final = 34

SORTS: Final = 6
"""How many ways a family has to declare its models of one type."""
ODD: Final = 1 / 20
"""The share of models that declare what no other does."""

Price = Decimal
Value = str | int | bool

VENDORS: Final[Sequence[tuple[str, str, Sequence[str]]]] = (
    ("OpenAI", "openai", ("gpt-6.1", "gpt-5.4", "gpt-4o", "o5")),
    ("Anthropic", "anthropic", ("claude-opus", "claude-sonnet", "claude-haiku")),
    ("Google", "gemini", ("gemini-3.1", "gemini-3.8", "gemma-4")),
    ("Google", "vertex-ai", ("gemini-3.8", "gemini-3.1")),
    ("Mistral AI", "mistral", ("mistral-large", "mistral-small", "codestral")),
    ("Cohere", "cohere", ("command-a", "embed-v4")),
    ("DeepSeek", "deepseek", ("deepseek-v4", "deepseek-r3")),
    ("Meta", "together-ai", ("llama-4", "muse-spark")),
    ("OpenAI", "groq", ("gpt-oss",)),
    ("Amazon", "bedrock", ("nova-2", "titan-3")),
    ("OpenAI", "azure-openai", ("gpt-6.1", "gpt-5.4")),
)
"""Developer, provider in our word, families."""

_TYPES: Final = ("chat",) * 17 + ("embedding",) * 3 + ("image",) * 2
_INPUT_PRICES: Final = tuple(
    map(Decimal, "0.40 0.50 0.60 0.75 0.80 1.00 1.10 1.25 1.32 1.50 1.75 2.00 2.20 2.50 3.00".split())
)
_IMAGE_PRICES: Final = tuple(map(Decimal, "0.02 0.03 0.039 0.04 0.06 0.08 0.134".split()))
_WINDOWS: Final = (32768, 65536, 128000, 131072, 200000, 262144, 400000, 1000000, 1048576, 1050000)
_OUTPUTS: Final = (4096, 8192, 16384, 32000, 64000, 65536, 128000)
_FLAGS: Final = tuple(
    """
    supports_prompt_caching supports_pdf_input supports_web_search supports_parallel_tool_calls
    supports_computer_use supports_tool_choice supports_system_message supports_text_input
    supports_text_output supports_image_input supports_audio_input supports_audio_output
    supports_video_input supports_batch_api supports_cache_control supports_code_execution
    supports_developer_message supports_fine_tuning supports_images supports_json_mode_response_format
    supports_max_completion_tokens supports_openai_sdk supports_responses_api supports_sampling_params
    supports_structured_outputs supports_text supports_url_context supports_zdr multilingual
    chain_of_thought thinking_enforced supports_extended_thinking supports_reasoning_effort_low
    supports_reasoning_effort_medium supports_reasoning_effort_high
    """.split()
)
_RATINGS: Final = ("cost_efficiency_rating", "intelligence_rating", "speed_rating")


@dataclass(frozen=True, slots=True)
class Model:
    """One model. Prices are dollars per million tokens, but per image and per 1,000 searches."""

    index: int
    name: str
    team: str
    tier: str
    display_name: str
    description: str | None
    type: str
    developer: str
    family: str
    provider: str
    model: str
    limits: dict[str, int]
    prices: dict[str, Price]
    """By dotted path, ``batch.input``; never empty."""
    capabilities: dict[str, bool]
    metadata: dict[str, Value]
    """What only Orq has, by its own names; never without a flag."""

    @property
    def fields(self) -> int:
        """How many values the manifest declares."""
        fixed = 11 + (self.description is not None) + 1 + ("image" not in self.prices)
        return fixed + len(self.limits) + len(self.prices) + len(self.capabilities) + len(self.metadata) + 1


def models(count: int) -> Iterator[Model]:
    """The first ``count`` models of the catalogue without an end."""
    return map(model, range(count))


def model(index: int) -> Model:
    """The model with this number, always the same."""
    dice = random.Random(index)
    developer, provider, families = VENDORS[index % len(VENDORS)]
    family = dice.choice(families)
    sort = f"{index}" if dice.random() < ODD else f"{dice.randrange(SORTS)}"
    kind = dice.choice(_TYPES)
    form = random.Random(f"{provider} {family} {kind} {sort}")  # decides what is declared; dice, as what
    name = f"{family}-{index:06d}"
    drawn = Model(
        index=index,
        name=name,
        team=dice.choice(("platform", "research", "search", "support", "data")),
        tier=dice.choice(("frontier", "standard", "small")),
        display_name=f"{family.replace('-', ' ').title()} {index}",
        description=f"Number {index} of the catalogue." if form.random() < 1 / 22 else None,
        type=kind,
        developer=developer,
        family=family,
        provider=provider,
        model=f"{name}-2026-{dice.randrange(1, 13):02d}",
        limits=_limits(kind, form, dice),
        prices=_prices(kind, form, dice),
        capabilities=_capabilities(kind, form, dice),
        metadata={},
    )
    wanted = round(form.triangular(FEWEST_FIELDS, MOST_FIELDS, USUAL_FIELDS))
    drawn.metadata.update(_metadata(kind, max(wanted - drawn.fields, 1), form, dice))
    return drawn


def _limits(kind: str, form: random.Random, dice: random.Random) -> dict[str, int]:
    if kind == "image":
        return {}
    if kind == "embedding":
        return {"context_window": dice.choice((2048, 8192, 32768))}
    limits = {"context_window": dice.choice(_WINDOWS)}
    if form.random() < 0.8:
        limits["max_output_tokens"] = min(dice.choice(_OUTPUTS), limits["context_window"])
    return limits


def _prices(kind: str, form: random.Random, dice: random.Random) -> dict[str, Price]:
    if kind == "image":
        return {"image": dice.choice(_IMAGE_PRICES)}
    price = dice.choice(_INPUT_PRICES)
    if kind == "embedding":
        return {"input": price}
    prices = {"input": price, "output": price * 5}
    if form.random() < 0.8:
        prices["cache_read"] = price / 10
    if form.random() < 0.2:
        prices |= {"cache_write_5m": price * Decimal("1.25"), "cache_write_1h": price * 2}
    elif form.random() < 0.2:
        prices["cache_write"] = price * Decimal("1.25")
    if form.random() < 0.1:
        prices |= {"tiers.above_200k.input": price * 2, "tiers.above_200k.output": price * Decimal("7.5")}
    if form.random() < 0.5:
        prices |= {"batch.input": price / 2, "batch.output": price * Decimal("2.5")}
    if form.random() < 0.4:
        prices["search"] = Decimal(dice.choice((10, 14, 25)))
    return prices


def _capabilities(kind: str, form: random.Random, dice: random.Random) -> dict[str, bool]:
    if kind == "embedding":
        return {}
    if kind == "image":
        return {"vision": True, "image_edit": dice.random() < 0.5}
    flags = {"tools": True}
    if form.random() < 0.3:
        flags["strict_tools"] = True
    flags["vision"] = dice.random() < 0.7
    flags["streaming"] = True
    flags["reasoning"] = dice.random() < 0.6
    flags["json_schema"] = dice.random() < 0.9
    return flags


def _metadata(kind: str, count: int, form: random.Random, dice: random.Random) -> dict[str, Value]:
    """``count`` keys, the flags more often the earlier they stand in the list."""
    flags = list(_FLAGS[: max(count + 6, 10)])
    form.shuffle(flags)
    found: dict[str, Value] = {flags.pop(): True}
    if kind == "embedding":
        found["embedding_dimensions"] = dice.choice((768, 1024, 1536, 3072))
    if form.random() < 0.25:
        found["deprecation_date"] = f"2027-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
    if form.random() < 0.5:
        found["knowledge_cutoff"] = f"2025-{dice.randrange(1, 13):02d}"
    if form.random() < 0.3:
        found["region"] = dice.choice(("us", "europe"))
    if form.random() < 0.3:
        found |= {rating: dice.randrange(1, 6) for rating in _RATINGS}
    while len(found) < count and flags:
        found[flags.pop()] = dice.random() < 0.8
    return found
