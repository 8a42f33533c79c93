"""One apply at a time from one checkout.

The lock is the operating system's, so that it goes with the process, however that ends. Beside it stands
who holds it, for people.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import simplejson
from filelock import FileLock, Timeout

from reconciler.errors import LockedError
from reconciler.journal.records import Actor, now

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
def only_one(checkout: Path, actor: Actor, run: str) -> Iterator[None]:
    """Holds the lock of ``checkout``. Raises LockedError where another apply holds it."""
    path = checkout / FOLDER / "apply.lock"
    try:
        own_folder(checkout)
        lock = FileLock(path, timeout=_SECONDS)
        lock.acquire()
    except Timeout:
        found = holder(checkout)
        who = f": {found}" if found is not None else ""
        hint = "wait until it ends; two at once would each write over the other's work"
        raise LockedError(f"another apply runs from this checkout{who}", hint=hint) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        hint = (
            f"apply keeps what it needs in {FOLDER}/ beside reconciler.yaml, and must be able to write there"
        )
        raise LockedError(f"cannot lock {path}: {reason}", hint=hint) from None
    try:
        with contextlib.suppress(OSError):  # it is for people only
            _tell(checkout, Holder(actor, now(), run))
        yield
    finally:
        with contextlib.suppress(OSError):
            _told_at(checkout).unlink(missing_ok=True)
        lock.release()


def holder(checkout: Path) -> Holder | None:
    """Who wrote last that the lock is theirs; that process may have ended without a word."""
    try:
        data: Any = simplejson.loads(_told_at(checkout).read_text(encoding="utf-8"))
        return Holder(Actor(**data["actor"]), str(data["since"]), str(data["run"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _told_at(checkout: Path) -> Path:
    return checkout / FOLDER / "apply.holder.json"


def _tell(checkout: Path, holder: Holder) -> None:
    told = _told_at(checkout)
    new = told.with_suffix(".new")
    new.write_text(simplejson.dumps(asdict(holder)) + "\n", encoding="utf-8")
    new.replace(told)
