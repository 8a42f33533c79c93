"""From a checked request to a ModelDocument, which lists and answers show. Nothing here touches the world
but the clock and the random source of ids.

Where no other source is named, the behaviour is the one of the API reference; ``[T]`` marks what the
vendor's Terraform provider says about its own server.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from reconciler.embedded import wire
from reconciler.embedded.answers import Refused
from reconciler.embedded.orq.fields import CONFIGURATION
from reconciler.embedded.orq.metadata import PRICE_KEYS

Document = dict[str, Any]

SYSTEM = "system"
"""The ``owner`` of the vendor's own models."""

WORKSPACE_KEY = "embedded"
"""What stands before the ``@`` in the refId of a workspace's model."""

_DERIVED = {"input_cost": "million_tokens_input_cost", "output_cost": "million_tokens_output_cost"}
_ALWAYS_WRITTEN = frozenset({*PRICE_KEYS, "when"})


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model as it is stored: what everybody may read, and what nobody may."""

    document: Document
    credentials: Document


def new_model(body: Document, *, owner: str) -> NewModel:
    """The model that a checked body of ``POST /v2/models`` makes. ``owner`` is ``SYSTEM`` or a workspace."""
    shown, credentials = _split_configuration(body["configuration"], body["provider"])
    document = {
        **skeleton(body["provider"], body["model_id"], owner=owner),
        **body,
        "configuration": shown,
        "parameters": _new_parameters(body["parameters"]),
    }
    return NewModel(with_metadata_as_read(document), credentials)


def skeleton(provider: str, model_id: str, *, owner: str) -> Document:
    """What every new model has and no client can send."""
    now = current_time()
    return {
        "created": now,
        "description": None,
        "docs_url": None,
        "enabled": True,
        "enabled_for_endpoints": True,
        "enabled_for_playground": True,
        "has_cpu_pricing": False,
        "input_currency": "USD",
        "is_active": True,
        "output_currency": "USD",
        "owner": owner,
        "pricing_url": None,
        "refId": reference(provider, model_id, owner=owner),
        "updated": now,
    }


def reference(provider: str, model_id: str, *, owner: str) -> str:
    """The ``refId``, which need not be unique."""
    name = f"{provider}/{model_id}"
    return name if owner == SYSTEM else f"{WORKSPACE_KEY}@{name}"


def updated_model(document: Document, body: Document) -> Document:
    """``document`` after a checked body of ``PATCH /v2/models/{id}``.

    What the body names is replaced, ``metadata`` and ``parameters`` as a whole. Raises Refused 400 for a
    parameter whose id the model does not have.
    """
    changed = {**document, **body, "updated": current_time()}
    if "parameters" in body:
        changed["parameters"] = _replaced_parameters(document["parameters"] or [], body["parameters"])
    return with_metadata_as_read(changed)


def with_metadata_as_read(document: Document) -> Document:
    """``document`` with the metadata that the server makes of it: prices derived, empty values dropped."""
    # The server derives the prices per million from the prices per thousand [T]. Whether a price that was
    # sent would win over the derived one is not stated; two prices that contradict each other help nobody.
    derived = {key: _per_million(document[cost]) for cost, key in _DERIVED.items()}
    return {**document, "metadata": _omit_empty({**document["metadata"], **derived})}


def _per_million(per_thousand: int | Decimal) -> int | Decimal:
    price = wire.rounded(Decimal(per_thousand) * 1000)
    whole = price.to_integral_value()
    return int(whole) if whole == price else price.normalize()


def _omit_empty(value: Document) -> Document:
    """``value`` without what the server drops when it writes JSON: false, 0, "", null, empty arrays [T].

    Objects stay even when they are empty, and the required keys of a price stay whatever they hold.
    """
    kept: Document = {}
    for key, item in value.items():
        if isinstance(item, dict):
            kept[key] = _omit_empty(item)
        elif isinstance(item, list) and item:
            kept[key] = [_omit_empty(entry) if isinstance(entry, dict) else entry for entry in item]
        elif item or key in _ALWAYS_WRITTEN:
            kept[key] = item
    return kept


def _split_configuration(configuration: Document, provider: str) -> tuple[Document, Document]:
    """What answers may show of a configuration, and the rest.

    A documented key that holds another type than the documented one belongs to the rest: it may be
    anything, a credential included.
    """
    shown = {
        key: item
        for key, item in configuration.items()
        if key in CONFIGURATION and isinstance(item, CONFIGURATION[key])
    }
    rest = {key: item for key, item in configuration.items() if key not in shown}
    return {"provider": provider, **shown}, rest


def _new_parameters(sent: list[Document] | None) -> list[Document] | None:
    if sent is None:
        return None
    return [new_parameter(item, identity=str(uuid.uuid4())) for item in sent]


def _replaced_parameters(live: list[Document], sent: list[Document]) -> list[Document]:
    by_id = {parameter["id"]: parameter for parameter in live}
    replaced = []
    for index, item in enumerate(sent):
        current = by_id.pop(item["id"], None)
        if current is None:
            raise Refused(400, f"parameters[{index}].id: not a parameter of this model, or named twice")
        replaced.append(new_parameter(item, identity=item["id"], is_active=current["is_active"]))
    return replaced


def new_parameter(sent: Document, *, identity: str, is_active: bool = True) -> Document:
    """A parameter as answers show it."""
    return {"description": None, **sent, "id": identity, "is_active": is_active}


def current_time() -> str:
    """Now, as documents hold it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
