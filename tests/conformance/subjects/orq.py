"""Orq.ai: three variants of models in one list.

Sources of the error shapes: the vendor's Terraform provider, and docs.orq.ai/reference/errors.
"""

from __future__ import annotations

from typing import Any

from conformance.subject import Facts, Failure, Limit, Listing, Pages, Subject, Vendor, key_list, paths

GENERIC = key_list("orq_metadata_keys.json")
OPENAI_LIKE = key_list("orq_openai_like_keys.json")
NATIVE = ("native", "orq")


def _deployments(count: int) -> dict[str, Any]:
    return {"orq": {"deployments": [_deployment(number) for number in range(count)]}}


def _deployment(number: int) -> dict[str, Any]:
    return {"key": f"d{number:04}", "model": "openai/gpt-4o", "provider": "openai"}


async def _users(reader: Any) -> int:
    usages = await reader.usages()
    return len(usages.by_name.get("openai/gpt-4o", ()))


SUBJECT = Subject(
    listings={
        "Model": Listing(
            "GET",
            "/v2/models",
            unknown=(
                {"object": "list", "data": [{"id": "gpt-4o", "object": "model"}]},
                {"models": []},
                [{"name": "no id"}],
                [[]],
                "models",
                0,
            ),
        )
    },
    vendors={
        "Model": Vendor("acme/quick", {"orq": {"vendor_models": [{"id": "acme/quick", "provider": "acme"}]}})
    },
    errors=(
        Failure("text", 400, {"error": "the id is taken"}, ("the id is taken",)),
        Failure(
            "code, message and address",
            403,
            {
                "error": {
                    "code": "insufficient_scope",
                    "message": "Not for you",
                    "doc_url": "https://x.invalid",
                }
            },
            ("Not for you", "insufficient_scope"),
        ),
        Failure(
            "of the router",
            401,
            {"error": {"message": "No key", "type": "auth", "param": None, "code": "invalid_api_key"}},
            ("No key", "invalid_api_key"),
        ),
        Failure(
            "of the framework",
            500,
            {"code": "INTERNAL", "message": "It went wrong"},
            ("It went wrong", "INTERNAL"),
        ),
    ),
    limits=(
        Limit(
            "with a code",
            11,
            {"error": {"code": "rate_limit_exceeded", "message": "Slow down"}},
            {"retry-after": "11", "x-ratelimit-limit": "100", "x-ratelimit-remaining": "0"},
        ),
    ),
    pages=(Pages("deployments", "/v2/deployments", 50, _deployments, _users),),
    facts={
        "generic": Facts(
            keys=frozenset(
                {
                    *paths(GENERIC["request"]),
                    *paths(GENERIC["metadata"], "metadata"),
                    *paths(GENERIC["parameter"], "parameters", "0"),
                }
            ),
        ),
        "openai-like": Facts(
            values={("endpoint", "base_url"): ("https://llm.example.com/v1", "https://llm.example.com/v2")},
            newer=frozenset({(*NATIVE, "cache_read_cost"), (*NATIVE, "cache_write_cost")}),
            keys=frozenset(paths(OPENAI_LIKE["request"])),
        ),
    },
)
