from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.embedded import store as store_module
from reconciler.embedded.schema import MIGRATIONS
from reconciler.embedded.store import Store
from reconciler.errors import StorageError

from .client import Client, new_model

Open = Callable[..., Client]


def run_sql(database: Path, statement: str) -> object:
    with closing(sqlite3.connect(database)) as connection, connection:
        row = connection.execute(statement).fetchone()
        return None if row is None else row[0]


def test_importing_the_package_loads_no_server_and_no_crypto() -> None:
    program = (
        "import sys; before = set(sys.modules); import reconciler.embedded\n"
        "heavy = {'starlette', 'uvicorn', 'sqlite3', 'cryptography', 'simplejson'}\n"
        "loaded = heavy & (set(sys.modules) - before)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_a_registry_that_probes_nothing_loads_no_http_client() -> None:
    program = (
        "import sys; before = set(sys.modules); import reconciler.embedded.app, reconciler.embedded.seed\n"
        "loaded = {'httpx', 'cryptography'} & (set(sys.modules) - before)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_a_database_of_the_first_version_gets_the_other_vendors_and_keeps_its_models(
    open_registry: Open, database: Path
) -> None:
    Store(database, MIGRATIONS[:1]).close()
    run_sql(database, "UPDATE orq_model SET document = json_set(document, '$.display_name', 'Mine')")
    registry = open_registry()
    assert {model["display_name"] for model in registry.models()} == {"Mine"}
    for path in ("/v2/deployments", "/api/models/", "/api/providers/", "/api/v1/models/list"):
        assert registry.send("GET", path).status_code == 200
    assert run_sql(database, "PRAGMA user_version") == len(MIGRATIONS)


def test_the_folder_of_the_database_is_made(open_registry: Open, tmp_path: Path) -> None:
    open_registry(tmp_path / "a" / "b" / "registry.db")
    assert (tmp_path / "a" / "b" / "registry.db").is_file()


def test_what_was_created_is_there_after_reopening(open_registry: Open) -> None:
    first = open_registry()
    created = first.create()
    first.app.state.store.close()
    assert open_registry().model("support") == created


def test_the_workspace_is_made_once_per_database(open_registry: Open, tmp_path: Path) -> None:
    owners = [open_registry().create(id=name)["owner"] for name in ("a", "b")]
    assert owners[0] == owners[1]
    assert open_registry(tmp_path / "other.db").create()["owner"] != owners[0]


def test_the_database_is_in_wal_mode_and_commits_reach_the_disk(registry: Client, database: Path) -> None:
    assert run_sql(database, "PRAGMA journal_mode") == "wal"
    store: Store = registry.app.state.store
    with store.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_connections_are_kept_not_opened_per_request(
    registry: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.models()

    def no_more(*_args: object, **_options: object) -> None:
        raise AssertionError("opened another connection")

    monkeypatch.setattr(sqlite3, "connect", no_more)
    for number in range(5):
        registry.create(id=f"m{number}")
    assert len(registry.models()) == 8


class TestRefusesToOpen:
    def test_a_file_that_is_no_database(self, open_registry: Open, database: Path) -> None:
        database.write_text("my notes, by no means a database\n" * 100)
        with pytest.raises(StorageError, match="file is not a database") as caught:
            open_registry()
        assert str(database) in str(caught.value)
        assert caught.value.hint
        assert database.read_text().startswith("my notes")

    def test_a_database_of_another_program(self, open_registry: Open, database: Path) -> None:
        run_sql(database, "CREATE TABLE invoices (id)")
        with pytest.raises(StorageError, match="belongs to another program"):
            open_registry()
        assert run_sql(database, "SELECT count(*) FROM sqlite_master") == 1

    def test_a_database_of_a_newer_version(self, open_registry: Open, database: Path) -> None:
        open_registry().app.state.store.close()
        run_sql(database, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        with pytest.raises(StorageError, match="written by a newer reconciler") as caught:
            open_registry()
        assert "upgrade" in str(caught.value.hint)

    def test_a_folder(self, open_registry: Open, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="unable to open database file"):
            open_registry(tmp_path)

    def test_a_path_below_a_file(self, open_registry: Open, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StorageError, match="the folder for the database cannot be made"):
            open_registry(tmp_path / "file" / "registry.db")


def test_a_migration_that_fails_leaves_no_trace(database: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (id)")
        connection.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StorageError, match="nowhere"):
        Store(database, [half])
    assert run_sql(database, "SELECT count(*) FROM sqlite_master") == 0
    Store(database, MIGRATIONS).close()


def test_a_newer_program_adds_only_the_migrations_that_are_missing(database: Path) -> None:
    Store(database, MIGRATIONS).close()
    calls: list[int] = []
    Store(database, [*MIGRATIONS, lambda _connection: calls.append(1)]).close()
    Store(database, [*MIGRATIONS, lambda _connection: calls.append(2)]).close()
    assert calls == [1]
    assert run_sql(database, "PRAGMA user_version") == len(MIGRATIONS) + 1


def test_many_can_make_and_fill_one_database_at_once(open_registry: Open) -> None:
    together = threading.Barrier(6)

    def fill(worker: int) -> None:
        together.wait(timeout=60)
        registry = open_registry()
        for number in range(5):
            registry.create(id=f"{worker}-{number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(fill, range(6)))
    models = open_registry().models()
    assert len(models) == 3 + 30
    assert len({model["owner"] for model in models}) == 2


def test_of_many_creates_with_one_id_exactly_one_wins(open_registry: Open) -> None:
    clients = [open_registry() for _ in range(4)]

    def create(number: int) -> int:
        return clients[number % 4].post(new_model(display_name=str(number))).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(create, range(16)))
    assert statuses == [200] + [400] * 15


def test_a_failing_disk_is_a_500_and_the_registry_lives_on(
    registry: Client, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store: Store = registry.app.state.store
    with store.reading() as connection:
        connection.execute("PRAGMA query_only = ON")
    assert registry.post(new_model()).status_code == 500
    assert "attempt to write a readonly database" in caplog.text
    with store.reading() as connection:
        connection.execute("PRAGMA query_only = OFF")
    assert registry.post(new_model()).status_code == 200


def test_nothing_stays_open_after_close(registry: Client, database: Path) -> None:
    registry.create()
    registry.app.state.store.close()
    open_files = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [name for name in open_files if name.startswith(str(database))]
    assert not database.with_name("registry.db-wal").exists()


def test_the_switch_to_wal_waits_for_a_reader_and_then_gives_up(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sql(database, "CREATE TABLE t (id)")
    with (
        closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as reader,
        closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as ours,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM t").fetchall()
        with monkeypatch.context() as patch:
            patch.setattr(store_module, "_BUSY_SECONDS", 0.0)
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                store_module._switch_to_wal(ours)
        release = threading.Timer(0.05, reader.execute, ["COMMIT"])
        release.start()
        store_module._switch_to_wal(ours)
        release.join()
        assert ours.execute("PRAGMA journal_mode").fetchone() == ("wal",)
