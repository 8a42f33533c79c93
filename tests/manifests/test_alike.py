"""Manifests that have parts alike: what is worked out once for many is what each would come to by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from reconciler import desired as desired_module
from reconciler import outlines
from reconciler.desired import desire_all
from reconciler.manifests import fields
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.manifests.load import Loaded, read_documents
from reconciler.manifests.model import Model
from reconciler.manifests.yamltree import DEFAULT_LIMITS, Limits, parse, reading
from tests.manifests.corpus import MANIFESTS

LIBYAML = Limits(problems=DEFAULT_LIMITS.problems + 1)
"""Other limits than the usual ones: nothing is known to be alike."""

CONFIG = """\
apiVersion: reconciler/v1
kind: Config
default_registries: [one]
registries: {one: {kind: %s, embedded: unused.db}}
"""

ALIKE = """\
apiVersion: reconciler/v1
kind: Model
metadata: {name: %s}
spec:
  type: chat
  provider: openai
  model: gpt-4o
  limits: {context_window: 1000}
  pricing:
    unit: 1M tokens
    currency: USD
    input: 0.15
    batch: {input: 0.10}
  capabilities:
    tools: true
"""


def config(folder: Path, kind: str = "orq") -> LoadedConfig:
    (folder / "models").mkdir(exist_ok=True)
    (folder / "reconciler.yaml").write_text(CONFIG % kind)
    return load_config(folder / "reconciler.yaml", "reconciler.yaml")


def loaded(config: LoadedConfig, text: str, limits: Limits = DEFAULT_LIMITS) -> Loaded:
    documents, problems = parse(text.encode(), "a.yaml", limits=limits)
    assert problems == []
    return read_documents(config, documents)


def asked(config: LoadedConfig, text: str, limits: Limits = DEFAULT_LIMITS) -> tuple[list[Any], list[str]]:
    """What every manifest of ``text`` asks, and every mistake with its place."""
    found = loaded(config, text, limits)
    desired, problems = desire_all(config, found)
    told = [
        (
            one.name,
            [(path, type(value), str(value)) for path, (_, value) in one.fields.items()],
            one.unheld,
            {path: str(unit) for path, unit in one.units.items()},
            [refusal.message for refusal in one.refusals],
        )
        for one in desired
    ]
    mistakes = [f"{problem.place}: {problem.message}" for problem in [*found.problems, *problems]]
    return told, mistakes


def declared(value: Any) -> Any:
    """All that an instance declares, with the types."""
    if isinstance(value, BaseModel):
        return type(value), {name: declared(getattr(value, name)) for name in value.model_fields_set}
    if isinstance(value, dict):
        return {key: declared(item) for key, item in value.items()}
    return type(value), repr(value)


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_FEW", 0)
    for known in (fields._made, fields._shared, outlines._leaves, outlines._known, desired_module._sound):
        known.clear()


def many(count: int, text: str = ALIKE) -> str:
    return "---\n".join(text % f"m{number}" for number in range(count))


def test_parts_of_one_text_become_one_instance(tmp_path: Path) -> None:
    manifests = loaded(config(tmp_path), many(8)).manifests
    specs = [manifest.value.spec for manifest in manifests]
    assert all(isinstance(spec, type(specs[0])) for spec in specs)
    for part in ("limits", "pricing", "capabilities"):
        last, before = (getattr(spec, part) for spec in (specs[-1], specs[-2]))
        assert last is before
        assert fields.is_shared(last)


def test_they_are_what_each_would_be(tmp_path: Path) -> None:
    house = config(tmp_path)
    text = many(6) + "---\n" + many(6, ALIKE.replace("0.15", "0.150").replace("m%s", "n%s") % "n%s")
    text = text.replace("name: n0", "name: first").replace("tools: true", "tools: false", 1)
    assert asked(house, text) == asked(house, text, LIBYAML)


@pytest.mark.parametrize("path", sorted(MANIFESTS.rglob("*.yaml")), ids=lambda path: path.name)
def test_whatever_is_declared_reads_the_same_when_it_is_known(path: Path, tmp_path: Path) -> None:
    house, text = config(tmp_path), path.read_text(encoding="utf-8")
    documents, problems = parse(text.encode(), "a.yaml", limits=LIBYAML)
    if problems:
        return
    expected = [read_documents(house, [document]) for document in documents]
    for _ in range(5):
        documents, _ = parse(text.encode(), "a.yaml")
        found = [read_documents(house, [document]) for document in documents]
        for one, other in zip(expected, found, strict=True):
            assert [str(problem) for problem in one.problems] == [str(problem) for problem in other.problems]
            for first, second in zip(one.manifests, other.manifests, strict=True):
                assert declared(first.value) == declared(second.value)


def test_a_mistake_in_a_part_is_told_of_each(tmp_path: Path) -> None:
    text = many(6, ALIKE.replace("context_window: 1000", "context_window: 0"))
    found = loaded(config(tmp_path), text)
    lines = [problem.place.line for problem in found.problems]
    assert lines == [8 + 16 * number for number in range(6)]


def test_a_part_that_may_not_stand_alone_is_told_of_each(tmp_path: Path) -> None:
    text = many(6, ALIKE.replace("    currency: USD\n", ""))
    found = loaded(config(tmp_path), text)
    assert len(found.problems) == 6
    assert {problem.code for problem in found.problems} == {"currency"}


def test_native_parts_of_another_kind_are_held_to_its_table_each(tmp_path: Path) -> None:
    """The other keys choose the table: what may stand beside an endpoint may not stand without one."""
    house = config(tmp_path, "respan")
    native = "  native:\n    orq: {metadata: {region: us}}\n"
    unknown = "  native:\n    orq: {metadate: {region: us}}\n"
    text = many(5, ALIKE + native) + "---\n" + many(5, ALIKE.replace("%s", "n%s") + unknown)
    found, mistakes = asked(house, text)
    assert len(found) == 10
    assert len(mistakes) == 5
    assert (found, mistakes) == asked(house, text, LIBYAML)


@pytest.mark.parametrize("kind", ["respan", "watsonx"])
def test_what_has_no_mistake_beside_other_keys_may_have_one_here(kind: str, tmp_path: Path) -> None:
    house = config(tmp_path, kind)
    endpoint = "  endpoint: {region: eu}\n"
    native = "  native:\n    orq: {metadata: {region: us}}\n"
    text = many(5, ALIKE + native) + "---\n" + many(5, ALIKE.replace("%s", "n%s") + endpoint + native)
    assert asked(house, text) == asked(house, text, LIBYAML)
    assert len(asked(house, text)[1]) == 5
    backwards = "---\n".join(reversed(text.split("---\n")))
    assert asked(house, backwards) == asked(house, backwards, LIBYAML)


def test_the_model_is_still_strict_with_what_is_no_tree() -> None:
    with pytest.raises(ValueError, match="context_window"):
        Model.model_validate(
            {
                "apiVersion": "reconciler/v1",
                "kind": "Model",
                "metadata": {"name": "a"},
                "spec": {"limits": {"context_window": "1"}},
            }
        )
