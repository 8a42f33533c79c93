"""The file of the run that is under way.

A thread of its own writes and syncs, so that no call waits for the disk but those whose intent is not on
it yet. What comes while it syncs goes out together with the next sync.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import simplejson

from reconciler.errors import JournalError
from reconciler.journal.quick import intent_text
from reconciler.journal.records import Begin, End, Intent, Intents, Proofs, Record, Results, now
from reconciler.journal.standing import hold
from reconciler.outcome import ActionResult, Proof
from reconciler.plan import Action

SUFFIX: Final = ".jsonl"

_TOGETHER_SECONDS: Final = 0.05
"""How long a result waits for others, to be synced with them. Nothing else waits for it."""

_IN_ONE_TURN: Final = 4
"""So many actions are made into text before another thread gets its turn: some 0.1 ms."""

_What = Record | ActionResult | tuple[Action, ...]
_Item = tuple[_What | None, Future[None] | None]


def line_of(record: Record) -> bytes:
    """``record`` as one line, with the time of now."""
    timed = _fields_of(replace(record, at=now()))
    # What a line is stands first, for those who read it with their eyes.
    return f"{_json({'record': timed.pop('record'), **timed})}\n".encode()


def _intents(actions: Iterable[Action]) -> bytes:
    """The line that says that ``actions`` are about to be sent."""
    told: list[Any] = []
    for number, action in enumerate(actions):
        if number % _IN_ONE_TURN == 0:
            time.sleep(0)  # calls are under way, which would each wait 5 ms for their turn
        try:
            text = intent_text(action)
        except TypeError:
            text = _json(Intent.plain(action))
        told.append(simplejson.RawJSON(text))
    return line_of(Intents(tuple(told)))


def _json(value: object) -> str:
    text: str = simplejson.dumps(
        value,
        use_decimal=True,
        separators=(",", ":"),
        default=_fields_of,
        check_circular=False,  # they are made of frozen classes
        namedtuple_as_object=False,  # to look for some takes twice as long as all the rest
    )
    return text


def _fields_of(value: Any) -> dict[str, Any]:
    """What a dataclass holds; unlike `asdict` it copies nothing. Raises TypeError for anything else."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


class Journal:
    """Appends to one file. Every record but results is on the disk when the call returns.

    The file is held for as long as it is open: that tells readers that the run is under way.
    """

    def __init__(self, file: Path, descriptor: int, run: str) -> None:
        self.file = file
        self.run = run
        self.failed: JournalError | None = None
        self._descriptor = descriptor
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._urgent = threading.Event()
        self._handing_over = threading.Lock()  # what is urgent comes with the word that it is
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, folder: Path, begin: Begin) -> Journal:
        """A new file in ``folder``, which is made where it is not there, with its first line.

        Raises JournalError.
        """
        stamp = now().translate(str.maketrans("", "", "-:."))
        file = folder / f"{stamp}-{begin.run}{SUFFIX}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(file, flags, 0o600)
            try:
                hold(descriptor)
                _append(descriptor, line_of(begin))
                _sync_folder(folder)
            except BaseException:
                os.close(descriptor)
                # Nothing was sent yet: half a line would only be one more file that nobody can read.
                with contextlib.suppress(OSError):
                    file.unlink()
                raise
        except OSError as error:
            raise _failure(file, error) from None
        return cls(file, descriptor, begin.run)

    async def intend(self, actions: Sequence[Action]) -> None:
        """Returns when it is on the disk that ``actions`` are about to be sent. Raises JournalError."""
        await asyncio.wrap_future(self._put(tuple(actions)))

    def check(self) -> None:
        """Raises JournalError where something could not be written."""
        if self.failed is not None:
            raise self.failed

    def result(self, result: ActionResult) -> None:
        """What became of an action. Waits for nothing; `check` and `end` tell whether it was written."""
        self._queue.put((result, None))

    def proofs(self, proofs: Sequence[Proof]) -> None:
        """What the registries show after the writes. Raises JournalError."""
        self._put(Proofs(tuple(proofs))).result()

    def end(self, end: End) -> None:
        """The last line; nothing can be written after it. Raises JournalError."""
        try:
            self._put(end).result()
        finally:
            self.close()

    def close(self) -> None:
        """Ends the thread, when everything is written; the file then has no end unless `end` wrote one."""
        if self._thread.is_alive():
            self._hand_over((None, None))
            self._thread.join()

    def _put(self, what: Record | tuple[Action, ...]) -> Future[None]:
        future: Future[None] = Future()
        self._hand_over((what, future))
        return future

    def _hand_over(self, item: _Item) -> None:
        with self._handing_over:
            self._queue.put(item)
            self._urgent.set()

    def _work(self) -> None:
        over = False
        while not over:
            items = self._gathered()
            over = items[-1] == (None, None)
            if self.failed is None:
                try:
                    _append(self._descriptor, b"".join(_lines([what for what, _ in items])))
                except OSError as error:
                    self.failed = _failure(self.file, error)
                except (TypeError, ValueError, RecursionError) as error:  # a bug; nobody must wait for ever
                    self.failed = JournalError(f"cannot write the journal: {type(error).__name__}")
            for _, future in items:
                self._tell(future)
        os.close(self._descriptor)

    def _gathered(self) -> list[_Item]:
        """What is to be written together: all that is there, and results also with those that follow soon."""
        items = [self._queue.get()]
        if isinstance(items[-1][0], ActionResult):
            self._urgent.wait(_TOGETHER_SECONDS)
        with self._handing_over, contextlib.suppress(queue.Empty):
            self._urgent.clear()
            while items[-1] != (None, None):
                items.append(self._queue.get_nowait())
        return items

    def _tell(self, future: Future[None] | None) -> None:
        if future is None or not future.set_running_or_notify_cancel():
            return
        if self.failed is None:
            future.set_result(None)
        else:
            future.set_exception(self.failed)


def _lines(items: Sequence[_What | None]) -> list[bytes]:
    """The lines for ``items``: of actions that they are about to be sent, results that follow each other in
    one."""
    lines: list[bytes] = []
    together: list[ActionResult] = []

    def settle() -> None:
        if together:
            lines.append(line_of(Results(tuple(together))))
            together.clear()

    for item in items:
        if isinstance(item, ActionResult):
            together.append(item)
        elif item is not None:
            settle()
            lines.append(_intents(item) if isinstance(item, tuple) else line_of(item))
    settle()
    return lines


def _append(descriptor: int, data: bytes) -> None:
    """Writes and syncs. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    if data:
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """A new file outlives a loss of power only with its folder's entry."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failure(file: Path, error: OSError) -> JournalError:
    reason = error.strerror or type(error).__name__
    hint = "`journal:` in reconciler.yaml says where it is; without it nothing is written to a registry"
    return JournalError(f"cannot write the journal {file}: {reason}", hint=hint)
