"""The processes that read manifests: however they end, the folder is read, and none of them stays."""

from __future__ import annotations

import errno
import os
import selectors
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.folder import quick, read_folder, workers
from reconciler.folder.cache import FOLDER, Cache
from reconciler.manifests.config import LoadedConfig

from .states import plainly, said
from .test_states import house, text

FILES = {f"{number:02d}.yaml": text(f"m{number}").encode() for number in range(40)}


@pytest.fixture
def config(tmp_path: Path) -> LoadedConfig:
    return house(tmp_path / "house", FILES)


@pytest.fixture(autouse=True)
def _two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "processes", lambda: 2)
    monkeypatch.setattr(quick, "_WORTH_A_FORK", 1)


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """No process, no descriptor, no signal that is held."""
    workers.settle()
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
    children = _children()
    yield
    workers.settle()
    assert _children() == children
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - names are enough
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


def _children() -> set[str]:
    """The processes of ours that have not been waited for; other tests may have left theirs."""
    tasks = Path("/proc/self/task")
    lists = [task / "children" for task in tasks.iterdir()]
    return {child for known in lists if known.exists() for child in known.read_text().split()}


def is_whole(config: LoadedConfig, environ: dict[str, str] | None = None) -> bool:
    found = read_folder(config, relative_to=config.folder, environ=environ, worth=0)
    return said(found) == said(plainly(config, config.folder))


def in_children(monkeypatch: pytest.MonkeyPatch, act: Callable[[str], None]) -> None:
    """Does ``act`` with the name of each file before a process makes its record; never in this process."""
    home = os.getpid()
    record_of = workers.record_of

    def acting(config: Any, file: Any, forms: Any) -> bytes | None:
        if os.getpid() != home:
            act(file.name)
        return record_of(config, file, forms)

    monkeypatch.setattr(workers, "record_of", acting)


def _killed(name: str) -> None:
    if name.endswith("05.yaml"):
        os.kill(os.getpid(), signal.SIGKILL)


def _failing(name: str) -> None:
    if name.endswith("33.yaml"):
        raise MemoryError


def _leaving(_name: str) -> None:
    raise SystemExit(3)


@pytest.mark.parametrize("act", [_killed, _failing, _leaving])
def test_a_process_that_ends_early(
    config: LoadedConfig, act: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_children(monkeypatch, act)
    environ = {FOLDER: str(tmp_path / "cache")}
    assert is_whole(config, environ)
    assert is_whole(config, environ)


@pytest.mark.parametrize("fails", [1, 2])
@pytest.mark.parametrize("call", ["fork", "pipe"])
def test_no_process_is_to_be_had(
    config: LoadedConfig, call: str, fails: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the number of processes, or of open files, is limited."""
    real, calls = getattr(os, call), iter(range(1, 9))

    def limited() -> Any:
        if next(calls) >= fails:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return real()

    with monkeypatch.context() as patch:
        patch.setattr(os, call, limited)
        assert is_whole(config)


def test_ends_that_nobody_may_wait_for(config: LoadedConfig) -> None:
    """Some who start programs ignore the ends of children, and that is inherited."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert is_whole(config)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_streams_that_are_closed(config: LoadedConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has no object for a stream that was closed before it started."""
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    assert is_whole(config)


def test_what_waits_to_be_written_is_written_once(
    config: LoadedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "out").open("w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        stream.write("once\n")
        assert is_whole(config)
    assert (tmp_path / "out").read_text() == "once\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("forks", [0, 1, 2])
def test_a_signal_at_any_moment_leaves_no_process(
    config: LoadedConfig, number: signal.Signals, forks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after a fork, in this process and in the new one; and while it waits."""
    home, fork, calls = os.getpid(), os.fork, iter(range(1, 9))

    def hit() -> None:
        # This thread alone: the runner of the tests has others, which hold nothing.
        signal.pthread_kill(threading.get_ident(), number)

    def interrupted() -> int:
        identity = fork()
        if next(calls) == forks:
            hit()
        return identity

    class Waiting(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> Any:
            if not forks:
                hit()
            return super().select(timeout)

    def slow(_name: str) -> None:
        signal.pause()

    def stop(*_: object) -> None:
        assert os.getpid() == home  # no child may go on as if it were its parent
        raise KeyboardInterrupt

    in_children(monkeypatch, slow)
    monkeypatch.setattr(os, "fork", interrupted)
    monkeypatch.setattr(selectors, "DefaultSelector", Waiting)
    before = signal.signal(number, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            read_folder(config, relative_to=config.folder, environ=None, worth=0)
    finally:
        signal.signal(number, before)


def test_a_few_large_files_are_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {f"{file}.yaml": "---\n".join(text(f"m{file}-{one}") for one in range(30)) for file in range(4)}
    config = house(tmp_path / "few", {name: part.encode() for name, part in parts.items()})
    sizes: list[int] = []
    real = workers._Shares.of

    def watched(files: int, processes: int) -> Any:
        return seen(real(files, processes))

    @contextmanager
    def seen(made: Any) -> Iterator[workers._Shares]:
        with made as shares:
            sizes.append(shares.size)
            yield shares

    monkeypatch.setattr(workers._Shares, "of", watched)
    assert is_whole(config)
    assert sizes == [1]


@pytest.mark.parametrize(("files", "processes"), [(1, 2), (5, 2), (64, 2), (1000, 3), (1_000_000, 8)])
def test_every_file_is_in_one_share(files: int, processes: int) -> None:
    with workers._Shares.of(files, processes) as shares:
        taken = list(iter(shares.take, range(files, files)))
    assert [number for share in taken for number in share] == list(range(files))
    assert len(taken) * 4 <= 4096  # the smallest pipe: nobody reads while they are written


def test_who_does_not_wait_for_what_is_kept_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_identity: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workers, "_waited_for", interrupted)
    monkeypatch.setattr(workers, "_writing", [1])
    workers._settle_at_exit()
    monkeypatch.setattr(workers, "_writing", [1])
    with pytest.raises(KeyboardInterrupt):  # a run that begins can still be stopped
        workers.settle()


def test_no_fork_beside_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert workers.processes() >= 1
    monkeypatch.setattr("threading.active_count", lambda: 2)
    assert workers.processes() == 1


def test_a_run_goes_on_while_they_keep_what_they_made(
    config: LoadedConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They wait for a sign that the parent gives when it has everything."""
    sign, place = tmp_path / "sign", tmp_path / "cache"
    add = Cache.add

    def waiting(self: Cache, *given: Any) -> None:
        while not sign.exists():
            time.sleep(0.01)
        add(self, *given)

    monkeypatch.setattr(Cache, "add", waiting)
    assert is_whole(config, {FOLDER: str(place)})
    assert not list(place.iterdir())
    sign.touch()
    workers.settle()
    [kept] = place.iterdir()
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (len(FILES),)
