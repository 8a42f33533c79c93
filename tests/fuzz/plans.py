"""Plan files: read, held against a checkout, shown, and applied to a registry that answers as it did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import simplejson

from reconciler.errors import ExitCode, ReconcilerError, Rejected
from reconciler.executor import Target, execute
from reconciler.plan import plan_digest, plan_type
from reconciler.planfile import PlanFileError, hold_against, read_object, read_plan, sealed
from reconciler.registries import KINDS
from reconciler.report.documents import plan_document, render

from . import checks, stage
from .answers import TOKENS_OF_JSON, Script, _case
from .mutation import ODD_TEXTS, Mutator, keys, subtrees, texts, with_depth


class Plans:
    """Plan files of real runs; mutants get a new seal, so that they come past it."""

    name = "planfile"

    def __init__(self) -> None:
        self._corpus: list[bytes] = []

    def corpus(self) -> Sequence[bytes]:
        if not self._corpus:
            for kind in stage.KINDS:
                plans = [plan for _, plan in stage.recorded(kind).values()]
                given = stage.project(edited=True)
                failed = Rejected("no", registry=kind, request="GET /x", status=400, request_id="r", hint="h")
                plans.append(stage.planned(kind, given, failed))
                for plan in plans:
                    self._corpus.append(render(plan_document(plan, ExitCode.OK)).encode())
        return self._corpus

    def start(self, seed: int) -> Callable[[Sequence[bytes]], bytes]:
        trees = [simplejson.loads(text, use_decimal=True) for text in self.corpus()]
        words = {key for tree in trees for key in keys(tree)}
        grafts = [part for tree in trees for part in subtrees(tree)]
        mutator = Mutator(seed, words, grafts)
        random = mutator.random
        known = [*sorted({text for tree in trees for text in texts(tree)}), *ODD_TEXTS]

        def make(kept: Sequence[bytes]) -> bytes:
            text = random.choice(kept if random.random() < 0.5 else self.corpus())
            if random.random() < 0.12:
                return mutator.bytes(text, self.corpus(), TOKENS_OF_JSON)
            try:
                tree = simplejson.loads(text, use_decimal=True)
                if random.random() < 0.6:
                    return _sealed(_in_actions(random, tree, lambda part: mutator.gentle(part, known)))
                whole = random.random() < 0.3
                tree = mutator.tree(tree) if whole else _in_actions(random, tree, mutator.tree)
                return with_depth(_sealed(tree).decode(), random).encode()
            except (ValueError, RecursionError, ArithmeticError, AttributeError, TypeError):
                return mutator.bytes(text, self.corpus(), TOKENS_OF_JSON)

        return make

    def run(self, data: bytes) -> str:
        try:
            plan = read_plan(data, "plan.json")
        except PlanFileError as error:
            checks.failure(error)
            return f"not read: {_brief(error)}"
        config = stage.project(edited=True).config
        told = checks.plan(plan, config, ours=False)
        again = render(plan_document(plan, ExitCode.OK))
        if read_plan(again.encode(), "again.json") != plan:
            raise checks.Broken("a plan reads back as another one")
        try:
            hold_against(plan, config, "plan.json")
        except PlanFileError as error:
            checks.failure(error)
            return f"{told} / not held: {_brief(error)}"
        try:
            return f"{told} / {asyncio.run(_applied(plan))}"
        except ReconcilerError as error:
            return f"{told} / ended: {checks.failure(error)}"


async def _applied(plan: Any) -> str:
    """What becomes of ``plan`` at registries that answer what they answered to the real one."""
    given = stage.project(edited=True)
    state = "create" if any(action.operation == "create" for action in plan.actions()) else "update"
    targets = {}
    for part in plan.registries:
        if part.failure is not None:
            continue
        script = Script(_case(stage.recorded(part.kind)[state][0], edited=True))
        way = stage.connection(part.name, lambda script=script: script)
        async with KINDS[part.kind].client().reader(way) as reader:
            targets[part.name] = Target(KINDS[part.kind], way, await reader.observe())
        script.left = Script(_case(stage.recorded(part.kind)[state][0], edited=True)).left
    ended = (await execute(plan, targets, stage.store(given))).outcome
    kinds = [checks.outcome(plan, ended, plan)]
    for name, target in targets.items():
        now = stage.planned(name, given, target.observation)
        kinds.append(checks.outcome(plan, ended, now))
    return kinds[0]


def _brief(error: ReconcilerError) -> str:
    """A message without what it quotes."""
    return " ".join(word for word in error.message.split() if word.isalpha())[:60]


def _in_actions(random: Random, tree: Any, edit: Callable[[Any], Any]) -> Any:
    """``tree`` with ``edit`` done to one action, where most can be wrong, or now and then to all."""
    registries = tree.get("registries") if isinstance(tree, dict) else None
    if not isinstance(registries, list) or not registries or not isinstance(registries[0], dict):
        return edit(tree)
    actions = registries[0].get("actions")
    if not isinstance(actions, list) or not actions or random.random() < 0.2:
        return {**tree, "registries": edit(registries)}
    at = random.randrange(len(actions))
    changed = [*actions[:at], edit(actions[at]), *actions[at + 1 :]]
    return {**tree, "registries": [{**registries[0], "actions": changed}, *registries[1:]]}


def _sealed(tree: Any) -> bytes:
    """``tree`` with the digest and the integrity that fit it, where it is near enough to a plan."""
    if not isinstance(tree, dict):
        return render(tree).encode() if isinstance(tree, list) else b"1"
    try:
        # Without the numbers that pydantic cannot bear.
        read = read_object(render(tree).encode(), "a mutant", what="plan", hint="")
        tree = {**tree, "digest": plan_digest(plan_type().validate_python(read).registries)}
    except Exception:  # noqa: BLE001 - whether the reader takes it is found out later
        pass
    return render(sealed(tree)).encode()
