"""The schema of a file of faults for the embedded registry."""

from __future__ import annotations

from typing import Final

from reconciler.embedded.faults.rules import FAULTS, WRITES, FaultFile
from reconciler.schemas.tidy import Schema, titled

_LIMITED: Final[Schema] = {"required": ["status"], "properties": {"status": {"const": 429}}}
_FAILED: Final[Schema] = {"required": ["status"], "properties": {"status": {"not": {"const": 429}}}}


def faults_schema() -> Schema:
    schema = titled(FaultFile.model_json_schema(), "reconciler: a file of faults for the embedded registry")
    rule = schema["$defs"]["Rule"]
    for name in (*FAULTS, "match"):
        rule["properties"][name].pop("default", None)
    for name in ("path", "name", "method", "call", "times", "at"):
        schema["$defs"]["Match"]["properties"][name].pop("default", None)
    rule["properties"]["wait"]["default"] = "1s"
    rule["oneOf"] = [{"required": [name]} for name in FAULTS]
    beside = {
        "hint": _LIMITED,
        "wait": _LIMITED,
        "when": _FAILED,
        "stale": _only_for(sorted(WRITES)),
        "lose": _only_for(sorted(WRITES)),
        "duplicate": _only_for(["create"]),
    }
    rule["allOf"] = [{"if": {"required": [name]}, "then": then} for name, then in beside.items()]
    return schema


def _only_for(calls: list[str]) -> Schema:
    words: Schema = {"enum": calls}
    call: Schema = {"anyOf": [words, {"type": "array", "items": words}]}
    return {"properties": {"match": {"properties": {"call": call}}}}
