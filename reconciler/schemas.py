"""The published JSON Schemas (2020-12), generated from the models and the tables.

They are for editors and other people's tools; the hot path never uses them. Every rule about one
document's own shape is in them, with the same verdict as ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from reconciler.guards import AcknowledgementFile
from reconciler.manifests.config import Config
from reconciler.manifests.model import Model
from reconciler.plan import Plan
from reconciler.registries import KINDS
from reconciler.registries.interface import Kind
from reconciler.registries.providers import PROVIDERS
from reconciler.registries.rows import ANY, REST, Table
from reconciler.registries.rows import Path as RowPath

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TOKEN_PRICES: Final = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
)
_OTHER_PRICES: Final = ("image", "video_second", "video_second_1080p", "search")
_PAIRS: Final = ("batch", "audio")


def schemas() -> dict[str, Schema]:
    """Every schema by its file name."""
    return {
        "model.schema.json": _model_schema(),
        "config.schema.json": _config_schema(),
        "acknowledgements.schema.json": _titled(
            AcknowledgementFile.model_json_schema(), "reconciler acknowledgements.yaml"
        ),
        "plan.schema.json": _titled(
            TypeAdapter(Plan).json_schema(mode="serialization"), "reconciler plan document"
        ),
    }


def text_of(schema: Schema) -> str:
    """A schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Writes every schema into ``folder``; gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in schemas().items():
        path = folder / name
        path.write_text(text_of(schema), encoding="utf-8")
        written.append(path)
    return written


def _titled(schema: Schema, title: str) -> Schema:
    tidy = _tidy(schema)
    assert isinstance(tidy, dict)
    return {"$schema": DIALECT, **tidy, "title": title}


def _tidy(value: Any) -> Any:
    """Without the titles and null defaults that pydantic adds and nobody reads."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: item
        for key, item in value.items()
        if not (key == "title" and isinstance(item, str)) and not (key == "default" and item is None)
    }
    return {key: _tidy(item) for key, item in kept.items()}


def _config_schema() -> Schema:
    schema = _titled(Config.model_json_schema(), "reconciler.yaml")
    entry = schema["$defs"]["RegistryEntry"]
    entry["properties"]["kind"] = {
        "enum": list(KINDS),
        "description": entry["properties"]["kind"]["description"],
    }
    entry["oneOf"] = [
        {"required": ["url"]},
        {"required": ["embedded"], "properties": {"token": False}},
    ]
    return schema


def _model_schema() -> Schema:
    schema = _titled(Model.model_json_schema(), "reconciler Model manifest")
    definitions = schema["$defs"]
    definitions["Pricing"]["allOf"] = [
        {"anyOf": [{"required": ["unit"]}, _no_price({"type": ["string", "null"]}, bare=True)]},
        {"anyOf": [{"required": ["currency"]}, _no_price({"type": "null"}, bare=False)]},
    ]
    for name in ("Spec", "SpecPatch"):
        properties = definitions[name]["properties"]
        properties["provider"] = {
            "anyOf": [{"type": "null"}, {"enum": sorted(PROVIDERS)}],
            "description": properties["provider"]["description"],
        }
        properties["native"] = {
            "type": "object",
            "properties": {kind.name: {"$ref": f"#/$defs/native.{kind.name}"} for kind in KINDS.values()},
            "additionalProperties": False,
            "description": properties["native"]["description"],
        }
    for kind in KINDS.values():
        definitions[f"native.{kind.name}"] = native_schema(kind)
    return schema


def _no_price(allowed: Schema, *, bare: bool) -> Schema:
    """A schema that holds where every price is ``allowed``; ``bare``: only prices per token matter."""
    pair = {"properties": dict.fromkeys(("input", "output", "cache_read", "cache_write"), allowed)}
    names = _TOKEN_PRICES if bare else (*_TOKEN_PRICES, *_OTHER_PRICES)
    return {
        "properties": {
            **dict.fromkeys(names, allowed),
            **dict.fromkeys(_PAIRS, pair),
            "tiers": {"additionalProperties": pair},
        }
    }


def native_schema(kind: Kind) -> Schema:
    """The schema of `native.<kind>`: what any of its tables takes."""
    tree: dict[str, Any] = {}
    for table in kind.tables.values():
        for path, schema in native_paths(table).items():
            _put(tree, path, schema)
    return {"description": f"What only {kind.title} has, in its own words.", **_object(tree)}


def native_paths(table: Table) -> Mapping[RowPath, Schema]:
    """Every native path below `native.<kind>` with the schema of its value."""
    return {path: row.codec.schema() for row in table.rows for path in row.native}


_VALUE: Final = "\0value"


def _put(tree: dict[str, Any], path: RowPath, schema: Schema) -> None:
    for step in path:
        tree = tree.setdefault(step, {})
    tree[_VALUE] = schema


def _object(tree: Mapping[str, Any]) -> Schema:
    properties = {
        name: _node(below) for name, below in sorted(tree.items()) if name not in (_VALUE, ANY, REST)
    }
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if ANY in tree:
        schema["additionalProperties"] = _node(tree[ANY])
    elif REST in tree:
        schema["additionalProperties"] = True
    return schema


def _node(tree: Mapping[str, Any]) -> Schema:
    deeper = any(name != _VALUE for name in tree)
    if not deeper:
        return _nullable(tree[_VALUE])
    return _object(tree)


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [{"type": "null"}, schema]} if schema else {}
