"""What a guard looks at, and how it refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass

from reconciler.guards.acknowledgements import Acknowledged, GuardName
from reconciler.plan import Refusal


@dataclass(frozen=True, slots=True)
class Case:
    """The action that a guard looks at."""

    acknowledged: Acknowledged
    registry: str
    model: str
    digest: str

    def refused(self, guard: GuardName, message: str, fix: str | None, *paths: str) -> Refusal | None:
        """The refusal of ``guard``, or None where it is acknowledged."""
        if self.acknowledged.covers(guard, self.registry, self.model, self.digest):
            return None
        lines = (
            f"- guard: {guard}",
            # In quotes: a name such as 1.5 or true is no text in YAML.
            f"  model: {json.dumps(self.model)}",
            f"  registry: {json.dumps(self.registry)}",
            f"  digest: {json.dumps(self.digest)}",
            "  reason: …",
        )
        return Refusal(guard, message, fix, paths, acknowledge="\n".join(lines))
