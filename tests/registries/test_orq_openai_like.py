"""Orq's models behind an endpoint: the table against the page, and a real server of each kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path as File
from typing import Any

import pytest
from embedded.upstream import Upstream
from house import KEY, House, brisk, endpoint_spec, manifest, one, result, run
from orq_server import live_model, live_openai_like, orq, parameter, resets, says
from tenacity import wait_none

from reconciler.cli.loading import load
from reconciler.cli.run import Asked, read_and_plan
from reconciler.executor import Target, execute, timing
from reconciler.outcome import Outcome
from reconciler.plan import Action, Plan
from reconciler.planner import Selection
from reconciler.registries import talk
from reconciler.registries.codecs import Flag, Money, Number, Whole
from reconciler.registries.orq.kind import ORQ
from reconciler.registries.orq.openai_like import OPENAI_LIKE_TABLE as TABLE
from reconciler.report.text import outcome_text, plan_text
from reconciler.secrets import SecretStore

PAGE: dict[str, Any] = json.loads(
    (File(__file__).parent.parent / "data" / "orq_openai_like_keys.json").read_text(encoding="utf-8")
)
NEWER = {"cache_read_cost", "cache_write_cost"}
"""Of the vendor's later client; the page does not have them."""
ID = "019facd8-a87e-7664-885b-41cdc118e18b"
ENVIRONMENT = {"HOUSE_LLAMA_KEY": "sk-llama"}
NAME = "house-llama"
D = Decimal


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "_settings", brisk(0.4))
    monkeypatch.setattr("reconciler.http.repeating._AFTER_FAULT", wait_none())
    monkeypatch.setattr(timing, "PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def house(tmp_path: File) -> House:
    return declares(House(tmp_path, secrets=KEY))


def declares(house: House, name: str = NAME, **changes: Any) -> House:
    """``house`` with one manifest of a model behind an endpoint."""
    house.manifests = [manifest(name, endpoint_spec(**changes))]
    return house


def endpoint(**changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = endpoint_spec()["endpoint"]
    return {key: value for key, value in {**known, **changes}.items() if value is not None}


def applied(house: House, *live: Any, prepare: Any = lambda _: None) -> tuple[Any, Plan, Outcome]:
    """Plans and applies against a server with ``live``; what it held, the plan, the outcome."""

    async def scenario() -> tuple[Any, Plan, Outcome]:
        async with orq(*live) as server:
            house.urls = {"orq": server.url}
            prepare(server)
            plan, outcome = await house.apply(environment=ENVIRONMENT)
            return server, plan, outcome

    ran: tuple[Any, Plan, Outcome] = run(scenario())
    return ran


def done(house: House, *live: Any) -> dict[str, Any]:
    """The one body that an apply sent, which had no other effect, and left nothing to do."""
    server, plan, outcome = applied(house, *live)
    got = result(outcome, one_name(plan))
    assert (got.status, got.remarks) == ("done", ()), (got, [a.refusals for a in plan.actions()])
    assert [a.operation for a in house.plan([server.read(each) for each in server.documents]).actions()] == [
        "none"
    ]
    [body] = [exchange.data for exchange in server.seen if exchange.method in ("POST", "PATCH")]
    found: dict[str, Any] = body
    return found


def one_name(plan: Plan) -> str:
    [action] = plan.actions()
    return action.name


def refusals(plan: Plan, name: str = NAME) -> list[tuple[str, str, str | None]]:
    return [(each.code, each.message, each.fix) for each in one(plan, name).refusals]


def said(action: Action, path: str) -> str | None:
    [change] = [change for change in action.changes if change.path == path]
    return change.note


class TestThePage:
    def test_it_has_these_17_fields_and_each_is_sent_by_a_create(self) -> None:
        rows = [row for row in TABLE.rows if row.switch is None]
        created = {point.path[0] for row in rows for point in row.points if point.create}
        assert len(PAGE["request"]) == 17
        assert created == set(PAGE["request"]) | NEWER

    def test_an_update_takes_every_field_but_the_key(self) -> None:
        rows = [row for row in TABLE.rows if row.switch is None]
        updated = {point.path[0] for row in rows for point in row.points if point.update}
        assert updated == (set(PAGE["request"]) | NEWER) - {"api_key"}

    def test_what_it_demands_is_demanded(self) -> None:
        assert {row.points[0].path[0] for row in TABLE.rows if row.demanded} == set(PAGE["demanded"])

    def test_each_field_has_the_type_of_the_page(self) -> None:
        def kind(codec: Any) -> str:
            if isinstance(codec, Flag):
                return "boolean"
            return "number" if isinstance(codec, Money | Number | Whole) else "string"

        kinds = {
            point.path[0]: kind(row.codec)
            for row in TABLE.rows
            if row.switch is None
            for point in row.points
            if point.create and point.path[0] not in NEWER
        }
        assert kinds == PAGE["request"]

    def test_what_reads_back_is_in_the_answer(self) -> None:
        read = {
            TABLE.shown_at(point.path)[0] for row in TABLE.rows for point in row.points[:1] if not row.secret
        } - NEWER
        assert read <= set(PAGE["answer"])


EVERYTHING: dict[str, Any] = {
    "type": "chat",
    "description": "Ours",
    "limits": {"max_output_tokens": 4096},
    "pricing": {
        "unit": "1M tokens",
        "currency": "USD",
        "input": D("0.2"),
        "output": D("0.6"),
        "image": "0.04 / image",
    },
    "capabilities": {
        "tools": True,
        "vision": True,
        "strict_tools": True,
        "image_edit": True,
        "reasoning": True,
    },
    "native": {"orq": {"temperature": D("0.7")}},
}
SENT = {
    "api_key": "sk-llama",
    "base_url": "https://llm.example.com/v1",
    "display_name": "House Llama",
    "model_id": "llama-3.3-70b",
    "model_type": "chat",
    "region": "europe",
    "cost_per_image": D("0.04"),
    "description": "Ours",
    "has_reasoning": True,
    "input_cost": D("0.0002"),
    "max_tokens": 4096,
    "output_cost": D("0.0006"),
    "supports_image_edit": True,
    "supports_strict_tool": True,
    "supports_tool_calling": True,
    "supports_vision": True,
    "temperature": D("0.7"),
}


class TestCreate:
    def test_a_manifest_of_everything_sends_every_field(self, house: House) -> None:
        assert done(declares(house, **EVERYTHING)) == SENT
        assert set(SENT) == set(PAGE["request"])

    def test_the_same_in_orqs_own_words(self, house: House) -> None:
        native = {**SENT, "api_key": {"secret": "HOUSE_LLAMA_KEY"}}
        house.manifests = [manifest(NAME, {"native": {"orq": native}})]
        assert done(house) == SENT

    def test_the_least_that_a_create_demands(self, house: House) -> None:
        least = endpoint_spec(display_name=None, pricing=None, capabilities=None)
        house.manifests = [manifest(NAME, least)]
        body = done(house)
        assert set(body) == set(PAGE["demanded"])
        assert body["display_name"] == NAME

    def test_what_it_lacks_is_named(self, house: House) -> None:
        house.manifests = [manifest(NAME, {"native": {"orq": {"supports_vision": True}}})]
        [(code, message, _)] = refusals(house.plan())
        assert code == "incomplete"
        wanted = ("type", "model", "endpoint.base_url", "endpoint.region", "endpoint.api_key")
        assert all(path in message for path in wanted)

    def test_the_key_is_in_no_plan_and_no_outcome(self, house: House) -> None:
        server, plan, outcome = applied(house)
        assert server.bodies("POST")[0]["api_key"] == "sk-llama"
        assert "sk-llama" not in repr((plan, outcome, plan_text(plan, verbose=True)))

    def test_a_key_goes_to_the_hosts_of_its_list_only(self, house: House) -> None:
        declares(house, endpoint=endpoint(base_url="https://elsewhere.example.com/v1"))
        [problem] = house.problems()
        assert problem.code == "secret-host"

    @pytest.mark.parametrize("happened", [True, False])
    def test_a_lost_create_is_looked_up_and_never_sent_twice(self, house: House, happened: bool) -> None:
        server, _, outcome = applied(
            house, prepare=lambda server: server.fails("POST", resets(commit=happened))
        )
        got = result(outcome, NAME)
        assert server.count("POST") == 1
        assert len(server.documents) == int(happened)
        assert got.status == ("done" if happened else "unproven")
        if happened:
            assert got.id == server.documents[0]["id"]
        else:
            assert "it is not sent again, because the registry makes the id" in (got.reason or "")

    def test_prices_of_a_model_for_images_are_per_image_only(self, house: House) -> None:
        [(code, message, _), other] = refusals(declares(house, type="image").plan())
        assert code == other[0] == "cannot-express"
        assert message.startswith("pricing.input: an image model has no token prices here")

    def test_a_model_for_images_with_a_price_per_image(self, house: House) -> None:
        pricing = {"currency": "USD", "image": "0.04 / image"}
        body = done(declares(house, type="image", pricing=pricing))
        assert body["cost_per_image"] == D("0.04")
        assert "input_cost" not in body

    def test_a_type_that_the_server_does_not_take_is_refused(self, house: House) -> None:
        [(code, message, _)] = refusals(declares(house, type="rerank").plan())
        assert (code, message) == (
            "cannot-express",
            "type: must be one of chat, completion, embedding, image",
        )

    def test_the_plan_says_that_the_endpoint_is_probed(self, house: House) -> None:
        note = said(one(house.plan(), NAME), "endpoint.base_url")
        assert note == "the registry probes the endpoint, with the key, before it stores the model"


def test_a_stored_key_goes_to_no_host_that_no_list_has(house: House) -> None:
    unnamed = {"base_url": "https://new.example.com/v1", "region": "europe"}
    declares(house, endpoint=unnamed, native={"orq": {"id": ID}})
    [(code, message, fix)] = refusals(house.plan([live_openai_like()]))
    assert (code, message) == ("secret-host", "would send the stored key to new.example.com")
    assert fix.startswith("declare endpoint.api_key: a secret whose list of hosts")


def test_another_teams_model_is_not_taken_over_with_its_key(house: House) -> None:
    theirs = live_openai_like(configuration={"base_url": "https://team-b.internal/v1"})
    [(code, message, fix)] = refusals(declares(house, display_name="Ours").plan([theirs]))
    assert (code, message) == ("rename", f"looks like a rename of {ID} (House Llama) (same model_id)")
    assert f"write native.orq.id: {ID}" in fix


ALWAYS = {"display_name": "House Llama", "region": "europe", "model_type": "chat"}


class TestUpdate:
    @pytest.mark.parametrize(
        ("changes", "sent"),
        [
            ({"display_name": "New"}, {"display_name": "New"}),
            ({"type": "completion"}, {"model_type": "completion"}),
            ({"endpoint": endpoint(region="us")}, {"region": "us"}),
            ({"description": "Ours"}, {"description": "Ours"}),
            ({"capabilities": {"tools": False}}, {"supports_tool_calling": False}),
            ({"capabilities": {"vision": True}}, {"supports_vision": True}),
            ({"capabilities": {"strict_tools": True}}, {"supports_strict_tool": True}),
            ({"capabilities": {"image_edit": True}}, {"supports_image_edit": True}),
            ({"capabilities": {"reasoning": True}}, {"has_reasoning": True}),
            ({"limits": {"max_output_tokens": 4096}}, {"max_tokens": 4096}),
            ({"native": {"orq": {"temperature": D("0.7")}}}, {"temperature": D("0.7")}),
            ({"native": {"orq": {"cost_per_image": D("0.04")}}}, {"cost_per_image": D("0.04")}),
            ({"endpoint": endpoint(base_url="https://new.example.com/v1"), "native": {"orq": {"id": ID}}},
             {"base_url": "https://new.example.com/v1"}),
        ],
    )  # fmt: skip
    def test_it_sends_what_changes_and_what_every_update_holds(
        self, house: House, changes: dict[str, Any], sent: dict[str, Any]
    ) -> None:
        assert done(declares(house, **changes), live_openai_like()) == {**ALWAYS, **sent}

    def test_a_price_and_the_model_of_a_pinned_one(self, house: House) -> None:
        pricing = {"unit": "1M tokens", "currency": "USD", "input": D("0.15")}
        declares(house, model="llama-4", pricing=pricing, native={"orq": {"id": ID}})
        body = done(house, live_openai_like())
        assert body == {**ALWAYS, "model_id": "llama-4", "input_cost": D("0.00015")}

    def test_metadata_that_nobody_declares_stays(self, house: House) -> None:
        live = live_openai_like()
        live["metadata"]["supports_web_search"] = True
        server, _, outcome = applied(declares(house, display_name="New"), live)
        assert result(outcome, NAME).remarks == ()
        assert server.stored(ID)["metadata"]["supports_web_search"] is True

    def test_what_the_server_would_forget_goes_along(self, house: House) -> None:
        live = live_openai_like(
            parameters=[
                parameter("maxTokens", max=4096),
                parameter("temperature", max=D("0.7")),
                parameter("reasoning_effort"),
            ]
        )
        live["metadata"]["supports_reasoning"] = True
        body = done(declares(house, limits={"max_output_tokens": 8192}), live)
        together = {"max_tokens": 8192, "temperature": D("0.7"), "has_reasoning": True}
        assert body == {**ALWAYS, **together}

    def test_what_goes_along_and_cannot_be_read_is_refused(self, house: House) -> None:
        live = live_openai_like(parameters=[parameter("temperature", max="warm")])
        [(code, message, fix)] = refusals(declares(house, limits={"max_output_tokens": 8192}).plan([live]))
        assert (code, fix) == ("incomplete", "declare it")
        assert "native.orq.temperature" in message

    def test_a_region_that_is_not_set_live_must_be_declared(self, house: House) -> None:
        live = live_openai_like(metadata={"is_private": True})
        spec = endpoint_spec(display_name="New", pricing=None, capabilities=None)
        del spec["endpoint"]
        house.manifests = [manifest(NAME, {**spec, "native": {"orq": {"id": ID, "description": "x"}}})]
        [(code, message, _)] = refusals(house.plan([live]))
        assert code == "incomplete"
        assert "endpoint.region" in message

    def test_a_description_is_cleared_with_an_empty_text(self, house: House) -> None:
        house.manifests = [manifest(NAME, endpoint_spec() | {"description": None})]
        assert done(house, live_openai_like(description="Old")) == {**ALWAYS, "description": ""}

    def test_a_price_that_is_null_live_is_not_set(self, house: House) -> None:
        live = live_openai_like(input_cost=None, output_cost=None, metadata={"region": "europe"})
        [change, _] = one(declares(house, capabilities=None).plan([live]), NAME).changes
        assert (change.path, change.live.form) == ("pricing.input", "unset")

    @pytest.mark.parametrize(
        "changes",
        [
            {"limits": {"max_output_tokens": None}},
            {"native": {"orq": {"max_tokens": 0}}},
            {"native": {"orq": {"temperature": None}}},
            {"native": {"orq": {"temperature": 0}}},
            {"capabilities": {"reasoning": False}},
            {"capabilities": {"reasoning": None}},
            {"pricing": {"unit": "1M tokens", "currency": "USD", "input": None}},
            {"display_name": None},
        ],
    )
    def test_what_no_update_clears_is_refused(self, house: House, changes: dict[str, Any]) -> None:
        live = live_openai_like(parameters=[parameter("maxTokens", max=1), parameter("temperature", max=1)])
        live["metadata"]["supports_reasoning"] = True
        house.manifests = [manifest(NAME, endpoint_spec() | changes)]
        [(code, message, _)] = refusals(house.plan([live]))
        assert code == "cannot-express"
        assert "no way to" in message

    @pytest.mark.parametrize(
        ("changes", "path", "told"),
        [
            ({"endpoint": endpoint(base_url="https://new.example.com/v1")}, "endpoint.base_url", True),
            ({"endpoint": endpoint(base_url="https://llm.example.com/v2")}, "endpoint.base_url", False),
            ({"model": "llama-4"}, "model", False),
        ],
    )
    def test_the_plan_tells_of_the_probe_and_of_another_host(
        self, house: House, changes: dict[str, Any], path: str, told: bool
    ) -> None:
        plan = declares(house, native={"orq": {"id": ID}}, **changes).plan([live_openai_like()])
        note = said(one(plan, NAME), path) or ""
        assert note.startswith("the registry probes the endpoint again, with the stored key")
        assert ("sends the stored key to new.example.com" in note) is told
        assert note in plan_text(plan)

    @pytest.mark.parametrize("pinned", [True, False])
    def test_a_key_is_not_rotated_and_the_plan_says_what_to_do_instead(
        self, house: House, pinned: bool
    ) -> None:
        declares(house, native={"orq": {"id": ID}} if pinned else None)
        plan = house.plan([live_openai_like()], resend=("endpoint.api_key",))
        [(code, message, fix)] = refusals(plan)
        assert code == "cannot-express"
        assert message.startswith("endpoint.api_key: ")
        assert "no update rotates it" in message
        assert fix is not None
        assert fix.startswith("delete the model in the registry: the next apply makes it anew")

    def test_what_never_reads_back_is_sent_on_request(self, house: House) -> None:
        declares(house, native={"orq": {"cache_read_cost": D("0.1")}})
        path = "native.orq.cache_read_cost"
        assert one(house.plan([live_openai_like()]), NAME).operation == "none"

        async def scenario() -> Any:
            async with orq(live_openai_like()) as server:
                house.urls = {"orq": server.url}
                plan = house.plan(await house.observe(), resend=(path,))
                outcome = await house.execute(plan, environment=ENVIRONMENT)
                return server, plan, outcome

        server, plan, outcome = run(scenario())
        assert server.bodies("PATCH") == [{**ALWAYS, "cache_read_cost": D("0.1")}]
        assert result(outcome, NAME).status == "done"
        text = plan_text(plan)
        assert f"{path}: (never read back) -> 0.1" in text
        assert f"not verified: {path}" not in text

    def test_a_model_that_is_as_declared_is_unchanged_and_says_what_is_not_verified(
        self, house: House
    ) -> None:
        action = one(house.plan([live_openai_like()]), NAME)
        assert (action.operation, action.unverified, action.notes) == ("none", ("endpoint.api_key",), ())


class TestWhichOne:
    def test_the_id_that_is_pinned(self, house: House) -> None:
        declares(house, model="llama-4", native={"orq": {"id": ID}})
        assert one(house.plan([live_openai_like()]), NAME).id == ID

    def test_else_the_one_with_its_model_and_the_plan_offers_the_pin(self, house: House) -> None:
        declares(house, display_name="New")
        generic = live_model(id="other", model_id="llama-3.3-70b", provider="azure")
        action = one(house.plan([live_openai_like(), generic]), NAME)
        assert (action.operation, action.id) == ("update", ID)
        assert f"native.orq.id: {ID}" in action.notes[0]

    def test_two_with_its_model_are_told_apart_by_the_pin(self, house: House) -> None:
        live = [live_openai_like(), live_openai_like(id="second")]
        [(code, _, fix)] = refusals(house.plan(live))
        assert (code, fix) == ("ambiguous", f"pin the one that '{NAME}' means with native.orq.id")
        assert one(declares(house, native={"orq": {"id": "second"}}).plan(live), NAME).id == "second"

    def test_a_pinned_one_that_is_not_there_is_never_made(self, house: House) -> None:
        [(code, _, _)] = refusals(declares(house, native={"orq": {"id": "gone"}}).plan())
        assert code == "pin-missing"

    def test_two_manifests_for_one_model_are_both_refused(self, house: House) -> None:
        house.manifests = [manifest(name, endpoint_spec()) for name in ("one", "two")]
        for live in ([live_openai_like()], []):
            plan = house.plan(live)
            assert [refusals(plan, name)[0][0] for name in ("one", "two")] == ["ambiguous"] * 2

    def test_a_model_of_the_other_call_is_refused(self, house: House) -> None:
        declares(house, native={"orq": {"id": "support-mini"}})
        [(code, message, _)] = refusals(house.plan([live_model()]))
        assert code == "wrong-variant"
        assert message.endswith(
            "this manifest describes one of the variant openai-like: a model with `endpoint`"
        )

    def test_a_manifest_without_endpoint_does_not_mean_a_model_with_one(self, house: House) -> None:
        house.manifests = [manifest(native={"orq": {"id": ID}})]
        [(code, message, _)] = refusals(house.plan([live_openai_like()]), "support-mini")
        assert code == "wrong-variant"
        assert message.endswith("variant generic: a model without `endpoint`")

    @pytest.mark.parametrize(
        ("changes", "same"),
        [
            ({"endpoint": endpoint(base_url="https://new.example.com/v1")}, "display_name"),
            ({"display_name": "Other"}, "configuration.base_url"),
        ],
    )
    def test_a_create_beside_one_that_it_resembles_looks_like_a_rename(
        self, house: House, changes: dict[str, Any], same: str
    ) -> None:
        [(code, message, fix)] = refusals(
            declares(house, model="llama-4", **changes).plan([live_openai_like()])
        )
        assert code == "rename"
        assert f"(same {same})" in message
        assert fix is not None
        assert f"native.orq.id: {ID}" in fix

    def test_a_generic_model_of_the_same_model_id_looks_like_a_rename_too(self, house: House) -> None:
        [(code, _, fix)] = refusals(house.plan([live_model(model_id="llama-3.3-70b")]))
        assert code == "rename"
        assert fix is not None
        assert "cannot be updated by this manifest" in fix


class TestWords:
    @pytest.mark.parametrize("tree", [{"metadata": {"supports_zdr": True}}, {"parameters": {}}])
    def test_a_key_of_the_other_models_is_a_mistake_that_says_whose_it_is(
        self, house: House, tree: dict[str, Any]
    ) -> None:
        [problem] = declares(house, native={"orq": tree}).problems()
        assert problem.code == "unknown-field"
        assert problem.hint == "it belongs to a model without `endpoint`; this is a model with `endpoint`"

    def test_a_key_and_its_portable_name_are_twins(self, house: House) -> None:
        [problem] = declares(house, native={"orq": {"region": "us"}}).problems()
        assert problem.code == "twin"


# ---- against the embedded registry, which probes


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as found:
        yield found


class Folder:
    """A folder over an embedded registry, through the steps of the command line."""

    def __init__(self, path: File, upstream: Upstream, entry: dict[str, Any]) -> None:
        self.house = House(
            path, secrets={"HOUSE_LLAMA_KEY": {"env": "HOUSE_LLAMA_KEY", "hosts": ["127.0.0.1"]}}
        )
        self.path, self.url, self.entry = path, upstream.url, entry

    def apply(self, **changes: Any) -> tuple[Plan, Outcome]:
        declares(self.house, endpoint=endpoint(base_url=changes.pop("base_url", self.url)), **changes)
        self.house.write()
        config = json.loads((self.path / "reconciler.yaml").read_text())
        config["registries"] = {"orq": {"kind": "orq", "embedded": "r.db", **self.entry}}
        (self.path / "reconciler.yaml").write_text(json.dumps(config))
        project = load(self.path / "reconciler.yaml")
        planned = read_and_plan(project, Asked((), Selection()), run=run)
        connection: Any = planned.reached["orq"]
        target = Target(ORQ, connection, None)
        store = SecretStore(project.config.secret_rules(), ENVIRONMENT)
        return planned.plan, run(execute(planned.plan, {"orq": target}, store)).outcome


def test_a_probe_that_fails_names_the_endpoint_the_answer_and_the_secret(
    tmp_path: File, upstream: Upstream
) -> None:
    folder = Folder(tmp_path, upstream, {})
    upstream.statuses = {"/v1/models": 401}
    plan, outcome = folder.apply()
    got = result(outcome, NAME)
    assert got.status == "failed"
    assert f"The endpoint {upstream.url} answered 401 Unauthorized to GET /models" in (got.reason or "")
    assert got.failure is not None
    assert got.failure.hint == f"if its probe failed: endpoint {upstream.url}, key: secret HOUSE_LLAMA_KEY"
    text = outcome_text(plan, outcome)
    assert "secret HOUSE_LLAMA_KEY" in text
    assert "sk-llama" not in text


def test_an_update_is_probed_with_the_stored_key(tmp_path: File, upstream: Upstream) -> None:
    folder = Folder(tmp_path, upstream, {})
    _, outcome = folder.apply()
    made = result(outcome, NAME)
    assert made.status == "done"
    upstream.statuses = {"/v2/models": 503}
    elsewhere = upstream.url.removesuffix("1") + "2"
    pinned = {"base_url": elsewhere, "native": {"orq": {"id": made.id}}}
    _, outcome = folder.apply(**pinned)
    got = result(outcome, NAME)
    assert got.failure is not None
    assert "503 Service Unavailable" in got.failure.message
    assert got.failure.hint == f"if its probe failed: endpoint {elsewhere}, key: the stored one"
    assert upstream.calls[-1].authorization == "Bearer sk-llama"
    upstream.statuses = {}
    _, outcome = folder.apply(**pinned)
    assert (result(outcome, NAME).status, result(outcome, NAME).id) == ("done", made.id)


@pytest.mark.parametrize(("entry", "calls"), [({"probe": False}, 0), ({"probe": True}, 2), ({}, 2)])
def test_an_embedded_registry_probes_unless_it_is_told_not_to(
    tmp_path: File, upstream: Upstream, entry: dict[str, Any], calls: int
) -> None:
    _, outcome = Folder(tmp_path, upstream, entry).apply()
    assert result(outcome, NAME).status == "done"
    assert len(upstream.calls) == calls


def test_everything_is_kept_by_the_embedded_registry_too(tmp_path: File, upstream: Upstream) -> None:
    folder = Folder(tmp_path, upstream, {})
    _, outcome = folder.apply(**EVERYTHING)
    assert (result(outcome, NAME).status, result(outcome, NAME).remarks) == ("done", ())
    plan, _ = folder.apply(**EVERYTHING)
    assert [action.operation for action in plan.actions()] == ["none"]
    changed = {**EVERYTHING, "limits": {"max_output_tokens": 8192}, "capabilities": {"tools": False}}
    _, outcome = folder.apply(**changed)
    assert (result(outcome, NAME).status, result(outcome, NAME).remarks) == ("done", ())
    plan, _ = folder.apply(**{**EVERYTHING, "limits": {"max_output_tokens": 8192}} | {"capabilities": {
        "tools": False, "vision": True, "reasoning": True}})  # fmt: skip
    assert [action.operation for action in plan.actions()] == ["none"]


def test_another_refusal_of_an_update_says_nothing_of_the_probe(house: House) -> None:
    _, _, outcome = applied(
        declares(house, display_name="New"),
        live_openai_like(),
        prepare=lambda server: server.fails("PATCH", says(400, {"error": "no"})),
    )
    failure = result(outcome, NAME).failure
    assert failure is not None
    assert failure.hint is None
