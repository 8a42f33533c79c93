"""IBM watsonx Orchestrate: the tenant's virtual models. The vendor's own are in another list.

Sources of the error shapes: the vendor's client; of the quota, its resource limits.
"""

from __future__ import annotations

from conformance.subject import Facts, Failure, Limit, Listing, Subject, key_list, paths

NATIVE = ("native", "watsonx")
PROVIDER_CONFIG = key_list("watsonx_provider_config_keys.json")["provider_config"]
CONFIG = key_list("watsonx_config_keys.json")
QUOTA = {
    "code": "RESOURCE_QUOTA_EXCEEDED",
    "message": "No more models",
    "resource": "models",
    "current": 5,
    "requested": 1,
    "limit": 5,
}

SUBJECT = Subject(
    base="/api/v1",
    listings={
        "Model": Listing(
            "GET", "/models", unknown=({"data": []}, [{"name": "no id"}], [[]], {"models": 1}, "models", None)
        )
    },
    errors=(
        Failure("text", 404, {"detail": "Model not found"}, ("Model not found",)),
        Failure(
            "fields",
            422,
            {"detail": [{"loc": ["body", "name"], "msg": "field required", "type": "missing"}]},
            ("body.name", "field required"),
        ),
        Failure("mapping", 400, {"detail": {**QUOTA, "code": "NO"}}, ("No more models", "NO")),
    ),
    limits=(Limit("quota", None, {"detail": QUOTA}),),
    facts={
        "model": Facts(
            always={("provider",): "openai", ("model",): "gpt-4o"},
            another={("model",): "gpt-4o-mini"},
            pin="virtual-model/openai/gpt-4o",
            keys=frozenset(
                {
                    *paths(CONFIG["request"]),
                    *paths(PROVIDER_CONFIG, "provider_config"),
                    *paths(CONFIG["config"], "config"),
                }
            ),
        )
    },
)
