"""Every test of the suite runs for each table of each kind, in this process and on a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path as File

import httpx
import pytest

from .cases import IN_PROCESS, SOCKET, multiplied
from .door import Door, on_a_socket
from .manifests import SECRETS
from .stand import TOKEN, Stand
from .subject import Subject, Variant
from .subjects import subject_of


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "variant" in metafunc.fixturenames:
        names, values, ids = multiplied(metafunc.function)
        metafunc.parametrize(names, values, ids=ids)


@pytest.fixture(scope="session")
def _doors() -> Iterator[dict[str, tuple[Door, str | None]]]:
    """One door for each way, opened once; each test puts its own registry behind it."""
    socket = Door()
    with on_a_socket(socket) as url:
        yield {IN_PROCESS: (Door(), None), SOCKET: (socket, url)}


@pytest.fixture(autouse=True)
def _quick(no_pauses: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in SECRETS.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("REGISTRY_TOKEN", TOKEN)


@pytest.fixture
def subject(variant: Variant) -> Subject:
    found = subject_of(variant.kind.name)
    if found is None:
        pytest.fail(
            f"kind {variant.kind.name} has no subject: tests/conformance/__init__.py says how to add one"
        )
    return found


Open = Callable[[], Stand]


@pytest.fixture
def open_stand(
    tmp_path: File,
    variant: Variant,
    subject: Subject,
    way: str,
    _doors: dict[str, tuple[Door, str | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Open]:
    """Opens a folder and a registry of its own; more than once in a test that compares."""
    opened: list[Stand] = []
    door, url = _doors[way]
    monkeypatch.setattr(
        "reconciler.connect.in_process", lambda _database, **_options: lambda: httpx.ASGITransport(app=door)
    )

    def open_one() -> Stand:
        inside = tmp_path / str(len(opened))
        inside.mkdir()
        opened.append(Stand(inside, variant, subject, door, url))
        return opened[-1]

    yield open_one
    for stand in opened:
        stand.close()


@pytest.fixture
def stand(open_stand: Open) -> Stand:
    return open_stand()
