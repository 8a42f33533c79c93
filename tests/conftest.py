"""Where tests run: files in memory, modules compiled once. And runs whose pauses take no time."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from tenacity import wait_none

MEMORY = Path("/dev/shm")
ENOUGH = 48 * 1024 * 1024  # bytes; a test leaves nothing behind unless it fails


def pytest_configure() -> None:
    if "TMPDIR" not in os.environ and _is_roomy(MEMORY):
        # Every commit of an embedded registry waits for the disk, thousands of times.
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        # A process of a test starts as a user's does: from compiled modules.
        cache = Path(__file__).parents[1] / ".cache" / "compiled"
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(cache)
        sys.dont_write_bytecode = False
    # What one test reads must not depend on what another one kept, and least on the home of who runs them.
    os.environ["RECONCILER_CACHE_DIR"] = ""
    # httpx tries this import before each call without a socket; where it fails, it costs more than the call.
    try:
        import sniffio  # noqa: F401
    except ImportError:
        sys.modules["sniffio"] = None  # type: ignore[assignment] - so that it fails at once
    if sys.version_info < (3, 12):
        _take_handlers_as_they_are()


def _take_handlers_as_they_are() -> None:
    """Up to 3.11, each ``asyncio.run`` writes out its result twice, however large: ``signal`` looks for its
    handler among the numbers of handlers, and the message of the error, which nobody reads, has it whole."""
    number_of = signal._int_to_enum  # type: ignore[attr-defined]
    signal._int_to_enum = lambda value, kind: (  # type: ignore[attr-defined]
        number_of(value, kind) if isinstance(value, int) else value
    )


def pytest_collection_finish() -> None:
    # Thousands of tests are alive until the end: to look through them for garbage takes a tenth of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    # A run that freezes and thaws would thaw these too, and put its garbage, open files among it, to them.
    gc.freeze = gc.unfreeze = lambda: None


def _is_roomy(folder: Path) -> bool:
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= ENOUGH


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is tried again at once."""
    monkeypatch.setattr("reconciler.http.repeating._AFTER_FAULT", wait_none())
    monkeypatch.setattr("reconciler.http.repeating._AFTER_LIMIT", wait_none())
    monkeypatch.setattr("reconciler.executor.timing.PAUSES", (0.0, 0.0, 0.0))
