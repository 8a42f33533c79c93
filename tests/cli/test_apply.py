"""plan and apply as a user meets them: the loop, the two transports, the selection, the files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.http import Pace

from .conftest import Run
from .folder import Folder, Result, manifest
from .live import Live, live_registry

NATIVE = "{metadata: {region: eu}}"


def operations(document: dict[str, Any]) -> dict[str, str]:
    return {
        action["name"]: action["operation"]
        for registry in document["registries"]
        for action in registry["actions"]
    }


def without_target(value: Any) -> Any:
    """A document without the registry's address and account, the ids of requests, and the time."""
    if isinstance(value, dict):
        left_out = {"target", "digest", "request_ids", "made", "account", "integrity", "run"}
        return {key: without_target(item) for key, item in value.items() if key not in left_out}
    return [without_target(item) for item in value] if isinstance(value, list) else value


def test_a_socket_and_this_process_give_the_same_result(
    folder: Folder, cli: Run, serve: Callable[..., Live], tmp_path: Path
) -> None:
    live = serve()
    states = []
    documents: list[list[dict[str, Any]]] = []
    for entry in (f'url: "{live.url}"', "embedded: other.db"):
        folder.registries(one=entry)
        folder.models(manifest("a", native=NATIVE), manifest("b"), manifest("c").replace("USD", "EUR"))
        runs = [cli("plan", "-o", "json"), cli("apply", "--yes", "-o", "json")]
        folder.edit("input: 0.15, output: 0.60}\n  native", "input: 0.2, output: 0.60}\n  native")
        runs += [cli("apply", "--yes", "-o", "json"), cli("plan", "-o", "json")]
        assert [run.code for run in runs] == [3, 3, 3, 3]
        documents.append([without_target(run.document) for run in runs])
        if "url" in entry:
            states.append(live.models())
    with live_registry(folder.path / "other.db") as same:
        states.append(same.models())
    assert states[0] == states[1]
    assert any(model["id"] == "a" for model in states[0])
    assert documents[0] == documents[1]
    assert [result["status"] for result in documents[0][1]["outcome"]["results"]] == [
        "done",
        "done",
        "refused",
    ]


def test_the_loop_of_plan_apply_edit_plan(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a", native=NATIVE), manifest("b"))
    assert cli("plan", "--exit-code").code == 2
    applied = cli("apply", "--yes")
    assert (applied.code, applied.err) == (0, "")
    assert applied.out.endswith("Apply: 2 done.\nA new plan is empty.\n")
    second = cli("plan", "--exit-code")
    assert second.code == 0
    assert "No changes: 2 as declared." in second.out
    assert "digest" not in second.out
    folder.edit("input: 0.15, output: 0.60}\n  native", "input: 0.30, output: 0.60}\n  native")
    third = cli("plan", "--exit-code", "-o", "json")
    assert third.code == 2
    assert operations(third.document) == {"a": "update", "b": "none"}
    [change] = third.document["registries"][0]["actions"][0]["changes"]
    assert change["path"] == "pricing.input"
    assert (change["live"]["value"]["amount"], change["desired"]["value"]["amount"]) == ("0.15", "0.30")
    text = cli("plan").out
    assert "  ~ a\n      pricing.input: 0.15 -> 0.30 USD / 1M tokens (+100%)\n  = 1 unchanged\n" in text


def test_an_apply_reads_and_writes_at_one_pace(
    folder: Folder, cli: Run, serve: Callable[..., Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One limiter in one event loop: a limiter of another loop would have counted nothing yet."""
    started: list[tuple[Pace, asyncio.AbstractEventLoop]] = []
    start = Pace.start

    async def noted(pace: Pace) -> None:
        started.append((pace, asyncio.get_running_loop()))
        await start(pace)

    monkeypatch.setattr(Pace, "start", noted)
    live = serve()
    folder.registries(one=f'url: "{live.url}", requests_per_minute: 6000')
    folder.models(manifest("a"), manifest("b"))
    assert cli("apply", "--yes").code == 0
    assert (len(live.seen), len(live.written)) == (5, 2)
    assert len(started) == 5
    assert len(set(started)) == 1


@pytest.fixture
def two(folder: Folder) -> Folder:
    """Two registries; alpha and beta in both, anvil in the second one only."""
    folder.registries(first="embedded: first.db", second="embedded: second.db")
    folder.models(
        manifest("alpha", registries="first, second"),
        manifest("beta", registries="first, second"),
        manifest("anvil", registries="second"),
    )
    return folder


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", "first/alpha first/beta second/alpha second/anvil second/beta"),
        ("--registry second", "second/alpha second/anvil second/beta"),
        ("--registry second --registry first --only beta", "first/beta second/beta"),
        ("--only a*", "first/alpha second/alpha second/anvil"),
        ("--only team=a --except anvil", "first/alpha second/alpha"),
        ("--only team=? --registry first", "first/alpha first/beta"),
        ("--except a* --registry first", "first/beta"),
        ("--only anvil --registry first", ""),
    ],
)
@pytest.mark.parametrize("command", ["plan", "apply --yes"])
def test_a_run_is_about_what_it_was_asked_for(
    two: Folder, cli: Run, line: str, wanted: str, command: str
) -> None:
    result = cli(*command.split(), *line.split(), "-o", "json")
    assert result.code == 0
    plan = result.document.get("plan", result.document)
    got = {
        f"{part['name']}/{name}" for part in plan["registries"] for name in operations({"registries": [part]})
    }
    assert " ".join(sorted(got)) == wanted
    if command == "plan":
        return
    rest = cli("plan", "-o", "json").document
    made = {
        f"{part['name']}/{action['name']}"
        for part in rest["registries"]
        for action in part["actions"]
        if action["operation"] == "none"
    }
    assert " ".join(sorted(made)) == wanted


def test_a_selection_that_leaves_a_registry_nothing_says_so(two: Folder, cli: Run) -> None:
    out = cli("plan", "--only", "anvil", "--registry", "first").out
    assert out == "No changes: no manifest is for these registries.\n"
    assert not (two.path / "first.db").exists()  # nobody has asked it anything


def test_a_plan_file_is_the_json_document(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    shown = cli("plan", "--exit-code", "-o", "json", "--out", "plan.json")
    written = (folder.path / "plan.json").read_text(encoding="utf-8")
    assert written == shown.out
    assert json.loads(written)["exit_code"] == 2
    as_text = cli("plan", "--exit-code", "--out", "plan.json")
    assert "1 to create" in as_text.out
    assert (folder.path / "plan.json").read_text(encoding="utf-8") == written


def test_a_plan_file_that_cannot_be_written_is_an_error(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    for path, why in (("missing/plan.json", "No such file or directory"), ("/dev/full", "No space left")):
        result = cli("plan", "--out", path)
        assert result.code == 1
        assert result.out == ""
        assert result.err.startswith(f"error: cannot write to {path}: {why}")


def test_what_a_registry_changed_besides_is_told_of_a_success(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    live = serve()
    folder.registries(one=f'url: "{live.url}"')
    folder.models(manifest("a", native="{metadata: {region: eu}}"))
    assert cli("apply", "--yes").code == 0
    held = next(model for model in live.models() if model["id"] == "a")

    def another_name(seen: Any) -> tuple[int, Any] | None:
        if not seen.writes:
            return None
        asked = json.loads(seen.body)
        changed = {**held, **asked, "display_name": "Another name"}
        return 200, changed

    live.answer = another_name
    folder.edit("input: 0.15", "input: 0.30")
    result = cli("apply", "--yes")
    assert "display_name changed besides" in result.out


def test_verbose_shows_wire_values_and_every_result(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    result = cli("apply", "--yes", "-v")
    assert "wire: null -> 0.00015  models/models.yaml:10:" in result.out
    assert "sandbox: a: done" in result.out


def test_requests_are_logged_to_stderr_with_vv(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    quiet, loud = cli("plan", "-v", "-o", "json"), cli("plan", "-vv", "-o", "json")
    assert quiet.err == ""
    assert "GET http://embedded/v2/models: 200" in loud.err
    assert without_target(loud.document) == without_target(quiet.document)


def names_of(result: Result) -> list[str]:
    return [one["name"] for one in result.document["registries"]]


def test_registries_tells_what_each_holds_or_why_that_is_not_known(
    folder: Folder, cli: Run, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MISSING", raising=False)
    folder.registries(
        good="embedded: registry.db",
        bad=f'url: "http://127.0.0.1:{closed_port}"',
        closed='url: "https://example.com", token: {env: MISSING}',
    )
    folder.models(manifest("a", registries="good, bad"))
    assert cli("apply", "--yes", "--registry", "good").code == 0
    result = cli("registries", "-o", "json")
    assert result.code == 1
    good, bad, closed = result.document["registries"]
    [models] = good["held"]
    assert (models["resource"], models["ours"], good["declared"], good["failure"]) == ("Model", 1, 1, None)
    assert models["vendor_owned"] > 0
    assert (bad["held"], bad["declared"], bad["failure"]["code"]) == (None, 1, "unreachable")
    assert good["account"].startswith("workspace ")
    assert bad["account"] is None
    assert closed["failure"]["code"] == "secret"
    assert closed["failure"]["hint"] == "export MISSING=… before the run"
    assert names_of(cli("registries", "-o", "json", "--registry", "good")) == ["good"]
    text = cli("registries").out
    assert f"  answers as {good['account']}: 1 model of yours, " in text
    assert "1 manifest is for it" in text
    assert "0 manifests are for it" in text
    assert f"error (unreachable): GET http://127.0.0.1:{closed_port}/v2/models: cannot connect" in text
    assert "environment variable MISSING is not set" in text
