"""What was read before: records of manifests by the content of their files, in a SQLite file of the user's.

A record decides what a plan compares, so the cache is never inside the checkout, where a pull request could
put one. It stands in the user's own cache folder, which nobody else may write to. Whatever is wrong with it
(another process has it, a full disk, a flipped byte) costs time and nothing else: the files are read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import sqlite3
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pydantic
import yaml

import reconciler
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.files import File
from reconciler.registries import BUILT_IN

FOLDER: Final = "RECONCILER_CACHE_DIR"
"""The environment variable that names another folder; empty for no cache."""

MOST_BYTES: Final = 512 * 1024 * 1024
"""Of all files in the folder; those that were used longest ago go first."""

_LAYOUT: Final = 2
_WAIT: Final = 2
"""Seconds to wait for another process that writes."""

_OURS: Final = re.compile(r"[0-9a-f]{32}\.sqlite")
"""The name of a file of the cache: the folder may have others."""

_FAULTS: Final = (sqlite3.Error, OSError, TypeError, ValueError)
"""What a broken file raises: also types and characters that no record has."""

_log = logging.getLogger(__name__)


def _nobody(_: str) -> None:
    """Hears a warning and says nothing."""


@dataclass(frozen=True, slots=True)
class Cache:
    """The records that were made with one version of this package and one set of registries and secrets."""

    path: Path

    @classmethod
    def of(
        cls, config: LoadedConfig, environ: Mapping[str, str], warn: Callable[[str], None] = _nobody
    ) -> Cache | None:
        """The cache for ``config``; None where there is none to be had, or a kind is not one of ours.

        ``warn`` is told of a folder that is not safe.
        """
        if any(entry.kind not in BUILT_IN for entry in config.value.registries.values()):
            return None  # what another distribution makes of a manifest may change with that
        folder = _folder(environ)
        if folder is None or not _is_ours(folder, config, warn):
            return None
        context = _context(config)
        return None if context is None else cls(folder / f"{context}.sqlite")

    def read(self, wanted: Collection[bytes]) -> tuple[dict[str, str], dict[bytes, bytes]]:
        """The texts of all forms, and the records of ``wanted`` digests that are known and whole."""
        forms: dict[str, str] = {}
        records: dict[bytes, bytes] = {}
        try:
            if not self.path.exists():
                return forms, records
            with suppress(OSError):  # what may not be changed can still be read
                os.utime(self.path)
            with closing(self._open()) as connection:
                forms = dict(connection.execute("SELECT digest, text FROM forms"))
                total = 0
                for digest, seal, record in connection.execute("SELECT digest, seal, record FROM records"):
                    total += 1
                    if digest in wanted and seal == _seal(digest, record):
                        records[digest] = record
                if total - len(records) > 2 * len(wanted) + 1000:
                    with connection:
                        gone = ((key,) for (key,) in _keys(connection) if key not in wanted)
                        connection.executemany("DELETE FROM records WHERE digest = ?", list(gone))
        except _FAULTS as error:
            self._failed(error)
            return {}, {}
        return forms, records

    def add(self, forms: Mapping[str, str], records: Iterable[tuple[bytes, bytes]]) -> None:
        """Keeps what was made. What another process has added meanwhile stays."""
        try:
            os.close(
                os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            )  # nobody else's from its first moment on
            with closing(self._open()) as connection, connection:
                connection.execute("CREATE TABLE IF NOT EXISTS forms (digest TEXT PRIMARY KEY, text TEXT)")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS records (digest BLOB PRIMARY KEY, seal BLOB, record BLOB)"
                )
                connection.executemany("INSERT OR REPLACE INTO forms VALUES (?, ?)", forms.items())
                connection.executemany(
                    "INSERT OR REPLACE INTO records VALUES (?, ?, ?)",
                    ((digest, _seal(digest, record), record) for digest, record in records),
                )
        except _FAULTS as error:
            self._failed(error)

    def tidy(self) -> None:
        """Deletes the files that were used longest ago, until the folder is small enough."""
        with suppress(OSError):
            ours = (path for path in self.path.parent.glob("*.sqlite") if _OURS.fullmatch(path.name))
            found = [(path.stat(), path) for path in ours]
            room = MOST_BYTES
            for status, path in sorted(found, key=lambda each: each[0].st_mtime, reverse=True):
                room -= status.st_size
                if room < 0:
                    path.unlink()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_WAIT)
        connection.execute("PRAGMA synchronous = OFF")  # what a crash breaks is read from the files
        return connection

    def _failed(self, error: Exception) -> None:
        _log.debug("the cache %s is not used: %s", self.path, error)
        # What the system or another process is in the way of may pass. A text that is none has no code.
        passing = isinstance(error, sqlite3.OperationalError) and hasattr(error, "sqlite_errorcode")
        if not passing and not isinstance(error, OSError):
            with suppress(OSError):
                self.path.unlink()


def digest_of(file: File) -> bytes:
    """What the content of a file is known by."""
    return hashlib.blake2b(file.data, digest_size=16).digest()


def _keys(connection: sqlite3.Connection) -> Iterator[tuple[bytes]]:
    yield from connection.execute("SELECT digest FROM records").fetchall()


def _seal(digest: bytes, record: bytes) -> bytes:
    """Tells a record that is whole from one with a flipped byte, which might be in a price."""
    return hashlib.blake2b(digest + record, digest_size=8).digest()


def _folder(environ: Mapping[str, str]) -> Path | None:
    given = environ.get(FOLDER)
    if given is not None:
        return Path(given) if given else None
    try:
        home = environ.get("XDG_CACHE_HOME") or str(
            Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
        )
    except RuntimeError:  # nobody knows where home is
        return None
    return Path(home, "reconciler") if Path(home).is_absolute() else None


def _is_ours(folder: Path, config: LoadedConfig, warn: Callable[[str], None]) -> bool:
    """Whether only we can write there; the folder is made where there is none."""
    try:
        if _is_checked_out(folder, config):
            warn(f"{folder} is not used as a cache: it is inside the checkout")
            return False
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        _log.debug("there is no cache: %s", error)
        return False
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        warn(f"{folder} is not used as a cache: others may write to it")
        return False
    return True


def _is_checked_out(folder: Path, config: LoadedConfig) -> bool:
    """Whether a pull request could put a file into ``folder``."""
    home = config.folder.resolve()
    top = next((path for path in (home, *home.parents) if (path / ".git").exists()), home)
    place = folder.resolve()
    return place.is_relative_to(top) or place.is_relative_to(config.manifests.resolve())


def _context(config: LoadedConfig) -> str | None:
    """What a record depends on besides its file, as the name of a file; None where that cannot be told."""
    code = _code()
    if code is None:
        return None
    root: Any = config.document.root
    parts = [root.get(name) for name in ("registries", "default_registries", "secrets")]
    versions = [_LAYOUT, sys.implementation.cache_tag, pydantic.VERSION, yaml.__version__, code]
    text = json.dumps([versions, parts], default=_other, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _other(value: object) -> list[str]:
    return [type(value).__name__, str(value)]


def _code() -> str | None:
    """The version of this package, to the file: an edited table must not find what the one before made.

    None where the package is no folder of files, as in a zip file.
    """
    home = Path(reconciler.__file__).parent
    seal = hashlib.blake2b(reconciler.__version__.encode(), digest_size=16)
    try:
        for folder in ("", "folder", "manifests", "manifests/yamltree", "registries", *_kinds(home)):
            for path in sorted((home / folder).glob("*.py")):
                seal.update(f"{folder}/{path.name}\0".encode())
                seal.update(path.read_bytes())
    except OSError as error:
        _log.debug("there is no cache: %s", error)
        return None
    return seal.hexdigest()


def _kinds(home: Path) -> Iterator[str]:
    with os.scandir(home / "registries") as entries:
        yield from sorted(f"registries/{entry.name}" for entry in entries if entry.is_dir())
