"""The rules of `pricing` as a whole: a bare number needs `unit`, any price needs `currency`."""

from __future__ import annotations

from typing import Any, Final

from reconciler.manifests.model import InOut, PricingPatch, TierPrices
from reconciler.schemas.tidy import Schema

_GROUPS: Final = ("batch", "audio")
_NOT_PRICES: Final = ("unit", "currency", "tiers", "compare", *_GROUPS)
_SINGLE: Final = tuple(name for name in PricingPatch.model_fields if name not in _NOT_PRICES)


def _no_price(allowed: Schema) -> Schema:
    """A schema that holds where every price is ``allowed``."""

    def all_of(names: Any) -> Schema:
        return {"properties": dict.fromkeys(names, allowed)}

    groups = dict.fromkeys(_GROUPS, all_of(InOut.model_fields))
    tiers = {"additionalProperties": all_of(TierPrices.model_fields)}
    return {"properties": {**dict.fromkeys(_SINGLE, allowed), **groups, "tiers": tiers}}


# With if and else, an editor says which field is missing; with anyOf it would say that nothing fits.
_RULES: Final[dict[str, tuple[str, Schema, str]]] = {
    "unit": ("pricing.noBareNumber", {"not": {"type": "number"}}, "No price is a bare number."),
    "currency": ("pricing.noPrice", {"type": "null"}, "There is no price."),
}
PRICE_RULES: Final[dict[str, Schema]] = {
    name: {"description": text, **_no_price(allowed)} for name, allowed, text in _RULES.values()
}


def _rule(field: str) -> Schema:
    return {"if": {"$ref": f"#/$defs/{_RULES[field][0]}"}, "else": {"required": [field]}}


def _rule_of_overrides(field: str) -> Schema:
    """In an override the unit and the currency may come from the spec that it is laid over."""
    base = {"required": ["pricing"], "properties": {"pricing": {"required": [field]}}}
    override = {"properties": {"pricing": _rule(field)}}
    return {"if": base, "else": {"properties": {"overrides": {"additionalProperties": override}}}}


def complete_prices(definitions: dict[str, Schema]) -> None:
    """Adds the rules that pydantic keeps in code."""
    definitions["Pricing"]["allOf"] = [_rule(field) for field in _RULES]
    definitions["Spec"]["allOf"] = [_rule_of_overrides(field) for field in _RULES]
