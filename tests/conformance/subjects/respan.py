"""Respan: models and providers, each with a list of its own.

Sources: the error models of the vendor's client, and its page on rate limits.
"""

from __future__ import annotations

from typing import Any

from conformance.subject import Facts, Failure, Limit, Listing, Pages, Subject, Vendor, key_list, paths

NATIVE = ("native", "respan")
MODEL = key_list("respan_model_keys.json")


def _items(data: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = data["results"]
    return items


def _model_id(item: dict[str, Any]) -> str:
    own = item["affiliation_category"] == "custom"
    return item["model_name"] if own else f"/{item['model_name']}"


def _models(count: int) -> dict[str, Any]:
    return {
        "respan": {
            "models": [
                {"model_name": f"m{number:04}", "base_model_name": "base-1"} for number in range(count)
            ]
        }
    }


def _providers(count: int) -> dict[str, Any]:
    return {
        "respan": {
            "providers": [
                {"provider_id": f"p{number:04}", "provider_name": f"P {number}"} for number in range(count)
            ]
        }
    }


async def _own_models(reader: Any) -> int:
    observation = await reader.observe()
    return sum(live.resource == "Model" and live.ours for live in observation.objects)


async def _own_providers(reader: Any) -> int:
    observation = await reader.observe()
    return sum(live.resource == "Provider" and live.id.startswith("p0") for live in observation.objects)


UNKNOWN = ({"results": {}}, {"data": []}, {"results": [{"name": "no key"}]}, [[]], "models", 0, None)

SUBJECT = Subject(
    listings={
        "Model": Listing(
            "POST",
            "/api/models/list/",
            body={"filters": {}},
            items=_items,
            unknown=UNKNOWN,
            identify=_model_id,
            rename=lambda item, name: item.update(id=name, model_name=name),
        ),
        "Provider": Listing(
            "GET",
            "/api/providers/",
            items=_items,
            unknown=UNKNOWN,
            identify=lambda item: str(item["provider_id"]),
            rename=lambda item, name: item.update(id=name, provider_id=name),
        ),
    },
    vendors={
        "Model": Vendor(
            "quick", {"respan": {"vendor_models": [{"model_name": "quick", "provider_id": "openai"}]}}
        ),
        "Provider": Vendor(
            "managed",
            {
                "respan": {
                    "providers": [{"provider_id": "managed", "provider_name": "Managed", "is_managed": True}]
                }
            },
        ),
    },
    errors=(
        Failure("detail", 400, {"detail": "Invalid filter"}, ("Invalid filter",)),
        Failure("error", 400, {"error": "Base model not found"}, ("Base model not found",)),
        Failure(
            "fields",
            422,
            {"detail": "Invalid", "errors": {"input_cost": ["must be a number"]}},
            ("Invalid", "input_cost", "must be a number"),
        ),
        Failure("with a code", 500, {"detail": "It broke", "error_code": "E7"}, ("It broke", "E7")),
        Failure(
            "unauthorised",
            401,
            {"detail": "Authentication credentials were not provided."},
            ("Authentication credentials were not provided.",),
        ),
        Failure(
            "of another owner",
            403,
            {"detail": "Cannot access objects owned by others"},
            ("Cannot access objects owned by others",),
        ),
    ),
    limits=(Limit("in the body", 30, {"detail": "Rate limit exceeded", "retry_after": 30}),),
    pages=(
        Pages("models", "/api/models/list/", 100, _models, _own_models),
        Pages("providers", "/api/providers/", 100, _providers, _own_providers),
    ),
    seed={
        "respan": {
            "providers": [
                {"provider_id": "acme-1", "provider_name": "Acme"},
                {"provider_id": "acme-2", "provider_name": "Acme the second"},
            ],
            "vendor_models": [
                {"model_name": name, "provider_id": "openai", "input_cost": 1}
                for name in ("base-1", "base-2")
            ],
        }
    },
    facts={
        "model": Facts(
            values={
                (*NATIVE, "base_model_name"): ("base-1", "base-2"),
                (*NATIVE, "custom_provider_id"): ("acme-1", "acme-2"),
                (*NATIVE, "provider_id"): ("acme-1", "acme-2"),
                (*NATIVE, "supported_params_override"): ({"seed": None}, {"seed": {"range": {"max": 1}}}),
            },
            apart=frozenset({(*NATIVE, "provider_id")}),
            made=frozenset({("provider",)}),
            keys=frozenset(paths(MODEL["request"])),
        ),
        "provider": Facts(
            # An update of what is beside the key says what becomes of the key.
            along={("endpoint", "api_key"): None},
            keys=frozenset({("provider_id",), ("provider_name",), ("api_key",), ("extra_kwargs",)}),
        ),
    },
)
