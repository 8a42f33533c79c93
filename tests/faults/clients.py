"""Clients that are processes of their own, made by forking one that has imported everything.

Run as a module it is that one: it reads a line for each client, makes it, tells its process id, and how it
ended. Time that would be waited passes in no time there.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Ended:
    """How a client ended. ``code`` is negative where a signal ended it: by its number."""

    code: int
    out: str
    err: str

    @property
    def is_killed(self) -> bool:
        return self.code < 0


class Forge:
    """Makes one client at a time."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        paths = [str(TESTS), *filter(None, sys.path)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.clients"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(paths)},
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def _say(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def warm_up(self, folder: Path) -> None:
        """Plans once in the process that the others are forked from, so that they need not begin cold."""
        self._say({"folder": str(folder), "arguments": ["plan", "-o", "json"], "fork": False})
        self._hear()

    def start(self, folder: Path, *arguments: str) -> int:
        """Begins ``reconciler`` with ``arguments`` in ``folder``. Gives the process id."""
        self._folder = folder
        self._say({"folder": str(folder), "arguments": [*arguments, "-o", "json"], "fork": True})
        return int(self._hear())

    def end(self) -> Ended:
        """Waits for the end of the one that was started."""
        code = os.waitstatus_to_exitcode(int(self._hear()))
        texts = [
            (self._folder / name).read_text(encoding="utf-8", errors="replace") for name in ("out", "err")
        ]
        return Ended(code, *texts)


def _quicken() -> None:
    """Whatever would be waited for takes no time, and a body stays fresh meanwhile."""
    from tenacity import wait_none

    from reconciler.executor import timing
    from reconciler.http import Clock, pace, repeating, transport

    slept = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal slept
        slept += seconds

    def clock() -> Clock:
        return Clock(now=lambda: time.time() + slept, monotonic=lambda: time.monotonic() + slept, sleep=sleep)

    for module in (transport, pace):
        module.Clock = clock  # type: ignore[assignment, misc]
    for name in ("_AFTER_FAULT", "_AFTER_LIMIT"):
        setattr(repeating, name, wait_none())
    for name, value in vars(timing).items():
        if isinstance(value, tuple):
            setattr(timing, name, tuple(0.0 for _ in value))
    timing.FRESH_SECONDS = math.inf  # type: ignore[misc]


def _run(folder: str, arguments: Sequence[str]) -> int:
    """What ``reconciler`` is in this process, with its streams in files of ``folder``."""
    from reconciler.cli.app import run

    os.chdir(folder)
    for number, name in ((1, "out"), (2, "err")):
        opened = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    try:
        return run(arguments)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()


def _serve() -> None:
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    importlib.import_module("reconciler.cli.apply")
    _quicken()
    for line in orders:
        order = json.loads(line)
        if not order["fork"]:
            answers.write(f"{_run(order['folder'], order['arguments'])}\n")
            gc.collect()
            gc.freeze()
            continue
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                code = _run(order["folder"], order["arguments"])
            finally:
                os._exit(code)
        answers.write(f"{pid}\n")
        answers.write(f"{os.waitpid(pid, 0)[1]}\n")


if __name__ == "__main__":
    _serve()
