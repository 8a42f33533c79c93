"""How an apply ends: with an empty new plan, or with what is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconciler.planfile import sealed

from .conftest import Run
from .folder import Folder, manifest
from .live import Live, Seen


def test_an_apply_that_did_everything_says_that_a_new_plan_is_empty(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    assert cli("apply", "--yes").out.endswith("\nApply: 1 done.\nA new plan is empty.\n")
    unchanged = cli("apply", "--yes", "-o", "json").document
    assert unchanged["proof"] == []
    folder.edit("input: 0.15", "input: 0.16")
    document = cli("apply", "--yes", "-o", "json").document
    proof = {"registry": "sandbox", "read": "again", "failure": None, "left": [], "selected": False}
    assert document["proof"] == [proof]


def test_a_new_plan_of_some_models_says_nothing_of_the_others(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"), manifest("b"))
    assert cli("apply", "--only", "a", "--yes").out.endswith("\nOf what was selected, a new plan is empty.\n")


def test_registries_that_a_plan_file_says_nothing_of_are_named(
    folder: Folder, cli: Run, closed_port: int
) -> None:
    folder.registries(sandbox="embedded: registry.db", down=f'url: "http://127.0.0.1:{closed_port}"')
    folder.models(manifest("a", registries="sandbox, down"))
    assert cli("plan", "--out", "plan.json").code == 1
    folder.registries(sandbox="embedded: registry.db", down="embedded: down.db", new="embedded: new.db")
    folder.models(manifest("a", registries="sandbox, new"))
    document = json.loads((folder.path / "plan.json").read_text())
    document["registries"][1]["target"] = "embedded:down.db"
    (folder.path / "plan.json").write_text(json.dumps(sealed(document)))
    told = cli("apply", "plan.json", "--yes").out
    assert "A new plan is empty" not in told
    assert told.endswith(
        "Of what was looked at, a new plan is empty.\n"
        "down: a new plan is not known, because it could not be read\n"
        "new: a new plan is not known, because this plan was made without it\n"
    )


def test_what_is_left_is_named_with_its_fields(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"), manifest("b").replace("USD", "EUR"))
    result = cli("apply", "--yes")
    assert result.code == 3
    assert result.out.endswith("sandbox: a new plan has 1 refused:\n    b: refused\n")


@pytest.fixture
def live(folder: Folder, serve: Callable[..., Live]) -> Live:
    found = serve()
    folder.registries(one=f'url: "{found.url}"')
    folder.models(manifest("a"))
    return found


def lists_after_writes(live: Live, status: int, body: Any) -> None:
    """After the first write from now on, lists answer with ``body``."""
    live.seen.clear()

    def answer(seen: Seen) -> Any:
        return (status, body) if not seen.writes and seen.path == "/v2/models" and live.written else None

    live.answer = answer


def test_a_field_that_did_not_stick_is_an_error_of_its_own(folder: Folder, cli: Run, live: Live) -> None:
    assert cli("apply", "--yes").code == 0
    lists_after_writes(live, 200, httpx.get(f"{live.url}/v2/models", trust_env=False).json())
    folder.edit("input: 0.15", "input: 0.30")
    result = cli("apply", "--yes")
    assert result.code == 4
    assert "accepted, not stored: pricing.input (input_cost)" in result.out
    assert result.out.endswith("one: a new plan has 1 to update:\n    a: update pricing.input\n")


def test_a_registry_that_cannot_be_read_again_is_not_proven(folder: Folder, cli: Run, live: Live) -> None:
    lists_after_writes(live, 503, {"error": "down"})
    result = cli("apply", "--yes", "-o", "json")
    assert result.code == 4
    document = json.loads(result.out)
    assert [each["status"] for each in document["outcome"]["results"]] == ["done"]
    [proof] = document["proof"]
    assert (proof["read"], proof["failure"]["status"]) == ("failed", 503)
    live.seen.clear()
    folder.models(manifest("a"), manifest("b"))
    text = cli("apply", "--yes").out
    assert "one: not proven: what was written should be read once more, and that failed" in text
    assert "A new plan is empty" not in text


def test_one_registry_that_could_not_be_read_at_all_hides_nothing_of_the_other(
    folder: Folder, cli: Run, closed_port: int
) -> None:
    folder.registries(good="embedded: registry.db", bad=f'url: "http://127.0.0.1:{closed_port}"')
    folder.models(manifest("a", registries="good, bad"))
    result = cli("apply", "--yes")
    assert result.code == 4
    assert result.out.endswith("bad: a new plan is not known, because it could not be read\n")
