"""A request that changes more models than a comment has room for."""

from __future__ import annotations

from cli.folder import manifest

from reconciler.approval import read_approval

from .conftest import House


def test_hundreds_of_models_stay_within_the_forges_sizes(house: House) -> None:
    house.branch("topic")
    house.put("models/many.yaml", "---\n".join(manifest(f"many-{index:04}") for index in range(600)))
    head = house.propose()
    assert house.review().code == 0
    [body] = house.hub.bodies()
    assert 50_000 < len(body) <= 65_000
    assert "**Cut to size:**" in body
    [run] = house.hub.runs()
    approval = read_approval(run["output"]["text"])
    assert (approval.head, approval.reviewed) == (head, None)
    assert approval.actions is not None
    assert len(approval.actions["prod"]) == 600
