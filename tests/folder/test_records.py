"""Records hold what the built-in kinds make of manifests; what another distribution makes may be anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.folder import quick
from reconciler.folder.records import Forms, StaleRecordError, record_of, restored
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.manifests.files import File
from reconciler.registries import BUILT_IN, KINDS
from reconciler.registries.codecs import SetOf, Value, Wire
from reconciler.registries.kind import Kind
from reconciler.registries.rows import Point, Row, Table

from .states import WAYS, plainly, read, said
from .test_states import house, text

CONFIG = """\
apiVersion: reconciler/v1
kind: Config
registries:
  shelf: {kind: shelf, url: "https://shelf.example.com"}
  sandbox: {kind: orq, embedded: a.db}
"""


class Bag(SetOf):
    """Its normal form is one that no kind of ours has."""

    def normal(self, value: Any, *, native: bool) -> Value:
        return frozenset(SetOf.normal(self, value, native=native))

    def decode(self, wire: Wire) -> Value:
        return frozenset(SetOf.decode(self, wire))


def shelf(**changes: Any) -> Kind:
    orq = BUILT_IN["orq"]
    generic = orq.tables["generic"]
    tags = Row(native=(("tags",),), points=(Point(("tags",)),), codec=Bag(str))
    table = replace(generic, kind="shelf", rows=(*generic.rows, tags))
    values: dict[str, Any] = {"name": "shelf", "tables": {table.variant: table}, "choose": lambda *_: table}
    return replace(orq, **{**values, **changes})


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Any:
    def one(kind: Kind) -> None:
        monkeypatch.setitem(KINDS.__dict__, "_plugins", {"shelf": None})
        monkeypatch.setitem(KINDS._loaded, "shelf", kind)  # type: ignore[attr-defined]

    return one


def folder(home: Path) -> LoadedConfig:
    home.mkdir()
    (home / "reconciler.yaml").write_text(CONFIG)
    specs = {
        "bag": "{registries: [shelf, sandbox], native: {shelf: {tags: [b, a]}}}",
        "plain": "{registries: [shelf], family: f}",
        "ours": "{registries: [sandbox], family: f}",
    }
    files = {f"{name}.yaml": text(name, spec).encode() for name, spec in specs.items()}
    return house(home, files, load_config(home / "reconciler.yaml", "reconciler.yaml"))


@pytest.mark.parametrize("way", WAYS)
def test_values_that_no_record_can_hold(way: str, install: Any, tmp_path: Path) -> None:
    install(shelf())
    config = folder(tmp_path / "house")
    wanted = said(plainly(config, tmp_path / "house"))
    assert "frozenset" in repr(wanted["desired"])
    assert wanted["mistakes"] == []
    assert said(read(config, tmp_path / "house", way, tmp_path / "cache")) == wanted


@pytest.mark.parametrize("way", WAYS)
def test_tables_that_are_made_for_each_manifest(way: str, install: Any, tmp_path: Path) -> None:
    """A variant by its name is not enough to find one again."""
    known = shelf().tables["generic"]

    def choose(_resource: str, declared: Mapping[Any, Any]) -> Table:
        return known if ("family",) in declared else replace(known, title=f"made for {len(declared)}")

    install(shelf(tables={"generic": replace(known, title="the usual one")}, choose=choose))
    config = folder(tmp_path / "house")
    titles = [
        [one.table and one.table.title for one in found[1]]
        for found in (
            plainly(config, tmp_path / "house"),
            read(config, tmp_path / "house", way, tmp_path / "cache"),
        )
    ]
    assert titles[0] == titles[1]
    assert len(set(titles[0])) > 1


def test_a_record_of_a_form_that_nobody_knows(tmp_path: Path) -> None:
    config = house(tmp_path, {})
    file = File("a.yaml", text("a").encode())
    record = record_of(config, file, Forms())
    assert record is not None
    with pytest.raises(StaleRecordError):
        list(restored(record, file, Forms()))


@pytest.mark.parametrize(
    "form",
    [
        '["nokind","generic",[],[],[],[],[]]',
        '["orq","novariant",[],[],[],[],[]]',
        '["orq","generic",[["no","field"]],[],[],[],[]]',
        '["orq","generic"]',
        "{}",
        "",
    ],
)
def test_a_form_of_another_table(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text is whole: the code has changed in a way that its version does not tell."""
    config = house(tmp_path / "house", {"a.yaml": text("a").encode()})
    wanted = said(plainly(config, tmp_path / "house"))
    forms = Forms()
    record = record_of(config, File("models/a.yaml", text("a").encode()), forms)
    assert record is not None
    [digest] = forms.texts
    monkeypatch.setattr("reconciler.folder.records._digest", lambda _: digest)
    monkeypatch.setattr(quick, "record_of", lambda *_: record)
    monkeypatch.setattr("reconciler.folder.quick.Forms", lambda: _of({digest: form}))
    assert said(read(config, tmp_path / "house", "records", tmp_path / "cache")) == wanted


def _of(texts: Mapping[str, str]) -> Forms:
    forms = Forms()
    forms.add(texts)
    return forms
