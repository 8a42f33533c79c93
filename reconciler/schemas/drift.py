"""The document that `drift -o json` ends with. Every field is always there."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter

from reconciler.drift import FORMAT, Drift
from reconciler.schemas.plan import FIELDS, describe
from reconciler.schemas.tidy import Schema, titled

_FIELDS: Final = {
    "Drift": {
        "apiVersion": "The version of all our documents.",
        "kind": "The kind of document.",
        "format": "The version of this document; it grows when a field changes its meaning.",
        "registries": "Every registry of the run, in the order of reconciler.yaml.",
        "since": "The commit that --since named; null where the journal was asked.",
        "notes": "Remarks about the whole run.",
        "made": "When it was compared, and with which commit; null where that is not known.",
        "scope": "What the run was asked for; everything where nothing is given.",
    },
    "RegistryDrift": {
        "name": "Its name in reconciler.yaml.",
        "kind": "The adapter that speaks to it.",
        "target": "Its address, or the file of an embedded registry.",
        "failure": "Why it could not be read; null if it was.",
        "findings": "One for every manifest whose object is not as declared.",
        "as_declared": "How many objects are as declared.",
        "not_verified": "Declared fields that never read back, so that nothing can be said of them.",
        "left_alone": "Live objects of ours that no manifest names.",
        "vendor_owned": "How many live models belong to the vendor and no manifest names.",
        "in_part": "Whether only what the chosen manifests mean was read, by name: what is left alone is "
        "then not known, nor how many there are.",
    },
    "Finding": {
        "registry": "The registry's name.",
        "resource": "The kind of manifest.",
        "name": "The manifest's name.",
        "id": "The live object's id, or the one that a create sends; null where the server makes it.",
        "state": "Its fields differ, it is absent, or no live object could be compared with it.",
        "verdict": "Who moved since the last apply. With git alone it is not applied yet, and no drift.",
        "place": "Where the manifest is written.",
        "updated": "The registry's own time of the last change of the object; null where it tells none.",
        "since": "When it was last known to be as declared; null where that is not known.",
        "reason": "Why nobody can tell who moved, or why it could not be compared; else null.",
        "fields": "The fields that differ.",
        "refusals": "Why an apply would refuse to bring it about; empty otherwise.",
        "notes": "Remarks, such as that something else sets a field again and again.",
    },
    "Moved": {
        "path": "The field, as in the manifest.",
        "verdict": "Who moved since the last apply.",
        "applied": "What was applied last; null where that is unknown or not declared.",
        "declared": "What the manifest asks for.",
        "live": "What the registry holds.",
        "place": "Where the declared value is written.",
        "since": "When it was last known to be as declared; null where that is not known.",
        "details": "What differs inside a value that is compared whole, one line each.",
    },
    "Moment": {
        "run": "The id of the run in the journal; null where --since named the commit.",
        "at": "When that run began, in UTC.",
        "commit": "The commit whose manifests were applied; null where no commit holds them.",
    },
    "NotVerified": {
        "path": "The field.",
        "names": "The manifests that declare it.",
        "resource": "What they declare: `Model` or `Provider`.",
    },
}


def drift_schema() -> Schema:
    schema: dict[str, Any] = titled(
        TypeAdapter(Drift).json_schema(mode="serialization"), "reconciler: a drift document"
    )
    describe(schema, "Drift", {**FIELDS, **_FIELDS})
    format_ = schema["properties"]["format"]
    schema["properties"]["format"] = {"description": format_["description"], "const": FORMAT}
    schema["properties"]["exit_code"] = {"description": "What the run ended with.", "type": "integer"}
    schema["required"] = list(schema["properties"])
    return schema
