"""For tests that make prices up: the guards over prices let all of them through."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.guards.acknowledgements import Acknowledged


@dataclass(slots=True)
class AnyPrice(Acknowledged):
    """Acknowledges every price, and beyond that what the file does."""

    def covers(self, guard: str, registry: str | None, model: str | None, digest: str) -> bool:
        known = Acknowledged.covers(self, guard, registry, model, digest)
        return known or guard.startswith("price-") or guard == "unit-slip"

    @classmethod
    def beyond(cls, acknowledged: Acknowledged) -> AnyPrice:
        return cls(acknowledged.entries)
