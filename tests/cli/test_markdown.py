"""`-o markdown`: what CI posts is on stdout in every ending."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli.run import Asked
from reconciler.planner import Selection

from .conftest import Run
from .folder import Folder, manifest


def test_plan_writes_the_comment_and_nothing_else(cli: Run, folder: Folder) -> None:
    folder.models(manifest("docs-bot"))
    result = cli("plan", "-o", "markdown", "--out", "plan.json", "--only", "docs-*", "--exit-code")
    assert result.code == 2
    assert result.out.startswith("### Plan: 1 to create, 0 to update, 0 unchanged.\n")
    assert "+ pricing.input: 0.15 USD / 1M tokens" in result.out
    assert "`reconciler plan --only 'docs-*'`" in result.out
    assert Path("plan.json").is_file()
    assert "###" not in result.err


def test_the_command_repeats_every_choice(folder: Folder) -> None:
    asked = Asked(("eu", "us"), Selection(("gpt-*",), ("team=a b",)), ("endpoint.api_key",), all_usages=True)
    assert asked.command(folder.path / "reconciler.yaml") == (
        "reconciler plan --registry eu --registry us --only 'gpt-*' --except 'team=a b' "
        "--resend endpoint.api_key --usages"
    )
    assert Asked((), Selection()).command(Path("other") / "r.yaml") == "reconciler plan --config other/r.yaml"


def test_apply_writes_what_became_of_it(cli: Run, folder: Folder) -> None:
    folder.models(manifest("docs-bot"))
    result = cli("apply", "--yes", "-o", "markdown")
    assert result.code == 0
    assert result.out.startswith("### Apply: 1 done.\n")
    assert "<b>done</b> · create · <code>docs-bot</code>" in result.out
    again = cli("apply", "--yes", "-o", "markdown")
    assert again.out.startswith("### Apply: 1 unchanged.\n")


def test_a_saved_plan_is_shown_and_applied_likewise(cli: Run, folder: Folder) -> None:
    folder.models(manifest("docs-bot"))
    cli("plan", "--out", "plan.json")
    shown = cli("show", "plan.json", "-o", "markdown")
    assert shown.out.startswith("### Plan: 1 to create, 0 to update, 0 unchanged.\n")
    assert "`reconciler show plan.json`" in shown.out
    applied = cli("apply", "plan.json", "--yes", "-o", "markdown")
    assert applied.out.startswith("### Apply: 1 done.\n")
    assert "`reconciler show plan.json`" in applied.out


def test_the_cost_of_a_change_is_a_folded_section(cli: Run, folder: Folder) -> None:
    folder.models(manifest("docs-bot"))
    cli("apply", "--yes")
    folder.edit("input: 0.15", "input: 0.30")
    usage = "model,month,input_tokens\ndocs-bot,2026-10,1000000\n"
    (folder.path / "usage.csv").write_text(usage, encoding="utf-8")
    result = cli("plan", "-o", "markdown", "--usage", "usage.csv")
    assert "<summary>What the changed prices would have cost</summary>" in result.out
    assert "+0.15 USD" in result.out


def test_an_error_is_a_short_paragraph_on_stdout_and_all_of_it_on_stderr(cli: Run, folder: Folder) -> None:
    folder.models(manifest("docs-bot", more="  colour: red"))
    result = cli("plan", "-o", "markdown")
    assert result.code == 1
    assert result.out.startswith("**Error:** 1 problem in the input files.\n")
    assert "- `models/models.yaml:" in result.out
    assert "`spec.colour`" in result.out or "colour" in result.out
    assert "  colour:" in result.err


def test_a_wrong_command_line_is_told_there_too(cli: Run, folder: Folder) -> None:
    result = cli("plan", "--only", "nope", "--output=markdown")
    assert result.code == 1
    assert result.out.startswith("**Error:** `'nope'` fits no manifest.")
    assert "error: 'nope' fits no manifest" in result.err


def test_only_plans_and_outcomes_are_markdown(cli: Run, folder: Folder) -> None:
    result = cli("validate", "-o", "markdown")
    assert result.code == 1
    assert "'markdown' is not one of 'text', 'json'" in result.err
