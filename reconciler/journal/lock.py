"""One apply at a time from one checkout, or one of each shard.

The shards of a run share the lock of the checkout, and each holds one of its own: so the same shard never
runs twice, and no shard beside an apply of everything. How manifests are split depends on how many shards
there are; so shards of another number are refused as well.

The locks are the operating system's, so that they go with the process, however that ends. Beside each stands
who holds it, for people.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import simplejson
from filelock import FileLock, Timeout

from reconciler.errors import LockedError
from reconciler.journal.records import Actor, now
from reconciler.sharding import Shard

FOLDER: Final = ".reconciler"
"""What we keep beside reconciler.yaml. It is nothing for a repository."""

_SECONDS: Final = 0.3
"""How long a lock is waited for: somebody may be looking whether it is held."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock, since when, for which run."""

    actor: Actor
    since: str
    run: str

    def __str__(self) -> str:
        return f"pid {self.actor.pid} on {self.actor.host} since {self.since}, by {self.actor.name}"


def own_folder(checkout: Path) -> Path:
    """`.reconciler/` in ``checkout``, made where it is not there, and kept out of repositories then.

    Raises OSError.
    """
    folder = checkout / FOLDER
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError), (folder / ".gitignore").open("x") as stream:
            stream.write("*\n")
    return folder


@contextmanager
def only_one(checkout: Path, actor: Actor, run: str, shard: Shard | None = None) -> Iterator[None]:
    """Holds the lock of ``checkout``, or of one ``shard`` of it. Raises LockedError where another apply holds
    what must not run at the same time."""
    path = _path(checkout, shard)
    with contextlib.ExitStack() as stack:
        try:
            own_folder(checkout)
            if shard is None:
                stack.enter_context(FileLock(path, timeout=_SECONDS))
            else:
                _lock(stack, _path(checkout, None), fcntl.LOCK_SH)
                _lock(stack, path, fcntl.LOCK_EX)
                # Only now: of two that begin at the same time, each sees the other one.
                _refuse_other_splits(checkout, shard)
        except (Timeout, BlockingIOError):
            raise _held(holder(checkout, shard)) from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            hint = (
                f"apply keeps what it needs in {FOLDER}/ beside reconciler.yaml, "
                "and must be able to write there"
            )
            raise LockedError(f"cannot lock {path}: {reason}", hint=hint) from None
        with contextlib.suppress(OSError):  # it is for people only
            _tell(_told_at(path), Holder(actor, now(), run))
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                _told_at(path).unlink(missing_ok=True)


def holder(checkout: Path, shard: Shard | None = None) -> Holder | None:
    """Who wrote last that a lock is theirs that is in the way of an apply, or of one ``shard``; that process
    may have ended without a word."""
    every = [path for path in _shards(checkout) if shard is None and _is_held(path)]
    told = (_read(_told_at(path)) for path in (_path(checkout, shard), *every, _path(checkout, None)))
    return next((found for found in told if found is not None), None)


def _held(by: Holder | None) -> LockedError:
    who = f": {by}" if by is not None else ""
    hint = "wait until it ends; two at once would each write over the other's work"
    return LockedError(f"another apply runs from this checkout{who}", hint=hint)


def _path(checkout: Path, shard: Shard | None) -> Path:
    part = "" if shard is None else f".{shard.number}-of-{shard.count}"
    return checkout / FOLDER / f"apply{part}.lock"


def _shards(checkout: Path) -> list[Path]:
    """The locks of shards, held or not."""
    return sorted((checkout / FOLDER).glob("apply.*-of-*.lock"))


def _lock(stack: contextlib.ExitStack, path: Path, how: int) -> None:
    """Holds ``path`` until ``stack`` ends. Raises BlockingIOError where others hold it, else OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    stack.callback(os.close, descriptor)
    until = time.monotonic() + _SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
        time.sleep(_SECONDS / 10)


def _is_held(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # it has just gone, or no locks are known there
        return False
    return False


def _refuse_other_splits(checkout: Path, shard: Shard) -> None:
    """Raises LockedError where a shard of another number of them runs: it may do the same as this one."""
    for path in _shards(checkout):
        found = re.fullmatch(r"apply\.([0-9]+)-of-([0-9]+)\.lock", path.name)
        if found is not None and int(found[2]) != shard.count and _is_held(path):
            message = f"shard {found[1]}/{found[2]} of another apply runs from this checkout"
            by = _read(_told_at(path))
            raise LockedError(f"{message}{f': {by}' if by else ''}", hint="wait until it ends")


def _read(told: Path) -> Holder | None:
    try:
        data: Any = simplejson.loads(told.read_text(encoding="utf-8"))
        return Holder(Actor(**data["actor"]), str(data["since"]), str(data["run"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _told_at(lock: Path) -> Path:
    return lock.with_suffix(".holder.json")


def _tell(told: Path, holder: Holder) -> None:
    new = told.with_suffix(".new")
    new.write_text(simplejson.dumps(asdict(holder)) + "\n", encoding="utf-8")
    new.replace(told)
