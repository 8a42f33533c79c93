"""`--since`: a plan, or an apply, of what git says has changed, and of what a changed shared file reaches."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.run import Asked
from reconciler.planner import Selection

from .conftest import Run
from .folder import Folder, Result, manifest, provider
from .live import Live
from .test_diff import commit, git, put

CONFIG = """\
default_registries: [sandbox]
registries:
  sandbox: {kind: orq, embedded: registry.db}
  other: {kind: orq, embedded: other.db}
secrets:
  ONE_KEY: {env: ONE_KEY, hosts: [llm.example.com]}
  TWO_KEY: {env: TWO_KEY, hosts: [llm.example.com]}
"""


@pytest.fixture
def repository(folder: Folder) -> Folder:
    """One commit, called `start`: `a` and `b` in two files, `c` and `d` in one, `d` for another registry."""
    git("init", "-q", "-b", "main")
    (folder.path / ".gitignore").write_text("*.db*\n.reconciler/\nplan.json\n")
    (folder.path / "models" / "models.yaml").unlink()
    folder.config(CONFIG)
    put(folder, "a.yaml", manifest("a"))
    put(folder, "b.yaml", manifest("b"))
    put(folder, "both.yaml", f"{manifest('c')}---\n{manifest('d', registries='other')}")
    commit("one")
    git("tag", "start")
    return folder


def planned(result: Result) -> dict[str, list[str]]:
    """The manifests that a plan is about, by registry."""
    return {
        part["name"]: [action["name"] for action in part["actions"]] for part in result.document["registries"]
    }


def since(cli: Run, *options: str, revision: str = "start") -> dict[str, list[str]]:
    result = cli("plan", "--since", revision, "-o", "json", *options)
    assert result.err == ""
    return planned(result)


def notes(cli: Run, *options: str) -> list[str]:
    found: list[str] = cli("plan", "--since", "start", "-o", "json", *options).document["notes"]
    return found


# ---- manifests


def test_nothing_has_changed(repository: Folder, cli: Run) -> None:
    assert since(cli) == {}
    result = cli("plan", "--since", "start")
    assert result.out.splitlines()[-1] == "No changes: no manifest that this run is about has changed."
    assert not (repository.path / "registry.db").exists()  # nobody has asked it anything


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("committed", [False, True])
def test_what_is_edited_counts_whether_it_is_committed_or_not(
    repository: Folder, cli: Run, *, add: bool, committed: bool
) -> None:
    put(repository, "a.yaml", manifest("a", price="0.20"))
    if add:
        git("add", "-A")
    if committed:
        commit("two")
    assert since(cli) == {"sandbox": ["a"]}


def test_a_new_file_counts_also_where_git_ignores_it(repository: Folder, cli: Run) -> None:
    put(repository, "below/new.yaml", manifest("new"))
    assert since(cli) == {"sandbox": ["new"]}
    (repository.path / ".gitignore").write_text("models/below\n*.db*\n")
    assert since(cli) == {"sandbox": ["new"]}


def test_of_a_file_only_the_documents_that_say_something_else(repository: Folder, cli: Run) -> None:
    put(repository, "both.yaml", f"{manifest('c', price='0.2')}---\n{manifest('d', registries='other')}")
    assert since(cli) == {"sandbox": ["c"]}


def test_another_spelling_or_another_file_is_no_change(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", "# a remark\n" + manifest("a", price="0.150"))
    (repository.path / "models" / "b.yaml").rename(repository.path / "models" / "z.yaml")
    assert since(cli) == {}


def test_a_flag_and_a_number_are_not_the_same(repository: Folder, cli: Run) -> None:
    native = "  native: {watsonx: {config: {metadata: {x: 1}}}}"
    put(repository, "a.yaml", manifest("a", more=native))
    commit("one more")
    put(repository, "a.yaml", manifest("a", more=native.replace("1", "true")))
    assert since(cli, revision="HEAD") == {"sandbox": ["a"]}


def test_an_override_counts_for_its_registry_alone(repository: Folder, cli: Run) -> None:
    both = "sandbox, other"
    put(repository, "a.yaml", manifest("a", registries=both))
    commit("in both")
    git("tag", "-f", "start")
    override = "  overrides: {other: {family: gpt-5}}"
    put(repository, "a.yaml", manifest("a", registries=both, more=override))
    assert since(cli) == {"other": ["a"]}
    put(repository, "a.yaml", manifest("a", registries=both, price="0.2", more=override))
    assert since(cli) == {"sandbox": ["a"], "other": ["a"]}


def test_a_registry_that_is_added_to_a_manifest(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a", registries="sandbox, other"))
    assert since(cli) == {"other": ["a"]}


def test_a_label_alone_is_a_change(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a").replace("team: a", "team: z"))
    assert since(cli) == {"sandbox": ["a"]}


def test_what_went_away_is_named_and_nothing_is_done_to_it(repository: Folder, cli: Run) -> None:
    assert cli("apply", "--yes").code == 0
    (repository.path / "models" / "a.yaml").unlink()
    put(repository, "both.yaml", manifest("c", registries="sandbox"))
    put(repository, "b.yaml", manifest("b", registries="other"))
    assert since(cli) == {"other": ["b"]}
    short = git("rev-parse", "start")[:12]
    gone = f"no longer managed since start ({short}): a, b in sandbox, d; what is live stays"
    assert notes(cli)[1] == gone
    assert "  note: " not in cli("plan", "--since", "start", "--only", "b").out.splitlines()[0]
    assert notes(cli, "--only", "b")[1] == gone.replace("a, b in sandbox, d", "b in sandbox")


def test_a_registry_that_is_no_default_any_more_is_named_with_what_it_had(
    repository: Folder, cli: Run
) -> None:
    both = CONFIG.replace("default_registries: [sandbox]", "default_registries: [sandbox, other]")
    repository.config(both)
    put(repository, "named.yaml", manifest("named", registries="sandbox, other"))
    put(repository, "house.yaml", provider("house"))
    commit("two defaults")
    git("tag", "-f", "start")
    repository.config(CONFIG)
    put(repository, "b.yaml", manifest("b", price="0.20"))
    short = git("rev-parse", "start")[:12]
    assert since(cli) == {"sandbox": ["b"]}
    said = f"no longer managed since start ({short}): "
    left = "b in other, a in other, c in other, provider house in other; what is live stays"
    assert notes(cli)[1] == said + left
    assert notes(cli, "--only", "a")[1] == f"{said}a in other; what is live stays"
    repository.config(both)
    assert len(notes(cli)) == 1


def test_the_patterns_choose_from_what_has_changed(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a", price="0.20"))
    put(repository, "both.yaml", f"{manifest('c', price='1')}---\n{manifest('d', registries='other')}")
    assert since(cli) == {"sandbox": ["a", "c"]}
    assert since(cli, "--only", "team=a") == {"sandbox": ["a"]}
    assert since(cli, "--except", "a") == {"sandbox": ["c"]}
    assert since(cli, "--only", "b") == {}
    assert since(cli, "--registry", "other") == {}
    assert since(cli, "--registry", "sandbox", "--only", "c") == {"sandbox": ["c"]}


def test_a_mistake_in_any_manifest_still_stops_the_plan(repository: Folder, cli: Run) -> None:
    put(repository, "b.yaml", manifest("b").replace("type: chat", "type: chatt"))
    commit("broken")
    put(repository, "a.yaml", manifest("a", price="0.20"))
    result = cli("plan", "--since", "HEAD")
    assert result.code == 1
    assert "models/b.yaml" in result.err


def test_a_manifest_that_has_not_changed_still_holds_its_object(repository: Folder, cli: Run) -> None:
    """Two that mean one live object are told, though the plan is about one of them."""
    assert cli("apply", "--yes").code == 0
    put(repository, "new.yaml", manifest("new", native="{id: a}"))
    result = cli("plan", "--since", "start")
    assert result.code == 3
    assert "several manifests mean the live model a" in result.out
    assert "  ! new" in result.out


# ---- which commit


def test_what_the_other_branch_gained_is_none_of_ours(repository: Folder, cli: Run) -> None:
    git("checkout", "-qb", "topic")
    put(repository, "a.yaml", manifest("a", price="0.20"))
    commit("ours")
    git("checkout", "-q", "main")
    put(repository, "b.yaml", manifest("b", price="0.30"))
    commit("theirs")
    git("checkout", "-q", "topic")
    assert since(cli, revision="main") == {"sandbox": ["a"]}
    document = cli("plan", "--since", "main", "-o", "json").document
    assert document["scope"]["since"] == git("rev-parse", "start")


def test_a_revision_that_git_does_not_know(repository: Folder, cli: Run) -> None:
    result = cli("plan", "--since", "nowhere")
    assert result.code == 1
    assert "git knows no revision 'nowhere' here" in result.err
    assert "fetch-depth: 0" in result.err
    assert not (repository.path / "registry.db").exists()


def test_an_option_in_the_place_of_a_revision_is_none(repository: Folder, cli: Run) -> None:
    assert "git knows no revision '--all' here" in cli("plan", "--since=--all").err


def test_a_clone_that_is_too_shallow(
    repository: Folder, cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("checkout", "-qb", "topic")
    put(repository, "a.yaml", manifest("a", price="0.20"))
    commit("ours")
    git("checkout", "-q", "main")
    put(repository, "b.yaml", manifest("b", price="0.30"))
    commit("theirs")
    shallow = tmp_path / "shallow"
    git(
        "clone",
        "-q",
        "--depth=1",
        "--no-single-branch",
        "-b",
        "topic",
        repository.path.as_uri(),
        str(shallow),
    )
    monkeypatch.chdir(shallow)
    result = cli("plan", "--since", "origin/main")
    assert result.code == 1
    assert "git knows no commit that both" in result.err
    assert "fetch-depth: 0" in result.err
    result = cli("plan", "--since", "start")
    assert "fetch-depth: 0" in result.err


def test_histories_that_have_nothing_in_common(repository: Folder, cli: Run) -> None:
    git("checkout", "-q", "--orphan", "other")
    commit("another beginning")
    result = cli("plan", "--since", "main")
    assert result.code == 1
    assert "name a commit that this one comes from" in result.err


def test_without_a_repository(folder: Folder, cli: Run) -> None:
    folder.models(manifest("a"))
    result = cli("plan", "--since", "main")
    assert result.code == 1
    assert "not a git repository" in result.err
    assert "run it in a checkout, or leave --since out" in result.err


def test_a_repository_without_a_commit(folder: Folder, cli: Run) -> None:
    git("init", "-q")
    assert "git knows no revision 'HEAD' here" in cli("plan", "--since", "HEAD").err


def test_manifests_outside_of_the_repository(repository: Folder, cli: Run) -> None:
    outside = repository.path.parent / "outside"
    shutil.move(repository.path / "models", outside)
    file = repository.path / "reconciler.yaml"
    file.write_text(file.read_text().replace("manifests: models/", "manifests: ../outside"))
    commit("elsewhere")
    result = cli("plan", "--since", "HEAD")
    assert result.code == 1
    assert "the folder of manifests, '../outside', is not in the repository" in result.err
    assert "--since needs reconciler.yaml and the manifests in one repository" in result.err


def test_a_project_below_the_top_of_the_repository(
    folder: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.models(manifest("a"), manifest("b"))
    monkeypatch.chdir(folder.path.parent)
    git("init", "-q")
    commit("one")
    folder.models(manifest("a"), manifest("b", price="0.2"))
    assert since(cli, "--config", "project/reconciler.yaml", revision="HEAD") == {"sandbox": ["b"]}
    monkeypatch.chdir(folder.path / "models")
    assert since(cli, "--config", "../reconciler.yaml", revision="HEAD") == {"sandbox": ["b"]}


def test_before_there_was_a_project_everything_is_new(folder: Folder, cli: Run) -> None:
    git("init", "-q")
    git("commit", "-qm", "nothing", "--allow-empty")
    folder.models(manifest("a"), manifest("b"))
    assert since(cli, revision="HEAD") == {"sandbox": ["a", "b"]}
    [note] = cli("plan", "--since", "HEAD", "-o", "json").document["notes"]
    assert note.startswith("everything counts as changed since HEAD (")
    assert note.endswith("): reconciler.yaml was not there")


def test_what_was_broken_then_is_compared_as_it_was_written(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a").replace("type: chat", "type: chatt"))
    put(repository, "b.yaml", "{{{")
    commit("broken")
    put(repository, "a.yaml", manifest("a"))
    put(repository, "b.yaml", manifest("b"))
    assert since(cli, revision="HEAD") == {"sandbox": ["a", "b"]}


def test_a_configuration_that_was_broken_then(repository: Folder, cli: Run) -> None:
    text = (repository.path / "reconciler.yaml").read_text()
    (repository.path / "reconciler.yaml").write_text("registries: 7\n")
    commit("broken")
    (repository.path / "reconciler.yaml").write_text(text)
    assert since(cli, revision="HEAD") == {"sandbox": ["a", "b", "c"], "other": ["d"]}


# ---- what shared files reach


def reconfigured(repository: Folder, old: str, new: str) -> None:
    file = repository.path / "reconciler.yaml"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "reached"),
    [
        ("embedded: other.db", "embedded: another.db", {"other": ["d"]}),
        ("embedded: other.db", "embedded: other.db, unheld: refuse", {"other": ["d"]}),
        ("embedded: other.db", "embedded: other.db, read_only: true", {"other": ["d"]}),
        ("embedded: other.db", "embedded: other.db, guards: {most_actions: 9}", {"other": ["d"]}),
        ("embedded: other.db", "embedded: other.db, concurrency: 2, requests_per_minute: 10", {}),
        ("default_registries: [sandbox]", "default_registries: [sandbox, other]", {"other": ["a", "b", "c"]}),
        ("secrets:", "journal: elsewhere\nsecrets:", {}),
        ("secrets:", "approval: {allow_direct_push: true}\nsecrets:", {}),
        ("secrets:", "guards: {most_actions: 9}\nsecrets:", {"sandbox": ["a", "b", "c"], "other": ["d"]}),
        ("env: TWO_KEY", "env: OTHER", {}),
    ],
)
def test_what_a_changed_reconciler_yaml_reaches(
    repository: Folder, cli: Run, old: str, new: str, reached: dict[str, list[str]]
) -> None:
    reconfigured(repository, old, new)
    assert since(cli) == reached


def test_a_secret_reaches_the_manifests_that_name_it(repository: Folder, cli: Run) -> None:
    for name in ("one", "two"):
        endpoint = (
            f"  endpoint: {{base_url: 'https://llm.example.com/{name}', region: europe, "
            f"api_key: {{secret: {name.upper()}_KEY}}}}"
        )
        text = "\n".join(
            line
            for line in manifest(name, more=endpoint).splitlines()
            if not line.strip().startswith(("developer", "family", "provider"))
        )
        put(repository, f"{name}.yaml", text)
    commit("keys")
    git("tag", "-f", "start")
    reconfigured(repository, "env: TWO_KEY", "env: OTHER")
    assert since(cli) == {"sandbox": ["two"]}


def test_acknowledgements_reach_what_they_are_about(repository: Folder, cli: Run) -> None:
    def written(*entries: str) -> None:
        head = "apiVersion: reconciler/v1\nkind: Acknowledgements\nacknowledgements:\n"
        lines = "".join(f"- {{digest: {'a' * 64}, reason: so, {entry}}}\n" for entry in entries)
        (repository.path / "acknowledgements.yaml").write_text(head + lines)

    first = "guard: price-zero, model: a, registry: sandbox"
    written(first)
    assert since(cli) == {"sandbox": ["a"]}
    written(first, "guard: update-share, registry: other")
    assert since(cli) == {"sandbox": ["a"], "other": ["d"]}
    commit("acknowledged")
    git("tag", "-f", "start")
    assert since(cli) == {}
    written("guard: update-share, registry: other")
    assert since(cli) == {"sandbox": ["a"]}
    written(first, "guard: update-share, registry: other", "guard: most-actions")
    assert since(cli) == {"sandbox": ["a", "b", "c"], "other": ["d"]}


def test_policies_stop_a_run_and_reach_nothing(repository: Folder, cli: Run) -> None:
    (repository.path / "policies").mkdir()
    (repository.path / "policies" / "one.json").write_text("{}")
    reconfigured(repository, "secrets:", "policies: [policies/*.json]\nsecrets:")
    assert since(cli) == {}


# ---- what is made of it


def test_an_apply_does_what_has_changed_and_nothing_else(repository: Folder, cli: Run) -> None:
    assert cli("apply", "--yes").code == 0
    put(repository, "a.yaml", manifest("a", price="0.20"))
    commit("a")
    put(repository, "b.yaml", manifest("b", price="0.20"))
    result = cli("apply", "--yes", "--since", "HEAD")
    assert result.code == 0
    assert "Apply: 1 done." in result.out
    assert planned(cli("plan", "-o", "json", "--exit-code"))["sandbox"] == ["a", "b", "c"]
    assert "  ~ a" in cli("plan").out
    assert "  ~ b" not in cli("plan").out


def test_a_saved_plan_needs_no_git(repository: Folder, cli: Run) -> None:
    assert cli("apply", "--yes").code == 0
    put(repository, "a.yaml", manifest("a", price="0.20"))
    put(repository, "b.yaml", manifest("b", price="0.20"))
    commit("two")
    put(repository, "b.yaml", manifest("b", price="0.30"))
    assert cli("plan", "--since", "HEAD", "--out", "plan.json").code == 0
    shutil.rmtree(repository.path / ".git")
    shown = cli("show", "plan.json")
    assert "only what has changed since HEAD (" in shown.out
    assert "  ~ b" in shown.out
    assert "  ~ a" not in shown.out
    result = cli("apply", "plan.json", "--yes")
    assert (result.code, "Apply: 1 done." in result.out) == (0, True)
    assert cli("plan", "--since", "HEAD").code == 1


def test_a_saved_plan_that_is_stale_is_held_against_what_it_was_about(repository: Folder, cli: Run) -> None:
    assert cli("apply", "--yes").code == 0
    put(repository, "a.yaml", manifest("a", price="0.20"))
    put(repository, "b.yaml", manifest("b", price="0.20"))
    assert cli("plan", "--since", "start", "--only", "a", "--out", "plan.json").code == 0
    put(repository, "a.yaml", manifest("a", price="0.60"))
    assert cli("apply", "--yes", "--only", "a").code == 0
    result = cli("apply", "plan.json", "--yes", "-o", "json")
    assert result.code == 5
    assert [entry["name"] for entry in result.document["delta"]["entries"]] == ["a"]


def test_a_plan_file_says_itself_what_to_do(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a", price="0.20"))
    assert cli("plan", "--since", "start", "--out", "plan.json").code == 0
    result = cli("apply", "plan.json", "--since", "start", "--yes")
    assert result.code == 1
    assert "nothing can be chosen from it" in result.err


def test_a_digest_is_that_of_a_plan_of_the_same(repository: Folder, cli: Run) -> None:
    put(repository, "a.yaml", manifest("a", price="0.20"))
    digest = cli("plan", "--since", "start", "-o", "json").document["digest"]
    assert cli("plan", "--only", "a", "-o", "json").document["digest"] == digest
    assert cli("apply", "--yes", "--since", "start", "--expect", digest).code == 0


def test_the_command_that_plans_the_same() -> None:
    asked = Asked(("eu",), Selection(("gpt-*",)), since="origin/main")
    line = "reconciler plan --registry eu --only 'gpt-*' --since origin/main"
    assert asked.command(Path("reconciler.yaml")) == line


def test_a_registry_without_a_chosen_manifest_sees_no_request(
    repository: Folder, cli: Run, serve: Callable[..., Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    live, other = serve(), serve()
    registries = "\n".join(
        f"  {name}: {{kind: orq, url: '{one.url}', token: {{env: TOKEN}}}}"
        for name, one in (("sandbox", live), ("other", other))
    )
    monkeypatch.setenv("TOKEN", "a-token-for-the-test")
    repository.config(f"default_registries: [sandbox]\nregistries:\n{registries}\n")
    commit("on sockets")
    put(repository, "a.yaml", manifest("a", price="0.2"))
    for options in (["--since", "HEAD"], ["--only", "a"], ["--registry", "other", "--only", "a"]):
        live.seen.clear()
        assert cli("plan", *options).code == 0
        assert other.seen == []
        assert bool(live.seen) == ("other" not in options)
    assert cli("apply", "--yes", "--since", "HEAD").code == 0
    assert other.seen == []


def test_a_provider_has_changes_of_its_own(repository: Folder, cli: Run) -> None:
    repository.config("default_registries: [s]\nregistries:\n  s: {kind: respan, embedded: registry.db}\n")
    for file in ("a.yaml", "b.yaml", "both.yaml"):
        (repository.path / "models" / file).unlink()
    put(repository, "house.yaml", provider("house"))
    commit("a provider")
    put(repository, "house.yaml", provider("house", "{display_name: Other}"))
    assert since(cli, revision="HEAD") == {"s": ["house"]}
    (repository.path / "models" / "house.yaml").unlink()
    [_, gone] = cli("plan", "--since", "HEAD", "-o", "json").document["notes"]
    assert ": provider house; what is live stays" in gone
