"""Real runs over a large folder: processes and a cache change nothing that a run says or does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.folder import WORTH
from reconciler.folder.cache import FOLDER
from tests.cli.folder import Folder, Result, manifest
from tests.folders import spoil

COUNT = 400
WORDS = "words that make a manifest as long as those of a team that describes what it uses a model for " * 4


def text(number: int) -> str:
    return manifest(f"m{number:03d}", price=f"0.{number + 1:03d}", more=f"  description: {WORDS}{number}")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """400 manifests, five in each file, for an empty embedded registry."""
    folder = Folder(tmp_path_factory.mktemp("large"))
    folder.registries(sandbox="embedded: registry.db")
    (folder.path / "models").mkdir()
    for first in range(0, COUNT, 5):
        part = "---\n".join(text(number) for number in range(first, first + 5))
        (folder.path / "models" / f"{first:03d}.yaml").write_text(part)
    assert sum(path.stat().st_size for path in (folder.path / "models").iterdir()) > WORTH
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def planned(result: Result) -> dict[str, Any]:
    """The document of a plan, but for when and by what it was made, and the digest that has that in it."""
    assert result.err == ""
    document = result.document
    assert document.pop("made")
    assert document.pop("integrity")
    assert len(document["registries"][0]["actions"]) == COUNT
    return document


def plan(folder: Folder, place: Path, *options: str) -> dict[str, Any]:
    return planned(folder.process("plan", "-o", "json", *options, env={FOLDER: str(place)}))


def test_a_plan_says_the_same_in_every_state_of_the_cache(large: Folder, place: Path) -> None:
    wanted = json.dumps(plan(large, place, "--no-cache"))
    assert not place.exists()
    assert json.dumps(plan(large, place)) == wanted
    [kept] = place.glob("*.sqlite")
    size = kept.stat().st_size
    assert size > 20_000
    assert json.dumps(plan(large, place)) == wanted
    spoil(kept)
    assert json.dumps(plan(large, place)) == wanted


def test_two_plans_at_once_share_one_cache(large: Folder, place: Path) -> None:
    both = [large.start("plan", "-o", "json", env={FOLDER: str(place)}) for _ in range(2)]
    found = []
    for process in both:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        found.append(json.dumps(planned(Result(process.returncode, out, err))))
    assert found[0] == found[1]


def test_one_mistake_in_400(large: Folder, place: Path) -> None:
    """Also after the file without it was recorded."""
    file = large.path / "models" / "200.yaml"
    right = file.read_text()
    said = []
    try:
        for options in ([], [], ["--no-cache"]):
            file.write_text(right)
            assert large.process("validate", *options, env={FOLDER: str(place)}).code == 0
            file.write_text(right.replace("type: chat", "type: chatt", 1))
            result = large.process("validate", *options, env={FOLDER: str(place)})
            assert result.code == 1
            said.append((result.out, result.err))
    finally:
        file.write_text(right)
    assert len(set(said)) == 1
    assert "models/200.yaml:5:9" in "".join(said[0])


# ---- signals

SLOW = """
import os, signal
from reconciler.folder import workers
workers.processes = lambda: 3

def slow(*arguments):
    os.write(2, f"{os.getpid()}\\n".encode())
    while True:
        signal.pause()

workers.record_of = slow
from reconciler.folder import quick
quick.processes = workers.processes
quick._WORTH_A_FORK = 1
from reconciler.__main__ import main
main()
"""
"""The command line, whose processes tell their numbers and then wait for ever."""


def is_running(process: int) -> bool:
    """Not so one that has ended and that nobody has waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def waiting(large: Folder, place: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "plan", "-o", "json"],
        cwd=large.path,
        env={**os.environ, FOLDER: str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    children = [int(process.stderr.readline()) for _ in range(3)]
    yield process, children
    deadline = time.monotonic() + 30
    while any(map(is_running, children)):
        assert time.monotonic() < deadline, "a process is left behind"
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("group", [True, False], ids=["the whole group", "the process alone"])
def test_a_signal_while_processes_read(
    waiting: tuple[subprocess.Popen[str], list[int]], number: signal.Signals, code: int, *, group: bool
) -> None:
    process, _ = waiting
    if group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    out, err = process.communicate(timeout=40)
    assert process.returncode == code
    document = json.loads(out)
    assert (document["exit_code"], document["error"]["code"]) == (code, "interrupted")
    assert err == "error: interrupted; nothing was written\n"


ORPHANS = """
import os, signal
from reconciler.folder import quick, workers
record_of = workers.record_of

def told(config, file, forms):
    if file.name.endswith("000.yaml"):
        os.write(2, f"{os.getpid()}\\n".encode())
        signal.pause()
    return record_of(config, file, forms)

workers.record_of = told
workers._CHUNK = 1
quick.processes = lambda: 3
quick._WORTH_A_FORK = 1
from reconciler.__main__ import main
main()
"""
"""The first process waits for ever, and with it its parent; the others have sent what they made."""


def test_nobody_reads_on_for_a_parent_that_was_killed(large: Folder, place: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ORPHANS, "validate"],
        cwd=large.path,
        env={**os.environ, FOLDER: str(place)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    child = int(process.stderr.readline())
    process.kill()
    assert process.wait(timeout=40) == -signal.SIGKILL
    os.kill(child, signal.SIGUSR1)  # ends its wait, and it; others end when nobody takes what they send
    assert process.stderr.read() == ""  # which everybody has closed by then
    process.stderr.close()
