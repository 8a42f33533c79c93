"""What a table composes and proves, on Orq's generic models."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reconciler.registries.orq.fields import GENERIC
from reconciler.registries.rows import Edit, Field, Path

ZDR = Edit(("metadata", "supports_zdr"), value=True)


def field(*path: str) -> Field:
    found = GENERIC.find(path)
    assert found is not None
    return found


def metadata_of(raw: dict[str, Any], *edits: Edit) -> Any:
    return GENERIC.body(GENERIC.update, edits, raw)["metadata"]


def test_a_derived_price_follows_the_price_that_is_sent_with_it() -> None:
    raw = {"input_cost": Decimal("0.1"), "metadata": {"million_tokens_input_cost": 100}}
    sent = metadata_of(raw, ZDR, Edit(("input_cost",), Decimal("0.00015")))
    assert sent["million_tokens_input_cost"] == Decimal("0.15")


@pytest.mark.parametrize("price", [None, "odd"])
def test_a_derived_price_without_a_price_to_compute_it_from_is_carried_through(price: Any) -> None:
    raw = {"input_cost": price, "metadata": {"million_tokens_input_cost": Decimal("0.15"), "new_key": 1}}
    assert metadata_of(raw, ZDR) == {
        "million_tokens_input_cost": Decimal("0.15"),
        "new_key": 1,
        "supports_zdr": True,
        "is_private": False,
    }


def test_an_item_without_a_name_goes_back_as_it_came() -> None:
    odd = [
        {"id": "1", "parameter": None, "name": "x"},
        "text",
        {"id": "2", "parameter": "t", "is_active": True},
    ]
    raw = GENERIC.unwrapped({"parameters": odd})
    body = GENERIC.body(GENERIC.update, [Edit(("parameters", "t", "name"), "T")], raw)
    assert body["parameters"] == [
        {"id": "1", "name": "x"},
        "text",
        {"parameter": "t", "id": "2", "name": "T"},
    ]


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (("limits", "context_window"), []),
        (("pricing", "cache_read"), []),
        (("capabilities", "vision"), []),
        (
            ("capabilities", "tools"),
            [(("has_functions",), False), (("metadata", "supports_tool_calling"), False)],
        ),
    ],
)
def test_null_is_left_out_of_a_create_unless_the_create_demands_the_field(
    path: Path, sent: list[tuple[Path, Any]]
) -> None:
    created = GENERIC.create_edits({path: (field(*path), None)}, "m")
    first = {point.path for point in field(*path).points}
    assert [(edit.path, edit.value) for edit in created.edits if edit.path in first] == sent


def test_zero_is_a_price_and_is_sent() -> None:
    item = field("pricing", "cache_read")
    zero = item.normal(Decimal(0)) if item.native else item.row.absent
    created = GENERIC.create_edits({item.path: (item, zero)}, "m")
    assert Edit(("metadata", "million_tokens_cache_read_cost"), 0) in created.edits


def test_null_takes_a_key_out_of_a_container_that_is_replaced() -> None:
    raw = {"metadata": {"context_window": 8192, "new_key": 1}}
    [edit] = GENERIC.update_edits(field("limits", "context_window"), None, raw)
    assert metadata_of(raw, edit) == {"new_key": 1, "is_private": False}
    assert GENERIC.holds(edit, {"metadata": {}}) is True
    assert GENERIC.holds(edit, raw) is False


def test_only_derived_keys_whose_price_changes_are_expected_to_move() -> None:
    assert GENERIC.derived_paths([ZDR]) == frozenset()
    assert GENERIC.derived_paths([Edit(("input_cost",), 1)]) == {("metadata", "million_tokens_input_cost")}


def test_every_name_of_what_stands_at_a_wire_path() -> None:
    def names(*wire: str) -> list[str]:
        return [".".join(item.path) for item in GENERIC.named_at(wire)]

    assert names("model_type") == ["type", "native.orq.model_type"]
    assert names("metadata", "million_tokens_input_cost") == [
        "pricing.input",
        "native.orq.input_cost",
        "native.orq.metadata.million_tokens_input_cost",
    ]
    assert names("parameters", "top_p", "config", "a", "b") == ["native.orq.parameters.top_p.config.a.b"]
    assert names("configuration", "base_url") == ["native.orq.configuration.base_url"], (
        "not the free part too"
    )
    assert names("configuration", "odd") == ["native.orq.configuration.odd"]
    assert names("brand_new") == []


def test_the_paths_below_which_keys_are_free() -> None:
    raw = {
        "parameters": {
            "p": {"name": "P", "config": {"a": {"b": 1, "c": {}}, "d": [1]}, "id": "1"},
            "q": "odd",
        },
        "configuration": {"odd": 1},
    }
    assert set(GENERIC.keyed_paths(raw)) == {
        ("parameters", "p"),
        ("parameters", "q"),
        ("parameters", "p", "name"),
        ("parameters", "p", "config"),
        ("parameters", "p", "config", "a", "b"),
        ("parameters", "p", "config", "a", "c"),
        ("parameters", "p", "config", "d"),
    }
    assert list(GENERIC.keyed_paths({"parameters": [1], "metadata": None})) == []
