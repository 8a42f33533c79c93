"""Models behind an OpenAI-compatible endpoint: what the bodies may hold, and the document made of them.

Sources: the API reference of ``POST /v2/models/openai-like``; the vendor's published client of the same
weeks for the update; ``[T]`` marks what the vendor's Terraform provider says about its own server. Where
neither says anything, a comment says so.
"""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

from reconciler.embedded.answers import Mismatch
from reconciler.embedded.orq import document
from reconciler.embedded.orq.document import Document, NewModel
from reconciler.embedded.shapes import (
    Check,
    amount,
    closed_object,
    count,
    flag,
    identifier,
    one_of,
    text,
    text_up_to,
)

PROVIDER = "openailike"
"""The ``provider`` of these models, and what tells them from the generic ones."""

_METADATA_FLAGS = ("supports_image_edit", "supports_strict_tool", "supports_tool_calling", "supports_vision")


def _endpoint(path: str, value: object) -> None:
    """An absolute URL without user, query or fragment: it is shown and logged [T]."""
    text(path, value)
    assert isinstance(value, str)
    try:
        parts = urlsplit(value)
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or not value.isprintable() or any(mark in value for mark in "@?# \\"):
        raise Mismatch(path, "must be an absolute http or https URL without user, query and fragment")


_ALWAYS: dict[str, Check] = {
    "display_name": text_up_to(128),
    "model_type": one_of("chat", "completion", "embedding", "image"),
    "region": identifier,
}
_ENDPOINT: dict[str, Check] = {"base_url": _endpoint, "model_id": identifier}
_OPTIONAL: dict[str, Check] = {
    "cost_per_image": amount,
    "description": text,
    "has_reasoning": flag,
    "input_cost": amount,
    "max_tokens": count,
    "output_cost": amount,
    **dict.fromkeys(_METADATA_FLAGS, flag),
    "temperature": amount,
}

CREATE: Check = closed_object({"api_key": identifier, **_ALWAYS, **_ENDPOINT}, _OPTIONAL)
"""The body of ``POST /v2/models/openai-like``."""

UPDATE: Check = closed_object(_ALWAYS, {**_ENDPOINT, **_OPTIONAL})
"""The body of ``PATCH /v2/models/openai-like/{id}``: no ``api_key``. A null clears nothing."""


def new_model(body: Document, *, owner: str) -> NewModel:
    """The model that a checked body makes; each call makes another, with an id of its own [T]."""
    model: Document = {
        **document.skeleton(PROVIDER, body["model_id"], owner=owner),
        "configuration": {
            "provider": PROVIDER,
            "base_url": body["base_url"],
            "is_openai_compatible": True,
            "api_key_env": None,
        },
        "has_functions": False,
        "id": str(uuid.uuid4()),
        # What stands for a cost that was not sent, no source states.
        "input_cost": 0,
        "metadata": {"is_private": True},
        "output_cost": 0,
        "parameters": [],
        "provider": PROVIDER,
    }
    return NewModel(_changed(model, body), {"api_key": body["api_key"]})


def updated_model(live: Document, body: Document) -> Document:
    """``live`` after a checked body of the update. The metadata is merged, not replaced."""
    return _changed({**live, "updated": document.current_time()}, body)


def _changed(model: Document, body: Document) -> Document:
    changed = {**model}
    for key in ("display_name", "model_type", "description", "model_id", "input_cost", "output_cost"):
        if key in body:
            changed[key] = body[key]
    if changed["model_type"] == "image":
        changed |= {"input_cost": 0, "output_cost": 0}  # the server ignores what was sent [T]
    if "base_url" in body:
        changed["configuration"] = {**model["configuration"], "base_url": body["base_url"]}
    if "supports_tool_calling" in body:
        changed["has_functions"] = body["supports_tool_calling"]
    changed["refId"] = document.reference(model["provider"], changed["model_id"], owner=model["owner"])
    changed["metadata"] = {**model["metadata"], **_metadata(body)}
    # Built from the three fields of this very body, and written only where that leaves any [T]: none of
    # them can be cleared, and a body with one of them drops the parameters of the others.
    changed["parameters"] = _parameters(body, model["parameters"] or []) or model["parameters"]
    return document.with_metadata_as_read(changed)


def _metadata(body: Document) -> Document:
    sent = {key: body[key] for key in ("region", "cost_per_image", *_METADATA_FLAGS) if key in body}
    return {**sent, "supports_reasoning": True} if body.get("has_reasoning") else sent


def _parameters(body: Document, live: list[Document]) -> list[Document]:
    # The names and the values of `parameter` and `config.max` are the server's [T]; the rest of an entry
    # is modelled on the vendor's own models.
    wanted = []
    if body.get("max_tokens"):
        wanted.append(("maxTokens", "Max tokens", "slider", {"min": 1, "max": body["max_tokens"]}))
    if body.get("temperature"):
        wanted.append(("temperature", "Temperature", "slider", {"min": 0, "max": body["temperature"]}))
    if body.get("has_reasoning"):
        levels = {"options": ["low", "medium", "high"]}
        wanted.append(("reasoning_effort", "Reasoning effort", "select", levels))
    ids = {entry["parameter"]: entry["id"] for entry in live}
    return [
        document.new_parameter(
            {"config": config, "name": name, "parameter": parameter, "parameter_type": kind},
            identity=ids.get(parameter) or str(uuid.uuid4()),
        )
        for parameter, name, kind, config in wanted
    ]
