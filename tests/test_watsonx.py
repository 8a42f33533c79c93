"""watsonx Orchestrate from manifests to the registry and back, against the embedded one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tenacity import wait_none
from watsonx_house import (
    HOST,
    TEXTS,
    URL,
    House,
    Wire,
    changed,
    codes,
    manifest,
    native,
    only_action,
    only_result,
    resets,
    says,
    spec,
)

from reconciler.embedded import Options
from reconciler.errors import InputError
from reconciler.executor import Target, execute
from reconciler.importing import choose, import_objects
from reconciler.plan import plan_type
from reconciler.registries.interface import Observation
from reconciler.registries.watsonx.fields import SERVER_TAGS
from reconciler.registries.watsonx.kind import WATSONX
from reconciler.report.text import outcome_text, plan_text
from reconciler.secrets import SecretStore

NAME = "virtual-model/openai/gpt-4o-mini"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr("reconciler.http.repeating._AFTER_FAULT", wait_none())
    monkeypatch.setattr("reconciler.http.repeating._AFTER_LIMIT", wait_none())
    monkeypatch.setattr("reconciler.executor.timing.PAUSES", (0.0, 0.0, 0.0))
    found = House(tmp_path)
    yield found
    found.app.state.store.close()


def problems(house: House, *manifests: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    house.models(*manifests)
    with pytest.raises(InputError) as caught:
        house.load()
    return [(problem.code, problem.message, problem.hint) for problem in caught.value.problems]


def observed(house: House) -> Observation:
    found = asyncio.run(house._observe())
    assert isinstance(found, Observation)
    return found


def refusal(house: House, *manifests: dict[str, Any]) -> tuple[str, str, str]:
    action = only_action(house.plan(*manifests))
    [found] = action.refusals
    assert action.operation == "refused"
    assert not action.requests
    return found.code, found.message, found.fix or ""


# ---- create, update, nothing to do


def test_a_create_sends_what_is_declared_and_settles(house: House) -> None:
    result = only_result(house.apply(manifest(native=native(tags=["b", "a"], config={"max_tokens": 100}))))
    assert result.status == "done"
    assert house.wire.bodies("POST") == [
        {
            "name": NAME,
            "display_name": "mini",
            "description": "For support",
            "model_type": "chat",
            "tags": ["a", "b"],
            "provider_config": {"api_key": "sk-planted-text-1"},
            "config": {"max_tokens": 100},
        }
    ]
    assert result.id == house.only()["id"]
    plan = house.plan()
    assert only_action(plan).operation == "none"
    assert "No changes" in plan_text(plan)


def test_the_id_comes_from_the_list_and_never_from_the_answer(house: House) -> None:
    house.wire.fails("POST", says(200, {"id": "another", "name": NAME, "provider_config": None}, commit=True))
    result = only_result(house.apply(manifest()))
    assert (result.status, result.id) == ("done", house.only()["id"])


def test_two_models_of_one_name_after_a_create_are_both_named(house: House) -> None:
    """Another run makes it at the same time: the registry keeps no names apart."""

    async def doubled(wire: Any, request: Any) -> Any:
        await wire.inner.handle_async_request(request)
        return await wire.honest(request)

    house.wire.fails("POST", doubled)
    result = only_result(house.apply(manifest()))
    there = [model["id"] for model in house.live()]
    assert len(there) == 2
    assert result.status == "unproven"
    assert all(identity in str(result.reason) for identity in there)


@pytest.mark.parametrize("answer", [None, "done", {"ok": True}, [1]])
def test_a_create_may_answer_anything(house: House, answer: Any) -> None:
    house.wire.fails("POST", says(200, answer, commit=True))
    assert only_result(house.apply(manifest())).status == "done"


def test_an_update_carries_what_is_not_declared_and_strips_what_the_server_makes(house: House) -> None:
    identity = house.there(
        provider_config={
            "custom_host": "https://llm.example.com/v1",
            "api_key": "live",
            "requestTimeout": 30,
        },
        config={"temperature": 0.25, "unknown_part": {"a": [None]}},
        tags=["mine"],
    )

    def with_more(documents: list[dict[str, Any]]) -> Any:
        for document in documents:
            document["of_tomorrow"] = {"a": 1}
            document["provider_config"]["apiVersion"] = None
        return documents

    house.wire.shows = with_more
    plan = house.plan(manifest())
    action = only_action(plan)
    assert (action.operation, action.id) == ("update", identity)
    assert changed(action) == {"description": "For support"}
    # The embedded registry takes no unknown key beside the documented ones, so it must not see this body.
    house.wire.fails("PUT", says(200, None))
    house.execute(plan)
    assert [each[:2] for each in house.wire.seen if each[0] == "PUT"] == [
        ("PUT", f"/api/v1/models/{identity}")
    ]
    assert house.wire.bodies("PUT")[0] == {
        "name": NAME,
        "display_name": "mini",
        "description": "For support",
        "model_type": "chat",
        "tags": ["mine"],
        "of_tomorrow": {"a": 1},
        "provider_config": {
            "customHost": "https://llm.example.com/v1",
            "requestTimeout": 30,
            "api_key": "sk-planted-text-1",
        },
        "config": {"temperature": 0.25, "unknown_part": {"a": [None]}},
    }


def test_an_update_of_a_real_registry_is_done_and_settles(house: House) -> None:
    house.there(provider_config={"request_timeout": 30}, config={"top_k": 3}, tags=["mine"])
    wanted = manifest(native=native(provider_config={"index": 2}))
    result = only_result(house.apply(wanted))
    assert (result.status, result.remarks) == ("done", ())
    live = house.only()
    assert live["provider_config"] == {
        "api_key": "********",
        "requestTimeout": 30,
        "index": 2,
        "provider": "openai",
    }
    assert (live["config"], live["tags"]) == ({"top_k": 3}, ["mine"])
    assert only_action(house.plan()).operation == "none"


def test_the_derived_provider_and_tags_of_the_server_are_no_drift(house: House) -> None:
    house.apply(manifest(native=native(tags=["mine"])))

    def tagged(documents: list[dict[str, Any]]) -> Any:
        documents[0]["tags"] = ["third party", "mine", "default"]
        return {"resources": documents}

    house.wire.shows = tagged
    assert only_action(house.plan()).operation == "none"


def test_a_tag_of_the_server_cannot_be_declared(house: House) -> None:
    found = problems(house, manifest(native=native(tags=["default"])))
    assert found[0][:2] == ("native-value", "tags cannot have 'default', which only the service sets")


def test_a_hand_edit_of_an_undeclared_field_between_plan_and_write_stops_it(house: House) -> None:
    identity = house.there(provider_config={"api_key": "live"})
    plan = house.plan(manifest())
    edited = {"name": NAME, "display_name": "mini", "config": {"top_k": 1}}
    house.call("PUT", f"/models/{identity}", edited)
    result = only_result(house.execute(plan))
    assert (result.status, house.wire.bodies("PUT")) == ("stale", [])
    assert result.reason.startswith(f"'{NAME}' has changed since the plan was made: ")


@pytest.mark.parametrize(
    "answer", [{"a": 1}, {"models": [{"id": 1}]}, b"true", [{"name": "x"}], {"resources": {}}]
)
def test_a_shape_that_is_not_known_stops_everything(house: House, answer: Any) -> None:
    house.wire.shows = lambda _: answer
    plan = house.plan(manifest())
    assert plan.failed
    assert plan.actions() == []
    [failure] = [registry.failure for registry in plan.registries if registry.failure]
    assert failure.hint == (
        "`url` in reconciler.yaml is everything before `/models`, such as https://…/v1/orchestrate"
    )
    assert {method for method, _, _ in house.wire.seen} == {"GET"}


# ---- credentials

MASK = {"api_key": "********"}
DUMMY = {"api_key": "Dummy"}
KEY = {"endpoint": {"api_key": {"secret": "KEY"}}}
NULL_KEY = {"endpoint": {"api_key": None}}
NO_KEY: dict[str, Any] = {"endpoint": None}
OVERWRITE = "the update would overwrite provider_config.api_key, which nobody can read"
PERHAPS = "the update would overwrite the model's api_key, if it has one: nobody can read it"
WITHOUT = "the update would leave the model without credentials"


@pytest.mark.parametrize("provider", ["openai", "ollama"])
@pytest.mark.parametrize(
    "row",
    [
        # What the manifest declares is sent, whatever is live.
        (KEY, "unset", None, DUMMY, None, None),
        (KEY, "unset", None, MASK, None, None),
        (KEY, "unset", None, {}, None, None),
        (KEY, "unset", "c-live", MASK, None, None),
        (KEY, "c1", None, MASK, None, None),
        (NO_KEY, "c1", None, DUMMY, None, None),
        (NO_KEY, "c1", None, MASK, None, None),
        (NO_KEY, "c1", None, {}, None, None),
        (NO_KEY, "c1", "c1", MASK, None, None),
        (NO_KEY, "c1", "c-live", MASK, None, None),
        # A live connection covers what may be there, not what is seen to be.
        (NO_KEY, "unset", "c-live", DUMMY, None, None),
        (NO_KEY, "unset", "c-live", {}, None, None),
        (NO_KEY, "unset", "c-live", MASK, OVERWRITE, OVERWRITE),
        # Nothing covers it.
        (NO_KEY, "unset", None, DUMMY, PERHAPS, None),
        (NO_KEY, "unset", None, {}, PERHAPS, None),
        (NO_KEY, "unset", None, MASK, OVERWRITE, OVERWRITE),
        # null is a declaration too.
        (NULL_KEY, "unset", None, MASK, WITHOUT, None),
        (NULL_KEY, "unset", "c-live", MASK, None, None),
        (NULL_KEY, "c1", None, MASK, None, None),
        (KEY, None, "c-live", DUMMY, None, None),
        (NO_KEY, None, "c-live", DUMMY, WITHOUT, None),
        (NO_KEY, None, "c-live", MASK, OVERWRITE, OVERWRITE),
    ],
)
def test_no_update_overwrites_a_secret_that_nobody_can_read(house: House, provider: str, row: Any) -> None:
    """The key and the connection that are declared, the live connection, what shows of the key; verdicts."""
    key, declared_connection, live_connection, shown, verdict, for_ollama = row
    house.there(
        name=f"virtual-model/{provider}/gpt-4o-mini",
        connection_id=live_connection,
        provider_config={"customHost": f"https://{HOST}/v1"},
    )

    def shows(documents: list[dict[str, Any]]) -> Any:
        config = documents[0]["provider_config"]
        del config["api_key"]
        config.update(shown)
        return documents

    house.wire.shows = shows
    connection = {} if declared_connection == "unset" else {"connection_id": declared_connection}
    plan = house.plan(manifest(provider=provider, **key, native=native(**connection)))
    action = only_action(plan)
    expected = verdict if provider == "openai" else for_ollama
    assert [refusal.message for refusal in action.refusals] == ([] if expected is None else [expected])
    house.execute(plan)
    sent = house.wire.bodies("PUT")
    assert len(sent) == (expected is None)
    for body in sent:
        assert body["provider_config"].get("api_key") == ("sk-planted-text-1" if key is KEY else None)
        assert body.get("connection_id") == (
            live_connection if declared_connection == "unset" else declared_connection
        )


def test_a_secret_that_is_seen_to_be_set_and_declared_null_is_cleared(house: House) -> None:
    house.apply(
        manifest(provider="ollama", endpoint={"base_url": f"https://{HOST}", "api_key": {"secret": "KEY"}})
    )
    wanted = manifest(provider="ollama", endpoint={"base_url": f"https://{HOST}", "api_key": None})
    plan = house.plan(wanted)
    assert changed(only_action(plan)) == {"endpoint.api_key": None}
    assert only_result(house.execute(plan)).status == "done"
    assert house.only()["provider_config"]["api_key"] == "Dummy"
    assert only_action(house.plan()).operation == "none"


@pytest.mark.parametrize(
    ("provider", "secrets"),
    [
        ("bedrock", {"awsSecretAccessKey": {"secret": "KEY"}, "awsAccessKeyId": {"secret": "OTHER"}}),
        ("vertex-ai", {"vertexServiceAccountJson": {"secret": "ACCOUNT"}}),
    ],
)
def test_other_credentials_than_a_key_go_along_with_every_update(
    house: House, provider: str, secrets: dict[str, Any]
) -> None:
    settings = native(provider_config=secrets)
    house.apply(manifest(provider=provider, endpoint=None, native=settings))
    result = only_result(
        house.apply(manifest(provider=provider, endpoint=None, description="New", native=settings))
    )
    assert result.status == "done"
    created, updated = house.wire.bodies("POST")[0], house.wire.bodies("PUT")[0]
    assert created["provider_config"] == updated["provider_config"]
    if provider == "vertex-ai":
        assert updated["provider_config"]["vertexServiceAccountJson"] == {
            "type": "service_account",
            "private_key": "planted-text-3",
        }


def test_one_of_two_secrets_is_not_enough(house: House) -> None:
    secrets = {"awsSecretAccessKey": {"secret": "KEY"}, "awsAccessKeyId": {"secret": "OTHER"}}
    house.apply(manifest(provider="bedrock", endpoint=None, native=native(provider_config=secrets)))
    half = native(provider_config={"awsSecretAccessKey": {"secret": "KEY"}})
    code, message, fix = refusal(
        house, manifest(provider="bedrock", endpoint=None, description="New", native=half)
    )
    assert (code, message) == (
        "unreadable-secret",
        "the update would overwrite provider_config.awsAccessKeyId, which nobody can read",
    )
    assert "native.watsonx.provider_config" in fix


def test_a_secret_is_sent_again_on_request(house: House) -> None:
    house.apply(manifest())
    assert only_action(house.plan()).operation == "none"
    plan = house.plan(resend=["endpoint.api_key"])
    assert changed(only_action(plan)) == {"endpoint.api_key": "KEY"}
    house.execute(plan)
    assert house.wire.bodies("PUT") == [
        {**house.wire.bodies("POST")[0], "tags": [], "provider_config": {"api_key": "sk-planted-text-1"}}
    ]


def test_a_mask_in_any_other_value_is_not_sent_back(house: House) -> None:
    house.there(provider_config={"beforeRequestHooks": [{"id": "x", "credentials": {"apiKey": "****abcd"}}]})
    code, message, _ = refusal(house, manifest())
    assert (code, message) == (
        "unreadable-secret",
        "the update would overwrite provider_config.beforeRequestHooks, which nobody can read",
    )


def test_credentials_in_live_hooks_are_carried_and_never_shown(house: House) -> None:
    hooks = [{"id": "x", "credentials": {"apiKey": "planted-live-1"}, "token": "planted-live-2"}]
    house.there(provider_config={"beforeRequestHooks": hooks, "api_key": "live"})
    plan = house.plan(manifest())
    assert "planted" not in plan_type().dump_json(plan).decode()
    assert "planted" not in plan_text(plan, verbose=True)
    house.execute(plan)
    assert house.only()["provider_config"]["beforeRequestHooks"] == hooks
    plan = house.plan(manifest(native=native(provider_config={"beforeRequestHooks": [{"id": "y"}]})))
    assert "planted" not in plan_type().dump_json(plan).decode()
    assert "planted" not in plan_text(plan, verbose=True)


def test_credentials_are_not_written_into_hooks(house: House) -> None:
    hooks = [{"id": "x", "credentials": {"apiKey": "planted"}}]
    [(code, message, _)] = problems(
        house, manifest(native=native(provider_config={"beforeRequestHooks": hooks}))
    )
    assert (code, message) == (
        "secret-literal",
        "beforeRequestHooks: a secret is never written in a manifest",
    )


def test_a_secret_goes_only_to_hosts_that_it_may_reach_also_those_that_are_live(house: House) -> None:
    house.there(provider_config={"customHost": "https://elsewhere.example.com/v1"})
    assert refusal(house, manifest()) == (
        "secret-host",
        "KEY may not be sent to elsewhere.example.com, which the live model names",
        "its hosts in reconciler.yaml are 127.0.0.1, embedded, llm.example.com",
    )
    house.config(KEY={"env": "KEY", "hosts": ["elsewhere.example.com", "embedded"]})
    assert only_result(house.apply()).status == "done"
    assert house.wire.bodies("PUT")[0]["provider_config"]["api_key"] == "sk-planted-text-1"


# ---- config


def test_config_that_no_live_model_shows_is_not_verified(house: House) -> None:
    house.apply(manifest(native=native(config={"max_tokens": 5})))
    house.wire.shows = lambda documents: [
        {key: value for key, value in document.items() if key != "config"} for document in documents
    ]
    changed_budget = manifest(native=native(config={"max_tokens": 6}))
    action = only_action(house.plan(changed_budget))
    assert action.operation == "none"
    assert "native.watsonx.config.max_tokens" in action.unverified
    changed_too = manifest(description="New", native=native(config={"max_tokens": 6, "seed": None}))
    plan = house.plan(changed_too)
    assert "sent along, never reads back: endpoint.api_key, native.watsonx.config.max_tokens" in plan_text(
        plan
    )
    assert only_result(house.execute(plan)).status == "done"
    assert house.wire.bodies("PUT")[0]["config"] == {"max_tokens": 6}


def test_config_that_no_live_model_shows_is_not_lost_unseen(house: House) -> None:
    house.apply(manifest())
    house.wire.shows = lambda documents: [
        {key: value for key, value in document.items() if key != "config"} for document in documents
    ]
    code, message, fix = refusal(house, manifest(description="New"))
    assert (code, message) == (
        "unreadable",
        "the registry shows `config` of no model, and an update replaces everything: what is live there "
        "would be lost",
    )
    assert fix == "declare what native.watsonx.config shall hold; null for a key of it that shall not be set"
    declared = manifest(description="New", native=native(config={"max_tokens": None}))
    assert only_result(house.apply(declared)).status == "done"


# ---- type and vision


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("declared", "wire"),
    [
        ({}, "chat"),
        ({"type": "chat"}, "chat"),
        ({"type": "chat", "capabilities": {"vision": True}}, "chat_vision"),
        ({"type": "chat", "capabilities": {"vision": False}}, "chat"),
        ({"type": "chat", "capabilities": {"vision": None}}, "chat"),
        ({"capabilities": {"vision": True}}, "chat_vision"),
        ({"type": "completion"}, "completion"),
        ({"type": "completion", "capabilities": {"vision": False}}, "completion"),
        ({"type": "embedding"}, "embedding"),
        ({"type": "embedding", "capabilities": {"vision": None}}, "embedding"),
        ({"native": native(model_type="chat_vision")}, "chat_vision"),
    ],
)
def test_type_and_vision(house: House, declared: dict[str, Any], wire: str, order: int) -> None:
    """Also where the one stands in an override and the other does not."""
    parts = list(declared.items())[::order]
    base, over = dict(parts[:1]), dict(parts[1:])
    wanted = manifest(**{"type": None, **base, "overrides": {"wxo": over} if over else None})
    assert only_result(house.apply(wanted)).status == "done"
    assert house.only()["model_type"] == wire
    assert only_action(house.plan()).operation == "none"


@pytest.mark.parametrize("before", ["chat", "chat_vision", "completion", "embedding"])
@pytest.mark.parametrize("vision", [True, False, None])
@pytest.mark.parametrize("kind", ["chat", "completion", None])
def test_an_update_of_type_and_vision(
    house: House, before: str, vision: bool | None, kind: str | None
) -> None:
    house.there(model_type=before)
    capabilities = None if vision is None else {"vision": vision}
    plan = house.plan(manifest(type=kind, capabilities=capabilities))
    action = only_action(plan)
    is_chat = kind == "chat" or (kind is None and before.startswith("chat"))
    if vision and not is_chat:
        assert codes(action) == ["cannot-express"]
        assert "only chat models can have it here" in action.refusals[0].message
        return
    sees = before == "chat_vision" if vision is None else vision
    wanted = ("chat_vision" if sees else "chat") if is_chat else (kind or before)
    assert only_result(house.execute(plan)).status == "done"
    assert house.only()["model_type"] == wanted
    assert only_action(house.plan()).operation == "none"


@pytest.mark.parametrize("kind", ["image", "rerank", "moderation", "ocr", "stt", "tts"])
def test_other_types_cannot_be_expressed(house: House, kind: str) -> None:
    code, message, _ = refusal(house, manifest(type=kind))
    assert (code, message) == ("cannot-express", "type: must be one of chat, completion, embedding")
    assert "type: chat" not in plan_text(house.plan())


def test_an_embedding_model_does_not_see(house: House) -> None:
    code, message, _ = refusal(house, manifest(type="embedding", capabilities={"vision": True}))
    assert (code, message) == (
        "cannot-express",
        "capabilities.vision: only chat models can have it here, and type is embedding",
    )


@pytest.mark.parametrize("other", [{"type": "chat"}, {"type": None, "capabilities": {"vision": True}}])
def test_the_native_type_is_a_twin_of_both(house: House, other: dict[str, Any]) -> None:
    found = problems(house, manifest(**other, native=native(model_type="chat_vision")))
    assert [code for code, _, _ in found] == ["twin"]


# ---- names


@pytest.mark.parametrize(
    ("word", "own"),
    [
        ("gemini", "google"),
        ("vertex-ai", "vertex-ai"),
        ("azure-openai", "azure-openai"),
        ("mistral", "mistral-ai"),
        ("xai", "x-ai"),
        ("together-ai", "together-ai"),
        ("groq", "groq"),
    ],
)
def test_a_provider_in_the_service_s_word(house: House, word: str, own: str) -> None:
    house.apply(manifest(provider=word, model="meta/llama 3.3"))
    assert house.only()["name"] == f"virtual-model/{own}/meta/llama 3.3"
    assert only_action(house.plan()).operation == "none"


def test_a_provider_without_a_word_here(house: House) -> None:
    [(code, message, hint)] = problems(house, manifest(provider="perplexity"))
    assert (code, message) == ("unknown-word", "kind watsonx has no word for 'perplexity'")
    assert hint == "write the registry's own word as native.watsonx.name"


def test_a_provider_without_a_word_here_is_taken_with_a_name(house: House) -> None:
    name = "virtual-model/anyscale/sonar"
    house.apply(manifest(provider="perplexity", model="sonar", native=native(name=name)))
    assert house.only()["name"] == name
    assert only_action(house.plan()).operation == "none"


@pytest.mark.parametrize(
    ("name", "path", "says"),
    [
        ("virtual-model/groq/gpt-4o-mini", "provider", "says groq"),
        ("virtual-model/openai/gpt-4o", "model", "says gpt-4o"),
    ],
)
@pytest.mark.parametrize("is_live", [True, False])
def test_a_name_that_contradicts_the_rest(
    house: House, name: str, path: str, says: str, *, is_live: bool
) -> None:
    if is_live:
        house.there(name=name)
    action = only_action(house.plan(manifest(native=native(name=name))))
    messages = [refusal.message for refusal in action.refusals]
    assert f"{path}: native.watsonx.name {says}, and the name is all that says it here" in messages
    assert action.operation == "refused"


def test_several_live_models_of_one_name(house: House) -> None:
    first, second = house.there(), house.there()
    code, message, fix = refusal(house, manifest())
    assert code == "ambiguous"
    assert message == f"several live models are named '{NAME}': {first} ({NAME}), {second} ({NAME})"
    assert fix == "delete or rename all but one of them in the registry: it does not keep names apart"


@pytest.mark.parametrize("is_live", [True, False])
def test_two_manifests_for_one_name(house: House, *, is_live: bool) -> None:
    if is_live:
        house.there()
    plan = house.plan(manifest("one"), manifest("two"))
    assert [codes(action) for action in plan.actions()] == [["ambiguous"], ["ambiguous"]]
    for action in plan.actions():
        assert action.refusals[0].fix == "give each its own native.watsonx.name"
        same = (
            f"the live model {house.only()['id']} ({NAME})" if is_live else f"a model with the name '{NAME}'"
        )
        assert same in action.refusals[0].message


def test_a_likely_rename(house: House) -> None:
    identity = house.there(name="virtual-model/openai/gpt-4o")
    code, message, fix = refusal(house, manifest())
    assert (code, message) == (
        "rename",
        f"looks like a rename of {identity} (virtual-model/openai/gpt-4o) (same display_name)",
    )
    assert "native.watsonx.name: virtual-model/openai/gpt-4o" in fix


def test_a_model_of_the_vendor_is_never_touched(house: House) -> None:
    vendors = {"id": "v", "name": NAME.removeprefix("virtual-model/"), "tags": ["default"]}
    house.wire.shows = lambda documents: {"resources": [*documents, vendors]}
    code, _, _ = refusal(house, manifest(provider=None, model=None, native=native(name=vendors["name"])))
    assert code == "not-ours"


def test_a_model_that_somebody_else_made_meanwhile(house: House) -> None:
    plan = house.plan(manifest())
    house.there()
    result = only_result(house.execute(plan))
    assert (result.status, result.reason) == ("stale", f"'{NAME}' has been created since the plan was made")
    assert house.wire.bodies("POST") == []


def test_what_is_left_alone_is_told_by_its_name(house: House) -> None:
    house.there(name="virtual-model/groq/x", display_name="x")
    assert "left alone: 1 model of yours (virtual-model/groq/x)" in plan_text(house.plan(manifest()))


def test_two_that_are_left_alone_under_one_name_are_told_by_their_ids(house: House) -> None:
    twins = [house.there(name="virtual-model/groq/x") for _ in range(2)]
    house.there(name="virtual-model/groq/y")
    told = ", ".join([*(f"virtual-model/groq/x with id {twin}" for twin in twins), "virtual-model/groq/y"])
    assert f"left alone: 3 models of yours ({told})" in plan_text(house.plan(manifest()))


def test_what_a_create_is_sent_as_is_not_called_its_id(house: House) -> None:
    plan = house.plan(manifest())
    assert f"+ mini  (as {NAME})" in plan_text(plan)
    house.wire.fails("POST", says(422, {"detail": "no"}))
    outcome = house.execute(plan)
    assert f"mini (as {NAME}): failed" in outcome_text(plan, outcome)
    outcome = house.execute(plan)
    made = only_result(outcome).id
    assert made != NAME
    assert f"mini (id {made}): done" in outcome_text(plan, outcome, verbose=True)
    assert f"= mini  (id {made})" in plan_text(house.plan(manifest()), verbose=True)


# ---- what is held


def test_what_is_not_held(house: House) -> None:
    wanted = manifest(
        developer="OpenAI",
        family="gpt",
        limits={"context_window": 1},
        pricing={"unit": "1M tokens", "currency": "USD", "input": 1, "output": 2},
        capabilities={"tools": True, "vision": True},
    )
    plan = house.plan(wanted)
    assert [held.path for held in plan.registries[0].not_held] == [
        "capabilities.tools",
        "developer",
        "family",
        "limits.context_window",
        "pricing.input",
        "pricing.output",
    ]
    assert only_action(plan).operation == "create"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "endpoint.api_key or native.watsonx.provider_config.api_key or native.watsonx.connection_id"),
        ({"provider": "bedrock"}, "awsSecretAccessKey and native.watsonx.provider_config.awsAccessKeyId"),
        ({"provider": "vertex-ai"}, "or native.watsonx.provider_config.vertexServiceAccountJson"),
        ({"provider": "ollama"}, "endpoint.base_url or native.watsonx.provider_config.customHost"),
        (
            {"provider": "watsonx", "endpoint": spec()["endpoint"]},
            "native.watsonx.provider_config.watsonxSpaceId or",
        ),
    ],
)
def test_what_a_create_demands(house: House, changes: dict[str, Any], text: str) -> None:
    code, message, _ = refusal(house, manifest(**{"endpoint": None, **changes}))
    assert code == "incomplete"
    assert text in message


@pytest.mark.parametrize(
    "changes",
    [
        {"native": native(connection_id="c1")},
        {"provider": "ollama", "native": native(connection_id="c1")},
        {"provider": "ollama", "endpoint": {"base_url": f"https://{HOST}"}},
        {"provider": "watsonx", "native": native(connection_id="c1")},
        {
            "provider": "watsonx",
            "endpoint": spec()["endpoint"],
            "native": native(provider_config={"watsonxSpaceId": "s"}),
        },
    ],
)
def test_what_is_enough_for_a_create(house: House, changes: dict[str, Any]) -> None:
    assert only_result(house.apply(manifest(**{"endpoint": None, **changes}))).status == "done"


def test_a_create_without_a_provider_says_what_its_name_is_made_of(house: House) -> None:
    code, message, fix = refusal(house, manifest(provider=None))
    assert code == "incomplete"
    assert message == (
        "a create in IBM watsonx Orchestrate models (`/models`) demands provider and model or "
        "native.watsonx.name (its name)"
    )
    assert fix == "declare them, or adopt a live model by its name with native.watsonx.name"


def test_null_clears_what_can_be_cleared(house: House) -> None:
    house.apply(
        manifest(
            native=native(
                connection_id="c1",
                tags=["a"],
                provider_config={"apiVersion": "1", "forwardHeaders": ["x"], "metadata": {"a": "b"}},
                config={"seed": 1, "modalities": ["text"], "stop": "x"},
            )
        )
    )
    cleared = manifest(
        description=None,
        native=native(
            connection_id=None,
            tags=None,
            provider_config={"apiVersion": None, "forwardHeaders": None, "metadata": None},
            config={"seed": None, "modalities": None, "stop": None},
        ),
    )
    cleared["spec"]["description"] = None
    result = only_result(house.apply(cleared))
    assert (result.status, result.remarks) == ("done", ())
    live = house.only()
    assert live["provider_config"] == {"api_key": "********", "provider": "openai"}
    assert (live["config"], live["tags"], live["connection_id"], live["description"]) == ({}, [], None, None)
    assert only_action(house.plan()).operation == "none"


def test_null_is_refused_where_nothing_clears_it(house: House) -> None:
    house.there()
    wanted = manifest()
    wanted["spec"]["display_name"] = None
    code, message, _ = refusal(house, wanted)
    assert code == "cannot-express"
    assert "has no way to clear it" in message


def test_false_is_sent_where_nothing_is_live(house: House) -> None:
    """What a missing flag means no source states; at the gateway, strictness may be the default."""
    house.there()
    house.apply(manifest(native=native(provider_config={"strictOpenAiCompliance": False})))
    assert house.only()["provider_config"]["strictOpenAiCompliance"] is False


# ---- spellings


def test_the_other_spelling_is_taken_and_the_documented_one_suggested_once(house: House) -> None:
    wanted = manifest(native=native(provider_config={"request_timeout": 30}))
    plan = house.plan(wanted)
    hint = (
        "hint: native.watsonx.provider_config.request_timeout is documented as "
        "native.watsonx.provider_config.requestTimeout"
    )
    assert hint in plan_text(plan)
    house.execute(plan)
    assert house.wire.bodies("POST")[0]["provider_config"]["requestTimeout"] == 30
    settled = house.plan()
    assert hint not in plan_text(settled)
    assert "mini" not in plan_text(settled).replace("(mini)", "")
    assert hint in plan_text(settled, verbose=True)


def test_two_spellings_of_one_key(house: House) -> None:
    both = {"requestTimeout": 30, "request_timeout": 30}
    [(code, message, hint)] = problems(house, manifest(native=native(provider_config=both)))
    assert (code, hint) == ("twin", "keep one of them")
    assert "provider_config.request_timeout" in message
    assert "provider_config.requestTimeout" in message


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("requestTimout", "requestTimeout"),
        ("request_timout", "requestTimeout"),
        ("customHosts", "customHost"),
    ],
)
def test_a_typing_error(house: House, written: str, meant: str) -> None:
    [(code, message, hint)] = problems(house, manifest(native=native(provider_config={written: 1})))
    assert (code, message) == (
        "unknown-field",
        f"native.watsonx.provider_config has no field '{written}'",
    )
    assert hint == f"did you mean '{meant}'?"


def test_the_portable_address_is_a_twin_of_the_native_one(house: House) -> None:
    both = manifest(
        endpoint={"base_url": f"https://{HOST}", "api_key": {"secret": "KEY"}},
        native=native(provider_config={"custom_host": f"https://{HOST}"}),
    )
    assert [code for code, _, _ in problems(house, both)] == ["twin"]


# ---- answers that are lost


@pytest.mark.parametrize(
    "fault",
    [
        resets(commit=True),
        says(500, {"detail": "Internal Server Error"}, commit=True),
        says(504, "", commit=True),
    ],
)
def test_a_lost_create_is_found_by_reading_and_never_sent_twice(house: House, fault: Any) -> None:
    house.wire.fails("POST", fault)
    result = only_result(house.apply(manifest()))
    assert result.status == "done"
    assert "found done by reading" in result.remarks[0]
    assert len(house.wire.bodies("POST")) == len(house.live()) == 1


@pytest.mark.parametrize("fault", [resets(commit=False), says(500, {"detail": "Internal Server Error"})])
def test_a_create_that_may_be_lost_is_not_sent_again(house: House, fault: Any) -> None:
    house.wire.fails("POST", fault)
    outcome = house.apply(manifest())
    result = only_result(outcome)
    assert result.status == "unproven"
    assert result.reason == (
        "the answer was lost, and the registry does not show the model; it is not sent again, because the "
        "registry does not keep names apart"
    )
    assert len(house.wire.bodies("POST")) == 1
    assert house.live() == []


@pytest.mark.parametrize("fault", [resets(commit=True), says(500, {"detail": "…"}, commit=True)])
def test_a_lost_update_is_found(house: House, fault: Any) -> None:
    house.there()
    house.wire.fails("PUT", fault)
    result = only_result(house.apply(manifest()))
    assert result.status == "done"
    assert "found done by reading" in result.remarks[0]
    assert len(house.wire.bodies("PUT")) == 1


def test_an_update_that_did_not_happen_is_sent_again(house: House) -> None:
    house.there()
    house.wire.fails("PUT", resets(commit=False))
    assert only_result(house.apply(manifest())).status == "done"
    assert len(house.wire.bodies("PUT")) == 2
    assert house.only()["description"] == "For support"


# ---- limits and errors


def test_a_quota_is_not_waited_for_and_told_with_its_figures(tmp_path: Path) -> None:
    house = House(tmp_path, Options(watsonx_model_quota=1))
    house.there(name="virtual-model/openai/other", display_name="other")
    plan = house.plan(manifest())
    outcome = house.execute(plan)
    result = only_result(outcome)
    assert result.status == "failed"
    assert len(house.wire.bodies("POST")) == 1
    text = outcome_text(plan, outcome)
    assert "quota" in text
    assert "current 1, limit 1" in text
    assert "waiting does not lift this limit" in text


def test_another_limit_is_waited_for(house: House) -> None:
    house.wire.fails("POST", says(429, {"detail": "Too many requests"}, Retry_After="0.01"))
    assert only_result(house.apply(manifest())).status == "done"
    assert len(house.wire.bodies("POST")) == 2
    assert len(house.live()) == 1


def test_no_secret_is_in_a_plan_or_an_outcome(house: House) -> None:
    house.wire.fails("POST", says(422, {"detail": "sk-planted-text-1 is no key"}))
    plan = house.plan(manifest())
    outcome = house.execute(plan)
    assert "planted" not in plan_type().dump_json(plan).decode()
    assert "planted" not in plan_text(plan, verbose=True) + outcome_text(plan, outcome, verbose=True)
    assert "[secret KEY] is no key" in outcome_text(plan, outcome)


def test_a_create_is_proven_by_its_name_and_not_by_the_whole_list(house: House) -> None:
    house.apply(*(manifest(f"m{number}", model=f"m{number}") for number in range(10)))
    assert len(house.live()) == len(house.wire.bodies("POST")) == 10
    whole = [data for method, _, data in house.wire.seen if method == "GET" and data is None]
    # One for the plan, and one at most right before each create, because names are not unique.
    assert len(whole) <= 12


LIVE_FREE = {
    "api_key": "x",
    "beforeRequestHooks": [{"headers": [{"name": "Authorization", "value": "planted"}], "type": "guardrail"}],
    "afterRequestHooks": [{"headers": [["X-Api-Key", "planted"]], "id": "x"}],
    "metadata": {"note": "Bearer sk-planted-8", "team": "a"},
    "cache": "api-key: planted-9",
}


def test_credentials_in_lists_pairs_and_texts_are_in_no_plan(house: House) -> None:
    house.there(provider_config=LIVE_FREE, config={"metadata": {"curl": "Bearer sk-planted-7"}})
    declared = {
        "beforeRequestHooks": [],
        "afterRequestHooks": [],
        "metadata": {"team": "b"},
        "cache": "simple",
    }
    plan = house.plan(manifest(native=native(provider_config=declared, config={"metadata": {}})))
    assert len(changed(only_action(plan))) >= 5
    assert "planted" not in plan_type().dump_json(plan).decode()
    assert "planted" not in plan_text(plan, verbose=True)


def test_credentials_in_lists_pairs_and_texts_are_not_imported(house: House) -> None:
    house.there(provider_config=LIVE_FREE, config={"metadata": {"curl": "Bearer sk-planted-7"}})
    house.models(manifest("other", model="zz"))
    project, seen = house.load(), observed(house)
    chosen = choose(seen, ["mini"])
    [imported] = import_objects(project.config, project.desired, seen, chosen, []).manifests
    assert "planted" not in imported.text("schema")
    assert [text.partition(": ")[0] for text in imported.left_out] == [
        f"native.watsonx.{name}"
        for name in (
            "provider_config.cache",
            "provider_config.metadata",
            "provider_config.afterRequestHooks",
            "provider_config.beforeRequestHooks",
            "config.metadata",
        )
    ]


def test_what_changed_besides_is_told_without_free_values(house: House) -> None:
    house.there(provider_config={**LIVE_FREE, "requestTimeout": 2})
    house.wire.shows = lambda documents: [{**each, "more": "planted-0"} for each in documents]
    plan = house.plan(manifest(display_name="new"))

    async def moves(wire: Wire, _: httpx.Request) -> httpx.Response:
        moved = {"cache": "planted", "requestTimeout": 3}
        sent = wire.bodies("PUT")[0] | {"more": "planted-1", "provider_config": moved}
        wire.shows = lambda documents: [{**each, **sent} for each in documents]
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    house.wire.fails("PUT", moves)
    remarks = only_result(house.execute(plan)).remarks
    assert {
        "more changed besides",
        "provider_config.cache changed besides",
        "provider_config.requestTimeout changed besides: 2 -> 3",
    } <= set(remarks)
    assert "planted" not in " ".join(remarks)


# ---- what an update would destroy


@pytest.mark.parametrize("tag", [*sorted(SERVER_TAGS), "wxo-reserved-tag-of-tomorrow"])
def test_a_model_with_tags_of_the_service_is_not_updated(house: House, tag: str) -> None:
    house.there(provider_config={"api_key": "x"}, tags=["mine"])
    house.wire.shows = lambda documents: [{**each, "tags": [tag, "mine"]} for each in documents]
    assert refusal(house, manifest()) == (
        "unreadable",
        f"the model bears tags that only the service sets ({tag}), which an update may lose",
        "change this model in the registry by hand",
    )
    [live] = observed(house).objects
    assert live.raw["tags"] == [tag, "mine"]


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"api_token": "planted"}, "api_token"),
        ({"provider_config": {"oauth2ClientSecret": "planted"}}, "provider_config.oauth2ClientSecret"),
        ({"provider_config": {"oauth2": {"inner": {"token": "planted"}}}}, "provider_config.oauth2"),
        ({"config": {"apiKey": "planted"}}, "config.apiKey"),
        ({"more": {"headers": [{"name": "Authorization", "value": "planted"}]}}, "more"),
        ({"more": ["Bearer sk-planted-1"]}, "more"),
    ],
)
@pytest.mark.parametrize("connection", [None, "3f0c"])
def test_an_unknown_credential_is_neither_kept_nor_overwritten(
    house: House, more: dict[str, Any], path: str, connection: str | None
) -> None:
    house.there(provider_config={"api_key": "x"})
    house.wire.shows = lambda documents: [{**each, **more} for each in documents]
    [live] = observed(house).objects
    assert "planted" not in repr(live)
    assert tuple(path.split(".")) in live.hidden
    code, message, _ = refusal(house, manifest(native=native(connection_id=connection)))
    assert (code, message) == (
        "unreadable-secret",
        f"the update would overwrite {path}, which nobody can read and no field declares",
    )


def test_unknown_keys_that_are_no_credentials_are_carried(house: House) -> None:
    more = {"more": {"token": None, "auth": True, "max_tokens": 3}, "api_token": ""}
    house.there()
    house.wire.shows = lambda documents: [{**each, **more} for each in documents]
    [live] = observed(house).objects
    assert (live.raw["more"], live.raw["api_token"], live.hidden) == (more["more"], "", frozenset())


def test_provider_config_that_no_live_model_shows_is_not_lost_unseen(house: House) -> None:
    house.there(provider_config={"api_key": "x", "requestTimeout": 9})
    house.wire.shows = lambda documents: [
        {key: value for key, value in document.items() if key != "provider_config"} for document in documents
    ]
    code, message, _ = refusal(house, manifest(description="New"))
    assert (code, message.partition(",")[0]) == (
        "unreadable",
        "the registry shows `provider_config` of no model",
    )
    declared = manifest(description="New", native=native(provider_config={"customHost": None}))
    assert only_result(house.apply(declared)).status == "done"


BLANK = (
    "the registry shows no config of any model; what is set there and not declared would be lost",
    "the registry shows no provider_config of any model; what is set there and not declared would be lost",
)


def test_what_reads_as_null_of_all_models_is_told_before_an_update(house: House) -> None:
    house.there(provider_config={"api_key": "x", "requestTimeout": 9}, config={"max_tokens": 77})
    house.wire.shows = lambda documents: [
        {**each, "config": None, "provider_config": None} for each in documents
    ]
    action = only_action(house.plan(manifest(description="New")))
    assert (action.operation, action.notes) == ("update", BLANK)
    declared = native(provider_config={"requestTimeout": None}, config={"max_tokens": None})
    assert only_action(house.plan(manifest(description="New", native=declared))).notes == ()


def test_null_is_none_where_another_model_shows_more(house: House) -> None:
    house.there(provider_config={"api_key": "x"})
    house.there(name="virtual-model/openai/other", display_name="other", config={"top_k": 1})
    assert only_action(house.plan(manifest(description="New"))).notes == ()


# ---- what some servers drop


def test_empty_values_settle_where_the_registry_drops_them(house: House) -> None:
    def dropped(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: dropped(item) for key, item in value.items() if item not in ("", [], {}, None)}

    house.wire.shows = lambda documents: [
        {"provider_config": {}, "config": {}, **dropped(each)} for each in documents
    ]
    wanted = manifest(
        native=native(
            tags=[],
            config={"temperature": 1, "stop": [], "logit_bias": {}, "metadata": {}, "prompt": ""},
            provider_config={"forwardHeaders": [], "cache": {}, "metadata": {}, "beforeRequestHooks": []},
        )
    )
    result = only_result(house.apply(wanted))
    assert (result.status, result.reason) == ("done", None)
    assert only_action(house.plan()).operation == "none"


def test_an_empty_value_clears_what_is_live(house: House) -> None:
    house.there(provider_config={"api_key": "x", "cache": {"mode": "simple"}}, config={"stop": ["a"]})
    declared = native(provider_config={"cache": {}}, config={"stop": []})
    assert only_result(house.apply(manifest(native=declared))).status == "done"
    live = house.only()
    assert ("cache" in live["provider_config"], live["config"]) == (False, {})


# ---- a create beside another


def test_a_model_that_somebody_made_right_before_the_create_is_seen(house: House) -> None:
    house.models(manifest())
    project, plan, before = asyncio.run(house._plan())
    assert isinstance(before, Observation)
    house.there()
    target = Target(WATSONX, house.connection, before)
    store = SecretStore(project.config.secret_rules(), TEXTS)
    result = only_result(asyncio.run(execute(plan, {"wxo": target}, store)).outcome)
    assert result.status == "stale"
    assert len(house.live()) == 1
    assert not house.wire.bodies("POST")


def test_two_creates_of_one_run_do_not_stop_each_other(house: House) -> None:
    outcome = house.apply(*(manifest(f"m{number}", model=f"x{number}") for number in range(12)))
    assert {result.status for result in outcome.results} == {"done"}
    assert len(house.live()) == 12


# ---- keys that choose the host


@pytest.mark.parametrize(
    ("key", "host"),
    [("resourceName", "mine.openai.azure.com"), ("snowflakeAccount", "mine.snowflakecomputing.com")],
)
def test_a_key_that_picks_the_host_sends_no_secret_elsewhere(house: House, key: str, host: str) -> None:
    house.config(MINE={"env": "KEY", "hosts": [host, "embedded"]})
    endpoint = {"api_key": {"secret": "MINE"}}

    def named(value: str) -> dict[str, Any]:
        return manifest(endpoint=endpoint, native=native(provider_config={key: value}))

    assert only_action(house.plan(named("mine"))).operation == "create"
    for other in ("other", "evil.example.com/?x="):
        [(code, _, _)] = problems(house, named(other))
        assert code == "secret-host"
    house.there(provider_config={"api_key": "x", key: "other"})
    assert codes(only_action(house.plan(manifest(endpoint=endpoint)))) == ["secret-host"]
    action = only_action(house.plan(named("mine")))
    assert [change.note for change in action.changes if change.path.endswith(key)] == [
        f"sends the stored key to {host}"
    ]


# ---- a look at one name before a create


async def _as_ever(wire: Wire, request: httpx.Request) -> httpx.Response:
    return await wire.honest(request)


def _asked(house: House) -> list[Any]:
    """What every list was asked for."""
    return [body for method, _, body in house.wire.seen if method == "GET"]


def test_a_create_looks_for_its_own_name_alone(house: House) -> None:
    plan = house.plan(manifest("one", model="one"), manifest("two", model="two"))
    house.wire.seen.clear()
    assert [result.status for result in house.execute(plan).results] == ["done", "done"]
    whole = [number for number, body in enumerate(_asked(house)) if body is None]
    assert whole == [0, len(_asked(house)) - 1]  # before the first write, and for the proof


def test_a_model_of_its_name_that_has_come_by_then_stops_a_create(house: House) -> None:
    plan = house.plan(manifest("one", model="one"))

    async def another_comes(wire: Wire, request: httpx.Request) -> httpx.Response:
        answer = await wire.honest(request)
        body = {"name": "virtual-model/openai/one", "connection_id": "c"}
        made = httpx.Request("POST", f"{URL}/models", json=body)
        await wire.inner.handle_async_request(made)
        return answer

    house.wire.fails("GET", another_comes)
    [result] = house.execute(plan).results
    assert result.status == "stale"
    assert "has been created since the plan was made" in (result.reason or "")
    assert len(house.live()) == 1


def test_where_names_are_not_gone_by_a_create_reads_everything(house: House) -> None:
    plan = house.plan(manifest("one", model="one"))
    other = {"id": "1", "name": "virtual-model/openai/other"}
    house.wire.seen.clear()
    house.wire.fails("GET", _as_ever, says(200, [other]))
    [result] = house.execute(plan).results
    assert result.status == "done"
    assert _asked(house)[2] is None
