"""What moved in the registries since the last apply, and who moved it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from published import published
from test_schemas import closed

from .conftest import Run
from .folder import Folder, Result, manifest, provider
from .live import Live
from .test_diff import commit, git

SCHEMA = Draft202012Validator(closed(published("drift.schema.json")))


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def repository(folder: Folder) -> Folder:
    git("init", "-q", "-b", "main")
    (folder.path / ".gitignore").write_text("registry.db*\n.reconciler/\ntheirs/\n")
    return folder


def committed(folder: Folder, *models: str) -> None:
    folder.models(*models)
    commit("models")


def applied(cli: Run, *options: str) -> None:
    result = cli("apply", "--yes", *options)
    assert result.code == 0, result.err


def by_hand(folder: Folder, cli: Run, *models: str) -> None:
    """Somebody else brings live objects to what ``models`` say, from a folder of their own."""
    theirs = folder.path / "theirs"
    (theirs / "models").mkdir(parents=True, exist_ok=True)
    text = (folder.path / "reconciler.yaml").read_text().replace("embedded: ", "embedded: ../")
    (theirs / "reconciler.yaml").write_text(text)
    (theirs / "models" / "models.yaml").write_text("---\n".join(models))
    applied(cli, "--config", "theirs/reconciler.yaml")


def findings(result: Result) -> dict[str, Any]:
    """By the name of the manifest: the state and the verdict, and those of the fields."""
    document = json.loads(result.out, parse_float=Decimal)
    assert [error.message for error in SCHEMA.iter_errors(document)] == []
    assert document["exit_code"] == result.code
    return {
        one["name"]: (one["state"], one["verdict"], {each["path"]: each["verdict"] for each in one["fields"]})
        for registry in document["registries"]
        for one in registry["findings"]
    }


def drift(cli: Run, *options: str) -> Result:
    return cli("drift", "--exit-code", "-o", "json", *options)


# ---- with the journal and its commits


def test_as_declared_is_no_drift(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    result = cli("drift", "--exit-code")
    assert (result.code, result.out.splitlines()[-1]) == (0, "Drift: none; 1 as declared.")
    assert findings(drift(cli)) == {}


def test_the_registry_moved(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"), manifest("b"))
    applied(cli)
    by_hand(repository, cli, manifest("a", price="0.20"))
    result = cli("drift", "--exit-code")
    assert result.code == 2
    line = "pricing.input: live 0.20 USD / 1M tokens, declared 0.15 USD / 1M tokens: the registry moved"
    assert f"      {line}\n" in result.out
    assert "last changed there at " in result.out
    assert f"(commit {git('rev-parse', '--short=12', 'HEAD')})" in result.out
    assert result.out.endswith("\nDrift: 1 moved in the registry; 1 as declared.\n")
    assert findings(drift(cli)) == {"a": ("differs", "registry", {"pricing.input": "registry"})}


def test_what_only_git_moved_is_listed_apart_and_is_no_drift(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    committed(repository, manifest("a", price="0.20"), manifest("b"))
    result = cli("drift", "--exit-code")
    assert result.code == 0
    head, _, rest = result.out.partition("  declared and not applied yet:\n")
    assert "    ~ a\n" in rest
    assert "    + b\n" in rest
    assert "~" not in head
    assert result.out.endswith("\nDrift: none; 2 declared and not applied yet, 0 as declared.\n")
    assert findings(drift(cli)) == {
        "a": ("differs", "git", {"pricing.input": "git"}),
        "b": ("absent", "git", {}),
    }


def test_both_moved_one_field_and_each_moved_another(repository: Folder, cli: Run) -> None:
    more = "  limits: {context_window: %d, max_output_tokens: %d}"
    committed(repository, manifest("a", more=more % (8, 4)))
    applied(cli)
    by_hand(repository, cli, manifest("a", price="0.20", more=more % (9, 4)))
    committed(repository, manifest("a", price="0.25", more=more % (8, 5)))
    result = drift(cli)
    assert result.code == 2
    assert findings(result) == {
        "a": (
            "differs",
            "both",
            {
                "pricing.input": "both",
                "limits.context_window": "registry",
                "limits.max_output_tokens": "git",
            },
        )
    }
    assert ", last applied 0.15 USD / 1M tokens: both moved\n" in cli("drift").out


def test_another_spelling_in_git_is_no_move_of_git(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    by_hand(repository, cli, manifest("a", price="0.20"))
    committed(repository, manifest("a", price="0.00015 / 1K tokens"))
    assert findings(drift(cli))["a"][2] == {"pricing.input": "registry"}


def test_a_field_that_is_declared_anew_is_not_applied_yet(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    committed(repository, manifest("a", more="  limits: {context_window: 9}"))
    result = drift(cli)
    assert (result.code, findings(result)) == (0, {"a": ("differs", "git", {"limits.context_window": "git"})})


def test_what_an_apply_made_and_is_there_no_more_is_gone(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    (repository.path / "registry.db").unlink()
    result = cli("drift", "--exit-code")
    assert result.code == 2
    run = cli("history", "-o", "json").document["runs"][0]["run"]
    assert f"  - a: gone since run {run} of " in result.out
    assert findings(drift(cli)) == {"a": ("absent", "registry", {})}


def test_an_object_that_a_later_run_found_as_declared_is_known_by_that_run(
    repository: Folder, cli: Run
) -> None:
    """The manifest was moved to another file meanwhile, and nothing of it had to be sent."""
    committed(repository, manifest("a"))
    applied(cli)
    repository.models(manifest("b"))
    (repository.path / "models" / "other.yaml").write_text(manifest("a"))
    commit("two")
    applied(cli)
    by_hand(repository, cli, manifest("a", price="0.20"))
    [finding] = drift(cli).document["registries"][0]["findings"]
    assert finding["since"]["commit"] == git("rev-parse", "HEAD")
    assert finding["verdict"] == "registry"


def test_a_run_about_some_manifests_says_nothing_of_the_others(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"), manifest("b"))
    applied(cli)
    first = git("rev-parse", "HEAD")
    by_hand(repository, cli, manifest("a", price="0.20"))
    committed(repository, manifest("a"), manifest("b", price="0.20"))
    applied(cli, "--only", "b")
    [finding] = drift(cli).document["registries"][0]["findings"]
    assert (finding["since"]["commit"], finding["verdict"]) == (first, "registry")


# ---- where no commit tells


def test_without_git_what_a_run_has_sent_tells(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    applied(cli)
    by_hand(folder, cli, manifest("a", price="0.20"))
    assert findings(drift(cli)) == {"a": ("differs", "registry", {"pricing.input": "registry"})}
    folder.models(manifest("a", price="0.2"))
    assert findings(drift(cli)) == {}
    folder.models(manifest("a", price="0.30"))
    assert findings(drift(cli)) == {"a": ("differs", "both", {"pricing.input": "both"})}


def test_what_was_not_committed_when_it_was_applied_is_known_only_as_far_as_it_was_sent(
    repository: Folder, cli: Run
) -> None:
    committed(repository, manifest("a"))
    repository.models(manifest("a", more="  limits: {context_window: 8}"))
    applied(cli)
    by_hand(repository, cli, manifest("a", price="0.20", more="  limits: {context_window: 9}"))
    result = drift(cli)
    assert findings(result)["a"][2] == {"pricing.input": "registry", "limits.context_window": "registry"}
    [finding] = result.document["registries"][0]["findings"]
    assert finding["since"]["commit"] is None


def test_without_any_record_nobody_can_tell_and_that_counts(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    shutil.rmtree(repository.path / ".reconciler")
    committed(repository, manifest("a", price="0.20"), manifest("b"))
    result = cli("drift", "--exit-code")
    assert result.code == 2
    assert "declared 0.20 USD / 1M tokens: cannot tell who moved\n" in result.out
    assert "  - b: is not there, and whether it ever was cannot be told\n" in result.out
    assert "no commit here says what was applied last; --since REV names one" in result.out
    assert result.out.endswith("\nDrift: 2 cannot be told; 0 as declared.\n")
    assert cli("drift").code == 0


def test_a_commit_that_git_has_no_more_is_named(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    committed(repository, manifest("a"), manifest("b"))
    applied(cli)
    by_hand(repository, cli, manifest("a", price="0.20"))
    shutil.rmtree(repository.path / ".git")
    git("init", "-q", "-b", "main")
    commit("anew")
    [finding] = drift(cli).document["registries"][0]["findings"]
    assert finding["verdict"] == "unknown"
    assert "git knows no revision" in finding["reason"]


def test_another_address_is_another_registry(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    repository.registries(sandbox="embedded: registry.db-other")
    commit("moved")
    assert findings(drift(cli)) == {"a": ("absent", "unknown", {})}
    [finding] = drift(cli, "--since", "HEAD~1").document["registries"][0]["findings"]
    assert "has no registry 'sandbox' of this kind and address" in finding["reason"]


def test_a_run_that_may_have_written_leaves_doubt(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    committed(repository, manifest("a", price="0.20"))
    applied(cli)
    newest = max((repository.path / ".reconciler" / "journal").iterdir())
    kept = [line for line in newest.read_text().splitlines() if '"record":"results"' not in line]
    newest.write_text("\n".join(kept[:2]) + "\n")
    by_hand(repository, cli, manifest("a", price="0.25"))
    [finding] = drift(cli).document["registries"][0]["findings"]
    assert finding["verdict"] == "unknown"
    assert "may have written it, and did not end" in finding["reason"]


def test_a_record_that_cannot_be_read_leaves_doubt(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    applied(cli)
    folder.models(manifest("a"), manifest("b"))
    applied(cli)
    by_hand(folder, cli, manifest("a", price="0.20"), manifest("b", price="0.20"))
    newest = max((folder.path / ".reconciler" / "journal").iterdir())
    torn = newest.with_name("99999999T000000000Z-0123abcd.jsonl")
    torn.write_text("no journal\n")
    found = drift(cli)
    assert {verdict for _, verdict, _ in findings(found).values()} == {"unknown"}
    assert torn.name in found.document["registries"][0]["findings"][0]["reason"]
    # What a newer run has sent is known, whatever is older.
    torn.rename(newest.with_name(f"00000000T000000000Z-{torn.name[-14:]}"))
    assert {verdict for _, verdict, _ in findings(drift(cli)).values()} == {"registry"}


# ---- with a revision


def test_since_says_what_was_applied_last(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"), manifest("c"))
    applied(cli)
    shutil.rmtree(repository.path / ".reconciler")
    git("tag", "applied")
    by_hand(repository, cli, manifest("a", price="0.20"))
    committed(repository, manifest("a"), manifest("b"), manifest("c", price="0.30"))
    result = drift(cli, "--since", "applied")
    assert findings(result) == {
        "a": ("differs", "registry", {"pricing.input": "registry"}),
        "b": ("absent", "git", {}),
        "c": ("differs", "git", {"pricing.input": "git"}),
    }
    assert (result.code, result.document["since"]) == (2, git("rev-parse", "applied"))


def test_a_mistake_in_that_revision_is_told_and_what_it_hides_cannot_be_told(
    repository: Folder, cli: Run
) -> None:
    committed(repository, manifest("a").replace("pricing", "prices"))
    committed(repository, manifest("a"))
    [finding] = drift(cli, "--since", "HEAD~1").document["registries"][0]["findings"]
    assert finding["verdict"] == "unknown"
    assert "cannot be read whole: HEAD~1:models/models.yaml:10:3" in finding["reason"]


def test_a_revision_that_git_does_not_have_is_an_error(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    result = cli("drift", "--since", "nowhere")
    assert (result.code, "git knows no revision 'nowhere'" in result.err) == (1, True)


# ---- what is refused, what cannot be read, what is not compared


def test_what_an_apply_would_refuse_is_drift_all_the_same(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    by_hand(repository, cli, manifest("a", price="0.20"))
    text = (repository.path / "reconciler.yaml").read_text()
    (repository.path / "reconciler.yaml").write_text(f"{text}guards: {{price_change: {{fall: 1%}}}}\n")
    plan = cli("plan")
    assert plan.code == 3, plan.err
    result = cli("drift", "--exit-code")
    assert result.code == 2
    assert "an apply would refuse it (" in result.out
    assert findings(drift(cli))["a"][1] == "registry"


def test_a_manifest_that_is_refused_and_was_never_applied_is_git_s(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    committed(repository, manifest("a"), manifest("b").replace("USD", "EUR"))
    result = drift(cli)
    assert (result.code, findings(result)) == (0, {"b": ("absent", "git", {})})


def test_what_no_object_can_be_compared_with_is_refused(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"), provider("p"))
    applied_or_refused = cli("apply", "--yes")
    assert applied_or_refused.code == 3
    result = cli("drift", "--exit-code")
    assert result.code == 3
    assert "  ! provider p: cannot be compared: " in result.out


def test_a_registry_that_does_not_answer_is_an_error(repository: Folder, cli: Run, closed_port: int) -> None:
    repository.registries(sandbox="embedded: registry.db", away=f"url: 'http://127.0.0.1:{closed_port}'")
    committed(repository, manifest("a", registries="sandbox, away"))
    result = cli("drift", "--exit-code")
    assert result.code == 1
    assert "1 registry could not be read." in result.out
    assert "- **Not read**: `away`: " in cli("drift", "-o", "markdown").out


def test_what_no_manifest_names_is_left_alone(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"))
    applied(cli)
    by_hand(repository, cli, manifest("stray"))
    result = cli("drift", "--exit-code")
    assert (result.code, "left alone: 1 model of yours (stray)" in result.out) == (0, True)


def test_nothing_is_written(repository: Folder, cli: Run, serve: Callable[[], Live]) -> None:
    live = serve()
    repository.registries(sandbox=f"url: '{live.url}'")
    committed(repository, manifest("a"))
    cli("drift")
    assert live.written == []
    assert not (repository.path / ".reconciler").exists()


# ---- as markdown


def test_as_markdown_drift_stands_in_a_table_and_the_rest_below(repository: Folder, cli: Run) -> None:
    committed(repository, manifest("a"), manifest("b"))
    applied(cli)
    by_hand(repository, cli, manifest("a", price="0.20"))
    committed(repository, manifest("a"), manifest("b", price="0.30"))
    result = cli("drift", "--exit-code", "-o", "markdown")
    assert result.code == 2
    lines = result.out.splitlines()
    assert lines[0] == "### Drift: 1 moved in the registry; 1 declared and not applied yet, 0 as declared."
    row = "`pricing.input` | `0.20 USD / 1M tokens` | `0.15 USD / 1M tokens` | the registry moved |"
    assert f"| `a` | `sandbox` | {row}" in lines
    assert not any(line.startswith("| `b`") for line in lines)
    assert "<summary><b>not applied yet</b> · <code>b</code></summary>" in lines
    assert lines[-1] == "To see the same on your machine: `reconciler drift`"


def test_markdown_of_many_keeps_to_the_limit_of_a_forge(repository: Folder, cli: Run) -> None:
    committed(repository, *(manifest(f"model-with-a-rather-long-name-{number}") for number in range(300)))
    result = cli("drift", "-o", "markdown")
    assert len(result.out.encode()) < 65_000
    assert "**Cut to size:** " in result.out
