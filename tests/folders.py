"""The folder of manifests as runs read it: with no cache, a new, a full, a broken, a shared one."""

from __future__ import annotations

import os
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from reconciler.desired import Desired
from reconciler.errors import Problem
from reconciler.folder import WORTH, read_folder
from reconciler.folder.cache import FOLDER
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.load import Loaded

Read = tuple[Loaded, list[Desired], list[Problem]]

STATES: Final = ("none", "cold", "warm", "corrupt", "shared")
FORCED: Final = "RECONCILER_TEST_CACHE"
"""The environment variable that makes every test read with one state of the cache."""


def read(config: LoadedConfig, folder: Path, state: str | None = None) -> Read:
    """The folder in a ``state`` of the cache: by default each test has one of them, always the same."""
    state = state or os.environ.get(FORCED) or _mine()
    if state == "none":
        return read_folder(config, relative_to=folder, environ=None, worth=WORTH)
    with tempfile.TemporaryDirectory() as place:
        environ = {FOLDER: place}

        def once(_: object = None) -> Read:
            return read_folder(config, relative_to=folder, environ=environ, worth=0)

        if state == "shared":
            with ThreadPoolExecutor(2) as pool:
                first, second = pool.map(once, range(2))
            assert first[2] == second[2]
        elif state != "cold":
            once()
        if state == "corrupt":
            for path in Path(place).glob("*.sqlite"):
                spoil(path)
        return once()


def spoil(path: Path) -> None:
    """Flips a bit in every 97th byte behind the head that makes it a database."""
    data = bytearray(path.read_bytes())
    for position in range(200, len(data), 97):
        data[position] ^= 1 << position % 8
    path.write_bytes(data)


def _mine() -> str:
    name = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ", maxsplit=1)[0]
    return STATES[zlib.crc32(name.encode()) % len(STATES)]
