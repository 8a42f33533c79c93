"""Stages, and what is measured at them."""

from __future__ import annotations

import asyncio
import json

import pytest

from reconciler.report.timings import timings_json, timings_text
from reconciler.stages import (
    Watcher,
    Work,
    action,
    count,
    current,
    request,
    stage,
    staged,
    unwatched_afterwards,
    waits,
    watch,
)
from reconciler.timings import Clocks, Timings


class Heard(Watcher):
    def __init__(self, *, detailed: bool = False) -> None:
        self.detailed = detailed
        self.words: list[str] = []

    def begins(self, work: Work) -> None:
        self.words.append(f"+{work.name}:{work.registry or ''}")

    def ends(self, work: Work, error: BaseException | None) -> None:
        self.words.append(f"-{work.name}{'' if error is None else '!'}")

    def counts(self, work: Work, what: str, by: int) -> None:
        self.words.append(f"{work.name} {by} {what}")


class Time:
    """A clock that goes on only when it is told to; ``busy`` is the processor's."""

    wall = 100.0
    busy = 7.0

    def passes(self, wall: float, busy: float = 0.0) -> None:
        self.wall += wall
        self.busy += busy

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall, lambda: self.busy)


def test_watchers_hear_of_stages_and_only_those_who_ask_of_their_parts() -> None:
    coarse, fine = Heard(), Heard(detailed=True)
    with unwatched_afterwards():
        watch(coarse)
        watch(fine)
        with stage("apply", "prod"), action("create Model"):
            with request("POST /v2/models", "prod"):
                pass
            count("actions")
    assert coarse.words == [
        "+apply:prod",
        "create Model 1 actions",
        "-apply",
    ]
    assert fine.words == [
        "+apply:prod",
        "+create Model:prod",
        "+POST /v2/models:prod",
        "-POST /v2/models",
        "create Model 1 actions",
        "-create Model",
        "-apply",
    ]


def test_where_nobody_watches_nothing_is_made_and_nothing_is_kept() -> None:
    with stage("load") as one, stage("read", "prod") as other:
        one.tell(status=3)
        assert one is other
        assert one.facts == {}
        assert current() is None


def test_the_end_of_a_stage_is_heard_with_its_error() -> None:
    heard = Heard()

    @staged("plan")
    def fails() -> None:
        raise ValueError

    with unwatched_afterwards():
        watch(heard)
        with pytest.raises(ValueError):
            fails()
        assert current() is None
    assert heard.words == ["+plan:", "-plan!"]


def test_each_task_is_in_its_own_stage() -> None:
    heard = Heard()

    async def one(name: str) -> None:
        with stage("read", name):
            await asyncio.sleep(0)
            work = current()
            assert work is not None
            assert work.registry == name
            assert work.above is not None
            assert work.above.name == "read"

    async def both() -> None:
        with stage("read"):
            await asyncio.gather(one("a"), one("b"))

    with unwatched_afterwards():
        watch(heard)
        asyncio.run(both())
    assert heard.words == ["+read:", "+read:a", "+read:b", "-read", "-read", "-read"]


def test_times_are_summed_by_where_they_were_spent() -> None:
    time = Time()
    timings = Timings((99.0, 6.5), time.clocks())
    with unwatched_afterwards():
        watch(timings)
        with stage("load"):
            time.passes(2.0, 1.5)
            count("files", 3)
        for _ in range(2):
            with stage("read"):
                time.passes(0.5, 0.25)
                with stage("read", "prod"):
                    time.passes(1.0, 0.5)
                    count("requests")
                    count("bytes", 2500)
        time.passes(0.125, 0.125)
        timed = timings.so_far()
    rows = [(row.path, row.times, row.wall, row.cpu) for row in timed.rows]
    assert rows == [
        ((("start", None),), 1, 1.0, 0.5),
        ((("load", None),), 1, 2.0, 1.5),
        ((("read", None),), 2, 3.0, 1.5),
        ((("read", None), ("read", "prod")), 2, 2.0, None),
    ]
    assert (timed.wall, timed.cpu) == (6.125, 3.625)
    assert sum(row.wall for row in timed.outermost()) == 6.0
    assert timings_text(timed, 81_000_000).splitlines() == [
        "stage         wall      CPU  requests   bytes",
        "start      1.000 s  0.500 s",
        "load       2.000 s  1.500 s",
        "read ×2    3.000 s  1.500 s",
        "  prod ×2  2.000 s                  2  5.0 kB",
        "total      6.125 s  3.625 s         2  5.0 kB",
        "peak memory 81.0 MB; 3 files",
    ]
    document = json.loads(timings_json(timed, 81_000_000, "plan"))
    assert document["stages"][3] == {
        "stage": "read",
        "registry": "prod",
        "in": ["read"],
        "times": 2,
        "wall_seconds": 2.0,
        "cpu_seconds": None,
        "counts": {"requests": 2, "bytes": 5000},
    }


def test_calls_that_wait_side_by_side_wait_once() -> None:
    time = Time()
    timings = Timings(None, time.clocks())
    with unwatched_afterwards():
        watch(timings)
        waits("prod", 10.0)
        time.passes(4.0)
        waits("prod", 8.0)  # until 12 seconds after the first one began
        waits("other", 1.0)
        time.passes(20.0)
        waits("prod", 0.5)
    assert timings.so_far().waited == {"prod": 12.5, "other": 1.0}


def test_a_stage_that_was_cut_off_counts_up_to_where_it_was() -> None:
    time = Time()
    timings = Timings(None, time.clocks())
    with unwatched_afterwards():
        watch(timings)
        with stage("apply"):
            time.passes(3.0)
            [_, row] = timings.so_far().rows
    assert (row.name, row.wall) == ("apply", 3.0)
