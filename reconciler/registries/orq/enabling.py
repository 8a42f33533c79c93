"""Enabling models of Orq.ai, and the table of the vendor's own, of which nothing else is ours.

Source: the vendor's published client (`POST /v2/workspace-models`, `DELETE /v2/workspace-models/{id}`) and
its Terraform provider, which says that a bare enabled model is there for all projects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.registries.codecs import Flag, Text
from reconciler.registries.rows import Call, Identity, Point, Row, Table

ENABLE: Final = Call("enable", "POST", "/v2/workspace-models", template={"model_id": "{id}"})
DISABLE: Final = Call("disable", "DELETE", "/v2/workspace-models/{id}", template={})

ENABLED: Final = Row(
    native=(("enabled",),),
    points=(Point(("enabled",)),),
    codec=Flag(),
    switch={True: ENABLE, False: DISABLE},
    note="for all projects of the workspace",
)


def called(raw: Mapping[str, Any]) -> Iterator[str]:
    """What a deployment may call a model. No source states the exact text of `prompt_config.model`. [?]"""
    for key in ("id", "refId"):
        if isinstance(raw.get(key), str):
            yield raw[key]
    yield f"{raw.get('provider')}/{raw.get('model_id')}"


BUILTIN: Final = Table(
    kind="orq",
    variant="builtin",
    title="Orq.ai built-in models (`/v2/workspace-models`)",
    resource="Model",
    rows=(
        Row(
            native=(("builtin",),),
            points=(Point(("id",), create=False, update=False, read=False),),
            codec=Text(),
            identity=True,
        ),
        ENABLED,
    ),
    # By its id, else by its `refId`: the order of the vendor's Terraform provider.
    identity=Identity(pin=("native", "orq", "builtin"), client_chosen=False),
    create=None,
    update=ENABLE,
    vendors=True,
    described_by="a built-in model, by `native.orq.builtin`",
    called=called,
)
