"""The text of a secret goes into the one request that needs it, and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest

from reconciler.registries.rows import Path

from .cases import each
from .door import Answer
from .manifests import PLANTED, SAMPLE, field_of, path_of, writable
from .stand import TOKEN, Stand, everything_of
from .subject import Variant
from .test_refusals import facts_of

HIDDEN = (*PLANTED, TOKEN)


@pytest.fixture(autouse=True)
def _all_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def secrets_of(variant: Variant) -> list[Path]:
    """The manifest paths of secrets."""
    facts = facts_of(variant)
    return [path_of(variant.table, row) for row in writable(variant.table, facts) if row.secret]


def with_secrets(variant: Variant) -> Mapping[str, list[Path]]:
    found = secrets_of(variant)
    return {"": found} if found else {}


def assert_nothing_shown(*texts: str) -> None:
    for text in texts:
        for hidden in HIDDEN:
            assert hidden not in text


def test_no_secret_is_shown(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    stand.write(stand.complete())
    applied = stand.apply()
    stand.assert_done(applied)
    again = stand.apply()
    assert_nothing_shown(everything_of(applied), everything_of(again), repr(stand.objects()), caplog.text)


@each("secrets", with_secrets)
def test_a_secret_is_in_the_create_and_nowhere_else(stand: Stand, secrets: list[Path]) -> None:
    stand.write(stand.complete())
    stand.assert_done(stand.apply())
    create = stand.door.writes[0]
    assert any(hidden in create.content.decode().replace('\\"', '"') for hidden in PLANTED)
    assert not any(hidden in str(write.content) for write in stand.door.writes[1:] for hidden in HIDDEN)
    assert_nothing_shown(repr(stand.objects()))


@each("secrets", with_secrets)
def test_a_registry_that_shows_its_secrets_is_not_repeated(
    stand: Stand, caplog: pytest.LogCaptureFixture, secrets: list[Path]
) -> None:
    """Older servers, and mistaken ones, list what they were told to keep."""
    spec = stand.complete()
    live = stand.made(spec)

    def tell(item: dict[str, object]) -> None:
        for secret in secrets:
            for point in field_of(stand.table, secret).points:
                below = item
                for step in point.path[:-1]:
                    inner = below.setdefault(step, {})
                    assert isinstance(inner, dict)
                    below = inner
                below[point.path[-1]] = PLANTED[0]

    stand.edit_objects(tell)
    stand.write(stand.pinned(stand.minimal(), live))
    applied = stand.apply()
    stand.assert_done(applied)
    assert_nothing_shown(everything_of(applied), repr(stand.objects()), caplog.text)


@each("status", lambda variant: {"400": 400, "401": 401, "500": 500} if with_secrets(variant) else {})
def test_an_error_that_repeats_a_secret_is_not_repeated(
    stand: Stand, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    stand.write(stand.complete())
    words = f"cannot take key {PLANTED[0]} with token {TOKEN if stand.url else SAMPLE}"
    bodies = ({"error": words}, {"detail": words}, {"message": words}, words.encode())
    for body in bodies:
        stand.door.answer_writes(Answer(status, body))
        applied = stand.apply()
        assert_nothing_shown(everything_of(applied), caplog.text)
        if applied.result.status == "unproven":
            break
