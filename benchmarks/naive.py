"""The same work with the usual packages, put together the usual way: ``python -m benchmarks.naive plan …``.

PyYAML's fastest loader, pydantic, one DeepDiff over everything, one httpx call after the other. It checks
less than the reconciler does, knows one kind of registry, and shows nothing but how many models differ.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import httpx
import yaml
from deepdiff import DeepDiff
from pydantic import BaseModel, ConfigDict

Tree = dict[str, Any]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Limits(_Closed):
    context_window: int | None = None
    max_output_tokens: int | None = None


class InOut(_Closed):
    input: float | None = None
    output: float | None = None


class Pricing(_Closed):
    unit: str | None = None
    currency: str
    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None
    batch: InOut | None = None
    tiers: dict[str, InOut] | None = None
    search: str | None = None
    image: str | None = None


class Capabilities(_Closed):
    tools: bool | None = None
    strict_tools: bool | None = None
    vision: bool | None = None
    streaming: bool | None = None
    reasoning: bool | None = None
    json_schema: bool | None = None
    image_edit: bool | None = None


class Metadata(_Closed):
    name: str
    labels: dict[str, str] = {}


class Spec(_Closed):
    display_name: str
    description: str | None = None
    type: str
    developer: str
    family: str
    provider: str
    model: str
    limits: Limits | None = None
    pricing: Pricing
    capabilities: Capabilities | None = None
    native: dict[str, dict[str, Any]] = {}


class Manifest(_Closed):
    apiVersion: str  # noqa: N815 - the field's name is given
    kind: str
    metadata: Metadata
    spec: Spec


_PROVIDERS = {
    "azure-openai": "azure",
    "bedrock": "aws",
    "gemini": "google-ai",
    "together-ai": "togetherai",
    "vertex-ai": "google",
}
_FLAGS = {
    "tools": "supports_tool_calling",
    "strict_tools": "supports_strict_tool",
    "vision": "supports_vision",
    "streaming": "supports_streaming",
    "reasoning": "supports_reasoning",
    "json_schema": "supports_json_schema_response_format",
    "image_edit": "supports_image_edit",
}


def wanted_of(manifest: Manifest) -> Tree:
    """What Orq should hold, in the words of its requests."""
    spec, pricing = manifest.spec, manifest.spec.pricing
    provider = _PROVIDERS.get(spec.provider, spec.provider)
    metadata: Tree = dict(spec.native.get("orq", {}).get("metadata", {}))
    if spec.limits is not None:
        metadata |= spec.limits.model_dump(exclude_none=True)
    for name in ("cache_read", "cache_write", "cache_write_5m", "cache_write_1h"):
        metadata[f"million_tokens_{name}_cost"] = getattr(pricing, name)
    if pricing.batch is not None:
        metadata["million_tokens_batches_input_cost"] = pricing.batch.input
        metadata["million_tokens_batches_output_cost"] = pricing.batch.output
    for tier, prices in (pricing.tiers or {}).items():
        metadata[f"million_tokens_{tier}_input_cost"] = prices.input
        metadata[f"million_tokens_{tier}_output_cost"] = prices.output
    metadata["million_searches_cost"] = _number(pricing.search, 1000)
    metadata["cost_per_image"] = _number(pricing.image, 1)
    if spec.capabilities is not None:
        metadata |= {_FLAGS[name]: value for name, value in spec.capabilities.model_dump().items()}
    return {
        "id": manifest.metadata.name,
        "display_name": spec.display_name,
        "model_id": spec.model,
        "model_developer": spec.developer,
        "model_family": spec.family,
        "model_type": spec.type,
        "provider": provider,
        "has_functions": bool(spec.capabilities and spec.capabilities.tools),
        "input_cost": round((pricing.input or 0) / 1000, 9),
        "output_cost": round((pricing.output or 0) / 1000, 9),
        "metadata": {"is_private": True, **{key: value for key, value in metadata.items() if value}},
        "parameters": [],
        "configuration": {"provider": provider},
    }


def _number(price: str | None, factor: int) -> float | None:
    return None if price is None else float(re.split(r"[ /]", price)[0]) * factor


_DERIVED = {"million_tokens_input_cost", "million_tokens_output_cost"}


def live_of(document: Tree, known: Tree) -> Tree:
    """A live model, without what no manifest says."""
    shown = {key: document[key] for key in known if key in document}
    shown["metadata"] = {key: value for key, value in shown["metadata"].items() if key not in _DERIVED}
    return shown


def load(folder: Path) -> dict[str, Tree]:
    """What every manifest wants, by name."""
    wanted = {}
    for path in sorted(folder.glob("models/**/*.yaml")):
        for document in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
            manifest = Manifest.model_validate(document)
            wanted[manifest.metadata.name] = wanted_of(manifest)
    return wanted


def plan(folder: Path, client: httpx.Client) -> int:
    """How many models differ."""
    wanted = load(folder)
    documents = client.get("/v2/models").raise_for_status().json()
    client.get("/v2/deployments", params={"limit": 50}).raise_for_status()
    live = {one["id"]: live_of(one, wanted[one["id"]]) for one in documents if one["id"] in wanted}
    found = DeepDiff(live, wanted, ignore_order=True, ignore_numeric_type_changes=True, view="tree")
    return len({item.path(output_format="list")[0] for items in found.values() for item in items})


def apply(folder: Path, client: httpx.Client) -> int:
    """Creates every model that is not there, one after the other, and reads once more."""
    wanted = load(folder)
    there = {one["id"] for one in client.get("/v2/models").raise_for_status().json()}
    missing = [one for name, one in wanted.items() if name not in there]
    for one in missing:
        client.post("/v2/models", json=one).raise_for_status()
    client.get("/v2/models").raise_for_status()
    return len(missing)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.naive", description=__doc__)
    parser.add_argument("command", choices=["plan", "apply"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("url")
    parser.add_argument("--expect", type=int, required=True, help="how many must differ, or be made")
    given = parser.parse_args()
    with httpx.Client(
        base_url=given.url, headers={"Authorization": "Bearer x"}, timeout=120, trust_env=False
    ) as client:
        found = (plan if given.command == "plan" else apply)(given.folder, client)
    print(f"{found} models differ")
    if found != given.expect:
        sys.exit(f"naive: {found} differ, and {given.expect} should")


if __name__ == "__main__":
    main()
