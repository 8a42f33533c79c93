"""What a refusal holds back besides: what comes after it, or all that stands with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from reconciler.plan import Action
from reconciler.refusal import Refusal

HELD_BACK: Final = "held-back"
"""The code of the refusal of an action that a guard over its whole registry or run holds back."""


def refused(action: Action, refusal: Refusal) -> Action:
    """``action``, refused for that reason too."""
    kept = (*action.refusals, refusal)
    return replace(action, operation="refused", refusals=kept, requests=())


def held_back(actions: Sequence[Action]) -> list[Action]:
    """``actions``, refused where one that comes first is refused."""
    if not any(action.after for action in actions):
        return list(actions)
    by_key = {action.key: action for action in actions}
    moved = True
    while moved:
        moved = False
        for action in list(by_key.values()):
            first = [key for key in action.after if key in by_key and by_key[key].operation == "refused"]
            if first and action.requests:
                names = ", ".join(key.partition("/")[2] for key in first)
                message = f"it comes after {names}, which is refused"
                by_key[action.key] = refused(action, Refusal("prerequisite", message, "see there", ()))
                moved = True
    return list(by_key.values())


def all_held_back(actions: Sequence[Action], guard: str) -> list[Action]:
    """``actions``, refused where they would do something: ``guard`` lets none of them through."""
    held = Refusal(HELD_BACK, f"held back by {guard}", None, ())
    return [refused(action, held) if action.requests else action for action in actions]
