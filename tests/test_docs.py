"""The generated pages are current, and `make docs` writes them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from reconciler.capabilities import capabilities
from reconciler.manifests.portable import ANY_TIER, portable_paths
from reconciler.registries import BUILT_IN
from reconciler.registries.rows import Demand

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_stale(generate: ModuleType) -> None:
    assert generate.stale(ROOT) == [], "run `make docs`"


def test_what_is_stale_is_named_and_written(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    page = tmp_path / "docs" / "manifest.md"
    page.write_text(page.read_text().replace("| `limits` |", "| `limit` |"))
    other = tmp_path / "docs" / "registries.md"
    other.write_text(other.read_text().replace("| `display_name` | held", "| `display_name` | –"))
    (tmp_path / "schemas" / "plan.schema.json").unlink()
    (tmp_path / "schemas" / "old.schema.json").write_text("{}")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    wanted = [
        "schemas/plan.schema.json",
        "docs/manifest.md",
        "docs/registries.md",
        "schemas/old.schema.json",
    ]
    assert generate.main(["--check"]) == 1
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == wanted
    assert generate.main([]) == 0
    assert capsys.readouterr().out.split() == wanted
    assert generate.main(["--check"]) == 0
    for path in (page, other):
        assert path.read_text() == (ROOT / "docs" / path.name).read_text()


def test_what_is_generated_tells_of_the_built_in_kinds_alone(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(**_: object) -> object:
        raise AssertionError

    monkeypatch.setattr(importlib.metadata, "entry_points", never)
    assert generate.generated(ROOT).keys() > {Path("docs/registries.md"), Path("schemas/model.schema.json")}


def test_an_unknown_argument(generate: ModuleType) -> None:
    assert generate.main(["--chek"]) == 1


def test_the_page_names_every_field_of_every_table() -> None:
    page = (ROOT / "docs" / "manifest.md").read_text()
    for kind in BUILT_IN.values():
        for table in kind.tables.values():
            assert table.title in page
            for item in table.fields():
                name = item.path[2:] if item.native else item.path
                if name in item.row.aliases:
                    continue
                assert f"`{'.'.join(name)}`" in page, item.path


def test_the_matrix_has_a_column_for_each_table_and_a_row_for_each_portable_field() -> None:
    page = (ROOT / "docs" / "registries.md").read_text()
    for kind in BUILT_IN.values():
        for table in capabilities(kind).tables:
            assert f"`{kind.name} {table.variant}`" in page
            for path in portable_paths(table.resource):
                assert ANY_TIER in path or f"| `{'.'.join(path)}` |" in page


def test_the_page_about_adapters_has_the_whole_code_of_the_plugin_that_the_tests_install() -> None:
    page = (ROOT / "docs" / "adding-a-registry.md").read_text()
    shown: dict[str, str] = {}
    for name, code in re.findall(r"<!-- excerpt: (\S+) -->\n```[a-z]+\n(.*?)```\n", page, re.DOTALL):
        shown[name] = shown.get(name, "") + code
    plugin = ROOT / "tests" / "data" / "plugin"
    files = {path.relative_to(plugin).as_posix(): path for path in plugin.rglob("*.*") if path.is_file()}
    wanted = {name for name in files if name.endswith((".py", ".toml")) and "__init__" not in name}
    assert set(shown) == wanted
    for name, code in shown.items():
        assert _lines(code) == _lines(files[name].read_text()), f"{name} is not what the page shows"
    assert page.count("```python") == len(re.findall(r"<!-- excerpt: \S+\.py -->", page))


def _lines(text: str) -> list[str]:
    """The lines of a file but for the empty ones, which come and go where the page cuts it."""
    return [line for line in text.splitlines() if line.strip()]


def test_a_demand_of_some_manifests_says_of_which() -> None:
    always = Demand._field_defaults["when"]
    page = (ROOT / "docs" / "manifest.md").read_text(encoding="utf-8")
    demands = [
        demand for kind in BUILT_IN.values() for table in kind.tables.values() for demand in table.demands
    ]
    for demand in demands:
        assert bool(demand.when_text) == (demand.when is not always), demand
        assert f"A create {demand.when_text}".rstrip() + " demands `" in page
    assert "A create with provider `watsonx` demands `native.watsonx.provider_config.watsonxSpaceId`" in page
