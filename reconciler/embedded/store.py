"""A SQLite file: opening, versions, and transactions. It knows nothing of what the tables mean.

Safe for several threads and several processes on one file: WAL, one writer at a time, and
``synchronous=FULL``, so what was committed survives a killed process and a power cut.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from reconciler.errors import StorageError

Migration = Callable[[sqlite3.Connection], None]
"""Takes a database from one version to the next, inside a transaction: no executescript, no COMMIT."""

APPLICATION_ID = 0x7265636E  # "recn", in the header of the file: tells our databases from others

_BUSY_SECONDS = 10.0


class Snapshot:
    """What a database held at one moment, for as long as it is open. Safe for several threads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._turn = threading.Lock()
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only a read takes the snapshot

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            yield self._connection

    def close(self) -> None:
        with self._turn:
            self._connection.close()


# Of the request that is being answered: worker threads get a copy of its context.
_as_of: ContextVar[Snapshot | None] = ContextVar("as_of", default=None)
_losing: ContextVar[bool] = ContextVar("losing", default=False)


class Store:
    """One database file, at the version that ``migrations`` lead to.

    Connections are kept and reused: opening one costs more than most reads. They belong to no thread,
    because the worker threads of an event loop come and go.
    """

    def __init__(self, path: Path, migrations: Sequence[Migration]) -> None:
        """Opens or makes ``path`` and brings it up to date. Raises StorageError."""
        self.path = path
        self._idle: deque[sqlite3.Connection] = deque()
        # Writers of this process wait here, in turn. SQLite's own wait is by polling, and unfair.
        self._turn = threading.Lock()
        weakref.finalize(self, _close_all, self._idle)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{path.parent}: the folder for the database cannot be made: {error.strerror}",
                hint="name a file in a folder that you may write to",
            ) from error
        with self._connection() as connection:
            version = self._version(connection, known=len(migrations))
        if version < len(migrations):
            self._migrate(migrations)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one SELECT. Raises StorageError for any failure of SQLite."""
        snapshot = _as_of.get()
        with self._connection() if snapshot is None else snapshot.reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a write transaction: committed at the end, undone by any exception.

        Raises StorageError for any failure of SQLite, also when another process writes for longer than
        10 seconds.
        """
        with self._turn, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("ROLLBACK" if _losing.get() else "COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    # ---- for faults on purpose

    def snapshot(self) -> Snapshot:
        """What is committed now. Raises StorageError."""
        try:
            return Snapshot(self._connect())
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    @contextmanager
    def as_of(self, snapshot: Snapshot) -> Iterator[None]:
        """Inside, everything is read from ``snapshot``."""
        token = _as_of.set(snapshot)
        try:
            yield
        finally:
            _as_of.reset(token)

    @contextmanager
    def losing(self) -> Iterator[None]:
        """Inside, what is written is undone at the end of its transaction."""
        token = _losing.set(True)
        try:
            yield
        finally:
            _losing.reset(token)

    def close(self) -> None:
        """Closes the connections that are not in use. A later call opens new ones."""
        _close_all(self._idle)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.pop() if self._idle else self._connect()
            try:
                yield connection
            finally:
                self._idle.append(connection)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error) -> StorageError:
        return StorageError(
            f"{self.path}: the embedded registry's database cannot be used: {error}",
            hint="is it a database of this program, in a place that you may write to?",
        )

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _version(self, connection: sqlite3.Connection, *, known: int) -> int:
        """The version of the file, 0 for a new one. Raises StorageError where it is not for us."""
        connection.execute("BEGIN")  # one snapshot: another process may be making the database just now
        try:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            connection.execute("ROLLBACK")
        if application != APPLICATION_ID and (application, version, tables) != (0, 0, 0):
            raise StorageError(
                f"{self.path}: this database belongs to another program",
                hint="name another file for the embedded registry",
            )
        if version > known:
            raise StorageError(
                f"{self.path}: written by a newer reconciler (its schema is version {version}, "
                f"this one knows up to {known})",
                hint="upgrade reconciler, or name another file",
            )
        return int(version)

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        with self._connection() as connection:
            _switch_to_wal(connection)
        with self.writing() as connection:
            # Asked again, now that nobody else can write: another process may have done it.
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            for migration in migrations[version:]:
                migration(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {max(version, len(migrations))}")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # The switch needs the file for itself and does not wait for it, whatever the busy timeout is.
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _close_all(connections: deque[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()
