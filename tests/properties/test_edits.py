"""One line of a manifest is edited: the plan shows that field and no other, or says why it cannot."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.errors import InputError
from reconciler.manifests.problems import dotted
from reconciler.plan import Action
from reconciler.registries.codecs import EmptyMapping
from reconciler.registries.orq.fields import GENERIC
from reconciler.registries.rows import Echo, Path

from .house import House, assert_settled, changed, house, named, only_action
from .meaning import meaning
from .profile import examples
from .strategies import (
    NATIVE,
    PIN,
    TOKEN_UNITS,
    UNHELD,
    Draft,
    drafts,
    found,
    may_be_null,
    names_of,
    patterned,
    values,
)


def twins(draft: Draft, path: Path) -> list[Path]:
    """The other names of the same field that the manifest declares too."""
    row = found(path).row
    names = [] if patterned(row) else names_of(row)
    return [name for name in names if name != path and name in draft.effective]


@st.composite
def edits(draw: st.DrawFn) -> tuple[Draft, Path, Any]:
    """A manifest, one of its fields, and another value for it."""
    draft = draw(drafts())
    path = draw(st.sampled_from(sorted(set(draft.effective) - {UNHELD})))
    item = found(path)
    value = draw(st.none() | values(item) if may_be_null(item) else values(item))
    return draft, path, value


def applied(home: House, draft: Draft) -> None:
    home.write(draft.document())
    _, [result] = home.apply()
    assert result.status == "done", (result.reason, result.failure)


def same_for_the_registry(draft: Draft, path: Path, value: Any) -> bool:
    wire = found(path).points[0].path
    before = meaning(path, wire, draft.effective[path], draft.unit)
    return bool(before == meaning(path, wire, value, draft.unit))


def assert_shows(action: Action, path: Path, also: Collection[Path]) -> None:
    """Exactly this field, in the changes or in the reason why not."""
    allowed = {dotted(path), *(dotted(twin) for twin in also)}
    assert changed(action) | named(action)
    assert changed(action) <= allowed, (changed(action), allowed)
    assert named(action) <= allowed, (named(action), allowed)
    assert action.operation == ("refused" if action.refusals else "update")
    assert bool(action.requests) == (action.operation == "update")


@examples(120)
@given(edit=edits())
def test_one_edit_shows_one_field(edit: tuple[Draft, Path, Any]) -> None:
    draft, path, value = edit
    item = found(path)
    with house() as home:
        applied(home, draft)
        before = home.live()
        home.write(draft.with_value(path, value).document())
        also = twins(draft, path)
        if also and value is not None and any(draft.effective[twin] is not None for twin in also):
            with pytest.raises(InputError) as caught:
                home.plan()
            assert {problem.code for problem in caught.value.problems} == {"twin"}
            return
        action = only_action(home.plan())
        if path == PIN and not same_for_the_registry(draft, path, value):
            # Another id is another model; beside one that looks the same it is taken for a rename.
            assert action.operation == "refused" or any("adopts" in note for note in action.notes)
            return
        if item.row.echo is Echo.WRITE_ONLY:
            assert dotted(path) in action.unverified
            assert action.operation == "none"
            return
        if same_for_the_registry(draft, path, value):
            assert action.operation == "none", (action.changes, action.refusals)
            return
        assert_shows(action, path, also)
        plan, [result] = home.apply()
        if only_action(plan).operation == "refused":
            assert result.status == "refused"
            assert home.live() == before
        else:
            assert result.status == "done", (result.reason, result.failure)
            assert not result.remarks
            assert_settled(home)


@examples(60)
@given(draft=drafts(), data=st.data())
def test_a_deleted_line_changes_nothing(draft: Draft, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(set(draft.effective) - {UNHELD, PIN})))
    assume(not twins(draft, path))
    shorter = draft.without(path)
    assume(set(shorter.effective) == set(draft.effective) - {path})
    item = found(path)
    with house() as home:
        applied(home, draft)
        home.write(shorter.document())
        action = only_action(home.plan())
        assert action.operation == "none"
        assert not action.changes
        left = {field.path for field in action.unmanaged}
        twins_of_it = (one.path for one in GENERIC.fields() if one.points[0].path == item.points[0].path)
        shown = dotted(next(twins_of_it, path))
        if leaves_something(draft, path):
            assert shown in left
        assert {dotted(path) for path in draft.effective}.isdisjoint(left - {shown})
        _, [result] = home.apply()
        assert result.status == "unchanged"


def leaves_something(draft: Draft, path: Path) -> bool:
    """Whether a value is left behind that no create would have put there, in a row of its own."""
    item = found(path)
    wire = item.points[0].path
    own_row = (
        "parameters" not in path
        and item.row.points == item.points
        and not isinstance(item.row.codec, EmptyMapping)
    )
    unset = meaning(path, wire, None, draft.unit)
    return (
        own_row
        and item.row.echo is Echo.ECHOED
        and item.row.default is None
        and meaning(path, wire, draft.effective[path], draft.unit) not in (unset, 0)
    )


@examples(40)
@given(draft=drafts(), unit=st.sampled_from(list(TOKEN_UNITS)))
def test_another_unit_moves_every_bare_price_and_nothing_else(draft: Draft, unit: str) -> None:
    with house() as home:
        applied(home, draft)
        edited = Draft(draft.name, draft.spec, draft.over, unit)
        home.write(edited.document())
        action = only_action(home.plan())
        bare = {
            dotted(path)
            for path, value in draft.effective.items()
            if path[0] == "pricing" and not isinstance(value, str) and value
        }
        assert changed(action) == (bare if TOKEN_UNITS[unit] != TOKEN_UNITS[draft.unit] else set())


PLAIN: dict[Path, Any] = {
    ("type",): "chat",
    ("developer",): "Acme",
    ("family",): "acme",
    ("provider",): "openai",
    ("model",): "acme-1",
    ("pricing", "input"): 1,
    ("pricing", "output"): 2,
}
"""The least that a create takes."""


def test_a_key_that_shall_not_be_set_is_not_verified_either() -> None:
    key = (*NATIVE, "configuration", "api_key")
    with house() as home:
        applied(home, Draft(spec={**PLAIN, key: {"secret": "FIRST_KEY"}}))
        home.write(Draft(spec={**PLAIN, key: None}).document())
        action = only_action(home.plan())
        assert action.operation == "none"
        assert action.unverified == (dotted(key),)


def test_a_model_of_another_call_is_refused_before_it_is_made() -> None:
    spec = {path: value for path, value in PLAIN.items() if path != ("provider",)}
    provider = (*NATIVE, "provider")
    with house() as home:
        home.write(Draft(spec={**spec, provider: "openailike"}).document())
        plan, _ = home.apply()
        assert only_action(plan).operation == "refused"
        assert dotted(provider) in named(only_action(plan))
        assert home.live() == []
