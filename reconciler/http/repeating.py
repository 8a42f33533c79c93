"""A call that is made again while that may help, and how long to wait before each try."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_result,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

from reconciler.errors import RateLimited
from reconciler.http.judge import Failed, Verdict
from reconciler.stages import count, waits

if TYPE_CHECKING:
    from reconciler.http.transport import Settings

_log = logging.getLogger("reconciler.http")

_AFTER_FAULT = wait_exponential(multiplier=0.5, max=20) + wait_random(0, 0.5)
_AFTER_LIMIT = wait_exponential(multiplier=4, max=60) + wait_random(0, 1)  # limits count whole minutes


class Repeating:
    """Tries one call as often as ``settings`` allow, and not after ``patience`` seconds. ``sleep`` waits."""

    def __init__(
        self, settings: Settings, sleep: Callable[[float], Awaitable[None]], patience: float
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._too_late = stop_before_delay(patience)

    async def run(self, first: Verdict, attempt: Callable[[], Awaitable[Verdict]]) -> Verdict:
        """The last verdict. ``first`` is that of the try before, which was not the last; ``attempt`` makes
        another one."""
        tried = iter([first])

        async def next_one() -> Verdict:
            return next(tried, None) or await attempt()

        verdict: Verdict = await AsyncRetrying(
            retry=retry_if_result(_may_repeat),
            stop=lambda state: self._is_spent(state) or self._too_late(state),
            wait=_delay,
            sleep=self._sleep,
            before_sleep=_announce,
            retry_error_callback=self._given_up,
        )(next_one)
        return verdict

    def _given_up(self, state: RetryCallState) -> Verdict:
        """The last verdict. A limit that only outlasts the patience says for how long."""
        failed = _failed(state)
        if isinstance(failed.error, RateLimited) and not self._is_spent(state):
            failed.error.wait = state.upcoming_sleep
        return failed

    def _is_spent(self, state: RetryCallState) -> bool:
        limited = isinstance(_failed(state).error, RateLimited)
        tries = self._settings.rate_limited_attempts if limited else self._settings.read_attempts
        return state.attempt_number >= tries


def _may_repeat(verdict: Verdict) -> bool:
    return isinstance(verdict, Failed) and verdict.repeat


def _failed(state: RetryCallState) -> Failed:
    assert state.outcome is not None
    verdict: Verdict = state.outcome.result()
    assert isinstance(verdict, Failed)
    return verdict


def _delay(state: RetryCallState) -> float:
    failed = _failed(state)
    if failed.wait is not None:
        return failed.wait
    return (_AFTER_LIMIT if isinstance(failed.error, RateLimited) else _AFTER_FAULT)(state)


def _announce(state: RetryCallState) -> None:
    error = _failed(state).error
    _log.info("%s; trying again in %.1f s", error.message, state.upcoming_sleep)
    count("retries")
    if isinstance(error, RateLimited):
        waits(error.registry, state.upcoming_sleep)
