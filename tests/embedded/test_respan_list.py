"""Respan's list of models: three calls, pages, filters, order."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.embedded.respan import query

from .client import Client
from .test_respan_models import PATH, created

VENDORS = ["gpt-4", "gpt-4o", "openai/gpt-4o-mini", "claude-sonnet-4-5"]
OWN = ["m0", "m1", "m2"]


@pytest.fixture
def registry(registry: Client) -> Client:
    for number, name in enumerate(OWN):
        created(registry, name, base_model_name="gpt-4o", input_cost=number + 1)
    return registry


def names(models: list[dict[str, Any]]) -> list[str]:
    return [model["model_name"] for model in models]


def page(registry: Client, filters: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    body = {"filters": filters} if filters else {}
    answer = registry.call("POST", f"{PATH}list/", body, params=parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert list(found) == ["count", "next", "previous", "current_filters", "results"]
    assert found["count"] == len(found["results"])
    return found


def refusal(registry: Client, filters: dict[str, Any] | None = None, **parameters: Any) -> tuple[int, Any]:
    answer = registry.call("POST", f"{PATH}list/", {"filters": filters or {}}, params=parameters)
    return answer.status_code, answer.json()


def test_all_three_lists_show_everything(registry: Client) -> None:
    by_post = page(registry)
    assert names(by_post["results"]) == [*VENDORS, *OWN]
    assert (by_post["next"], by_post["previous"]) == (None, None)
    assert registry.send("GET", f"{PATH}list/").json() == by_post
    assert registry.send("GET", f"{PATH}?all=true").json() == by_post["results"]


def test_the_count_is_of_the_page_and_next_leads_through_all(registry: Client) -> None:
    found = page(registry, page=1, page_size=3)
    assert found["count"] == 3
    seen = names(found["results"])
    while found["next"]:
        assert found["next"].startswith("http://registry/api/models/list/?")
        found = registry.call("POST", found["next"], {}).json()
        assert found["previous"]
        seen += names(found["results"])
    assert seen == [*VENDORS, *OWN]
    assert found["count"] == 1


@pytest.mark.parametrize("number", ["0", "4", "x", "-1", "9" * 30])
def test_a_page_that_is_not_there_is_404(registry: Client, number: str) -> None:
    assert refusal(registry, page=number, page_size=3) == (404, {"detail": "Not found."})


@pytest.mark.parametrize("size", ["0", "x", "-1"])
def test_a_size_that_is_no_number_is_the_default(registry: Client, size: str) -> None:
    assert page(registry, page_size=size)["count"] == 7


def test_a_size_that_is_too_large_is_the_largest(registry: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "LARGEST_PAGE", 2)
    assert page(registry, page_size=1000)["count"] == 2


def test_the_oldest_list_has_pages_unless_it_is_asked_for_all(
    registry: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "DEFAULT_PAGE", 2)
    assert names(registry.send("GET", PATH).json()) == VENDORS[:2]
    assert len(registry.send("GET", f"{PATH}?all=true").json()) == 7


class TestFilters:
    def test_ones_own_models(self, registry: Client) -> None:
        filters = {"affiliation_category": {"operator": "", "value": ["custom"]}}
        found = page(registry, filters)
        assert names(found["results"]) == OWN
        assert found["current_filters"] == filters

    @pytest.mark.parametrize(
        ("field", "operator", "value", "expected"),
        [
            ("model_name", "", ["m1", "gpt-4"], ["gpt-4", "m1"]),
            ("model_name", "in", ["m1"], ["m1"]),
            ("model_name", "not", ["m1", *VENDORS], ["m0", "m2"]),
            ("model_name", "not_in", ["m1", *VENDORS], ["m0", "m2"]),
            ("model_name", "contains", ["gpt"], VENDORS[:3]),
            ("model_name", "not_contains", ["gpt", "m"], ["claude-sonnet-4-5"]),
            ("model_name", "icontains", ["GPT"], VENDORS[:3]),
            ("model_name", "startswith", ["m"], OWN),
            ("model_name", "endswith", ["mini"], ["openai/gpt-4o-mini"]),
            ("input_cost", "lt", [1], ["openai/gpt-4o-mini"]),
            ("input_cost", "lte", [1], ["openai/gpt-4o-mini", "m0"]),
            ("input_cost", "gt", [2.5], ["gpt-4", "claude-sonnet-4-5", "m2"]),
            ("input_cost", "gte", [30], ["gpt-4"]),
            ("input_cost", "gt", ["text"], []),
            ("base_model_name", "empty", [], VENDORS),
            ("base_model_name", "not_empty", [], OWN),
        ],
    )
    def test_operators(
        self, registry: Client, field: str, operator: str, value: list[Any], expected: list[str]
    ) -> None:
        found = page(registry, {field: {"operator": operator, "value": value}})
        assert names(found["results"]) == expected

    def test_several_must_all_hold(self, registry: Client) -> None:
        filters = {
            "model_name": {"operator": "startswith", "value": ["m"]},
            "input_cost": {"operator": "gt", "value": [1]},
        }
        assert names(page(registry, filters)["results"]) == ["m1", "m2"]

    @pytest.mark.parametrize(
        ("filters", "status"),
        [
            ({"colour": {"operator": "", "value": []}}, 400),
            ({"model_name": {"operator": "like", "value": []}}, 400),
            ({"input_cost": {"operator": "lt", "value": []}}, 400),
            ({"model_name": {"operator": "", "value": "m0"}}, 422),
            ({"model_name": {"operator": ""}}, 422),
            ({"model_name": 1}, 422),
        ],
    )
    def test_what_is_not_supported_is_refused(
        self, registry: Client, filters: dict[str, Any], status: int
    ) -> None:
        assert refusal(registry, filters)[0] == status


class TestOrder:
    def test_upwards_and_downwards(self, registry: Client) -> None:
        assert names(page(registry, sort_by="input_cost")["results"])[0] == "openai/gpt-4o-mini"
        assert names(page(registry, sort_by="-input_cost")["results"])[0] == "gpt-4"
        assert names(registry.send("GET", f"{PATH}?all=true&sort_by=-model_name").json())[0] == VENDORS[2]

    def test_what_has_no_value_is_last_in_both(self, registry: Client) -> None:
        for direction in ("", "-"):
            found = page(registry, sort_by=f"{direction}base_model_name")["results"]
            assert names(found)[3:] == VENDORS

    def test_an_unknown_field_is_refused(self, registry: Client) -> None:
        assert refusal(registry, sort_by="colour")[0] == 400
