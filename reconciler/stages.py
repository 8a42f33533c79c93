"""The points at which a run can be watched: its stages, its actions, its requests.

The code that does the work says where it is (``with stage("read", "prod")``) and what has come
(``count("requests")``), and knows nothing of who watches: timings, the progress on stderr, traces. Where
nobody does, a point costs a look at an empty tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from functools import wraps
from types import TracebackType
from typing import Final, Literal, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Fact = str | int | bool
"""What is told of a piece of work. Never a secret, a body, or a text that a registry answered."""

STAGES: Final[Mapping[str, str]] = {
    "start": "until the first stage: what the command needs is imported, the command line is read",
    "load": "reconciler.yaml, every manifest, the acknowledgements: read and checked",
    "policies": "the team's own schemas, held against every manifest",
    "revisions": "what git has: two revisions, or a merge, read and checked",
    "read": "every registry read whole, all at the same time",
    "usages": "who uses what, asked of a registry beside its read",
    "plan": "manifests matched with what is live, compared, and made a plan",
    "guards": "the guards over a whole run; those over one action are part of plan",
    "compare": "two revisions, or a plan and what was applied last",
    "journal": "the record of applies: read, opened, written, synced",
    "apply": "the writes, with the reads before and between them",
    "proof": "the last read of a registry, and a new plan on it",
    "report": "the plan or the outcome made into text or JSON, and written",
}
"""Every stage, with what happens in it."""

COUNTS: Final[Mapping[str, str]] = {
    "files": "YAML files in the folder of manifests",
    "manifests": "valid manifests",
    "requests": "calls that a registry answered",
    "bytes": "what those answers held, decompressed",
    "retries": "calls that were made again",
    "actions": "actions that ended",
    "not done": "those of them that did not end with done",
}
"""Everything that is counted."""


@dataclass(slots=True, eq=False)
class Work:
    """A stage, an action or a request, while it lasts. ``above`` is what it is part of.

    ``registry`` is that of ``above`` where it has none of its own.
    """

    kind: Literal["stage", "action", "request"]
    name: str
    registry: str | None
    above: Work | None
    facts: dict[str, Fact] = field(default_factory=dict)

    def tell(self, **facts: Fact | None) -> None:
        """Adds to what is known of it; what is None is not."""
        self.facts.update({name: fact for name, fact in facts.items() if fact is not None})

    @property
    def stage(self) -> Work:
        """The stage that it is, or is in; itself where there is none."""
        work = self
        while work.kind != "stage" and work.above is not None:
            work = work.above
        return work


class Watcher:
    """Hears of the work. Nothing here may raise: who watches must not end a run."""

    detailed = False
    """Whether it wants to hear of actions and requests too."""

    def begins(self, work: Work) -> None: ...

    def ends(self, work: Work, error: BaseException | None) -> None: ...

    def counts(self, work: Work, what: str, by: int) -> None:
        """``by`` more of ``what``, one of COUNTS, in ``work``."""

    def waits(self, registry: str, seconds: float) -> None:
        """A call to ``registry`` waits ``seconds`` for a limit of it."""


class _Unseen(Work):
    def tell(self, **facts: Fact | None) -> None:
        pass


class _Nobody:
    """In the place of a point that nobody watches; the same one every time."""

    __slots__ = ("_work",)

    def __init__(self) -> None:
        self._work = _Unseen("stage", "", None, None)

    def __enter__(self) -> Work:
        return self._work

    def __exit__(self, *_: object) -> None:
        pass


_NOBODY: Final = _Nobody()
_NOWHERE: Final = Work("stage", "", None, None)
_watchers: tuple[Watcher, ...] = ()
_detailed: tuple[Watcher, ...] = ()
_current: ContextVar[Work | None] = ContextVar("work", default=None)


class _Point:
    """Begins and ends one piece of work."""

    __slots__ = ("_token", "_watchers", "work")

    def __init__(self, work: Work, watchers: tuple[Watcher, ...]) -> None:
        self.work = work
        self._watchers = watchers
        self._token: Token[Work | None] | None = None

    def __enter__(self) -> Work:
        self._token = _current.set(self.work)
        for watcher in self._watchers:
            watcher.begins(self.work)
        return self.work

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for watcher in self._watchers:
            watcher.ends(self.work, error)
        if self._token is not None:
            _current.reset(self._token)


def _made(
    kind: Literal["stage", "action", "request"], name: str, registry: str | None, facts: dict[str, Fact]
) -> Work:
    above = _current.get()
    if registry is None and above is not None:
        registry = above.registry
    return Work(kind, name, registry, above, facts)


def current() -> Work | None:
    """What the running code is part of."""
    return _current.get()


def stage(name: str, registry: str | None = None, **facts: Fact) -> AbstractContextManager[Work]:
    """A stage of the run, one of STAGES; of one registry, where it is of one.

    ``total``: how many actions there will be. ``kind``: that of the registry.
    """
    return _Point(_made("stage", name, registry, facts), _watchers) if _watchers else _NOBODY


def action(name: str, **facts: Fact) -> AbstractContextManager[Work]:
    """One action of a plan."""
    return _Point(_made("action", name, None, facts), _detailed) if _detailed else _NOBODY


def request(name: str, registry: str, **facts: Fact) -> AbstractContextManager[Work]:
    """One request with all its tries; ``name`` is `GET /v2/models`."""
    return _Point(_made("request", name, registry, facts), _detailed) if _detailed else _NOBODY


def staged(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A function that is a stage whenever it is called."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
            with stage(name):
                return function(*args, **kwargs)

        return wrapped

    return decorate


def count(what: str, by: int = 1) -> None:
    """``by`` more of ``what``, one of COUNTS, have come."""
    if _watchers:
        work = _current.get() or _NOWHERE
        for watcher in _watchers:
            watcher.counts(work, what, by)


def waits(registry: str, seconds: float) -> None:
    """A call to ``registry`` is about to wait ``seconds`` for a limit of it."""
    for watcher in _watchers:
        watcher.waits(registry, seconds)


def watch(watcher: Watcher) -> None:
    """Has ``watcher`` hear of everything that begins from now on."""
    global _watchers, _detailed  # noqa: PLW0603 - there is one run in a process
    _watchers = (*_watchers, watcher)
    _detailed = tuple(each for each in _watchers if each.detailed)


@contextmanager
def unwatched_afterwards() -> Iterator[None]:
    """Forgets every watcher at its end."""
    global _watchers, _detailed
    before = _watchers, _detailed
    try:
        yield
    finally:
        _watchers, _detailed = before
