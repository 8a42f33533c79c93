"""Guards: rules that refuse, each with the narrowest acknowledgement that would let this one through."""

from reconciler.guards.acknowledgements import (
    FILE,
    Acknowledged,
    Acknowledgement,
    AcknowledgementFile,
    load_acknowledgements,
    read_acknowledgements,
)
from reconciler.guards.case import Case
from reconciler.guards.facts import Moved, Peers, live_prices, moved_prices, type_of
from reconciler.guards.names import rename_guard, shadow_guard
from reconciler.guards.prices import Limits, price_guards

__all__ = [
    "FILE",
    "Acknowledged",
    "Acknowledgement",
    "AcknowledgementFile",
    "Case",
    "Limits",
    "Moved",
    "Peers",
    "live_prices",
    "load_acknowledgements",
    "moved_prices",
    "price_guards",
    "read_acknowledgements",
    "rename_guard",
    "shadow_guard",
    "type_of",
]
