"""The generated pages are current, and `make docs` writes them."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from reconciler.registries import KINDS

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
    (tmp_path / "schemas" / "plan.schema.json").unlink()
    (tmp_path / "schemas" / "old.schema.json").write_text("{}")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    wanted = ["schemas/plan.schema.json", "docs/manifest.md", "schemas/old.schema.json"]
    assert generate.main(["--check"]) == 1
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == wanted
    assert generate.main([]) == 0
    assert capsys.readouterr().out.split() == wanted
    assert generate.main(["--check"]) == 0
    assert page.read_text() == (ROOT / "docs" / "manifest.md").read_text()


def test_an_unknown_argument(generate: ModuleType) -> None:
    assert generate.main(["--chek"]) == 1


def test_the_page_names_every_field_of_every_table() -> None:
    page = (ROOT / "docs" / "manifest.md").read_text()
    for kind in KINDS.values():
        for table in kind.tables.values():
            assert table.title in page
            for item in table.fields():
                name = item.path[2:] if item.native else item.path
                if name in item.row.aliases:
                    continue
                assert f"`{'.'.join(name)}`" in page, item.path
