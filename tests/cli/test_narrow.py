"""How much a plan, and an apply, of few manifests reads of a large registry: no more than it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.embedded import Options, create_app
from reconciler.embedded.respan import model as respan
from reconciler.embedded.respan import table as respan_table
from reconciler.embedded.watsonx import model as watsonx
from reconciler.embedded.watsonx import table as watsonx_table

from .conftest import Run
from .folder import Folder, Result
from .live import Live, live_registry

RESPAN, WATSONX = 600, 200
VENDORS = 4


@dataclass
class Large:
    """A registry on a socket with many models, all of them declared as they are, and what it was asked."""

    live: Live
    folder: Folder

    def asked(self) -> list[str]:
        return [f"{seen.method} {seen.path}" for seen in self.live.seen]

    def filters(self) -> list[Any]:
        """What the lists of Respan's models were filtered by."""
        lists = [seen for seen in self.live.seen if seen.path.endswith("/models/list/")]
        return [json.loads(seen.body)["filters"] for seen in lists]

    def edit(self, name: str, text: str) -> None:
        (self.folder.path / "models" / f"{name}.yaml").write_text(text)


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files with many models; no test writes to them."""
    folder = tmp_path_factory.mktemp("large")
    for kind in ("respan", "watsonx"):
        app = create_app(folder / f"{kind}.db", options=Options())
        with app.state.store.writing() as connection:
            if kind == "respan":
                for number in range(RESPAN):
                    body = {
                        "base_model_name": "gpt-4",
                        "display_name": f"m{number}",
                        "input_cost": 2,
                    }
                    respan_table.put_model(connection, respan.merged(respan.new(f"m{number}"), body))
            else:
                tenant = watsonx_table.tenant_id(connection)
                for number in range(WATSONX):
                    new = {"name": f"virtual-model/openai/m{number}", "connection_id": "c", "config": {}}
                    made = watsonx.new_model({**new, "description": f"m{number}"}, tenant=tenant)
                    watsonx_table.put(connection, made.document, sealed=None)
        app.state.store.close()
    return folder


@contextmanager
def large(kind: str, databases: Path, folder: Folder) -> Iterator[Large]:
    copy = folder.path.parent / "served" / "registry.db"
    copy.parent.mkdir()
    copy.write_bytes((databases / f"{kind}.db").read_bytes())
    path = "/api/v1" if kind == "watsonx" else ""
    with live_registry(copy) as live:
        entry = (
            f"{{kind: {kind}, url: '{live.url}{path}', token: {{env: TOKEN}}, requests_per_minute: 600000}}"
        )
        folder.config(f"default_registries: [r]\nregistries: {{r: {entry}}}\n")
        found = Large(live, folder)
        (folder.path / "models" / "models.yaml").unlink()
        for number in range(30):
            name = f"m{number}"
            found.edit(name, respan_manifest(name) if kind == "respan" else watsonx_manifest(name))
        yield found


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "a-token")


@pytest.fixture
def of_respan(databases: Path, folder: Folder) -> Iterator[Large]:
    with large("respan", databases, folder) as found:
        yield found


@pytest.fixture
def of_watsonx(databases: Path, folder: Folder) -> Iterator[Large]:
    with large("watsonx", databases, folder) as found:
        yield found


def respan_manifest(name: str, *, price: str = "2", more: str = "") -> str:
    return (
        f"apiVersion: reconciler/v1\nkind: Model\nmetadata: {{name: {name}}}\nspec:\n"
        f"  display_name: {name}\n"
        f"  pricing: {{unit: 1M tokens, currency: USD, input: {price}}}\n"
        f"  native: {{respan: {{base_model_name: gpt-4}}}}\n{more}"
    )


def watsonx_manifest(name: str, *, text: str = "") -> str:
    return (
        f"apiVersion: reconciler/v1\nkind: Model\nmetadata: {{name: {name}}}\nspec:\n"
        f"  provider: openai\n  model: {name}\n  description: {text or name}\n"
        "  native: {watsonx: {connection_id: c}}\n"
    )


def part(result: Result) -> dict[str, Any]:
    assert result.code == 0, result.err
    document = result.document
    [found] = document.get("plan", document)["registries"]
    assert isinstance(found, dict)
    return found


def operations(found: dict[str, Any]) -> dict[str, str]:
    return {action["name"]: action["operation"] for action in found["actions"]}


PAGES = -(-(RESPAN + VENDORS) // 100)


def test_one_of_respans_hundreds_is_asked_for_by_name(of_respan: Large, cli: Run) -> None:
    found = part(cli("plan", "--only", "m7", "-o", "json"))
    assert operations(found) == {"m7": "none"}
    assert of_respan.asked() == ["POST /api/models/list/", "GET /api/providers/"]
    [wanted] = of_respan.filters()
    assert wanted == {"model_name": {"operator": "in", "value": ["gpt-4", "m7"]}}
    of_respan.live.seen.clear()
    whole = part(cli("plan", "-o", "json"))
    assert of_respan.asked().count("POST /api/models/list/") == PAGES
    assert (whole["own"], len(whole["left_alone"]), whole["in_part"]) == (RESPAN, RESPAN - 30, False)


def test_what_a_narrow_plan_does_not_know_it_does_not_say(of_respan: Large, cli: Run) -> None:
    found = part(cli("plan", "--only", "m7", "-o", "json"))
    assert (found["in_part"], found["own"], found["left_alone"], found["vendor_owned"]) == (True, None, [], 0)
    out = cli("plan", "--only", "m7").out
    assert "  left alone: not known; only what the chosen manifests mean was read\n" in out
    assert "left alone: not known" in cli("drift", "--only", "m7").out
    drift = cli("drift", "--only", "m7", "-o", "json").document
    assert drift["registries"][0]["in_part"] is True
    assert "left alone: not known" in cli("plan", "--only", "m7", "-o", "markdown").out


def test_an_apply_of_one_reads_and_proves_that_one(of_respan: Large, cli: Run) -> None:
    of_respan.edit("m7", respan_manifest("m7", price="2.2"))
    result = cli("apply", "--yes", "--only", "m7")
    assert (result.code, "Apply: 1 done." in result.out) == (0, True)
    once = ["POST /api/models/list/", "GET /api/providers/"]
    assert of_respan.asked() == [*once, "PATCH /api/models/m7/", *once]
    assert operations(part(cli("plan", "--only", "m7", "-o", "json"))) == {"m7": "none"}


def test_a_field_that_only_others_tell_of_is_proven_by_reading_them(of_respan: Large, cli: Run) -> None:
    of_respan.edit("m7", respan_manifest("m7").replace("display_name: m7", "display_name: Seven"))
    assert cli("apply", "--yes", "--only", "m7").code == 0
    lists = [one for one in of_respan.filters() if one == {}]
    assert len(lists) == PAGES


def test_what_is_new_rests_on_everything(of_respan: Large, cli: Run) -> None:
    of_respan.edit("new", respan_manifest("new").replace("display_name: new", "display_name: m599"))
    result = cli("plan", "--only", "new", "-o", "json")
    [action] = result.document["registries"][0]["actions"]
    assert [refusal["code"] for refusal in action["refusals"]] == ["rename"]
    assert result.document["registries"][0]["in_part"] is False
    assert len(of_respan.filters()) == 1 + PAGES


def test_updates_that_may_be_too_large_a_share_are_counted(of_respan: Large, cli: Run) -> None:
    names = [f"m{number}" for number in range(4)]
    for name in names:
        of_respan.edit(name, respan_manifest(name, price="2.2"))
    three = part(cli("plan", "--only", "m[0-2]", "-o", "json"))
    assert (three["in_part"], set(operations(three).values())) == (True, {"update"})
    four = part(cli("plan", "--only", "m[0-3]", "-o", "json"))
    assert (four["in_part"], four["own"], set(operations(four).values())) == (False, RESPAN, {"update"})


def test_a_server_that_takes_no_filter_is_read_whole(of_respan: Large, cli: Run) -> None:
    def answer(seen: Any) -> tuple[int, Any] | None:
        filtered = seen.path.endswith("/list/") and json.loads(seen.body)["filters"]
        return (400, {"detail": "Unsupported filter"}) if filtered else None

    of_respan.live.answer = answer
    found = part(cli("plan", "--only", "m7", "-o", "json"))
    assert (operations(found), found["in_part"]) == ({"m7": "none"}, False)


def test_a_server_that_does_not_go_by_the_filter_is_read_whole(of_respan: Large, cli: Run) -> None:
    other = {"model_name": "another", "affiliation_category": "custom"}

    def answer(seen: Any) -> tuple[int, Any] | None:
        filtered = seen.path.endswith("/list/") and json.loads(seen.body)["filters"]
        return (200, {"results": [other], "next": "https://elsewhere.invalid/"}) if filtered else None

    of_respan.live.answer = answer
    found = part(cli("plan", "--only", "m7", "-o", "json"))
    assert (operations(found), found["in_part"]) == ({"m7": "none"}, False)
    assert len(of_respan.filters()) == 1 + PAGES


def test_a_narrow_plan_that_is_saved_is_applied(of_respan: Large, cli: Run) -> None:
    of_respan.edit("m7", respan_manifest("m7", price="2.2"))
    assert cli("plan", "--only", "m7", "--out", "plan.json").code == 0
    assert "left alone: not known" in cli("show", "plan.json").out
    result = cli("apply", "plan.json", "--yes")
    assert (result.code, "Apply: 1 done." in result.out) == (0, True)


def test_one_of_watsonx_hundreds_is_asked_for_by_name(of_watsonx: Large, cli: Run) -> None:
    found = part(cli("plan", "--only", "m7", "-o", "json"))
    assert (operations(found), found["in_part"]) == ({"m7": "none"}, True)
    assert of_watsonx.asked() == ["GET /api/v1/models"]


def test_an_update_of_a_whole_object_that_its_own_object_tells_enough_of(of_watsonx: Large, cli: Run) -> None:
    """It shows no provider_config, so others must tell whether the registry ever does."""
    of_watsonx.edit("m7", watsonx_manifest("m7", text="Other"))
    found = part(cli("plan", "--only", "m7", "-o", "json"))
    assert (operations(found), found["in_part"]) == ({"m7": "update"}, False)
    assert of_watsonx.asked() == ["GET /api/v1/models"] * 2


def test_creates_look_for_their_own_names_before_they_are_sent(of_watsonx: Large, cli: Run) -> None:
    for number in range(5):
        of_watsonx.edit(f"new{number}", watsonx_manifest(f"new{number}"))
    sizes: list[int] = []
    of_watsonx.live.measure = lambda _, size: sizes.append(size)
    result = cli("apply", "--yes")
    assert (result.code, "Apply: 5 done, 30 unchanged." in result.out) == (0, True)
    whole = max(sizes)
    # Once for the plan and once for the proof; everything between them is of single models.
    assert sum(size > whole // 4 for size in sizes) == 2
