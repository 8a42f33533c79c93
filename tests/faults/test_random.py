"""Runs that are drawn from a seed: the first ones of the thousand of ``make faults``.

Another client, a killed one, faults of every kind, twelve manifests: ``drawn`` says what there is, and
``random_run`` what must hold.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .random_run import Bench, bench
from .random_runs import repeating

RUNS = 24


@pytest.fixture(scope="session")
def random_bench() -> Iterator[Bench]:
    with bench() as one:
        yield one


@pytest.mark.parametrize("seed", range(1, RUNS + 1))
def test_a_random_run(random_bench: Bench, seed: int) -> None:
    record = random_bench.run(seed)
    assert record.wrong == [], repeating(seed)
