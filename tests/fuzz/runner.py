"""Inputs until the time is over. Whatever is no error of the tool's own is a finding."""

from __future__ import annotations

import faulthandler
import hashlib
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from .clock import no_waiting

CPU_SECONDS: Final = 5.0
"""Processor time of one input; more is a finding."""

CLOCK_SECONDS: Final = 60.0
"""Time on the clock of one input: longer than the former, because the machine may be busy."""

MEMORY_BYTES: Final = 3 * 2**30
"""Address space of the process; where it does not do, MemoryError is a finding."""

LARGEST: Final = 300_000
"""Bytes of an input: larger ones take long without finding more."""

FINDINGS: Final = Path(".cache/fuzz")
_ANEW: Final = 5_000
"""Inputs after which the source of chance begins anew, with new odd values."""
_KEPT: Final = 2_000
"""Inputs that ended in a new way, and are mutated further."""
_QUIET_SECONDS: Final = 60.0


class Broken(Exception):
    """The tool raised nothing, and what it made is wrong."""


class Hang(BaseException):
    """An input that takes too long."""


class Target(Protocol):
    """One thing that reads. An input is bytes, so that it can be saved."""

    name: str

    def start(self, seed: int) -> Callable[[Sequence[bytes]], bytes]:
        """What makes the next input, from those that ended in a new way so far."""
        ...

    def corpus(self) -> Sequence[bytes]:
        """Real inputs, tried as they are first."""
        ...

    def run(self, data: bytes) -> str:
        """What became of one input, in a few words. Raises only for a finding."""
        ...


@dataclass
class Finding:
    key: str
    error: str
    trace: str
    data: bytes
    count: int = 1
    file: Path | None = None


@dataclass
class Tally:
    """What came of a run."""

    target: str
    seed: int
    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    findings: dict[str, Finding] = field(default_factory=dict)

    def line(self) -> str:
        return (
            f"{self.target}: {self.inputs} inputs, {self.seconds:.0f} s, seed {self.seed}, "
            f"{len(self.kinds)} kinds of outcome, slowest {self.slowest:.2f} s, "
            f"{len(self.findings)} findings"
        )


def fuzz(
    target: Target,
    *,
    seed: int,
    seconds: float = float("inf"),
    inputs: float = float("inf"),
    say: Callable[[str], Any] = lambda _: None,
    folder: Path | None = None,
    memory: int | None = None,
    mutants_only: bool = False,
) -> Tally:
    """Tries inputs for ``seconds``, or as many as ``inputs``. Findings are saved in ``folder``.

    ``memory``: bytes of address space that the process may take meanwhile. ``mutants_only``: the real inputs
    are not tried as they are.
    """
    tally = Tally(target.name, seed)
    began = said = time.perf_counter()
    with no_waiting(), _limit(memory):
        for data in _inputs(target, seed, tally, mutants_only=mutants_only):
            if folder is not None:
                _watch(target, data, folder)
            kind = attempt(target, data, tally, folder, say)
            tally.inputs += 1
            tally.kinds[kind] += 1
            now = time.perf_counter()
            tally.seconds = now - began
            if now - said >= _QUIET_SECONDS:
                said = now
                say(tally.line())
            if tally.seconds >= seconds or tally.inputs >= inputs:
                break
    faulthandler.cancel_dump_traceback_later()
    return tally


def _watch(target: Target, data: bytes, folder: Path) -> None:
    """Ends the process where it turns in C, where no signal is heard. The input is in the folder then."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{target.name}-current").write_bytes(data)
    faulthandler.dump_traceback_later(2 * CLOCK_SECONDS, exit=True)


def _inputs(target: Target, seed: int, tally: Tally, *, mutants_only: bool) -> Iterator[bytes]:
    kept = list(target.corpus())
    yield from () if mutants_only else target.corpus()
    whole = len(kept)
    number = 0
    while True:
        make = target.start(seed * 1_000_003 + number)
        number += 1
        for _ in range(_ANEW):
            data = make(kept)
            if len(data) > LARGEST:
                continue
            known = len(tally.kinds)
            yield data
            if len(tally.kinds) > known and len(kept) < whole + _KEPT and len(data) < 100_000:
                kept.append(data)


def attempt(target: Target, data: bytes, tally: Tally, folder: Path | None, say: Callable[[str], Any]) -> str:
    """Runs one input. Gives the kind of its outcome; a finding is noted in ``tally``."""
    used = time.process_time()
    try:
        with _in_time():
            kind = target.run(data)
        if time.process_time() - used > CPU_SECONDS:  # in C, where no signal is heard
            raise Hang(f"took {time.process_time() - used:.1f} s")
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        kind, new = _noted(error, data, tally)
        if new is not None and folder is not None:
            say(_saved(new, target, folder))
    tally.slowest = max(tally.slowest, time.process_time() - used)
    return kind


def _noted(error: BaseException, data: bytes, tally: Tally) -> tuple[str, Finding | None]:
    """What a finding is called, by the last line of ours; and the finding, where it is a new one."""
    frames = traceback.extract_tb(error.__traceback__)
    last = ([frame for frame in frames if "/reconciler/" in frame.filename] or frames)[-1]
    key = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno} in {last.name}"
    if isinstance(error, Broken):
        key = f"Broken: {str(error)[:80]}"
    known = tally.findings.get(key)
    if known is not None:
        known.count += 1
        return f"finding: {key}", None
    trace = "".join(traceback.format_exception(error, limit=-12))
    tally.findings[key] = Finding(key, str(error)[:300], trace, data)
    return f"finding: {key}", tally.findings[key]


def _saved(found: Finding, target: Target, folder: Path) -> str:
    """Saves the input of a finding. How to run it again."""
    folder.mkdir(parents=True, exist_ok=True)
    found.file = folder / f"{target.name}-{hashlib.sha256(found.data).hexdigest()[:12]}"
    found.file.write_bytes(found.data)
    found.file.with_suffix(".txt").write_text(f"{found.key}\n\n{found.trace}", errors="backslashreplace")
    again = f"python -m tests.fuzz {target.name} --input {found.file}"
    return f"finding: {found.key}: {found.error!r}\n  {again}"


@contextmanager
def _in_time() -> Iterator[None]:
    def stop(number: int, _: object) -> None:
        raise Hang("too much processor time" if number == signal.SIGPROF else "too long")

    before = {number: signal.signal(number, stop) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, CLOCK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _limit(memory: int | None) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (soft if memory is None else memory, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
