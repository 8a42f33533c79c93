"""The published schemas: current, self-contained, explained, and true of real documents."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from published import published

from reconciler.cli.app import run
from reconciler.manifests.yamltree import parse
from reconciler.registries import BUILT_IN
from reconciler.registries.codecs import Text
from reconciler.registries.orq.fields import GENERIC
from reconciler.registries.orq.kind import ORQ
from reconciler.registries.orq.metadata import KEYS
from reconciler.registries.rows import Point, Row
from reconciler.schemas import NAMES, native_schema, schema_of, text_of, write_schemas

ROOT = Path(__file__).parents[1]
FILES = sorted(NAMES)


def nodes(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every schema within a schema. `properties` and the like are not schemas but mappings of them."""
    if isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from nodes(item, f"{path}[{index}]")
        return
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key, below in schema.items():
        if key in ("properties", "patternProperties", "$defs"):
            for name, item in below.items():
                yield from nodes(item, f"{path}/{key}/{name}")
        elif key not in ("examples", "enum", "const", "default", "required"):
            yield from nodes(below, f"{path}/{key}")


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_current(name: str) -> None:
    assert (ROOT / "schemas" / name).read_text() == text_of(schema_of(name, BUILT_IN)), "run `make schemas`"


def test_no_other_file_is_among_them() -> None:
    assert sorted(path.name for path in (ROOT / "schemas").iterdir()) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_schema_stands_alone(name: str) -> None:
    schema = published(name)
    Draft202012Validator.check_schema(schema)
    for path, node in nodes(schema):
        assert "$id" not in node, path
        if "$ref" in node:
            definition = node["$ref"].removeprefix("#/$defs/")
            assert definition in schema["$defs"], path
    assert {ref for ref in schema["$defs"] if f'"#/$defs/{ref}"' not in json.dumps(schema)} == set()


@pytest.mark.parametrize("name", FILES)
def test_every_field_is_explained(name: str) -> None:
    silent = [
        f"{path}: {field}"
        for path, node in nodes(published(name))
        for field, below in node.get("properties", {}).items()
        if not any(word in path for word in ("allOf", "oneOf", "/if", "/else", "pricing.no"))
        and not below.get("description")
    ]
    assert silent == []


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_left_over_from_pydantic(name: str) -> None:
    for path, node in nodes(published(name)):
        assert "title" not in node or path == "", path
        assert node.get("anyOf") is None or len(node["anyOf"]) > 1, path
        assert "default" not in node or node["default"] is not None, path


@pytest.mark.parametrize("name", FILES)
def test_examples_and_defaults_are_valid(name: str) -> None:
    schema = published(name)
    for path, node in nodes(schema):
        one = Draft202012Validator({**node, "$defs": schema["$defs"]})
        for example in [*node.get("examples", ()), *([node["default"]] if "default" in node else ())]:
            assert one.is_valid(example), f"{path}: {example}"


def test_every_metadata_key_is_there_with_its_unit_or_its_portable_name() -> None:
    metadata = published("model.schema.json")["$defs"]["native.orq"]["properties"]["metadata"]["properties"]
    assert set(metadata) == set(KEYS)
    text = {key: field["description"] for key, field in metadata.items()}
    assert text["million_tokens_input_cost"] == "Same as pricing.input. A number, in USD / 1M tokens."
    assert text["supports_tool_calling"] == "Same as capabilities.tools. True or false."
    assert text["per_video_second_cost"] == "Same as pricing.video_second. A number, in USD / second."
    assert text["reasoning_cost"] == "Reasoning cost. A number; no unit is published."
    assert text["supports_pdf_input"] == "Supports PDF input. True or false."


def test_the_order_of_the_fields_is_that_of_the_model() -> None:
    spec = published("model.schema.json")["$defs"]["Spec"]["properties"]
    assert list(spec)[:3] == ["display_name", "description", "type"]
    spec = published("provider.schema.json")["$defs"]["ProviderSpec"]["properties"]
    assert list(spec) == ["display_name", "endpoint", "native", "registries", "overrides"]


def test_native_holds_what_the_tables_of_the_resource_say() -> None:
    model, provider = (native_schema(ORQ, resource) for resource in ("Model", "Provider"))
    assert model == native_schema(ORQ)
    assert model["additionalProperties"] is False
    assert "properties" not in provider
    assert provider["additionalProperties"] == {"$ref": "#/$defs/free"}
    assert list(provider["patternProperties"].values()) == [{"$ref": "#/$defs/free.credential"}]


def test_native_of_a_resource_with_a_table_is_closed_and_unmixed() -> None:
    row = Row(codec=Text(), points=(Point(("provider_id",), update=False),), native=(("provider_id",),))
    table = replace(GENERIC, resource="Provider", variant="providers", rows=(row,))
    kind = replace(ORQ, tables={**ORQ.tables, table.variant: table})
    provider = native_schema(kind, "Provider")
    assert list(provider["properties"]) == ["provider_id"]
    text = provider["properties"]["provider_id"]["description"]
    assert text == "Provider id. A text. Sent when the provider is created; never changed later."
    assert provider["additionalProperties"] is False
    assert native_schema(kind) == native_schema(ORQ)


def test_write_schemas(tmp_path: Path) -> None:
    written = write_schemas(tmp_path / "new" / "folder")
    assert sorted(path.name for path in written) == FILES
    assert all(json.loads(path.read_text()) == published(path.name) for path in written)


EXAMPLES = [path for path in sorted((ROOT / "examples").rglob("*.yaml")) if "deploy" not in path.parts]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid(path: Path) -> None:
    documents, problems = parse(path.read_bytes(), path.name)
    assert problems == []
    for document in documents:
        name = str(document.root["kind"]).lower()
        validator = Draft202012Validator(published(f"{name}.schema.json"))
        assert [error.message for error in validator.iter_errors(document.root)] == []


# --- plan documents ---------------------------------------------------------------------------------


def closed(schema: Any) -> Any:
    """The schema, refusing every field that it does not list: what is written must be described."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(item) for key, item in schema.items()}
    if isinstance(schema.get("properties"), dict) and "required" in schema:
        result["additionalProperties"] = False
    return result


PLANS = Draft202012Validator(closed(published("plan.schema.json")))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "examples" / "catalog", tmp_path / "catalog")
    monkeypatch.chdir(tmp_path / "catalog")
    return tmp_path / "catalog"


def plan(capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    assert run(["plan", "-o", "json"]) == code
    document = json.loads(capsys.readouterr().out, parse_float=Decimal)
    assert [f"{error.json_path}: {error.message}" for error in PLANS.iter_errors(document)] == []
    return document


def operations(document: Any) -> set[str]:
    return {action["operation"] for registry in document["registries"] for action in registry["actions"]}


def test_plans_before_and_after_an_apply(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert operations(plan(capsys)) == {"create"}
    assert run(["apply", "--yes", "-o", "json"]) == 0
    outcome = json.loads(capsys.readouterr().out, parse_float=Decimal)
    assert PLANS.is_valid(outcome["plan"])
    assert operations(plan(capsys)) == {"none"}
    model = folder / "models" / "deepseek-v4-pro.yaml"
    model.write_text(model.read_text().replace("output: 3.96", "output: 4.00"))
    assert operations(plan(capsys)) == {"none", "update"}


def test_a_plan_with_refusals(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, model = folder / "reconciler.yaml", folder / "models" / "deepseek-v4-pro.yaml"
    config.write_text(config.read_text().replace("policies: [policies/*.json]", ""))
    model.write_text(model.read_text().replace("currency: USD", "currency: EUR"))
    assert operations(plan(capsys, 3)) == {"create", "refused"}


def test_a_plan_of_a_registry_that_does_not_answer(
    folder: Path, capsys: pytest.CaptureFixture[str], no_pauses: None
) -> None:
    (folder / "reconciler.yaml").write_text(
        "{apiVersion: reconciler/v1, kind: Config, default_registries: [live],"
        " registries: {live: {kind: orq, url: 'http://127.0.0.1:9'}}}"
    )
    (registry,) = plan(capsys, 1)["registries"]
    assert registry["failure"]["code"] == "unreachable"
