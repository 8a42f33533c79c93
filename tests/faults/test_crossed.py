"""Every fault crossed with every action of every table, over a socket, by the command line.

Whatever the registry does: what a run tells is what the registry holds, one client makes one object, the
exit code fits, and the next run brings about what is left, or says why it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import pytest
from conformance.cases import VARIANTS
from conformance.subject import Variant
from conformance.subjects import subject_of

from . import faults, judge
from .actions import Deed, deeds
from .conftest import Cli
from .faults import Rules
from .gate import Gate
from .stand import FaultStand

Scenes = Callable[[Variant, str], FaultStand]


@pytest.fixture(scope="session")
def _scenes() -> Iterator[dict[tuple[str, str], FaultStand]]:
    return {}


@pytest.fixture
def scene(
    _scenes: dict[tuple[str, str], FaultStand],
    gate_and_url: tuple[Gate, str],
    memory: File,
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
            folder = memory / str(len(_scenes))
            folder.mkdir()
            prepared = FaultStand(folder, variant, subject, gate, url)
            deeds(variant)[name].prepare(prepared)
            prepared.save()
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
    variant: Variant
    deed_name: str
    deed: Deed
    fault: str
    rules: Rules
    own: bool

    def __str__(self) -> str:
        return f"{self.variant}, {self.deed_name}: {self.fault}"


def cases() -> Iterator[Case]:
    for variant in VARIANTS:
        for name, deed in deeds(variant).items():
            for which, match in deed.calls.items():
                creates = match["call"] == "create"
                for fault, rules in faults.of_writes(match, creates=creates).items():
                    title = f"{which}: {fault}" if which else fault
                    yield Case(variant, name, deed, title, rules, own=True)
            for fault, rules in faults.of_reads().items():
                yield Case(variant, name, deed, fault, rules, own=False)


ALL = list(cases())


@pytest.mark.parametrize("case", ALL, ids=str)
def test_a_fault(case: Case, scene: Scenes) -> None:
    stand = scene(case.variant, case.deed_name)
    before = len(stand.listed())
    met = stand.misbehave(case.rules)
    first = stand.run("apply", "--yes")
    fired = met.fired
    stand.behave()
    others = sum(count for count, rule in zip(fired, case.rules, strict=True) if "duplicate" in rule)
    made = len(stand.listed()) - before
    second = stand.run("apply", "--yes")
    import os

    if os.environ.get("SHOW"):
        print(
            case,
            fired,
            first.code,
            [(r["status"], r["reason"], r["remarks"]) for r in first.document["outcome"]["results"]],
            "made",
            made,
            "then",
            second.code,
            judge.statuses(second),
        )
    judge.assert_told_true(first, second)
    assert made <= sum(a["operation"] == "create" for a in judge.actions(first).values()) + others
    if second.code == 0 and set(judge.statuses(second)) == {"unchanged"}:
        return
    assert second.code == 0
    third = stand.run("plan", "--exit-code")
    assert third.code == 0
