"""Any model that can be made is imported so that a plan has nothing to do, and can be made anew from that."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given

from reconciler.cli.run import observe
from reconciler.importing import Imported, choose, import_objects
from reconciler.registries.interface import Observation

from .house import REGISTRY, House, assert_settled, house, only_action
from .profile import examples
from .strategies import Draft, drafts
from .test_edits import applied

MADE_ANEW = {"created", "updated", "owner", "parameters"}


def imported(home: House) -> Imported:
    """The only live model as a manifest, which takes the place of the one that made it."""
    (home.folder / "models" / "model.yaml").unlink()
    project = home.load()
    found = asyncio.run(observe(project, home.connection))[REGISTRY]
    assert isinstance(found, Observation)
    result = import_objects(project.config, [], found, choose(found, []), set())
    assert not result.skipped
    [one] = result.manifests
    (home.folder / "models" / "model.yaml").write_text(one.text("schema.json"), encoding="utf-8")
    return one


def settled(model: dict[str, Any]) -> dict[str, Any]:
    """A model without what the server makes; of its containers, also without what says nothing."""
    kept = {key: value for key, value in model.items() if key not in MADE_ANEW}
    kept["configuration"] = {key: value for key, value in model["configuration"].items() if value}
    items = [
        {key: value for key, value in item.items() if key != "id" and (value or key == "config")}
        for item in model["parameters"]
    ]
    return {**kept, "parameters": sorted(items, key=lambda item: str(item["parameter"]))}


@examples(60)
@given(drafts())
def test_a_plan_of_what_is_imported_is_empty_and_misses_nothing(draft: Draft) -> None:
    with house() as home:
        applied(home, draft)
        one = imported(home)
        assert one.left_out == ()
        assert_settled(home)
        assert [field.path for field in only_action(home.plan()).unmanaged] == []


@examples(40)
@given(drafts())
def test_a_model_is_made_anew_as_it_was(draft: Draft) -> None:
    with house() as home:
        applied(home, draft)
        before = home.only()
        text = imported(home).text("schema.json")
    with house() as empty:
        (empty.folder / "models" / "model.yaml").write_text(text, encoding="utf-8")
        _, [result] = empty.apply()
        assert result.status == "done", (result.reason, result.failure, text)
        assert settled(empty.only()) == settled(before), text
