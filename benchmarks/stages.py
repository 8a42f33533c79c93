"""What each step of a run takes, in one process: ``python -m benchmarks.stages plan …``.

Runs the command line with a clock around the functions that the steps are made of. A step inside another
counts for itself alone; what belongs to none is `rest`, and the start of Python is outside. The process keeps
to one core, so that a run starts no others whose work no clock would see. With ``--profile`` cProfile looks
at all of it instead.
"""

from __future__ import annotations

import argparse
import cProfile
import functools
import importlib
import inspect
import io
import json
import os
import pstats
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

STAGES: Final[Mapping[str, Sequence[str]]] = {
    "load": (
        "reconciler.manifests.files:read_files",
        "reconciler.manifests.yamltree:parse",
        "reconciler.folder.quick:quick",
        "reconciler.folder.records:restored",
    ),
    "validate": (
        "reconciler.folder.records:record_of",
        "reconciler.manifests.config:load_config",
        "reconciler.manifests.load:read_documents",
        "reconciler.desired:desire_all",
        "reconciler.policies.check:check_policies",
    ),
    "observe": ("reconciler.cli.run:_read", "reconciler.cli.run:connections"),
    "diff": (
        "reconciler.matching:match_all",
        "reconciler.diff:compare",
        "reconciler.diff:unmanaged",
        "reconciler.diff:contradictions",
    ),
    "plan": ("reconciler.planner:make_plan",),
    "render": (
        "reconciler.report.text:plan_text",
        "reconciler.report.text:outcome_text",
        "reconciler.report.proof:proof_text",
    ),
    "apply": ("reconciler.executor:execute",),
}
"""The functions of each step, by where they are defined."""

_NO_MORE: Final = object()
_LOOKS: Final = 0.005
"""Seconds between two looks at the memory, which take a while."""


@dataclass(slots=True)
class Spent:
    """What a stage took. ``wall`` and ``cpu`` are seconds of this process, ``grown`` bytes of its peak."""

    wall: float = 0.0
    cpu: float = 0.0
    grown: int = 0


class Clocks:
    """What each stage takes. A clock stands still while one inside of it runs."""

    def __init__(self) -> None:
        self.spent: dict[str, Spent] = defaultdict(Spent)
        self._open: list[Spent] = []
        self._wall = self._cpu = self._looked = 0.0
        self._peak = 0

    def enter(self, stage: str) -> None:
        self._tick()
        self._open.append(self.spent[stage])

    def leave(self) -> None:
        self._tick()
        self._open.pop()

    def _tick(self) -> None:
        """Counts what has passed since the last tick for the innermost stage."""
        wall, cpu = time.perf_counter(), time.process_time()
        if self._open:
            self._open[-1].wall += wall - self._wall
            self._open[-1].cpu += cpu - self._cpu
        if wall - self._looked > _LOOKS:
            peak = peak_of_memory()
            if self._open:
                self._open[-1].grown += peak - self._peak
            self._looked, self._peak = wall, peak
        self._wall, self._cpu = wall, cpu

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` with the clock of ``stage`` running."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def waited(*args: Any, **more: Any) -> Any:
                self.enter(stage)
                try:
                    return await function(*args, **more)
                finally:
                    self.leave()

            return waited

        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def yielded(*args: Any, **more: Any) -> Iterator[Any]:
                items = function(*args, **more)
                while True:
                    self.enter(stage)
                    try:
                        item = next(items, _NO_MORE)
                    finally:
                        self.leave()
                    if item is _NO_MORE:
                        return
                    yield item

            return yielded

        @functools.wraps(function)
        def called(*args: Any, **more: Any) -> Any:
            self.enter(stage)
            try:
                return function(*args, **more)
            finally:
                self.leave()

        return called


def peak_of_memory() -> int:
    """The most memory that this process has had so far, in bytes; 0 where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(status[status.index("VmHWM:") + 6 :].split(None, 1)[0]) * 1024


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every function, with its stage.

    Raises LookupError for one that is not there: its stage would look free of charge.
    """
    for stage, places in STAGES.items():
        for place in places:
            module, _, name = place.partition(":")
            function = getattr(importlib.import_module(module), name, None)
            if function is None:
                raise LookupError(f"stages: there is no {place}")
            yield stage, function


def install(clocks: Clocks) -> None:
    """Puts a clock around every function of every stage, wherever it was imported to."""
    for name in ("plan", "apply"):
        importlib.import_module(f"reconciler.cli.{name}")
    for stage, function in list(functions()):
        timed = clocks.around(stage, function)
        for other in [one for key, one in sys.modules.items() if key.startswith("reconciler")]:
            for key, value in list(vars(other).items()):
                if value is function:
                    setattr(other, key, timed)


def run(arguments: Sequence[str]) -> int:
    """The command line in this process; gives its exit code."""
    from reconciler.__main__ import main  # noqa: PLC0415 - its import is part of what is measured

    before, sys.argv = sys.argv, ["reconciler", *arguments]
    try:
        with redirect_stdout(io.StringIO()):
            main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    finally:
        sys.argv = before
    return 0


def timed(arguments: Sequence[str]) -> dict[str, dict[str, float]]:
    """What each stage took, as JSON."""
    clocks = Clocks()
    install(clocks)
    clocks.enter("rest")
    code = run(arguments)
    clocks.leave()
    if code != 0:
        sys.exit(f"stages: the command ended with {code}")
    return {stage: asdict(spent) for stage, spent in clocks.spent.items()}


def profiled(arguments: Sequence[str], most: int) -> list[dict[str, Any]]:
    """The functions that take most themselves, the most expensive first."""
    profile = cProfile.Profile()
    code = profile.runcall(run, arguments)
    if code != 0:
        sys.exit(f"stages: the command ended with {code}")
    found: Any = pstats.Stats(profile)
    total = found.total_tt
    rows = sorted(found.stats.items(), key=lambda row: -row[1][2])[:most]
    return [
        {
            "function": _named(file, line, name),
            "calls": calls,
            "own": own,
            "with_callees": whole,
            "share": own / total,
        }
        for (file, line, name), (_, calls, own, whole, _) in rows
    ]


def _named(file: str, line: int, name: str) -> str:
    if file == "~":
        return name
    parts = Path(file).parts
    for top in ("reconciler", "site-packages"):
        if top in parts:
            at = len(parts) - 1 - parts[::-1].index(top)
            parts = parts[at + (top == "site-packages") :]
            break
    else:
        parts = parts[-2:]
    return f"{'/'.join(parts)}:{line} {name}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=__doc__)
    parser.add_argument("--profile", type=int, metavar="ROWS", help="a profile of so many rows instead")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the command line")
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found = profiled(given.arguments, given.profile) if given.profile else timed(given.arguments)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
