"""One field is changed by hand in the registry: the plan shows that field and no other."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.manifests.problems import dotted
from reconciler.registries.codecs import EmptyMapping, Word
from reconciler.registries.rows import Path

from .house import assert_settled, changed, house, named, only_action
from .meaning import is_price, meaning, price, wire_unit
from .profile import examples
from .strategies import UNHELD, Draft, drafts, found, values
from .test_edits import PLAIN, applied, twins

UPDATABLE = (
    "display_name",
    "has_functions",
    "input_cost",
    "output_cost",
    "model_type",
    "metadata",
    "parameters",
)


def on_the_wire(path: Path, value: Any, unit: str) -> Any:
    """A value as somebody would write it into a request by hand."""
    if not is_price(path):
        return value
    wire = found(path).points[0].path[-1]
    per = price(path, value, unit) * wire_unit(wire)
    return exactly(per)


def exactly(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)


def by_hand(live: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The body of an update that sets one wire path and leaves all else as it is."""
    top, *below = path
    if not below:
        return {top: value}
    if top == "metadata":
        return {"metadata": {"is_private": False, **live["metadata"], below[0]: value}}
    keep = ("id", "name", "parameter", "parameter_type", "config", "description", "hints", "position")
    items = []
    for item in live["parameters"]:
        kept = {key: item[key] for key in keep if item.get(key) is not None}
        if item["parameter"] == below[0]:
            _put(kept, below[1:], value)
        items.append(kept)
    return {"parameters": items}


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        if not isinstance(tree.get(step), dict):
            tree[step] = {}
        tree = tree[step]
    tree[path[-1]] = value


@examples(60)
@given(draft=drafts(), data=st.data())
def test_what_somebody_changed_is_shown_and_nothing_else(draft: Draft, data: st.DataObject) -> None:
    changeable = [
        path
        for path in sorted(set(draft.effective) - {UNHELD})
        if found(path).points[0].path[0] in UPDATABLE and not isinstance(found(path).row.codec, EmptyMapping)
    ]
    path = data.draw(st.sampled_from(changeable))
    item = found(path)
    assert not isinstance(item.row.codec, Word)
    value = data.draw(values(item))
    wire = item.points[0].path
    assume(meaning(path, wire, value, draft.unit) != meaning(path, wire, draft.effective[path], draft.unit))
    also = [twin for twin in twins(draft, path) if draft.effective[path] is None]
    with house() as home:
        applied(home, draft)
        live = home.only()
        home.patch(live["id"], by_hand(live, wire, on_the_wire(path, value, draft.unit)))
        action = only_action(home.plan())
        assert changed(action) <= {dotted(path), *map(dotted, also)}
        assert changed(action), "drift that nobody sees"
        if action.operation == "update":
            _, [result] = home.apply()
            assert result.status == "done", (result.reason, result.failure)
            assert_settled(home)
        else:
            assert named(action) == changed(action)


def test_one_half_of_a_field_that_is_kept_twice() -> None:
    """`has_functions` and `metadata.supports_tool_calling` are one field; either alone is drift."""
    for body in ({"has_functions": False}, {"metadata": {"is_private": True}}):
        with house() as home:
            applied(home, Draft(spec={**PLAIN, ("capabilities", "tools"): True}))
            home.patch(home.only()["id"], body)
            assert changed(only_action(home.plan())) == {"capabilities.tools"}
            _, [result] = home.apply()
            assert result.status == "done"
            assert_settled(home)
            assert home.only()["has_functions"] is True
            assert home.only()["metadata"]["supports_tool_calling"] is True
