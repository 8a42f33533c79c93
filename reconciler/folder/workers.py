"""Records made by several processes: to parse YAML takes most of the time of a plan, and uses one core.

The processes are forks, which have the files' bytes and the tables already. Where there is no safe fork, or
one of them ends early, the caller makes the records itself.
"""

from __future__ import annotations

import atexit
import gc
import marshal
import os
import selectors
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from reconciler.folder.cache import Cache, digest_of
from reconciler.folder.records import Forms, record_of
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.files import File

_CHUNK: Final = 32
"""The most files that one process takes in a row."""
_FEWEST: Final = 8
"""Shares for each process, if there are as many files: some files take longer than others."""
_NUMBER: Final = 4
"""Bytes of the number of a file."""
_MOST_SHARES: Final = 1024
"""What fits into the smallest pipe, of one page, while nobody reads it."""
_HEAD: Final = 8
_MOST: Final = 8
"""Processes: more share too little work."""

Results = list[tuple[int, bytes | None]]
"""Records by the index of their file."""


def processes() -> int:
    """How many processes can work side by side here; 1 where forking is not safe."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return 1
    return min(len(os.sched_getaffinity(0)), _MOST)


def records(
    config: LoadedConfig, files: Sequence[File], forms: Forms, cache: Cache | None, *, count: int
) -> Generator[Results]:
    """The records of ``files``, in batches, made by ``count`` processes, which also keep them in ``cache``.

    What a process that ended early leaves out comes in no batch.
    """
    gc.freeze()  # so that no child copies what it only looks for garbage in
    workers: list[_Worker] = []
    try:
        with suppress(OSError), _Shares.of(len(files), count) as shares:
            for number in range(count):
                with _held():  # no process more is to be had: the others, or the caller, do what is missing
                    workers.append(_start(partial(_work, config, files, shares, cache), number))
        with selectors.DefaultSelector() as waiting:
            for worker in workers:
                waiting.register(worker.descriptor, selectors.EVENT_READ, worker)
            while waiting.get_map():
                for key, _ in waiting.select():
                    for texts, batch in key.data.received():
                        forms.add(texts)
                        yield batch
                    if key.data.ended:
                        waiting.unregister(key.fd)
    finally:
        with _held():
            for worker in workers:
                worker.stop()
        gc.unfreeze()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Shares:
    """Numbers of files that are yet to be read, from a pipe that all processes read: who is done with some
    takes the next, so that none waits for another."""

    descriptor: int
    size: int
    count: int

    @classmethod
    @contextmanager
    def of(cls, files: int, processes: int) -> Iterator[_Shares]:
        """Those of ``files`` for ``processes``; open for as long as these are started. Raises OSError."""
        size = max(1, min(_CHUNK, files // (processes * _FEWEST)), -(-files // _MOST_SHARES))
        reading, writing = os.pipe()
        try:
            try:
                firsts = range(0, files, size)
                os.write(writing, b"".join(first.to_bytes(_NUMBER, "little") for first in firsts))
            finally:
                os.close(writing)
            yield cls(reading, size, files)
        finally:
            os.close(reading)

    def take(self) -> range:
        """The next ones; none where nothing is left."""
        data = os.read(self.descriptor, _NUMBER)
        first = int.from_bytes(data, "little") if data else self.count
        return range(first, min(first + self.size, self.count))


@dataclass(frozen=True, slots=True)
class _Parent:
    """The process that waits for what this one makes."""

    descriptor: int

    def send(self, texts: dict[str, str], results: Results) -> None:
        data = marshal.dumps((texts, results))
        waiting = memoryview(len(data).to_bytes(_HEAD, "little") + data)
        while waiting:
            waiting = waiting[os.write(self.descriptor, waiting) :]

    def leave(self) -> None:
        """Nothing more is coming: it goes on."""
        os.close(self.descriptor)


def _work(
    config: LoadedConfig,
    files: Sequence[File],
    shares: _Shares,
    cache: Cache | None,
    parent: _Parent,
) -> None:
    """What one process does: records of its shares of the files, sent as they come, and then kept."""
    forms = Forms()
    told: set[str] = set()
    kept: list[tuple[bytes, bytes]] = []
    while share := shares.take():
        batch: Results = []
        for index in share:
            record = record_of(config, files[index], forms)
            batch.append((index, record))
            if record is not None and cache is not None:
                kept.append((digest_of(files[index]), record))
        new = {digest: text for digest, text in forms.texts.items() if digest not in told}
        told.update(new)
        parent.send(new, batch)
    parent.leave()
    if cache is not None:
        cache.add(forms.texts, kept)


@dataclass(slots=True)
class _Worker:
    """One process, and what it has sent so far."""

    identity: int
    descriptor: int
    buffer: bytearray = field(default_factory=bytearray)
    ended: bool = False

    def received(self) -> Iterator[tuple[dict[str, str], Results]]:
        """The messages that are whole by now."""
        data = os.read(self.descriptor, 1 << 20)
        if not data:
            self.ended = True
            return
        self.buffer += data
        while len(self.buffer) >= _HEAD:
            size = int.from_bytes(self.buffer[:_HEAD], "little")
            if len(self.buffer) < _HEAD + size:
                return
            message: Any = marshal.loads(self.buffer[_HEAD : _HEAD + size])  # noqa: S302 - of our own child
            del self.buffer[: _HEAD + size]
            yield message

    def stop(self) -> None:
        """Ends the process, unless it is done: then it may still write to the cache."""
        os.close(self.descriptor)
        if self.ended:
            _writing.append(self.identity)
            return
        with suppress(ProcessLookupError):
            os.kill(self.identity, signal.SIGKILL)
        _waited_for(self.identity)


_writing: list[int] = []
"""Processes that are done but for what they keep."""


def settle() -> None:
    """Waits until the processes of earlier reads have kept what they made."""
    while _writing:
        _waited_for(_writing.pop())


def _settle_at_exit() -> None:
    with suppress(KeyboardInterrupt):  # the run is over: what is not kept yet is read once more
        settle()


atexit.register(_settle_at_exit)


def _spread(place: int) -> None:
    """Moves this process to a processor of its own. It may leave it again: without this, forks of a process
    that sleeps much stay where it is for a second and more, one beside the other."""
    with suppress(OSError):
        here = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {here[place % len(here)]})
        os.sched_setaffinity(0, here)


def _waited_for(identity: int) -> None:
    with suppress(ChildProcessError):  # where SIGCHLD is ignored, nobody is left to be waited for
        os.waitpid(identity, 0)


_SIGNALS: Final = frozenset({signal.SIGINT, signal.SIGTERM})


@contextmanager
def _held() -> Iterator[None]:
    """Signals that end a run wait: no process is forgotten that just started, and none runs the parent's
    handlers."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(work: Callable[[_Parent], None], place: int) -> _Worker:
    """A process that does ``work``, at its own ``place``. To be called while signals are held."""
    reading, writing = os.pipe()
    try:
        identity = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if identity:
        os.close(writing)
        return _Worker(identity, reading)
    status = 1
    try:
        # Ctrl-C reaches the whole group: the parent tells what happened, a child only ends.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(reading)
        gc.disable()  # what a short life leaves behind goes with it
        _spread(place)
        work(_Parent(writing))
        status = 0
    except BaseException:  # noqa: BLE001, S110 - the parent does what is missing, and tells of what is wrong
        pass
    finally:
        os._exit(status)
