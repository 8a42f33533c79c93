"""Plan files: what is written is read back as it was."""

from __future__ import annotations

from pathlib import Path

from house import House, manifest, one
from orq_server import live_model

from reconciler.errors import ExitCode
from reconciler.planfile import hold_against, read_plan
from reconciler.report.documents import plan_document, render


def test_a_plan_about_half_a_character_is_read_back(tmp_path: Path) -> None:
    house = House(tmp_path, manifests=[manifest(native={"orq": {"id": "support-mini"}})])
    plan = house.plan([live_model(display_name="half \ud800")])
    assert one(plan).operation == "update"
    document = render(plan_document(plan, ExitCode.OK))
    again = read_plan(document.encode(), "plan.json")
    assert again.digest == plan.digest
    assert again.actions()[0].changes[0].live.value == "half \ufffd"
    hold_against(again, house.write(), "plan.json")
