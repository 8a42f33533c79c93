"""Servers of other people, which .ci/servers installs. Those here speak OpenAI's API."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache" / "servers"
MODEL = "house-llama"

_LISTENS = re.compile(r"(?:listening|running) on http://127\.0\.0\.1:(?P<port>[0-9]+)")
_SECONDS_TO_START = 60


def installed(name: str) -> Path:
    """The folder of one of them. Where there is none the test is skipped, and in CI it fails."""
    if not (FOLDER / "ready").exists():
        reason = f"{name} is not installed; run .ci/servers"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return FOLDER / name


@contextlib.contextmanager
def aimock(folder: Path, *arguments: str, key: str | None = None) -> Iterator[str]:
    """A server with a list, streams, tools, schemas, embeddings and keys. Gives its base address."""
    fixtures = [
        ({"userMessage": "ping", "toolName": "answer"}, {"toolCalls": [_call({"answer": "pong"})]}),
        ({"userMessage": "ping", "responseFormat": "json_schema"}, {"content": '{"answer": "pong"}'}),
        ({"model": MODEL, "userMessage": "ping"}, {"content": "pong"}),
        ({"model": f"{MODEL}-vectors", "endpoint": "embedding"}, {"embedding": [0.25, 0.5]}),
    ]
    file = folder / "fixtures.json"
    listed = [{"match": match, "response": response} for match, response in fixtures]
    file.write_text(json.dumps({"fixtures": listed}))
    program = installed("aimock") / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
    command = ["node", str(program), "--port", "0", "--strict", "--fixtures", str(file), *arguments]
    with running(command, {"AIMOCK_API_KEYS": key} if key else {}) as port:
        yield f"http://127.0.0.1:{port}/v1"


@contextlib.contextmanager
def mockllm(folder: Path) -> Iterator[str]:
    """A server that has no list below /v1, streams, and knows neither tools nor schemas nor pictures."""
    file = folder / "responses.yml"
    file.write_text("responses: {ping: pong}\n")
    python = installed("mockllm") / "bin" / "python"
    # Its own command reloads on changes, and cannot be told not to.
    command = [str(python), "-m", "uvicorn", "mockllm.server:app", "--host", "127.0.0.1", "--port", "0"]
    with running(command, {"MOCKLLM_RESPONSES_FILE": str(file)}) as port:
        yield f"http://127.0.0.1:{port}/v1"


def _call(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": "answer", "arguments": arguments}


@contextlib.contextmanager
def running(command: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[int]:
    """The port on which it says that it listens."""
    # What measures the coverage of our own processes has no place in those of others.
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("COV_", "PYTHON"))}
    process = subprocess.Popen(
        command,
        env={**inherited, **environment},
        text=True,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    alarm = threading.Timer(_SECONDS_TO_START, process.kill)
    alarm.start()
    said: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            found = _LISTENS.search(line)
            if found is not None:
                break
        else:
            pytest.fail(f"{command[0]} did not start:\n{''.join(said)}")
        alarm.cancel()
        # A pipe that nobody reads would fill up and stop the server.
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        yield int(found["port"])
        process.terminate()
        process.wait()
        drain.join()
    finally:
        alarm.cancel()
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
