"""pydantic's schemas in the form that people read: no leftovers, short types, the usual order of keys."""

from __future__ import annotations

from typing import Any, Final

from reconciler.manifests.fields import (
    ImagePrice,
    JsonSchema,
    SearchPrice,
    SecondPrice,
    TokenPrice,
)

Schema = JsonSchema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_MAPS: Final = ("$defs", "properties", "patternProperties")
_NULL: Final[Schema] = {"type": "null"}
_ORDER: Final = (
    "$schema",
    "title",
    "description",
    "$ref",
    "type",
    "const",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "patternErrorMessage",
    "default",
    "examples",
    "properties",
    "patternProperties",
    "additionalProperties",
    "required",
)
_NAMED: Final = {
    "TokenPrice": (TokenPrice, "A price per token: a number per pricing.unit, or a text with its own unit."),
    "ImagePrice": (ImagePrice, "A price per image, with its unit."),
    "SecondPrice": (SecondPrice, "A price per second, with its unit."),
    "SearchPrice": (SearchPrice, "A price per search, with its unit."),
}


def titled(schema: Schema, title: str) -> Schema:
    """A whole schema, tidy and under ``title``."""
    result = tidy(schema)
    definitions = result.get("$defs", {})
    for node in (result, *definitions.values()):
        properties = node.get("properties", {})
        for name, field in properties.items():
            if set(field) == {"$ref"}:  # pydantic drops a description that its target has as well
                target = definitions[field["$ref"].removeprefix("#/$defs/")]
                properties[name] = {"description": target["description"], **field}
    return ordered({"$schema": DIALECT, **result, "title": title})


def tidy(schema: Any) -> Any:
    """``schema`` without what pydantic adds and nobody reads, and with closed mappings."""
    if isinstance(schema, list):
        return [tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: {name: tidy(below) for name, below in item.items()} if key in _MAPS else tidy(item)
        for key, item in schema.items()
        if not (key == "title" and isinstance(item, str)) and not (key == "default" and item in (None, []))
    }
    if isinstance(kept.get("patternProperties"), dict):
        # A name that fits no pattern is a mistake; JSON Schema would let it through with any value.
        kept.setdefault("additionalProperties", False)
        kept.pop("propertyNames", None)
    return ordered(nullable(kept))


def nullable(schema: Schema) -> Schema:
    """``anyOf`` of one simple schema and null, as one schema with two types: editors explain it better."""
    choices = schema.get("anyOf")
    if not isinstance(choices, list) or len(choices) != 2 or _NULL not in choices:
        return schema
    [other] = [choice for choice in choices if choice != _NULL]
    around = {key: item for key, item in schema.items() if key != "anyOf"}
    return {**or_null(other), **around} if "type" in other else schema


def or_null(schema: Schema) -> Schema:
    """A schema, and null as well."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "type" not in schema:
        return schema
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    result = {**schema, "type": [*types, "null"]}
    if "enum" in schema:
        result["enum"] = [*schema["enum"], None]
    return result


def ordered(schema: Schema) -> Schema:
    """The keys in the order in which people read them; the definitions last."""

    def rank(key: str) -> int:
        if key == "$defs":
            return len(_ORDER) + 1
        return _ORDER.index(key) if key in _ORDER else len(_ORDER)

    return {key: schema[key] for key in sorted(schema, key=rank)}


def hoisted(schema: Schema) -> Schema:
    """The price forms, which many fields share, under names of their own."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - only here

    cores: list[tuple[str, Schema]] = []
    for name, (annotation, text) in _NAMED.items():
        core = tidy(TypeAdapter(annotation | None).json_schema())
        cores.append((name, core))
        schema["$defs"][name] = {"description": f"{text} null: must not be set.", **core}
    definitions = schema["$defs"]
    for name, definition in definitions.items():
        if name not in _NAMED:
            definitions[name] = _with_refs(definition, cores)
    return schema


def _with_refs(node: Any, cores: list[tuple[str, Schema]]) -> Any:
    if isinstance(node, list):
        return [_with_refs(item, cores) for item in node]
    if not isinstance(node, dict):
        return node
    for name, core in cores:
        bare = {key: item for key, item in node.items() if key != "description"}
        if bare == core:
            return {"description": node["description"], "$ref": f"#/$defs/{name}"}
    return {key: _with_refs(item, cores) for key, item in node.items()}
