"""What the bodies of Orq's generic model routes may hold.

Source: the API reference of ``POST /v2/models``, and for the update the vendor's published client of the
same weeks (orq-ai-sdk 4.12). All objects are closed, except ``configuration`` and the ``config`` of a
parameter.
"""

from __future__ import annotations

from reconciler.embedded.orq.metadata import METADATA
from reconciler.embedded.shapes import (
    Check,
    amount,
    array,
    closed_object,
    flag,
    free_object,
    identifier,
    integer,
    nullable,
    text,
    text_up_to,
)

_PARAMETER: dict[str, Check] = {
    "config": free_object,
    "name": text,
    "parameter": text,
    "parameter_type": text,
}
_PARAMETER_OPTIONAL: dict[str, Check] = {"description": text, "hints": text, "position": integer}

CREATE: Check = closed_object(
    {
        "configuration": free_object,
        "display_name": text_up_to(128),
        "has_functions": flag,
        "id": identifier,
        "input_cost": amount,
        "metadata": METADATA,
        "model_developer": text,
        "model_family": text,
        "model_id": text_up_to(256),
        "model_type": text,
        "output_cost": amount,
        "parameters": nullable(array(closed_object(_PARAMETER, _PARAMETER_OPTIONAL))),
        "provider": text,
    }
)
"""The body of ``POST /v2/models``."""

# The vendor's client marks only `id` of a parameter as required, and allows `is_active`. What the service
# does with a parameter in part is not stated, so here it must be whole: a body that passes is safe there.
UPDATE: Check = closed_object(
    {},
    {
        "display_name": text_up_to(128),
        "has_functions": flag,
        "input_cost": amount,
        "metadata": METADATA,
        "model_type": text,
        "output_cost": amount,
        "parameters": array(closed_object({"id": text, **_PARAMETER}, _PARAMETER_OPTIONAL)),
    },
)
"""The body of ``PATCH /v2/models/{id}``. A null clears nothing: no source documents one."""

CONFIGURATION: dict[str, type[str] | type[bool]] = {
    **dict.fromkeys(
        (
            "provider",
            "api_key_env",
            "api_version",
            "auth_mode",
            "auth_type",
            "base_url",
            "deployment_name",
            "endpoint",
            "inference_profile_arn",
            "integration_id",
            "location",
            "project_id",
            "region",
            "subtype",
            "workspace_id",
        ),
        str,
    ),
    **dict.fromkeys(("is_openai_compatible", "is_tuned_model", "should_use_beta_features"), bool),
}
"""The keys of ``configuration`` that answers show, and their types. All else of it is a credential."""
