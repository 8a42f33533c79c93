"""How far a piece of work is: its rate, the time that is left, the line that tells it."""

from __future__ import annotations

import pytest

from reconciler.progress import MARK_SECONDS, WINDOW_SECONDS, Track
from reconciler.report.progress import cut, track_text
from reconciler.report.sizes import duration_text, rate_text, size_text


def steady(track: Track, *, per_second: int, seconds: int, start: float = 0.0) -> float:
    """Steps ``track`` evenly; gives the time of the end."""
    for number in range(1, per_second * seconds + 1):
        track.step(start + number / per_second)
    return start + seconds


def applying(total: int = 1000) -> Track:
    return Track("applying", "actions", 0.0, "prod", total)


def test_a_steady_rate_and_what_is_left() -> None:
    track = applying()
    at = steady(track, per_second=20, seconds=10)
    assert track.done == 200
    assert track.rate(at) == pytest.approx(20, rel=0.1)
    assert track.left(at) == pytest.approx(40, rel=0.1)


def test_the_rate_is_that_of_the_last_seconds_and_not_of_the_whole() -> None:
    track = applying()
    at = steady(track, per_second=40, seconds=10)
    at = steady(track, per_second=2, seconds=int(WINDOW_SECONDS) + 2, start=at)
    assert track.rate(at) == pytest.approx(2, rel=0.2)


def test_nothing_is_said_of_a_rate_too_early_or_where_nothing_was_done() -> None:
    track = applying()
    track.step(0.2)
    assert track.rate(0.5) is None
    assert track.left(0.5) is None
    idle = applying()
    assert idle.rate(5.0) == 0
    assert idle.left(5.0) is None


def test_a_registry_that_stops_has_no_time_left_that_anybody_could_tell() -> None:
    track = applying()
    at = steady(track, per_second=10, seconds=5)
    assert track.left(at) is not None
    assert track.left(at + 2 * WINDOW_SECONDS) is None


def test_work_without_a_known_total_has_a_rate_and_nothing_left() -> None:
    track = Track("loading", "files", 0.0)
    at = steady(track, per_second=100, seconds=3)
    assert track.rate(at) == pytest.approx(100, rel=0.2)
    assert track.left(at) is None


def test_few_points_are_kept_however_many_steps_there_are() -> None:
    track = applying(total=1_000_000)
    steady(track, per_second=5000, seconds=30)
    assert len(track._marks) <= WINDOW_SECONDS / MARK_SECONDS + 2


def test_the_longest_of_several_waits_counts_and_is_part_of_what_is_left() -> None:
    track = applying(total=40)
    at = steady(track, per_second=10, seconds=2)
    before = track.left(at)
    assert before is not None
    track.waits(at, 12.0)
    track.waits(at, 3.0)
    assert track.waiting(at) == 12
    assert track.left(at) == pytest.approx(before + 12)
    assert track.waiting(at + 13) == 0


def test_the_line_of_writes() -> None:
    track = applying(total=10_000)
    assert track_text(track, 0.1) == "prod: applying 0 of 10,000 actions"
    at = steady(track, per_second=100, seconds=12)
    track.failed = 3
    assert (
        track_text(track, at) == "prod: applying 1,200 of 10,000 actions, 100/s, 1 min 28 s left, 3 not done"
    )
    track.waits(at, 11.2)
    assert track_text(track, at).endswith("3 not done, waits 12 s: rate limit")


def test_the_line_of_a_read_tells_pages_bytes_and_time() -> None:
    track = Track("reading", "pages", 0.0, "prod")
    assert track_text(track, 0.0) == "prod: reading"
    assert track_text(track, 7.2) == "prod: reading, 8 s"
    track.step(7.5)
    track.size = 3_400_000
    assert track_text(track, 8.0) == "prod: reading 1 page, 3.4 MB, 8 s"


def test_a_name_cannot_steer_the_terminal() -> None:
    track = Track("reading", "pages", 0.0, "a\x1b[31m\r\u202eb")
    assert track_text(track, 0.0) == "a\\x1b[31m\\r\\u202eb: reading"


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("価格表", 5, "価格…"), ("価格表", 4, "価…"), ("ab", 1, "…")],
)
def test_a_line_is_cut_by_the_cells_that_it_takes(text: str, cells: int, shown: str) -> None:
    assert cut(text, cells) == shown


def test_sizes_durations_and_rates() -> None:
    assert [size_text(size) for size in (0, 1, 999, 1000, 3_449_000, 10**15)] == [
        "0 bytes",
        "1 byte",
        "999 bytes",
        "1.0 kB",
        "3.4 MB",
        "1000.0 TB",
    ]
    assert [duration_text(seconds) for seconds in (0.2, 59.1, 200, 7500)] == [
        "1 s",
        "1 min 0 s",
        "3 min 20 s",
        "2 h 5 min",
    ]
    assert [rate_text(rate) for rate in (0.2, 1.26, 12.4, 4321.0)] == ["12/min", "1.3/s", "12/s", "4,321/s"]
