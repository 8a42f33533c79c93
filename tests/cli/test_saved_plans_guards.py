"""Saved plans against what is so when they are applied: guards, acknowledgements, registries, signals."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.journal.reading import Folder as Journal
from reconciler.journal.reading import Run as Recorded

from .conftest import Run
from .folder import Folder, Result, manifest
from .live import Live, Seen

LONG = 60.0
"""Seconds that no test waits for."""


def rules(folder: Folder, guards: str) -> None:
    entry = "{kind: orq, embedded: registry.db}"
    folder.config(f"default_registries: [sandbox]\nregistries: {{sandbox: {entry}}}\nguards: {guards}\n")


def acknowledge(folder: Folder, result: Result, expires: str = "") -> None:
    """Writes what the one refusal of a plan asks for into acknowledgements.yaml."""
    actions = result.document["registries"][0]["actions"]
    [refusal] = [refusal for action in actions for refusal in action["refusals"]]
    lines = refusal["acknowledge"].replace("…", "Agreed.") + expires
    head = "apiVersion: reconciler/v1\nkind: Acknowledgements\nacknowledgements:\n"
    (folder.path / "acknowledgements.yaml").write_text(f"{head}{lines}\n")


def applied(cli: Run, *words: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """The exit code, the status of each action, and the document."""
    result = cli("apply", "plan.json", "--yes", "-o", "json", *words)
    results = result.document["outcome"]["results"]
    return result.code, {one["name"]: one["status"] for one in results}, result.document


def refusals(document: dict[str, Any]) -> list[str]:
    parts = document["plan"]["registries"]
    return [refusal["code"] for part in parts for action in part["actions"] for refusal in action["refusals"]]


def prices(cli: Run) -> list[str]:
    """What a plan would still change, as the live price of each."""
    actions = cli("plan", "-o", "json").document["registries"][0]["actions"]
    return [change["live"]["value"]["amount"] for action in actions for change in action["changes"]]


@pytest.fixture
def raised(folder: Folder, cli: Run) -> Path:
    """A plan file that raises the price of `a`, which is live, by two thirds, and creates `b`."""
    folder.models(manifest("a"))
    assert cli("apply", "--yes").code == 0
    folder.models(manifest("a", price="0.25"), manifest("b"))
    assert cli("plan", "--out", "plan.json").code == 0
    return folder.path / "plan.json"


# ---- guards over single actions


def test_a_price_guard_that_came_after_the_plan_refuses_its_action(
    folder: Folder, cli: Run, raised: Path
) -> None:
    rules(folder, "{price_change: {rise: 25%}}")
    code, statuses, document = applied(cli)
    assert (code, statuses) == (3, {"a": "refused", "b": "done"})
    assert refusals(document) == ["price-change"]
    shown = cli("apply", "plan.json", "--yes").out
    assert "is more than the 25% that a price may rise" in shown
    assert "in acknowledgements.yaml:" in shown
    assert [float(price) for price in prices(cli)] == [0.15]


def test_it_refuses_it_too_where_the_manifest_has_changed_since(
    folder: Folder, cli: Run, raised: Path
) -> None:
    folder.models(manifest("a", price="0.16"), manifest("b"))
    rules(folder, "{price_change: {rise: 25%}}")
    assert cli("plan").code == 0
    code, statuses, document = applied(cli)
    assert (code, statuses, refusals(document)) == (
        3,
        {"a": "refused", "b": "done"},
        ["price-change"],
    )


def test_a_change_within_the_limits_of_now_is_done_whatever_the_manifest_says(
    folder: Folder, cli: Run, raised: Path
) -> None:
    folder.models(manifest("a", price="0.16"), manifest("b"))
    rules(folder, "{price_change: {rise: 70%}}")
    assert applied(cli)[:2] == (0, {"a": "done", "b": "done"})


@pytest.mark.parametrize("edited", [False, True], ids=["same manifests", "other manifests"])
@pytest.mark.parametrize("left", ["kept", "deleted", "expired"])
@pytest.mark.parametrize("guard", ["price-change", "rename", "unit-slip"])
def test_an_acknowledgement_must_still_hold_when_the_plan_is_applied(
    folder: Folder, cli: Run, guard: str, left: str, *, edited: bool
) -> None:
    rules(folder, "{price_change: {rise: 25%}}")
    folder.models(manifest("a"))
    assert cli("apply", "--yes").code == 0
    renamed = manifest("c").replace("upstream-c", "upstream-a")
    changed = {
        "price-change": manifest("a", price="0.25"),
        "rename": renamed,
        "unit-slip": manifest("a", price="150"),
    }
    folder.models(changed[guard])
    before = cli("plan", "-o", "json")
    assert before.code == 3
    acknowledge(folder, before)
    if guard == "unit-slip":  # the output stays, so that its order is a refusal of its own
        assert "price-order" not in before.out
    assert cli("plan", "--out", "plan.json").code == 0
    if edited:
        folder.models(manifest("a", price="0.16") if guard != "rename" else renamed + "  description: New\n")
    if left == "deleted":
        (folder.path / "acknowledgements.yaml").unlink()
    elif left == "expired":
        acknowledge(folder, before, "\n  expires: 2001-01-01")
    name = "c" if guard == "rename" else "a"
    code, statuses, document = applied(cli)
    if left == "kept":
        assert (code, statuses) == (0, {name: "done"})
        return
    assert (code, statuses, refusals(document)) == (3, {name: "refused"}, [guard])
    expired = [note for note in document["plan"]["notes"] if "expired on 2001-01-01" in note]
    assert len(expired) == (left == "expired")


# ---- the scope of the plan fits nothing any more


@pytest.mark.parametrize("words", [(), ("--resend", "native.orq.configuration.api_key")])
def test_what_holds_is_applied_and_reported_where_the_scope_fits_no_manifest_any_more(
    folder: Folder, cli: Run, raised: Path, words: tuple[str, ...]
) -> None:
    assert cli("plan", "--only", "a", "--only", "b", "--out", "plan.json").code == 0
    if words:
        document = json.loads(raised.read_text())
        document["scope"]["resend"] = [words[1]]
        from reconciler.planfile import sealed

        raised.write_text(json.dumps(sealed(document)))
    folder.models(manifest("a", price="0.17"))
    assert cli("apply", "--yes").code == 0
    folder.models(manifest("c"))
    code, statuses, document = applied(cli, "--skip-stale")
    assert (code, statuses) == (4, {"a": "stale", "b": "done"})
    verdicts = [(one["name"], one["verdict"]) for one in document["delta"]["entries"]]
    assert verdicts == [("a", "gone"), ("b", "gone")]
    last = next(iter(Journal(folder.path / ".reconciler" / "journal").runs()))
    assert isinstance(last, Recorded)
    assert last.end is not None
    assert (last.end.exit_code, last.end.error) == (4, None)


# ---- registries that cannot be read now


@pytest.fixture
def two(folder: Folder, cli: Run, serve: Callable[..., Live], monkeypatch: pytest.MonkeyPatch) -> Live:
    """A plan file with a create in `one`, which wants a token, and one in `other`."""
    live = serve("right")
    monkeypatch.setenv("ONE_TOKEN", "right")
    registries(folder, live.url)
    folder.models(manifest("a", registries="one"), manifest("b", registries="other"))
    assert cli("plan", "--out", "plan.json").code == 0
    return live


def registries(folder: Folder, url: str) -> None:
    folder.registries(one=f'url: "{url}", token: ONE_TOKEN', other="embedded: registry.db")
    file = folder.path / "reconciler.yaml"
    file.write_text(file.read_text() + "secrets: {ONE_TOKEN: {env: ONE_TOKEN}}\n")


def unset(_live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONE_TOKEN")


def wrong(_live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_TOKEN", "wrong")


def down(live: Live, _monkeypatch: pytest.MonkeyPatch) -> None:
    live.answer = lambda _seen: (503, {})


@pytest.mark.parametrize("how", [unset, wrong, down])
def test_a_registry_that_cannot_be_read_now_is_skipped_and_stops_no_other(
    folder: Folder,
    cli: Run,
    two: Live,
    monkeypatch: pytest.MonkeyPatch,
    how: Callable[[Live, pytest.MonkeyPatch], None],
) -> None:
    how(two, monkeypatch)
    code, statuses, document = applied(cli)
    assert (code, statuses) == (4, {"a": "skipped", "b": "done"})
    failure = document["plan"]["registries"][0]["failure"]
    result = document["outcome"]["results"][0]
    assert failure["message"]
    assert (result["reason"], result["failure"]) == (failure["message"], failure)
    assert two.written == []


def test_where_that_registry_is_all_there_is_to_do_the_exit_code_says_that_it_failed(
    folder: Folder, cli: Run, two: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("plan", "--registry", "one", "--out", "plan.json").code == 0
    monkeypatch.delenv("ONE_TOKEN")
    result = cli("apply", "plan.json")  # nothing that could be asked about
    assert (result.code, result.err) == (1, "")
    assert result.out.count("ONE_TOKEN is not set") >= 1
    assert "one: a (as a): skipped" in result.out or "one: a: skipped" in result.out
    assert "1 registry could not be read." in result.out
    assert cli("apply", "plan.json", "--yes", "-o", "markdown").code == 1


# ---- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_what_moved_is_read_drops_that_and_the_report_is_written(
    folder: Folder,
    cli: Run,
    serve: Callable[..., Live],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    live = serve()
    folder.registries(one=f'url: "{live.url}"')
    folder.models(manifest("a"))
    assert cli("apply", "--yes").code == 0
    folder.models(manifest("a", price="0.16"))
    assert cli("plan", "--out", "plan.json").code == 0
    folder.models(manifest("a", price="0.17"))
    assert cli("apply", "--yes").code == 0
    begin = len(live.seen)
    code, statuses, document = applied(cli)
    assert (code, statuses, document["delta"] is None) == (5, {"a": "stale"}, False)
    reads = len(live.seen) - begin
    begin = len(live.seen)

    def seconds(_seen: Seen) -> float:
        return LONG if len(live.seen) - begin == reads else 0.0  # the last one is of the delta

    monkeypatch.setattr(live, "seconds", seconds)
    with folder.start("apply", "plan.json", "--yes", "-o", "json") as process:
        while len(live.seen) - begin < reads:
            assert process.poll() is None
        process.send_signal(number)
        out, err = process.communicate(timeout=40)
    assert "not reading what has moved" in err
    told = json.loads(out)
    assert (process.returncode, told["exit_code"], told["delta"]) == (5, 5, None)
    assert [one["status"] for one in told["outcome"]["results"]] == ["stale"]
