"""However a folder is read (file by file, by processes, from a cache in any state), it says the same."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from benchmarks.manifests import manifest
from benchmarks.models import models
from reconciler import outlines
from reconciler.errors import Place
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.registries import shapes
from tests.manifests.corpus import MANIFESTS, Case, cases
from tests.manifests.corpus import config as corpus_config

from .states import WAYS, at, plainly, read, said

ROOT = Path(__file__).parents[2]
GOOD = cases(MANIFESTS / "good")
BAD = cases(MANIFESTS / "bad")
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/reconciler.yaml"))
QUICK = ("records", "warm")
"""Ways that need no process and no thread."""


def house(folder: Path, files: dict[str, bytes], config: LoadedConfig | None = None) -> LoadedConfig:
    for name, data in files.items():
        path = folder / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return at(config or corpus_config(), folder)


def test_what_is_compared_is_there() -> None:
    assert len(GOOD) >= 30
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("case", [pytest.param(case, id=case.path.stem) for case in GOOD])
def test_each_good_manifest(case: Case, tmp_path: Path) -> None:
    config = house(tmp_path / "house", {case.path.name: case.data})
    wanted = said(plainly(config, tmp_path / "house"))
    assert wanted["mistakes"] == []
    for way in QUICK:
        assert said(read(config, tmp_path / "house", way, tmp_path / "cache")) == wanted, way


@pytest.mark.parametrize("way", WAYS)
def test_all_of_the_corpus_with_its_mistakes(way: str, tmp_path: Path) -> None:
    """Good ones between bad ones, each file twice: the second one's names are taken."""
    files = {case.path.name: case.data for case in (*GOOD, *BAD)}
    again = {f"again/{case.path.name}": case.data for case in GOOD}
    config = house(tmp_path / "house", {**files, **again})
    wanted = said(plainly(config, tmp_path / "house"))
    codes = {problem.code for problem in wanted["mistakes"]}
    assert {"duplicate-name", "unknown-field", "secret-literal", "twin"} <= codes
    assert said(read(config, tmp_path / "house", way, tmp_path / "cache")) == wanted


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("way", QUICK)
def test_examples(way: str, example: Path, tmp_path: Path) -> None:
    config = load_config(example / "reconciler.yaml", "reconciler.yaml")
    wanted = said(plainly(config, example))
    assert wanted["desired"]
    assert said(read(config, example, way, tmp_path)) == wanted


@pytest.mark.parametrize("way", WAYS)
def test_a_generated_folder(way: str, tmp_path: Path) -> None:
    texts = [manifest(model) for model in islice(models(40), 40)]
    files = {
        f"{first:02d}.yaml": "---\n".join(texts[first : first + 3]).encode() for first in range(0, 40, 3)
    }
    config = house(tmp_path / "house", files)
    wanted = said(plainly(config, tmp_path / "house"))
    assert (len(wanted["desired"]), wanted["mistakes"]) == (40, [])
    assert said(read(config, tmp_path / "house", way, tmp_path / "cache")) == wanted


HEAD = "apiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def text(name: str, spec: str = "{registries: [sandbox], type: chat}", kind: str = "Model") -> str:
    return HEAD.format(kind=kind, name=name, spec=spec)


ODD = {
    "nulls": "{registries: [sandbox], limits: {context_window: null}, family: null}",
    "an empty endpoint": "{registries: [sandbox], endpoint: {}, family: gpt}",
    "empty groups": "{registries: [sandbox], limits: {}, capabilities: {}, native: {orq: {metadata: {}}}}",
    "overrides": "{registries: [sandbox, second], family: a, overrides: {second: {family: b, native: "
    "{orq: {metadata: {region: us}}}}}}",
    "a secret": "{registries: [sandbox], model: m, endpoint: {base_url: 'https://llm.example.com/v1', "
    "api_key: {secret: UPSTREAM_KEY}}}",
    "a free tree": "{registries: [sandbox], native: {orq: {configuration: {a: [1, {b: 1.50}, true, null]}}}}",
    "a set": "{registries: [sandbox], native: {orq: {metadata: {supported_regions: [b, a]}}}}",
    "prices": "{registries: [sandbox, second], pricing: {unit: 1K tokens, currency: USD, input: 0.10, "
    "output: 1.0 / 1M tokens, image: 1 / image}}",
    "another currency": "{registries: [sandbox], pricing: {unit: 1K tokens, currency: EUR, input: 1}}",
    "a registry twice": "{registries: [sandbox, sandbox], family: a}",
    "default registries": "{family: a}",
    "an id": "{registries: [sandbox], native: {orq: {id: another}}}",
    "an alias of text": '{registries: [sandbox], family: &a "\U0001f600 x", developer: *a}',
}


@pytest.mark.parametrize("spec", ODD.values(), ids=ODD)
def test_odd_manifests(spec: str, tmp_path: Path) -> None:
    config = house(tmp_path / "house", {"a.yaml": text("odd", spec).encode()})
    wanted = said(plainly(config, tmp_path / "house"))
    for way in QUICK:
        assert said(read(config, tmp_path / "house", way, tmp_path / "cache")) == wanted


def test_several_documents_with_empty_ones_and_providers(tmp_path: Path) -> None:
    parts = ["# nothing\n", text("a"), "", text("b", "{display_name: B}", "Provider"), "---\n" + text("c")]
    config = house(tmp_path / "house", {"a.yaml": "\ufeff---\n".encode() + "---\n".join(parts).encode()})
    wanted = said(plainly(config, tmp_path / "house"))
    assert [one["name"] for one in wanted["manifests"]] == ["a", "b", "c"]
    for way in QUICK:
        assert said(read(config, tmp_path / "house", way, tmp_path / "cache")) == wanted


def test_a_file_under_another_name_is_told_by_that_name(tmp_path: Path) -> None:
    data = text("a").encode()
    first = house(tmp_path / "first", {"a.yaml": data})
    read(first, tmp_path / "first", "cold", tmp_path / "cache")
    second = house(tmp_path / "second", {"other/b.yaml": data})
    loaded, [desired], _ = read(second, tmp_path / "second", "cold", tmp_path / "cache")
    assert loaded.manifests[0].named_at == Place("models/other/b.yaml", 3, 18)
    assert desired.place(("type",)).file == "models/other/b.yaml"


def test_a_name_that_is_recorded_is_taken_for_new_files(tmp_path: Path) -> None:
    config = house(tmp_path / "house", {"a.yaml": text("a").encode()})
    read(config, tmp_path / "house", "cold", tmp_path / "cache")
    house(tmp_path / "house", {"0.yaml": b"\n" + text("a").encode()})
    _, _, [problem] = read(config, tmp_path / "house", "cold", tmp_path / "cache")
    assert problem.code == "duplicate-name"
    assert (problem.place, problem.related) == (
        Place("models/a.yaml", 3, 18),
        (Place("models/0.yaml", 4, 18),),
    )


def test_a_link_to_a_file_is_read_once(tmp_path: Path) -> None:
    config = house(tmp_path / "house", {"sub/a.yaml": text("a").encode()})
    (tmp_path / "house" / "models" / "0.yaml").symlink_to("sub/a.yaml")
    for way in WAYS:
        loaded, _, problems = read(config, tmp_path / "house", way, tmp_path / "cache")
        assert [one.named_at.file for one in loaded.manifests] == ["models/sub/a.yaml"]
        assert problems == []


def test_a_manifest_is_told_as_it_was_read_and_not_as_its_file_is_by_now(tmp_path: Path) -> None:
    config = house(tmp_path / "house", {"a.yaml": text("a").encode()})
    for way in QUICK:
        house(tmp_path / "house", {"a.yaml": text("a").encode()})
        loaded, [desired], _ = read(config, tmp_path / "house", way, tmp_path / "cache")
        (tmp_path / "house" / "models" / "a.yaml").write_text("a: [")
        assert loaded.manifests[0].value.metadata.name == "a"
        assert desired.place(("type",)) == Place("models/a.yaml", 4, 37)


CONFIG = """\
apiVersion: reconciler/v1
kind: Config
default_registries: [{default}]
registries:
  sandbox: {{kind: {kind}, url: "{url}"}}
  second: {{kind: orq, embedded: two.db}}
secrets:
  UPSTREAM_KEY: {{env: UPSTREAM_KEY, hosts: [{host}]}}
"""
USUAL = {"default": "sandbox", "kind": "orq", "url": "https://a.example.com", "host": "llm.example.com"}
OTHERS = {
    "default": "second",
    "kind": "respan",
    "url": "https://b.example.com",
    "host": "other.example.com",
}


@pytest.mark.parametrize("changed", OTHERS)
def test_records_of_another_reconciler_yaml_are_not_used(changed: str, tmp_path: Path) -> None:
    """One cache for both: what the first one keeps tells nothing of the second."""
    secret = "{model: m, endpoint: {base_url: 'https://llm.example.com/v1', api_key: {secret: UPSTREAM_KEY}}}"
    files = {"a.yaml": text("a", secret).encode(), "b.yaml": text("b", "{family: f}").encode()}
    outcomes = []
    for values in (USUAL, {**USUAL, changed: OTHERS[changed]}):
        folder = tmp_path / f"house{len(outcomes)}"
        folder.mkdir()
        (folder / "reconciler.yaml").write_text(CONFIG.format(**values))
        config = house(folder, files, load_config(folder / "reconciler.yaml", "reconciler.yaml"))
        wanted = said(plainly(config, folder))
        for _ in range(2):
            assert said(read(config, folder, "cold", tmp_path / "cache")) == wanted
        outcomes.append(wanted)
    if changed != "url":
        assert outcomes[0]["desired"] != outcomes[1]["desired"] or outcomes[1]["mistakes"]


def test_more_shapes_than_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shape that is forgotten may leave its place in memory to another."""
    monkeypatch.setattr(shapes, "_MOST", 1)
    monkeypatch.setattr(outlines, "_MOST", 1)
    fields = ["family: f", "developer: d", "display_name: n", "limits: {context_window: 1}", "model: m"]
    specs = []
    for number in range(1, 200):
        some = [field for bit, field in enumerate(fields) if number >> bit & 1]
        tree = f"native: {{orq: {{configuration: {{step{number}: a}}}}}}"
        specs.append(f"{{registries: [sandbox], {', '.join([*some, tree])}}}")
    files = {f"{number:02d}.yaml": text(f"m{number}", spec).encode() for number, spec in enumerate(specs)}
    config = house(tmp_path / "house", files)
    wanted = said(plainly(config, tmp_path / "house"))
    assert wanted["mistakes"] == []
    for way in (*QUICK, "processes"):
        assert said(read(config, tmp_path / "house", way, tmp_path / "cache")) == wanted
