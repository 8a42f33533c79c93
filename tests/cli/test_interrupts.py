"""Signals and readers that go away, in real processes against a slow registry."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.journal.reading import Folder as Journal
from reconciler.journal.reading import Run

from .folder import COMMAND, Folder, manifest
from .live import Live

LONG = 60.0
"""Seconds that no test waits for."""
FINISHING = "interrupted: finishing the calls in flight"

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.fixture
def live(folder: Folder, serve: Callable[..., Live]) -> Live:
    """A registry that takes its time for a write until it is let go, called two at a time for six models."""
    live = serve()
    live.write_seconds = LONG
    folder.registries(one=f'url: "{live.url}", concurrency: 2')
    folder.models(*(manifest(f"m{number}") for number in range(6)))
    return live


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    out, err = process.communicate(timeout=40)
    assert "Traceback" not in out + err
    return process.returncode, json.loads(out), err


def interrupt(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Sends a signal and waits until it was heard."""
    process.send_signal(number)
    assert process.stderr is not None
    assert FINISHING in process.stderr.readline()


def recorded(folder: Folder) -> Run:
    """The one run of the journal."""
    [run] = Journal(folder.path / ".reconciler" / "journal").runs()
    assert isinstance(run, Run)
    return run


def statuses(document: dict[str, Any]) -> list[str]:
    return [result["status"] for result in document["outcome"]["results"]]


@pytest.mark.parametrize(("number", "_code"), SIGNALS)
def test_calls_in_flight_finish_and_no_new_one_starts(
    folder: Folder, live: Live, number: signal.Signals, _code: int
) -> None:
    process = folder.start("apply", "--yes", "-o", "json")
    wait_for(lambda: len(live.written) == 2)
    interrupt(process, number)
    live.let_go.set()
    code, document, _ = ended(process)
    assert (code, document["exit_code"]) == (4, 4)
    assert statuses(document) == ["done"] * 2 + ["skipped"] * 4
    assert document["outcome"]["interrupted"] is True
    assert len(live.written) == 2
    assert [model["id"] for model in live.models() if model["owner"] != "system"] == ["m0", "m1"]
    run = recorded(folder)
    assert [each.status for each in run.results.values()] == ["done"] * 2 + ["skipped"] * 4
    assert run.end is not None
    assert (run.end.exit_code, run.end.interrupted, run.open) == (4, True, [])
    [proof] = document["proof"]
    assert (proof["read"], [left["name"] for left in proof["left"]]) == ("again", ["m2", "m3", "m4", "m5"])


def test_an_interrupted_apply_tells_in_one_line_what_it_skipped(folder: Folder, live: Live) -> None:
    process = folder.start("apply", "--yes")
    wait_for(lambda: len(live.written) == 2)
    interrupt(process, signal.SIGINT)
    live.let_go.set()
    out, _ = process.communicate(timeout=40)
    assert "one: 4 skipped: m2, m3, m4, m5\n    interrupted\n" in out
    assert "Interrupted: 2 done, 4 skipped." in out
    assert "What is done stays done; plan again to see what is left." in out


@pytest.mark.parametrize(("number", "_code"), SIGNALS)
def test_a_second_signal_stops_at_once_and_says_what_is_not_known(
    folder: Folder, live: Live, number: signal.Signals, _code: int
) -> None:
    process = folder.start("apply", "--yes", "-o", "json")
    wait_for(lambda: len(live.written) == 2)
    interrupt(process, number)
    process.send_signal(number)
    code, document, _ = ended(process)  # long before the registry answers
    assert (code, document["exit_code"]) == (4, 4)
    assert statuses(document) == ["unproven"] * 2 + ["skipped"] * 4
    assert [proof["read"] for proof in document["proof"]] == ["interrupted"]
    run = recorded(folder)
    assert [each.status for each in run.results.values()] == ["unproven"] * 2 + ["skipped"] * 4
    assert run.end is not None
    assert run.end.interrupted


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("line", ["plan", "apply --yes", "registries"])
def test_a_signal_before_any_write(
    folder: Folder, live: Live, number: signal.Signals, code: int, line: str
) -> None:
    live.read_seconds = LONG
    process = folder.start(*line.split(), "-o", "json")
    wait_for(lambda: live.seen)
    process.send_signal(number)
    got, document, err = ended(process)
    assert (got, document["exit_code"]) == (code, code)
    assert document["error"]["code"] == "interrupted"
    assert err == "error: interrupted; nothing was written\n"
    assert live.written == []


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("signals", [1, 2])
def test_a_signal_at_the_last_read_writes_nothing(
    folder: Folder,
    live: Live,
    number: signal.Signals,
    code: int,
    signals: int,
) -> None:
    """The plan's own read is too old by then, so that the registry is read a second time."""
    program = (
        "import sys, reconciler.executor.timing as e; e.FRESH_SECONDS = -1.0;"
        "from reconciler.cli.app import run; sys.exit(run(sys.argv[1:]))"
    )

    def reads() -> int:
        return sum(seen.path == "/v2/models" for seen in live.seen)

    live.seconds = lambda _seen: LONG if reads() == 2 else 0.0
    process = subprocess.Popen(
        [COMMAND[0], "-c", program, "apply", "--yes", "-o", "json"],
        cwd=folder.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: reads() == 2)
    interrupt(process, number)
    if signals == 2:
        process.send_signal(number)
    else:
        live.let_go.set()
    got, document, _ = ended(process)
    assert (got, document["exit_code"]) == (code, code)
    assert live.written == []


@pytest.mark.parametrize("line", ["plan", "plan -o json", "schema model", "apply --yes", "--help"])
def test_a_reader_that_goes_away_gets_no_traceback(folder: Folder, line: str) -> None:
    folder.models(*(manifest(f"m{number}") for number in range(150)))
    process = folder.start(*line.split())
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=40) == 1
    assert err == ""


def test_a_full_disk_is_an_error_and_no_bug(folder: Folder) -> None:
    folder.models(manifest("a"))
    with Path("/dev/full").open("w") as full:
        for line in ("plan", "validate"):
            result = folder.start(*line.split(), stdout=full)
            _, err = result.communicate(timeout=40)
            assert result.returncode == 1
            assert err == "error: cannot write to stdout: No space left on device\n"
        for code, known in ((4, "plan again to see what was done"), (1, "nothing was written")):
            process = folder.start("apply", "--yes", "-o", "json", stdout=full)
            _, err = process.communicate(timeout=40)
            assert process.returncode == code
            assert err == f"error: cannot write to stdout: No space left on device; {known}\n"


def test_a_closed_stderr_ends_no_apply(folder: Folder, live: Live) -> None:
    live.write_seconds = 1.0  # time enough for the signal, of whose arrival nothing tells
    read, write = os.pipe()
    process = folder.start("apply", "--yes", "-o", "json", stderr=write)
    os.close(read)
    os.close(write)
    wait_for(lambda: len(live.written) == 2)
    process.send_signal(signal.SIGINT)  # says something on stderr, which nobody reads
    out, _ = process.communicate(timeout=40)
    assert process.returncode == 4
    assert statuses(json.loads(out)) == ["done"] * 2 + ["skipped"] * 4
