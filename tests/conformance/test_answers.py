"""Answers as registries give them on bad days: errors, limits, pages, shapes that nobody knows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import pytest

from reconciler.executor import timing
from reconciler.http import Clock
from reconciler.plan import Failure as Told

from .cases import each, of_subject, once
from .door import Answer
from .stand import REGISTRY, Applied, Stand
from .subject import Failure, Limit, Pages, Variant
from .test_edits import changes, fields

NOW = 1_790_000_000.0

# ---- errors

PAGE = b"<!doctype html><html><head><title>502</title></head><body>Bad gateway of somebody</body></html>"
ANYWHERE = (
    Failure("401", 401, {"unknown": "who are you"}, ("401", "who are you")),
    Failure("403", 403, {"unknown": "not for you"}, ("403", "not for you")),
    Failure("HTML", 502, PAGE, ("502", "Bad gateway of somebody"), {"content-type": "text/html"}),
    Failure("HTML of a proxy", 403, PAGE, ("403", "Bad gateway of somebody"), {"content-type": "text/html"}),
    Failure("an empty body", 400, b"", ("400", "no message")),
    Failure("an empty body of a gateway", 503, b"", ("503", "no message")),
    Failure("JSON that is no error", 422, [], ("422",)),
)


def failures(variant: Variant) -> Mapping[str, Failure]:
    documented = of_subject(lambda subject: {f"documented, {one.title}": one for one in subject.errors})
    return {**documented(variant), **{failure.title: failure for failure in ANYWHERE}}


def an_edit(stand: Stand) -> None:
    """An object that is there, and a manifest with one line that differs."""
    spec = stand.minimal()
    live = stand.made(spec)
    path = next(path for path in fields(stand.variant).values() if changes(stand, path))
    stand.write(stand.pinned(stand.minimal({path: stand.two(path)[1]}), live))


def assert_told(told: Told | None, request: str, failure: Failure) -> None:
    """The registry, the request, the status and the cause."""
    assert told is not None
    assert told.status == failure.status
    assert told.request == request
    for words in (REGISTRY, request, str(failure.status), *failure.words):
        assert words in told.message, told.message
    assert "<" not in told.message, told.message
    if failure.status in (401, 403):
        assert "token" in (told.hint or "")


@each("failure", once(failures))
def test_an_error_of_a_read_is_told(stand: Stand, failure: Failure) -> None:
    stand.write(stand.minimal())
    answer = Answer(failure.status, failure.body, failure.headers)
    stand.door.answer_reads(answer, path=stand.subject.base + stand.listing.path, always=True)
    applied = stand.apply()
    assert_told(applied.plan.registries[0].failure, stand.read, failure)
    assert stand.door.writes == []


@each("failure", failures)
def test_an_error_of_a_write_is_told(stand: Stand, failure: Failure) -> None:
    an_edit(stand)
    before = stand.listed()
    stand.door.answer_writes(Answer(failure.status, failure.body, failure.headers), always=True)
    applied = stand.apply()
    # What may have been taken every time, no list can deny for certain: some lag.
    status = "failed" if failure.status < 500 else "unproven"
    assert applied.result.status == status, (applied.action.operation, applied.action.refusals)
    write = stand.door.writes[0]
    told = applied.result.failure
    assert told is not None
    assert write.path.removeprefix(stand.subject.base) in (told.request or "").replace("%2F", "/")
    assert_told(told, f"{write.method} {told.request.partition(' ')[2]}" if told.request else "", failure)
    # What was surely turned away is sent once; what may have been taken is looked up first.
    assert len(stand.door.writes) == (1 if failure.status < 500 else len(timing.PAUSES))
    assert stand.listed() == before


# ---- shapes

NOT_JSON = {"HTML": (PAGE, {"content-type": "text/html"}), "nothing": (b"", {}), "half": (b'[{"id": "a"', {})}


def shapes(variant: Variant) -> Mapping[str, Answer]:
    found = {title: Answer(200, body, headers) for title, (body, headers) in NOT_JSON.items()}

    def known(subject: Any) -> Mapping[str, Answer]:
        listing = subject.listings[variant.table.resource]
        return {str(number): Answer(200, body) for number, body in enumerate(listing.unknown, 1)}

    return {**found, **of_subject(known)(variant)}


@each("answer", once(shapes))
def test_an_unknown_list_is_refused_before_any_write(stand: Stand, answer: Answer) -> None:
    stand.write(stand.minimal())
    path = stand.subject.base + stand.listing.path
    stand.door.answer_reads(answer, path=path, always=True)
    applied = stand.apply()
    failure = applied.plan.registries[0].failure
    assert failure is not None
    assert failure.code == "unexpected-answer"
    assert REGISTRY in failure.message
    assert stand.listing.path in (failure.request or "")
    assert failure.hint
    assert applied.plan.actions() == []
    assert stand.door.writes == []


# ---- limits


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def clock(self) -> Clock:
        return Clock(now=lambda: NOW, monotonic=lambda: sum(self.slept), sleep=self._sleep)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits of a run, none of which takes time."""
    fake = FakeClock()
    for module in ("transport", "pace"):
        monkeypatch.setattr(f"reconciler.http.{module}.Clock", fake.clock)
    # A body stays fresh: what is waited for here passes in no time.
    monkeypatch.setattr(timing, "FRESH_SECONDS", math.inf)
    return fake.slept


HINTS = (
    Limit("Retry-After in seconds", 7, headers={"retry-after": "7"}),
    Limit("Retry-After as a date", 8, headers={"retry-after": formatdate(NOW + 8, usegmt=True)}),
    Limit("retry-after-ms", 1.5, headers={"retry-after-ms": "1500"}),
    Limit("X-RateLimit-Reset in seconds", 9, headers={"x-ratelimit-reset": "9"}),
    Limit("X-RateLimit-Reset as a moment", 10, headers={"x-ratelimit-reset": str(int(NOW) + 10)}),
)


def limits(variant: Variant) -> Mapping[str, Limit]:
    documented = of_subject(lambda subject: {f"documented, {one.title}": one for one in subject.limits})
    return {**{hint.title: hint for hint in HINTS}, **documented(variant)}


def limited(limit: Limit) -> Answer:
    return Answer(429, limit.body, limit.headers)


def passing(variant: Variant) -> Mapping[str, Limit]:
    return {title: limit for title, limit in limits(variant).items() if limit.wait is not None}


def lasting(variant: Variant) -> Mapping[str, Limit]:
    return {title: limit for title, limit in limits(variant).items() if limit.wait is None}


@each("limit", once(passing))
def test_a_limit_of_a_read_is_waited_for(stand: Stand, slept: list[float], limit: Limit) -> None:
    stand.write(stand.minimal())
    path = stand.subject.base + stand.listing.path
    stand.door.answer_reads(limited(limit), path=path)
    plan = stand.plan()
    assert plan.registries[0].failure is None
    assert slept == [limit.wait]
    first, second = [one for one in stand.door.seen if one.path == path]
    assert (first.status, second.status) == (429, 200)
    assert (first.method, first.path) == (second.method, second.path)


@each("limit", passing)
def test_a_limit_of_a_write_is_waited_for(stand: Stand, slept: list[float], limit: Limit) -> None:
    an_edit(stand)
    stand.door.answer_writes(limited(limit))
    applied = stand.apply()
    stand.assert_done(applied)
    assert slept == [limit.wait]
    first, second = stand.door.writes
    assert (first.status, second.status // 100) == (429, 2)
    assert (first.method, first.path, first.body) == (second.method, second.path, second.body)
    stand.assert_settled()


@each("limit", lasting)
def test_a_limit_that_lasts_is_told_at_once(stand: Stand, slept: list[float], limit: Limit) -> None:
    an_edit(stand)
    stand.door.answer_writes(limited(limit), always=True)
    applied: Applied = stand.apply()
    assert applied.result.status == "failed"
    assert applied.result.failure is not None
    assert applied.result.failure.code == "rate-limited"
    assert len(stand.door.writes) == 1
    assert slept == []


# ---- pages


def paged(variant: Variant) -> Mapping[str, tuple[Pages, int]]:
    """Each list that comes in pages, once for its kind."""
    if variant.table is not next(iter(variant.kind.tables.values())):
        return {}

    def counts(pages: Pages) -> Mapping[str, int]:
        size = pages.size
        return {"none": 0, "one": 1, "one page": size, "one more": size + 1, "many pages": 3 * size + 2}

    return of_subject(
        lambda subject: {
            f"{pages.title}, {title}": (pages, count)
            for pages in subject.pages
            for title, count in counts(pages).items()
        }
    )(variant)


@each("case", paged)
def test_every_page_is_read(stand: Stand, case: tuple[Pages, int]) -> None:
    pages, count = case
    stand.seed(pages.seed(count))
    assert stand.with_reader(pages.count) == count
    asked = [one for one in stand.door.seen if one.path == stand.subject.base + pages.path]
    # The vendor's objects may be in the same list.
    assert max(1, math.ceil(count / pages.size)) <= len(asked) <= count // pages.size + 2
