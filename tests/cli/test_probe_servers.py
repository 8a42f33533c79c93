"""`reconciler probe` against servers of other people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import servers
from .conftest import Run
from .folder import Folder, Result
from .servers import MODEL, aimock, mockllm
from .test_probe import config, failure, reason, rows, run

KEY = "sk-house-1"


@pytest.fixture(scope="module")
def with_a_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with aimock(tmp_path_factory.mktemp("aimock"), key=KEY) as url:
        yield url


@pytest.fixture(scope="module")
def without_a_list(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mockllm(tmp_path_factory.mktemp("mockllm")) as url:
        yield url


@pytest.fixture(autouse=True)
def key(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_KEY", KEY)
    config(folder)


def declare(
    folder: Folder,
    url: str,
    *,
    model: str = MODEL,
    kind: str = "chat",
    capabilities: str = "",
    key: bool = True,
) -> None:
    api_key = ", api_key: {secret: HOUSE}" if key else ""
    folder.models(
        "apiVersion: reconciler/v1\nkind: Model\nmetadata: {name: house}\nspec:\n"
        f"  type: {kind}\n  model: {model}\n"
        f'  endpoint: {{base_url: "{url}"{api_key}}}\n'
        f"  capabilities: {{{capabilities}}}\n"
    )


EVERYTHING = "streaming: true, tools: true, json_schema: true, vision: true"


def test_a_server_that_does_everything_agrees(folder: Folder, cli: Run, with_a_key: str) -> None:
    declare(folder, with_a_key, capabilities=EVERYTHING)
    result = run(cli, "--exit-code")
    assert result.code == 0, result.out
    assert set(rows(result).values()) == {("yes", "yes", "agrees")}
    assert len(rows(result)) == 6


def test_what_is_denied_of_it_differs(folder: Folder, cli: Run, with_a_key: str) -> None:
    declare(folder, with_a_key, capabilities=EVERYTHING.replace("tools: true", "tools: false"))
    result = run(cli, "--exit-code")
    assert result.code == 2
    assert rows(result)["tools"] == ("no", "yes", "differs")


def test_an_embedding_model(folder: Folder, cli: Run, with_a_key: str) -> None:
    declare(folder, with_a_key, model=f"{MODEL}-vectors", kind="embedding")
    result = run(cli, "--exit-code")
    assert result.code == 0, result.out
    assert set(rows(result).values()) == {("yes", "yes", "agrees")}
    assert len(rows(result)) == 2


def test_a_model_that_it_does_not_have(folder: Folder, cli: Run, with_a_key: str) -> None:
    declare(folder, with_a_key, model=f"{MODEL}s")
    result = run(cli)
    assert "Strict mode: no fixture matched" in failure(result, "unexpected-answer")
    assert reason(result, "listed").endswith(f"did you mean '{MODEL}'?")


def test_a_wrong_key_and_none(
    folder: Folder, cli: Run, with_a_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(folder, with_a_key, key=False)
    assert "401 Unauthorized: Invalid API key" in failure(run(cli), "unauthorised")
    monkeypatch.setenv("HOUSE_KEY", "sk-wrong")
    declare(folder, with_a_key)
    result = run(cli)
    assert "401 Unauthorized: Invalid API key" in failure(result, "unauthorised")
    assert "sk-wrong" not in result.out


def test_a_server_that_is_at_its_limit(folder: Folder, cli: Run, tmp_path: Path) -> None:
    with aimock(tmp_path, "--chaos-ratelimit", "1") as url:
        declare(folder, url)
        result: Result = run(cli)
    assert "429 Too Many Requests" in failure(result, "rate-limited")
    assert result.document["probed"][0]["requests"] == 2


def test_a_server_without_a_list(folder: Folder, cli: Run, without_a_list: str) -> None:
    declare(folder, without_a_list, capabilities="streaming: true, tools: true", key=False)
    result = run(cli, "--exit-code")
    assert result.code == 2
    assert rows(result) == {
        "listed": ("yes", "unknown", "unknown"),
        "answers": ("yes", "yes", "agrees"),
        "streaming": ("yes", "yes", "agrees"),
        "tools": ("yes", "no", "differs"),
        "json_schema": ("not declared", "no", "not declared"),
        "vision": ("not declared", "unknown", "not declared"),
    }
    assert reason(result, "listed") == "404 Not Found: the endpoint has no list"
    assert reason(result, "vision") == "500 Internal Server Error: Internal Server Error"


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_servers_that_are_not_installed_fail_in_ci_and_skip_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(servers, "FOLDER", tmp_path)
    with pytest.raises(outcome, match=r"run \.ci/servers"):
        servers.installed("aimock")
