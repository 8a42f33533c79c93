"""What became of a plan, as JUnit XML: a suite for each registry, a case for each action."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from xml.etree import ElementTree as ET

from reconciler.errors import Problem
from reconciler.outcome import ActionResult, Outcome, Status
from reconciler.plan import Failure, Plan
from reconciler.report.safe import safe

_Verdict = Literal["failure", "error", "skipped"]
_VERDICTS: Final[Mapping[Status, _Verdict | None]] = {
    "done": None,
    "unchanged": None,
    "refused": "failure",
    "stale": "failure",
    "failed": "error",
    "unproven": "error",
    "skipped": "skipped",
}
"""A failure is a rule that held something back, an error is something that broke."""


@dataclass(frozen=True, slots=True)
class _Case:
    group: str
    name: str
    verdict: _Verdict | None = None
    kind: str = ""
    message: str = ""
    detail: tuple[str, ...] = ()


def junit(plan: Plan, outcome: Outcome) -> str:
    """One case for each action of ``plan``, with what it came to; one for a registry that was not read."""
    operations = {(action.registry, action.key): action.operation for action in plan.actions()}
    suites: dict[str, list[_Case]] = {part.name: [] for part in plan.registries}
    for part in plan.registries:
        if part.failure is not None:
            told = _told(part.failure)
            suites[part.name].append(_Case(part.name, "read", "error", part.failure.code, told[0], told[1:]))
    for result in outcome.results:
        suites.setdefault(result.registry, []).append(
            _case(result, operations.get((result.registry, result.key), "none"))
        )
    return _document(suites)


def junit_of_mistakes(problems: Iterable[Problem]) -> str:
    """One case for each mistake in the files, which stopped the run before there was a plan."""
    cases = [
        _Case("files", str(one.place), "error", one.code, one.message, (one.hint,) if one.hint else ())
        for one in problems
    ]
    return _document({"files": cases})


def _case(result: ActionResult, operation: str) -> _Case:
    what = {"none": "unchanged", "refused": "refused"}.get(operation, operation)
    name, group = f"{result.name}: {what}", f"{result.registry}.{result.resource}"
    told = [*(_told(result.failure) if result.failure else ()), *([result.reason] if result.reason else [])]
    told += result.remarks
    if result.request_ids:
        told.append(f"request {', '.join(result.request_ids)}")
    verdict = _VERDICTS[result.status]
    if verdict is None:
        return _Case(group, name, detail=tuple(told))
    kind = result.failure.code if result.failure else result.status
    return _Case(group, name, verdict, kind, told[0] if told else result.status, tuple(told[1:]))


def _told(failure: Failure) -> tuple[str, ...]:
    return tuple(text for text in (failure.message, failure.hint, failure.request) if text)


def _document(suites: Mapping[str, list[_Case]]) -> str:
    top = ET.Element("testsuites", name="reconciler")
    for name, cases in suites.items():
        counts = _counts(cases, "failure", "error", "skipped")
        suite = ET.SubElement(top, "testsuite", {"name": safe(name), **counts})
        for case in cases:
            element = ET.SubElement(suite, "testcase", classname=safe(case.group), name=safe(case.name))
            detail = "\n".join(map(safe, case.detail))
            if case.verdict is not None:
                told = {"type": safe(case.kind), "message": safe(case.message)}
                ET.SubElement(element, case.verdict, told).text = detail or None
            elif detail:
                ET.SubElement(element, "system-out").text = detail
    every = [case for cases in suites.values() for case in cases]
    top.attrib |= _counts(every, "failure", "error")
    ET.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(top, encoding="unicode") + "\n"


_PLURALS: Final = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def _counts(cases: list[_Case], *verdicts: _Verdict) -> dict[str, str]:
    counts = {"tests": str(len(cases))}
    return counts | {
        _PLURALS[verdict]: str(sum(case.verdict == verdict for case in cases)) for verdict in verdicts
    }
