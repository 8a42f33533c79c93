"""Time that does not pass, a registry on a socket, and the command line in this process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import pytest
from conformance.manifests import SECRETS
from conformance.stand import TOKEN

from reconciler.cli.app import run
from reconciler.executor import timing
from reconciler.http import Clock

from .gate import Gate, on_a_socket

Cli = Callable[..., tuple[int, str]]


class FastClock:
    """The real time, plus everything that was slept, which takes none."""

    def __init__(self) -> None:
        self.slept = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def clock(self) -> Clock:
        return Clock(
            now=lambda: time.time() + self.slept,
            monotonic=lambda: time.monotonic() + self.slept,
            sleep=self.sleep,
        )


@pytest.fixture(autouse=True)
def _quick(no_pauses: None, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = FastClock()
    for module in ("transport", "pace"):
        monkeypatch.setattr(f"reconciler.http.{module}.Clock", fast.clock)
    # A body stays fresh: what is waited for here passes in no time.
    monkeypatch.setattr(timing, "FRESH_SECONDS", math.inf)
    for name, text in SECRETS.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("REGISTRY_TOKEN", TOKEN)


@pytest.fixture(scope="session")
def gate_and_url() -> Iterator[tuple[Gate, str]]:
    """One socket for all; each test puts its own registry behind it."""
    gate = Gate()
    with on_a_socket(gate) as url:
        yield gate, url


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs the command line in this process; gives its exit code and what it wrote to stdout."""

    def one(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = run(arguments)
        return code, capsys.readouterr().out

    return one
