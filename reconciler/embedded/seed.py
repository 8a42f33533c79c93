"""Puts into a registry what its clients cannot create, for tests and demonstrations.

``seed(database, contents)`` takes an object with a part for each vendor and lists in it; every part and
every list may be left out. An entry is what a client would send to create it, and may leave out what has
a default here::

    {
        "orq": {
            "vendor_models": [{"id": "openai/gpt-5", "provider": "openai", "input_cost": 0.00125}],
            "models": [{"id": "support", "enabled": false}],
            "openai_like": [{"model_id": "llama", "base_url": "https://llm.example.com/v1"}],
            "deployments": [{"key": "answers", "model": "openai/gpt-5", "provider": "openai"}],
        },
        "respan": {
            "providers": [{"provider_id": "acme", "provider_name": "Acme", "is_managed": true}],
            "vendor_models": [{"model_name": "gpt-5", "provider_id": "openai", "input_cost": 1.25}],
            "models": [{"model_name": "support", "base_model_name": "gpt-5"}],
        },
        "watsonx": {
            "vendor_models": [{"name": "groq/openai/gpt-oss-20b", "tags": ["default"]}],
            "models": [{"name": "virtual-model/openai/gpt-4o", "connection_id": "c1"}],
        },
    }

An entry replaces what has its id. Where the server makes ids, an entry may name one; without it, the id
follows from the place in the list and the name, so that seeding twice leaves the same. Nothing is probed
or counted against a quota, and vendor-owned models may be replaced too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.embedded import wire
from reconciler.embedded.answers import Refused
from reconciler.embedded.orq.seed import LISTS as ORQ
from reconciler.embedded.respan.seed import LISTS as RESPAN
from reconciler.embedded.schema import MIGRATIONS
from reconciler.embedded.seeding import Put
from reconciler.embedded.store import Store
from reconciler.embedded.vault import Vault
from reconciler.embedded.watsonx.seed import LISTS as WATSONX

_VENDORS: dict[str, Mapping[str, Put]] = {"orq": ORQ, "respan": RESPAN, "watsonx": WATSONX}


def seed(database: Path, contents: Mapping[str, Any]) -> None:
    """Puts ``contents`` into ``database``, which is made where absent: all of it, or nothing.

    The registry may be open and in use meanwhile. Raises ValueError, which names the entry, for contents
    that are not as described above, and StorageError as ``create_app`` does.
    """
    # Through the text, as from a client: floats become decimals, and nothing is shared with the caller.
    plan = _checked(wire.loads(wire.dumps(contents)))
    store = Store(database, MIGRATIONS)
    vault = Vault(database)
    try:
        with store.writing() as connection:
            for vendor, lists in _VENDORS.items():
                for name, put in lists.items():
                    for index, entry in enumerate(plan.get(vendor, {}).get(name, [])):
                        try:
                            put(connection, vault, entry, index)
                        except Refused as refused:
                            raise ValueError(f"{vendor}.{name}[{index}]: {refused.message}") from None
    finally:
        store.close()


def _checked(contents: Any) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Raises ValueError for a part or a list that is not known, and for an entry that is no object."""
    _refuse_unknown("the contents", contents, _VENDORS)
    for vendor, lists in contents.items():
        _refuse_unknown(vendor, lists, _VENDORS[vendor])
        for name, entries in lists.items():
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise ValueError(f"{vendor}.{name}: expected a list of objects")
    checked: dict[str, dict[str, list[dict[str, Any]]]] = contents
    return checked


def _refuse_unknown(place: str, value: object, known: Mapping[str, object]) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{place}: expected an object")
    for key in value:
        if key not in known:
            raise ValueError(f"{place}: {key!r} is not one of {', '.join(known)}")
