"""Guards over a run, from the command line: plan, apply, saved plans, and read-only registries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.planfile import sealed

from .conftest import Run
from .folder import Folder, manifest


def config(folder: Folder, guards: str = "{}", sandbox: str = "") -> None:
    entry = f"{{kind: orq, embedded: registry.db{sandbox}}}"
    folder.config(f"default_registries: [sandbox]\nregistries: {{sandbox: {entry}}}\nguards: {guards}\n")


def statuses(cli: Run, *arguments: str) -> tuple[int, list[str]]:
    result = cli("apply", *arguments, "--yes", "-o", "json")
    return result.code, [one["status"] for one in result.document["outcome"]["results"]]


@pytest.fixture
def approved(folder: Folder, cli: Run) -> Path:
    """A plan file with one update of `a` and one create of `b`; `a` is live."""
    folder.models(manifest("a"))
    assert cli("apply", "--yes").code == 0
    folder.models(manifest("a", price="0.18"), manifest("b"))
    assert cli("plan", "--out", "plan.json").code == 0
    return folder.path / "plan.json"


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        (("{most_actions: 1}",), ["refused", "refused"]),
        (("{protected: [a]}",), ["refused", "done"]),
        (("{protected: [team=a]}",), ["refused", "done"]),
        (("{}", ", read_only: true"), ["refused", "refused"]),
    ],
)
def test_a_saved_plan_is_held_to_what_the_checkout_says_now(
    folder: Folder, cli: Run, approved: Path, rules: tuple[str, ...], wanted: list[str]
) -> None:
    config(folder, *rules)
    assert statuses(cli, "plan.json") == (3, wanted)
    config(folder)
    before = cli("plan", "-o", "json").document
    changes = [one for one in before["registries"][0]["actions"] if one["operation"] != "none"]
    assert len(changes) == wanted.count("refused")


def test_an_acknowledged_run_can_be_saved_and_applied(folder: Folder, cli: Run, approved: Path) -> None:
    config(folder, "{most_actions: 1}")
    refused = cli("plan", "-o", "json")
    assert refused.code == 3
    [refusal] = refused.document["refusals"]
    told = cli("plan", "-o", "markdown").out
    assert "- **Refused (most-actions)**: the whole run: 2 actions (1 to create, 1 to update)" in told
    assert told.count("- guard: most-actions") == 1
    lines = refusal["acknowledge"].replace("…", "Agreed.")
    head = "apiVersion: reconciler/v1\nkind: Acknowledgements\nacknowledgements:\n"
    (folder.path / "acknowledgements.yaml").write_text(head + lines)
    assert cli("plan", "--out", "plan.json").code == 0
    assert statuses(cli, "plan.json") == (0, ["done", "done"])


def test_labels_that_are_taken_out_of_a_plan_file_protect_all_the_same(
    folder: Folder, cli: Run, approved: Path
) -> None:
    document = json.loads(approved.read_text())
    document["registries"][0]["actions"][0]["labels"] = {}
    approved.write_text(json.dumps(sealed(document)))
    config(folder, "{protected: [team=a]}")
    assert statuses(cli, "plan.json") == (3, ["refused", "done"])


def test_the_number_of_models_is_the_one_of_now_not_that_of_a_plan_file(folder: Folder, cli: Run) -> None:
    names = [f"m{number}" for number in range(10)]
    folder.models(*(manifest(name) for name in names))
    assert cli("apply", "--yes").code == 0
    folder.models(*(manifest(name, price="0.18") for name in names[:4]))
    config(folder, "{update_share: 100%}")
    assert cli("plan", "--out", "plan.json").code == 0
    document = json.loads((folder.path / "plan.json").read_text())
    document["registries"][0]["own"] = 9
    (folder.path / "plan.json").write_text(json.dumps(sealed(document)))
    config(folder)
    assert statuses(cli, "plan.json") == (3, ["refused"] * 4)


def test_a_read_only_registry_is_asked_about_and_never_written_to(
    folder: Folder, cli: Run, approved: Path
) -> None:
    config(folder, sandbox=", read_only: true")
    planned = cli("plan", "--exit-code")
    assert planned.code == 2
    assert "read-only: apply does not do these 2 actions: `read_only: true` (reconciler" in planned.out
    assert "  ~ a\n" in planned.out
    assert (
        "- **Read-only**: `sandbox`: apply does not do these 2 actions" in cli("plan", "-o", "markdown").out
    )
    assert cli("plan").code == 0
    applied = cli("apply")  # nothing to ask about
    assert (applied.code, applied.out.splitlines()[-1]) == (3, "Apply: 2 refused.")
    listed = cli("registries")
    assert listed.code == 0
    assert "registry.db, read-only)" in listed.out
    assert cli("registries", "-o", "json").document["registries"][0]["read_only"] is True
    assert cli("import", "sandbox", "--stdout").code == 0
    (folder.path / "seed.yaml").write_text("orq: {models: []}\n")
    seeded = cli("seed", "sandbox", "seed.yaml")
    assert seeded.code == 1
    assert "registry 'sandbox' is read-only (reconciler.yaml:5:" in seeded.err
