"""What is worked out once for all manifests with the same keys is what is worked out for each alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.manifests import manifest as benchmark_manifest
from benchmarks.models import models
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.load import Manifest, read_documents
from reconciler.manifests.yamltree import parse
from reconciler.outlines import plainly_asked
from reconciler.registries import BUILT_IN
from reconciler.registries.kind import Kind
from reconciler.registries.rows import Table
from tests.properties.house import REGISTRY
from tests.properties.profile import examples
from tests.properties.strategies import Draft, drafts, spoiled

from .manifests import TABLES, documents, loaded_config, manifest_of, ordinarily


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> LoadedConfig:
    return loaded_config(tmp_path_factory.mktemp("outlines"))


def is_answered(config: LoadedConfig, manifest: Manifest, kind: Kind) -> bool:
    """Whether there is a quick answer, which must be the ordinary one."""
    spec = manifest.value.spec
    if spec.overrides:
        return False  # nobody asks
    quick = plainly_asked(kind, manifest.resource, manifest.name, spec)
    if quick is None:
        return False
    slow, problems = ordinarily(config, manifest, kind)
    assert (problems, slow.refusals, slow.hints, slow.overridden) == ([], (), (), frozenset())
    assert quick.table is slow.table
    assert list(quick.fields) == list(slow.fields)
    for path, (item, value) in slow.fields.items():
        assert quick.fields[path][0] == item
        assert (type(quick.fields[path][1]), repr(quick.fields[path][1])) == (type(value), repr(value))
    assert quick.unheld == slow.unheld
    assert list(quick.units.items()) == list(slow.units.items())
    return True


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.kind}-{table.variant}")
def test_manifests_of_every_table(config: LoadedConfig, table: Table) -> None:
    answered: Counter[bool] = Counter()

    @examples(60)
    @given(document=documents(table))
    def check(document: dict[str, Any]) -> None:
        manifest = manifest_of(config, document)
        if manifest is not None:
            answered[is_answered(config, manifest, BUILT_IN[table.kind])] += 1

    check()
    assert answered[False]
    assert answered[True] or table.vendors


@examples(60)
@given(draft=drafts() | spoiled().map(lambda case: case[0]))
def test_manifests_with_trees_secrets_and_overrides(draft: Draft) -> None:
    config = _config()
    for one in (draft, replace(draft, spec={**draft.spec, **draft.over}, over={})):
        document = one.document()
        document["spec"]["registries"] = ["orq"]
        document["spec"].pop("overrides", None)
        manifest = manifest_of(config, document)
        if manifest is not None:
            is_answered(config, manifest, BUILT_IN["orq"])
    assert REGISTRY not in config.value.registries


_kept: list[LoadedConfig] = []


def _config() -> LoadedConfig:
    return _kept[0]


@pytest.fixture(autouse=True, scope="module")
def _keep(config: LoadedConfig) -> None:
    _kept[:] = [config]


HEAD = "apiVersion: reconciler/v1\nkind: Model\nmetadata: {name: a}\nspec: {registries: [orq], type: chat, "
NUMBERS = st.sampled_from(
    ["0.1", "1", "1.50", "1e-3", "0", "3", "'2 / 1K tokens'", "'0.3 / token'", "'1 / image'"]
)


@examples(60)
@given(
    data=st.lists(
        st.tuples(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["1M tokens", "1K tokens"])), min_size=2
    )
)
def test_prices_of_one_outline_keep_their_own_units(data: list[tuple[str, str, str, str]]) -> None:
    """What the first manifest of an outline was told must not be told to the others."""
    config = _config()
    for first, second, third, unit in data:
        prices = f"input: {first}, cache_read: {second}, output: {third}"
        manifest = _manifest(config, f"{HEAD}pricing: {{unit: {unit}, currency: USD, {prices}}}}}")
        if manifest is not None:
            is_answered(config, manifest, BUILT_IN["orq"])


def _manifest(config: LoadedConfig, text: str) -> Manifest | None:
    loaded = read_documents(config, parse(text.encode(), "a.yaml")[0])
    return loaded.manifests[0] if loaded.manifests else None


@pytest.mark.parametrize(
    "rest",
    [
        "endpoint: {}}",
        "limits: {}}",
        "native: {orq: {}}}",
        "native: {orq: {metadata: {}}}}",
        "native: {orq: {configuration: {}}}}",
        "native: {orq: {parameters: {}}}}",
        "native: {orq: {metadata: {region: us}}}}",
        "description: x, family: null}",
        "native: {orq: {model_type: chat}}}",
        "pricing: {unit: 1K tokens, currency: EUR, input: 1}}",
        "pricing: {unit: 1K tokens, currency: USD, input: 1}, native: {orq: {input_cost: 1}}}",
        "pricing: {unit: 1K tokens, currency: USD, input: 1, tiers: {above_999k: {input: 2}}}}",
    ],
)
def test_the_edges(config: LoadedConfig, rest: str) -> None:
    manifest = _manifest(config, HEAD + rest)
    assert manifest is not None
    is_answered(config, manifest, BUILT_IN["orq"])


def test_plain_manifests_do_get_an_answer(config: LoadedConfig) -> None:
    for model in islice(models(5), 5):
        text = benchmark_manifest(model).replace("\nspec:\n", "\nspec:\n  registries: [orq]\n")
        manifest = _manifest(config, text)
        assert manifest is not None
        assert is_answered(config, manifest, BUILT_IN["orq"])
