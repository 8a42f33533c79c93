from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.embedded import Options, create_app
from reconciler.embedded.options import DEFAULT

from .client import Client
from .upstream import Upstream

Open = Callable[..., Client]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture
def open_registry(database: Path) -> Iterator[Open]:
    """Opens the database as a new process would; may be called more than once."""
    opened: list[Client] = []

    def open_one(path: Path = database, token: str | None = None, options: Options = DEFAULT) -> Client:
        opened.append(Client(create_app(path, token=token, options=options)))
        return opened[-1]

    yield open_one
    for client in opened:
        client.app.state.store.close()


@pytest.fixture
def registry(open_registry: Open) -> Client:
    return open_registry()


@pytest.fixture
def unprobed(open_registry: Open) -> Client:
    """A registry that believes every endpoint."""
    return open_registry(options=Options(probe=False))


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running
