"""`--shard` and `merge`: what several processes do together is what one would have done."""

from __future__ import annotations

import errno
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator
from published import published

from reconciler.journal.actor import actor
from reconciler.journal.lock import only_one
from reconciler.sharding import Shard

from .conftest import Run
from .folder import Folder, Result, manifest, provider
from .live import Answer, Live, Seen, live_registry
from .test_diff import commit, git

SHARDS = 8
PER_MINUTE = 480
CONCURRENCY = 8


class Limited:
    """A server that turns away what one process of ours would not send. It has the clients begin together: no
    read is answered before ``count`` of them have asked."""

    def __init__(self, live: Live, count: int, per_minute: int = PER_MINUTE) -> None:
        self.live = live
        self.turned_away = 0
        self._waited_for = count
        self._per_second = (per_minute - per_minute // 6) / 60
        self._left, self._at = float(per_minute // 6 + CONCURRENCY), time.monotonic()
        self._most = self._left
        live.answer, live.seconds = self._answer, self._seconds  # type: ignore[method-assign]

    def _seconds(self, seen: Seen) -> float:
        if not seen.writes:
            self._waited_for -= 1
            if self._waited_for <= 0:
                self.live.let_go.set()
        return 60.0

    def _answer(self, seen: Seen) -> Answer | None:
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            self.turned_away += 1
            return 429, {"error": "too many"}
        self._left -= 1
        return None


def at_once(folder: Folder, *commands: Sequence[str]) -> list[Result]:
    """Each command in a process of its own, all at the same time."""

    def run(command: Sequence[str]) -> Result:
        with folder.start(*command) as process:
            out, err = process.communicate(timeout=240)
        return Result(process.returncode, out, err)

    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(run, commands))


def kept(folder: Folder, results: Sequence[Result], name: str = "outcome") -> list[str]:
    """The names of files with what each has written."""
    files = []
    for number, result in enumerate(results, start=1):
        files.append(f"{name}-{number}.json")
        (folder.path / files[-1]).write_text(result.out, encoding="utf-8")
    return files


def without_ids(document: dict[str, Any]) -> dict[str, Any]:
    """A report without what is new in every run."""
    for result in document["outcome"]["results"]:
        result.pop("request_ids")
    return {key: value for key, value in document.items() if key not in {"run", "shards"}}


def test_eight_processes_do_what_one_does_each_model_once_and_no_call_too_early(
    folder: Folder, cli: Run, tmp_path: Path
) -> None:
    folder.models(*(manifest(f"model-{index}") for index in range(96)))
    with live_registry(tmp_path / "one" / "registry.db") as live:
        entry = f'url: "{live.url}", requests_per_minute: {PER_MINUTE}, concurrency: {CONCURRENCY}'
        folder.registries(one=entry.replace(str(PER_MINUTE), "60000"))
        assert cli("plan", "--out", "plan.json").code == 0
        alone = cli("apply", "plan.json", "--yes", "-o", "json")
        assert alone.code == 0
    folder.registries(one=entry)
    with live_registry(tmp_path / "eight" / "registry.db", port=urlsplit(live.url).port or 0) as shared:
        limit = Limited(shared, SHARDS)
        shards = [
            ["apply", "plan.json", "--shard", f"{number}/{SHARDS}", "--yes", "-o", "json"]
            for number in range(1, SHARDS + 1)
        ]
        results = at_once(folder, *shards)
        assert [result.code for result in results] == [0] * SHARDS, results
        assert limit.turned_away == 0
        times = Counter(seen.name for seen in shared.written)
        assert times == {f"model-{index}": 1 for index in range(96)}
        assert len(shared.models()) == 96 + 3  # and three of the vendor's
    assert all(result.document["outcome"]["results"] for result in results)
    joined = cli("merge", *kept(folder, results), "-o", "json", "--out", "joined.json")
    assert joined.code == 0
    assert without_ids(joined.document) == without_ids(alone.document)
    assert json.loads((folder.path / "joined.json").read_text()) == joined.document
    text = cli("merge", *(f"outcome-{number}.json" for number in range(1, SHARDS + 1)))
    assert text.out == "Apply: 96 done.\nA new plan is empty.\nJoined from 8 shards.\n"


def test_shards_that_plan_for_themselves_at_the_same_time_do_everything_once(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    live = serve()
    folder.registries(one=f'url: "{live.url}", requests_per_minute: 6000')
    folder.models(*(manifest(f"model-{index}") for index in range(24)))
    limit = Limited(live, 3, 6000)
    shards = [
        ["apply", "--shard", f"{number}/3", "--run", "7", "--yes", "-o", "json"] for number in (1, 2, 3)
    ]
    results = at_once(folder, *shards)
    assert [result.code for result in results] == [0] * 3, results
    assert limit.turned_away == 0
    assert Counter(seen.name for seen in live.written) == {f"model-{index}": 1 for index in range(24)}
    joined = cli("merge", *kept(folder, results))
    assert joined.code == 0
    assert joined.out == "Apply: 24 done.\nA new plan is empty.\nJoined from 3 shards.\n"


def sharded(folder: Folder, cli: Run, count: int, *command: str, code: int = 0) -> list[Result]:
    """Every shard of a command, one after the other."""
    found = []
    for number in range(1, count + 1):
        found.append(cli(*command, "--shard", f"{number}/{count}", "-o", "json"))
        assert found[-1].code == code, found[-1].err
    return found


def valid(schema: str, text: str) -> bool:
    """Whether ``text`` is as a published schema says."""
    return Draft202012Validator(published(f"{schema}.schema.json")).is_valid(json.loads(text))


@pytest.fixture
def live(folder: Folder, serve: Callable[..., Live]) -> Live:
    """A registry that is split by name, with twelve models to make."""
    found = serve()
    folder.registries(one=f'url: "{found.url}", requests_per_minute: 60000')
    folder.models(*(manifest(f"model-{index}") for index in range(12)))
    return found


def test_what_another_shard_has_made_meanwhile_is_no_news(folder: Folder, cli: Run, live: Live) -> None:
    """All of one upstream model: each looks like the others, which the plan has not seen."""
    alike = [manifest(f"model-{index}").replace(f"upstream-model-{index}", "same") for index in range(12)]
    folder.models(*alike)
    assert cli("plan", "--out", "plan.json").code == 0
    results = sharded(folder, cli, 3, "apply", "plan.json", "--yes")
    assert Counter(seen.name for seen in live.written) == {f"model-{index}": 1 for index in range(12)}
    joined = cli("merge", *kept(folder, results), "-o", "json").document
    assert {result["status"] for result in joined["outcome"]["results"]} == {"done"}
    assert [proof["left"] for proof in joined["proof"]] == [[]]
    for result in results:
        assert result.document["plan"]["notes"] == []


def test_plans_of_shards_become_the_plan_of_one_and_can_be_shared_again(
    folder: Folder, cli: Run, live: Live
) -> None:
    alone = cli("plan", "-o", "json").document
    for number in (1, 2, 3):
        assert cli("plan", "--shard", f"{number}/3", "--out", f"plan-{number}.json").code == 0
    files = [f"plan-{number}.json" for number in (3, 1, 2)]
    joined = cli("merge", *files, "--out", "plan.json", "-o", "json")
    assert joined.code == 0
    assert joined.document["digest"] == alone["digest"]
    assert joined.document["registries"] == alone["registries"]
    assert "Plan: 12 to create, 0 to update, 0 unchanged." in cli("show", "plan.json").out
    assert sharded(folder, cli, 2, "apply", "plan.json", "--yes", "--expect", alone["digest"])
    assert len(live.written) == 12


def test_a_shard_says_what_it_is_of(folder: Folder, cli: Run, live: Live) -> None:
    whole = cli("plan", "-o", "json").document
    plan = cli("plan", "--shard", "2/3", "--out", "plan-2.json").out
    own = json.loads((folder.path / "plan-2.json").read_text())["registries"][0]["actions"]
    assert 0 < len(own) < 12
    assert plan.endswith(
        f"Plan: {len(own)} to create, 0 to update, 0 unchanged.\n"
        f"Shard 2/3: {len(own)} of 12 in one, and none of what else the plan has.\n"
        f"Plan digest: {whole['digest']}\n"
    )
    assert valid("plan", (folder.path / "plan-2.json").read_text())
    assert "Shard 2/3" in cli("show", "plan-2.json").out
    markdown = cli("plan", "--shard", "2/3", "-o", "markdown").out
    assert f"Plan digest: `{whole['digest']}`" in markdown
    assert "reconciler plan --shard 2/3" in markdown
    applied = cli("apply", "--shard", "2/3", "--yes").out
    assert applied.endswith(f"Apply: {len(own)} done.\nOf this shard's part, a new plan is empty.\n")
    assert "shard 2/3" in cli("history").out
    [record] = (folder.path / ".reconciler" / "journal").iterdir()
    begin = record.read_text().splitlines()[0]
    assert json.loads(begin)["shard"] == "2/3"
    assert valid("journal", begin)


def test_the_plan_of_a_shard_is_not_applied(folder: Folder, cli: Run, live: Live) -> None:
    """The guards over a run would see a part alone."""
    assert cli("plan", "--shard", "1/3", "--out", "plan-1.json").code == 0
    for more in ([], ["--shard", "1/3"]):
        result = cli("apply", "plan-1.json", "--yes", *more)
        assert result.code == 1
        assert "plan-1.json: it is shard 1/3 of a plan, and only a whole plan can be applied" in result.err
        assert "reconciler merge FILES" in result.err
    assert live.written == []


def test_another_digest_than_the_expected_one_stops_every_shard(folder: Folder, cli: Run, live: Live) -> None:
    digest = cli("plan", "-o", "json").document["digest"]
    folder.edit("name: model-3,", "name: model-99,")
    results = sharded(folder, cli, 3, "apply", "--yes", "--expect", digest, code=5)
    joined = cli("merge", *kept(folder, results))
    assert joined.code == 5
    assert f"and {digest} was expected" in joined.out
    assert live.written == []


# ---- guards


@pytest.mark.parametrize("saved", [False, True], ids=["planned anew", "saved"])
def test_guards_over_a_run_count_the_whole_and_not_each_shard(
    folder: Folder, cli: Run, live: Live, saved: bool
) -> None:
    command = ["apply", "--yes"]
    if saved:
        assert cli("plan", "--out", "plan.json").code == 0
        command.insert(1, "plan.json")
    config = folder.path / "reconciler.yaml"
    config.write_text(config.read_text() + "guards: {most_actions: 11}\n")
    results = sharded(folder, cli, 4, *command, code=3)
    for result in results:
        [refusal] = result.document["plan"]["refusals"]
        assert refusal["measured"] == "12"
    assert live.written == []
    joined = cli("merge", *kept(folder, results), "-o", "json")
    assert joined.code == 3
    alone = cli(*command, "-o", "json").document
    assert joined.document["plan"]["registries"] == alone["plan"]["registries"]
    config.write_text(config.read_text().replace("11", "12"))
    assert sharded(folder, cli, 4, *command)
    assert len(live.written) == 12


# ---- several registries, and what comes first


def test_a_registry_is_read_and_written_by_the_shard_that_has_it(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    one, two = serve(), serve()
    folder.registries(one=f'url: "{one.url}"', two=f'url: "{two.url}"')
    folder.models(*(manifest(f"model-{index}", registries="one, two") for index in range(4)))
    assert cli("plan", "--out", "plan.json").code == 0
    one.seen.clear()
    two.seen.clear()
    first = cli("apply", "plan.json", "--shard", "1/2", "--yes", "-o", "json")
    assert (len(one.written), two.seen) == (4, [])
    second = cli("apply", "plan.json", "--shard", "2/2", "--yes", "-o", "json")
    assert (len(one.written), len(two.written)) == (4, 4)
    joined = cli("merge", *kept(folder, [second, first]), "-o", "json").document
    assert [part["name"] for part in joined["plan"]["registries"]] == ["one", "two"]
    assert [proof["registry"] for proof in joined["proof"]] == ["one", "two"]


def respan_model(name: str, by: str) -> str:
    native = f"{{base_model_name: gpt-4o, custom_provider_id: {by}}}"
    return manifest(name, native="{}").replace("orq: {}", f"respan: {native}")


def test_a_provider_and_its_models_are_in_one_shard(
    folder: Folder, cli: Run, serve: Callable[..., Live]
) -> None:
    live = serve()
    folder.config(
        "default_registries: [one]\nregistries:\n"
        f'  one: {{kind: respan, url: "{live.url}", requests_per_minute: 60000}}\n'
    )
    houses = [f"house-{index}" for index in range(6)]
    models = [respan_model(f"model-{index}-{house}", house) for house in houses for index in range(2)]
    folder.models(*(provider(house) for house in houses), *models)
    assert cli("plan", "--out", "plan.json").code == 0
    results = sharded(folder, cli, 3, "apply", "plan.json", "--yes")
    for result in results:
        names = {each["name"] for each in result.document["outcome"]["results"]}
        assert names == {name for name in names if re.sub(r"model-\d-", "", name) in names}
    assert sum(bool(result.document["outcome"]["results"]) for result in results) > 1
    joined = cli("merge", *kept(folder, results), "-o", "json").document
    assert Counter(each["status"] for each in joined["outcome"]["results"]) == {"done": 18}


def test_a_shard_for_which_nothing_is_left_asks_nobody(folder: Folder, cli: Run, live: Live) -> None:
    folder.registries(one=f'url: "{live.url}", requests_per_minute: 60')
    result = cli("apply", "--shard", "2/2", "--yes")
    assert result.code == 0
    assert "Shard 2/2: nothing of this plan is for it." in result.out
    assert live.seen == []
    plans = [cli("plan", "--shard", f"{number}/2", "-o", "json") for number in (1, 2)]
    assert (
        cli("merge", *kept(folder, plans), "-o", "json").document["digest"]
        == (cli("plan", "-o", "json").document["digest"])
    )


def test_what_has_changed_is_shared_as_everything_is(folder: Folder, cli: Run, live: Live) -> None:
    git("init", "-q", "-b", "main")
    (folder.path / ".gitignore").write_text("*.json\n.reconciler/\n")
    commit("one")
    folder.models(*(manifest(f"model-{index}", price="0.18" if index % 2 else "0.15") for index in range(12)))
    alone = cli("plan", "--since", "HEAD", "--out", "plan.json", "-o", "json").document
    assert len(alone["registries"][0]["actions"]) == 6
    plans = kept(folder, sharded(folder, cli, 3, "plan", "--since", "HEAD"), "plan")
    assert cli("merge", *plans, "-o", "json").document["digest"] == alone["digest"]
    results = sharded(folder, cli, 3, "apply", "--since", "HEAD", "--yes")
    assert Counter(seen.name for seen in live.written) == {f"model-{index}": 1 for index in range(1, 12, 2)}
    joined = cli("merge", *kept(folder, results))
    assert joined.out.startswith("Apply: 6 done.\nOf what was selected, a new plan is empty.\n")


# ---- what goes wrong


def test_a_model_that_fails_fails_in_the_report_of_all(folder: Folder, cli: Run, live: Live) -> None:
    live.answer = lambda seen: (400, {"error": "no"}) if seen.writes and seen.name == "model-5" else None
    results = [cli("apply", "--shard", f"{number}/3", "--yes", "-o", "json") for number in (1, 2, 3)]
    joined = cli("merge", *kept(folder, results))
    assert joined.code == 4
    assert "one: model-5: failed" in joined.out
    assert "Apply: 11 done, 1 failed." in joined.out
    assert "one: a new plan has 1 to create:\n    model-5: create" in joined.out
    [bad] = [number for number, result in enumerate(results, start=1) if result.code]
    assert f"Joined from 3 shards:\n  shard {bad}/3 ended with 4 (outcome-{bad}.json)\n" in joined.out


@pytest.mark.parametrize("saved", [False, True], ids=["planned anew", "saved"])
def test_a_shard_that_ended_half_done_does_the_rest_only_where_it_plans_anew(
    folder: Folder, cli: Run, live: Live, saved: bool
) -> None:
    assert cli("plan", "--out", "plan.json").code == 0
    command = ["apply", *(["plan.json"] if saved else []), "--shard", "1/2", "--yes", "-o", "json"]
    own = [
        each["name"]
        for each in cli("plan", "--shard", "1/2", "-o", "json").document["registries"][0]["actions"]
    ]
    live.answer = lambda seen: (400, {"error": "no"}) if seen.writes and seen.name == own[0] else None
    assert cli(*command).code == 4
    live.answer = lambda seen: None
    live.seen.clear()
    assert cli(*command).code == (5 if saved else 0)
    assert [seen.name for seen in live.written] == ([] if saved else own[:1])
    assert cli("plan", "--out", "plan.json").code == 0
    assert cli(*command).code == 0
    assert [seen.name for seen in live.written] == own[:1]


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No CI that says which run this is."""
    for name in ("RECONCILER_RUN", "GITHUB_RUN_ID", "CI_PIPELINE_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("by_hand")
def test_a_report_of_yesterday_is_not_joined_with_those_of_today(
    folder: Folder, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are of the same manifests, but what the first one wrote is gone."""
    names = ["one", "two"]
    folder.registries(**{name: f"embedded: {name}.db" for name in names})
    folder.models(manifest("m", registries="one, two"))

    def applied(number: int, *run: str) -> Result:
        for name in names:
            (folder.path / f"{name}.db").unlink(missing_ok=True)
        return cli("apply", "--shard", f"{number}/2", "--yes", "-o", "json", *run)

    results = [applied(1, "--run", "mon"), applied(2, "--run", "tue")]
    result = cli("merge", *kept(folder, results))
    assert result.code == 1
    assert "is of another run: the id that it was given is another one" in result.err
    for variable in ("RECONCILER_RUN", "GITHUB_RUN_ID", "CI_PIPELINE_ID"):
        found = []
        for number in (1, 2):
            monkeypatch.setenv(variable, f"day {number}")
            found.append(applied(number))
        assert cli("merge", *kept(folder, found)).code == 1
        assert [each.document["plan"]["shard"]["run"] for each in found] == ["day 1", "day 2"]
        monkeypatch.delenv(variable)
    result = cli("merge", *kept(folder, [applied(1), applied(2, "--run", "tue")]))
    assert result.code == 1


@pytest.mark.usefixtures("by_hand")
def test_where_nothing_says_which_run_it_was_that_is_told(folder: Folder, cli: Run, live: Live) -> None:
    said = "nothing says that these shards are of one run"
    files = kept(folder, sharded(folder, cli, 2, "apply", "--yes"))
    for output in ("text", "markdown", "json"):
        result = cli("merge", *files, "-o", output)
        assert (result.code, result.out.count(said)) == (0, 1)
    assert json.loads(result.out)["plan"]["notes"][0].startswith(said)
    folder.models(*(manifest(f"new-{index}") for index in range(12)))
    assert cli("plan", "--out", "plan.json").code == 0
    files = kept(folder, sharded(folder, cli, 2, "apply", "plan.json", "--yes"))
    assert said not in cli("merge", *files).out  # the plan file says it


def test_a_shard_that_never_ran_is_missed(folder: Folder, cli: Run, live: Live) -> None:
    results = sharded(folder, cli, 3, "apply", "--yes")
    files = kept(folder, results)
    result = cli("merge", *files[:2], "-o", "json")
    assert (result.code, result.document["error"]["code"]) == (1, "merge")
    assert result.document["error"]["message"] == "of 3 shards, 3 is missing"
    assert "a file is named twice" in cli("merge", *files, files[0]).err


def test_what_is_joined_is_told_in_markdown_and_in_full(folder: Folder, cli: Run, live: Live) -> None:
    plans = kept(folder, sharded(folder, cli, 2, "plan"), "plan")
    assert "### Plan: 12 to create, 0 to update, 0 unchanged." in cli("merge", *plans, "-o", "markdown").out
    reports = kept(folder, sharded(folder, cli, 2, "apply", "--yes"))
    markdown = cli("merge", *reports, "-o", "markdown", "--out", "all.json").out
    assert markdown.startswith("### Apply: 12 done.\n")
    assert "**A new plan is empty.**" in markdown
    assert "one: model-11 (as model-11): done" not in cli("merge", *reports).out
    assert "one: 12 done: model-0, model-1" in cli("merge", *reports, "-v").out
    unwritable = cli("merge", *reports, "--out", "gone/all.json")
    assert unwritable.code == 1
    assert "gone/all.json" in unwritable.err


def test_what_is_joined_overwrites_none_of_its_shards(folder: Folder, cli: Run, live: Live) -> None:
    plans = kept(folder, sharded(folder, cli, 2, "plan"), "plan")
    before = {name: (folder.path / name).read_bytes() for name in plans}
    (folder.path / "link.json").symlink_to(plans[0])
    (folder.path / "hard.json").hardlink_to(folder.path / plans[1])
    for out in (f"./{plans[0]}", "link.json", "hard.json"):
        result = cli("merge", *plans, "--out", out)
        assert result.code == 1
        assert "is one of the files to join" in result.err
    assert {name: (folder.path / name).read_bytes() for name in plans} == before


def test_what_stood_there_stays_where_the_joined_file_cannot_be_written(
    folder: Folder, cli: Run, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = kept(folder, sharded(folder, cli, 2, "plan"), "plan")
    (folder.path / "all.json").write_text("before")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        result = cli("merge", *plans, "--out", "all.json")
    assert result.code == 1
    assert "all.json: No space left on device" in result.err
    assert (folder.path / "all.json").read_text() == "before"
    assert list(folder.path.glob(".all.json*")) == []
    assert cli("merge", *plans, "--out", "all.json").code == 0
    assert json.loads((folder.path / "all.json").read_text())["kind"] == "Plan"


def test_shards_of_other_manifests_are_not_joined(folder: Folder, cli: Run, live: Live) -> None:
    first = cli("plan", "--shard", "1/2", "-o", "json")
    folder.edit("name: model-3,", "name: model-99,")
    second = cli("plan", "--shard", "2/2", "-o", "json")
    result = cli("merge", *kept(folder, [first, second]))
    assert result.code == 1
    assert "is of another run: what is declared, or its plan file, is not the same" in result.err


def test_plans_between_which_something_moved_are_not_joined(folder: Folder, cli: Run, live: Live) -> None:
    first = cli("plan", "--shard", "1/2", "-o", "json")
    assert cli("apply", "--yes", "--only", "model-3").code == 0
    second = cli("plan", "--shard", "2/2", "-o", "json")
    result = cli("merge", *kept(folder, [first, second]))
    assert result.code == 1
    assert "is of another plan than shard 1/2" in result.err
    assert "plan once and give each shard the file" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "--shard", "0/8"), "'0/8': shards count from 1 to 8"),
        (("apply", "--shard", "eight", "--yes"), "'eight' is not I/N, as 3/8"),
        (("apply", "--shard", "1/2", "--approved"), "nothing can be chosen from it"),
        (("plan", "--shard", "1/9"), "too little for 9 that read it"),
    ],
)
def test_what_cannot_be_asked_for(folder: Folder, cli: Run, arguments: tuple[str, ...], said: str) -> None:
    names = [f"r{index}" for index in range(9)]
    folder.registries(**{name: f'url: "https://{name}.invalid"' for name in names})
    folder.models(manifest("a", registries=", ".join(names)))
    result = cli(*arguments)
    assert result.code == 1
    assert said in result.err


# ---- the lock, the journal


ANOTHER = "another apply runs from this checkout: pid "


@pytest.mark.parametrize(
    ("held", "asked", "message"),
    [
        (Shard(1, 4), ["--shard", "2/4"], ""),
        (Shard(1, 4), ["--shard", "1/4"], ANOTHER),
        (Shard(1, 4), ["--shard", "1/3"], "shard 1/4 of another apply runs from this checkout: pid "),
        (Shard(1, 4), [], ANOTHER),
        (None, ["--shard", "1/4"], ANOTHER),
    ],
)
@pytest.mark.usefixtures("live")
def test_shards_of_one_split_run_at_once_and_nothing_else_does(
    folder: Folder, cli: Run, held: Shard | None, asked: list[str], message: str
) -> None:
    with only_one(folder.path, actor({"USER": "somebody"}), "0123abcd", held):
        result = cli("apply", "--yes", *asked)
        assert result.code == (1 if message else 0)
        assert message in result.err
    assert cli("apply", "--yes", *asked).code == 0
    assert cli("apply", "--yes").code == 0


def test_a_shard_under_way_is_news_for_everyone_but_the_other_shards(
    folder: Folder, cli: Run, live: Live
) -> None:
    """A process that stops in the middle of its first write, with its lock and its record."""
    live.write_seconds = 60.0
    with folder.start("apply", "--shard", "1/3", "--yes") as process:
        deadline = time.monotonic() + 30
        while not live.written and time.monotonic() < deadline:
            time.sleep(0.02)
        notes = {
            shard: cli("plan", "-o", "json", *shard).document["notes"]
            for shard in ((), ("--shard", "1/3"), ("--shard", "2/3"))
        }
        live.let_go.set()
        process.communicate(timeout=60)
    assert [len(found) for found in notes.values()] == [1, 1, 0]
    assert notes[()][0].startswith("an apply is under way: pid ")


def test_a_shard_that_was_killed_leaves_only_its_own_part_to_tell(
    folder: Folder, cli: Run, live: Live
) -> None:
    live.write_seconds = 60.0
    with folder.start("apply", "--shard", "1/3", "--yes") as process:
        deadline = time.monotonic() + 30
        while not live.written and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        process.communicate(timeout=60)
    lost: list[str] = []

    def turned_away(seen: Seen) -> Answer:
        lost.append(seen.name)
        return 503, {"error": "shutting down"}

    live.answer = turned_away
    live.let_go.set()
    while len(lost) < len(live.written) and time.monotonic() < deadline:
        time.sleep(0.02)
    live.answer = lambda _seen: None
    [first, *_] = sharded(folder, cli, 3, "apply", "--yes")
    assert "did not end" in " ".join(first.document["plan"]["notes"])
    assert cli("plan", "-o", "json").document["notes"] == []
    assert len(live.models()) == 12 + 3
