"""One line of a file of the journal. Every field is always there."""

from __future__ import annotations

from typing import Any, Final

from reconciler.journal.records import FORMAT, adapter
from reconciler.schemas.plan import FAILURE, SHOWN, describe
from reconciler.schemas.tidy import Schema, ordered, titled

_AT: Final = "When the line was written: ISO 8601, in UTC."
_RECORD: Final = "What the line is."

_FIELDS: Final = {
    "Begin": {
        "record": _RECORD,
        "format": "The version of this format; it grows when a field changes its meaning.",
        "run": "The id of the run.",
        "at": _AT,
        "tool": "The version of reconciler that ran.",
        "command": "The command that ran.",
        "actor": "Who ran it.",
        "plan": "The digest of the plan that is applied.",
        "commit": "The git commit that the plan was made from; null where that is not known.",
        "dirty": "Whether the folder held what the commit does not; null where that is not known.",
        "whole": "Whether the plan was about every manifest of these registries.",
        "shard": "Which of several processes that share a run it was, such as 3/8; null for the only one.",
        "registries": "Every registry of the plan.",
    },
    "Actor": {
        "name": "The user that the CI names, else the user of the machine. Nothing proves it.",
        "host": "The name of the machine.",
        "pid": "The number of the process.",
        "ci": "github or gitlab; null elsewhere.",
        "url": "The address of the CI's own record of the run.",
    },
    "Written": {
        "name": "Its name in reconciler.yaml.",
        "kind": "The adapter that speaks to it.",
        "target": "Its address, or the file of an embedded registry.",
    },
    "Intents": {
        "record": _RECORD,
        "actions": "Nothing of these is sent before this line is on the disk.",
        "at": _AT,
    },
    "Intent": {
        "registry": "The registry's name.",
        "resource": "The kind of manifest.",
        "name": "The manifest's name.",
        "operation": "create or update.",
        "id": "The live object's id, or the one that a create sends; null where the server makes it.",
        "digest": "The digest of the action in the plan.",
        "changes": "The fields that differ; for a create, all that are sent.",
    },
    "Field": {
        "path": "The field, as in the manifest.",
        "live": "What the registry held.",
        "desired": "What the manifest asks for.",
        "wire": "The desired value as it is sent.",
    },
    "Shown": SHOWN,
    "Results": {
        "record": _RECORD,
        "results": "What became of actions; a later line about the same one counts.",
        "at": _AT,
    },
    "ActionResult": {
        "registry": "The registry's name.",
        "resource": "The kind of manifest.",
        "name": "The manifest's name.",
        "status": "done, refused, failed, unproven, skipped or stale.",
        "id": "The object's id, where it is known.",
        "failure": "The error, where there was one.",
        "reason": "Why it is not done.",
        "remarks": "What else there is to know.",
        "request_ids": "The registry's own ids for the requests.",
    },
    "Failure": FAILURE,
    "Proofs": {
        "record": _RECORD,
        "proofs": "What each registry showed after the writes.",
        "at": _AT,
    },
    "Proof": {
        "registry": "The registry's name.",
        "read": "again after the writes; before, where nothing was written; failed; interrupted; "
        "left-out, where the plan is not about it.",
        "failure": "Why it could not be read.",
        "left": "What a new plan would still do, or refuse.",
        "selected": "Whether the plan was for some of the manifests only.",
    },
    "Left": {
        "resource": "The kind of manifest.",
        "name": "The manifest's name.",
        "operation": "create, update or refused.",
        "fields": "The fields that it is about.",
        "again": "Those of them that the run had just set to what is asked for once more.",
    },
    "End": {
        "record": _RECORD,
        "exit_code": "What the run ended with.",
        "interrupted": "Whether a signal ended it.",
        "settles": "Earlier runs that had not ended, and that this one has looked after.",
        "error": "Why it ended before anything was written; null where it did not.",
        "at": _AT,
    },
}


def journal_schema() -> Schema:
    """The schema of one line: a line is one of five records."""
    generated: dict[str, Any] = adapter().json_schema(mode="serialization")
    definitions = generated["$defs"]
    first = definitions.pop("Begin")
    whole = {"$defs": definitions, **first}
    describe(whole, "Begin", _FIELDS)
    definitions["Begin"] = {key: value for key, value in whole.items() if key != "$defs"}
    definitions["Begin"]["properties"]["format"] = {
        "description": _FIELDS["Begin"]["format"],
        "const": FORMAT,
    }
    head = {
        "description": "The lines of a file: begin, then intents, results and proof, and in the end, end.",
        "oneOf": generated["oneOf"],
        "$defs": dict(sorted(definitions.items())),
    }
    return titled(ordered(head), "reconciler: a line of the journal")
