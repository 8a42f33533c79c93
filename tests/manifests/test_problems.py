"""A mistake says where it is, what is wrong and how to fix it; and repeats no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import Place, Problem
from reconciler.manifests.problems import did_you_mean, dotted
from reconciler.manifests.yamltree import parse
from reconciler.report.problems import problems_json, problems_text

from .corpus import DATA, cases, config_problems_of, problems_of, problems_of_documents


def only(text: str) -> Problem:
    (problem,) = problems_of(text.encode(), "f.yaml")
    return problem


def model(spec: str) -> str:
    return f"{{apiVersion: reconciler/v1, kind: Model, metadata: {{name: x}}, spec: {spec}}}"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "registries", 0), "spec.registries[0]"),
        (("spec", "overrides", "a.b", "type"), 'spec.overrides."a.b".type'),
        ((), ""),
        ((0, "a"), "[0].a"),
    ],
)
def test_dotted(path: tuple[str | int, ...], text: str) -> None:
    assert dotted(path) == text


def test_did_you_mean() -> None:
    assert did_you_mean("chatt", ["chat", "image"]) == "did you mean 'chat'?"
    assert did_you_mean("zzz", ["chat", "image"]) is None
    assert did_you_mean(None, ["chat"]) is None


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("{capabilities: {tools: YES}}", "write true: YAML 1.2 knows only true and false"),
        ("{capabilities: {tools: 'false'}}", "remove the quotes"),
        ("{capabilities: {tools: maybe}}", None),
        ("{capabilities: {tools: []}}", None),
        ("{limits: {context_window: 1e6}}", "write 1000000"),
        ("{limits: {context_window: '128,000'}}", "write 128000"),
        ("{limits: {context_window: '128000'}}", "remove the quotes"),
        ("{limits: {context_window: 128k}}", None),
        ("{limits: {context_window: 1.5}}", None),
        ("{family: 4.1}", "put it in quotes"),
        ("{family: [a]}", None),
        ("{limits: [a]}", None),
        ("{pricing: {currency: usd}}", "write USD"),
        ("{pricing: {currency: dollars}}", None),
    ],
)
def test_the_hint_fits_the_value(spec: str, hint: str | None) -> None:
    assert only(model(spec)).hint == hint


def test_an_override_named_like_a_field_gets_the_fields_of_spec() -> None:
    documents, _ = parse(model("{overrides: {limits: {famly: x}}}").encode(), "f.yaml")
    found = [problem.hint for problem in problems_of_documents(documents) if problem.code == "unknown-field"]
    assert found == ["did you mean 'family'?"]


PLANTED = [
    case.path
    for folder in ("manifests", "configs")
    for case in cases(DATA / folder / "bad")
    if b"planted" in case.data
]


@pytest.mark.parametrize("path", PLANTED, ids=lambda path: path.stem)
def test_no_report_shows_a_planted_secret(path: Path) -> None:
    text = path.read_text()
    found = config_problems_of(path) if "configs" in path.parts else problems_of(path.read_bytes(), path.name)

    def source(place: Place) -> str | None:
        return text.split("\n")[place.line - 1]

    assert "planted" not in problems_text(found, source)
    assert "planted" not in str(problems_json(found, source))
