"""The document that `prices check -o json` ends with. Every field is always there."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter

from reconciler.prices.check import PriceCheck
from reconciler.schemas.plan import describe
from reconciler.schemas.tidy import Schema, ordered, titled

_FIELDS: Final = {
    "PriceCheck": {
        "package": "The package that the public prices come with.",
        "version": "Its version.",
        "day": "The day whose prices count.",
        "checked": "Every selected manifest that declares a price; more than once where overrides differ.",
        "without_prices": "The names of the selected manifests that declare none.",
    },
    "Checked": {
        "name": "The manifest's name.",
        "registries": "The registries for which it declares these prices.",
        "place": "Where the first of the prices is written.",
        "entry": "The entry of the catalogue, as openai/gpt-4o-mini; null where there is none.",
        "markup": "What is meant to come on top of its prices, as 10%.",
        "tolerance": "How far a price may be from what is expected, as 1%.",
        "hours": "The hours whose prices are compared; null where they do not depend on the hour.",
        "reason": "Why there is no entry.",
        "rows": "One for each declared price.",
        "verdict": "The worst of its prices: one that differs, else one that is unknown.",
    },
    "Row": {
        "path": "The field, as pricing.input.",
        "verdict": "The two compared; unknown where the catalogue has no such price.",
        "declared": "The amount that the manifest declares.",
        "unit": "What all amounts here are in, as USD / 1M tokens.",
        "place": "Where it is written.",
        "listed": "The catalogue's amount.",
        "expected": "The catalogue's amount with the mark-up.",
        "change": "From what is declared to what is expected, as +33%.",
        "reason": "Why it is unknown.",
    },
    "Place": {
        "file": "The file, from where the command ran.",
        "line": "Counts from 1.",
        "column": "Counts from 1.",
    },
}

_HEAD: Final[dict[str, Schema]] = {
    "apiVersion": {"description": "The version of all our documents.", "const": "reconciler/v1"},
    "kind": {"description": "The kind of document.", "const": "PriceCheck"},
    "exit_code": {"description": "What the run ended with.", "type": "integer"},
}


def price_check_schema() -> Schema:
    schema: dict[str, Any] = titled(
        TypeAdapter(PriceCheck).json_schema(mode="serialization"), "reconciler: a comparison of prices"
    )
    checked = schema["$defs"]["Checked"]
    checked["properties"]["verdict"] = schema["$defs"]["Row"]["properties"]["verdict"]
    describe(schema, "PriceCheck", _FIELDS)
    schema["properties"] = _HEAD | schema["properties"]
    schema["required"] = list(schema["properties"])
    return ordered(schema)
