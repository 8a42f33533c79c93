"""The registry on a socket, in a process of its own."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from reconciler.embedded import Options, server
from reconciler.embedded.server import serve
from reconciler.errors import StorageError

from .client import Client, new_model

PROGRAM = """
import sys
from pathlib import Path
from reconciler.embedded.server import serve
serve(Path(sys.argv[1]), host="127.0.0.1", port=0, token=None, on_ready=lambda url: print(url, flush=True))
print("returned", flush=True)
"""


@contextmanager
def serving(database: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(database)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate(timeout=40)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_from_ready_to_a_signal_and_returns(database: Path, number: signal.Signals) -> None:
    with serving(database) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert client.post("/v2/models", json=new_model(input_cost=1, output_cost=2)).status_code == 200
            listed = client.get("/v2/models")
            assert listed.json()[-1]["id"] == "support"
            assert "server" not in listed.headers
            too_large = client.post(
                "/v2/models", content=b" " * 12_000_000, headers={"content-type": "application/json"}
            )
            assert too_large.status_code == 413
        process.send_signal(number)
        out, err = process.communicate(timeout=40)
        assert (process.returncode, out, err) == (0, "returned\n", "")
    assert not database.with_name("registry.db-wal").exists()


def test_a_killed_server_loses_no_acknowledged_model_and_halves_none(
    database: Path, open_registry: Callable[..., Client]
) -> None:
    workers, enough = 4, 40
    acknowledged: list[str] = []
    notes = {"note": "x" * 20_000}  # several pages each, so that a torn write would show

    def create_until_it_dies(worker: int, url: str) -> None:
        with httpx.Client(base_url=url, trust_env=False) as client:
            for number in range(10_000):
                identity = f"{worker}/{number}"
                parameter = {"config": notes, "name": "n", "parameter": "p", "parameter_type": "t"}
                body = new_model(id=identity, input_cost=1, output_cost=2, parameters=[parameter])
                body["configuration"] = {"api_key": identity}
                try:
                    answer = client.post("/v2/models", json=body)
                except httpx.TransportError:
                    return
                assert answer.status_code == 200
                acknowledged.append(identity)
                if len(acknowledged) == enough:
                    process.kill()

    with serving(database) as (process, url), ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(create_until_it_dies, worker, url) for worker in range(workers)]:
            done.result(timeout=30)
    assert process.returncode == -signal.SIGKILL

    stored = {model["id"]: model for model in open_registry().models() if model["owner"] != "system"}
    assert len(acknowledged) >= enough
    assert set(acknowledged) <= stored.keys()
    assert len(stored) <= len(acknowledged) + workers
    assert all(model["parameters"][0]["config"] == notes for model in stored.values())
    assert all(len(model) == 27 for model in stored.values())


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_the_url_is_one_to_connect_to_and_signal_handlers_are_given_back(
    database: Path, host: str, shown: str
) -> None:
    urls: list[str] = []

    def ready(url: str) -> None:
        urls.append(url)
        asyncio.get_running_loop().call_later(0.02, signal.raise_signal, signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    serve(database, host=host, port=0, token=None, on_ready=ready)
    assert signal.getsignal(signal.SIGTERM) is before
    (url,) = urls
    assert url.startswith(f"http://{shown}:")
    assert not url.endswith(":0")


def test_the_options_reach_the_registry(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def create(_database: Path, *, token: str | None, options: Options, faults: None) -> None:
        raise StorageError(f"{token} {options.probe} {faults}")

    monkeypatch.setattr(server, "create_app", create)
    with pytest.raises(StorageError, match="secret False None"):
        serve(
            database,
            host="127.0.0.1",
            port=0,
            token="secret",
            on_ready=no_ready,
            options=Options(probe=False),
        )


def no_ready(_url: str) -> None:
    raise AssertionError("not ready")


def test_a_taken_port_is_a_storage_error_that_says_what_to_do(database: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StorageError, match=f"127.0.0.1:{port}: cannot serve") as caught:
            serve(database, host="127.0.0.1", port=port, token=None, on_ready=no_ready)
    assert "port 0" in str(caught.value.hint)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("127.0.0.1", -1), ("é" * 70, 0), ("", 0)])
def test_an_address_that_cannot_be_is_a_storage_error(database: Path, host: str, port: int) -> None:
    with pytest.raises(StorageError, match="cannot serve"):
        serve(database, host=host, port=port, token=None, on_ready=no_ready)


def test_a_database_that_cannot_be_used_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open"):
        serve(tmp_path, host="127.0.0.1", port=0, token=None, on_ready=no_ready)
