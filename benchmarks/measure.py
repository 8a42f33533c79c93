"""Runs commands and says what each cost: wall, CPU, and the peak of memory of the whole tree of processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).resolve().parent.parent

_LONGEST: Final = 900.0  # seconds; a run that takes longer is a failure


class BenchError(Exception):
    """What was measured is not what should have been: the figures would mean nothing."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost. ``wall`` and ``cpu`` are seconds, of all its processes; ``peak`` is bytes."""

    wall: float
    cpu: float
    peak: int | None
    """The sum of the peaks of each process of the tree; what they share counts in each. None: not watched."""
    code: int
    output: str = field(repr=False)
    errors: str = field(repr=False)


@dataclass(slots=True)
class _Watch:
    """Asks /proc again and again for the peak of each process below one."""

    root: int
    peaks: dict[int, int] = field(default_factory=dict)
    names: dict[int, bytes] = field(default_factory=dict)
    seen: Counter[int] = field(default_factory=Counter)
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.done.wait(0.004):
            self.look()

    def look(self) -> None:
        waiting = [self.root]
        while waiting:
            one = waiting.pop()
            with contextlib.suppress(OSError, ValueError):
                status = Path(f"/proc/{one}/status").read_text()
                high = status[status.index("VmHWM:") + 6 :].split(None, 1)[0]
                name = Path(f"/proc/{one}/cmdline").read_bytes()
                before = self.peaks.get(one, 0) if self.names.get(one) == name else 0
                self.names[one] = name
                self.seen[one] += 1
                self.peaks[one] = max(before, int(high) * 1024)
                for children in Path(f"/proc/{one}/task").glob("*/children"):
                    waiting += map(int, children.read_text().split())

    def total(self) -> int:
        """The sum. A process between its fork and another program still shows all the memory of the first:
        what was seen for a moment alone does not count."""
        return sum(peak for one, peak in self.peaks.items() if one == self.root or self.seen[one] > 3)


def run(command: Sequence[str], *, cwd: Path = ROOT, env: Mapping[str, str], watched: bool = False) -> Cost:
    """Runs ``command`` to its end. ``watched``: its memory is asked for meanwhile, which takes a little time.

    A command that prints ``excluded`` and ``excluded_cpu`` as JSON, as the floor does, is spared those.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        late = threading.Timer(_LONGEST, process.kill)
        late.start()
        watch = _Watch(process.pid)
        thread = threading.Thread(target=watch.run)
        if watched:
            thread.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        late.cancel()
        watch.done.set()
        if watched:
            thread.join()
        output.seek(0)
        errors.seek(0)
        told, wrong = output.read().decode(), errors.read().decode()
    cpu = usage.ru_utime + usage.ru_stime
    if told.startswith("{") and '"excluded"' in told:
        excluded = json.loads(told)
        wall, cpu = wall - excluded["excluded"], cpu - excluded["excluded_cpu"]
    peak = watch.total() if watched else None
    return Cost(wall, cpu, peak, process.returncode, told, wrong)


@dataclass(frozen=True, slots=True)
class Case:
    """Something to measure. ``prepare`` comes before each run, and ``check`` after; neither counts."""

    name: str
    command: Sequence[str]
    cwd: Path = ROOT
    prepare: Callable[[], None] = lambda: None
    check: Callable[[Cost], None] = lambda _cost: None
    rounds: int | None = None
    """Fewer than the others, for what takes long."""


def measure(
    cases: Sequence[Case], *, rounds: int, env: Mapping[str, str], watched: bool = False
) -> dict[str, list[Cost]]:
    """The costs of every case, in turns, so that what disturbs the machine disturbs all of them alike."""
    costs: dict[str, list[Cost]] = {case.name: [] for case in cases}
    for number in range(rounds):
        for case in cases:
            if case.rounds is None or number < case.rounds:
                case.prepare()
                cost = run(case.command, cwd=case.cwd, env=env, watched=watched)
                if cost.code != 0:
                    raise BenchError(f"{case.name}: ended with {cost.code}\n{cost.output}\n{cost.errors}")
                case.check(cost)
                costs[case.name].append(cost)
                say(f"  {case.name}: {cost.wall:.3f} s" + (f", {_mib(cost.peak)}" if cost.peak else ""))
    return costs


def middle(costs: Sequence[Cost]) -> dict[str, Any]:
    """The medians of several runs of one case, and the fastest and the slowest of them."""
    walls = [cost.wall for cost in costs]
    found: dict[str, Any] = {
        "runs": len(costs),
        "wall": median(walls),
        "wall_min": min(walls),
        "wall_max": max(walls),
        "cpu": median(cost.cpu for cost in costs),
    }
    peaks = [cost.peak for cost in costs if cost.peak is not None]
    if peaks:
        found["peak"] = median(peaks)
    return found


def say(text: str) -> None:
    """Says how far it is, where it disturbs no figures."""
    print(text, file=sys.stderr, flush=True)


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


@contextlib.contextmanager
def served(
    kind: str, *, models: int = 0, changed: int = 0, latency: float = 0.0, env: Mapping[str, str]
) -> Iterator[str]:
    """A server of its own process, and its address."""
    command = [sys.executable, "-m", "benchmarks.server", kind, "--leashed"]
    command += ["--models", str(models), "--changed", str(changed), "--latency", str(latency)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise BenchError("the server did not start")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def stats(url: str) -> dict[str, Any]:
    """What the server at ``url`` was asked since the last such call."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port)
    connection.request("GET", "/bench/stats")
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return found
