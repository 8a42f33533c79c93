"""How the tests of the suite are multiplied: by table, by way to the registry, by cases of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from reconciler.registries import KINDS

from .subject import Variant
from .subjects import subject_of

IN_PROCESS = "in process"
SOCKET = "socket"
VARIANTS = [Variant(kind, table) for kind in KINDS.values() for table in kind.tables.values()]

Test = TypeVar("Test", bound=Callable[..., Any])
Cases = Callable[[Variant], Mapping[str, Any]]


@dataclass(frozen=True)
class _Each:
    name: str
    cases: Cases
    ways: Sequence[str]


def each(name: str, cases: Cases, *, ways: Sequence[str] = (IN_PROCESS, SOCKET)) -> Callable[[Test], Test]:
    """Runs a test for each of the cases of its table: by what they are called, what ``name`` is then.

    A table that has no cases is left out.
    """

    def mark(test: Test) -> Test:
        test.each = _Each(name, cases, ways)  # type: ignore[attr-defined]
        return test

    return mark


def where(fits: Callable[[Variant], Any]) -> Callable[[Test], Test]:
    """Runs a test for the tables that ``fits`` takes."""
    return each("case", lambda variant: {"": None} if fits(variant) else {})


def multiplied(test: Any) -> tuple[list[str], list[tuple[Any, ...]], list[str]]:
    """The names, values and ids that a test is parametrised with."""
    extra: _Each | None = getattr(test, "each", None)
    ways = (IN_PROCESS, SOCKET) if extra is None else extra.ways
    values: list[tuple[Any, ...]] = []
    ids: list[str] = []
    for variant in VARIANTS:
        for way in ways:
            head = f"{variant}, {way}"
            if extra is None:
                values.append((variant, way))
                ids.append(head)
                continue
            for title, value in extra.cases(variant).items():
                values.append((variant, way, value))
                ids.append(f"{head}: {title}" if title else head)
    return ["variant", "way", *([extra.name] if extra else [])], values, ids


def once(cases: Cases) -> Cases:
    """The cases of what does not depend on the table: for the first one of each list."""

    def first(variant: Variant) -> Mapping[str, Any]:
        usual = variant.kind.tables_of(variant.table.resource)[0]
        return cases(variant) if variant.table is usual else {}

    return first


def of_subject(get: Callable[[Any], Mapping[str, Any]]) -> Cases:
    """Cases that the subject has; none where there is no subject, which another test tells."""

    def cases(variant: Variant) -> Mapping[str, Any]:
        subject = subject_of(variant.kind.name)
        return {} if subject is None else get(subject)

    return cases
