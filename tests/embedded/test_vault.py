from __future__ import annotations

import errno
import json
import logging
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from reconciler.embedded import settings
from reconciler.embedded.store import Store
from reconciler.embedded.vault import Vault
from reconciler.errors import StorageError

from .client import Client, new_model

Open = Callable[..., Client]
SECRET = "sk-planted-0123456789"


def with_key(**changes: object) -> dict[str, object]:
    return new_model(configuration={"api_key": SECRET, "nested": {"deep": SECRET}}, **changes)


def key_file(database: Path) -> Path:
    return database.with_name("registry.db.key")


def test_no_file_and_no_log_holds_the_text_of_a_credential(
    registry: Client, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert registry.post(with_key()).status_code == 200
        assert registry.post(with_key()).status_code == 400
        assert registry.patch("support", {"display_name": "New"}).status_code == 200
    files = list(database.parent.iterdir())
    assert len(files) >= 3  # database, write-ahead log, key
    assert all(SECRET.encode() not in file.read_bytes() for file in files)
    assert SECRET not in caplog.text


def test_a_credential_opens_with_the_key_file_and_survives_an_update(
    registry: Client, database: Path
) -> None:
    registry.post(with_key())
    registry.patch("support", {"metadata": {"is_private": True}})
    store: Store = registry.app.state.store
    with store.reading() as connection:
        (sealed,) = connection.execute("SELECT sealed FROM orq_model WHERE id = 'support'").fetchone()
        plain = Vault(database).unseal(connection, sealed)
    assert json.loads(plain) == {"api_key": SECRET, "nested": {"deep": SECRET}}


def test_the_key_file_is_for_its_owner_only(registry: Client, database: Path) -> None:
    registry.post(with_key())
    assert stat.S_IMODE(key_file(database).stat().st_mode) == 0o600
    assert sorted(path.name for path in database.parent.glob("*.key*")) == ["registry.db.key"]


def test_no_key_is_made_before_a_credential_comes(registry: Client, database: Path) -> None:
    registry.post(new_model())
    assert not key_file(database).exists()


def test_a_reopened_registry_goes_on_with_the_same_key(open_registry: Open, database: Path) -> None:
    open_registry().post(with_key())
    key = key_file(database).read_bytes()
    assert open_registry().post(with_key(id="second")).status_code == 200
    assert key_file(database).read_bytes() == key


def test_a_database_whose_key_is_gone_does_not_open_and_gets_no_new_key(
    open_registry: Open, database: Path
) -> None:
    open_registry().post(with_key())
    key_file(database).unlink()
    with pytest.raises(StorageError, match="the key of the stored credentials is gone"):
        open_registry()
    assert not key_file(database).exists()


def test_a_database_with_anothers_key_does_not_open(open_registry: Open, database: Path) -> None:
    open_registry().post(with_key())
    key_file(database).write_bytes(Fernet.generate_key())
    with pytest.raises(StorageError, match="not the key"):
        open_registry()


def test_a_key_that_goes_while_running_stops_only_what_needs_it(open_registry: Open, database: Path) -> None:
    running = open_registry()
    open_registry().post(with_key())
    key_file(database).unlink()
    assert running.post(new_model(id="plain")).status_code == 200
    assert running.post(with_key(id="sealed")).status_code == 500
    assert not key_file(database).exists()
    assert [model["id"] for model in running.models()][-2:] == ["support", "plain"]


def test_a_key_left_by_a_killed_run_is_used(open_registry: Open, database: Path) -> None:
    key = Fernet.generate_key()
    key_file(database).write_bytes(key)
    assert open_registry().post(with_key()).status_code == 200
    assert key_file(database).read_bytes() == key


def test_a_file_that_is_no_key_is_not_overwritten(open_registry: Open, database: Path) -> None:
    key_file(database).write_bytes(b"my notes")
    assert open_registry().post(with_key()).status_code == 500
    assert key_file(database).read_bytes() == b"my notes"


def test_a_create_that_is_undone_leaves_the_vault_usable(registry: Client, database: Path) -> None:
    store: Store = registry.app.state.store
    vault = Vault(database)
    with pytest.raises(RuntimeError), store.writing() as connection:
        vault.seal(connection, b"lost")
        raise RuntimeError
    with store.writing() as connection:
        sealed = vault.seal(connection, b"kept")
    with store.reading() as connection:
        assert settings.read(connection, "vault_key_sha256") is not None
        assert Vault(database).unseal(connection, sealed) == b"kept"


def test_a_credential_sealed_elsewhere_is_a_storage_error(registry: Client, database: Path) -> None:
    registry.post(with_key())
    stranger = Fernet(Fernet.generate_key()).encrypt(b"x")
    store: Store = registry.app.state.store
    with store.reading() as connection, pytest.raises(StorageError, match="does not open"):
        Vault(database).unseal(connection, stranger)


def test_a_key_file_that_cannot_be_read_is_a_storage_error(open_registry: Open, database: Path) -> None:
    open_registry().post(with_key())
    key_file(database).unlink()
    key_file(database).mkdir()
    with pytest.raises(StorageError, match="cannot be read"):
        open_registry()


def test_a_full_disk_leaves_neither_half_a_key_nor_the_model(
    registry: Client, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert registry.post(with_key()).status_code == 500
    assert not list(database.parent.glob("*.key*"))
    assert registry.post(with_key()).status_code == 200
