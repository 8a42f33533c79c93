"""The record of applies as a user meets it: history, a run that did not end, loops, the lock."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.journal.actor import actor
from reconciler.journal.lock import only_one
from reconciler.journal.reading import Folder as Runs
from reconciler.journal.reading import Run as Record
from reconciler.journal.standing import SILENT_SECONDS

from .conftest import Run
from .folder import Folder, manifest
from .live import Live
from .test_interrupts import wait_for


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        monkeypatch.delenv(name, raising=False)


def records(folder: Folder) -> list[Record]:
    """Every run of the journal, the newest first."""
    found = list(Runs(folder.path / ".reconciler" / "journal").runs())
    assert all(isinstance(one, Record) for one in found)
    return [one for one in found if isinstance(one, Record)]


def lines(folder: Folder) -> list[dict[str, Any]]:
    """The lines of the newest run."""
    return [json.loads(line) for line in records(folder)[0].file.read_text().splitlines()]


# ---- what is recorded


def test_an_apply_is_recorded_from_its_intents_to_its_end(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"), manifest("b").replace("USD", "EUR"))
    document = cli("apply", "--yes", "-o", "json").document
    [run] = records(folder)
    assert run.id == document["run"]
    assert [line["record"] for line in lines(folder)][:2] == ["begin", "intents"]
    assert [line["record"] for line in lines(folder)][-2:] == ["proof", "end"]
    assert run.begin.plan == document["plan"]["digest"]
    assert [(each.name, each.kind) for each in run.begin.registries] == [("sandbox", "orq")]
    [intent] = run.intents.values()
    assert (intent.name, intent.operation) == ("a", "create")
    assert {key[1]: each.status for key, each in run.results.items()} == {
        "Model/a": "done",
        "Model/b": "refused",
    }
    assert run.results["sandbox", "Model/a"].request_ids
    assert run.end is not None
    assert (run.end.exit_code, run.end.interrupted) == (3, False)


def test_it_is_for_its_owner_alone_and_for_no_repository(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    cli("apply", "--yes")
    [run] = records(folder)
    assert stat.S_IMODE(run.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(run.file.parent.stat().st_mode) == 0o700
    assert (folder.path / ".reconciler" / ".gitignore").read_text() == "*\n"


def test_a_run_with_nothing_to_do_leaves_no_record(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    cli("apply", "--yes")
    assert cli("apply", "--yes", "-o", "json").document["run"] is None
    cli("plan")
    assert len(records(folder)) == 1


def test_the_folder_is_where_reconciler_yaml_says(folder: Folder, cli: Run, tmp_path: Path) -> None:
    folder.config(
        f"journal: {tmp_path}/kept/applies\ndefault_registries: [one]\n"
        "registries:\n  one: {kind: orq, embedded: a.db}\n"
    )
    folder.models(manifest("a"))
    assert cli("apply", "--yes").code == 0
    assert len(Runs(tmp_path / "kept" / "applies").files()) == 1


def test_a_journal_that_cannot_be_begun_means_that_nothing_is_written(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    (folder.path / ".reconciler").mkdir()
    (folder.path / ".reconciler" / "journal").write_text("a file in the place of the folder")
    result = cli("apply", "--yes")
    assert result.code == 1
    assert result.err.startswith("error: cannot write the journal ")
    assert "1 to create" in cli("plan").out


def test_an_error_before_the_first_write_ends_the_record(
    folder: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MISSING", raising=False)
    folder.config(
        "default_registries: [one]\nregistries:\n  one: {kind: orq, embedded: a.db}\n"
        "secrets:\n  KEY: {env: MISSING, hosts: [llm.example.com]}\n"
    )
    key = "{configuration: {base_url: 'https://llm.example.com/v1', api_key: {secret: KEY}}}"
    folder.models(manifest("a", native=key))
    assert cli("apply", "--yes").code == 1
    [run] = records(folder)
    assert run.end is not None
    assert (run.end.exit_code, run.results) == (1, {})
    assert "MISSING is not set" in str(run.end.error)


# ---- history


def test_history_lists_runs_and_shows_one(folder: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "octocat")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.example")
    monkeypatch.setenv("GITHUB_REPOSITORY", "models/prod")
    monkeypatch.setenv("GITHUB_RUN_ID", "77")
    folder.models(manifest("a"))
    cli("apply", "--yes")
    folder.edit("input: 0.15", "input: 0.30")
    cli("apply", "--yes")
    newest, oldest = records(folder)
    out = cli("history").out
    assert out.index(newest.id) < out.index(oldest.id)
    assert "octocat" in out
    assert "1 done" in out
    assert cli("history", "-n", "1", "-o", "json").document["runs"][0]["run"] == newest.id
    shown = cli("history", "show", newest.id[:5]).out
    assert "~ sandbox: a (id a): done" in shown or "sandbox: a: done" in shown
    assert "pricing.input: 0.15 -> 0.30 USD / 1M tokens" in shown
    assert "https://github.example/models/prod/actions/runs/77" in shown
    assert newest.results["sandbox", "Model/a"].request_ids[0] in shown
    document = cli("history", "show", oldest.id, "-o", "json").document
    assert (document["kind"], document["run"], document["exit_code"]) == ("Run", oldest.id, 0)
    [action] = document["actions"]
    assert (action["operation"], action["result"]["status"]) == ("create", "done")


def test_history_without_a_journal_says_what_cannot_be_told(folder: Folder, cli: Run) -> None:
    result = cli("history")
    assert result.code == 0
    assert "no journal" in result.out
    assert "cannot be told" in result.out
    assert cli("history", "-o", "json").document["runs"] == []


def test_history_names_what_it_cannot_read(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    cli("apply", "--yes")
    place = records(folder)[0].file.parent
    (place / "20200101T000000000Z-00000000.jsonl").write_text("garbage\n")
    (place / "20200101T000000000Z-11111111.jsonl").write_text('{"record": "begin", "format": 9}\n')
    result = cli("history")
    assert (result.code, result.out.count("1 done")) == (0, 1)
    assert "00000000.jsonl:1: no line of JSON" in result.out
    assert "its format is 9, and this version knows 1" in result.out
    newer = cli("history", "show", "1111")
    assert newer.code == 1
    assert "its format is 9" in newer.err
    assert len(cli("history", "-o", "json").document["unreadable"]) == 2


@pytest.mark.parametrize(("given", "told"), [("ffff", "no run 'ffff'"), ("", "no run ''")])
def test_a_run_that_is_not_there_is_an_error(folder: Folder, cli: Run, given: str, told: str) -> None:
    result = cli("history", "show", given)
    assert result.code == 1
    assert told in result.err


# ---- a run that did not end


def cut(run: Record, *, at: str, keep: bool = False) -> None:
    """Leaves of a record what comes before the first line that has ``at`` (or that line too)."""
    whole = run.file.read_bytes().splitlines(keepends=True)
    number = next(number for number, line in enumerate(whole) if at.encode() in line)
    run.file.write_bytes(b"".join(whole[: number + keep]))


def test_what_a_run_left_behind_is_told_once_and_by_reading(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"), manifest("b"))
    cli("apply", "--yes")
    [crashed] = records(folder)
    cut(crashed, at='"record":"results"')
    told = [note for note in cli("plan", "-o", "json").document["notes"] if crashed.id in note]
    assert told[0].endswith("did not end: 0 done, 2 without a result")
    assert told[1].endswith("had been done (found out by reading the registry now): sandbox: a, sandbox: b")
    assert crashed.id in cli("plan").out
    applied = cli("apply", "--yes", "-o", "json").document
    assert any(crashed.id in note for note in applied["plan"]["notes"])
    newest = records(folder)[0]
    assert newest.end is not None
    assert newest.end.settles == (crashed.id,)
    assert cli("plan", "-o", "json").document["notes"] == []
    assert "did not end" in cli("history").out


def test_what_was_not_done_and_what_moved_are_told_apart(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    live = serve()
    folder.registries(one=f'url: "{live.url}"')
    folder.models(manifest("a", price="0.1"), manifest("b", price="0.1"))
    cli("apply", "--yes")
    folder.models(manifest("a", price="0.2"), manifest("b", price="0.2"))
    live.answer = lambda seen: (400, {"error": "no"}) if seen.writes else None
    assert cli("apply", "--yes").code == 1
    live.answer = lambda _: None
    crashed = records(folder)[0]
    cut(crashed, at='"record":"results"')
    folder.models(manifest("a", price="0.2"), manifest("b", price="0.3"))
    notes = " ".join(cli("plan", "-o", "json").document["notes"])
    not_done = "had not been done, and is planned again (found out by reading the registry now): one: a"
    assert not_done in notes
    assert "was done in part, or somebody else has changed it since: see the plan" in notes
    only_b = cli("apply", "--yes", "--only", "b", "-o", "json").document
    assert any("leaves the manifest out: one: a" in note for note in only_b["plan"]["notes"])
    assert any(crashed.id in note for note in cli("plan", "-o", "json").document["notes"])


def test_a_run_is_not_settled_while_a_registry_of_it_was_not_looked_at(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    one, two = serve(), serve()
    folder.registries(one=f'url: "{one.url}"', two=f'url: "{two.url}"')
    folder.models(manifest("a", registries="one"), manifest("b", registries="two"))
    run = broken(folder, cli)
    folder.models(manifest("a", registries="one"))
    unknown = "is not known, because this run does not read the registry: two: b"
    assert notes_of(cli, "apply", "--yes")[-1].endswith(unknown)
    assert notes_of(cli)[-1].endswith(unknown)
    folder.models(manifest("a", registries="one"), manifest("c", registries="two"))
    gone = "is declared by no manifest any more: what is there of it is left alone"
    assert gone in notes_of(cli, "apply", "--yes")[-1]
    assert run.id not in " ".join(notes_of(cli))


@pytest.mark.parametrize("guard", ["most_actions: 0", "protected: [a]", "price_change: {rise: 1%}"])
def test_what_was_not_done_and_is_refused_now_is_told_so(
    folder: Folder, cli: Run, serve: Callable[..., Live], guard: str
) -> None:
    live = serve()
    folder.registries(one=f'url: "{live.url}"')
    folder.models(manifest("a", price="0.1"))
    cli("apply", "--yes")
    folder.models(manifest("a", price="0.11"))
    live.answer = lambda seen: (400, {"error": "no"}) if seen.writes else None
    run = broken(folder, cli)
    live.answer = lambda _: None
    config = folder.path / "reconciler.yaml"
    config.write_text(config.read_text() + f"guards: {{{guard}}}\n")
    notes = notes_of(cli)
    assert notes[1].startswith(f"run {run.id}: what it was about to do had not been done, and is refused now")
    assert "planned again" not in " ".join(notes)


def test_what_was_settled_stays_so_after_the_clock_was_set_back(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    run = broken(folder, cli)
    cli("apply", "--yes")
    [settling] = [one for one in records(folder) if one.end]
    assert settling.end is not None
    assert settling.end.settles == (run.id,)
    settling.file.rename(settling.file.with_name(f"20010101T000000000Z-{settling.id}.jsonl"))
    assert notes_of(cli) == []
    assert Runs(settling.file.parent).unended(1) == []


def test_a_saved_plan_holds_nothing_that_the_journal_said(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    run = broken(folder, cli)
    folder.edit("input: 0.15", "input: 0.30")
    assert run.id in cli("plan", "--out", "saved.plan").out
    assert run.id not in cli("show", "saved.plan").out
    told = notes_of(cli, "apply", "saved.plan", "--yes")
    assert len(told) == 2
    assert len(set(told)) == 2


def test_a_plan_that_was_saved_with_its_notes_does_not_say_them_twice(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    broken(folder, cli)
    folder.edit("input: 0.15", "input: 0.30")
    Path("saved.json").write_text(cli("plan", "-o", "json").out)
    told = cli("apply", "saved.json", "--yes", "-o", "json").document["plan"]["notes"]
    assert len(told) == len(set(told)) == 2


def test_what_was_answered_as_done_and_not_proven_is_looked_at_again(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"), manifest("b"))
    cli("apply", "--yes")
    [crashed] = records(folder)
    cut(crashed, at='"record":"proof"')
    folder.models(manifest("a"), manifest("b", price="0.3"))  # as if `b` had not been stored
    told = [note for note in cli("plan", "-o", "json").document["notes"] if crashed.id in note]
    assert told[0].endswith("did not end: 1 done, nothing open")
    assert told[1].endswith(
        "was answered as done, and is not so now: see the plan "
        "(found out by reading the registry now): sandbox: b"
    )


def test_what_was_proven_is_not_told_again(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    cli("apply", "--yes")
    cut(records(folder)[0], at='"record":"end"')
    folder.models(manifest("a", price="0.3"))
    [note] = cli("plan", "-o", "json").document["notes"]
    assert note.endswith("did not end: 1 done, nothing open")


def test_what_ended_unproven_without_a_report_is_looked_at(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    cli("apply", "--yes")
    [crashed] = records(folder)
    cut(crashed, at='"record":"proof"')
    crashed.file.write_text(crashed.file.read_text().replace('"status":"done"', '"status":"unproven"'))
    first, second = cli("plan", "-o", "json").document["notes"]
    assert first.endswith("did not end: 0 done, 1 unproven, nothing open")
    assert "had been done (found out by reading the registry now): sandbox: a" in second


def test_a_torn_last_line_is_left_out(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    cli("apply", "--yes")
    [run] = records(folder)
    run.file.write_bytes(run.file.read_bytes()[:-20])
    [torn] = records(folder)
    assert (torn.torn, torn.end, torn.count("done")) == (True, None, 1)
    assert "did not end: 1 done, nothing open" in cli("plan").out


def test_a_ci_runner_without_a_journal_says_what_it_cannot_tell(
    folder: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    folder.models(manifest("a"))
    assert cli("apply", "--yes", "-o", "json").document["plan"]["notes"] == []
    for file in (folder.path / ".reconciler" / "journal").iterdir():
        file.unlink()
    (folder.path / ".reconciler" / "journal").rmdir()
    [note] = cli("apply", "--yes", "-o", "json").document["plan"]["notes"]
    assert note.startswith("no journal here: whether an earlier run left something half done cannot be told")
    assert cli("plan", "-o", "json").document["notes"] == []


def test_kill_9_loses_nothing_but_the_report(folder: Folder, cli: Run, serve: Callable[..., Live]) -> None:
    live = serve()
    folder.registries(one=f'url: "{live.url}", concurrency: 2')
    folder.models(*(manifest(f"m{number}") for number in range(4)))
    live.seconds = lambda seen: 30.0 if seen.writes and len(live.written) > 2 else 0.0  # type: ignore[method-assign]
    process = folder.start("apply", "--yes")
    wait_for(lambda: len(live.written) == 4)
    wait_for(lambda: sum(line.count(b'"status":"done"') for line in _bytes(folder)) >= 2)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    live.seconds = lambda seen: 0.0  # type: ignore[method-assign]
    [crashed] = records(folder)
    assert (crashed.end, len(crashed.intents), crashed.count("done")) == (None, 4, 2)
    notes = cli("plan", "-o", "json").document["notes"]
    assert notes[0].endswith("did not end: 2 done, 2 without a result")
    result = cli("apply", "--yes", "-o", "json")
    assert (result.code, result.document["proof"][0]["left"]) == (0, [])
    assert cli("plan", "-o", "json").document["notes"] == []


def _bytes(folder: Folder) -> list[bytes]:
    return [file.read_bytes() for file in (folder.path / ".reconciler" / "journal").glob("*.jsonl")]


# ---- loops


def test_a_change_that_comes_back_after_three_runs_is_called_out(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    live = serve()
    folder.registries(one=f'url: "{live.url}"')
    folder.models(manifest("a"))

    def somebody_else() -> None:
        answer = httpx.patch(f"{live.url}/v2/models/a", json={"display_name": "Theirs"}, trust_env=False)
        assert answer.status_code == 200

    def told() -> list[str]:
        [action] = cli("plan", "-o", "json").document["registries"][0]["actions"]
        return [note for note in action["notes"] if "came back" in note]

    folder.edit("  type: chat", "  display_name: Ours\n  type: chat")
    for _ in range(3):
        somebody_else() if records_or_none(folder) else None
        assert told() == []
        assert cli("apply", "--yes").code == 0
    somebody_else()
    [note] = told()
    updated = next(
        model["updated"]
        for model in httpx.get(f"{live.url}/v2/models", trust_env=False).json()
        if model["id"] == "a"
    )
    assert note.startswith("display_name came back after being applied in 3 runs (")
    assert note.endswith(f"something else sets it; the registry says that it was last updated at {updated}")
    assert note.count(", ") == 2
    folder.edit("display_name: Ours", "display_name: Ours now")
    assert told() == []


def records_or_none(folder: Folder) -> bool:
    return Runs(folder.path / ".reconciler" / "journal").exists


# ---- the lock


def test_a_second_apply_from_one_checkout_fails_at_once_and_names_the_first(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    first = actor({"USER": "somebody"})
    with only_one(folder.path, first, "0123abcd"):
        result = cli("apply", "--yes")
        assert result.code == 1
        assert f"another apply runs from this checkout: pid {first.pid} on {first.host} since " in result.err
        assert "by somebody" in result.err
        assert cli("plan").code == 0
    assert cli("apply", "--yes").code == 0


def broken(folder: Folder, cli: Run) -> Record:
    """A run whose end is missing, after which nothing is known of what it was about."""
    cli("apply", "--yes")
    cut(records(folder)[0], at='"record":"results"')
    return records(folder)[0]


def notes_of(cli: Run, *command: str) -> list[str]:
    document = cli(*(command or ("plan",)), "-o", "json").document
    found: list[str] = document.get("plan", document)["notes"]
    return found


def test_a_run_that_is_under_way_in_another_checkout_is_neither_told_as_broken_off_nor_settled(
    folder: Folder, cli: Run
) -> None:
    folder.models(manifest("a"))
    run = broken(folder, cli)
    assert run.standing == "broken off"
    with run.file.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        [note] = notes_of(cli)
        assert note.startswith("an apply is under way: pid ")
        assert run.id in note
        assert notes_of(cli, "apply", "--yes") == [note]
        assert "under way" in cli("history").out
        assert "did not end" not in cli("history").out
        assert cli("history", "-o", "json").document["runs"][-1]["standing"] == "under way"
    assert "did not end" in cli("plan").out


def test_a_run_on_another_machine_may_still_run_for_a_day(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    run = broken(folder, cli)
    text = run.file.read_text().replace(f'"host":"{run.begin.actor.host}"', '"host":"elsewhere"')
    run.file.write_text(text)
    for command in (("plan",), ("apply", "--yes")):
        [note] = notes_of(cli, *command)
        assert f"did not end, or still runs on elsewhere since {run.begin.at}" in note
    assert "or is still under way" in cli("history").out
    long_ago = run.file.stat().st_mtime - SILENT_SECONDS - 60
    os.utime(run.file, (long_ago, long_ago))
    assert "had been done" in notes_of(cli, "apply", "--yes")[1]
    assert notes_of(cli) == []


def test_runs_that_were_about_other_registries_are_not_ours_to_tell(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    run = broken(folder, cli)
    text = run.file.read_text()
    assert "embedded:" in text
    run.file.write_text(text.replace('"target":"embedded:', '"target":"https://other.example/'))
    assert notes_of(cli) == []
    folder.edit("input: 0.15", "input: 0.30")
    assert cli("apply", "--yes").code == 0
    assert [one.end.settles for one in records(folder) if one.end] == [()]


def test_checkouts_that_share_a_journal_are_told_apart_by_where_their_files_are(
    folder: Folder, cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = folder.path / "reconciler.yaml"
    config.write_text(f"{config.read_text()}journal: {tmp_path}/shared\n")
    folder.models(manifest("a"))
    shutil.copytree(folder.path, tmp_path / "another")
    cli("apply", "--yes")
    [run] = [one for one in Runs(tmp_path / "shared").runs() if isinstance(one, Record)]
    assert [one.target for one in run.begin.registries] == [f"embedded:{folder.path.resolve()}/registry.db"]
    cut(run, at='"record":"results"')
    assert "did not end" in cli("plan").out
    monkeypatch.chdir(tmp_path / "another")
    assert "did not end" not in cli("plan").out


def test_a_lock_whose_holder_was_killed_holds_nobody_up(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    program = (
        "import pathlib, sys, time; from reconciler.journal.lock import only_one;"
        "from reconciler.journal.actor import actor;"
        "lock = only_one(pathlib.Path.cwd(), actor({}), 'dead0000'); lock.__enter__();"
        "print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=folder.path, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    assert "another apply runs" in cli("apply", "--yes").err
    process.kill()
    process.communicate(timeout=20)
    assert cli("apply", "--yes").code == 0


# ---- secrets


def test_no_secret_is_in_the_journal(
    folder: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Live]
) -> None:
    planted = ["planted-token-0001", "planted-key-0002"]
    monkeypatch.setenv("TOKEN", planted[0])
    monkeypatch.setenv("HOUSE_KEY", planted[1])
    live = serve(planted[0])
    folder.config(
        "default_registries: [one]\nregistries:\n"
        f'  one: {{kind: orq, url: "{live.url}", token: {{env: TOKEN}}}}\n'
        "secrets:\n  KEY: {env: HOUSE_KEY, hosts: [llm.example.com]}\n"
    )
    key = "{configuration: {base_url: 'https://llm.example.com/v1', api_key: {secret: KEY}}}"
    folder.models(manifest("a", native=key), manifest("b"))

    def echo(seen: Any) -> Any:
        refused = seen.writes and seen.name == "b"  # it never got the key
        return (400, {"error": f"no: {planted[0]} {planted[1]}"}) if refused else None

    live.answer = echo
    assert cli("apply", "--yes").code == 4
    text = "".join(file.decode() for file in _bytes(folder))
    assert "[secret KEY]" in text
    assert not any(one in text for one in planted)
