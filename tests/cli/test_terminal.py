"""What only a terminal shows: the question, the colours, the bar."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import subprocess
import termios

import httpx
import pytest

from .folder import COMMAND, Folder, manifest
from .live import live_registry

PROMPT = b"Type yes to apply: "


class Terminal:
    """A process on a pseudo-terminal. Streams named in ``apart`` go to pipes instead."""

    def __init__(
        self,
        folder: Folder,
        *arguments: str,
        apart: tuple[str, ...] = (),
        size: tuple[int, int] = (24, 100),
        **env: str,
    ) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, size)
        environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
        streams |= dict.fromkeys(apart, subprocess.PIPE)
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder.path,
            env=environment | {"TERM": "xterm-256color", "COLUMNS": "100"} | env,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - so that ^C is a signal
            **streams,  # type: ignore[call-overload]
        )
        os.close(slave)
        self.shown = b""

    def read(self, until: bytes | None = None) -> bytes:
        """Everything shown up to ``until``, or to the end."""
        while until is None or until not in self.shown:
            ready, _, _ = select.select([self.master], [], [], 40)
            assert ready, self.shown
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            self.shown += data
        assert until is None or until in self.shown, self.shown
        return self.shown

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> tuple[int, bytes, bytes]:
        shown = self.read()
        out = self.process.stdout.read() if self.process.stdout else b""
        if self.process.stdout:
            self.process.stdout.close()
        code = self.process.wait(timeout=40)
        os.close(self.master)
        return code, shown, out


def made(folder: Folder) -> list[str]:
    with live_registry(folder.path / "registry.db") as live:
        return [model["id"] for model in live.models() if model["owner"] != "system"]


@pytest.fixture
def one(folder: Folder) -> Folder:
    folder.models(manifest("a"))
    return folder


@pytest.mark.parametrize(
    ("answer", "code"),
    [("yes\n", 0), ("y\n", 1), ("Yes\n", 1), ("\n", 1), ("yes please\n", 1), ("\x04", 1), ("\x03", 130)],
)
def test_apply_asks_and_takes_only_yes(one: Folder, answer: str, code: int) -> None:
    terminal = Terminal(one, "apply")
    shown = terminal.read(PROMPT)
    assert b"Plan: 1 to create" in shown
    assert b"Nothing is ever deleted." in shown
    terminal.type(answer)
    ended, shown, _ = terminal.end()
    assert ended == code
    assert b"Traceback" not in shown
    assert made(one) == (["a"] if code == 0 else [])
    expected = {0: b"Apply: 1 done.", 1: b"not applied; nothing was written", 130: b"nothing was written"}
    assert expected[code] in shown


def test_json_on_a_terminal_is_still_one_document(one: Folder) -> None:
    terminal = Terminal(one, "apply", "-o", "json", apart=("stdout",))
    shown = terminal.read(PROMPT)
    assert b"pricing.input" in shown
    terminal.type("yes\n")
    code, _, out = terminal.end()
    document = json.loads(out)
    assert (code, document["kind"], document["exit_code"]) == (0, "Outcome", 0)


def test_the_plan_is_shown_where_the_question_is(one: Folder) -> None:
    terminal = Terminal(one, "apply", apart=("stdout",))
    assert b"pricing.input" in terminal.read(PROMPT)
    terminal.type("no\n")
    code, _, out = terminal.end()
    assert code == 1
    assert b"pricing.input" in out
    assert b"\x1b" not in out


def test_what_somebody_changes_while_the_question_is_open_is_not_overwritten(one: Folder) -> None:
    with live_registry(one.path / "live.db") as live:
        one.registries(live=f"url: {live.url}")
        assert one.process("apply", "--yes").code == 0
        one.models(manifest("a", native="{metadata: {max_input_tokens: 77000}}"))
        terminal = Terminal(one, "apply")
        terminal.read(PROMPT)
        body = {"metadata": {"is_private": True, "supports_zdr": True}}
        httpx.patch(f"{live.url}/v2/models/a", json=body, trust_env=False).raise_for_status()
        terminal.type("yes\n")
        code, shown, _ = terminal.end()
        [model] = [model for model in live.models() if model["owner"] != "system"]
    assert code == 5, shown
    assert b"has changed since the plan was made" in shown
    assert model["metadata"]["supports_zdr"] is True
    assert "max_input_tokens" not in model["metadata"]


def test_yes_asks_nothing(one: Folder) -> None:
    code, shown, _ = Terminal(one, "apply", "--yes").end()
    assert code == 0
    assert PROMPT not in shown
    assert b"Apply: 1 done." in shown


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_only_where_they_are_wanted(one: Folder, env: dict[str, str], coloured: bool) -> None:
    terminal = Terminal(one, "plan", apart=("stderr",), **env)
    _, shown, _ = terminal.end()
    assert terminal.process.stderr is not None
    terminal.process.stderr.close()
    assert (b"\x1b[32m  + a" in shown) is coloured
    assert (b"\x1b" in shown) is coloured


def test_json_has_no_colours(one: Folder) -> None:
    terminal = Terminal(one, "plan", "-o", "json", apart=("stderr",))
    _, shown, _ = terminal.end()
    assert terminal.process.stderr is not None
    terminal.process.stderr.close()
    assert b"\x1b" not in shown
    assert json.loads(shown)["kind"] == "Plan"
