"""Puts into a registry what its clients cannot create, for tests and demonstrations.

``seed(database, contents)`` takes an object with a part for each vendor and lists in it; every part and
every list may be left out. An entry is what a client would send to create it, and may leave out what has
a default here::

    {
        "orq": {
            "vendor_models": [{"id": "openai/gpt-5", "provider": "openai", "input_cost": 0.00125}],
            "models": [{"id": "support", "enabled": false}],
            "openai_like": [{"model_id": "llama", "base_url": "https://llm.example.com/v1"}],
            "deployments": [{"key": "answers", "model": "openai/gpt-5", "provider": "openai"}],
        },
        "respan": {
            "providers": [{"provider_id": "acme", "provider_name": "Acme", "is_managed": true}],
            "vendor_models": [{"model_name": "gpt-5", "provider_id": "openai", "input_cost": 1.25}],
            "models": [{"model_name": "support", "base_model_name": "gpt-5"}],
        },
        "watsonx": {
            "vendor_models": [{"name": "groq/openai/gpt-oss-20b", "tags": ["default"]}],
            "models": [{"name": "virtual-model/openai/gpt-4o", "connection_id": "c1"}],
        },
    }

An entry replaces what has its id. Where the server makes ids, an entry may name one; without it, the id
follows from the entry's name, so that seeding twice leaves the same, also in another order. Nothing is
probed or counted against a quota, and vendor-owned models may be replaced too.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from reconciler.embedded import wire
from reconciler.embedded.answers import Mismatch, Refused
from reconciler.embedded.orq.seed import LISTS as ORQ
from reconciler.embedded.respan.seed import LISTS as RESPAN
from reconciler.embedded.schema import MIGRATIONS
from reconciler.embedded.seeding import Entries
from reconciler.embedded.store import Store
from reconciler.embedded.vault import Vault
from reconciler.embedded.watsonx.seed import LISTS as WATSONX

_VENDORS: dict[str, Mapping[str, Entries]] = {"orq": ORQ, "respan": RESPAN, "watsonx": WATSONX}

Seeded: TypeAlias = dict[str, dict[str, int]]
"""How many entries were put in, by vendor and list, in the order in which that was done."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with one part of the contents.

    ``path`` leads to the value that it is about, or to where it is missing. ``where`` names the place in
    words, ``reason`` says what is wrong and shows no value. ``kind`` is one of those of ``Mismatch``, or
    ``duplicate``, or ``refused`` where an entry asks for what is not there.
    """

    path: tuple[str | int, ...]
    where: str
    reason: str
    kind: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class SeedError(ValueError):
    """The contents are not what ``seed`` takes. ``mistakes`` are all of them, in the order of putting in."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def seed(database: Path, contents: Mapping[str, Any]) -> Seeded:
    """Puts ``contents`` into ``database``, which is made where absent: all of it, or nothing.

    Numbers may be ``Decimal``, and are kept as those of a client are: to 15 significant digits. The registry
    may be open and in use meanwhile. Raises SeedError for contents that are not as described above, and
    StorageError as ``create_app`` does.
    """
    plan = _checked(_copied(contents))
    mistakes: list[Mistake] = []
    store = Store(database, MIGRATIONS)
    vault = Vault(database)
    try:
        with store.writing() as connection:
            vault.check(connection)
            for vendor, name in _lists_of(plan):
                for index, entry, nth in _counted(vendor, name, plan[vendor][name]):
                    try:
                        _put(connection, vault, (vendor, name), entry, nth)
                    except Refused as refused:
                        # What is not there may be another entry, which is wrong itself.
                        if isinstance(refused, Mismatch) or not _is_wrong(vendor, mistakes):
                            mistakes.append(_mistake((vendor, name, index), refused))
            if mistakes:
                raise SeedError(mistakes)
    finally:
        store.close()
    counts = ((vendor, name, len(plan[vendor][name])) for vendor, name in _lists_of(plan))
    seeded: Seeded = {}
    for vendor, name, count in counts:
        if count:
            seeded.setdefault(vendor, {})[name] = count
    return seeded


_Plan: TypeAlias = dict[str, dict[str, list[dict[str, Any]]]]


def _copied(contents: Mapping[str, Any]) -> Any:
    """``contents`` through their text, as from a client: floats become decimals, and nothing is shared with
    the caller."""
    try:
        return wire.loads(wire.dumps(contents))
    except wire.InvalidJSONError as error:
        reason = str(error).replace("the body", "as JSON, it", 1)
    except (TypeError, ValueError, RecursionError):
        reason = "holds what JSON has no place for"
    raise SeedError([Mistake((), "the contents", reason, "value_error")])


def _lists_of(plan: _Plan) -> Iterator[tuple[str, str]]:
    for vendor, lists in _VENDORS.items():
        yield from ((vendor, name) for name in lists if name in plan.get(vendor, {}))


def _counted(
    vendor: str, name: str, entries: Sequence[dict[str, Any]]
) -> Iterator[tuple[int, dict[str, Any], int]]:
    """Each entry, its place in the list, and how many before it have its name."""
    seen: Counter[str] = Counter()
    for index, entry in enumerate(entries):
        title = repr(entry.get(_VENDORS[vendor][name].named_by))
        yield index, entry, seen[title]
        seen[title] += 1


def _put(
    connection: sqlite3.Connection, vault: Vault, place: tuple[str, str], entry: dict[str, Any], nth: int
) -> None:
    entries = _VENDORS[place[0]][place[1]]
    if entries.unique and nth and entries.named_by in entry:
        raise Mismatch(entries.named_by, "an earlier entry of this list has it too", kind="duplicate")
    entries.put(connection, vault, entry, nth)


def _is_wrong(vendor: str, mistakes: Sequence[Mistake]) -> bool:
    return any(mistake.path[0] == vendor for mistake in mistakes)


_STEP = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")


def _mistake(entry: tuple[str, str, int], refused: Refused) -> Mistake:
    vendor, name, index = entry
    where = f"{vendor}.{name}[{index}]"
    if not isinstance(refused, Mismatch):
        return Mistake(entry, where, refused.message, "refused")
    steps = (int(number) if number else key for number, key in _STEP.findall(refused.path))
    inside = f"{where}: {refused.path}" if refused.path else where
    return Mistake((*entry, *steps), inside, refused.reason, refused.kind)


def _checked(contents: Any) -> _Plan:
    """Raises SeedError for a part or a list that is not known, and for an entry that is no object."""
    mistakes = list(_unknown((), "the contents", contents, _VENDORS))
    for vendor, lists in contents.items() if isinstance(contents, dict) else ():
        if vendor not in _VENDORS:
            continue
        mistakes += _unknown((vendor,), vendor, lists, _VENDORS[vendor])
        for name, entries in lists.items() if isinstance(lists, dict) else ():
            if name in _VENDORS[vendor]:
                mistakes += _not_objects((vendor, name), entries)
    if mistakes:
        raise SeedError(mistakes)
    plan: _Plan = contents
    return plan


def _unknown(
    path: tuple[str, ...], where: str, value: object, known: Mapping[str, object]
) -> Iterator[Mistake]:
    if not isinstance(value, dict):
        yield Mistake(path, where, f"expected an object with any of {', '.join(known)}", "type_error")
        return
    for key in value:
        if key not in known:
            reason = f"{key!r} is not one of {', '.join(known)}"
            yield Mistake((*path, key), where, reason, "extra_forbidden")


def _not_objects(path: tuple[str, str], entries: object) -> Iterator[Mistake]:
    where = ".".join(path)
    if not isinstance(entries, list):
        yield Mistake(path, where, "expected a list of objects", "type_error")
        return
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            yield Mistake((*path, index), f"{where}[{index}]", "expected an object", "type_error")
