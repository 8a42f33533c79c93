"""What a registry does differently from the vendors' services, chosen when it is opened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """``probe``: ask an OpenAI-compatible endpoint with its key before a model of it is stored, as Orq does.

    ``respan_requests_per_minute``: answer 429 to more; Respan itself allows 60.
    ``watsonx_model_quota``: answer 429 to a create that would make more models.
    ``access_token_seconds``: how long a token of ``POST /identity/token`` is good for.
    """

    probe: bool = True
    respan_requests_per_minute: int | None = None
    watsonx_model_quota: int | None = None
    access_token_seconds: int = 3600


DEFAULT = Options()
