"""The `Model` manifest: every portable field, its type, its meaning.

These classes are the one source of the portable vocabulary: the published schema, the manifest
reference, the flat paths of the diff and the "did you mean" of an unknown field are read from them.
What it shares with other kinds of manifest is in ``resource.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from annotated_types import Ge
from pydantic import BaseModel, Field, model_validator

from reconciler.manifests.fields import (
    Amount,
    CatalogueEntry,
    Currency,
    ImagePrice,
    Markup,
    ModelType,
    Omittable,
    ProviderWord,
    SearchPrice,
    SecondPrice,
    Shared,
    Strict,
    TierName,
    TokenPrice,
    TokenUnit,
    Tolerance,
    failure,
)
from reconciler.manifests.resource import (
    ApiVersion,
    Metadata,
    Native,
    Overrides,
    Registries,
    UpstreamKey,
    UpstreamUrl,
)

Tokens = Annotated[int, Ge(1)]


class Endpoint(Strict):
    """An OpenAI-compatible upstream of your own."""

    base_url: UpstreamUrl = None
    region: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Where it runs; any label that the registry shows.", examples=["europe"]
    )
    api_key: UpstreamKey = None


class Limits(Shared):
    """Sizes in tokens."""

    context_window: Tokens | None = Field(
        None, description="Input and output together, in tokens.", examples=[128000]
    )
    max_output_tokens: Tokens | None = Field(
        None, description="The longest answer, in tokens.", examples=[16384]
    )


class InOut(Shared):
    """A pair of token prices."""

    input: TokenPrice | None = Field(None, description="Per input token.")
    output: TokenPrice | None = Field(None, description="Per output token.")


class TierPrices(InOut):
    """Token prices that hold once the input is longer than the tier's name says."""

    cache_read: TokenPrice | None = Field(None, description="Per input token read from the cache.")
    cache_write: TokenPrice | None = Field(None, description="Per input token written to the cache.")


class Compare(Strict):
    """What `reconciler prices check` compares the prices with; sent to no registry."""

    catalogue: Omittable[CatalogueEntry] = Field(
        None, description="The entry that is meant; left out, it is found by provider and model."
    )
    markup: Omittable[Markup] = Field(
        None, description="What is meant to come on top of the catalogue's prices; negative for a discount."
    )
    tolerance: Omittable[Tolerance] = Field(
        None, description="How far a price may be from what is expected; none if left out."
    )


class PricingPatch(InOut):
    """Prices as `overrides` may change them: unit and currency may come from the base."""

    unit: Omittable[TokenUnit] = Field(
        None, description="What every bare number here is per; bare numbers are always for tokens."
    )
    currency: Omittable[Currency] = Field(None, description="ISO 4217 code of every price here.")
    cache_read: TokenPrice | None = Field(None, description="Per input token read from the cache.")
    cache_write: TokenPrice | None = Field(None, description="Per input token written to the cache.")
    cache_write_5m: TokenPrice | None = Field(
        None, description="Per input token written to the cache for five minutes."
    )
    cache_write_1h: TokenPrice | None = Field(
        None, description="Per input token written to the cache for one hour."
    )
    reasoning: TokenPrice | None = Field(None, description="Per reasoning token.")
    batch: Omittable[InOut] = Field(None, description="Prices of the batch API.")
    audio: Omittable[InOut] = Field(None, description="Prices of audio tokens.")
    tiers: Omittable[dict[TierName, TierPrices]] = Field(
        None, description="Prices past a length of input, by names such as above_200k."
    )
    image: ImagePrice | None = Field(None, description="Per image made, with its unit.")
    video_second: SecondPrice | None = Field(None, description="Per second of video made, with its unit.")
    video_second_1080p: SecondPrice | None = Field(
        None, description="Per second of video made in 1080p, with its unit."
    )
    search: SearchPrice | None = Field(None, description="Per web search, with its unit.")
    compare: Omittable[Compare] = Field(
        None, description="What `reconciler prices check` compares these prices with; sent to no registry."
    )


class Pricing(PricingPatch):
    """Prices. A bare number needs `unit`; any price needs `currency`."""

    @model_validator(mode="after")
    def _complete(self) -> Pricing:
        if {"unit", "currency"} <= self.model_fields_set:
            return self  # which is so for nearly all of thousands
        for code, message, hint in pricing_gaps(_declared(self)):
            raise failure(code, message, hint)
        return self


def pricing_gaps(
    pricing: Mapping[str, Any], base: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, str, str]]:
    """What `pricing` as a whole lacks: code, message and hint. ``base`` is what it is laid over.

    Takes raw mappings too, so that a document with other mistakes is told of these as well.
    """
    known = {*pricing, *(base or {})}
    if "unit" in known and "currency" in known:
        return  # which is so for nearly all of thousands
    prices = list(_prices(pricing))
    bare = [path for path, has_unit in prices if not has_unit]
    if bare and "unit" not in known:
        yield "price-unit", f"pricing.{bare[0]} has no unit", "add `unit: 1M tokens` to pricing"
    if prices and "currency" not in known:
        yield "currency", f"pricing.{prices[0][0]} has no currency", "add `currency: USD` to pricing"


def _declared(model: BaseModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in type(model).model_fields if name in model.model_fields_set}


def _prices(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, bool]]:
    """Every price by its path, and whether it has a unit of its own. Passes over what is no price."""
    for key, value in tree.items():
        if isinstance(value, Amount):
            yield above + key, value.unit is not None
        elif isinstance(value, Mapping | BaseModel):
            below = value if isinstance(value, Mapping) else _declared(value)
            yield from _prices(below, f"{above}{key}.")
        elif isinstance(value, int | Decimal | str) and key in _TOKEN_PRICES and not isinstance(value, bool):
            yield above + key, isinstance(value, str)
        elif isinstance(value, int | Decimal | str) and key in _OTHER_PRICES and not isinstance(value, bool):
            yield above + key, True


_OTHER_PRICES: Final = ("image", "video_second", "video_second_1080p", "search")
_TOKEN_PRICES: Final = tuple(
    name
    for name in PricingPatch.model_fields
    if name not in (*_OTHER_PRICES, "unit", "currency", "batch", "audio", "tiers", "compare")
)


class Capabilities(Shared):
    """What the model can do."""

    tools: bool | None = Field(None, description="Function calling.")
    vision: bool | None = Field(None, description="Images as input.")
    streaming: bool | None = Field(None, description="Answers as a stream.")
    reasoning: bool | None = Field(None, description="Reasoning before the answer.")
    strict_tools: bool | None = Field(None, description="Tool arguments held to their schema.")
    image_edit: bool | None = Field(None, description="Editing of images.")
    json_schema: bool | None = Field(None, description="Answers held to a JSON Schema.")


class SpecPatch(Strict):
    """The part of `spec` that `overrides` may change."""

    display_name: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="The name that people see.", examples=["Support mini"]
    )
    description: str | None = Field(None, description="What the model is for.")
    type: ModelType | None = Field(None, description="What it does.", examples=["chat"])
    developer: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Who made the model.", examples=["OpenAI"]
    )
    family: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="The family that it belongs to.", examples=["gpt-4o"]
    )
    provider: ProviderWord | None = Field(
        None, description="Who serves it, in our word; each kind has its own.", examples=["azure-openai"]
    )
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        None, description="Its id at that provider.", examples=["gpt-4o-mini-2024-07-18"]
    )
    endpoint: Omittable[Endpoint] = Field(None, description="An OpenAI-compatible upstream of your own.")
    limits: Omittable[Limits] = Field(None, description="Sizes in tokens.")
    pricing: Omittable[PricingPatch] = Field(None, description="Prices, each with its unit.")
    capabilities: Omittable[Capabilities] = Field(None, description="What the model can do.")
    native: Native = None


class Spec(SpecPatch):
    """What a registry shall hold. A field that is left out is not managed; null must not be set."""

    registries: Registries = None
    pricing: Omittable[Pricing] = Field(None, description="Prices, each with its unit.")
    overrides: Overrides[SpecPatch] = None


class Model(Strict):
    """One model, as every registry that is named in it shall hold it."""

    apiVersion: ApiVersion  # noqa: N815 - the field's name is given
    kind: Literal["Model"] = Field(description="The kind of manifest.")
    metadata: Metadata = Field(description="Who the manifest is, on our side; sent nowhere but as a default.")
    spec: Spec = Field(description="What a registry shall hold. Left out: not managed; null: not to be set.")
