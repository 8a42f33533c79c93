"""Any manifest: the second plan is empty, or it was refused by name and nothing was sent."""

from __future__ import annotations

from hypothesis import given

from .house import assert_settled, house, named, only_action
from .profile import examples
from .strategies import Draft, drafts, spoiled


@examples(80)
@given(draft=drafts())
def test_after_an_apply_nothing_is_left_to_do(draft: Draft) -> None:
    with house() as home:
        home.write(draft.document())
        plan, [result] = home.apply()
        assert only_action(plan).operation == "create", only_action(plan).refusals
        assert result.status == "done", (result.reason, result.failure)
        assert not result.remarks
        assert_settled(home)


@examples(40)
@given(case=spoiled())
def test_what_cannot_be_taken_is_refused_by_name(case: tuple[Draft, str]) -> None:
    draft, blamed = case
    with house() as home:
        home.write(draft.document())
        plan, [result] = home.apply()
        action = only_action(plan)
        assert action.operation == "refused"
        assert result.status == "refused"
        assert any(path == blamed or blamed.startswith(f"{path}.") for path in named(action)), named(action)
        assert not action.requests
        assert home.live() == []
