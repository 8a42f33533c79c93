"""The JSON document of every ending: one shape of head, then what the run has to say."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import simplejson

from reconciler.errors import ExitCode, InputError, ReconcilerError, RegistryError
from reconciler.outcome import Outcome
from reconciler.plan import Plan
from reconciler.report.problems import SourceLine, problem_json

API_VERSION = "reconciler/v1"


def render(document: Mapping[str, Any]) -> str:
    """``document`` as text. Numbers are written exactly, one document and one newline."""
    text: str = simplejson.dumps(
        document, use_decimal=True, indent=2, ensure_ascii=False, tuple_as_array=True
    )
    # A lone surrogate cannot be written as UTF-8; no valid input holds one.
    return text.encode("utf-8", "replace").decode() + "\n"


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan document, as schemas/plan.schema.json describes it."""
    head = {"apiVersion": plan.apiVersion, "kind": plan.kind}
    return {**head, **dataclasses.asdict(plan)}


def apply_document(plan: Plan, outcome: Outcome, code: ExitCode) -> dict[str, Any]:
    """What apply ends with: the plan that it executed, and what became of it."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Outcome",
        "exit_code": int(code),
        "plan": plan_document(plan),
        "outcome": dataclasses.asdict(outcome),
    }


def error_document(error: ReconcilerError, code: ExitCode, source: SourceLine) -> dict[str, Any]:
    """Any failure. ``problems`` is there for mistakes in input files."""
    details: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint}
    if isinstance(error, RegistryError):
        details |= {
            "registry": error.registry,
            "request": error.request,
            "status": error.status,
            "request_id": error.request_id,
        }
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "Error",
        "exit_code": int(code),
        "error": details,
    }
    if isinstance(error, InputError):
        document["problems"] = [problem_json(problem, source) for problem in error.problems]
    return document


def validation_document(manifests: int, registries: Sequence[str]) -> dict[str, Any]:
    """What validate ends with when there is no mistake."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Validation",
        "exit_code": 0,
        "manifests": manifests,
        "registries": list(registries),
        "problems": [],
    }
