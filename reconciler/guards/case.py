"""What a guard looks at, and how it refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass

from reconciler.guards.acknowledgements import Acknowledged, GuardName
from reconciler.refusal import PlanPlace, Refusal


@dataclass(frozen=True, slots=True)
class Case:
    """What a guard looks at: an action; without ``model`` all of a registry, without ``registry`` the run."""

    acknowledged: Acknowledged
    registry: str | None
    model: str | None
    digest: str

    def refused(
        self,
        guard: GuardName,
        message: str,
        fix: str | None,
        *paths: str,
        measured: str | None = None,
        limit: str | None = None,
        place: PlanPlace | None = None,
    ) -> Refusal | None:
        """The refusal of ``guard``, or None where it is acknowledged."""
        if self.acknowledged.covers(guard, self.registry, self.model, self.digest):
            return None
        about = {"model": self.model, "registry": self.registry, "digest": self.digest}
        lines = (
            f"- guard: {guard}",
            # In quotes: a name such as 1.5 or true is no text in YAML.
            *(f"  {key}: {json.dumps(text)}" for key, text in about.items() if text is not None),
            "  reason: …",
        )
        return Refusal(guard, message, fix, paths, "\n".join(lines), measured, limit, place)
