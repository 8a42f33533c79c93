"""A virtual model of watsonx Orchestrate: what the bodies may hold, and the document made of them.

Sources: the API reference of ``POST /models`` for the fields, the vendor's client
(ibm-watsonx-orchestrate) for the rest. What a list shows of secrets no source states; here nothing: the
key reads back as ``Dummy`` where none was sent, any secret text as a mask, a service account not at all.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reconciler.embedded.shapes import (
    Check,
    array,
    closed_object,
    free_object,
    identifier,
    nullable,
    one_of,
    text,
)
from reconciler.embedded.watsonx import provider_config
from reconciler.embedded.watsonx.provider_config import SECRETS

Document = dict[str, Any]

UNSET_KEY = "Dummy"
"""The documented default of ``provider_config.api_key``."""

MASK = "********"

_PREFIX = "virtual-model"

_TENANT = {"tenant_name": "embedded"}
_AUTHOR = {"created_by": "00000000-0000-4000-8000-000000000000", "created_by_username": "embedded"}
"""What the server makes and no body may hold. The keys are the vendor's; the values nobody should rely on."""

_SERVERS_TAGS = frozenset(
    {
        "default",
        "recommended",
        "third party",
        "wxo-reserved-tag-admin-disallowed",
        "wxo-reserved-tag-premier",
    }
)
"""Tags with a meaning to the service, which it adds itself."""

BODY: Check = closed_object(
    {"name": identifier},
    {
        "display_name": nullable(text),
        "description": nullable(text),
        "provider_config": nullable(provider_config.check),
        # The reference lists 34 keys of it, and no source says that it is closed.
        "config": nullable(free_object),
        "tags": nullable(array(text)),
        "model_type": one_of("chat", "chat_vision", "completion", "embedding"),
        "connection_id": nullable(text),
    },
)
"""The body of ``POST /models`` and ``PUT /models/{id}``.

That ``provider_config`` is closed is the vendor's; that the body is, no source states: a body that passes
here is safe there.
"""


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model as it is stored: what everybody may read, and what nobody may."""

    document: Document
    secrets: Document


def new_model(body: Document, *, tenant: str) -> NewModel:
    now = _now()
    return _written(body, {"id": str(uuid.uuid4()), "tenant_id": tenant, "created_on": now}, now)


def replaced(live: Document, body: Document) -> NewModel:
    """``live`` after a ``PUT``: what the body leaves out is gone, the credentials too.

    Whether the service resets what is left out, no source states; its own client always sends everything.
    """
    kept = {key: live[key] for key in ("id", "tenant_id", "created_on")}
    new = _written(body, kept, _now())
    # That the server's own tags outlive a body without them, no source states; what a client did not put
    # there, it could not know to send again.
    servers = [tag for tag in live["tags"] if tag in _SERVERS_TAGS and tag not in new.document["tags"]]
    new.document["tags"] = [*new.document["tags"], *servers]
    return new


def _written(body: Document, kept: Document, now: str) -> NewModel:
    shown, secrets = _split(body.get("provider_config"), body["name"])
    document = {
        **kept,
        **_TENANT,
        **_AUTHOR,
        "name": body["name"],
        "model_name": body["name"],
        "title": body.get("display_name") or body["name"],
        # The client sends the name for both; what the service puts for them, no source states.
        "display_name": body.get("display_name"),
        "description": body.get("description"),
        "provider_config": shown,
        "config": body.get("config"),
        "tags": body.get("tags") or [],
        "model_type": body.get("model_type", "chat"),
        "connection_id": body.get("connection_id"),
        "updated_at": now,
    }
    return NewModel(document, secrets)


def _split(config: Document | None, name: str) -> tuple[Document | None, Document]:
    if config is None:
        return None, {}
    spelled = provider_config.in_camel_case(config)
    secrets = {key: value for key, value in spelled.items() if key in SECRETS}
    masked = {key: MASK for key, value in secrets.items() if isinstance(value, str)}
    public = {key: value for key, value in spelled.items() if key not in SECRETS}
    if secrets.get("api_key") == UNSET_KEY:
        del masked["api_key"], secrets["api_key"]
    return {"api_key": UNSET_KEY, **public, **masked, "provider": _provider(name)}, secrets


def _provider(name: str) -> str:
    """The service derives it: the first part of the name, behind the prefix of virtual models."""
    parts = name.split("/")
    return parts[1] if parts[0] == _PREFIX and len(parts) > 1 else parts[0]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
