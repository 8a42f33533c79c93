"""Ids, names and values of a registry: one segment of a path, one line of text, valid JSON, or refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import pytest

from reconciler.report.safe import LONGEST

from .conftest import KINDS, House, Kind, _pages
from .server import Asked, says

ESCAPES = "a\x1b]0;owned\x07\r\nb\u202e\x9b31m\u2028\x00\ud800"
ORQ, RESPAN, WATSONX = KINDS
PATHS = (
    "../../x",
    "a/../b",
    "/",
    "//a",
    "a?b#c",
    "%2e%2e",
    "a%2Fb",
    "\\..\\..",
    ";x",
    "{id}",
    "http://a/",
    "ü ",
)
"""Ids that could lead elsewhere."""
NO_PATHS = (".", "..", "", "\ud800")
"""Ids that no encoding keeps from leading elsewhere, or that cannot be encoded."""


def changed(house: House, identity: str) -> list[Asked]:
    """What a registry that makes its ids gets when an update is applied to a model with this one."""
    house.folder.models(WATSONX.manifest())
    live = {**WATSONX.model, "id": identity, "name": "virtual-model/ollama/llama3"}
    server = house.servers["watsonx"]
    server.acts = {WATSONX.lists: says([live])}
    server.otherwise = lambda _asked: says(live)
    house.run("apply", "--yes")
    return [asked for asked in server.asked if asked.method != "GET"]


@pytest.mark.parametrize("identity", PATHS)
def test_an_id_is_one_segment_of_the_path(house: House, identity: str) -> None:
    sent = changed(house, identity)
    assert sent
    for asked in sent:
        top, segment = asked.target.rsplit("/", 1)
        assert (asked.method, top, unquote(segment)) == ("PUT", "/models", identity)


@pytest.mark.parametrize("identity", NO_PATHS)
def test_an_id_that_cannot_be_one_segment_is_never_sent(house: House, identity: str) -> None:
    assert changed(house, identity) == []


@pytest.mark.parametrize("name", ["../x", "a//b", "a/./b", "..", "/"])
def test_a_name_with_slashes_keeps_to_its_place(house: House, name: str) -> None:
    """Respan takes slashes in names as they are."""
    spec = f"  display_name: House\n  native: {{respan: {{base_model_name: gpt-4o, model_name: '{name}'}}}}\n"
    house.folder.models(RESPAN.manifest(spec))
    result = house.run("plan")
    assert result.code == 1
    assert "cannot stand in an address" in result.err
    assert house.servers["respan"].asked == []


def escaped(kind: Kind) -> Mapping[str, Any]:
    """A model with escapes in its key and every text."""
    texts = {key: ESCAPES for key, value in kind.model.items() if isinstance(value, str)}
    more = {"display_name": ESCAPES, "description": ESCAPES, ESCAPES: ESCAPES}
    kept = {"affiliation_category": "custom"} if kind is RESPAN else {}
    return {**kind.model, **texts, **more, **kept}


COMMANDS = (
    ("plan", "-v"),
    ("plan", "-o", "json"),
    ("apply", "--yes", "-v"),
    ("registries", "-v"),
    ("registries", "-o", "json"),
    ("import", "orq", "--stdout"),
    ("import", "respan", "--to", "out"),
    ("import", "watsonx", "-o", "json"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_terminal_obeys_a_registry(house: House, command: tuple[str, ...]) -> None:
    house.holds(escaped)
    for server in house.servers.values():
        server.otherwise = lambda _asked: says({"error": {"message": ESCAPES}, "detail": ESCAPES}, 400)
    result = house.run(*command)
    if "json" in command:
        json.loads(result.out.encode("utf-8", "strict"))
    assert "owned" in result.out + result.err or command[0] in {"registries", "import"}


def test_nor_what_uses_a_model(house: House) -> None:
    server = house.servers["orq"]
    uses = {"id": "d", "key": ESCAPES, "prompt_config": {"model": "house-orq", "provider": ESCAPES}}
    live = {**ORQ.model, "id": "house-orq"}
    server.honest = {ORQ.lists: [live], ("GET", "/v2/deployments"): {"data": [uses], "has_more": False}}
    assert r"a\x1b]0;owned" in house.run("plan", "--registry", "orq").out


def test_nor_a_manifest(house: House) -> None:
    text = json.dumps(ESCAPES.replace("\ud800", ""))
    for command in ("validate", "plan", "probe", "prices"):
        house.folder.models(ORQ.manifest(f"{ORQ.spec}  native: {{orq: {{{text}: {text}}}}}\n"))
        result = house.run(command, *(["check"] if command == "prices" else []))
        assert result.code == 1
        assert r"\x1b" in result.err


def test_a_name_of_a_million_characters_is_cut(house: House) -> None:
    house.holds(lambda kind: {**kind.model, kind.key: "x" * 200_000})
    result = house.run("plan")
    assert max(map(len, result.out.splitlines())) < 2 * LONGEST
    assert "x" * 200_000 in house.run("plan", "-o", "json").out


WRONG = (None, True, -1, "", [], [[]], [None, {}], {}, {"a": [1]}, 10**300, "../../x", ESCAPES)
FIELDS = {
    "orq": ("owner", "provider", "metadata", "configuration", "parameters", "input_cost", "updated", "refId"),
    "respan": ("affiliation_category", "provider", "base_model_name", "input_cost", "id", "created_at"),
    "watsonx": ("provider_config", "config", "tags", "model_type", "display_name", "connection_id"),
}


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_value_of_the_wrong_type_is_no_bug(house: House, number: int) -> None:
    """Each field of a model of its own."""

    def model(field: int) -> Any:
        return lambda kind: {
            **kind.model,
            kind.key: f"m{field}",
            FIELDS[kind.name][field % len(FIELDS[kind.name])]: WRONG[number],
        }

    house.holds(*map(model, range(8)))
    assert house.run("plan", "-v").code in {0, 1, 3}
    json.loads(house.run("plan", "-o", "json").out)


# ---- pages


def test_pages_without_an_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.registries.talk.MOST_PAGES", 5)
    count = iter(range(1000))
    respan, orq = house.servers["respan"], house.servers["orq"]
    respan.honest = {("GET", "/api/providers/"): _pages([])}
    respan.otherwise = lambda _asked: says(
        {"results": [{"model_name": f"m{next(count)}", "affiliation_category": []}], "next": "x", "count": 1}
    )
    orq.honest = {ORQ.lists: []}
    orq.otherwise = lambda _asked: says({"data": [{"id": f"d{next(count)}"}], "has_more": True})
    result = house.run("plan")
    assert result.code == 1
    assert "POST /api/models/list/: its list does not end in 5 pages" in result.out
    assert "GET /v2/deployments: its list does not end in 5 pages" in result.out  # who uses what is a help
    assert "orq  (orq" in result.out


def test_pages_that_are_too_much_together(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.registries.talk.MOST_BYTES", 100_000)
    count = iter(range(1000))
    server = house.servers["respan"]
    server.otherwise = lambda _asked: says(
        {"results": [{"provider_id": f"p{next(count)}", "x": "x" * 40_000}], "next": "x"}
    )
    server.honest = {}
    result = house.run("plan", "--registry", "respan")
    assert "GET /api/providers/: its list is larger than 100000 bytes" in result.out
    assert len(server.asked) == 3


def test_the_same_page_again(house: House) -> None:
    server = house.servers["respan"]
    server.honest = {("GET", "/api/providers/"): _pages([])}
    item = {"model_name": "m", "affiliation_category": {}}
    server.otherwise = lambda _asked: says({"results": [item], "next": "x", "count": 10**9})
    result = house.run("plan", "--registry", "respan")
    assert result.code == 1
    assert "answered page 2 with nothing but what is on the pages before it" in result.out
