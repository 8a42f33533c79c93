from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.embedded import create_app

from .client import Client

Open = Callable[..., Client]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture
def open_registry(database: Path) -> Iterator[Open]:
    """Opens the database as a new process would; may be called more than once."""
    opened: list[Client] = []

    def open_one(path: Path = database, token: str | None = None) -> Client:
        opened.append(Client(create_app(path, token=token)))
        return opened[-1]

    yield open_one
    for client in opened:
        client.app.state.store.close()


@pytest.fixture
def registry(open_registry: Open) -> Client:
    return open_registry()
