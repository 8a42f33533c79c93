"""Any manifest of a provider: valid to us and to the schema, refused by a registry that holds none."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from published import published

from reconciler.errors import InputError
from reconciler.manifests.secretkeys import secret_in_address, secret_key
from reconciler.plan import canonical

from .house import REGISTRY, SECRETS, UPSTREAM, house, only_action
from .profile import examples
from .strategies import NONEMPTY, TEXTS, WHOLES

KEYS = st.text("abcxyz_", min_size=1, max_size=6).filter(lambda key: not secret_key().search(key))
SCALARS = st.none() | st.booleans() | WHOLES | TEXTS.filter(lambda text: not secret_in_address().search(text))
FREE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
REFERENCES = st.sampled_from([{"secret": name} for name in SECRETS])
CREDENTIALS = st.sampled_from(["api_key", "Authorization", "client_secret", "password", "accessToken"])

SCHEMA = Draft202012Validator(published("provider.schema.json"))

ENDPOINTS = st.fixed_dictionaries(
    {},
    optional={
        "base_url": st.none() | st.sampled_from([f"https://{UPSTREAM}", f"http://{UPSTREAM}:8000/v1"]),
    },
)
ENDPOINTS_WITH_KEY = st.fixed_dictionaries(
    {"base_url": st.just(f"https://{UPSTREAM}/v1"), "api_key": st.none() | REFERENCES}
)
NATIVES = st.dictionaries(KEYS, FREE, max_size=3)


def patches() -> st.SearchStrategy[dict[str, Any]]:
    """What a spec and an override have alike."""
    return st.fixed_dictionaries(
        {},
        optional={
            "display_name": st.none() | NONEMPTY,
            "endpoint": ENDPOINTS | ENDPOINTS_WITH_KEY,
            "native": st.fixed_dictionaries({}, optional={"orq": NATIVES}),
        },
    )


@st.composite
def providers(draw: st.DrawFn) -> dict[str, Any]:
    """A valid manifest."""
    spec = {**draw(patches()), "registries": [REGISTRY]}
    over = draw(st.none() | patches())
    if over is not None:
        spec["overrides"] = {REGISTRY: over}
    head = {"apiVersion": "reconciler/v1", "kind": "Provider", "metadata": {"name": "house"}}
    return {**head, "spec": spec}


@examples(80)
@given(document=providers())
def test_a_valid_one_is_refused_by_name_and_nothing_is_sent(document: dict[str, Any]) -> None:
    assert SCHEMA.is_valid(document)
    with house() as home:
        home.write(document)
        plan, [result] = home.apply()
        action = only_action(plan)
        assert (action.resource, action.operation, result.status) == ("Provider", "refused", "refused")
        assert [refusal.message for refusal in action.refusals] == ["kind orq holds no providers"]
        assert not action.requests
        assert home.live() == []


@examples(80)
@given(document=providers(), key=CREDENTIALS, steps=st.lists(KEYS, max_size=2), inside=st.booleans())
def test_a_credential_that_is_written_out_is_a_mistake_to_both(
    document: dict[str, Any], key: str, steps: list[str], inside: bool
) -> None:
    tree: Any = {key: "planted-text"}
    for step in steps:
        tree = {step: [tree] if inside else tree}
    document["spec"]["native"] = {"orq": tree}
    assert not SCHEMA.is_valid(document)
    with house() as home:
        home.write(document)
        with pytest.raises(InputError) as raised:
            home.load()
    assert [problem.code for problem in raised.value.problems] == ["secret-literal"]
    assert "planted" not in canonical([asdict(problem) for problem in raised.value.problems])
