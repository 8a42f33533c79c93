"""Many random runs: ``python -m tests.faults.random_runs --runs 1000 --seed 1``.

A line of JSON for each goes to ``.cache/faults/``, with its seed. The same seed means the same manifests, the
same faults and the same moment to kill at; which call comes first is up to the machine.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
LOGS = TESTS.parent / ".cache" / "faults"
MEMORY = Path("/dev/shm")

Record = dict[str, Any]


@cache
def _bench() -> Any:
    """Of this process. It ends with it: its clients see that nobody asks for more."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    from faults.random_run import Bench

    return Bench(ExitStack())


def one(seed: int) -> Record:
    """The run of ``seed``, in a process of its own for many of them."""
    record: Record = _bench().run(seed).as_json()
    return record


def repeating(seed: int) -> str:
    """The command line that does a run again."""
    return f"python -m tests.faults.random_runs --runs 1 --seed {seed}"


def _finished(seeds: Sequence[int], workers: int) -> Iterator[Record]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting: list[Future[Record]] = [pool.submit(one, seed) for seed in seeds]
        for future in as_completed(waiting):
            yield future.result()


def _tell(records: Sequence[Record], seconds: float, workers: int) -> dict[str, Any]:
    """The figures of all runs."""
    from faults.random_run import KINDS_OF_WRONG

    wrong = Counter(kind for record in records for kind in {kind for kind, _ in record["wrong"]})
    fired: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    for record in records:
        fired.update(record["fired"])
        verdicts.update(record["verdicts"])
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "workers": workers,
        "runs": len(records),
        "seeds": [min(one["seed"] for one in records), max(one["seed"] for one in records)],
        "shapes": dict(sorted(Counter(record["shape"] for record in records).items())),
        "actions": sum(record["actions"] for record in records),
        "faults met": fired.total(),
        "of them": dict(sorted(fired.items())),
        "runs that met a fault": sum(any(record["fired"].values()) for record in records),
        "clients killed": sum(record["kills"] for record in records),
        "unproven": sum(record["unproven"] for record in records),
        "told of killed clients": dict(sorted(verdicts.items())),
        "two of one thing, found and told": sum(record["twins"] for record in records),
        **{text: wrong[kind] for kind, text in KINDS_OF_WRONG.items()},
        "seconds": round(seconds, 1),
    }


def main() -> int:
    """Runs them. Gives 1 where anything was wrong with any of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the next one has the next")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK):
        os.environ["TMPDIR"] = str(MEMORY)
    sys.path.insert(0, str(TESTS))
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{asked.seed}-{asked.runs}.jsonl"
    began = time.monotonic()
    records = []
    seeds = range(asked.seed, asked.seed + asked.runs)
    with log.open("w", encoding="utf-8") as stream:
        for record in _finished(seeds, min(asked.workers, asked.runs)):
            records.append(record)
            print(json.dumps(record), file=stream, flush=True)
            for kind, text in record["wrong"]:
                print(f"seed {record['seed']} ({record['shape']}): {kind}: {text}")
            if record["wrong"]:
                print(f"    again: {repeating(record['seed'])}")
            if len(records) % 100 == 0:
                print(f"{len(records)} runs, {time.monotonic() - began:.0f} s", flush=True)
        told = _tell(records, time.monotonic() - began, asked.workers)
        print(json.dumps({"summary": told}), file=stream)
    for name, value in told.items():
        print(f"{name}: {value}")
    print(f"log: {log.relative_to(TESTS.parent)}")
    return int(any(record["wrong"] for record in records))


if __name__ == "__main__":
    sys.exit(main())
