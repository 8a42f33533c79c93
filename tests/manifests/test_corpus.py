"""One corpus, two verdicts: what our checks say of a manifest, the published schema says too."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.manifests.model import Model, SpecPatch
from reconciler.manifests.provider import ProviderSpec
from reconciler.manifests.yamltree import Document, parse

from .corpus import (
    MANIFESTS,
    Case,
    cases,
    is_about_the_document,
    problems_of,
    problems_of_documents,
    schema_accepts,
    told,
)

GOOD = cases(MANIFESTS / "good")
BAD = cases(MANIFESTS / "bad")


def params(found: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case.path.stem) for case in found]


def roots(case: Case) -> list[Any]:
    documents, problems = parse(case.data, case.path.name)
    assert problems == []
    return [document.root for document in documents]


def test_the_corpus_is_there() -> None:
    assert len(GOOD) >= 30
    assert len(BAD) >= 60


@pytest.mark.parametrize("case", params(GOOD))
def test_good(case: Case) -> None:
    assert [told(problem) for problem in problems_of(case.data, case.path.name)] == []
    assert all(schema_accepts(root) for root in roots(case))


@pytest.mark.parametrize("case", params(BAD))
def test_bad(case: Case) -> None:
    problems = problems_of(case.data, case.path.name)
    wanted = [(one.line, one.column) for one in case.expected]
    assert [(problem.place.line, problem.place.column) for problem in problems] == wanted
    for problem, one in zip(problems, case.expected, strict=True):
        assert one.text in told(problem)
    assert case.expected
    assert all(schema_accepts(root) for root in roots(case)) is case.schema_accepts


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.path.stem)
def test_no_message_repeats_a_secret(case: Case) -> None:
    for problem in problems_of(case.data, case.path.name):
        assert "planted" not in told(problem)


@pytest.mark.parametrize(
    "case", [case for case in BAD if case.schema_accepts], ids=lambda case: case.path.stem
)
def test_what_the_schema_cannot_know_is_named_so(case: Case) -> None:
    assert case.path.stem.startswith("other_")
    assert not any(is_about_the_document(problem) for problem in problems_of(case.data, case.path.name))


# --- mutations --------------------------------------------------------------------------------------

WORDS = sorted(
    {
        *Model.model_fields,
        *SpecPatch.model_fields,
        *ProviderSpec.model_fields,
        *("input", "unit", "secret", "orq", "metadata", "x y"),
    }
)
VALUES: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    10**16,
    Decimal("0.5"),
    Decimal("128000.0"),
    Decimal("-0.0"),
    "",
    "x",
    "a b",
    "chat",
    "USD",
    "google",
    "1M tokens",
    "image",
    "0.04 / image",
    "0.15 / 1M tokens",
    "https://llm.example.com",
    "sandbox",
    "Model",
    "Provider",
    [],
    ["a"],
    ["a", "a"],
    [1],
    {},
    {"a": 1},
    {"a": {"token": "x"}},
    {"secret": "UPSTREAM_KEY"},
    {"input": 1},
    {"orq": {"metadata": {"offline": True}}},
]
SEEDS = [root for case in GOOD for root in roots(case)]
PROVIDERS = [root for root in SEEDS if root["kind"] == "Provider"]


def plain(tree: Any) -> Any:
    """A copy that can be changed: no places."""
    if isinstance(tree, dict):
        return {key: plain(item) for key, item in tree.items()}
    return [plain(item) for item in tree] if isinstance(tree, list) else tree


def spots(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with every key or index in it."""
    steps = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for step in steps:
        yield tree, step
        yield from spots(tree[step])


@st.composite
def mutants(draw: st.DrawFn, seeds: list[Any]) -> Any:
    """One of the good documents ``seeds`` with one to three changes."""
    root = plain(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 3))):
        found = list(spots(root))
        if not found:
            break
        container, step = draw(st.sampled_from(found))
        match draw(st.sampled_from(["delete", "replace", "replace", "rename", "add"])):
            case "delete":
                del container[step]
            case "rename" if isinstance(container, dict):
                value = container.pop(step)
                container[draw(st.sampled_from([f"{step}s", *WORDS, *container]))] = value
            case "add" if isinstance(container, dict):
                container[draw(st.sampled_from(WORDS))] = copy.deepcopy(draw(st.sampled_from(VALUES)))
            case _:
                container[step] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return root


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(root=mutants(SEEDS))
def test_same_verdict_on_mutants(root: Any) -> None:
    assert_same_verdict(root)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(root=mutants(PROVIDERS))
def test_same_verdict_on_mutants_of_providers(root: Any) -> None:
    assert_same_verdict(root)


def assert_same_verdict(root: Any) -> None:
    problems = list(problems_of_documents([Document("mutant.yaml", 0, root, 1, 1)]))
    accepted = schema_accepts(root)
    if accepted:
        assert [told(problem) for problem in problems if is_about_the_document(problem)] == []
    else:
        assert problems
