"""What a client that was killed has left in its journal, and what the next one tells of it.

The files are read as the lines of JSON that they are, not by the code that wrote them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = Any
Key = tuple[str, str]

_TOLD = re.compile(
    r"run (?P<run>[0-9a-f]+): what it was about to do (?P<verdict>.+?)"
    r"( \(found out by reading the registry now\))?: (?P<names>[a-z]+: one-\d\d.*)"
)
_NAME = re.compile(r"[a-z]+: (one-\d\d)")
_MORE = re.compile(r" and \d+ more$")


@dataclass(frozen=True)
class Leavings:
    """The record of one run: what it was about to send, and what became of it, by resource and name."""

    run: str
    intents: Mapping[Key, Json]
    results: Mapping[Key, Json]
    has_ended: bool
    settles: Collection[str] = ()

    @property
    def open(self) -> list[Key]:
        """What has no result, or none that says what is so."""
        return [key for key in self.intents if self._status(key) in (None, "unproven")]

    @property
    def done(self) -> list[Key]:
        return [key for key in self.intents if self._status(key) == "done"]

    def _status(self, key: Key) -> str | None:
        return self.results[key]["status"] if key in self.results else None


def files(checkout: Path) -> set[Path]:
    """The records of a checkout's runs."""
    return set((checkout / ".reconciler" / "journal").glob("*.jsonl"))


def leavings(file: Path) -> Leavings:
    """What ``file`` says. Its last line may have been cut off."""
    lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    records = [json.loads(line) for line in lines]
    intents = {_key(one): one for record in records for one in record.get("actions", ())}
    results = {_key(one): one for record in records for one in record.get("results", ())}
    last = records[-1]
    return Leavings(records[0]["run"], intents, results, last["record"] == "end", last.get("settles", ()))


def _key(entry: Mapping[str, Json]) -> Key:
    return entry["resource"], entry["name"]


@dataclass(frozen=True)
class Verdict:
    """What is told of some actions of a run that did not end."""

    run: str
    text: str
    names: Sequence[str]
    is_whole: bool


def verdicts(notes: Sequence[str]) -> Iterator[Verdict]:
    """What the notes of a plan tell of runs that did not end."""
    for note in notes:
        found = _TOLD.fullmatch(note)
        if found is not None:
            names = _NAME.findall(found["names"])
            yield Verdict(found["run"], found["verdict"], names, _MORE.search(found["names"]) is None)
