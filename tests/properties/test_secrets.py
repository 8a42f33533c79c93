"""A secret is a name until the request is sent, and a name again afterwards."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifests.secretkeys import is_address_with_secret, secret_in_address
from reconciler.plan import canonical

from .house import SECRETS, house, only_action, sent_bodies
from .profile import examples
from .strategies import NATIVE, Draft, drafts

API_KEY = (*NATIVE, "configuration", "api_key")


@examples(30)
@given(draft=drafts())
def test_a_key_is_sent_once_and_shown_nowhere(draft: Draft) -> None:
    draft = draft.with_value(API_KEY, {"secret": "FIRST_KEY"})
    with house() as home, sent_bodies() as sent:
        home.write(draft.document())
        before = home.plan()
        plan, [result] = home.apply()
        after = home.plan()
        assert result.status == "done", (result.reason, result.failure)
        [body] = sent
        assert body["configuration"]["api_key"] == SECRETS["FIRST_KEY"]
        assert "native.orq.configuration.api_key" in only_action(after).unverified
        for shown in (before, plan, after, result, home.live()):
            text = everything(shown)
            assert not any(secret in text for secret in SECRETS.values())
        assert '"FIRST_KEY"' in everything(plan)


def everything(value: Any) -> str:
    """All of a value as text, by each of the ways in which it could get out."""
    plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value
    return repr(value) + canonical(plain)


@examples(500)
@given(st.from_regex(secret_in_address()) | st.text("ab:/?&#=@;key", max_size=20))
def test_the_quick_look_passes_over_no_address_with_a_secret(text: str) -> None:
    assert is_address_with_secret(text) == (secret_in_address().search(text) is not None)
