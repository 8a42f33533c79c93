"""Who moved, for each field on its own: what was applied, is declared and is live, in any mixture."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from house import House, manifest, observation
from hypothesis import given
from hypothesis import strategies as st
from orq_server import live_model

from reconciler.drift import Baseline, Finding, Verdict, find_drift, whole_verdict
from reconciler.journal.applied import Applied, Moment, Sent
from reconciler.journal.records import Field
from reconciler.plan import Shown

from .profile import examples

COMMIT = Moment(run="0123abcd", at="2026-01-01", commit="c" * 40)
DIRTY = Moment(run="0123abcd", at="2026-01-01")
NAMES = ("One", "Two", "Three")
WINDOWS = (8, 9, 10)
UNITS = {"1M tokens": 1, "1K tokens": 1000}

names, windows = st.sampled_from(NAMES), st.sampled_from(WINDOWS)
prices = st.tuples(st.sampled_from(["0.15", "0.16", "0.17"]), st.sampled_from(list(UNITS)))
specs = st.fixed_dictionaries({"name": names, "window": windows, "price": prices})
FIELDS = {"name": "display_name", "window": "limits.context_window", "price": "pricing.input"}


def meaning(spec: Mapping[str, Any], field: str) -> Any:
    """Two spellings of one price are one value."""
    return spec[field][0] if field == "price" else spec[field]


def declared(spec: Mapping[str, Any], *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    amount, unit = spec["price"]
    price = {"unit": unit, "currency": "USD", "output": Decimal("0.60") / UNITS[unit]}
    price |= {} if "price" in without else {"input": Decimal(amount) / UNITS[unit]}
    limits = None if "window" in without else {"context_window": spec["window"]}
    name = None if "name" in without else spec["name"]
    return manifest(display_name=name, pricing=price, limits=limits)


def live(spec: Mapping[str, Any]) -> dict[str, Any]:
    amount = Decimal(spec["price"][0])
    document = live_model(display_name=spec["name"], input_cost=amount / 1000)
    known = {"context_window": spec["window"], "million_tokens_input_cost": amount}
    return document | {"metadata": document["metadata"] | known}


@cache
def folder() -> Path:
    return Path(tempfile.mkdtemp())


def finding(now: Mapping[str, Any], there: Mapping[str, Any], baseline: Baseline) -> Finding | None:
    house = House(folder(), manifests=[declared(now)])
    observed = {"orq": observation([live(there)])}
    plan = house.plan(observed)
    found = find_drift(plan, house.load()[1], observed, {("orq", "Model/support-mini"): baseline})
    return found.findings[0] if found.findings else None


def of_commit(then: Mapping[str, Any], **options: Any) -> Baseline:
    [desired] = House(folder(), manifests=[declared(then, **options)]).load()[1]
    return Baseline(COMMIT, desired)


def of_journal(then: Mapping[str, Any]) -> Baseline:
    amount, unit = then["price"]
    price = {"amount": str(Decimal(amount) / UNITS[unit]), "currency": "USD", "per": unit}
    values = {
        "display_name": Shown("value", then["name"]),
        "limits.context_window": Shown("value", then["window"]),
        "pricing.input": Shown("price", price),
    }
    sent = {path: Sent(DIRTY, Field(path, Shown("unset"), value)) for path, value in values.items()}
    return Baseline(applied=Applied(there=DIRTY, sent=sent))


def expected(then: Any, now: Any, there: Any) -> Verdict:
    if then == now:
        return "registry"
    return "git" if then == there else "both"


@examples(40)
@given(specs, specs, specs, st.sampled_from([of_commit, of_journal]))
def test_each_field_has_the_verdict_of_its_three_values(then: Any, now: Any, there: Any, known: Any) -> None:
    found = finding(now, there, known(then))
    wanted = {
        path: expected(*(meaning(spec, field) for spec in (then, now, there)))
        for field, path in FIELDS.items()
        if meaning(now, field) != meaning(there, field)
    }
    assert {moved.path: moved.verdict for moved in found.fields} == wanted if found else wanted == {}
    assert found is None or found.is_drift is bool(set(wanted.values()) & {"registry", "both"})


@examples(15)
@given(specs, specs, specs, st.sets(st.sampled_from(list(FIELDS))))
def test_what_was_not_declared_then_is_no_drift(then: Any, now: Any, there: Any, without: set[str]) -> None:
    found = finding(now, there, of_commit(then, without=tuple(without)))
    verdicts = {moved.path: moved for moved in found.fields} if found else {}
    for field in without:
        if FIELDS[field] in verdicts:
            assert (verdicts[FIELDS[field]].verdict, verdicts[FIELDS[field]].applied) == ("git", None)


@examples(10)
@given(specs, specs, st.sampled_from([Baseline(), Baseline(applied=Applied(doubt="a run did not end"))]))
def test_without_knowledge_nothing_is_said_and_all_counts(now: Any, there: Any, baseline: Baseline) -> None:
    found = finding(now, there, baseline)
    if found is not None:
        assert {moved.verdict for moved in found.fields} == {"unknown"}
        assert found.is_drift
        assert found.reason


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        ((), "git"),
        (("git", "git"), "git"),
        (("git", "registry"), "both"),
        (("registry", "unknown"), "registry"),
        (("git", "unknown"), "unknown"),
        (("both", "unknown"), "both"),
    ],
)
def test_the_verdict_over_an_object(verdicts: tuple[Verdict, ...], whole: Verdict) -> None:
    assert whole_verdict(verdicts) == whole


def test_a_newer_value_that_was_sent_goes_before_the_commit() -> None:
    base = {"name": "One", "window": 8, "price": ("0.15", "1M tokens")}
    newer = {**base, "name": "Two"}
    sent = of_journal(newer).applied.sent
    applied = Applied(there=DIRTY, of_commit=COMMIT, sent={"display_name": sent["display_name"]})
    then = of_commit(base)
    baseline = Baseline(then.moment, then.declared, applied)
    found = finding(newer, {**base, "name": "Three", "window": 9}, baseline)
    assert found is not None
    assert {moved.path: moved.verdict for moved in found.fields} == {
        "display_name": "registry",
        "limits.context_window": "registry",
    }
