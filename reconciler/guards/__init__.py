"""Guards: rules that refuse, each with the narrowest acknowledgement that would let this one through."""

from reconciler.guards.acknowledgements import (
    FILE,
    OF_A_REGISTRY,
    OF_THE_RUN,
    Acknowledged,
    Acknowledgement,
    AcknowledgementFile,
    load_acknowledgements,
    read_acknowledgements,
)
from reconciler.guards.case import Case
from reconciler.guards.facts import Moved, Peers, live_prices, moved_prices, type_of
from reconciler.guards.holding import HELD_BACK, held_back
from reconciler.guards.limits import price_limits
from reconciler.guards.names import rename_guard, shadow_guard
from reconciler.guards.prices import Limits, price_guards
from reconciler.guards.run import pattern_remarks, run_guards

__all__ = [
    "FILE",
    "HELD_BACK",
    "OF_A_REGISTRY",
    "OF_THE_RUN",
    "Acknowledged",
    "Acknowledgement",
    "AcknowledgementFile",
    "Case",
    "Limits",
    "Moved",
    "Peers",
    "held_back",
    "live_prices",
    "load_acknowledgements",
    "moved_prices",
    "pattern_remarks",
    "price_guards",
    "price_limits",
    "read_acknowledgements",
    "rename_guard",
    "run_guards",
    "shadow_guard",
    "type_of",
]
