"""The command line: one target, or all of them, two at a time."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .clock import no_waiting
from .runner import FINDINGS, MEMORY_BYTES, Tally, attempt, fuzz
from .targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--input", type=Path, help="run this one input instead")
    given = parser.parse_args()
    if given.target == "all":
        return _all(given.seconds, given.seed)
    target = TARGETS[given.target]
    if given.input is not None:
        tally = Tally(target.name, given.seed, inputs=1)
        with no_waiting():
            print(attempt(target, given.input.read_bytes(), tally, None, print))
        for finding in tally.findings.values():
            print(finding.trace)
        return int(bool(tally.findings))
    wanted = {"seed": given.seed, "seconds": given.seconds}
    tally = fuzz(target, **wanted, say=_say, folder=FINDINGS, memory=MEMORY_BYTES)
    for kind, count in Counter(tally.kinds).most_common(25):
        print(f"{target.name}: {count:>8}  {kind[:160]}")
    for key, finding in tally.findings.items():
        print(f"{target.name}: finding, {finding.count} times: {key}: {finding.error!r} ({finding.file})")
    _say(tally.line())
    return int(bool(tally.findings))


def _say(text: str) -> None:
    print(text, flush=True)


def _all(seconds: float, seed: int) -> int:
    def one(name: str) -> int:
        words = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds), "--seed", str(seed)]
        return subprocess.run(words, check=False).returncode

    with ThreadPoolExecutor(2) as pool:
        return int(any(list(pool.map(one, TARGETS))))


if __name__ == "__main__":
    sys.exit(main())
