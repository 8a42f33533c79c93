"""Long work shows itself: on a terminal, which is clean afterwards, and in a log."""

from __future__ import annotations

import io
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from reconciler.cli.console import say, write
from reconciler.cli.progress import LINE_SECONDS, Display, displayed, working
from reconciler.stages import count, stage, unwatched_afterwards, waits, watch

from .folder import COMMAND, Folder, manifest
from .live import Live
from .screen import Screen, shown
from .test_interrupts import wait_for
from .test_terminal import PROMPT, Terminal

INTERRUPTED = "error: interrupted; nothing was written"


class Stream(io.StringIO):
    """stderr: a terminal, if told so."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


class Watch:
    """A clock, a stream, and a display on them."""

    def __init__(self, stream: Stream) -> None:
        self.now = 1000.0
        self.stream = stream
        self.display = Display(stream, lambda: self.now)

    def passes(self, seconds: float) -> None:
        self.now += seconds

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def screen(self) -> str:
        screen = Screen(80)
        screen.feed(self.stream.getvalue().replace("\n", "\r\n"))
        return screen.shown


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Stream:
    stream = Stream()
    # Not sys itself: between a fixture and its test, pytest puts its own stream there.
    monkeypatch.setattr("reconciler.cli.console.sys", SimpleNamespace(stderr=stream, stdout=io.StringIO()))
    return stream


@pytest.fixture
def log(stderr: Stream) -> Iterator[Watch]:
    one = Watch(stderr)
    with unwatched_afterwards(), displayed(one.display):
        watch(one.display)
        yield one


@pytest.fixture
def terminal(stderr: Stream, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    monkeypatch.setenv("TERM", "xterm")
    stderr.terminal = True
    one = Watch(stderr)
    with unwatched_afterwards(), displayed(one.display):
        watch(one.display)
        yield one


# ---- in a log


def test_a_log_gets_a_line_every_few_seconds_and_no_more(log: Watch) -> None:
    with stage("apply", "prod", total=80):
        for _ in range(80):
            log.passes(0.25)
            count("actions")
    assert log.lines == [
        "prod: applying 20 of 80 actions, 4.0/s, 15 s left",
        "prod: applying 40 of 80 actions, 4.0/s, 10 s left",
        "prod: applying 60 of 80 actions, 4.0/s, 5 s left",
        "prod: applying 80 of 80 actions, 4.0/s, 20 s",
    ]


def test_what_is_over_before_leaves_nothing_in_a_log(log: Watch) -> None:
    with stage("load"):
        for _ in range(10_000):
            count("files")
        log.passes(LINE_SECONDS - 1)
    with stage("read", "prod"):
        count("requests")
    assert log.lines == []


def test_one_line_of_a_log_tells_of_every_registry(log: Watch) -> None:
    with stage("read", "a"), stage("read", "b"):
        log.passes(6)
        waits("a", 30)
        count("requests")
    assert log.lines == ["a: reading, 6 s, waits 30 s: rate limit; b: reading 1 page, 6 s"]


def test_a_log_line_is_no_command_for_a_forge_and_has_no_escapes(log: Watch) -> None:
    with stage("read", "::error::\x1b[2J"):
        log.passes(6)
        count("requests")
    [line] = log.lines
    assert line.startswith(":\\x3aerror::\\x1b[2J: reading 1 page")


def test_more_registries_than_fit_are_counted(log: Watch) -> None:
    stages = [stage("read", f"r{number}") for number in range(12)]
    for one in stages:
        one.__enter__()
    log.passes(6)
    count("requests")
    for one in reversed(stages):
        one.__exit__(None, None, None)
    [line] = log.lines
    assert line.count(": reading") == 8
    assert line.endswith("and 4 more registries")


# ---- on a terminal, by the clock


def test_lines_are_drawn_over_each_other_and_gone_at_the_end(terminal: Watch) -> None:
    with stage("apply", "a", total=4), stage("apply", "b", total=8):
        for _ in range(4):
            terminal.passes(1.0)
            count("actions")
        assert terminal.screen().splitlines() == [
            "a: applying 0 of 4 actions, 4 s",
            "b: applying 4 of 8 actions, 1.0/s, 4 s left",
        ]
    assert terminal.screen() == ""


def test_a_line_for_each_registry_whatever_it_does(terminal: Watch) -> None:
    with stage("read"), stage("read", "a"), stage("usages", "a"):
        terminal.passes(3.0)
        count("requests")
        assert terminal.screen() == "a: reading, 3 s"


def test_a_short_run_draws_nothing(terminal: Watch) -> None:
    with stage("load"):
        count("files", 3)
        terminal.passes(0.2)
        count("files", 3)
    assert terminal.stream.getvalue() == ""


def test_what_is_said_stands_above_the_lines(terminal: Watch) -> None:
    with stage("apply", "a", total=9):
        terminal.passes(1.0)
        count("actions")
        say("interrupted")
        assert terminal.screen() == "interrupted"
        terminal.passes(1.0)
        count("actions")
        assert terminal.screen().splitlines()[0] == "interrupted"
        write("the report")  # to the same terminal
        assert terminal.screen() == "interrupted"
    assert terminal.screen() == "interrupted"


def test_more_lines_than_the_terminal_has(terminal: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.display, "_size", lambda: (30, 6))
    stages = [stage("read", f"a-registry-with-a-long-name-{number}") for number in range(12)]
    for one in stages:
        one.__enter__()
    terminal.passes(1.0)
    count("requests")
    lines = terminal.screen().splitlines()
    assert len(lines) == 5
    assert lines[0] == "a-registry-with-a-long-name-…"
    assert lines[-1] == "and 8 more registries"
    for one in reversed(stages):
        one.__exit__(None, None, None)
    assert terminal.screen() == ""


def test_a_terminal_that_becomes_narrower_is_clean_afterwards(
    terminal: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = [80]
    monkeypatch.setattr(terminal.display, "_size", lambda: (size[0], 24))
    terminal.stream.write("before\n")
    with stage("read", "a" * 60):
        terminal.passes(1.0)
        count("requests")
        size[0] = 25  # the line takes three rows now
        at = len(terminal.stream.getvalue())
    screen = Screen(25)
    screen.feed(terminal.stream.getvalue()[:at].replace("\n", "\r\n"))
    assert len(screen.shown.splitlines()) == 5
    screen.feed(terminal.stream.getvalue()[at:].replace("\n", "\r\n"))
    assert screen.shown == "before"


def test_a_dumb_terminal_gets_the_lines_of_a_log(stderr: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stderr.terminal = True
    one = Watch(stderr)
    with unwatched_afterwards(), displayed(one.display):
        watch(one.display)
        with stage("read", "a"):
            one.passes(1.0)
            count("requests")
            assert one.lines == []
            one.passes(5.0)
            count("requests")
    assert one.lines == ["a: reading 2 pages, 6 s"]


def test_a_terminal_that_has_gone_ends_nothing(terminal: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_text: str) -> int:
        raise OSError

    with stage("read", "a"):
        terminal.passes(1.0)
        monkeypatch.setattr(terminal.stream, "write", gone)
        count("requests")
        terminal.passes(1.0)
        count("requests")


def test_work_that_counts_nothing_is_shown_at_once(terminal: Watch) -> None:
    with working("probing 3 endpoints"):
        assert terminal.screen() == "probing 3 endpoints"
    assert terminal.screen() == ""


# ---- real processes


@pytest.fixture
def slow(folder: Folder, serve: Callable[..., Live]) -> Live:
    """A registry that takes its time, called two at a time for twelve models."""
    live = serve()
    live.write_seconds = 0.2
    live.read_seconds = 0.8
    folder.registries(one=f'url: "{live.url}", concurrency: 2')
    folder.models(*(manifest(f"m{number:02}") for number in range(12)))
    return live


@pytest.mark.parametrize("columns", [100, 20])
def test_a_terminal_shows_the_work_and_then_the_report_alone(
    folder: Folder, slow: Live, columns: int
) -> None:
    program = Terminal(folder, "apply", "--yes", size=(24, columns), NO_COLOR="1")
    code, output, _ = program.end()
    assert code == 0, output
    for words in (b"one: reading", b"one: applying 6 of ", b"one: reading back"):
        assert words[: columns - 2] in output
    if columns == 100:
        assert b"/s, " in output
    screen = shown(output, columns)
    slow.read_seconds = slow.write_seconds = 0.0
    last = folder.process("plan")
    assert last.err == ""
    assert "applying" not in screen
    assert "reading" not in screen
    assert screen.splitlines()[-2:] == ["Apply: 12 done.", "A new plan is empty."]


def test_a_document_on_stdout_is_whole_while_stderr_shows_the_work(folder: Folder, slow: Live) -> None:
    slow.write_seconds = 0.6
    folder.models(manifest("a"), manifest("b"))
    program = Terminal(folder, "apply", "--yes", "-o", "json", apart=("stdout",))
    code, output, out = program.end()
    assert (code, json.loads(out)["kind"]) == (0, "Outcome")
    assert b"one: applying" in output
    assert shown(output) == ""


@pytest.mark.parametrize("line", ["plan", "apply --yes"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_reading_leaves_a_clean_terminal(
    folder: Folder, slow: Live, line: str, number: signal.Signals
) -> None:
    slow.read_seconds = 60.0
    program = Terminal(folder, *line.split(), NO_COLOR="1")
    program.read(b"one: reading")
    if number is signal.SIGINT:
        program.type("\x03")  # echoed where the cursor is
    else:
        program.process.send_signal(number)
    code, output, _ = program.end()
    assert code == (130 if number is signal.SIGINT else 143)
    assert shown(output) == INTERRUPTED


def test_a_signal_while_writing_leaves_the_reports_alone(folder: Folder, slow: Live) -> None:
    slow.read_seconds = 0.0
    slow.write_seconds = 60.0
    program = Terminal(folder, "apply", "--yes", NO_COLOR="1")
    program.read(b"one: applying 0 of 12 actions")
    wait_for(lambda: len(slow.written) == 2)
    program.type("\x03")
    program.read(b"finishing the calls in flight")
    slow.let_go.set()
    code, output, _ = program.end()
    assert code == 4
    screen = shown(output)
    assert "applying" not in screen
    said = [line for line in screen.splitlines() if line.startswith("interrupted:")]
    assert said == ["interrupted: finishing the calls in flight, starting no new one (again to stop at once)"]
    assert "\nInterrupted: 2 done, 10 skipped.\n" in screen
    assert screen.splitlines()[-1] == "    and 2 more"


def test_the_question_stands_alone(folder: Folder, slow: Live) -> None:
    program = Terminal(folder, "apply", NO_COLOR="1")
    before = program.read(PROMPT)
    assert b"one: reading" in before
    program.type("no\n")
    code, output, _ = program.end()
    assert code == 1
    assert "one: reading" not in shown(output)


def test_a_log_of_a_slow_run_gets_lines_while_nothing_comes(folder: Folder, slow: Live) -> None:
    program = (
        "import sys, reconciler.cli.progress as p; p.LINE_SECONDS = 0.5;"
        "from reconciler.cli.app import run; sys.exit(run(sys.argv[1:]))"
    )
    slow.read_seconds = 2.0
    command = [COMMAND[0], "-c", program, "plan"]
    result = subprocess.run(command, cwd=folder.path, capture_output=True, text=True, check=True)
    lines = result.stderr.splitlines()
    assert lines
    assert all(line.startswith("one: reading") for line in lines)
    assert result.stdout.startswith("one  (orq, ")
