"""The document that `probe -o json` ends with. Every field is always there."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter

from reconciler.probe.results import MOST_REQUESTS, Probe
from reconciler.schemas.plan import FAILURE, describe
from reconciler.schemas.tidy import Schema, ordered, titled

_FIELDS: Final = {
    "Probe": {
        "probed": "Every upstream that a selected manifest declares.",
        "skipped": "The selected manifests, and registries, without an upstream to ask.",
    },
    "Probed": {
        "name": "The manifest's name.",
        "registries": "The registries for which it declares this upstream.",
        "base_url": "The endpoint's address.",
        "model": "The model's name at the endpoint.",
        "type": "The declared type; null where none is declared.",
        "secret": "The name of the secret that holds the key; null where no key is sent.",
        "requests": "How many requests were sent.",
        "rows": "What is declared beside what was seen.",
        "failure": "Why the endpoint cannot be used; null where it can.",
    },
    "Row": {
        "about": "listed: the model is in the endpoint's list; answers: it answered; else a capability.",
        "registries": "Those for which it is declared so.",
        "declared": "What the manifest says.",
        "seen": "What the endpoint did.",
        "verdict": "The two compared.",
        "reason": "Why it is no or unknown, the key struck out of the endpoint's words.",
        "status": "The HTTP status of the answer.",
    },
    "Failure": FAILURE,
    "Skipped": {
        "name": "The manifest's name.",
        "registries": "The registries that it is about.",
        "reason": "What the manifest lacks.",
    },
}

_HEAD: Final[dict[str, Schema]] = {
    "apiVersion": {"description": "The version of all our documents.", "const": "reconciler/v1"},
    "kind": {"description": "The kind of document.", "const": "Probe"},
    "exit_code": {"description": "What the run ended with.", "type": "integer"},
    "most_requests": {
        "description": "No endpoint is sent more requests for one model.",
        "const": MOST_REQUESTS,
    },
}


def probe_schema() -> Schema:
    schema: dict[str, Any] = titled(
        TypeAdapter(Probe).json_schema(mode="serialization"), "reconciler: a probe document"
    )
    describe(schema, "Probe", _FIELDS)
    schema["properties"] = _HEAD | schema["properties"]
    schema["required"] = list(schema["properties"])
    return ordered(schema)
