"""Whatever a manifest or a registry says, a comment keeps its shape and hands nothing to the forge."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import InputError, Place, Problem, UsageError
from reconciler.outcome import Outcome, result_of
from reconciler.plan import Failure, Plan
from reconciler.report.escaping import code, fence, prose, tag
from reconciler.report.markdown import error_markdown, outcome_markdown, plan_markdown
from reconciler.report.safe import safe

from .plans import action, change, full_of, plan, value
from .rendering import Page

HOSTILE = [
    *(
        "</details>",
        "</summary>",
        "<!-- reconciler -->",
        "-->",
        "<b>",
        "<script>alert(1)</script>",
        "<a href=x>",
    ),
    *("```", "`", "``", "~~~", "\n", "\n\n", "\r", "\t", " ", "    ", "\u2028", "\x1b[31m", "\u202e", "\x00"),
    *(
        "# head",
        "\n# head",
        "===",
        "---",
        "> [!NOTE]",
        "1. one",
        "- [x] done",
        "/close",
        "[^1]",
        "[^1]: note",
    ),
    *("@octocat", "a@example.com", "#12", "GH-12", "owner/repo#1", "!12", "~label", "%12", "$12", "&12"),
    *("deadbeefcafe", "1234567", "PROJ-12", ":tada:", "$x$", "$`x`$", "{+ in +}", "[- out -]", "[[_TOC_]]"),
    *("https://example.com", "www.example.com", "[a](https://example.com)", "![](https://example.com)"),
    *("<https://example.com>", "mailto:a@example.com", "[a]: https://example.com"),
    *("*a*", "__b__", "~~c~~", "\\", "\\`", "|", "\\|", "&copy;", "&#64;octocat", "&lt;", "(", ")", '"', "."),
    *("plain", "words", "0.15", "->"),
]
texts = st.one_of(
    st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=6).map("".join),
    st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=6).map(" ".join),
    st.text(min_size=1, max_size=40),
)
some = settings(
    max_examples=50, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


def outcome_of(the_plan: Plan, text: str) -> Outcome:
    failure = Failure("rejected", text, text, f"GET /{text}", 400)
    refused, update, create, none = the_plan.registries[0].actions
    results = (
        result_of(refused, "refused", reason=text),
        result_of(update, "failed", failure=failure, remarks=(text,)),
        result_of(create, "done", remarks=(text,), id=text),
        result_of(none, "unchanged"),
    )
    return Outcome(results)


def pages(text: str) -> list[Page]:
    the_plan = full_of(text)
    return [
        Page(plan_markdown(the_plan, artefact=text, command=text)),
        Page(outcome_markdown(the_plan, outcome_of(the_plan, text), artefact=text, command=text)),
        Page(error_markdown(UsageError(text, hint=text))),
        Page(error_markdown(InputError([Problem("x", text, Place(text), hint=text)]))),
    ]


HARMLESS = pages("plain")


def test_the_page_that_others_are_compared_with_has_every_part() -> None:
    first = HARMLESS[0]
    assert {"<h3>", "<ul>", "<li>", "<table>", "<details>", "<summary>", "<pre>"} <= set(first.structure)
    assert first.structure.count("<details>") == 6
    assert [language for language, _ in first.blocks] == ["yaml", "diff", "diff", "diff", "text"]


@some
@given(texts)
def test_no_text_changes_the_shape_of_a_comment_or_speaks_to_the_forge(text: str) -> None:
    for page, harmless in zip(pages(text), HARMLESS, strict=True):
        assert page.structure == harmless.structure
        # A row with too many cells loses the last ones.
        assert sorted(row[-1] for row in page.rows) == sorted(row[-1] for row in harmless.rows)
        assert page.comments == []
        assert "<!--" not in page.markdown
        assert page.handed_to_the_forge() == []


@pytest.mark.parametrize("text", HOSTILE)
def test_each_of_them_alone_changes_nothing_either(text: str) -> None:
    for page, harmless in zip(pages(text), HARMLESS, strict=True):
        assert page.structure == harmless.structure
        assert sorted(row[-1] for row in page.rows) == sorted(row[-1] for row in harmless.rows)
        assert page.handed_to_the_forge() == []


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip() not in {"", ".", "\x00"}])
def test_no_line_begins_with_a_text_of_others(text: str) -> None:
    """Bots look for their commands there, and forges for theirs."""
    the_plan = full_of("QQQ" + text)
    for markdown in (plan_markdown(the_plan), outcome_markdown(the_plan, outcome_of(the_plan, f"QQQ{text}"))):
        assert [line for line in markdown.splitlines() if line.lstrip('` ("').startswith("QQQ")] == []


def test_every_hostile_text_can_be_read_as_it_is() -> None:
    for text in (*HOSTILE, *(f"{text} x" for text in HOSTILE), *(f"x{text}" for text in HOSTILE)):
        reads_as_it_is(text)


@some
@given(texts)
def test_every_text_can_be_read_as_it_is(text: str) -> None:
    reads_as_it_is(text)


def reads_as_it_is(text: str) -> None:
    """In each way of writing it."""
    shown = safe(text).replace("<!--", r"\x3c!--")
    assert Page(f"A {code(text)} b.").codes == [shown]
    assert Page(f"<details>\n<summary>{tag(text)}</summary>\n</details>").summaries == [shown]
    said = Page(f"A {prose(text)} b.").text.replace("`", "")
    assert said.split() == f"A {shown} b.".replace("`", "").split()
    assert Page("\n".join(fence([text, "more"]))).blocks[0][1] == f"{shown}\nmore\n"


def test_words_stay_words_and_the_rest_is_code() -> None:
    said = "pricing.input: 0.15 USD / 1M tokens would become free, says @bob (see 'docs' or \"there\")."
    page = Page(f"- {prose(said)}")
    assert page.codes == ["pricing.input", "@bob", "'docs'"]
    assert page.text.strip() == said


def test_a_name_that_stands_in_backticks_is_code_without_them() -> None:
    page = Page(f"- {prose('Orq models (`/v2/models`) take `a b` and ``c``.')}")
    assert page.codes == ["/v2/models", "`a b`", "``c``"]


def test_nothing_at_all_is_said_to_be_empty() -> None:
    assert code("") == "(empty)"
    assert "(empty)" in tag("")


def test_a_text_without_end_is_cut() -> None:
    endless = "x`y" * 100_000
    page = Page(plan_markdown(plan(action(endless, "update", change("description", None, value(endless))))))
    assert len(page.markdown) < 5_000
    assert page.structure.count("<details>") == 2


def test_half_a_character_is_written_out_where_a_size_is_counted() -> None:
    for limit in (None, 20_000):
        text = plan_markdown(full_of("half \ud800"), limit=limit)
        assert "half \\ud800" in text
        assert text.encode()
