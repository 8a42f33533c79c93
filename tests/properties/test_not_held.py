"""What is told at once of many fields is what is told of each of them by itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.registries import KINDS
from reconciler.registries.rows import ANY, REST, Edit, Path, Table
from reconciler.secrets import SecretRef

TABLES = [table for kind in KINDS.values() for table in kind.tables.values()]
VALUES = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        2,
        Decimal(1),
        Decimal("0.1"),
        "",
        "a",
        "1",
        [],
        ["a"],
        ["b", "a"],
        {},
        {"a": 1},
    ]
)


def paths_of(table: Table) -> list[Path]:
    paths = [point.path for row in table.rows for point in row.points]
    return [tuple("k" if step in {ANY, REST} else step for step in path) for path in paths]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Table, list[Edit], dict[str, Any], set[str]]:
    """A table, what is sent, what is shown, often the same, and what others show."""
    table = draw(st.sampled_from(TABLES))
    paths = draw(st.lists(st.sampled_from(paths_of(table)), min_size=1, max_size=6))
    edits, raw = [], {}
    for path in paths:
        value = draw(VALUES)
        secret = SecretRef("env:KEY") if draw(st.integers(0, 9)) == 0 else None
        edits.append(Edit(path, value, secret, draw(st.integers(0, 9)) == 0))
        shown = value if draw(st.booleans()) else draw(VALUES)
        *above, last = path
        target: Any = raw
        for step in above:
            target = target.setdefault(step, {}) if isinstance(target, dict) else None
        if isinstance(target, dict) and draw(st.integers(0, 4)):
            target[last] = shown
    return table, edits, raw, {path[0] for path in paths if draw(st.booleans())}


@given(cases())
def test_what_is_not_held(case: tuple[Table, list[Edit], dict[str, Any], set[str]]) -> None:
    table, edits, raw, seen = case
    each = {edit.path: table.holds(edit, raw, seen) for edit in edits}
    told = table.not_held(edits, raw, seen)
    assert sorted(told) == sorted(path for path, holds in each.items() if holds is False)
