from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tenacity import wait_none

from reconciler.cli.app import run

from .folder import Folder, Result
from .live import Live, live_registry

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """The current folder, with an embedded registry and no manifest."""
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    found = Folder(path)
    found.registries(sandbox="embedded: registry.db")
    found.models()
    return found


@pytest.fixture
def cli(folder: Folder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command line in this process, without the pauses between tries."""
    monkeypatch.setattr("reconciler.http.repeating._AFTER_FAULT", wait_none())
    monkeypatch.setattr("reconciler.executor.timing.PAUSES", (0.0, 0.0, 0.0))

    def one(*arguments: str) -> Result:
        capsys.readouterr()
        code = run(arguments)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return one


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Live]]:
    """Puts a registry on a socket; each has a database of its own."""
    with ExitStack() as stack:
        count = iter(range(100))

        def one(token: str | None = None) -> Live:
            database = tmp_path / f"live{next(count)}" / "registry.db"
            return stack.enter_context(live_registry(database, token=token))

        yield one


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
