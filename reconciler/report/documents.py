"""The JSON document of every ending: one shape of head, then what the run has to say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import simplejson

from reconciler.errors import ExitCode, InputError, ReconcilerError, RegistryError
from reconciler.report.problems import SourceLine, problems_json
from reconciler.unpacked import unpacked

if TYPE_CHECKING:  # a command writes one of these, and has loaded that one
    from reconciler.capabilities import KindSupport
    from reconciler.costs.count import Costs
    from reconciler.declared import Diff
    from reconciler.delta import Delta
    from reconciler.merging import Joined
    from reconciler.outcome import Outcome, Proof
    from reconciler.plan import Plan
    from reconciler.report.registries import RegistryState
    from reconciler.review import Review

API_VERSION = "reconciler/v1"


# What JSON lets stand as it is and a terminal may obey, hide or not encode.
_UNSAFE: Final = re.compile(
    "[\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def render(document: Mapping[str, Any]) -> str:
    """``document`` as text. Numbers are written exactly, one document and one newline."""
    text: str = simplejson.dumps(
        document, use_decimal=True, indent=2, ensure_ascii=False, tuple_as_array=True
    )
    return _UNSAFE.sub(_escaped, text) + "\n"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xD800 <= code < 0xE000:
        return "\\ufffd"  # half a character: strict readers refuse even its escape
    return json.dumps(found[0])[1:-1]


def plan_document(plan: Plan, code: ExitCode, costs: Costs | None = None) -> dict[str, Any]:
    """The plan document: schemas/plan.schema.json describes it. ``costs``: where usage was given."""
    from reconciler.planfile import sealed  # noqa: PLC0415 - to validate needs no plan

    head = {"apiVersion": plan.apiVersion, "kind": plan.kind, "exit_code": int(code)}
    counted = {} if costs is None else {"costs": unpacked(costs)}
    return sealed({**head, **unpacked(plan), **counted})


def diff_document(diff: Diff, code: ExitCode) -> dict[str, Any]:
    """What two revisions declare differently: schemas/diff.schema.json describes it."""
    head = {"apiVersion": diff.apiVersion, "kind": diff.kind, "exit_code": int(code)}
    return {**head, **unpacked(diff)}


def apply_document(
    plan: Plan,
    outcome: Outcome,
    code: ExitCode,
    delta: Delta | None = None,
    *,
    proofs: Sequence[Proof] = (),
    run: str | None = None,
) -> dict[str, Any]:
    """What apply ends with: the plan that it executed, what became of it, and what one more read showed.

    ``delta``: what a new plan says of this one, where something moved. ``run`` is the id of the record of
    it in the journal, where there is one. That of a shard is sealed, to be joined with the others.
    """
    document = {
        "apiVersion": API_VERSION,
        "kind": "Outcome",
        "exit_code": int(code),
        "run": run,
        "plan": unpacked(plan),
        "outcome": unpacked(outcome),
        "proof": [unpacked(proof) for proof in proofs],
        "delta": None if delta is None else unpacked(delta),
    }
    if plan.shard is None:
        return document
    from reconciler.planfile import sealed  # noqa: PLC0415 - to validate needs no plan

    return sealed(document)


def merged_document(joined: Joined) -> dict[str, Any]:
    """The shards of a run as one: a plan document, or an outcome that tells of each shard besides."""
    if joined.outcome is None:
        return plan_document(joined.plan, joined.code)
    shards = [
        {"shard": str(part.shard), "file": part.file, "run": part.run, "exit_code": int(part.code)}
        for part in joined.parts
    ]
    document = apply_document(joined.plan, joined.outcome, joined.code, proofs=joined.proofs)
    return document | {"shards": shards}


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
        document["problems"] = problems_json(error.problems, source)
    return document


def validation_document(kinds: Mapping[str, int], registries: Sequence[str]) -> dict[str, Any]:
    """What validate ends with when there is no mistake. ``kinds`` counts the manifests of each kind."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Validation",
        "exit_code": 0,
        "manifests": sum(kinds.values()),
        "kinds": dict(kinds),
        "registries": list(registries),
        "problems": [],
    }


def registries_document(
    states: Sequence[RegistryState], kinds: Mapping[str, KindSupport], code: ExitCode
) -> dict[str, Any]:
    """What registries ends with, also where some of them do not answer; and what their kinds can do."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Registries",
        "exit_code": int(code),
        "registries": [unpacked(state) for state in states],
        "kinds": {name: unpacked(kind) for name, kind in kinds.items()},
    }


def review_document(review: Review, code: ExitCode) -> dict[str, Any]:
    """A review: schemas/review.schema.json describes it."""
    head = {"apiVersion": review.apiVersion, "kind": review.kind, "exit_code": int(code)}
    return {**head, **unpacked(review)}
