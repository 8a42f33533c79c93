"""A kind that is registered is in this suite, or fails it."""

from __future__ import annotations

from .cases import where
from .manifests import field_of
from .subject import Subject, Variant


@where(lambda variant: variant.table is next(iter(variant.kind.tables.values())))
def test_a_kind_has_a_subject(subject: Subject, variant: Variant, way: str, case: None) -> None:
    tables = variant.kind.tables.values()
    assert {table.resource for table in tables} <= set(subject.listings)
    assert set(subject.facts) <= {table.variant for table in tables}
    assert subject.errors
    for table in tables:
        facts = subject.facts_of(table)
        assert facts.keys or table.create is None
        for path in (*facts.always, *facts.values, *facts.apart, *facts.elsewhere, *facts.newer):
            assert field_of(table, path)
