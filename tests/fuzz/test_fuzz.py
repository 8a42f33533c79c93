"""A few inputs for each target in every run; many more by `make fuzz`. And that the runner notices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import runner
from .runner import Broken, Tally, fuzz
from .targets import TARGETS

INPUTS = {"yaml": 200, "config": 200, "usage": 150, "planfile": 60, "orq": 25, "respan": 40, "watsonx": 50}


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_ends_in_an_error_of_ours_or_in_none(name: str) -> None:
    tally = fuzz(TARGETS[name], seed=1, inputs=INPUTS[name], mutants_only=True)
    assert {key: finding.trace for key, finding in tally.findings.items()} == {}
    assert tally.inputs == INPUTS[name]
    assert len(tally.kinds) > 2, "all inputs end alike: they do not reach far"


@dataclass
class Reader:
    """A target whose inputs are numbers, with ``mistake`` in it for some of them."""

    mistake: Callable[[int], str]
    name: str = "reader"

    def corpus(self) -> Sequence[bytes]:
        return [b"1"]

    def start(self, seed: int) -> Callable[[Sequence[bytes]], bytes]:
        numbers = iter(range(seed, seed + 100_000))
        return lambda kept: str(next(numbers)).encode()

    def run(self, data: bytes) -> str:
        return self.mistake(int(data))


def tried(mistake: Callable[[int], str], folder: Path | None = None) -> Tally:
    return fuzz(Reader(mistake), seed=1, inputs=40, folder=folder)


def fails(number: int) -> str:
    if number % 10 == 7:
        raise ValueError(f"no {number}")
    return str(number % 3)


def test_one_mistake_is_one_finding_and_its_first_input_is_saved(tmp_path: Path) -> None:
    tally = tried(fails, tmp_path)
    [(key, finding)] = tally.findings.items()
    assert key.startswith("ValueError at test_fuzz.py:")
    assert finding.count == 4
    assert finding.file is not None
    assert finding.file.read_bytes() == finding.data
    with pytest.raises(ValueError, match="no "):
        fails(int(finding.data))
    assert "1 findings" in tally.line()


def forgets(number: int) -> str:
    if number % 10 == 7:
        raise Broken("what was written cannot be read")
    return ""


def recurses(number: int) -> str:
    return recurses(number + 1) if number % 10 == 7 else recurses(number) if number % 10 == 8 else ""


def turns(number: int) -> str:
    while number % 10 == 7:
        pass
    return ""


@pytest.mark.parametrize(
    ("mistake", "kind"), [(forgets, "Broken"), (recurses, "RecursionError"), (turns, "Hang")]
)
def test_what_is_wrong_too_deep_or_without_end_is_a_finding(
    mistake: Callable[[int], str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "CPU_SECONDS", 0.1)
    assert {key.split()[0].strip(":") for key in tried(mistake).findings} == {kind}


def test_the_same_seed_gives_the_same_inputs() -> None:
    def inputs(seed: int) -> list[bytes]:
        make, corpus = TARGETS["usage"].start(seed), TARGETS["usage"].corpus()
        return [make(corpus) for _ in range(40)]

    assert inputs(5) == inputs(5) != inputs(6)
