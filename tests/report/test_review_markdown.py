"""The comment of a review: what needs an eye first, within a size, and nothing of it is obeyed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.declared import Diff, RegistryDiff, Released, Side
from reconciler.refusal import PlanPlace
from reconciler.report.folding import LEAST_LIMIT, size
from reconciler.report.markdown import COMMENT, diff_markdown
from reconciler.report.review import marker, review_markdown, review_text
from reconciler.review import Flag, Mistake, NewAcknowledgement, NoLongerManaged, NotPlanned, Review

from .plans import action, dearer, full_of, plan
from .rendering import Page
from .test_markdown_escaping import HOSTILE

BASE, HEAD = Side("main", "a" * 40), Side("the request", "b" * 40)


def review_of(text: str, **more: object) -> Review:
    """A review with ``text`` in every place of it."""
    place = PlanPlace(f"{text}.yaml", 3, 1)
    read = full_of(text)
    declared = RegistryDiff(
        "orq", "orq", text, read.registries[0].actions[:3], (Released("Model", text, place),), ()
    )
    known = {
        "conflicts": (text,),
        "mistakes": (Mistake(text, text, place, text),),
        "flags": (Flag("registry-moved", text, place),),
        "acknowledged": (NewAcknowledgement("unit-slip", text, text, "c" * 64, text, text, place),),
        "released": (NoLongerManaged(text, "Model", text, place),),
        "not_planned": (NotPlanned(text, text, text, "no-credential", text),),
        "plan": read,
        "diff": Diff(Side(text, "a" * 40), HEAD, (declared,), (text,)),
        "notes": (text,),
    }
    return Review(None, BASE, HEAD, "d" * 40, **{**known, **more})


def shape(markdown: str) -> list[str]:
    return Page(markdown).structure


def test_what_needs_an_eye_stands_before_the_plan() -> None:
    lines = review_markdown(review_of("word", conflicts=(), mistakes=())).splitlines()
    order = ["This request changes reconciler.yaml", "new acknowledgement", "**No longer managed: 1**"]
    order += ["**Not planned**", "Plan digest"]
    at = [next(number for number, line in enumerate(lines) if text in line) for text in order]
    assert at == sorted(at)


def test_the_hidden_marker_is_the_first_line_and_the_only_one() -> None:
    begin = marker("review", "reconciler.yaml")
    markdown = review_markdown(review_of(begin), begin=begin)
    assert markdown.startswith(f"{begin}\n### ")
    assert markdown.count("<!--") == 1
    assert marker("review", "other/reconciler.yaml") != begin
    assert marker("apply", "reconciler.yaml") != begin


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_changes_the_shape(text: str) -> None:
    expected = shape(review_markdown(review_of("word")))
    assert shape(review_markdown(review_of(f"word{text}word"))) == expected
    declared = review_of(f"word{text}word").diff
    harmless = review_of("word").diff
    assert declared is not None
    assert harmless is not None
    assert shape(diff_markdown(declared)) == shape(diff_markdown(harmless))


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=60))
def test_whatever_the_text_the_forge_finds_nothing_in_it(text: str) -> None:
    found = Page(review_markdown(review_of(f"a{text}")))
    assert found.comments == []
    assert found.handed_to_the_forge() == []
    told = review_text(review_of(text))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", told)


@pytest.mark.parametrize("limit", [LEAST_LIMIT + 100, COMMENT])
def test_three_thousand_changed_models_fit(limit: int) -> None:
    dear = action("dear", "update", dearer("0.15", "9"))
    the_plan = plan(*(action(f"model-{index:04}", "update", dearer()) for index in range(3_000)), dear)
    begin = marker("review", "reconciler.yaml")
    review = Review(None, BASE, HEAD, "d" * 40, plan=the_plan)
    markdown = review_markdown(review, limit=limit, begin=begin, artefact="review.json", command="again")
    assert limit * 0.5 < size(markdown) <= limit
    assert "**Cut to size:**" in markdown
    assert "all of it is in the artefact `review.json`" in markdown
    assert Page(markdown).rows[1][0] == "dear"


@pytest.mark.parametrize("limit", [LEAST_LIMIT + 100, COMMENT])
def test_endless_texts_and_lists_fit_as_well(limit: int) -> None:
    long = "x @" * 3_000
    review = review_of(long)
    review = review_of(long, flags=review.flags * 500, mistakes=review.mistakes * 500)
    assert size(review_markdown(review, limit=limit, begin=marker("review", "a"))) <= limit
    assert review.diff is not None
    assert size(diff_markdown(review.diff, limit=limit)) <= limit
