"""Reading a review that a run made which nobody trusts: sizes, shape, and nothing else than is known."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from reconciler.plan import canonical
from reconciler.planfile import PlanFileError, read_object
from reconciler.review import FORMAT, Review
from reconciler.unpacked import unpacked

MOST_BYTES: Final = 32 * 2**20

_AMOUNT: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,60})?")
_COMMIT: Final = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


def load_review(path: Path, shown_as: str) -> Review:
    """The review in the file, without a plan: what it says of live registries nobody can vouch for.

    Raises PlanFileError where it cannot be read, or is not a review as we write them.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise PlanFileError(f"{shown_as}: {error.strerror or 'cannot be read'}") from None
    if len(data) > MOST_BYTES:
        raise PlanFileError(f"{shown_as}: it has more than {MOST_BYTES:,} bytes")
    document = read_object(data, shown_as, what="review", hint="reconciler review --out FILE writes one")
    if (document.get("kind"), document.get("format")) != ("Review", FORMAT):
        raise PlanFileError(f"{shown_as}: it is no review that this version of reconciler reads")
    document = {**document, "plan": None}
    try:
        _check(document)
        review: Review = _type().validate_python(document)
        whole = unpacked(review)
        same = canonical(whole) == canonical({key: document.get(key) for key in whole})
    except (ValueError, TypeError, KeyError, RecursionError, ArithmeticError):
        same = False
    if not same:
        raise PlanFileError(f"{shown_as}: it does not read as a review")
    return replace(review, plan=None)


@cache
def _type() -> Any:
    from pydantic import TypeAdapter  # noqa: PLC0415 - only here is it needed

    return TypeAdapter(Review)


def _check(document: Any) -> None:
    """Raises ValueError for a price that is no plain number, and KeyError and TypeError for another shape:
    reports work with these."""
    for side in ("base", "head"):
        if not _COMMIT.fullmatch(document[side]["commit"]):
            raise ValueError("no commit")
    waiting = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node.get("form") == "price" and not _AMOUNT.fullmatch(node["value"]["amount"]):
                raise ValueError("no price")
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
