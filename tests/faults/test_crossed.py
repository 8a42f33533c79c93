"""Every fault crossed with every action of every table, over a socket, by the command line.

Whatever the registry does: what a run tells is what the registry holds, one client makes one object, the
exit code fits, and the next run brings about what is left, or says why it cannot.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from conformance.cases import VARIANTS
from conformance.subject import Variant
from conformance.subjects import subject_of

from reconciler.executor.twins import may_double

from . import faults, judge
from .actions import Match, deeds
from .conftest import Cli
from .faults import Rules
from .gate import Gate
from .stand import FaultStand

ALL = os.environ.get("RECONCILER_FAULTS") == "all"
Scenes = Callable[[Variant, str], FaultStand]


@pytest.fixture(scope="session")
def _scenes() -> dict[tuple[str, str], FaultStand]:
    return {}


@pytest.fixture
def scene(
    _scenes: dict[tuple[str, str], FaultStand],
    gate_and_url: tuple[Gate, str],
    tmp_path_factory: pytest.TempPathFactory,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Scenes]:
    """A folder with a manifest to apply, and the registry that it is for; each is prepared once."""
    opened: list[FaultStand] = []
    gate, url = gate_and_url

    def one(variant: Variant, name: str) -> FaultStand:
        known = (str(variant), name)
        if known not in _scenes:
            subject = subject_of(variant.kind.name)
            assert subject is not None
            folder = tmp_path_factory.mktemp("scene")
            prepared = FaultStand(folder, variant, subject, gate, url)
            deeds(variant)[name].prepare(prepared)
            prepared.cli = cli
            monkeypatch.chdir(folder)
            prepared.save()
            prepared.rehearse()
            _scenes[known] = prepared
        stand = _scenes[known]
        stand.cli = cli
        stand.restore()
        opened.append(stand)
        monkeypatch.chdir(stand.folder)
        return stand

    yield one
    for stand in opened:
        stand.close()


@dataclass(frozen=True)
class Case:
    """``which`` of the calls of a deed meets the fault."""

    variant: Variant
    deed: str
    which: str
    fault: str

    def __str__(self) -> str:
        which = f" ({self.which})" if self.which else ""
        return f"{self.variant}, {self.deed}{which}: {self.fault}"

    @property
    def doubles(self) -> bool:
        """Whether two objects are live where two clients make the same."""
        return self.match["call"] == "create" and may_double(self.variant.table)

    @property
    def match(self) -> Match:
        return deeds(self.variant)[self.deed].calls[self.which]

    def rules(self, reads: Sequence[int]) -> Rules:
        """Its rules, where ``reads`` come before each of the writes of the deed."""
        before = reads[[*deeds(self.variant)[self.deed].calls].index(self.which)]
        return faults.met_by(self.match, reads=before, doubles=self.doubles)[self.fault]


def calls() -> Iterator[tuple[Variant, str, str, dict[str, Rules]]]:
    """Every call of every action of every table, and all faults that it may meet."""
    for variant in VARIANTS:
        for name, deed in deeds(variant).items():
            for which, match in deed.calls.items():
                doubles = match["call"] == "create" and may_double(variant.table)
                yield variant, name, which, faults.met_by(match, reads=1, doubles=doubles)


def cases() -> Iterator[Any]:
    """Every fault with every call. Of a family each call meets one fault, the next call the next one, unless
    RECONCILER_FAULTS=all asks for all of them."""
    for number, (variant, name, which, known) in enumerate(calls()):
        families: dict[str, list[str]] = {}
        for fault in known:
            families.setdefault(faults.family(fault), []).append(fault)
        for members in families.values():
            chosen = members if ALL else [members[number % len(members)]]
            for case in (Case(variant, name, which, fault) for fault in chosen):
                yield pytest.param(case, id=str(case))


@pytest.mark.parametrize("case", list(cases()))
def test_a_fault(case: Case, scene: Scenes) -> None:
    stand = scene(case.variant, case.deed)
    rules = case.rules(stand.reads)
    before = stand.count()
    met = stand.misbehave(rules)
    first = stand.run("apply", "--yes")
    fired = met.fired
    stand.behave()
    made = stand.count() - before
    others = sum(count for count, rule in zip(fired, rules, strict=True) if "duplicate" in rule)
    second = stand.run("apply", "--yes")
    assert 0 not in fired, rules
    if case.doubles and others:
        judge.assert_both_told(first)
        judge.assert_both_told(second)
        assert (first.code, second.code) == (4, 3)
        return
    [*names] = {action["name"] for action in judge.actions(first).values()}
    name = case.match.get("name", names[0] if names else "")
    judge.assert_fitting_end(first, case.fault, doubles=case.doubles, name=name)
    judge.assert_told_true(first, second, others=others > 0)
    assert made <= sum(action["operation"] == "create" for action in judge.actions(first).values()) + others
    if second.code == 0 and set(judge.statuses(second)) == {"unchanged"}:
        return
    assert second.code == 0
    third = stand.run("plan", "--exit-code")
    assert third.code == 0
