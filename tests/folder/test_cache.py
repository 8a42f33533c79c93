"""The cache: what it keeps and from whom, when it is not believed, and that it never ends a run."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import reconciler
from reconciler.folder import cache as cache_module
from reconciler.folder import read_folder, records
from reconciler.folder.cache import FOLDER, Cache
from reconciler.manifests.config import load_config
from tests.folders import Read

from .states import plainly, said
from .test_states import house, text

SECRET = "sk-planted-in-the-environment"
SPECS = {
    "a.yaml": "{registries: [sandbox], family: alpha, pricing: {unit: 1M tokens, currency: USD, "
    "input: 0.15}}",
    "b.yaml": "{registries: [sandbox], family: beta, model: m, endpoint: {base_url: "
    "'https://llm.example.com/v1', api_key: {secret: UPSTREAM_KEY}}}",
}


class Kept:
    """A folder of two manifests, and a cache for it."""

    def __init__(self, home: Path) -> None:
        self.folder, self.place = home / "house", home / "cache"
        self.config = house(self.folder, {name: text(name[0], spec).encode() for name, spec in SPECS.items()})

    def read(self, environ: dict[str, str] | None = None) -> Read:
        given = {FOLDER: str(self.place)} if environ is None else environ
        return read_folder(self.config, relative_to=self.folder, environ=given, worth=0)

    def write(self, name: str, content: str) -> None:
        (self.folder / "models" / name).write_text(content)

    @property
    def file(self) -> Path:
        [found] = self.place.glob("*.sqlite")
        return found

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            yield connection

    def rows(self) -> dict[bytes, bytes]:
        with self.database() as connection:
            return dict(connection.execute("SELECT digest, record FROM records").fetchall())

    def poison(self, digest: bytes, record: bytes, seal: bytes) -> None:
        with self.database() as connection:
            connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (digest, seal, record))

    def digest(self, name: str) -> bytes:
        return hashlib.blake2b((self.folder / "models" / name).read_bytes(), digest_size=16).digest()


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose records are made anew."""
    made: list[str] = []
    record_of = records.record_of

    def counted(config: Any, file: Any, forms: Any) -> bytes | None:
        made.append(file.name)
        return record_of(config, file, forms)

    monkeypatch.setattr("reconciler.folder.quick.record_of", counted)
    return made


def test_what_is_recorded_is_not_made_again(kept: Kept, taken: list[str]) -> None:
    kept.read()
    assert taken == ["models/a.yaml", "models/b.yaml"]
    taken.clear()
    kept.read()
    assert taken == []
    kept.write("b.yaml", text("b"))
    kept.read()
    assert taken == ["models/b.yaml"]


def test_only_we_may_read_and_write_it(kept: Kept) -> None:
    before = os.umask(0o002)
    try:
        kept.read()
    finally:
        os.umask(before)
    assert stat.S_IMODE(kept.place.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept.place.iterdir()] == [0o600]


def test_it_is_nobody_elses_from_its_first_moment_on(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    connect = sqlite3.connect

    def watched(path: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(path, **options)
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
        modes.append(stat.S_IMODE(Path(path).stat().st_mode))
        return connection

    monkeypatch.setattr(sqlite3, "connect", watched)
    before = os.umask(0)
    try:
        kept.read()
    finally:
        os.umask(before)
    assert set(modes) == {0o600}


def test_no_secret_is_in_it(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_KEY", SECRET)
    kept.write(
        "c.yaml", text("c", "{registries: [sandbox], native: {orq: {configuration: {api_key: sk-c}}}}")
    )
    _, _, [problem] = kept.read()
    assert problem.code == "secret-literal"
    assert len(kept.rows()) == 2
    data = kept.file.read_bytes()
    assert b"UPSTREAM_KEY" in data  # by its name
    assert SECRET.encode() not in data
    assert b"sk-c" not in data


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o720])
def test_a_folder_that_others_may_write_to_is_not_used(kept: Kept, mode: int) -> None:
    kept.place.mkdir()
    kept.place.chmod(mode)
    assert said(kept.read()) == said(plainly(kept.config, kept.folder))
    assert list(kept.place.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_not_used(kept: Kept) -> None:
    kept.place.mkdir(mode=0o700)
    os.chown(kept.place, 65534, 65534)
    kept.read()
    assert list(kept.place.iterdir()) == []


@pytest.mark.parametrize("where", ["", "models/sub", ".cache/reconciler", "../"])
def test_a_folder_in_the_checkout_is_not_used(kept: Kept, where: str) -> None:
    """A pull request could put a file there, which would then decide what a plan compares."""
    (kept.folder.parent / ".git").mkdir()
    before = sorted(kept.folder.parent.rglob("*"))
    kept.read({FOLDER: str(kept.folder / where)})
    assert sorted(kept.folder.parent.rglob("*")) == before


def test_a_folder_that_a_link_of_the_checkout_is_is_not_used_either(kept: Kept) -> None:
    inside = kept.folder / "kept"
    inside.mkdir(mode=0o700)
    kept.place.symlink_to(inside)
    kept.read()
    assert list(inside.iterdir()) == []


@pytest.mark.parametrize("environ", [{FOLDER: ""}, None], ids=["empty", "not asked for"])
def test_who_wants_none_gets_none(
    kept: Kept, tmp_path: Path, environ: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    before = sorted(tmp_path.rglob("*"))
    read_folder(kept.config, relative_to=kept.folder, environ=environ, worth=0)
    assert sorted(tmp_path.rglob("*")) == before


def test_where_it_stands(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    kept.read({})
    assert list((tmp_path / "home" / ".cache" / "reconciler").glob("*.sqlite"))
    kept.read({"XDG_CACHE_HOME": str(tmp_path / "xdg")})
    assert list((tmp_path / "xdg" / "reconciler").glob("*.sqlite"))
    before = sorted(tmp_path.rglob("*"))
    kept.read({"XDG_CACHE_HOME": "not/absolute"})
    assert sorted(tmp_path.rglob("*")) == before


def test_nobody_knows_where_home_is(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    assert said(kept.read({})) == said(plainly(kept.config, kept.folder))


@pytest.mark.parametrize("what", ["a file", "a loop of links", "nothing may be made there"])
def test_a_folder_that_cannot_be(kept: Kept, what: str) -> None:
    match what:
        case "a file":
            kept.place.write_text("x")
        case "a loop of links":
            kept.place.symlink_to(kept.place)
        case _:
            kept.place = Path("/proc/none/of/this")
    assert said(kept.read()) == said(plainly(kept.config, kept.folder))


def test_a_file_that_cannot_be_read_is_no_error(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a folder without the right to search it, which root has everywhere."""
    kept.read()
    exists = Path.exists

    def refused(path: Path, **options: Any) -> bool:
        if path.suffix == ".sqlite":
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path, **options)

    monkeypatch.setattr(Path, "exists", refused)
    assert said(kept.read()) == said(plainly(kept.config, kept.folder))


def test_what_may_only_be_read_is_read(kept: Kept, taken: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    kept.read()
    taken.clear()

    def refused(*_: Any, **__: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("reconciler.folder.cache.os.utime", refused)
    kept.read()
    assert taken == []


# ---- what is not believed


def test_a_record_with_a_wrong_seal(kept: Kept, taken: list[str]) -> None:
    wanted = said(kept.read())
    rows = kept.rows()
    record = rows[kept.digest("a.yaml")].replace(b"0.00015", b"9.00015")
    assert record not in rows.values()
    kept.poison(kept.digest("a.yaml"), record, b"12345678")
    taken.clear()
    assert said(kept.read()) == wanted
    assert taken == ["models/a.yaml"]


def test_the_record_of_another_file(kept: Kept, taken: list[str]) -> None:
    """With the seal that it has there."""
    wanted = said(kept.read())
    with kept.database() as connection:
        rows = {row[0]: row for row in connection.execute("SELECT digest, seal, record FROM records")}
    _, seal, record = rows[kept.digest("b.yaml")]
    kept.poison(kept.digest("a.yaml"), record, seal)
    taken.clear()
    assert said(kept.read()) == wanted
    assert taken == ["models/a.yaml"]


@pytest.mark.parametrize("change", ["NULL", "7", "x'00'", "'{}'", "'[]'", "text || ' '", "upper(text)"])
def test_forms_that_are_none(kept: Kept, change: str) -> None:
    wanted = said(kept.read())
    with kept.database() as connection:
        connection.execute(f"UPDATE forms SET text = {change}")
    assert said(kept.read()) == wanted
    assert said(kept.read()) == wanted


@pytest.mark.parametrize("column", ["digest", "seal", "record"])
@pytest.mark.parametrize("value", ["NULL", "7", "'text'", "x''"])
def test_records_that_are_none(kept: Kept, column: str, value: str) -> None:
    wanted = said(kept.read())
    with kept.database() as connection:
        connection.execute(f"UPDATE records SET {column} = {value} WHERE rowid = 1")
    for _ in range(2):
        assert said(kept.read()) == wanted


@pytest.mark.parametrize("garbage", [b"\xff", b"", b"(", b"[\x01\x00\x00\x00N", b"i\x01\x00\x00\x00"])
def test_records_with_a_seal_that_say_nothing(kept: Kept, garbage: bytes) -> None:
    wanted = said(kept.read())
    digest = kept.digest("a.yaml")
    kept.poison(digest, garbage, cache_module._seal(digest, garbage))
    assert said(kept.read()) == wanted


@pytest.mark.parametrize("data", [b"", b"no database", b"SQLite format 3\x00" + b"\xff" * 200])
def test_a_file_that_is_no_database_is_replaced(kept: Kept, data: bytes, taken: list[str]) -> None:
    wanted = said(kept.read())
    kept.file.write_bytes(data)
    assert said(kept.read()) == wanted
    kept.read()
    taken.clear()
    kept.read()
    assert taken == []


def test_a_form_whose_text_is_none_is_no_loss_for_ever(kept: Kept, taken: list[str]) -> None:
    kept.read()
    with kept.database() as connection:
        connection.execute("INSERT INTO forms VALUES ('other', CAST(x'ff' AS TEXT))")
    kept.read()
    kept.read()
    taken.clear()
    kept.read()
    assert taken == []


@pytest.mark.parametrize("change", ["layout", "Python", "pydantic", "YAML", "package", "table"])
def test_what_another_version_made_is_not_used(
    kept: Kept, taken: list[str], change: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept.read()
    match change:
        case "layout":
            monkeypatch.setattr(cache_module, "_LAYOUT", 1)
        case "Python":
            monkeypatch.setattr(sys.implementation, "cache_tag", "pypy311")
        case "pydantic":
            monkeypatch.setattr("pydantic.VERSION", "2.0")
        case "YAML":
            monkeypatch.setattr("yaml.__version__", "5.0")
        case "package":
            monkeypatch.setattr(reconciler, "__version__", "0.0.0")
        case _:
            home = tmp_path / "package" / "reconciler"
            shutil.copytree(Path(reconciler.__file__).parent, home)
            with (home / "registries" / "orq" / "fields.py").open("a") as stream:
                stream.write("\n")
            monkeypatch.setattr(reconciler, "__file__", str(home / "__init__.py"))
    taken.clear()
    kept.read()
    assert taken == ["models/a.yaml", "models/b.yaml"]
    assert len(list(kept.place.glob("*.sqlite"))) == 2


def test_a_package_in_a_zip_file_has_no_cache(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.pyz").write_bytes(b"PK")
    monkeypatch.setattr(reconciler, "__file__", str(tmp_path / "app.pyz" / "reconciler" / "__init__.py"))
    assert said(kept.read()) == said(plainly(kept.config, kept.folder))
    assert list(kept.place.iterdir()) == []


def test_kinds_of_other_distributions_have_no_cache(kept: Kept) -> None:
    (kept.folder / "reconciler.yaml").write_text(
        "{apiVersion: reconciler/v1, kind: Config, registries: {sandbox: {kind: orq, embedded: a}, "
        "other: {kind: of-a-plugin, url: 'https://a.example.com'}}}"
    )
    config = load_config(kept.folder / "reconciler.yaml", "reconciler.yaml")
    assert Cache.of(config, {FOLDER: str(kept.place)}) is None


# ---- how much there is of it


def test_rows_of_files_that_are_gone_are_removed(kept: Kept) -> None:
    kept.read()
    with kept.database() as connection:
        rows = [(number.to_bytes(16, "big"), b"seal", b"record") for number in range(1500)]
        connection.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
    kept.read()
    assert set(kept.rows()) == {kept.digest("a.yaml"), kept.digest("b.yaml")}


def test_rows_of_another_branch_stay_for_a_while(kept: Kept) -> None:
    kept.read()
    kept.write("a.yaml", text("a"))
    kept.read()
    assert len(kept.rows()) == 3


def test_what_was_used_longest_ago_goes_first_and_nothing_of_others(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.read()
    ours = kept.file
    size = ours.stat().st_size
    old, older = (kept.place / f"{letter * 32}.sqlite" for letter in "ab")
    others = [kept.place / name for name in ("mine.sqlite", f"{'A' * 32}.sqlite", f"{'a' * 32}.sqlite.bak")]
    for path in (*others, old, older):
        path.write_bytes(b"x" * size)
    for age, path in enumerate((ours, old, older)):
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    monkeypatch.setattr(cache_module, "MOST_BYTES", 2 * size + size // 2)
    kept.write("c.yaml", text("c"))
    kept.read()
    assert old.exists()
    assert not older.exists()
    assert all(path.exists() for path in others)


FULL = """
import resource, sys
from pathlib import Path
from reconciler.folder import read_folder
from reconciler.manifests.config import load_config
resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))
config = load_config(Path("reconciler.yaml"), "reconciler.yaml")
environ = {"RECONCILER_CACHE_DIR": sys.argv[1]}
_, desired, problems = read_folder(config, relative_to=Path(), environ=environ, worth=0)
print(len(desired), problems)
"""


def test_a_full_disk_is_no_error(kept: Kept, tmp_path: Path) -> None:
    (kept.folder / "reconciler.yaml").write_text(
        "{apiVersion: reconciler/v1, kind: Config, registries: {sandbox: {kind: orq, embedded: a}}, "
        "secrets: {UPSTREAM_KEY: {env: K, hosts: [llm.example.com]}}}"
    )
    process = subprocess.run(
        [sys.executable, "-B", "-c", FULL, str(tmp_path / "cache")],
        cwd=kept.folder,
        # Measuring coverage would write, too.
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (process.stdout, process.stderr) == ("2 []\n", "")
