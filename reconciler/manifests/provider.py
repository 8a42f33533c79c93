"""The `Provider` manifest: who serves models, in a registry that keeps that as an object of its own.

Not the word `provider` of a model: that is in ``providers.py``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.manifests.fields import Omittable, Strict
from reconciler.manifests.resource import (
    ApiVersion,
    Metadata,
    Native,
    Overrides,
    Registries,
    UpstreamKey,
    UpstreamUrl,
)


class ProviderEndpoint(Strict):
    """Where the provider is called, and with which key."""

    base_url: UpstreamUrl = None
    api_key: UpstreamKey = None


class ProviderSpecPatch(Strict):
    """The part of `spec` that `overrides` may change."""

    display_name: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="The name that people see.", examples=["House vLLM"]
    )
    endpoint: Omittable[ProviderEndpoint] = Field(
        None, description="Where the provider is called, and with which key."
    )
    native: Native = None


class ProviderSpec(ProviderSpecPatch):
    """What a registry shall hold. A field that is left out is not managed; null must not be set."""

    registries: Registries = None
    overrides: Overrides[ProviderSpecPatch] = None


class Provider(Strict):
    """One provider of models, as every registry that is named in it shall hold it."""

    apiVersion: ApiVersion  # noqa: N815 - the field's name is given
    kind: Literal["Provider"] = Field(description="The kind of manifest.")
    metadata: Metadata = Field(description="Who the manifest is, on our side; sent nowhere but as a default.")
    spec: ProviderSpec = Field(
        description="What a registry shall hold. Left out: not managed; null: not to be set."
    )
