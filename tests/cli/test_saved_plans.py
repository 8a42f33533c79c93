"""What was approved is done, or nothing is: plan files, digests, and what is said when something moved."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.planfile import sealed

from .conftest import Run
from .folder import Folder, manifest
from .live import Live


def edited(path: Path, change: Callable[[dict[str, Any]], object], *, seal: bool = True) -> None:
    """Changes a plan file, and writes a fitting integrity as whoever can write the file could."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(sealed(document) if seal else document))


def action(document: dict[str, Any], index: int = 0) -> Any:
    return document["registries"][0]["actions"][index]


@pytest.fixture
def approved(folder: Folder, cli: Run) -> Path:
    """A plan file with one update of `a` and one create of `b`; `a` is live."""
    folder.models(manifest("a"))
    assert cli("apply", "--yes").code == 0
    folder.models(manifest("a", price="0.18"), manifest("b"))
    assert cli("plan", "--out", "plan.json").code == 0
    return folder.path / "plan.json"


def meanwhile(folder: Folder, cli: Run, *models: str) -> None:
    """Somebody else applies ``models``; the folder's own manifests come back."""
    file = folder.path / "models" / "models.yaml"
    ours = file.read_text()
    folder.models(*models)
    assert cli("apply", "--yes").code == 0
    file.write_text(ours)


def test_a_file_is_applied_as_it_was_made_whatever_the_manifests_say_by_now(
    folder: Folder, cli: Run, approved: Path
) -> None:
    folder.models(manifest("a", price="0.19"), manifest("b"))
    assert cli("apply", "plan.json", "--yes").code == 0
    planned = cli("plan", "-o", "json").document["registries"][0]["actions"]
    assert [(one["name"], one["operation"]) for one in planned] == [("a", "update"), ("b", "none")]
    assert planned[0]["changes"][0]["live"]["value"]["amount"] == "0.18"


def test_show_says_what_plan_said_and_apply_prints_it(folder: Folder, cli: Run, approved: Path) -> None:
    told = cli("plan").out
    shown = cli("show", "plan.json")
    assert (shown.code, shown.err) == (0, "")
    head, _, rest = shown.out.partition("\n\n")
    assert head.startswith("Made 20")
    assert rest == told
    assert cli("apply", "plan.json", "--yes").out.startswith(told)
    assert cli("show", "plan.json").out == shown.out  # it is stale by now


def test_show_as_json_is_the_file_itself(cli: Run, approved: Path) -> None:
    assert cli("show", "plan.json", "-o", "json").document == json.loads(approved.read_text())


def test_plan_prints_and_writes_the_same_document(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    assert cli("plan", "-o", "json", "--out", "p.json").out == (folder.path / "p.json").read_text()


def test_the_file_tells_the_commit_and_whether_anything_is_not_in_it(folder: Folder, cli: Run) -> None:
    def git(*words: str) -> str:
        given = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        done = subprocess.run(["git", *given, *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def made() -> Any:
        return cli("plan", "-o", "json").document["made"]

    folder.models(manifest("a"))
    assert made()["commit"] is None
    git("init", "-q")
    git("add", "reconciler.yaml", "models")
    git("commit", "-qm", "one")
    assert (made()["commit"], made()["dirty"]) == (git("rev-parse", "HEAD"), False)
    (folder.path / "plan.json").write_text("no manifest")
    assert made()["dirty"] is False
    folder.models(manifest("b"))
    assert made()["dirty"] is True


@pytest.mark.parametrize("words", [["--only", "a"], ["--except", "a"], ["--registry", "sandbox"]])
def test_nothing_is_chosen_from_a_file(cli: Run, approved: Path, words: list[str]) -> None:
    result = cli("apply", "plan.json", "--yes", *words)
    assert result.code == 1
    assert "a plan file says itself what to do" in result.err


# ---- what moved


def test_where_one_thing_moved_nothing_is_written_and_a_new_plan_is_held_against_it(
    folder: Folder, cli: Run, approved: Path
) -> None:
    meanwhile(folder, cli, manifest("a", price="0.17"))
    result = cli("apply", "plan.json", "--yes")
    assert result.code == 5
    assert "a: was 0.15 USD" not in result.out
    assert "was 0.15 USD / 1M tokens live, is 0.17 USD / 1M tokens now; reviewed was 0.18" in result.out
    assert "Still as reviewed: 1" in result.out
    assert "Nothing was written" in result.out
    entries = cli("apply", "plan.json", "--yes", "-o", "json").document["delta"]["entries"]
    assert [(one["name"], one["verdict"]) for one in entries] == [("a", "moved"), ("b", "holds")]


def test_what_still_holds_is_applied_where_that_is_asked_for(
    folder: Folder, cli: Run, approved: Path
) -> None:
    meanwhile(folder, cli, manifest("a", price="0.17"))
    result = cli("apply", "plan.json", "--yes", "--skip-stale", "-o", "json")
    assert result.code == 4
    results = result.document["outcome"]["results"]
    assert [(one["name"], one["status"]) for one in results] == [("a", "stale"), ("b", "done")]


def test_a_declared_field_that_no_request_touches_counts_as_moved(
    folder: Folder, cli: Run, approved: Path
) -> None:
    other = manifest("a").replace("output: 0.60", "output: 0.61")
    meanwhile(folder, cli, other)
    result = cli("apply", "plan.json", "--yes")
    assert result.code == 5
    assert "pricing.output: live 0.61 USD / 1M tokens now, was as declared" in result.out


def test_what_the_manifest_says_nothing_of_counts_where_it_is_replaced_too(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    assert cli("apply", "--yes").code == 0
    folder.models(manifest("a", more="  limits: {context_window: 9}"))
    assert cli("plan", "--out", "plan.json").code == 0
    meanwhile(folder, cli, manifest("a", native="{metadata: {knowledge_cutoff: 2026-01}}"))
    result = cli("apply", "plan.json", "--yes")
    assert result.code == 5
    assert "metadata.knowledge_cutoff: changed live; the manifest says nothing of it" in result.out


def test_what_nobody_reviewed_and_what_somebody_did_are_told_apart(
    folder: Folder, cli: Run, approved: Path
) -> None:
    meanwhile(folder, cli, manifest("b"))
    folder.models(manifest("a", price="0.18"), manifest("b"), manifest("c"))
    entries = cli("apply", "plan.json", "--yes", "-o", "json").document["delta"]["entries"]
    verdicts = [(one["name"], one["verdict"]) for one in entries]
    assert verdicts == [("a", "holds"), ("b", "done"), ("c", "new")]


def test_a_plan_of_some_models_is_held_against_a_plan_of_the_same(
    folder: Folder, cli: Run, approved: Path
) -> None:
    assert cli("plan", "--only", "a", "--out", "plan.json").code == 0
    meanwhile(folder, cli, manifest("a", price="0.17"))
    entries = cli("apply", "plan.json", "--yes", "-o", "json").document["delta"]["entries"]
    assert [(one["name"], one["verdict"]) for one in entries] == [("a", "moved")]


def test_what_the_manifest_moved_is_not_blamed_on_the_registry(
    folder: Folder, cli: Run, approved: Path
) -> None:
    folder.models(manifest("a", price="0.18", more="  limits: {context_window: 9}"))
    assert cli("plan", "--out", "plan.json").code == 0
    folder.models(manifest("a", price="0.18"))
    meanwhile(folder, cli, manifest("a").replace("output: 0.60", "output: 0.61"))
    out = cli("apply", "plan.json", "--yes").out
    assert "pricing.output: live 0.61 USD / 1M tokens now, was as declared" in out
    assert "limits.context_window: asked for 9, asks for (unset) now" in out


def test_a_create_that_would_stand_beside_something_new_does_not_hold(folder: Folder, cli: Run) -> None:
    alike = [manifest(name).replace(f"upstream-{name}", "one") for name in "ab"]
    folder.models(*alike)
    assert cli("plan", "--only", "b", "--out", "plan.json").code == 0
    assert cli("apply", "--only", "a", "--yes").code == 0
    result = cli("apply", "plan.json", "--yes")
    assert result.code == 5
    assert "Still as reviewed" not in result.out
    assert "what it would stand beside is not what it was: 'a' (the same model_id)" in result.out


# ---- digests


def test_the_expected_digest_is_applied(folder: Folder, cli: Run, approved: Path) -> None:
    digest = cli("plan", "-o", "json").document["digest"]
    assert cli("apply", "--yes", "--expect", digest).code == 0


@pytest.mark.parametrize("output", ["text", "json"])
def test_another_digest_than_the_expected_one_writes_nothing(
    folder: Folder, cli: Run, approved: Path, output: str
) -> None:
    digest = cli("plan", "-o", "json").document["digest"]
    folder.models(manifest("a", price="0.19"), manifest("b"))
    result = cli("apply", "--yes", "--expect", digest, "-o", output)
    assert result.code == 5
    assert f"and {digest} was expected" in result.out
    assert [one["operation"] for one in cli("plan", "-o", "json").document["registries"][0]["actions"]] == [
        "update",
        "create",
    ]


def test_an_empty_plan_where_another_one_was_expected_is_said_too(
    folder: Folder, cli: Run, approved: Path
) -> None:
    digest = cli("plan", "-o", "json").document["digest"]
    assert cli("apply", "--yes").code == 0
    result = cli("apply", "--yes", "--expect", digest)
    assert result.code == 5
    assert "Nothing was written: the digest of this plan is" in result.out


def test_a_file_with_another_digest_than_the_expected_one_writes_nothing(cli: Run, approved: Path) -> None:
    assert cli("apply", "plan.json", "--yes", "--expect", "0" * 64).code == 5
    result = cli("apply", "plan.json", "--yes", "--expect", "12ab")
    assert (result.code, "64 hexadecimal digits" in result.err) == (1, True)


def test_the_order_of_keys_in_a_manifest_is_no_part_of_the_digest(folder: Folder, cli: Run) -> None:
    text = manifest("a", more="  limits: {context_window: 9, max_output_tokens: 5}")
    folder.models(text)
    digest = cli("plan", "-o", "json").document["digest"]
    folder.models(manifest("a", more="  limits: {max_output_tokens: 5, context_window: 9}"))
    assert cli("plan", "-o", "json").document["digest"] == digest


# ---- files that are not what plan wrote


def test_a_file_that_was_edited_by_hand_is_refused(cli: Run, approved: Path) -> None:
    edited(approved, lambda document: document["notes"].append("x"), seal=False)
    for words in (["apply", "plan.json", "--yes"], ["show", "plan.json"]):
        result = cli(*words)
        assert result.code == 1
        assert "it was changed after it was made" in result.err
        assert "no signature" in result.err


def test_other_spaces_and_other_spellings_of_a_number_are_no_edit(cli: Run, approved: Path) -> None:
    text = json.dumps(json.loads(approved.read_text()))
    approved.write_text(text)
    assert cli("apply", "plan.json", "--yes").code == 0


def test_a_secret_that_this_checkout_does_not_list_is_not_resolved(
    cli: Run, approved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOLEN", "planted-secret")

    def change(document: dict[str, Any]) -> None:
        edit = action(document)["requests"][0]["edits"][0]
        edit["secret"], edit["value"] = "STOLEN", None

    edited(approved, change)
    result = cli("apply", "plan.json", "--yes")
    assert result.code == 1
    assert "it names the secret 'STOLEN', which reconciler.yaml does not list" in result.err
    assert "planted-secret" not in result.out + result.err


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "another format": lambda d: d.update(format=99),
    "another kind": lambda d: d.update(kind="Outcome"),
    "an unknown registry": lambda d: d["registries"][0].update(name="elsewhere"),
    "another address": lambda d: d["registries"][0].update(target="https://evil.example"),
    "a call that is not there": lambda d: action(d)["requests"][0].update(call="delete", method="DELETE"),
    "another path": lambda d: action(d)["requests"][0].update(path="/v2/keys"),
    "a field that is not there": lambda d: action(d)["requests"][0]["edits"][0].update(path=["owner"]),
    "a refused action that writes": lambda d: action(d).update(operation="refused"),
    "an update of nothing": lambda d: action(d).update(id=None),
    "an update that creates": lambda d: action(d).update(operation="create"),
    "a table that is not there": lambda d: action(d).update(variant="x"),
    "a text for a list": lambda d: action(d).update(requests="x"),
    "a text for a truth": lambda d: action(d)["requests"][0]["edits"][0].update(cleared="yes"),
    "a field too many": lambda d: action(d).update(more=1),
    "a field too few": lambda d: action(d).pop("notes"),
    "another digest of an action": lambda d: action(d).update(digest="0" * 64),
    "no registries": lambda d: d.pop("registries"),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_file_that_nothing_of_ours_would_have_written_is_refused(
    folder: Folder, cli: Run, approved: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    edited(approved, change)
    result = cli("apply", "plan.json", "--yes")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: plan.json: ")
    assert "Traceback" not in result.err
    operations = [one["operation"] for one in cli("plan", "-o", "json").document["registries"][0]["actions"]]
    assert operations == ["update", "create"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[]", "this is no plan"),
        (b'{"kind": "Plan", "kind": "Plan"}', "a key twice"),
        (b'{"kind": NaN}', "NaN is no number"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"kind": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
        (b'{"kind": 1e999999999}', "a number that no plan could hold"),
        (b'{"kind": 1e99999999999999999999}', "a number that no plan could hold"),
        (b'{"kind": "Plan", "format": 1, "a": ' + b"[" * 700 + b"]" * 700 + b"}", "nested too deeply"),
        (b'{"kind": "Plan"}', "its format is missing"),
    ],
)
def test_what_is_no_plan_is_a_clear_error(folder: Folder, cli: Run, data: bytes, words: str) -> None:
    (folder.path / "plan.json").write_bytes(data)
    result = cli("show", "plan.json")
    assert result.code == 1
    assert words in result.err
    assert result.err.startswith("error: plan.json:")


@pytest.mark.parametrize(
    "value",
    [{"per": "a while"}, {"amount": "much"}, {"amount": None}, {"amount": "NaN"}, {"amount": "1E+999999999"}],
)
def test_a_price_that_is_none_is_no_plan(cli: Run, approved: Path, value: dict[str, Any]) -> None:
    def change(document: dict[str, Any]) -> None:
        action(document)["changes"][0]["live"]["value"].update(value)

    edited(approved, change)
    result = cli("show", "plan.json")
    assert (result.code, result.err.startswith("error: plan.json: it does not read as a plan")) == (1, True)


def test_actions_that_wait_for_each_other_are_refused(cli: Run, approved: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        for index, other in enumerate(("Model/b", "Model/a")):
            action(document, index)["after"] = [other]

    edited(approved, change)
    result = cli("apply", "plan.json", "--yes")
    assert result.code == 1
    assert "its actions wait for each other" in result.err


def test_a_file_that_is_not_there_is_a_clear_error(cli: Run) -> None:
    result = cli("apply", "nowhere.json", "--yes")
    assert result.code == 1
    assert "nowhere.json: No such file or directory" in result.err
    assert "plan --out" in result.err


def test_a_plan_for_one_workspace_is_not_applied_to_another(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    live = serve()
    folder.registries(one=f'url: "{live.url}"')
    folder.models(manifest("a"))
    assert cli("apply", "--yes").code == 0
    folder.models(manifest("a"), manifest("b"))
    assert cli("plan", "--out", "plan.json").code == 0
    # The address is the same for every workspace; it is the token that tells them apart.
    edited(folder.path / "plan.json", lambda document: document["registries"][0].update(account="theirs"))
    result = cli("apply", "plan.json", "--yes")
    assert result.code == 1
    assert "the plan was made for theirs" in result.err
    assert [model["id"] for model in live.models() if model["owner"] != "system"] == ["a"]
