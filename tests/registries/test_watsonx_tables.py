"""The table of watsonx Orchestrate against the reference page: every key has its one place."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from published import published

from reconciler.registries.codecs import Json
from reconciler.registries.rows import Clear, Echo, Field, Path
from reconciler.registries.watsonx.fields import MADE, MODEL, SERVER_TAGS, without_secrets
from reconciler.registries.watsonx.keys import CONFIG, DERIVED, PROVIDER_CONFIG, SECRETS
from reconciler.secrets import SecretJson, SecretRef

from .test_watsonx_keys import CONFIG_PAGE, FILLED, PROVIDER_PAGE, sample

NATIVE = ("native", "watsonx")
BODY = {
    "name",
    "display_name",
    "provider_config",
    "config",
    "description",
    "tags",
    "model_type",
    "connection_id",
}
"""All that the page shows of a request."""


def field(path: Path) -> Field:
    found = MODEL.find(path)
    assert found is not None, path
    return found


def value_of(container: str, key: str) -> Any:
    """A value of the page's type for a key, as a manifest writes it."""
    if container == "provider_config" and key in SECRETS:
        return {"secret": key.upper()}
    if container == "provider_config" and PROVIDER_CONFIG[key].upstream:
        return f"https://{key.lower()}.example.com"
    return FILLED.get(key) or sample((PROVIDER_PAGE if container == "provider_config" else CONFIG_PAGE)[key])


def wire_of(container: str, key: str) -> Any:
    if container == "provider_config" and key == "vertexServiceAccountJson":
        return SecretJson(SecretRef(key.upper()))
    if container == "provider_config" and key in SECRETS:
        return SecretRef(key.upper())
    return value_of(container, key)


EVERY_KEY = [("provider_config", key) for key in PROVIDER_PAGE] + [("config", key) for key in CONFIG_PAGE]


def everything(spelling: int = 0) -> dict[Path, Any]:
    """A value for each field of the request and each documented key; ``spelling``: of the other names."""
    declared: dict[Path, Any] = {
        (*NATIVE, "name"): "virtual-model/openai/all",
        (*NATIVE, "display_name"): "All",
        ("description",): "Everything",
        ("type",): "chat",
        ("capabilities", "vision"): True,
        (*NATIVE, "connection_id"): "c1",
        (*NATIVE, "tags"): ["b", "a"],
    }
    for container, key in EVERY_KEY:
        names = (key, *PROVIDER_CONFIG[key].aliases) if container == "provider_config" else (key,)
        declared[*NATIVE, container, names[min(spelling, len(names) - 1)]] = value_of(container, key)
    return declared


def body_of(declared: dict[Path, Any]) -> tuple[dict[str, Any], list[Path]]:
    fields = {path: (field(path), field(path).normal(value)) for path, value in declared.items()}
    created = MODEL.create_edits(fields, "all")
    assert (created.missing, created.unmet, created.defaults) == ((), (), ())
    assert MODEL.create is not None
    body = MODEL.body(MODEL.create, created.edits, {})
    assert body is not None
    return body, [edit.path for edit in created.edits]


class TestThePage:
    def test_every_field_of_the_request_is_written_and_nothing_else(self) -> None:
        written = {point.path[0] for row in MODEL.rows for point in row.points if point.create}
        assert written == BODY

    def test_the_keys_are_those_of_the_page(self) -> None:
        written = [point.path for row in MODEL.rows for point in row.points if len(point.path) > 1]
        assert len(written) == len(set(written)) == 76 + 34
        assert set(written) == set(EVERY_KEY)

    def test_nothing_that_the_service_makes_is_written(self) -> None:
        written = {point.path for row in MODEL.rows for point in row.points}
        assert not {path[0] for path in written} & MADE
        assert ("provider_config", DERIVED) not in written

    @pytest.mark.parametrize("spelling", [0, 1, 2])
    def test_a_manifest_that_declares_every_key_sends_each_once_at_its_place(self, spelling: int) -> None:
        body, paths = body_of(everything(spelling))
        assert len(paths) == len(set(paths))
        assert set(body) == BODY
        for container, keys in (("provider_config", PROVIDER_PAGE), ("config", CONFIG_PAGE)):
            expected = {key: wire_of(container, key) for key in keys}
            assert body[container] == expected
            # Python takes 1 for true; JSON does not.
            assert {key: type(value) for key, value in body[container].items()} == {
                key: type(value) for key, value in expected.items()
            }
        assert body["model_type"] == "chat_vision"
        assert body["tags"] == ["a", "b"]

    def test_an_update_sends_the_same_but_for_nothing(self) -> None:
        """Everything that a create takes, an update takes too; the name stays as it is live."""
        updated = {point.path for row in MODEL.rows for point in row.points if point.update}
        created = {point.path for row in MODEL.rows for point in row.points if point.create}
        assert created - updated == {("name",)}
        assert MODEL.update.whole

    def test_the_schema_takes_a_manifest_with_every_key(self) -> None:
        native: dict[str, Any] = {}
        for path, value in everything().items():
            if path[:2] == NATIVE:
                below = native
                for step in path[2:-1]:
                    below = below.setdefault(step, {})
                below[path[-1]] = value
        document = {
            "apiVersion": "reconciler/v1",
            "kind": "Model",
            "metadata": {"name": "all"},
            "spec": {"native": {"watsonx": native}},
        }
        assert list(Draft202012Validator(published("model.schema.json")).iter_errors(document)) == []


class TestRows:
    def test_secrets_are_never_read_and_always_cleared_by_leaving_them_out(self) -> None:
        for key in SECRETS:
            item = field((*NATIVE, "provider_config", key))
            assert item.row.secret
            assert item.row.echo is Echo.WRITE_ONLY
            assert not any(point.read for point in item.points)
            assert item.row.clear is Clear.OMITTED

    @pytest.mark.parametrize("key", CONFIG)
    def test_config_may_or_may_not_read_back(self, key: str) -> None:
        assert field((*NATIVE, "config", key)).row.echo is Echo.MAYBE

    def test_a_key_and_its_portable_name_are_one_field(self) -> None:
        pairs = {
            ("endpoint", "api_key"): "api_key",
            ("endpoint", "base_url"): "customHost",
        }
        for portable, key in pairs.items():
            assert field(portable).row is field((*NATIVE, "provider_config", key)).row

    def test_only_documented_names_are_suggested(self) -> None:
        assert set(MODEL.native_words((*NATIVE, "provider_config"))) == set(PROVIDER_PAGE)
        assert set(MODEL.native_words((*NATIVE, "config"))) == set(CONFIG_PAGE)

    @pytest.mark.parametrize(
        ("key", "declared", "live"),
        [
            ("provider_config.forwardHeaders", ["x-b", "x-a"], ["x-a", "x-b"]),
            ("config.modalities", ["text", "audio"], ["audio", "text"]),
        ],
    )
    def test_the_order_of_sets_means_nothing(self, key: str, declared: Any, live: Any) -> None:
        """Which headers go on, and which kinds of output are wanted: neither is a sequence."""
        container, name = key.split(".")
        item = field((*NATIVE, container, name))
        assert item.read({container: {name: live}}) == item.normal(declared)
        assert item.read({}) == item.normal([]) == item.wanted(None)

    @pytest.mark.parametrize("key", ["provider_config.beforeRequestHooks", "config.stop", "config.examples"])
    def test_the_order_of_lists_means_something(self, key: str) -> None:
        container, name = key.split(".")
        item = field((*NATIVE, container, name))
        both: Any = [{"a": 1}, {"b": 2}] if name != "stop" else ["a", "b"]
        assert item.read({container: {name: both[::-1]}}) != item.normal(both)

    @pytest.mark.parametrize("wire", [["mine"], ["mine", "other"], [], None])
    def test_tags(self, wire: Any) -> None:
        assert field((*NATIVE, "tags")).read({"tags": wire}) == tuple(sorted(wire or ()))

    def test_the_schema_refuses_the_tags_of_the_service(self) -> None:
        schema = field((*NATIVE, "tags")).row.codec.schema()
        for tag in SERVER_TAGS:
            assert not Draft202012Validator(schema).is_valid([tag])
        assert Draft202012Validator(schema).is_valid(["mine"])

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("cache", {"mode": "simple", "token": "planted"}),
            ("beforeRequestHooks", [{"credentials": {"apiKey": "planted"}, "id": "x"}]),
            ("metadata", {"password": "planted"}),
        ],
    )
    def test_credentials_in_a_free_value_are_not_shown(self, key: str, value: Any) -> None:
        item = field((*NATIVE, "provider_config", key))
        live = item.read({"provider_config": {key: value}})
        shown = item.row.codec.shown(live, native=True)
        assert isinstance(shown, Json)
        assert "planted" not in str(shown)
        assert "(hidden)" in str(shown)
        assert item.row.codec.encode(live) == value


MASKS = ["****", "sk-***ab", "\u2022\u2022\u2022\u2022", "[redacted]", ["a", {"b": "*****"}]]


@pytest.mark.parametrize("mask", MASKS, ids=str)
def test_whatever_stands_for_a_value_is_never_taken_for_one(mask: object) -> None:
    """A body that carried it back would put the mask in the place of what it hides."""
    document = {"id": "1", "name": "virtual-model/openai/a", "provider_config": {"openaiProject": mask}}
    _, hidden = without_secrets(document)
    assert ("provider_config", "openaiProject") in hidden
