"""Pages of deployments, newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.embedded.seed import seed

from .client import Client, ok, refusal


@pytest.fixture
def registry(registry: Client, database: Path) -> Client:
    """With deployments d0 to d24, d24 the newest."""
    deployments = [
        {"id": f"d{number}", "key": f"key-{number}", "model": "openai/gpt-4o", "provider": "openai"}
        for number in range(25)
    ]
    seed(database, {"orq": {"deployments": deployments}})
    return registry


def page(registry: Client, **parameters: Any) -> tuple[list[str], bool]:
    body = ok(registry.send("GET", "/v2/deployments", params=parameters))
    assert list(body) == ["object", "data", "has_more"]
    assert body["object"] == "list"
    return [item["id"] for item in body["data"]], body["has_more"]


def ids(first: int, last: int) -> list[str]:
    return [f"d{number}" for number in range(first, last - 1, -1)]


def test_a_page_has_ten_and_starts_with_the_newest(registry: Client) -> None:
    assert page(registry) == (ids(24, 15), True)


@pytest.mark.parametrize(
    ("limit", "last", "more"), [(1, 24, True), (24, 1, True), (25, 0, False), (50, 0, False)]
)
def test_the_limit_is_the_size_of_the_page(registry: Client, limit: int, last: int, more: bool) -> None:
    assert page(registry, limit=limit) == (ids(24, last), more)


def test_following_the_cursor_shows_everything_once(registry: Client) -> None:
    seen: list[str] = []
    more = True
    while more:
        cursor = {"starting_after": seen[-1]} if seen else {}
        found, more = page(registry, limit=7, **cursor)
        seen += found
    assert seen == ids(24, 0)


def test_the_page_after_the_last_is_empty(registry: Client) -> None:
    assert page(registry, starting_after="d0") == ([], False)


def test_the_cursor_goes_backwards_too(registry: Client) -> None:
    assert page(registry, ending_before="d10", limit=5) == (ids(15, 11), True)
    assert page(registry, ending_before="d20", limit=5) == (ids(24, 21), False)


@pytest.mark.parametrize("limit", ["0", "51", "-1", "ten", "", "1.5", "²", "9" * 30])
def test_a_limit_outside_1_to_50_is_refused(registry: Client, limit: str) -> None:
    message = refusal(registry.send("GET", "/v2/deployments", params={"limit": limit}))
    assert message == "limit: must be an integer from 1 to 50"


@pytest.mark.parametrize(
    "cursor",
    [{"starting_after": "x"}, {"ending_before": "x"}, {"starting_after": "d1", "ending_before": "d2"}],
)
def test_a_cursor_that_leads_nowhere_is_refused(registry: Client, cursor: dict[str, str]) -> None:
    refusal(registry.send("GET", "/v2/deployments", params=cursor))


def test_a_deployment_has_the_keys_of_the_reference(registry: Client, database: Path) -> None:
    entry = {"key": "answers", "model": "embedded@openai/m", "provider": "openai", "created": "2099-01-01"}
    seed(database, {"orq": {"deployments": [{**entry, "messages": [{"role": "user", "content": "Hi"}]}]}})
    newest = ok(registry.send("GET", "/v2/deployments", params={"limit": 1}))["data"][0]
    assert sorted(newest) == ["created", "description", "id", "key", "prompt_config", "updated", "version"]
    assert newest["prompt_config"] == {
        "messages": [{"role": "user", "content": "Hi"}],
        "model": "embedded@openai/m",
        "model_parameters": {},
        "model_type": "chat",
        "provider": "openai",
        "tools": [],
    }


def test_a_registry_without_deployments_has_an_empty_page(open_registry: Any, tmp_path: Path) -> None:
    assert page(open_registry(tmp_path / "empty.db")) == ([], False)
