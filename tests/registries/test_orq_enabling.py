"""Which models of Orq are switched on: the vendor's own, and those of ours after their other calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from house import KEY, House, brisk, endpoint_spec, manifest, one, result, run
from orq_server import live_builtin, live_model, live_openai_like, orq, resets, says
from tenacity import wait_none

from reconciler.executor import timing
from reconciler.outcome import Outcome, apply_exit_code
from reconciler.plan import Plan
from reconciler.registries import talk
from reconciler.report.text import plan_text

ENVIRONMENT = {"HOUSE_LLAMA_KEY": "sk-llama"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "_settings", brisk(0.4))
    monkeypatch.setattr("reconciler.http.repeating._AFTER_FAULT", wait_none())
    monkeypatch.setattr(timing, "PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, secrets=KEY)


def builtin(house: House, name: str = "openai/gpt-4o", **more: Any) -> House:
    """``house`` with one manifest of a model of the vendor's."""
    spec = {key: value for key, value in more.items() if key != "enabled"}
    native = {"builtin": name, "enabled": more.get("enabled", True)}
    house.manifests = [manifest("gpt", {**spec, "native": {"orq": native}})]
    return house


def applied(house: House, *live: Any, prepare: Any = lambda _: None) -> tuple[Any, Plan, Outcome]:
    async def scenario() -> tuple[Any, Plan, Outcome]:
        async with orq(*live) as server:
            house.urls = {"orq": server.url}
            prepare(server)
            plan, outcome = await house.apply(environment=ENVIRONMENT)
            return server, plan, outcome

    ran: tuple[Any, Plan, Outcome] = run(scenario())
    return ran


def writes(server: Any) -> list[tuple[str, str, Any]]:
    return [(each.method, each.path, each.data) for each in server.seen if each.method != "GET"]


def refused(plan: Plan, name: str = "gpt") -> list[str]:
    return [each.code for each in one(plan, name).refusals]


ENABLE = ("POST", "/v2/workspace-models", {"model_id": "openai/gpt-4o"})
DISABLE = ("DELETE", "/v2/workspace-models/openai%2Fgpt-4o", None)


class TestTheVendorsOwn:
    @pytest.mark.parametrize(("live", "wanted", "call"), [(False, True, ENABLE), (True, False, DISABLE)])
    def test_it_is_switched_by_one_call(
        self, house: House, live: bool, wanted: bool, call: tuple[str, str, Any]
    ) -> None:
        server, plan, outcome = applied(builtin(house, enabled=wanted), live_builtin(enabled=live))
        assert writes(server) == [call]
        assert server.stored("openai/gpt-4o")["enabled"] is wanted
        assert (result(outcome, "gpt").status, result(outcome, "gpt").remarks) == ("done", ())
        assert apply_exit_code(plan, outcome) == 0

    @pytest.mark.parametrize("state", [True, False])
    def test_it_is_left_as_it_is_where_it_is_so_already(self, house: House, state: bool) -> None:
        server, _, outcome = applied(builtin(house, enabled=state), live_builtin(enabled=state))
        assert (writes(server), result(outcome, "gpt").status) == ([], "unchanged")

    def test_the_plan_says_what_happens_and_for_whom(self, house: House) -> None:
        plan = builtin(house).plan([live_builtin(), live_builtin(id="x", refId="x")])
        text = plan_text(plan)
        assert "~ gpt  (id openai/gpt-4o)" in text
        assert "native.orq.enabled: false -> true\n        for all projects of the workspace" in text
        assert "left alone: 1 built-in model" in text

    def test_it_is_known_by_its_id_before_any_ref_id(self, house: House) -> None:
        live = [live_builtin(id="m-1", refId="openai/gpt-4o"), live_builtin(refId="other")]
        assert one(builtin(house).plan(live), "gpt").id == "openai/gpt-4o"

    def test_else_by_the_one_ref_id(self, house: House) -> None:
        server, _, outcome = applied(builtin(house), live_builtin(id="m-1"))
        assert writes(server) == [("POST", "/v2/workspace-models", {"model_id": "m-1"})]
        assert result(outcome, "gpt").status == "done"

    def test_two_of_one_ref_id_are_ambiguous(self, house: House) -> None:
        live = [live_builtin(id="m-1"), live_builtin(id="m-2")]
        [refusal] = one(builtin(house).plan(live), "gpt").refusals
        assert refusal.code == "ambiguous"
        assert refusal.fix == "pin the one that 'gpt' means with native.orq.builtin"
        assert "m-1" in refusal.message
        assert "m-2" in refusal.message

    def test_two_manifests_for_one_are_both_refused(self, house: House) -> None:
        house.manifests = [
            manifest(name, {"native": {"orq": {"builtin": called, "enabled": True}}})
            for name, called in (("one", "m-1"), ("two", "openai/gpt-4o"))
        ]
        plan = house.plan([live_builtin(id="m-1")])
        assert [refused(plan, name) for name in ("one", "two")] == [["ambiguous"], ["ambiguous"]]

    @pytest.mark.parametrize("enabled", [True, False])
    def test_one_that_is_not_there_is_refused_and_never_made(self, house: House, enabled: bool) -> None:
        server, plan, _ = applied(builtin(house, "openai/gpt-9", enabled=enabled), live_builtin())
        assert (refused(plan), writes(server)) == (["pin-missing"], [])

    def test_a_model_of_ours_is_none_of_the_vendors(self, house: House) -> None:
        assert refused(builtin(house, "support-mini").plan([live_model()])) == ["not-built-in"]

    @pytest.mark.parametrize(
        "beside",
        [
            {"display_name": "Mine"},
            {"pricing": {"unit": "1M tokens", "currency": "USD", "input": 1}},
            {"capabilities": {"tools": True}},
            {"endpoint": endpoint_spec()["endpoint"]},
        ],
    )
    def test_nothing_portable_stands_beside_it(self, house: House, beside: dict[str, Any]) -> None:
        server, plan, _ = applied(builtin(house, **beside), live_builtin())
        assert set(refused(plan)) == {"cannot-express"}
        assert writes(server) == []

    @pytest.mark.parametrize("key", ["id", "metadata"])
    def test_nothing_else_native_stands_beside_it(self, house: House, key: str) -> None:
        native = {"builtin": "openai/gpt-4o", key: {"is_private": True} if key == "metadata" else "a"}
        house.manifests = [manifest("gpt", {"native": {"orq": native}})]
        [problem] = house.problems()
        assert problem.code == "unknown-field"
        assert problem.hint is not None
        assert problem.hint.endswith("this is a built-in model, by `native.orq.builtin`")

    @pytest.mark.parametrize("value", [None, "yes", 1])
    def test_it_is_on_or_off_and_nothing_else(self, house: House, value: Any) -> None:
        [problem] = builtin(house, enabled=value).problems()
        assert problem.code == "native-value"


class TestAnswers:
    def test_404_where_it_was_off_already_is_success(self, house: House) -> None:
        """Somebody else switched it off between the list and the call."""

        async def off_already(exchange: Any) -> None:
            exchange.server.stored("openai/gpt-4o")["enabled"] = False
            await exchange.honest()

        server, _, outcome = applied(
            builtin(house, enabled=False),
            live_builtin(enabled=True),
            prepare=lambda server: server.fails("DELETE", off_already),
        )
        got = result(outcome, "gpt")
        assert (got.status, len(writes(server))) == ("done", 1)
        assert got.remarks[0].startswith("it was so already (")

    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_404_where_it_did_not_happen_is_a_failure(self, house: House, method: str) -> None:
        enabling = method == "POST"
        _, _, outcome = applied(
            builtin(house, enabled=enabling),
            live_builtin(enabled=not enabling),
            prepare=lambda server: server.fails(method, says(404, {"error": "Model not found"})),
        )
        assert result(outcome, "gpt").status == "failed"

    @pytest.mark.parametrize("happened", [True, False])
    def test_a_lost_answer_is_looked_up(self, house: House, happened: bool) -> None:
        server, _, outcome = applied(
            builtin(house),
            live_builtin(),
            prepare=lambda server: server.fails("POST", resets(commit=happened)),
        )
        assert result(outcome, "gpt").status == "done"
        assert server.count("POST") == (1 if happened else 2)


class TestOurs:
    @pytest.mark.parametrize("like", ["generic", "openai-like"])
    def test_a_create_is_followed_by_the_switch_where_it_is_not_so_already(
        self, house: House, like: str
    ) -> None:
        native = {"native": {"orq": {"enabled": False}}}
        house.manifests = [
            manifest("new", endpoint_spec(**native)) if like != "generic" else manifest("new", **native)
        ]
        server, plan, outcome = applied(house)
        made = server.documents[0]["id"]
        assert [each[:2] for each in writes(server)][1:] == [("DELETE", f"/v2/workspace-models/{made}")]
        assert "enabled" not in writes(server)[0][2]
        assert (result(outcome, "new").status, server.documents[0]["enabled"]) == ("done", False)
        assert [request.call for request in one(plan, "new").requests] == ["create", "disable"]
        assert "native.orq.enabled: false\n        for all projects of the workspace" in plan_text(plan)

    def test_a_create_that_comes_enabled_needs_no_second_call(self, house: House) -> None:
        house.manifests = [manifest("new", native={"orq": {"enabled": True}})]
        server, _, outcome = applied(house)
        assert (server.writes, result(outcome, "new").status) == (1, "done")

    def test_an_update_of_both_sends_both_in_order(self, house: House) -> None:
        native = {"orq": {"enabled": False}}
        house.manifests = [manifest("llama", endpoint_spec(display_name="New", native=native))]
        live = live_openai_like()
        server, plan, outcome = applied(house, live)
        assert [each[:2] for each in writes(server)] == [
            ("PATCH", f"/v2/models/openai-like/{live['id']}"),
            ("DELETE", f"/v2/workspace-models/{live['id']}"),
        ]
        assert "enabled" not in writes(server)[0][2]
        assert result(outcome, "llama").status == "done"
        assert "native.orq.enabled: true -> false" in plan_text(plan)

    def test_the_switch_alone_is_one_call(self, house: House) -> None:
        house.manifests = [manifest(native={"orq": {"enabled": False}})]
        server, _, outcome = applied(house, live_model())
        assert writes(server) == [("DELETE", "/v2/workspace-models/support-mini", None)]
        assert result(outcome).status == "done"

    @pytest.mark.parametrize("live", [[], [live_model()]])
    def test_what_is_left_of_an_action_whose_second_call_fails_is_planned_again(
        self, house: House, live: list[Any]
    ) -> None:
        house.manifests = [manifest(display_name="New", native={"orq": {"enabled": False}})]
        server, plan, outcome = applied(
            house, *live, prepare=lambda server: server.fails("DELETE", says(400, {"error": "no"}))
        )
        got = result(outcome)
        assert got.status == "unproven"
        assert (got.reason or "").startswith("done in part: ")
        assert apply_exit_code(plan, outcome) == 4
        assert server.stored("support-mini")["display_name"] == "New"
        [left] = house.plan([server.read(each) for each in server.documents]).actions()
        assert [change.path for change in left.changes] == ["native.orq.enabled"]
