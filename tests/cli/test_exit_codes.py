"""One table: what a run ends with, and that its stdout can be read, in every format.

Each situation is made by what really causes it: somebody's hand, a registry that answers wrongly, a signal.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import cmarkgfm
import pytest

from reconciler.cli.apply import _Signals as Signals
from reconciler.errors import ExitCode

from .conftest import Run
from .folder import Folder, Result, manifest
from .live import Live, Seen

FORMATS = ["text", "json", "markdown"]
ODD_PRICE = "150"
"""A thousand times too much: refused."""


@dataclass(frozen=True)
class World:
    folder: Folder
    cli: Run
    live: Live
    heard: Event = field(default_factory=Event)
    """Set when a run has heard of a signal."""

    def declare(self, *texts: str) -> None:
        self.folder.models(*texts)

    def apply(self) -> None:
        assert self.cli("apply", "--yes").code == 0


@pytest.fixture
def world(folder: Folder, cli: Run, serve: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> World:
    """A registry that holds `a`, as it is declared."""
    live = serve()
    folder.registries(one=f'url: "{live.url}"')
    found = World(folder, cli, live)
    receive = Signals._receive

    def heard(signals: Signals, code: ExitCode) -> None:
        receive(signals, code)
        found.heard.set()

    monkeypatch.setattr(Signals, "_receive", heard)
    found.declare(manifest("a"))
    found.apply()
    return found


def no_change(_: World) -> None: ...


def changes(world: World) -> None:
    world.declare(manifest("a", price="0.18"), manifest("b"))


def refused(world: World) -> None:
    world.declare(manifest("a", price=ODD_PRICE), manifest("b"))


def stale(world: World) -> None:
    """A plan file, and then somebody's hand."""
    world.declare(manifest("a", price="0.17"))
    assert world.cli("plan", "--out", "plan.json").code == 0
    world.declare(manifest("a", price="0.16"))
    world.apply()
    world.declare(manifest("a", price="0.17"))


def partial(world: World) -> None:
    """The second of two creates is turned away."""
    world.declare(manifest("a"), manifest("b"), manifest("c"))
    world.live.answer = lambda seen: (400, {"error": "no"}) if seen.writes and seen.name == "c" else None


def error(world: World) -> None:
    world.declare(manifest("a", price="0.18"))
    world.live.answer = lambda _seen: (500, {"error": "out of order"})


def interrupted(world: World) -> None:
    """A signal while the first of several creates is under way."""
    world.folder.registries(one=f'url: "{world.live.url}", concurrency: 1')
    world.declare(*(manifest(name) for name in "abcd"))
    sent: list[str] = []

    def answer(seen: Seen) -> None:
        if seen.writes and not sent:
            sent.append(seen.name)
            os.kill(os.getpid(), signal.SIGINT)
            assert world.heard.wait(30)

    world.live.answer = answer


def shared(prepare: Callable[[World], None], line: str = "apply --yes") -> Callable[[World], None]:
    """The situation, of which two shards have made reports already."""

    def both(world: World) -> None:
        prepare(world)
        for number in (1, 2):
            result = world.cli(*line.split(), "--shard", f"{number}/2", "-o", "json")
            (world.folder.path / f"{number}.json").write_text(result.out, encoding="utf-8")

    both.__name__ = f"shared {prepare.__name__}"
    return both


MERGE = "merge 1.json 2.json"

TABLE: list[tuple[Callable[[World], None], str, int]] = [
    (no_change, "plan", 0),
    (no_change, "plan --exit-code", 0),
    (no_change, "apply --yes", 0),
    (changes, "plan", 0),
    (changes, "plan --exit-code", 2),
    (changes, "apply --yes", 0),
    (refused, "plan", 3),
    (refused, "plan --exit-code", 3),
    (refused, "apply --yes", 3),
    (stale, "show plan.json", 0),
    (stale, "apply plan.json --yes", 5),
    (partial, "apply --yes", 4),
    (error, "plan", 1),
    (error, "apply --yes", 1),
    (interrupted, "apply --yes", 4),
    (changes, "plan --shard 1/1", 0),
    (changes, "plan --shard 1/1 --exit-code", 2),
    (refused, "plan --shard 1/1", 3),
    (changes, "apply --yes --shard 1/1", 0),
    (refused, "apply --yes --shard 1/1", 3),
    (stale, "apply plan.json --yes --shard 1/1", 5),
    (partial, "apply --yes --shard 1/1", 4),
    (error, "apply --yes --shard 1/1", 1),
    (interrupted, "apply --yes --shard 1/1", 4),
    (shared(no_change), MERGE, 0),
    (shared(changes), MERGE, 0),
    (shared(refused), MERGE, 3),
    (shared(stale, "apply plan.json --yes"), MERGE, 5),
    (shared(partial), MERGE, 4),
    (shared(error), MERGE, 1),
    (shared(changes, "plan --exit-code"), MERGE, 2),
    (shared(refused, "plan"), MERGE, 3),
    (shared(error, "plan"), MERGE, 1),
]


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize(
    ("prepare", "line", "code"), TABLE, ids=[f"{row[0].__name__}: {row[1]}" for row in TABLE]
)
def test_a_run_ends_with_its_code_and_a_readable_stdout(
    world: World, output: str, prepare: Callable[[World], None], line: str, code: int
) -> None:
    prepare(world)
    result = world.cli(*line.split(), "-o", output)
    assert result.code == code
    assert "Traceback" not in result.out + result.err
    READABLE[output](result)


def as_text(result: Result) -> None:
    assert result.out.strip()
    assert "\x1b" not in result.out


def as_json(result: Result) -> None:
    document = json.loads(result.out)
    shown = document["kind"] == "Plan" and "integrity" in document
    assert document["exit_code"] == result.code
    assert shown or document["kind"] == "Outcome"


def as_markdown(result: Result) -> None:
    page = cmarkgfm.github_flavored_markdown_to_html(result.out)
    assert "<h" in page or "<strong>" in page
    assert page.count("<details") == page.count("</details>")


READABLE: dict[str, Callable[[Result], None]] = {"text": as_text, "json": as_json, "markdown": as_markdown}


def statuses(document: dict[str, Any]) -> Iterator[str]:
    return (result["status"] for result in document["outcome"]["results"])


@pytest.mark.parametrize(
    ("prepare", "line", "expected"),
    [
        (stale, "apply plan.json --yes", ["stale"]),
        (partial, "apply --yes", ["unchanged", "done", "failed"]),
        (interrupted, "apply --yes", ["unchanged", "done", "skipped", "skipped"]),
        (refused, "apply --yes", ["refused", "done"]),
    ],
    ids=["stale", "partial", "interrupted", "refused"],
)
def test_each_situation_is_what_it_is_called(
    world: World, prepare: Callable[[World], None], line: str, expected: list[str]
) -> None:
    prepare(world)
    assert list(statuses(world.cli(*line.split(), "-o", "json").document)) == expected
