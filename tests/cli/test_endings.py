"""Every way in which a run can end: its exit code, and what stands on stdout and stderr."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from .conftest import Run
from .folder import Folder, Result, manifest
from .live import Answer, Live, Seen

FIVE = ("a", "b", "c", "d", "e")


@dataclass
class World:
    folder: Folder
    cli: Run
    serve: Callable[..., Live]
    closed_port: int
    monkeypatch: pytest.MonkeyPatch

    def apply(self) -> None:
        assert self.cli("apply", "--yes").code == 0


@pytest.fixture
def world(
    folder: Folder,
    cli: Run,
    serve: Callable[..., Live],
    closed_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    folder.models(manifest("a"))
    return World(folder, cli, serve, closed_port, monkeypatch)


def nothing(_world: World) -> None: ...


def in_sync(world: World) -> None:
    world.apply()


def refused(world: World) -> None:
    world.folder.models(manifest("a"), manifest("b").replace("USD", "EUR"))


def only_refused(world: World) -> None:
    world.folder.models(manifest("b").replace("USD", "EUR"))


def invalid(world: World) -> None:
    world.folder.models(manifest("a", price="cheap"))


def syntax_error(world: World) -> None:
    world.folder.models("kind: [\n")


def no_config(world: World) -> None:
    (world.folder.path / "reconciler.yaml").unlink()


def no_manifests(world: World) -> None:
    world.folder.models()


def unreachable(world: World) -> None:
    world.folder.registries(one=f'url: "http://127.0.0.1:{world.closed_port}"')


def wrong_token(world: World) -> None:
    world.monkeypatch.setenv("TOKEN", "wrong")
    url = world.serve(token="right").url
    world.folder.registries(one=f'url: "{url}", token: {{env: TOKEN}}')


def no_token(world: World) -> None:
    world.monkeypatch.delenv("TOKEN", raising=False)
    world.folder.registries(one=f'url: "http://127.0.0.1:{world.closed_port}", token: {{env: TOKEN}}')


def broken_database(world: World) -> None:
    (world.folder.path / "registry.db").write_bytes(b"no database " * 1000)


def refuses(live: Live, *names: str) -> None:
    def answer(seen: Seen) -> Answer | None:
        return (400, {"error": "not today"}) if seen.writes and seen.name in names else None

    live.answer = answer


def one_call_of_five_fails(world: World) -> None:
    live = world.serve()
    refuses(live, "c")
    world.folder.registries(one=f'url: "{live.url}"')
    world.folder.models(*map(manifest, FIVE))


def the_only_call_fails(world: World) -> None:
    live = world.serve()
    refuses(live, "a")
    world.folder.registries(one=f'url: "{live.url}"')


def one_of_two_unreachable(world: World) -> None:
    world.folder.registries(
        good=f'url: "{world.serve().url}"', bad=f'url: "http://127.0.0.1:{world.closed_port}"'
    )
    world.folder.models(manifest("a", registries="good, bad"))


def one_of_two_unreachable_and_in_sync(world: World) -> None:
    one_of_two_unreachable(world)
    world.cli("apply", "--yes")


def nonsense_answer(world: World) -> None:
    live = world.serve()
    live.answer = lambda _seen: (200, b"<html>")
    world.folder.registries(one=f'url: "{live.url}"')


ENDINGS: list[tuple[Callable[[World], None], str, int, str]] = [
    # the world, the command line, the exit code, the kind of the document
    (nothing, "validate", 0, "Validation"),
    (invalid, "validate", 1, "Error"),
    (syntax_error, "validate", 1, "Error"),
    (no_config, "validate", 1, "Error"),
    (no_manifests, "validate", 0, "Validation"),
    (in_sync, "plan", 0, "Plan"),
    (in_sync, "plan --exit-code", 0, "Plan"),
    (nothing, "plan", 0, "Plan"),
    (nothing, "plan --exit-code", 2, "Plan"),
    (no_manifests, "plan --exit-code", 0, "Plan"),
    (refused, "plan", 3, "Plan"),
    (refused, "plan --exit-code", 3, "Plan"),
    (invalid, "plan", 1, "Error"),
    (no_config, "plan", 1, "Error"),
    (nothing, "plan --config elsewhere.yaml", 1, "Error"),
    (nothing, "plan --config models", 1, "Error"),
    (nothing, "plan --unknown", 1, "Error"),
    (nothing, "unknown", 1, "Error"),
    (nothing, "--unknown", 1, "Error"),
    (nothing, "plan too many words", 1, "Error"),
    (nothing, "plan --registry sandbix", 1, "Error"),
    (nothing, "plan --only nobody", 1, "Error"),
    (nothing, "plan --except team=nobody", 1, "Error"),
    (nothing, "plan --out missing/plan.json", 1, "Error"),
    (nothing, "plan --out .", 1, "Error"),
    (unreachable, "plan", 1, "Plan"),
    (wrong_token, "plan", 1, "Plan"),
    (no_token, "plan", 1, "Plan"),
    (broken_database, "plan", 1, "Plan"),
    (nonsense_answer, "plan", 1, "Plan"),
    (one_of_two_unreachable, "plan --exit-code", 1, "Plan"),
    (in_sync, "apply", 0, "Outcome"),
    (nothing, "apply", 1, "Error"),
    (nothing, "apply --yes", 0, "Outcome"),
    (refused, "apply --yes", 3, "Outcome"),
    (only_refused, "apply", 3, "Outcome"),
    (invalid, "apply --yes", 1, "Error"),
    (nothing, "apply --yes --exit-code", 1, "Error"),
    (unreachable, "apply --yes", 1, "Outcome"),
    (wrong_token, "apply --yes", 1, "Outcome"),
    (no_token, "apply --yes", 1, "Outcome"),
    (broken_database, "apply --yes", 1, "Outcome"),
    (one_call_of_five_fails, "apply --yes", 4, "Outcome"),
    (the_only_call_fails, "apply --yes", 1, "Outcome"),
    (one_of_two_unreachable, "apply --yes", 4, "Outcome"),
    (one_of_two_unreachable_and_in_sync, "apply --yes", 1, "Outcome"),
    (nothing, "registries", 0, "Registries"),
    (one_of_two_unreachable, "registries", 1, "Registries"),
    (no_token, "registries", 1, "Registries"),
    (broken_database, "registries", 1, "Registries"),
    (nothing, "probe", 0, "Probe"),
    (nothing, "probe a --exit-code", 0, "Probe"),
    (nothing, "probe nobody", 1, "Error"),
    (invalid, "probe", 1, "Error"),
    (no_config, "probe", 1, "Error"),
    (nothing, "probe --timeout x", 1, "Error"),
    (nothing, "schema modle", 1, "Error"),
    (nothing, "serve --port x", 1, "Error"),
]


def check_no_traceback(result: Result) -> None:
    assert "Traceback" not in result.out + result.err
    assert "bug in reconciler" not in result.out + result.err


@pytest.mark.parametrize(
    ("prepare", "line", "code", "kind"), ENDINGS, ids=[f"{e[0].__name__}: {e[1]}" for e in ENDINGS]
)
def test_every_ending_has_its_exit_code_and_one_document(
    world: World, prepare: Callable[[World], None], line: str, code: int, kind: str
) -> None:
    prepare(world)
    result = world.cli(*line.split(), "-o", "json")
    assert result.code == code, result
    document = result.document
    assert (document["apiVersion"], document["kind"]) == ("reconciler/v1", kind)
    assert document["exit_code"] == code
    check_no_traceback(result)
    if kind == "Error":
        assert document["error"]["message"] in result.err


@pytest.mark.parametrize(
    ("prepare", "line", "code", "kind"), ENDINGS, ids=[f"{e[0].__name__}: {e[1]}" for e in ENDINGS]
)
def test_every_ending_as_text(
    world: World, prepare: Callable[[World], None], line: str, code: int, kind: str
) -> None:
    prepare(world)
    result = world.cli(*line.split())
    assert result.code == code, result
    check_no_traceback(result)
    if kind == "Error":
        assert "error: " in result.err
        assert "Apply:" not in result.out
    else:
        assert result.out
        assert result.err == ""
    assert "\x1b" not in result.out + result.err


def outcome_of(result: Result) -> dict[str, tuple[str, str | None]]:
    results: list[dict[str, Any]] = result.document["outcome"]["results"]
    return {one["name"]: (one["status"], one["reason"]) for one in results}


def test_the_call_that_failed_is_told_from_those_that_did_not(world: World) -> None:
    one_call_of_five_fails(world)
    told = outcome_of(world.cli("apply", "--yes", "-o", "json"))
    assert [status for status, _ in told.values()] == ["done", "done", "failed", "done", "done"]
    assert "not today" in str(told["c"][1])


def test_the_text_of_a_failure_says_it_once(world: World) -> None:
    one_call_of_five_fails(world)
    out = world.cli("apply", "--yes").out
    _, _, told = out.partition("Plan digest")
    assert told.count("not today") == 1
    assert told.count("/v2/models") == 1
    assert "one: c: failed" in told
    assert "Apply: 4 done, 1 failed." in told
    assert "What is done stays done; plan again to see what is left." in told


def test_an_unread_registry_is_told_beside_the_one_that_works(world: World) -> None:
    one_of_two_unreachable(world)
    out = world.cli("plan").out
    assert "bad  (orq, " in out
    assert out.count("cannot connect") == 1
    assert "error (unreachable): GET http://127.0.0.1" in out
    assert "Plan: 1 to create, 0 to update, 0 unchanged. 1 registry could not be read." in out
    applied = world.cli("apply", "--yes").out
    assert "Apply: 1 done. 1 registry could not be read." in applied


def fails_alone(world: World, entry: str, code: str) -> dict[str, Any]:
    """Plans and applies for a registry that works and for `entry`; gives the failure of that one."""
    world.folder.registries(good="embedded: good.db", bad=entry)
    world.folder.models(manifest("a", registries="good, bad"))
    planned = world.cli("plan", "-o", "json")
    assert planned.code == 1
    good, bad = planned.document["registries"]
    assert [action["operation"] for action in good["actions"]] == ["create"]
    assert (good["failure"], bad["actions"], bad["failure"]["code"]) == (None, [], code)
    applied = world.cli("apply", "--yes", "-o", "json")
    assert applied.code == 4
    assert outcome_of(applied)["a"][0] == "done"
    assert world.cli("registries", "-o", "json").document["registries"][1]["failure"] == bad["failure"]
    failure: dict[str, Any] = bad["failure"]
    return failure


def test_a_token_that_is_not_set_is_a_failure_of_its_registry_alone(world: World) -> None:
    world.monkeypatch.delenv("TOKEN", raising=False)
    failure = fails_alone(world, 'url: "https://example.com", token: {env: TOKEN}', "secret")
    assert failure["message"] == "the token of registry 'bad': the environment variable TOKEN is not set"
    assert failure["hint"] == "export TOKEN=… before the run"


def test_a_token_that_cannot_be_sent_is_a_failure_of_its_registry_alone(world: World) -> None:
    world.monkeypatch.setenv("TOKEN", "clé")
    failure = fails_alone(world, 'url: "https://example.com", token: {env: TOKEN}', "secret")
    assert "has characters that a token cannot have" in failure["message"]


def test_a_database_that_cannot_be_used_is_a_failure_of_its_registry_alone(world: World) -> None:
    broken_database(world)
    fails_alone(world, "embedded: registry.db", "storage")


@pytest.mark.parametrize("command", ["plan", "apply --yes"])
def test_only_the_registries_of_the_selected_manifests_need_their_tokens(world: World, command: str) -> None:
    world.monkeypatch.delenv("TOKEN", raising=False)
    world.folder.registries(
        good="embedded: good.db", closed='url: "https://example.com", token: {env: TOKEN}'
    )
    world.folder.models(manifest("a"), manifest("b", registries="good, closed"))
    for selection in ("--only a", "--except b", "--registry good"):
        result = world.cli(*command.split(), *selection.split(), "-o", "json")
        assert result.code == 0, result
        plan = result.document.get("plan", result.document)
        assert [part["name"] for part in plan["registries"]] == ["good"]
    assert world.cli(*command.split(), "--only", "b").code == 1


@pytest.mark.parametrize(
    "words", [["-ojson"], ["-o=json"], ["--output=json"], ["--output", "json"], ["-vvojson"]]
)
def test_json_is_known_in_every_spelling_also_on_a_wrong_line(world: World, words: list[str]) -> None:
    result = world.cli("plan", *words, "--wrong")
    assert result.document["exit_code"] == result.code == 1
    assert world.cli("plan", *words, "-o", "text", "--wrong").out == ""


SAID = "the text of the error"


def broken(*_: object, **__: object) -> None:
    raise KeyError(SAID)


def test_a_bug_leaves_a_report_without_values(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("reconciler.cli.run.make_plan", broken)
    for words in ([], ["-o", "json"]):
        result = world.cli("plan", *words)
        assert result.code == 1
        assert "this is a bug in reconciler (KeyError)" in result.err
        assert "Traceback" not in result.err
        assert not words or result.document["error"]["code"] == "internal"
    reports = list(tmp_path.glob("reconciler-bug-*.txt"))
    assert len(reports) == 2
    text = reports[0].read_text()
    assert "read_and_plan" in text
    assert SAID not in text
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    result = world.cli("plan")
    assert result.code == 1
    assert "please report it with this" in result.err


def test_a_bug_in_one_action_shows_no_traceback_and_loses_no_result(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.registries.talk.body_bytes", broken)
    result = world.cli("apply", "--yes", "-o", "json")
    assert result.code in (1, 4)
    assert result.err == ""
    assert "KeyError" in str(outcome_of(result)["a"])
    result = world.cli("apply", "--yes", "-vv")
    assert "KeyError" in result.err
    assert "Traceback" not in result.err
    assert SAID not in result.out + result.err
