"""What a comment says of a plan and of what became of it, and in which order."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from reconciler.delta import Delta, Entry, MovedField
from reconciler.outcome import Outcome, not_expected, result_of
from reconciler.plan import Failure, LeftAlone, Made, NotHeld, Plan, RegistryPlan, Shown, Unmanaged
from reconciler.refusal import Refusal
from reconciler.report.folding import LEAST_LIMIT, size
from reconciler.report.markdown import COMMENT, outcome_markdown, plan_markdown

from .plans import action, change, dearer, full_of, plan, price, value
from .rendering import Page

SLIP = Refusal(
    "unit-slip",
    "pricing.input looks like a unit slip",
    "correct the number",
    ("pricing.input",),
    acknowledge='- guard: unit-slip\n  model: "a"',
)


def page(the_plan: Plan, **options: object) -> Page:
    return Page(plan_markdown(the_plan, **options))  # type: ignore[arg-type]


def names(found: Page) -> list[str]:
    """The models of the sections, in order."""
    return [
        summary.split(" · ")[1 + (" · create · " in summary or " · update · " in summary)]
        for summary in found.summaries
        if " · " in summary
    ]


def test_the_head_has_the_totals_the_risks_the_reach_and_the_digest() -> None:
    found = page(
        plan(
            action("a", "update", dearer(), used_by=("chat", "search")),
            action("b", "create", used_by=("chat",)),
            action("c", "none", used_by=("another",)),
            action("d", "refused", refusals=(SLIP,)),
        )
    )
    head = found.text[: found.text.index("Model")]
    assert "Plan: 1 to create, 1 to update, 1 refused, 1 unchanged." in head
    assert "Risk: 1 refused, 1 price, 1 create" in head
    assert "Reaches at least 2 deployments: chat, search" in head
    assert f"Plan digest: {'d' * 64}" in head


def test_the_table_of_prices_has_the_refused_first_and_then_the_largest_move() -> None:
    found = page(
        plan(
            action("small", "update", dearer("1", "1.10")),
            action("large", "update", dearer("1", "3"), change("description", None, value("x"))),
            action("slip", "refused", dearer("1", "1000"), refusals=(SLIP,)),
            action("made", "create", change("pricing.input", None, price("1"))),
            action("gone", "update", change("pricing.image", price("1", per="image"), None)),
        )
    )
    assert found.rows == [
        ["Model", "Registry", "Price", "Before", "After", "Change"],
        ["slip", "orq", "pricing.input", "1 USD / 1M tokens", "1000 USD / 1M tokens", "x1000, refused"],
        ["gone", "orq", "pricing.image", "1 USD / image", "(unset)", ""],
        ["large", "orq", "pricing.input", "1 USD / 1M tokens", "3 USD / 1M tokens", "+200%"],
        ["small", "orq", "pricing.input", "1 USD / 1M tokens", "1.10 USD / 1M tokens", "+10%"],
    ]


def test_without_a_change_of_price_there_is_no_table() -> None:
    assert page(plan(action("a", "create"))).rows == []


def test_sections_are_ordered_by_risk_and_then_by_name() -> None:
    found = page(
        plan(
            action("made", "create"),
            action("text-b", "update", change("description", None, value("x"))),
            action("text-a", "update", change("description", None, value("x"))),
            action("key", "update", change("endpoint.api_key", None, Shown("secret", "K"))),
            action("slip", "refused", refusals=(SLIP,)),
            action("price", "update", dearer()),
            action("same", "none"),
        )
    )
    assert names(found) == ["slip", "price", "key", "text-a", "text-b", "made"]
    assert "price · update · price · pricing.input +33%" in found.summaries


def test_registries_are_ordered_by_their_riskiest_action() -> None:
    calm = RegistryPlan("calm", "orq", "x", actions=(action("a", "create", registry="calm"),))
    risky = RegistryPlan("risky", "orq", "x", actions=(action("a", "update", dearer(), registry="risky"),))
    failed = RegistryPlan("down", "orq", "x", Failure("unreachable", "down: no answer", "try later"))
    found = page(Plan((calm, risky, failed), "d"))
    assert [summary.split()[0] for summary in found.summaries if "(" in summary] == ["down", "risky", "calm"]


def test_a_change_is_a_red_and_a_green_line_in_the_manifests_units() -> None:
    changes = (
        dearer(),
        change("description", value("old"), None),
        change("family", None, value("gpt")),
        change("native.orq.x", value(1), value(2), default=True, note="the server rounds", details=("a: 1",)),
        change("endpoint.api_key", Shown("unreadable", "never read back"), Shown("secret", "KEY")),
    )
    [(language, block)] = page(plan(action("a", "update", *changes))).blocks
    assert language == "diff"
    assert block.splitlines() == [
        "- pricing.input: 0.15 USD / 1M tokens",
        "+ pricing.input: 0.20 USD / 1M tokens (+33%)",
        "- description: old",
        "+ family: gpt",
        "- native.orq.x: 1",
        "+ native.orq.x: 2  (default)",
        "# the server rounds",
        "# a: 1",
        "- endpoint.api_key: (never read back)",
        "+ endpoint.api_key: (secret KEY)",
    ]


def test_a_create_shows_what_is_declared() -> None:
    changes = (change("type", None, value("chat")), change("description", None, None))
    [(_, block)] = page(plan(action("a", "create", *changes))).blocks
    assert block.splitlines() == ["+ type: chat", "+ description: (unset)"]


def test_a_refusal_has_its_reason_the_fix_and_the_lines_that_let_it_through() -> None:
    found = page(plan(action("a", "refused", dearer("1", "1000"), refusals=(SLIP,))))
    assert "refused (unit-slip): pricing.input looks like a unit slip. Fix: correct the number." in found.text
    (yaml, lines), (diff, _) = found.blocks
    assert (yaml, diff) == ("yaml", "diff")
    assert lines.splitlines() == ["  - guard: unit-slip", '    model: "a"']


def test_what_stays_as_it_is_is_told_last() -> None:
    same = action(
        "same",
        "none",
        unverified=("endpoint.api_key",),
        unmanaged=(Unmanaged("description", value("by hand"), clearable=True),),
        notes=("is the same as b",),
        used_by=("chat",),
    )
    found = page(
        plan(
            same,
            action("new", "create"),
            not_held=(NotHeld("pricing.image", ("new",)),),
            left_alone=(LeftAlone("other", "other"),),
            vendor_owned=3,
            warnings=("who uses it is not known",),
        )
    )
    after = found.text[found.text.index("create · new") :]
    for told in (
        "not held: pricing.image (new)",
        "not verified: endpoint.api_key",
        "left alone: 1 model of yours (other)",
        "left alone: 3 built-in models",
        "same: note: is the same as b",
        "same: used by at least 1 deployment: chat",
        "= same: description stays by hand; null clears it",
    ):
        assert told in after
    assert found.text.index("warning: who uses it is not known") < found.text.index("create · new")


def test_a_registry_that_could_not_be_read_is_told_in_the_head_and_with_how_to_go_on() -> None:
    failure = Failure("unauthorised", "eu: 401 for this token", "check the token", "GET /models", 401)
    found = page(Plan((RegistryPlan("eu", "orq", "x", failure),), "d"))
    assert found.text.startswith("No plan: no registry could be read.")
    assert "Not read: eu: 401 for this token" in found.text
    for told in ("error (unauthorised): 401 for this token", "request: GET /models", "fix: check the token"):
        assert told in found.text


def test_it_says_how_to_see_the_same() -> None:
    assert (
        "on your machine: reconciler plan --only a" in page(plan(), command="reconciler plan --only a").text
    )


def test_it_says_which_commit_it_speaks_of() -> None:
    made = Made("2026-10-01T12:00:00Z", "0123456789abcdef", dirty=True)
    found = page(replace(plan(action("a", "create")), made=made))
    assert "from commit 0123456789ab with changes that are not committed" in found.text
    assert found.handed_to_the_forge() == []


# ---- what became of it


def test_an_outcome_begins_with_what_went_wrong() -> None:
    failed, done = action("a", "update", dearer()), action("b", "create")
    stale = [action(f"s{number}", "update", dearer("1", "9")) for number in range(3)]
    the_plan = plan(done, failed, *stale, action("c", "none"))
    outcome = Outcome(
        (
            result_of(done, "done", remarks=("the answer was lost, and it is there",)),
            result_of(failed, "failed", failure=Failure("rejected", "orq: 400: too dear", "ask", "PATCH /a")),
            *(result_of(each, "stale", reason="orq: it moved") for each in stale),
            result_of(the_plan.actions("none")[0], "unchanged"),
        )
    )
    found = Page(outcome_markdown(the_plan, outcome))
    assert found.text.startswith("Apply: 1 done, 1 unchanged, 1 failed, 3 stale.")
    assert "What is done stays done; plan again to see what is left." in found.text
    head = found.text[: found.text.index("Model")]
    assert "failed in orq: a: 400: too dear" in head
    assert "stale in orq: s0, s1, s2: it moved" in head
    assert names(found) == ["a", "s0", "s1", "s2", "b"]
    assert found.summaries[1] == "failed · update · a · price · pricing.input +33%"
    assert found.summaries[-1] == "done · create · b"
    assert "remark: the answer was lost, and it is there" in found.text
    assert "fix: ask" in found.text


def test_another_plan_than_was_expected_is_told() -> None:
    the_plan = plan(action("a", "create"))
    found = Page(outcome_markdown(the_plan, not_expected(the_plan, "e" * 64)))
    assert f"Nothing was written: the digest of this plan is {'d' * 64}, and {'e' * 64} was" in found.text
    assert found.handed_to_the_forge() == []


def test_what_moved_since_the_plan_was_made_is_a_section_of_its_own() -> None:
    the_plan = plan(action("a", "update", dearer()))
    field = MovedField("pricing.input", price("1"), price("2"), None, None)
    moved = Delta("d", "e", (Entry("orq", "Model", "a", "moved", "d", (field,)),))
    found = Page(outcome_markdown(the_plan, not_expected(the_plan, "e"), moved))
    assert found.summaries[0] == "What moved since the plan was made"
    assert "pricing.input: was 1 USD / 1M tokens live, is 2 USD / 1M tokens now" in found.blocks[0][1]


def test_an_outcome_without_any_trouble_is_short() -> None:
    found = Page(outcome_markdown(plan(action("a", "none")), Outcome(())))
    assert found.text.startswith("Apply: nothing to do.")
    assert "plan again" not in found.text


# ---- the limit


def many(count: int) -> Plan:
    """A plan of ``count`` updates of two registries, each with a price that moves a little further, and
    ``count`` creates."""
    parts = []
    for name in ("eu", "us"):
        updates = (
            action(f"m{number:04}", "update", dearer("1", f"1.{number + 1000}"), registry=name)
            for number in range(count // 2)
        )
        creates = (action(f"new{number:04}", "create", registry=name) for number in range(count // 2))
        parts.append(RegistryPlan(name, "orq", "x", actions=(*creates, *updates)))
    return Plan(tuple(parts), "d" * 64)


@pytest.mark.parametrize("limit", [LEAST_LIMIT, 20_000, COMMENT])
def test_past_the_limit_the_least_risky_is_left_out_and_counted(limit: int) -> None:
    the_plan = many(400)
    whole = page(the_plan)
    found = page(the_plan, limit=limit, artefact="plan.json", command="reconciler plan")
    assert limit * 0.5 < size(found.markdown) <= limit
    kept = [summary for summary in found.summaries if " · " in summary]
    every = [summary for summary in whole.summaries if " · " in summary]
    # Each registry keeps its riskiest.
    assert {summary.split(" · ")[0] for summary in kept} == {"price"} or len(kept) > 400
    told = re.search(r"Cut to size: the (\d+) least risky of (\d+) actions \((.*?)\)", found.text)
    assert told is not None
    assert len(kept) + int(told[1]) == int(told[2]) == len(every) == 800
    assert "400 create" in told[3]
    assert "the whole plan is in plan.json" in found.text
    assert "on your machine: reconciler plan" in found.text
    shown = {summary.split(" · ")[2] for summary in kept}
    assert min(shown) == f"m{200 - len(shown):04}"


def test_the_table_is_cut_too_and_says_so() -> None:
    found = page(many(400), limit=LEAST_LIMIT)
    assert 1 < len(found.rows) < 401
    assert f"and {401 - len(found.rows)} more price changes; -o json has all of it" in found.text


def test_one_large_action_does_not_crowd_out_all_others() -> None:
    changes = [
        change(f"native.orq.field_{number}", value("a" * 90), value("b" * 90)) for number in range(900)
    ]
    found = page(plan(action("big", "update", dearer(), *changes), action("small", "create")), limit=COMMENT)
    assert size(found.markdown) <= COMMENT
    assert names(found) == ["big", "small"]
    assert re.search(r"… and \d+ more lines", found.blocks[0][1])


def test_what_fits_is_not_cut() -> None:
    the_plan = many(20)
    assert page(the_plan, limit=COMMENT).markdown == page(the_plan).markdown
    assert "Cut to size" not in page(the_plan).text


def test_characters_of_several_bytes_count_as_what_they_are() -> None:
    actions = [
        action(f"模型{number}", "update", change("description", None, value("🚀" * 99)))
        for number in range(200)
    ]
    assert size(plan_markdown(plan(*actions), limit=20_000)) <= 20_000


@pytest.mark.parametrize("limit", [LEAST_LIMIT, COMMENT])
def test_endless_texts_everywhere_fit_as_well(limit: int) -> None:
    long = "模_, " * 2_000
    one = full_of(long)
    registries = [replace(registry, name=f"{long}{n}") for n in range(40) for registry in one.registries]
    the_plan = Plan(tuple(registries), long, (long,) * 40)
    found = page(the_plan, limit=limit, artefact=long, command=long)
    assert size(found.markdown) <= limit
    assert "Cut to size" in found.text


def test_a_limit_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves no room"):
        plan_markdown(plan(), limit=LEAST_LIMIT - 1)
