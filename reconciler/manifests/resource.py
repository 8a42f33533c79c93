"""What every kind of manifest has alike: who it is, where it goes, an upstream, and what stays native.

`native` stays unchecked here; only the tables of the registries know it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from reconciler.manifests.fields import BaseUrl, Name, Omittable, SecretReference, Strict

ApiVersion = Annotated[Literal["reconciler/v1"], Field(description="The version of this format.")]


class Metadata(Strict):
    """Who the manifest is, on our side."""

    name: Name = Field(
        description="Unique in the folder among manifests of its kind.", examples=["support-mini"]
    )
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="Words of your own; --only and --except choose by them.",
        examples=[{"team": "support"}],
    )


UpstreamUrl = Annotated[
    BaseUrl | None,
    Field(description="Its address, up to the version.", examples=["https://llm.example.com/v1"]),
]
UpstreamKey = Annotated[
    SecretReference | None, Field(description="The key that the registry calls it with; write-only.")
]

Native = Annotated[
    Omittable[dict[str, dict[str, Any]]],
    Field(description="What only one kind of registry has, by kind, in that registry's own field names."),
]
Registries = Annotated[
    Omittable[Annotated[list[Name], Field(min_length=1)]],
    Field(
        description="The registries of reconciler.yaml that shall hold it; default_registries if left out."
    ),
]

P = TypeVar("P", bound=Strict)
Overrides = Annotated[
    Omittable[dict[Name, P]],
    Field(description="Changes to this spec for one registry, by its name; null: must not be set there."),
]
"""By registry, patches ``P`` of the same fields as the spec has, but for where it goes."""
