"""The published JSON Schemas (2020-12), generated from the models and the tables.

They are for editors and other people's tools; the hot path never uses them. Every rule about one
document's own shape is in them, with the same verdict as ours. Each stands alone: no `$id`, and no
`$ref` to another file, so that a relative path or a file URL is enough to use it.

What JSON Schema cannot say, so that only we refuse it: a whole number that is written with a point
(128000.0 is a whole number to it, and a mistake to us).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from reconciler.declared import Diff
from reconciler.guards.acknowledgementfile import AcknowledgementFile
from reconciler.guards.acknowledgements import OF_A_REGISTRY, OF_THE_RUN
from reconciler.manifests.config import Config
from reconciler.manifests.model import Model
from reconciler.manifests.provider import Provider
from reconciler.plan import Plan
from reconciler.registries import KINDS
from reconciler.registries.kind import Kind
from reconciler.review import Review
from reconciler.schemas.drift import drift_schema
from reconciler.schemas.faults import faults_schema
from reconciler.schemas.journal import journal_schema
from reconciler.schemas.native import FREE_VALUES, native_schema
from reconciler.schemas.plan import complete_diff, complete_plan, complete_review
from reconciler.schemas.prices import price_check_schema
from reconciler.schemas.pricing import PRICE_RULES, complete_prices
from reconciler.schemas.probe import probe_schema
from reconciler.schemas.tidy import Schema, hoisted, titled


def schemas(kinds: Mapping[str, Kind] = KINDS) -> dict[str, Schema]:
    """Every schema by its file name, for ``kinds`` of registries; PluginError where one is broken."""
    return {name: schema_of(name, kinds) for name in NAMES}


def schema_of(name: str, kinds: Mapping[str, Kind] = KINDS) -> Schema:
    """The schema of the file ``name``, one of ``NAMES``: all of them take twelve times as long."""
    return _BUILDERS[name](list(kinds.values()))


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


def _config_schema(kinds: Iterable[Kind]) -> Schema:
    schema = titled(Config.model_json_schema(), "reconciler: reconciler.yaml")
    entry = schema["$defs"]["RegistryEntry"]
    text = entry["properties"]["kind"]["description"]
    names = [kind.name for kind in kinds]
    entry["properties"]["kind"] = {"description": text, "type": "string", "enum": names}
    entry["oneOf"] = [
        {"required": ["url"], "properties": {"probe": False}, "not": {"required": ["token", "auth"]}},
        {"required": ["embedded"], "properties": {"token": False, "auth": False}},
    ]
    return schema


def _acknowledgements_schema(_kinds: Iterable[Kind]) -> Schema:
    schema = titled(AcknowledgementFile.model_json_schema(), "reconciler: acknowledgements.yaml")
    for name, text in {
        "apiVersion": "The version of this format.",
        "kind": "The kind of document.",
        "acknowledgements": "The changes that a guard would refuse and that are let through.",
    }.items():
        schema["properties"][name] = {"description": text, **schema["properties"][name]}
    entry = schema["$defs"]["Acknowledgement"]
    of_one = [name for name in entry["properties"]["guard"]["enum"] if name not in OF_A_REGISTRY]
    of_a_registry = [name for name in OF_A_REGISTRY if name not in OF_THE_RUN]
    entry["oneOf"] = [
        {"properties": {"guard": {"enum": of_one}}, "required": ["model", "registry"]},
        {"properties": {"guard": {"enum": of_a_registry}, "model": False}, "required": ["registry"]},
        {"properties": {"guard": {"enum": list(OF_THE_RUN)}, "model": False}},
    ]
    return schema


def _model_schema(kinds: Sequence[Kind]) -> Schema:
    schema = hoisted(titled(Model.model_json_schema(), "reconciler: a Model manifest"))
    definitions = schema["$defs"]
    complete_prices(definitions)
    _complete_native(definitions, ("Spec", "SpecPatch"), "Model", kinds)
    definitions |= PRICE_RULES | FREE_VALUES
    return schema


def _provider_schema(kinds: Sequence[Kind]) -> Schema:
    schema = titled(Provider.model_json_schema(), "reconciler: a Provider manifest")
    definitions = schema["$defs"]
    _complete_native(definitions, ("ProviderSpec", "ProviderSpecPatch"), "Provider", kinds)
    definitions |= FREE_VALUES
    return schema


def _complete_native(
    definitions: dict[str, Schema], owners: Sequence[str], resource: str, kinds: Sequence[Kind]
) -> None:
    """Says in ``owners`` what each kind of registry takes for ``resource`` under `native`."""
    for name in owners:
        properties = definitions[name]["properties"]
        properties["native"] = {
            "description": properties["native"]["description"],
            "type": "object",
            "properties": {
                kind.name: {
                    "description": f"What only {kind.title} has.",
                    "$ref": f"#/$defs/native.{kind.name}",
                }
                for kind in kinds
            },
            "additionalProperties": False,
        }
    for kind in kinds:
        definitions[f"native.{kind.name}"] = native_schema(kind, resource)


def _plan_schema(_kinds: Iterable[Kind]) -> Schema:
    return complete_plan(
        titled(TypeAdapter(Plan).json_schema(mode="serialization"), "reconciler: a plan document")
    )


def _diff_schema(_kinds: Iterable[Kind]) -> Schema:
    return complete_diff(
        titled(TypeAdapter(Diff).json_schema(mode="serialization"), "reconciler: a diff document")
    )


def _review_schema(_kinds: Iterable[Kind]) -> Schema:
    return complete_review(
        titled(TypeAdapter(Review).json_schema(mode="serialization"), "reconciler: a review document")
    )


_BUILDERS: Final[Mapping[str, Callable[[Sequence[Kind]], Schema]]] = {
    "model.schema.json": _model_schema,
    "provider.schema.json": _provider_schema,
    "config.schema.json": _config_schema,
    "acknowledgements.schema.json": _acknowledgements_schema,
    "plan.schema.json": _plan_schema,
    "diff.schema.json": _diff_schema,
    "review.schema.json": _review_schema,
    "drift.schema.json": lambda _kinds: drift_schema(),
    "probe.schema.json": lambda _kinds: probe_schema(),
    "journal.schema.json": lambda _kinds: journal_schema(),
    "price-check.schema.json": lambda _kinds: price_check_schema(),
    "faults.schema.json": lambda _kinds: faults_schema(),
}
NAMES: Final = tuple(_BUILDERS)
"""The files, in the order in which they are told."""

__all__ = ["NAMES", "Schema", "native_schema", "schema_of", "schemas", "text_of", "write_schemas"]
