"""Encrypts the credentials that clients send, with a key that stands beside the database.

The reference says that credentials are "encrypted before being persisted". Here they are Fernet tokens;
the key is in ``<database>.key``, readable by its owner only. The database remembers a digest of the key,
so a lost or exchanged key file is noticed when the database is opened, and is never replaced by a new
key under which the old credentials could not be read.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.embedded import settings
from reconciler.errors import StorageError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_DIGEST = "vault_key_sha256"
_KEY_BYTES = 32


class Vault:
    """The credentials of one database. Takes the connection of the transaction that they belong to."""

    def __init__(self, database: Path) -> None:
        self.key_file = database.with_name(f"{database.name}.key")
        self._ready: tuple[str, Fernet] | None = None

    def check(self, connection: sqlite3.Connection) -> None:
        """Raises StorageError where the database holds credentials and the key file is gone or another's."""
        digest = settings.read(connection, _DIGEST)
        if digest is not None:
            self._key_with(digest)

    def seal(self, connection: sqlite3.Connection, plain: bytes) -> bytes:
        """``plain`` encrypted. Inside a write transaction: the first call makes the key.

        Raises StorageError: the key file is gone, wrong, or cannot be made.
        """
        digest = settings.read(connection, _DIGEST)
        cipher = self._first_cipher(connection) if digest is None else self._cipher_with(digest)
        return cipher.encrypt(plain)

    def unseal(self, connection: sqlite3.Connection, sealed: bytes) -> bytes:
        """What ``seal`` was given. Raises StorageError: no key, or not sealed with it."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - see _cipher

        digest = settings.read(connection, _DIGEST)
        try:
            if digest is not None:
                return self._cipher_with(digest).decrypt(sealed)
        except InvalidToken:
            pass
        raise StorageError(f"{self.key_file}: a stored credential does not open with this key")

    def _cipher_with(self, digest: str) -> Fernet:
        if self._ready is None or self._ready[0] != digest:
            self._ready = (digest, _cipher(self._key_with(digest)))
        return self._ready[1]

    def _first_cipher(self, connection: sqlite3.Connection) -> Fernet:
        # A file that no digest speaks of was left by a run that was killed in between, or laid there on
        # purpose. Nothing is kept in memory here: the transaction, and the digest with it, may be undone.
        key = self._read() or self._make()
        try:
            cipher = _cipher(key)
        except ValueError:
            raise StorageError(
                f"{self.key_file}: not a key of 32 bytes in URL-safe base64",
                hint="remove the file: no credential needs it, and a new key will be made",
            ) from None
        settings.write(connection, _DIGEST, _digest(key))
        return cipher

    def _key_with(self, digest: str) -> bytes:
        key = self._read()
        if key is None:
            raise StorageError(
                f"{self.key_file}: the key of the stored credentials is gone",
                hint="put the file back from a backup; without it the credentials cannot be read",
            )
        if _digest(key) != digest:
            raise StorageError(
                f"{self.key_file}: not the key that the stored credentials were encrypted with",
                hint="put back the file that belongs to this database",
            )
        return key

    def _read(self) -> bytes | None:
        try:
            return self.key_file.read_bytes().strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{self.key_file}: cannot be read: {error.strerror}") from error

    def _make(self) -> bytes:
        # The write transaction that we are in keeps other processes out. The key is complete and on
        # disk before it gets its name: no crash leaves half a key, or a credential without its key.
        key = base64.urlsafe_b64encode(os.urandom(_KEY_BYTES))
        draft = self.key_file.with_name(f"{self.key_file.name}.{uuid.uuid4().hex}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(key)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.key_file)
            _sync_folder(self.key_file.parent)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StorageError(
                f"{self.key_file}: the key for credentials cannot be made: {error.strerror}",
                hint="name a database in a folder that you may write to",
            ) from error
        return key


def _cipher(key: bytes) -> Fernet:
    """Raises ValueError where ``key`` is no Fernet key."""
    from cryptography.fernet import Fernet  # noqa: PLC0415 - slow to load, and most runs need none

    return Fernet(key)


def _digest(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
