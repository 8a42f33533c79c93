"""Orq's table against the facts of the reference page, extracted once into tests/data."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path as File
from typing import Any

import pytest
from properties.house import assert_settled, house, sent_bodies
from properties.strategies import Draft

from reconciler.registries.codecs import (
    BadValue,
    CannotExpress,
    Codec,
    Flag,
    Json,
    Money,
    Number,
    SetOf,
    Text,
    Tree,
    Whole,
    Word,
)
from reconciler.registries.orq.fields import GENERIC, READABLE_CONFIGURATION
from reconciler.registries.orq.metadata import KEYS
from reconciler.registries.rows import Field, Path, Table

PAGE: dict[str, Any] = json.loads(
    (File(__file__).parent.parent / "data" / "orq_metadata_keys.json").read_text(encoding="utf-8")
)
NATIVE = ("native", "orq")
UPDATABLE = {
    "display_name",
    "has_functions",
    "input_cost",
    "output_cost",
    "model_type",
    "metadata",
    "parameters",
}
"""All that `PATCH /v2/models/{id}` takes."""


PRICE = {"cost": 1, "currency": "USD", "per": 1, "unit": "token"}


def shape_of(codec: Codec) -> Any:
    """The JSON type of a codec's wire value, as the page would show it."""
    match codec:
        case Flag():
            return "boolean"
        case Whole() | Number() | Money():
            return "number"
        case SetOf(item=item):
            return ["string" if item is str else "number"]
        case Tree(shape=shape):
            return shown(shape)
        case Text() | Word():
            return "string"
        case _:
            raise AssertionError(codec)


def shown(schema: Any) -> Any:
    match schema["type"]:
        case "object":
            return {key: shown(below) for key, below in schema["properties"].items()}
        case "array":
            return [shown(schema["items"])]
        case "integer":
            return "number"
        case kind:
            return kind


def points(table: Table) -> dict[Path, Codec]:
    return {point.path: point.codec or row.codec for row in table.rows for point in row.points}


class TestThePage:
    def test_the_metadata_keys_are_exactly_these_111(self) -> None:
        written = {path[1] for path in points(GENERIC) if path[0] == "metadata"}
        assert len(PAGE["metadata"]) == 111
        assert written == set(PAGE["metadata"]) == set(KEYS)

    @pytest.mark.parametrize("key", sorted(set(PAGE["metadata"]) - {"pricing"}))
    def test_each_key_has_the_type_of_the_page(self, key: str) -> None:
        assert shape_of(points(GENERIC)["metadata", key]) == PAGE["metadata"][key]

    def test_pricing_has_the_shape_of_the_answer(self) -> None:
        # The example request shows one empty variant; the example answer shows every key.
        assert shape_of(points(GENERIC)["metadata", "pricing"]) == PAGE["answer_pricing"]

    def test_every_field_of_the_request_is_written(self) -> None:
        created = {
            point.path[0]
            for row in GENERIC.rows
            if row.switch is None
            for point in row.points
            if point.create or point.derived
        }
        assert created == set(PAGE["request"])

    def test_every_field_of_the_request_is_demanded(self) -> None:
        demanded = {row.points[0].path[0] for row in GENERIC.rows if row.demanded}
        assert demanded == set(PAGE["request"])

    def test_an_update_writes_what_the_call_takes_and_no_more(self) -> None:
        rows = [row for row in GENERIC.rows if row.switch is None]
        assert {point.path[0] for row in rows for point in row.points if point.update} == UPDATABLE

    def test_a_parameter_has_the_keys_of_the_page(self) -> None:
        written = {path[2] for path in points(GENERIC) if path[0] == "parameters" and len(path) > 2}
        assert written | {GENERIC.lists["parameters"].key} == set(PAGE["parameter"])

    def test_what_reads_back_of_a_configuration_is_documented(self) -> None:
        assert set(PAGE["answer_configuration"]) | {"model_id"} == READABLE_CONFIGURATION
        read = {
            point.path[1]
            for row in GENERIC.rows
            for point in row.points
            if point.path[0] == "configuration" and len(point.path) > 1 and point.read
        }
        assert read == set(PAGE["answer_configuration"])


def of_shape(shape: Any, path: tuple[str, ...] = ()) -> Any:
    """A value that is set, and of which every key is set."""
    match shape:
        case dict():
            return {key: of_shape(below, (*path, key)) for key, below in shape.items()}
        case list():
            return [of_shape(shape[0], path)]
        case "boolean":
            return True
        case "string":
            return ".".join(path)
        case _:
            return 7


def everything() -> dict[Path, Any]:
    """A native value for each of the 111 keys, and for each field of the request."""
    declared: dict[Path, Any] = {
        (*NATIVE, key): of_shape(kind.partition("<")[0], (key,))
        for key, kind in PAGE["request"].items()
        if kind in ("string", "boolean", "number<double>")
    }
    shapes = {**PAGE["metadata"], "pricing": PAGE["answer_pricing"]}
    for key, shape in shapes.items():
        if key not in ("million_tokens_input_cost", "million_tokens_output_cost", "supports_tool_calling"):
            declared[*NATIVE, "metadata", key] = of_shape(shape, (key,))
    for key in ("name", "parameter_type", "description", "hints"):
        declared[*NATIVE, "parameters", "temperature", key] = key
    declared[*NATIVE, "parameters", "temperature", "position"] = 1
    declared[*NATIVE, "parameters", "temperature", "config", "max"] = 2
    declared[*NATIVE, "configuration", "api_key"] = {"secret": "FIRST_KEY"}
    return declared


def field(path: Path) -> Field:
    found = GENERIC.find(path)
    assert found is not None, path
    return found


class TestACreateOfEverything:
    @pytest.fixture
    def body(self) -> dict[str, Any]:
        declared = {path: (field(path), field(path).normal(value)) for path, value in everything().items()}
        created = GENERIC.create_edits(declared, "all")
        assert not created.missing
        # `configuration.provider` is the provider's own name again, and no line is needed for it.
        assert [item.path for item, _ in created.defaults if item.path[-1] != "parameters"] == [
            (*NATIVE, "configuration", "provider")
        ]
        self.edits = [edit.path for edit in created.edits]
        return GENERIC.body(GENERIC.create, created.edits, {})

    def test_each_of_the_111_is_sent_exactly_once(self, body: dict[str, Any]) -> None:
        assert set(body["metadata"]) == set(PAGE["metadata"])
        assert len(self.edits) == len(set(self.edits))

    def test_every_field_of_the_request_is_sent(self, body: dict[str, Any]) -> None:
        assert set(body) == set(PAGE["request"])

    def test_nothing_is_sent_in_another_shape(self, body: dict[str, Any]) -> None:
        price = {"million_tokens_input_cost": 7000, "million_tokens_output_cost": 7000}
        shapes = {**PAGE["metadata"], "pricing": PAGE["answer_pricing"]}
        expected = {key: of_shape(shape, (key,)) for key, shape in shapes.items()}
        assert body["metadata"] == {**expected, **price}

    def test_a_parameter_is_sent_whole(self, body: dict[str, Any]) -> None:
        [parameter] = body["parameters"]
        assert set(parameter) == set(PAGE["parameter"])


def test_a_manifest_of_everything_sends_and_keeps_everything() -> None:
    with house() as home, sent_bodies() as sent:
        home.write(Draft(spec=everything()).document())
        _, [result] = home.apply()
        assert result.status == "done", (result.reason, result.failure)
        [body] = sent
        assert set(body) == set(PAGE["request"])
        assert set(body["metadata"]) == set(PAGE["metadata"])
        assert set(home.only()["metadata"]) == set(PAGE["metadata"])
        assert_settled(home)


class TestWhatTheRegistryWouldNotKeep:
    """Each of these was once sent, and came back as something else or not at all."""

    @pytest.mark.parametrize(
        ("path", "value", "error"),
        [
            (("metadata", "context_window"), 10**15 + 1, BadValue),
            (("metadata", "supported_video_durations"), [10**15 + 1], BadValue),
            (("metadata", "supported_video_durations"), [-1], BadValue),
            (("metadata", "pricing"), {"input": {"cost": 1}}, BadValue),
            (("metadata", "pricing"), {"input": {**PRICE, "cost": -1}}, BadValue),
            (("metadata", "pricing"), {"input": {**PRICE, "per": Decimal("1.5")}}, BadValue),
            (("parameters", "x", "config", "max"), Decimal("1.2345678901234567"), CannotExpress),
            (("configuration", "x"), {"y": [12345678901234567]}, CannotExpress),
            (("provider",), "openailike", CannotExpress),
            (("id",), "..", BadValue),
            (("id",), "a\nb", BadValue),
        ],
    )
    def test_it_is_refused(self, path: Path, value: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            field((*NATIVE, *path)).normal(value)

    def test_a_price_of_zero_stays_a_price(self) -> None:
        free = {**PRICE, "cost": 0}
        item = field((*NATIVE, "metadata", "pricing"))
        normal = item.normal({"input": free})
        assert item.row.codec.encode(normal) == {"input": free}
        assert (
            item.row.codec.decode({"input": {key: free[key] for key in ("currency", "per", "unit")}})
            == normal
        )

    def test_an_empty_price_list_is_none(self) -> None:
        assert field((*NATIVE, "metadata", "pricing")).normal({"variants": []}) is None

    def test_a_model_id_of_the_configuration_is_not_expected_back(self) -> None:
        item = field((*NATIVE, "configuration", "model_id"))
        assert not any(point.read for point in item.points)

    @pytest.mark.parametrize("position", [{}, {"position": 0}])
    def test_the_first_position_may_be_dropped_on_read(self, position: dict[str, int]) -> None:
        item = field((*NATIVE, "parameters", "x", "position"))
        assert item.read({"parameters": {"x": position}}) == item.normal(0)

    @pytest.mark.parametrize("wire", ["1e999999999", Decimal("1e300"), 10**300, "NaN"])
    def test_a_live_number_beyond_all_reason_is_unreadable(self, wire: Any) -> None:
        for key in ("context_window", "reasoning_cost", "cost_per_image"):
            item = field((*NATIVE, "metadata", key))
            assert item.read({"metadata": {key: wire}}) != item.normal(1)

    def test_texts_of_numbers_read_as_numbers_in_sets_too(self) -> None:
        item = field((*NATIVE, "metadata", "supported_video_durations"))
        assert item.read({"metadata": {"supported_video_durations": ["8", Decimal("5.0")]}}) == (5, 8)

    def test_canonical_text_of_json(self) -> None:
        assert Tree().normal({"b": Decimal("1.0"), "a": True}, native=True) == Json('{"a": true, "b": 1}')
