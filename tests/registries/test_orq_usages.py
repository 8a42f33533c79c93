"""Who uses a model of Orq: the pages of deployments, the names that they may call a model by, the plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from house import House, brisk, manifest, one, run
from orq_server import Exchange, OrqServer, deployment, live_model, live_openai_like, orq, says
from tenacity import wait_none

from reconciler.errors import RegistryError, Unauthorised, UnexpectedAnswer
from reconciler.registries import talk
from reconciler.registries.interface import Connection, Usages
from reconciler.registries.orq import client
from reconciler.report.text import plan_text

Prepare = Callable[[OrqServer], None]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "_settings", brisk())
    monkeypatch.setattr("reconciler.http.repeating._AFTER_FAULT", wait_none())


def read(prepare: Prepare) -> tuple[OrqServer, Usages]:
    async def scenario() -> tuple[OrqServer, Usages]:
        async with orq() as server:
            prepare(server)
            async with client.reader(Connection("orq", server.url, None, 600_000, 2)) as reader:
                return server, await reader.usages()

    found: tuple[OrqServer, Usages] = run(scenario())
    return found


def many(count: int) -> list[dict[str, Any]]:
    return [deployment(f"app-{number:03}", "openai/gpt-4o") for number in range(count)]


def holds(deployments: list[dict[str, Any]]) -> Prepare:
    def prepare(server: OrqServer) -> None:
        server.deployments = deployments

    return prepare


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (50, 1), (51, 2), (120, 3)])
def test_every_page_is_read_fifty_at_a_time(count: int, pages: int) -> None:
    server, usages = read(holds(many(count)))
    assert usages.noun == "deployment"
    assert usages.by_name.get("openai/gpt-4o", ()) == tuple(f"app-{number:03}" for number in range(count))
    assert [exchange.query["limit"] for exchange in server.seen] == ["50"] * pages
    cursors = [exchange.query.get("starting_after") for exchange in server.seen]
    assert cursors == [None, "d-app-049", "d-app-099"][:pages]


def test_what_is_made_while_the_pages_are_read_moves_nothing() -> None:
    """The newest come first, so that each page would shift by one: the cursor is an object, not a number."""

    async def then_one_more(exchange: Exchange) -> None:
        await exchange.honest()
        number = len(exchange.server.seen)
        exchange.server.deployments.insert(0, deployment(f"new-{number}", "openai/gpt-4o"))

    def prepare(server: OrqServer) -> None:
        server.deployments = many(120)
        server.always["GET"] = then_one_more

    _, usages = read(prepare)
    assert usages.by_name["openai/gpt-4o"] == tuple(f"app-{number:03}" for number in range(120))


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        ({"data": many(2), "has_more": True}, 2),
        ({"data": [], "has_more": True}, 1),
        ({"data": many(2), "has_more": False}, 1),
        ({"data": many(2)}, 1),
    ],
    ids=["the same page again and again", "an empty page", "no more", "nothing said"],
)
def test_reading_ends(page: dict[str, Any], asked: int) -> None:
    server, usages = read(lambda server: server.always.update(GET=says(200, page)))
    assert len(server.seen) == asked
    assert len(usages.by_name.get("openai/gpt-4o", ())) == len(page["data"])


@pytest.mark.parametrize(
    "answer",
    [[], {}, {"data": None}, {"data": {"a": 1}}, {"data": ["x"]}, {"data": [{"key": "no-id"}]}, "text"],
)
def test_a_shape_that_we_do_not_know_is_refused(answer: Any) -> None:
    with pytest.raises(UnexpectedAnswer, match="not a page of deployments") as caught:
        read(lambda server: server.always.update(GET=says(200, answer)))
    assert caught.value.request == "GET /v2/deployments"


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_without_that_right_is_an_error_of_its_own(status: int) -> None:
    with pytest.raises(Unauthorised):
        read(lambda server: server.always.update(GET=says(status, {"error": "no"})))


def test_the_documented_500_is_an_error_after_a_few_tries() -> None:
    with pytest.raises(RegistryError):
        read(lambda server: server.always.update(GET=says(500, {"code": "x", "message": "y"})))


def test_a_deployment_without_a_key_is_known_by_its_id_and_one_without_a_model_uses_none() -> None:
    strange: list[dict[str, Any]] = [{"id": "d-1"}, {"id": "d-2", "prompt_config": None}]
    nameless = {**deployment("x", "m", "p"), "key": None}
    _, usages = read(holds([*strange, nameless]))
    assert usages.by_name == {"m": ("d-x",), "p/m": ("d-x",)}


# ---- the plan


def told(house: House, live: Any, deployments: list[dict[str, Any]], **options: Any) -> tuple[str, ...]:
    """Who uses the one model that a manifest changes, by the plan."""
    _, usages = read(holds(deployments))
    plan = house.plan([live], usages={"orq": usages}, **options)
    return one(plan).used_by


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, manifests=[manifest(display_name="New")])


@pytest.mark.parametrize(
    ("model", "provider", "means"),
    [
        ("support-mini", "azure", True),
        ("azure/gpt-4o-mini", "azure", True),
        ("acme@azure/gpt-4o-mini", "azure", True),
        ("gpt-4o-mini", "azure", True),
        ("gpt-4o-mini", "openai", False),
        ("openai/gpt-4o-mini", "openai", False),
        ("gpt-4o", "azure", False),
    ],
)
def test_a_deployment_may_call_a_model_by_each_of_its_names(
    house: House, model: str, provider: str, means: bool
) -> None:
    assert told(house, live_model(), [deployment("bot", model, provider)]) == (("bot",) if means else ())


def test_each_user_is_told_once_and_in_order(house: House) -> None:
    users = [deployment("b", "support-mini"), deployment("a", "gpt-4o-mini", "azure")]
    assert told(house, live_model(), [*users, deployment("b", "azure/gpt-4o-mini", "azure")]) == ("a", "b")


def test_a_model_behind_an_endpoint_is_called_by_its_reference(tmp_path: Path) -> None:
    live = live_openai_like()
    native = {"orq": {"id": live["id"], "description": "x"}}
    house = House(tmp_path, manifests=[manifest(_spec={"native": native})])
    assert told(house, live, [deployment("bot", "acme@openailike/llama-3.3-70b")]) == ("bot",)


@pytest.mark.parametrize("everything", [True, False])
def test_users_of_what_does_not_change_are_told_on_request(tmp_path: Path, everything: bool) -> None:
    house = House(tmp_path, manifests=[manifest()])
    users = told(house, live_model(), [deployment("bot", "support-mini")], all_usages=everything)
    assert users == (("bot",) if everything else ())


def test_the_users_of_a_refused_model_are_told(house: House) -> None:
    house.manifests = [manifest(model="another", native={"orq": {"id": "support-mini"}})]
    assert told(house, live_model(), [deployment("bot", "support-mini")]) == ("bot",)


def test_the_text_counts_them_and_names_some_harmlessly(house: House) -> None:
    _, usages = read(holds([deployment(f"bot-{n}\x1b[2J", "support-mini") for n in range(10)]))
    text = plan_text(house.plan([live_model()], usages={"orq": usages}))
    [line] = [line for line in text.splitlines() if "used by" in line]
    assert line.startswith("      used by at least 10 deployments: bot-0\\x1b[2J, bot-1")
    assert line.endswith("bot-7\\x1b[2J and 2 more")


def test_one_user_is_one(house: House) -> None:
    _, usages = read(holds([deployment("bot", "support-mini")]))
    assert "used by at least 1 deployment: bot\n" in plan_text(
        house.plan([live_model()], usages={"orq": usages})
    )


def test_a_warning_stands_with_its_registry_and_stops_nothing(house: House) -> None:
    usages = Usages(warning="it is not known who uses the models: no\x1b")
    plan = house.plan([live_model()], usages={"orq": usages})
    assert one(plan).operation == "update"
    assert plan.registries[0].warnings == (usages.warning,)
    assert "  warning: it is not known who uses the models: no\\x1b" in plan_text(plan)
