"""What `merge` joins, and what it refuses: shards that are missing, doubled, of another run, or changed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import simplejson
from test_sharding import WIDE, Registries, action, plan_of, splits

from reconciler.errors import ExitCode, ReconcilerError
from reconciler.merging import UNTOLD, Joined, MergeError, Part, join, read_part
from reconciler.outcome import ActionResult, Left, Outcome, Proof, result_of
from reconciler.plan import Failure, Made, Plan, Scope, ShardOf
from reconciler.planfile import PlanFileError, sealed
from reconciler.report.documents import apply_document, merged_document, plan_document, render

COUNT = 4
MADE = Made("2026-11-01T08:00:00Z", "c" * 40, dirty=False)


def whole() -> Plan:
    """A plan for two registries, of which one is split by name."""
    actions = {
        "one": [action(f"m{index}", "one") for index in range(12)],
        "two": [action("m0", "two"), action("p", "two", resource="Provider")],
    }
    return replace(plan_of(actions), made=MADE, notes=("a note",))


@pytest.fixture
def parts(tmp_path: Path) -> list[Plan]:
    config = Registries(tmp_path)({"one": WIDE, "two": WIDE})
    plan = whole()
    return [one.part_of(plan, of="run", run="7") for one in splits(config, {"one": 12, "two": 2}, COUNT)]


def shard_of(plan: Plan) -> ShardOf:
    assert plan.shard is not None
    return plan.shard


def planned(plans: Sequence[Plan]) -> list[Part]:
    return [Part(f"{n}.json", plan, shard_of(plan), ExitCode.OK) for n, plan in enumerate(plans, start=1)]


def results(plan: Plan) -> tuple[ActionResult, ...]:
    return tuple(result_of(each, "done", id=each.name) for each in plan.actions())


def applied(plans: Sequence[Plan]) -> list[Part]:
    def one(number: int, plan: Plan) -> Part:
        proofs = tuple(Proof(part.name, "again") for part in plan.registries)
        outcome = Outcome(results(plan))
        return Part(f"{number}.json", plan, shard_of(plan), ExitCode.OK, outcome, proofs, f"run{number}")

    return [one(number, plan) for number, plan in enumerate(plans, start=1)]


def changed(parts: list[Part], index: int, **changes: Any) -> list[Part]:
    """``parts``, of which one says something else of the shard that it is."""
    one = parts[index]
    shard = replace(one.shard, **changes)
    parts[index] = replace(one, plan=replace(one.plan, shard=shard), shard=shard)
    return parts


def planned_otherwise(parts: list[Part], index: int, **changes: Any) -> list[Part]:
    """``parts``, of which one has another plan."""
    parts[index] = replace(parts[index], plan=replace(parts[index].plan, **changes))
    return parts


# ---- joined


def test_plans_become_the_whole_plan_in_any_order(parts: list[Plan]) -> None:
    joined = join(reversed(planned(parts)))
    assert joined.plan == whole()
    assert joined.plan.digest == shard_of(parts[0]).digest
    assert joined.code is ExitCode.OK


def test_outcomes_become_that_of_one_process(parts: list[Plan]) -> None:
    joined = join(applied(parts))
    assert joined.plan == whole()
    assert joined.outcome == Outcome(results(whole()))
    assert joined.proofs == (Proof("one", "again"), Proof("two", "again"))
    document = merged_document(joined)
    assert document["shards"][1] == {"shard": "2/4", "file": "2.json", "run": "run2", "exit_code": 0}


def test_what_is_left_comes_in_the_order_of_the_plan(parts: list[Plan]) -> None:
    every = applied(parts)
    for index, part in enumerate(every):
        left = tuple(Left("Model", each.name, "update") for each in part.plan.actions())
        registry = part.plan.registries[0].name
        every[index] = replace(part, proofs=(Proof(registry, "again", None, left),))
    left = next(proof.left for proof in join(every).proofs if proof.registry == "one")
    assert [each.name for each in left] == [f"m{index}" for index in range(12)]


def test_a_proof_is_as_good_as_the_worst_of_its_shards(parts: list[Plan]) -> None:
    failure = Failure("unreachable", "one: no answer")
    every = applied(parts)
    every[0] = replace(every[0], proofs=(Proof("one", "failed", failure),))
    joined = join(every)
    assert joined.proofs[0] == Proof("one", "failed", failure)
    assert joined.code is ExitCode.PARTIAL


def test_where_nothing_was_written_there_is_nothing_to_prove(parts: list[Plan]) -> None:
    def skipped(part: Part) -> Part:
        outcome = Outcome(tuple(result_of(each, "stale", reason="moved") for each in part.plan.actions()))
        return replace(part, code=ExitCode.STALE, outcome=outcome, proofs=(Proof("one", "before"),))

    joined = join(skipped(part) for part in applied(parts))
    assert (joined.proofs, joined.code) == ((), ExitCode.STALE)


@pytest.mark.parametrize(
    ("status", "own", "code"),
    [
        ("done", ExitCode.PARTIAL, ExitCode.PARTIAL),
        ("failed", ExitCode.ERROR, ExitCode.PARTIAL),
        ("stale", ExitCode.STALE, ExitCode.PARTIAL),
        ("refused", ExitCode.REFUSED, ExitCode.REFUSED),
        ("unproven", ExitCode.PARTIAL, ExitCode.PARTIAL),
    ],
)
def test_the_exit_code_is_that_of_one_process_or_worse(
    parts: list[Plan], status: Any, own: ExitCode, code: ExitCode
) -> None:
    every = applied(parts)
    outcome = Outcome(tuple(result_of(each, status, id=each.name) for each in every[2].plan.actions()))
    every[2] = replace(every[2], outcome=outcome, code=own)
    assert join(every).code is code


def test_an_interrupted_shard_interrupts_the_whole(parts: list[Plan]) -> None:
    every = applied(parts)
    outcome = Outcome(tuple(result_of(each, "skipped") for each in every[1].plan.actions()), interrupted=True)
    every[1] = replace(every[1], outcome=outcome, proofs=(), code=ExitCode.SIGTERM)
    joined = join(every)
    assert joined.outcome is not None
    assert joined.outcome.interrupted
    assert joined.code is ExitCode.PARTIAL


def test_a_registry_that_one_shard_could_not_read_is_told_with_the_outcome_of_the_others(
    parts: list[Plan],
) -> None:
    every = applied(parts)
    failure = Failure("unreachable", "one: no answer")
    [part] = every[1].plan.registries
    shard = replace(every[1].shard, portions=(replace(every[1].shard.portions[0], actions=0, at=()),))
    unread = replace(every[1].plan, registries=(replace(part, actions=(), failure=failure),), shard=shard)
    every[1] = replace(
        every[1], plan=unread, shard=shard, outcome=Outcome(()), proofs=(), code=ExitCode.ERROR
    )
    joined = join(every)
    assert joined.plan.registries[0].failure == failure
    assert 0 < len(joined.plan.registries[0].actions) < 12
    assert joined.code is ExitCode.PARTIAL
    with pytest.raises(MergeError, match=r"shard 2/4 \(2.json\) could not read 'one': one: no answer"):
        join(replace(one, outcome=None) for one in every)


def test_a_shard_without_work_takes_no_part(tmp_path: Path) -> None:
    config = Registries(tmp_path)({"one": None})
    plan = plan_of({"one": [action("m")]})
    [busy, idle] = splits(config, {"one": 1}, 2)
    nothing = idle.part_of(plan_of({}), of="run")
    assert join(planned([busy.part_of(plan, of="run"), nothing])).plan == plan


# ---- refused

OTHER = "d" * 64


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda parts: parts[:-1], "of 4 shards, 4 is missing"),
        (lambda parts: parts[2:], "of 4 shards, 1, 2 are missing"),
        (lambda parts: [*parts, parts[2]], r"shard 3/4 is there more than once: 3.json and 3.json"),
        (
            lambda parts: changed(parts, 1, of="other"),
            "shard 2/4 .* is of another run: what is declared, or its plan file, is not the same",
        ),
        (lambda parts: changed(parts, 1, count=5), "it is one of another number of shards"),
        (lambda parts: changed(parts, 1, digest=OTHER), "is of another plan than shard 1/4"),
        (lambda parts: planned_otherwise(parts, 1, tool="9.9"), "made by another version of reconciler"),
        (lambda parts: planned_otherwise(parts, 1, scope=Scope(only=("a",))), "asked for something else"),
        (
            lambda parts: planned_otherwise(parts, 1, made=replace(MADE, commit="e" * 40)),
            "made from another git commit",
        ),
        (lambda parts: changed(parts, 1, registries=("one",)), "is about other registries"),
        (lambda parts: changed(parts, 1, registries=("one", "two", "six")), "contradicts itself|other reg"),
    ],
)
def test_what_is_not_one_run_is_refused(
    parts: list[Plan], spoil: Callable[[list[Part]], list[Part]], said: str
) -> None:
    with pytest.raises(MergeError, match=said):
        join(spoil(planned(parts)))


def without_a_run(every: list[Part]) -> list[Part]:
    for index in range(len(every)):
        changed(every, index, run=None)
    return every


def test_that_nothing_tells_the_run_is_said_of_reports_and_not_of_plans(parts: list[Plan]) -> None:
    assert join(without_a_run(applied(parts))).plan.notes == ("a note", UNTOLD)
    assert join(without_a_run(planned(parts))).plan.notes == ("a note",)


@pytest.mark.parametrize("made", [planned, applied], ids=["plans", "outcomes"])
@pytest.mark.parametrize("other", ["8", None])
def test_what_was_given_the_id_of_another_run_is_refused(
    made: Callable[[Sequence[Plan]], list[Part]], other: str | None, parts: list[Plan]
) -> None:
    with pytest.raises(MergeError, match=r"3.json.* is of another run: the id that it was given"):
        join(changed(made(parts), 2, run=other))


def test_a_plan_does_not_go_with_an_outcome(parts: list[Plan]) -> None:
    with pytest.raises(MergeError, match="it is a plan, and that is an outcome"):
        join([*applied(parts)[:3], planned(parts)[3]])


def test_parts_that_do_not_fit_each_other_are_refused(parts: list[Plan]) -> None:
    def moved(index: int, at: tuple[int, ...], actions: int = 12) -> list[Part]:
        every = planned(parts)
        portions = (replace(every[index].shard.portions[0], at=at, actions=actions),)
        return changed(every, index, portions=portions)

    own = planned(parts)[0].shard.portions[0].at
    theirs = planned(parts)[1].shard.portions[0].at
    with pytest.raises(MergeError, match="contradicts itself"):
        join(moved(0, own[1:]))
    with pytest.raises(MergeError, match="two shards have the same action of registry 'one'"):
        join(moved(0, (theirs[0], *own[1:])))
    with pytest.raises(MergeError, match="an action of registry 'one' is in no shard"):
        join(moved(0, (99, *own[1:])))
    with pytest.raises(MergeError, match="knows other actions of 'one'"):
        join(moved(0, own, actions=13))


def test_a_registry_that_no_shard_has_is_missed(parts: list[Plan]) -> None:
    every = planned(parts)
    [number] = [number for number, part in enumerate(every) if "two" in part.portions]
    nothing = planned_otherwise(changed(every, number, portions=()), number, registries=())
    with pytest.raises(MergeError, match="no shard has any of registry 'two'"):
        join(nothing)


def test_a_plan_whose_parts_are_not_what_they_say_is_refused(parts: list[Plan]) -> None:
    every = [replace(part, shard=replace(part.shard, digest=OTHER)) for part in planned(parts)]
    with pytest.raises(MergeError, match="the shards together are not the plan that each is said to be"):
        join(every)


def test_results_that_are_not_of_the_actions_are_refused(parts: list[Plan]) -> None:
    every = applied(parts)
    every[0] = replace(every[0], outcome=Outcome(results(whole())))
    with pytest.raises(MergeError, match="its results are not those of its actions"):
        join(every)


# ---- files


def written(folder: Path, documents: Sequence[dict[str, Any]]) -> list[Path]:
    files = []
    for number, document in enumerate(documents, start=1):
        file = folder / f"{number}.json"
        file.write_text(render(document), encoding="utf-8")
        files.append(file)
    return files


def documents_of(parts: Sequence[Part]) -> list[dict[str, Any]]:
    return [
        plan_document(part.plan, part.code)
        if part.outcome is None
        else apply_document(part.plan, part.outcome, part.code, proofs=part.proofs, run=part.run)
        for part in parts
    ]


def read(files: Sequence[Path]) -> list[Part]:
    return [read_part(file, file.name) for file in files]


@pytest.mark.parametrize("made", [planned, applied], ids=["plans", "outcomes"])
def test_what_is_written_is_read_as_it_was(
    made: Callable[[Sequence[Plan]], list[Part]], parts: list[Plan], tmp_path: Path
) -> None:
    assert read(written(tmp_path, documents_of(made(parts)))) == made(parts)


@pytest.mark.parametrize("made", [planned, applied], ids=["plans", "outcomes"])
def test_a_file_that_was_changed_is_refused(
    made: Callable[[Sequence[Plan]], list[Part]], parts: list[Plan], tmp_path: Path
) -> None:
    [file, *_] = written(tmp_path, documents_of(made(parts)))
    text = file.read_text(encoding="utf-8")
    assert text.count('"run"') >= 1
    file.write_text(text.replace('"of": "run"', '"of": "another"'), encoding="utf-8")
    with pytest.raises(ReconcilerError, match=r"1.json: it was changed after it was (made|written)"):
        read([file])


ERROR = {"apiVersion": "reconciler/v1", "kind": "Error", "exit_code": 1, "error": {"message": "no token"}}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (ERROR, "1.json: its run failed: no token"),
        ({"kind": "Validation", "exit_code": 0}, "neither a plan nor the outcome of an apply"),
        ({"kind": "Plan", "exit_code": "0"}, "it has no exit code"),
        ({"kind": "Plan", "exit_code": 7}, "it has no exit code"),
        ({"kind": "Outcome", "exit_code": 0, "plan": {}}, "it is whole, and no shard of anything"),
        (plan_document(whole(), ExitCode.OK), "it is whole, and no shard of anything"),
        (apply_document(whole(), Outcome(()), ExitCode.OK), "it is whole, and no shard of anything"),
    ],
)
def test_what_is_no_shard_is_refused(document: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(MergeError, match=said):
        read(written(tmp_path, [document]))


def test_a_file_that_is_not_there_or_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanFileError, match=r"gone.json: No such file"):
        read_part(tmp_path / "gone.json", "gone.json")
    (tmp_path / "1.json").write_text("Apply: 3 done.\n")
    with pytest.raises(PlanFileError, match=r"1.json:1:1: not valid JSON"):
        read_part(tmp_path / "1.json", "1.json")


def test_a_shard_of_too_many_is_refused_before_anything_is_counted(parts: list[Plan], tmp_path: Path) -> None:
    document = documents_of(planned(parts))[0]
    document["shard"] = {**document["shard"], "count": 10**9}
    with pytest.raises(MergeError, match="there is no shard 1/1000000000"):
        read(written(tmp_path, [sealed(document)]))


@pytest.mark.parametrize("made", [planned, applied], ids=["plans", "outcomes"])
def test_whatever_is_changed_and_sealed_again_is_joined_or_refused(
    made: Callable[[Sequence[Plan]], list[Part]], parts: list[Plan], tmp_path: Path
) -> None:
    """The seal is no signature: whoever can write the file can write it."""
    random_ = random.Random(20261121)
    texts = [render(document) for document in documents_of(made(parts))]
    refused = 0
    for _ in range(400):
        documents = [simplejson.loads(text) for text in texts]
        index = random_.randrange(COUNT)
        _spoil(documents[index], random_)
        documents[index] = sealed(documents[index])
        try:
            joined = join(read(written(tmp_path, documents)))
        except ReconcilerError:
            refused += 1
        else:
            assert isinstance(joined, Joined)
    assert 100 < refused < 400


def _spoil(document: Any, random_: random.Random) -> None:
    """Puts something else in one place of ``document``."""
    at: Any = document
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = random_.choice(keys)
        if not isinstance(at[key], dict | list) or not at[key] or random_.random() < 0.15:
            break
        at = at[key]
    at[key] = random_.choice([None, -1, 10**12, 2, "x", [], {}, [[]], True, "failed", {"a": 1}, ["one"]])
