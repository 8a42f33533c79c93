"""Manifests of providers against registries: refused where a kind holds none, else by its own table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from house import build_in

from reconciler.desired import Desired, desire_all
from reconciler.errors import Problem
from reconciler.manifests.config import load_config
from reconciler.manifests.load import read_documents
from reconciler.manifests.yamltree import parse
from reconciler.registries.codecs import Address, SecretText, Text, Whole
from reconciler.registries.kind import Kind, Unsupported
from reconciler.registries.orq.kind import ORQ
from reconciler.registries.rows import Call, Echo, Identity, Point, Row, Table
from reconciler.registries.rows import Path as RowPath
from reconciler.secrets import SecretRef

CONFIG = """
apiVersion: reconciler/v1
kind: Config
default_registries: [one]
registries: {one: {kind: orq, embedded: unused.db}}
secrets: {UPSTREAM_KEY: {env: UPSTREAM_KEY, hosts: [llm.example.com]}}
"""
NONE_HERE = Unsupported("kind orq holds no providers")


def row(path: RowPath, codec: Any, **more: Any) -> Row:
    return Row(codec=codec, points=(Point(path),), **more)


PROVIDERS = Table(
    kind="orq",
    variant="provider",
    title="providers",
    resource="Provider",
    rows=(
        row(("name",), Text(), portable=("display_name",)),
        row(("extra", "base_url"), Address(), portable=("endpoint", "base_url"), upstream=True),
        row(("api_key",), SecretText(), portable=("endpoint", "api_key"), echo=Echo.WRITE_ONLY),
        row(("extra", "timeout"), Whole(), native=(("extra", "timeout"),)),
        row(("id",), Text(), native=(("id",),), identity=True),
    ),
    identity=Identity(("native", "orq", "id"), client_chosen=True, natural=(), resembles=()),
    create=Call("create", "POST", "/providers"),
    update=Call("update", "PATCH", "/providers/{id}"),
)


@pytest.fixture
def with_providers(monkeypatch: pytest.MonkeyPatch) -> Kind:
    """A kind that holds both resources, each with tables of its own, in the place of Orq."""

    def choose(resource: str, declared: Mapping[RowPath, Any]) -> Table | Unsupported:
        return PROVIDERS if resource == "Provider" else ORQ.choose(resource, declared)

    kind = replace(ORQ, tables={**ORQ.tables, PROVIDERS.variant: PROVIDERS}, choose=choose)
    build_in(monkeypatch, kind)
    return kind


def manifest(spec: str, resource: str = "Provider") -> str:
    return f"{{apiVersion: reconciler/v1, kind: {resource}, metadata: {{name: a}}, spec: {spec}}}\n"


def desire(tmp_path: Path, *manifests: str) -> tuple[list[Desired], list[Problem]]:
    (tmp_path / "models").mkdir()
    (tmp_path / "reconciler.yaml").write_text(CONFIG)
    config = load_config(tmp_path / "reconciler.yaml", "reconciler.yaml")
    documents, problems = parse("---\n".join(manifests).encode(), "a.yaml")
    loaded = read_documents(config, documents)
    desired, found = desire_all(config, loaded)
    return desired, [*problems, *loaded.problems, *found]


def told(problems: list[Problem]) -> list[str]:
    return [f"{problem.path}: {problem.code}" for problem in problems]


def test_orq_holds_models_only() -> None:
    assert ORQ.choose("Provider", {}) == ORQ.choose("Provider", {("endpoint", "base_url"): "x"}) == NONE_HERE
    assert ORQ.choose("Model", {}) is ORQ.tables_of("Model")[0]
    assert ORQ.tables_of("Provider") == ()


def test_a_provider_is_refused_where_the_kind_holds_none(tmp_path: Path) -> None:
    [desired], problems = desire(tmp_path, manifest("{display_name: House, native: {orq: {any: thing}}}"))
    assert problems == []
    assert (desired.manifest.resource, desired.table, desired.fields) == ("Provider", None, {})
    assert [(one.code, one.message) for one in desired.refusals] == [("unsupported", NONE_HERE.message)]


def test_its_secret_is_checked_all_the_same(tmp_path: Path) -> None:
    spec = "{endpoint: {base_url: 'https://elsewhere.example.com', api_key: {secret: UPSTREAM_KEY}}}"
    assert told(desire(tmp_path, manifest(spec))[1]) == ["spec.endpoint.api_key: secret-host"]


def test_each_resource_is_read_by_its_own_table(tmp_path: Path, with_providers: Kind) -> None:
    provider = manifest(
        "{display_name: House, native: {orq: {extra: {timeout: 60}}},"
        " endpoint: {base_url: 'https://llm.example.com/v1', api_key: {secret: UPSTREAM_KEY}},"
        " overrides: {one: {display_name: null, native: {orq: {extra: {timeout: 30}}}}}}"
    )
    model = manifest("{type: chat, native: {orq: {metadata: {offline: true}}}}", "Model")
    desired, problems = desire(tmp_path, provider, model)
    assert problems == []
    assert [one.table.resource for one in desired if one.table] == ["Provider", "Model"]
    assert {path: value for path, (_, value) in desired[0].fields.items()} == {
        ("display_name",): None,
        ("endpoint", "base_url"): "https://llm.example.com/v1",
        ("endpoint", "api_key"): SecretRef("UPSTREAM_KEY"),
        ("native", "orq", "extra", "timeout"): 30,
    }


def test_a_native_field_of_the_other_resource_is_unknown(tmp_path: Path, with_providers: Kind) -> None:
    provider = manifest("{native: {orq: {metadata: {offline: true}}}}")
    model = manifest("{native: {orq: {extra: {timeout: 60}}}}", "Model")
    assert told(desire(tmp_path, provider, model)[1]) == [
        "spec.native.orq.metadata: unknown-field",
        "spec.native.orq.extra: unknown-field",
    ]


def test_a_broken_provider_is_read_by_its_own_table_too(tmp_path: Path, with_providers: Kind) -> None:
    spec = "{display_nam: x, native: {orq: {extra: {timeout: soon}, metadata: {}}}}"
    assert told(desire(tmp_path, manifest(spec))[1]) == [
        "spec.display_nam: unknown-field",
        "spec.native.orq.metadata: unknown-field",
        "spec.native.orq.extra.timeout: native-value",
    ]
