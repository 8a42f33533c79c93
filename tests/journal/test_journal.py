"""What is on the disk, and when: before a write is sent, its intent; after a crash, all but the report."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from house import House, brisk, manifest, result, run
from jsonschema import Draft202012Validator
from orq_server import Exchange, OrqServer, live_model, orq
from published import published

from reconciler.errors import JournalError
from reconciler.executor import Executed, Target, execute, timing
from reconciler.journal import writing
from reconciler.journal.actor import actor
from reconciler.journal.loops import loops
from reconciler.journal.reading import Folder, Run, read
from reconciler.journal.records import Actor, Begin, End, Intent
from reconciler.journal.writing import Journal
from reconciler.outcome import ActionResult, apply_exit_code
from reconciler.plan import Plan
from reconciler.registries import talk
from reconciler.registries.orq.kind import ORQ
from reconciler.secrets import SecretStore

SOMEBODY = Actor("somebody", "there", 7)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "_settings", brisk(2.0))
    monkeypatch.setattr(timing, "PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.open(tmp_path / "journal", Begin("0123abcd", SOMEBODY, "d" * 64, ()))


@pytest.fixture
def house(tmp_path: Path) -> House:
    names = [f"m{number:02}" for number in range(10)]
    return House(tmp_path, manifests=[manifest(name, model=name, display_name=name) for name in names])


def applied(
    house: House, journal: Journal, prepare: Callable[[OrqServer], None] = lambda _: None
) -> tuple[OrqServer, Plan, Executed]:
    async def scenario() -> tuple[OrqServer, Plan, Executed]:
        async with orq() as server:
            house.urls = {"orq": server.url}
            plan = await house.planned()
            prepare(server)
            target = Target(ORQ, house.connection("orq"))
            ran = await execute(plan, {"orq": target}, SecretStore({}, {}), record=journal)
            return server, plan, ran

    found: tuple[OrqServer, Plan, Executed] = run(scenario())
    return found


def noting(journal: Journal, seen: list[tuple[str, frozenset[str]]]) -> Callable[[OrqServer], None]:
    """Notes with every create what the file has by then."""

    async def note(exchange: Exchange) -> None:
        known = read(journal.file)
        seen.append((str(exchange.id), frozenset(key.removeprefix("Model/") for _, key in known.intents)))
        await exchange.honest()

    return lambda server: server.always.update(POST=note)


MOST = [4] * 4 + [8] * 4 + [10] * 2


def test_every_intent_is_on_the_disk_before_its_write_is_sent_and_some_go_together(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.entries = {"concurrency": 1}
    monkeypatch.setattr(timing, "ANNOUNCED_TOGETHER", 4)
    seen: list[tuple[str, frozenset[str]]] = []
    applied(house, journal, noting(journal, seen))
    journal.end(End(0))
    assert all(name in known for name, known in seen)
    # Those that come next are announced meanwhile, and no more.
    assert all(len(known) in (most, min(most + 4, 10)) for (_, known), most in zip(seen, MOST, strict=True))
    found = read(journal.file)
    assert found.open == []
    assert found.count("done") == 10


def test_what_is_announced_reads_back_as_the_intents_of_the_plan(house: House, journal: Journal) -> None:
    _, plan, _ = applied(house, journal)
    journal.end(End(0))
    intents = {intent.key: intent for intent in map(Intent.of, plan.actions("create"))}
    assert read(journal.file).intents == intents
    assert any(change.wire for intent in intents.values() for change in intent.changes)
    for action in plan.actions("create"):
        slow = asdict(Intent.of(action))
        assert Intent.plain(action) == slow | {"changes": list(slow["changes"])}


def test_a_file_and_its_folder_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    opened = Journal.open(tmp_path / "journal", Begin("0123abcd", SOMEBODY, "d", ()))
    assert synced == [False, True]
    asyncio.run(opened.intend([]))
    assert synced == [False, True, False]
    opened.result(ActionResult("orq", "Model", "a", "done"))
    opened.end(End(0))
    assert synced.count(False) in (3, 4)


def failing(monkeypatch: pytest.MonkeyPatch, when: Callable[[bytes], bool]) -> None:
    """The disk is full from the first write that ``when`` is true of."""
    real = writing._append
    full: list[bool] = []

    def append(descriptor: int, data: bytes) -> None:
        if full or when(data):
            full.append(True)
            os.write(descriptor, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor, data)

    monkeypatch.setattr(writing, "_append", append)


def test_a_disk_that_fills_up_lets_calls_in_flight_finish_and_starts_no_new_one(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.entries = {"concurrency": 1}
    monkeypatch.setattr(timing, "ANNOUNCED_TOGETHER", 4)
    failing(monkeypatch, lambda data: b'"name":"m04"' in data)
    posts: list[str] = []

    async def until_it_failed(exchange: Exchange) -> None:
        posts.append(str(exchange.id))
        if exchange.id == "m03":  # those that follow were announced meanwhile
            while journal.failed is None:  # noqa: ASYNC110 - set by a thread
                await asyncio.sleep(0.005)
        await exchange.honest()

    server, plan, ran = applied(house, journal, lambda server: server.always.update(POST=until_it_failed))
    assert server.count("POST") == ran.outcome.count("done")
    assert set(posts) <= {"m00", "m01", "m02", "m03"}
    assert ran.outcome.count("done") + ran.outcome.count("skipped") == 10
    reason = str(result(ran.outcome, "m05").reason)
    assert reason == f"cannot write the journal {journal.file}: No space left on device"
    assert not ran.outcome.interrupted
    assert apply_exit_code(plan, ran.outcome) == 4
    with pytest.raises(JournalError, match="No space left on device"):
        journal.end(End(4))
    torn = read(journal.file)
    assert (torn.torn, torn.end, len(torn.intents)) == (True, None, 4)


def test_a_result_that_cannot_be_written_stops_what_has_not_begun(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.entries = {"concurrency": 1}
    failing(monkeypatch, lambda data: b'"record":"results"' in data)

    async def until_it_failed(exchange: Exchange) -> None:
        if exchange.id == "m01":
            while journal.failed is None:  # noqa: ASYNC110 - set by a thread
                await asyncio.sleep(0.005)
        await exchange.honest()

    server, _, ran = applied(house, journal, lambda server: server.always.update(POST=until_it_failed))
    assert (server.count("POST"), ran.outcome.count("done"), ran.outcome.count("skipped")) == (2, 2, 8)
    journal.close()


def test_a_journal_that_fails_before_the_first_write_lets_nothing_be_written(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda _: True)
    server, plan, ran = applied(house, journal)
    assert (server.writes, apply_exit_code(plan, ran.outcome)) == (0, 1)
    journal.close()


@pytest.mark.parametrize("place", ["a file", "a file/below"])
def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").write_text("")
    with pytest.raises(JournalError, match="cannot write the journal"):
        Journal.open(tmp_path / place, Begin("0123abcd", SOMEBODY, "d", ()))


def test_a_file_is_never_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "now", lambda: "2026-01-01T00:00:00.000Z")
    Journal.open(tmp_path, Begin("0123abcd", SOMEBODY, "d", ())).close()
    with pytest.raises(JournalError, match="File exists"):
        Journal.open(tmp_path, Begin("0123abcd", SOMEBODY, "d", ()))


def test_a_journal_that_cannot_be_begun_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda _: True)
    with pytest.raises(JournalError, match="No space left on device"):
        Journal.open(tmp_path, Begin("0123abcd", SOMEBODY, "d", ()))
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_held_until_its_run_ends(journal: Journal) -> None:
    assert read(journal.file).standing == "under way"
    journal.end(End(0))
    assert read(journal.file).standing == "ended"


def test_every_line_fits_the_published_schema(house: House, journal: Journal) -> None:
    applied(house, journal)
    journal.end(End(0, settles=("ffffffff",)))
    check = Draft202012Validator(published("journal.schema.json"))
    lines = [json.loads(line) for line in journal.file.read_text().splitlines()]
    assert {line["record"] for line in lines} >= {"begin", "intents", "results", "end"}
    for line in lines:
        check.validate(line)
        assert not check.is_valid({**line, "record": "other"})


# ---- reading


def test_a_result_that_the_proof_took_back_counts_as_taken_back(journal: Journal) -> None:
    journal.result(ActionResult("orq", "Model", "a", "done"))
    journal.result(ActionResult("orq", "Model", "a", "unproven", reason="accepted, not stored: x"))
    journal.end(End(4))
    found = read(journal.file)
    assert (found.count("done"), found.count("unproven")) == (0, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage\n",
        "[]\n",
        "null\n",
        '{"record": "end", "exit_code": 0}\n',
        '{"record": "nothing"}\n',
        "[" * 99999,
    ],
)
def test_what_is_no_journal_is_named_and_stops_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "20260101T000000000Z-0123abcd.jsonl"
    file.write_text(text)
    (tmp_path / "20250101T000000000Z-4567abcd.jsonl").mkdir()
    found = list(Folder(tmp_path).runs())
    assert len(found) == 2
    assert all(isinstance(one, JournalError) and "abcd.jsonl" in one.message for one in found)
    assert Folder(tmp_path).unended(9) == []


@pytest.mark.parametrize(
    "garbage", [b"garbage", b'{"a": 1e99999999999999999999}', b'{"format": 1E+999999999}']
)
def test_garbage_in_the_middle_is_no_torn_line(journal: Journal, garbage: bytes) -> None:
    journal.end(End(0))
    lines = journal.file.read_bytes().splitlines(keepends=True)
    journal.file.write_bytes(lines[0] + garbage + b"\n" + lines[-1])
    with pytest.raises(JournalError, match=r"jsonl:2: no line of JSON"):
        read(journal.file)


# ---- who


@pytest.mark.parametrize(
    ("environment", "name", "ci", "url"),
    [
        ({"USER": "ada"}, "ada", None, None),
        (
            {
                "USER": "runner",
                "GITHUB_ACTOR": "octocat",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "a/b",
                "GITHUB_RUN_ID": "7",
            },
            "octocat",
            "github",
            "https://github.com/a/b/actions/runs/7",
        ),
        ({"GITHUB_ACTOR": "octocat"}, "octocat", "github", None),
        (
            {"GITLAB_USER_LOGIN": "tanuki", "CI_JOB_URL": "https://gitlab.example/a/-/jobs/7?x=1#y"},
            "tanuki",
            "gitlab",
            "https://gitlab.example/a/-/jobs/7",
        ),
        (
            {"GITLAB_USER_LOGIN": "tanuki", "CI_JOB_URL": "https://user:planted@gitlab.example/a"},
            "tanuki",
            "gitlab",
            None,
        ),
    ],
)
def test_the_actor_is_whom_the_ci_names(
    environment: dict[str, str], name: str, ci: str | None, url: str | None
) -> None:
    found = actor(environment)
    assert (found.name, found.ci, found.url, found.pid) == (name, ci, url, os.getpid())
    assert actor({}).name


# ---- loops


def brought_to(house: House, values: Sequence[Any], last: str = "Ours", statuses: str = "ddd") -> list[Any]:
    """The loops in a plan that brings display_name to ``last``, after runs that brought it to ``values``."""
    house.manifests = [manifest(display_name=last)]
    plan = house.plan([live_model()])
    [action] = plan.actions("update")
    runs = []
    for number, (value, status) in enumerate(zip(values, statuses, strict=False)):
        begin = Begin(f"{number}", SOMEBODY, "d", (), at=f"2026-01-0{number + 1}")
        intents = {}
        results = {}
        if value is not None:
            changes = tuple(replace(change, wire_desired=value) for change in action.changes)
            intents[action.registry, action.key] = Intent.of(replace(action, changes=changes))
            word: Any = "done" if status == "d" else "failed"
            results[action.registry, action.key] = ActionResult("orq", "Model", action.name, word)
        runs.append(Run(Path("x"), begin, intents, results))
    return list(loops(reversed(runs), plan).items())


def test_three_runs_in_a_row_are_a_loop(house: House) -> None:
    where = ("orq", "Model/support-mini", "display_name")
    assert brought_to(house, ["Ours"] * 3) == [(where, ("2026-01-01", "2026-01-02", "2026-01-03"))]


@pytest.mark.parametrize(
    ("values", "statuses"),
    [
        (["Ours", "Ours"], "dd"),
        (["Ours", "Other", "Ours"], "ddd"),
        (["Ours", "Ours", "Ours"], "ddf"),
        (["Ours", "Ours", "Ours"], "dfd"),
    ],
)
def test_fewer_others_and_failed_ones_are_none(house: House, values: list[Any], statuses: str) -> None:
    assert brought_to(house, values, statuses=statuses) == []


def test_runs_that_did_not_touch_the_field_do_not_count(house: House) -> None:
    assert len(brought_to(house, ["Ours", None, "Ours", None, "Ours"], statuses="ddddd")) == 1
