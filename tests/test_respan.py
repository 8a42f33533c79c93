"""Respan end to end: the command line over the embedded registry, in this process and on a socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cli.folder import Folder, Result
from cli.live import Live, live_registry
from embedded.client import Client
from house import run
from orq_server import Exchange
from respan_server import NOT_FOUND, RespanServer, live_model, live_provider, respan

from reconciler.cli.app import run as run_command
from reconciler.cli.loading import Project, load
from reconciler.cli.run import connections, observe
from reconciler.embedded import create_app
from reconciler.embedded.seed import seed
from reconciler.executor import Target, execute
from reconciler.plan import Plan
from reconciler.planner import Selection, make_plan
from reconciler.registries.interface import Connection, Observation
from reconciler.registries.respan.kind import RESPAN
from reconciler.secrets import SecretStore

TOKEN = "tok-planted-5eAq0XvR9"
KEY = "sk-planted-Jb4Tz8Qn1"
OTHER = "sk-planted-other-Wc6Yp"
BASE_URL = "https://llm.example.com/v1"


class Site:
    """A folder, one registry of kind respan beside it, and all that runs have said."""

    def __init__(self, folder: Folder, database: Path, live: Live | None, read: Callable[[], Any]) -> None:
        self.folder = folder
        self.database = database
        self.live = live
        self.read = read
        self.said = ""
        folder.config(
            "default_registries: [respan]\n"
            f"registries:\n  respan: {{kind: respan, {self._target()}}}\n"
            "secrets:\n"
            "  KEY: {env: UPSTREAM_KEY, hosts: [llm.example.com]}\n"
            "  OTHER: {env: OTHER_KEY, hosts: [llm.example.com]}\n"
        )

    def _target(self) -> str:
        if self.live is None:
            return "embedded: registry.db"
        return f'url: "{self.live.url}/", token: {{env: TOKEN}}, requests_per_minute: 600000'

    def holds(self, **lists: Any) -> None:
        """Puts what clients cannot create into the registry."""
        seed(self.database, {"respan": lists})

    def declares(self, *manifests: Mapping[str, Any]) -> None:
        self.folder.models(*(json.dumps(each) + "\n" for each in manifests))

    def acknowledges(self, lines: str) -> None:
        head = "apiVersion: reconciler/v1\nkind: Acknowledgements\nacknowledgements:\n"
        text = lines.replace("reason: …", "reason: as agreed")
        (self.folder.path / "acknowledgements.yaml").write_text(head + text + "\n", encoding="utf-8")

    def cli(self, *arguments: str) -> Result:
        code = run_command(arguments)
        result = Result(code, *self.read())
        self.said += result.out + result.err
        return result

    def plan(self, *arguments: str) -> dict[str, Any]:
        """The one registry's part of the plan."""
        [part] = self.cli("plan", "-o", "json", *arguments).document["registries"]
        assert part["failure"] is None
        found: dict[str, Any] = part
        return found

    def apply(self, *arguments: str) -> dict[str, str]:
        """What became of each action."""
        document = self.cli("apply", "--yes", "-o", "json", *arguments).document
        return {f"{one['resource']}/{one['name']}": one["status"] for one in document["outcome"]["results"]}

    def stored(self, path: str) -> Any:
        """What the registry answers, credentials included."""
        app = create_app(self.database)
        try:
            return json.loads(Client(app).call("GET", path).content, parse_float=Decimal)
        finally:
            app.state.store.close()

    def written(self) -> list[tuple[str, str, Any]]:
        """Every write so far; lists are read by POST."""
        assert self.live is not None
        sent = [seen for seen in self.live.written if seen.path != "/api/models/list/"]
        return [(seen.method, seen.path, json.loads(seen.body)) for seen in sent]


@pytest.fixture
def build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], no_pauses: None
) -> Iterator[Callable[[str], Site]]:
    """Makes a site whose registry is `in-process` or on a `socket`."""
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.setenv("TOKEN", TOKEN)
    monkeypatch.setenv("UPSTREAM_KEY", KEY)
    monkeypatch.setenv("OTHER_KEY", OTHER)
    database = path / "registry.db"
    with ExitStack() as stack:

        def site(where: str) -> Site:
            live = None
            if where == "socket":
                live = stack.enter_context(live_registry(database, token=TOKEN))
            return Site(Folder(path), database, live, capsys.readouterr)

        yield site


@pytest.fixture(params=["in-process", "socket"])
def site(request: pytest.FixtureRequest, build: Callable[[str], Site]) -> Site:
    return build(request.param)


@pytest.fixture
def on_socket(build: Callable[[str], Site]) -> Site:
    """For tests that look at requests."""
    return build("socket")


def model(name: str = "support", _native: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    native = {"base_model_name": "gpt-4"} if _native is None else _native
    return {
        "apiVersion": "reconciler/v1",
        "kind": "Model",
        "metadata": {"name": name},
        "spec": {"native": {"respan": dict(native)}, **spec},
    }


def provider(name: str = "house", _native: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    native = {} if _native is None else {"native": {"respan": dict(_native)}}
    return {
        "apiVersion": "reconciler/v1",
        "kind": "Provider",
        "metadata": {"name": name},
        "spec": {**native, **spec},
    }


def endpoint(**more: Any) -> dict[str, Any]:
    return {"base_url": BASE_URL, "api_key": {"secret": "KEY"}, **more}


def prices(**amounts: Any) -> dict[str, Any]:
    return {"unit": "1K tokens", "currency": "USD", **amounts}


def operations(part: Mapping[str, Any]) -> dict[str, str]:
    return {f"{one['resource']}/{one['name']}": one["operation"] for one in part["actions"]}


def refusals(part: Mapping[str, Any]) -> list[str]:
    return [refusal["code"] for one in part["actions"] for refusal in one["refusals"]]


def changed(part: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        change["path"]: (change["wire_live"], change["wire_desired"])
        for one in part["actions"]
        for change in one["changes"]
    }


WHOLE = model(
    "team-support",
    {
        "model_name": "team/support",
        "custom_provider_id": "house",
        "supported_params_override": {"top_p": None},
    },
    display_name="Support",
    pricing=prices(input=0.0015, output=0.002, cache_read=0.0001, cache_write=0.0002),
    limits={"context_window": 32000},
    capabilities={"tools": True, "vision": False, "streaming": True},
)
HOUSE = provider("house", {"extra_kwargs": {"timeout": 30}}, display_name="House", endpoint=endpoint())


# ---- create, and nothing to do after


def test_a_model_and_its_provider_are_made_and_then_as_declared(site: Site) -> None:
    site.declares(WHOLE, HOUSE)
    assert site.apply() == {"Model/team-support": "done", "Provider/house": "done"}
    found = site.stored("/api/models/team/support/")
    wanted = {
        "model_name": "team/support",
        "display_name": "Support",
        "input_cost": Decimal("1.5"),
        "output_cost": 2,
        "cache_hit_input_cost": Decimal("0.1"),
        "cache_creation_input_cost": Decimal("0.2"),
        "max_context_window": 32000,
        "function_call": 1,
        "image_support": 0,
        "streaming_support": 1,
    }
    assert {key: found[key] for key in wanted} == wanted
    assert found["provider"]["provider_id"] == "house"
    assert "top_p" not in found["supported_params"]
    kept = site.stored("/api/providers/house/")
    assert kept["extra_kwargs"] == {"base_url": BASE_URL, "api_key": KEY, "timeout": 30}
    assert operations(site.plan()) == {"Model/team-support": "none", "Provider/house": "none"}
    assert set(site.apply().values()) == {"unchanged"}


def test_providers_come_first_and_a_key_goes_to_both_places(on_socket: Site) -> None:
    on_socket.declares(WHOLE, HOUSE)
    on_socket.apply()
    [first, second] = on_socket.written()
    assert (first[:2], second[:2]) == (("POST", "/api/providers/"), ("POST", "/api/models/"))
    assert first[2] == {
        "provider_id": "house",
        "provider_name": "House",
        "api_key": KEY,
        "extra_kwargs": {"base_url": BASE_URL, "api_key": KEY, "timeout": 30},
    }
    assert second[2]["custom_provider_id"] == "house"
    assert "provider_id" not in second[2]


def test_a_model_of_ones_own_that_is_a_base_comes_first(on_socket: Site) -> None:
    on_socket.declares(model("a", {"base_model_name": "b"}), model("b", {"base_model_name": "c"}), model("c"))
    assert set(on_socket.apply().values()) == {"done"}
    assert [body["model_name"] for _, _, body in on_socket.written()] == ["c", "b", "a"]


def test_bases_in_a_circle_are_refused(site: Site) -> None:
    site.declares(model("a", {"base_model_name": "b"}), model("b", {"base_model_name": "a"}), model("c"))
    part = site.plan()
    assert operations(part) == {"Model/a": "refused", "Model/b": "refused", "Model/c": "create"}
    assert refusals(part) == ["circle", "circle"]
    assert part["actions"][0]["refusals"][0]["message"] == "it would wait for itself, by way of Model/b"


def test_a_create_needs_somebody_who_serves_it(site: Site) -> None:
    site.declares(model("support", {}))
    [action] = site.plan()["actions"]
    assert action["refusals"][0]["code"] == "incomplete"
    for name in ("base_model_name", "custom_provider_id", "provider_id"):
        assert f"native.respan.{name}" in action["refusals"][0]["message"]


def test_what_is_inherited_is_no_drift(site: Site) -> None:
    site.declares(model())
    site.apply()
    found = site.stored("/api/models/support/")
    assert (found["max_context_window"], found["input_cost"], found["function_call"]) == (8192, 30, 1)
    [action] = site.plan()["actions"]
    assert (action["operation"], action["unmanaged"]) == ("none", [])


# ---- edits


def test_edits_are_partial_and_the_next_plan_is_empty(on_socket: Site) -> None:
    on_socket.declares(WHOLE, HOUSE)
    on_socket.apply()
    before = len(on_socket.written())
    edited = json.loads(json.dumps(WHOLE))
    edited["spec"]["pricing"] |= {"input": 0.0018, "cache_read": None}
    edited["spec"]["capabilities"] |= {"vision": True, "streaming": False}
    edited["spec"]["display_name"] = "Support 2"
    on_socket.declares(edited, HOUSE)
    assert changed(on_socket.plan()) == {
        "display_name": ("Support", "Support 2"),
        "pricing.input": (1.5, 1.8),
        "pricing.cache_read": (0.1, None),
        "capabilities.vision": (0, 1),
        "capabilities.streaming": (1, 0),
    }
    assert on_socket.apply() == {"Model/team-support": "done", "Provider/house": "unchanged"}
    assert on_socket.written()[before:] == [
        (
            "PATCH",
            "/api/models/team/support/",
            {
                "display_name": "Support 2",
                "input_cost": 1.8,
                "cache_hit_input_cost": 0,
                "image_support": 1,
                "streaming_support": 0,
            },
        )
    ]
    assert set(operations(on_socket.plan()).values()) == {"none"}


def test_another_provider(site: Site) -> None:
    site.holds(providers=[{"provider_id": "first", "provider_name": "A"}])
    site.declares(model("support", {"provider_id": "first"}), provider("second"))
    site.apply()
    site.declares(model("support", {"provider_id": "second"}), provider("second"))
    assert changed(site.plan()) == {"native.respan.provider_id": ("first", "second")}
    assert site.apply() == {"Model/support": "done", "Provider/second": "unchanged"}
    assert site.stored("/api/models/support/")["provider"]["provider_id"] == "second"
    assert operations(site.plan())["Model/support"] == "none"


def test_null_is_refused_where_nothing_clears(site: Site) -> None:
    site.declares(model(pricing=prices(input=0.001, output=0.001), capabilities={"tools": True}))
    site.apply()
    site.declares(model(pricing=prices(input=None, output=0.001), capabilities={"tools": None}))
    [action] = site.plan()["actions"]
    assert [one["code"] for one in action["refusals"]] == ["cannot-express", "cannot-express"]
    assert all("has no way to clear it" in one["message"] for one in action["refusals"])


def test_an_edit_of_a_provider_carries_what_is_live_and_brings_the_key(on_socket: Site) -> None:
    by_hand = {"base_url": BASE_URL, "api_key": "sk-by-hand", "seed": 4, "timeout": 30}
    on_socket.holds(providers=[{"provider_id": "house", "provider_name": "House", "extra_kwargs": by_hand}])
    edited = provider("house", {"extra_kwargs": {"timeout": 60}}, display_name="House", endpoint=endpoint())
    on_socket.declares(edited)
    assert changed(on_socket.plan()) == {"native.respan.extra_kwargs.timeout": (30, 60)}
    assert on_socket.apply() == {"Provider/house": "done"}
    extra = {"base_url": BASE_URL, "api_key": KEY, "seed": 4, "timeout": 60}
    assert on_socket.written() == [("PATCH", "/api/providers/house/", {"extra_kwargs": extra})]
    assert on_socket.stored("/api/providers/house/")["extra_kwargs"] == extra
    assert operations(on_socket.plan()) == {"Provider/house": "none"}


def test_an_edit_that_might_lose_a_key_that_nobody_declares_is_refused(site: Site) -> None:
    extra = {"api_key": "sk-by-hand", "timeout": 30}
    site.holds(providers=[{"provider_id": "house", "provider_name": "House", "extra_kwargs": extra}])
    site.declares(provider("house", {"extra_kwargs": {"timeout": 60}}, display_name="New name"))
    part = site.plan()
    assert refusals(part) == ["unreadable-secret"]
    assert part["actions"][0]["refusals"][0]["fix"] == "declare endpoint.api_key"
    site.declares(provider("house", {"extra_kwargs": {"timeout": 30}}, display_name="New name"))
    assert site.apply() == {"Provider/house": "done"}
    kept = site.stored("/api/providers/house/")
    assert (kept["provider_name"], kept["extra_kwargs"]) == ("New name", extra)


def test_a_field_that_no_provider_has_yet_is_added(site: Site) -> None:
    site.declares(provider("house", display_name="House"))
    site.apply()
    site.declares(HOUSE)
    part = site.plan()
    assert operations(part) == {"Provider/house": "update"}
    assert set(changed(part)) == {"endpoint.base_url", "native.respan.extra_kwargs.timeout"}
    assert site.apply() == {"Provider/house": "done"}
    assert operations(site.plan()) == {"Provider/house": "none"}


# ---- refused


def test_a_provider_that_is_neither_live_nor_declared_is_refused(site: Site) -> None:
    site.declares(model("a", {"provider_id": "hose"}), HOUSE)
    part = site.plan()
    assert operations(part) == {"Model/a": "refused", "Provider/house": "create"}
    [refusal] = part["actions"][0]["refusals"]
    assert refusal["code"] == "unknown-provider"
    assert "house" in refusal["fix"]
    assert site.apply() == {"Model/a": "refused", "Provider/house": "done"}


def test_the_vendors_providers_may_be_named_and_never_described(site: Site) -> None:
    site.declares(model("a", {"provider_id": "openai"}), provider("openai"))
    part = site.plan()
    [message] = [one["refusals"][0]["message"] for one in part["actions"] if one["resource"] == "Provider"]
    assert message == "'openai' is a built-in provider of the vendor, which is never touched"
    site.declares(model("a", {"provider_id": "openai"}))
    assert site.apply() == {"Model/a": "done"}


def test_a_base_that_nobody_has_is_refused(site: Site) -> None:
    site.declares(model("a", {"base_model_name": "gpt-5o"}))
    assert refusals(site.plan()) == ["unknown-model"]


def test_a_provider_that_the_run_leaves_out(site: Site) -> None:
    site.declares(WHOLE, HOUSE)
    only = ("--only", "team-support")
    part = site.plan(*only)
    assert refusals(part) == ["unknown-provider"]
    assert "leaves out" in part["actions"][0]["refusals"][0]["fix"]
    site.apply("--only", "house")
    assert site.apply(*only) == {"Model/team-support": "done"}


def test_two_ways_to_name_a_provider_at_once(site: Site) -> None:
    site.holds(providers=[{"provider_id": "house", "provider_name": "House"}])
    site.declares(model("a", {"provider_id": "house", "custom_provider_id": "house"}))
    assert refusals(site.plan()) == ["cannot-express"]


def test_a_name_that_is_a_call_of_its_own(site: Site) -> None:
    site.declares(model("list"))
    assert refusals(site.plan()) == ["cannot-express"]
    site.declares(model("list", {"model_name": "team/list", "base_model_name": "gpt-4"}))
    assert operations(site.plan()) == {"Model/list": "create"}


def test_a_secret_under_a_key_that_does_not_say_so(site: Site) -> None:
    extra = {"organisation": {"secret": "KEY"}, "aws_secret": {"secret": "KEY"}}
    site.declares(provider("house", {"extra_kwargs": extra}, endpoint=endpoint()))
    [action] = site.plan()["actions"]
    assert [one["paths"] for one in action["refusals"]] == [["native.respan.extra_kwargs.organisation"]]


def test_a_name_of_the_vendors_is_refused_until_it_is_acknowledged(site: Site) -> None:
    site.declares(model("gpt-4o"), model("other"))
    part = site.plan()
    assert operations(part) == {"Model/gpt-4o": "refused", "Model/other": "create"}
    assert refusals(part) == ["shadow"]
    site.acknowledges(part["actions"][0]["refusals"][0]["acknowledge"])
    assert operations(site.plan()) == {"Model/gpt-4o": "create", "Model/other": "create"}
    # The embedded registry keeps one model for a name, and that one is the vendor's.
    assert site.apply() == {"Model/gpt-4o": "failed", "Model/other": "done"}
    assert "Cannot modify hardcoded models" in site.said


def test_a_rename_is_noticed(site: Site) -> None:
    site.declares(model("support", display_name="Support"))
    site.apply()
    site.declares(model("helpdesk", display_name="Support"))
    part = site.plan()
    assert refusals(part) == ["rename"]
    assert "native.respan.model_name: support" in part["actions"][0]["refusals"][0]["fix"]
    named = {"model_name": "support", "base_model_name": "gpt-4"}
    site.declares(model("helpdesk", named, display_name="Support"))
    assert operations(site.plan()) == {"Model/helpdesk": "none"}


# ---- what people see


def test_a_model_and_a_provider_of_one_name_are_told_apart(site: Site) -> None:
    shared = {"description": "not held"}
    site.declares(
        model("house", {"provider_id": "house"}, **shared),
        provider("house", display_name="House", endpoint=endpoint()),
    )
    text = site.cli("plan").out
    assert "\n  + house\n" in text
    assert "\n  + provider house\n" in text
    assert text.index("+ provider house") < text.index("+ house")
    assert "not held: description (house)" in text
    assert "Plan: 1 model and 1 provider to create, 0 to update, 0 unchanged." in text
    text = site.cli("apply", "--yes", "-v").out
    assert "respan: 2 done: " in text
    assert "provider house" in text
    text = site.cli("plan", "-v").out
    assert "No changes: 1 model and 1 provider as declared." in text
    said = "which never reads back; only --resend sends it again (provider house)"
    assert f"not verified: endpoint.api_key, {said}" in text
    site.declares(model("house", {"provider_id": "house"}))
    assert "left alone: 1 provider of yours (house)" in site.cli("plan").out
    [house] = [one for one in site.stored("/api/providers/")["results"] if not one["is_managed"]]
    told = site.cli("registries").out
    assert f"  answers as organisation {house['organization_id']}: 1 model and 1 provider of yours, " in told
    assert "of yours, 4 models and 2 providers built in" in told


def test_of_an_acknowledgement_nothing_is_said_where_only_a_provider_of_its_name_is_planned(
    site: Site,
) -> None:
    labelled = model("house", {"provider_id": "openai"})
    labelled["metadata"]["labels"] = {"team": "a"}
    site.declares(labelled, provider("house"))
    digest = "a" * 64
    site.acknowledges(
        f"- {{guard: shadow, model: house, registry: respan, digest: {digest}, reason: as agreed}}"
    )
    without = site.cli("plan", "--except", "team=a")
    assert without.code == 0
    assert "matches nothing any more" not in without.out
    assert "matches nothing any more" in site.cli("plan").out


# ---- secrets


def test_no_secret_is_ever_said_or_kept(site: Site) -> None:
    by_hand = {"base_url": BASE_URL, "api_key": OTHER, "headers": {"Authorization": f"Bearer {OTHER}"}}
    site.holds(providers=[{"provider_id": "old", "provider_name": "Old", "extra_kwargs": by_hand}])
    key = {"secret": "KEY"}
    extra = {"timeout": 30, "aws_secret_access_key": key, "headers": {"Authorization": key, "X-Team": "a"}}
    mine = provider("house", {"extra_kwargs": extra}, endpoint=endpoint())
    old = provider("old", {"extra_kwargs": {"timeout": 1}}, display_name="Older", endpoint=endpoint())
    site.declares(model("a", {"provider_id": "house"}), mine, old)
    for line in ("validate", "plan -vv --out plan.json", "apply --yes -vv", "plan -vv", "registries -vv"):
        for form in ([], ["-o", "json"]):
            site.cli(*line.split(), *form)
    mine["spec"]["native"]["respan"]["extra_kwargs"]["timeout"] = 31
    site.declares(model("a", {"provider_id": "house"}), mine)
    assert site.apply()["Provider/house"] == "done"
    kept = site.stored("/api/providers/house/")["extra_kwargs"]
    assert kept == {
        "base_url": BASE_URL,
        "api_key": KEY,
        "timeout": 31,
        "aws_secret_access_key": KEY,
        "headers": {"Authorization": KEY, "X-Team": "a"},
    }
    for secret in (TOKEN, KEY, OTHER):
        assert secret not in site.said
        for file in site.folder.path.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), file


# ---- servers of other versions


CREATE = "POST", "/api/models/"


@dataclass
class Steps:
    """Plans and applies against a server in the loop of the test."""

    folder: Folder
    server: RespanServer
    meanwhile: Callable[[], None] = lambda: None
    """What happens between the plan and its execution."""
    reasons: dict[str, str] = field(default_factory=dict)

    def created(self) -> list[Any]:
        """The body of every create of a model."""
        return [seen.data for seen in self.server.seen if (seen.method, seen.path) == CREATE]

    def declares(self, *manifests: Mapping[str, Any]) -> None:
        entry = f'{{kind: respan, url: "{self.server.url}", requests_per_minute: 600000}}'
        hosts = "secrets: {KEY: {env: UPSTREAM_KEY, hosts: [llm.example.com]}}\n"
        self.folder.config(f"default_registries: [respan]\nregistries: {{respan: {entry}}}\n{hosts}")
        self.folder.models(*(json.dumps(each) + "\n" for each in manifests))

    async def plan(self, resend: Collection[str] = ()) -> Plan:
        return (await self._planned(resend))[1]

    async def apply(self) -> dict[str, str]:
        project, plan, target = await self._planned()
        store = SecretStore(project.config.secret_rules(), {"UPSTREAM_KEY": KEY})
        self.meanwhile()
        outcome = (await execute(plan, {"respan": target}, store)).outcome
        self.reasons = {result.key: result.reason or "" for result in outcome.results}
        return {result.key: result.status for result in outcome.results}

    async def _planned(self, resend: Collection[str] = ()) -> tuple[Project, Plan, Target]:
        project = load(Path("reconciler.yaml"))
        reached = connections(project, ["respan"])
        observed = await observe(project, reached)
        found, connection = observed["respan"], reached["respan"]
        assert isinstance(found, Observation)
        assert isinstance(connection, Connection)
        chosen = {"selection": Selection(), "acknowledged": project.acknowledged}
        plan = make_plan(project.config, project.desired, observed, resend=resend, **chosen)
        return project, plan, Target(RESPAN, connection, found)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_pauses: None) -> Folder:
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


def stepping(folder: Folder, scenario: Callable[[Steps], Any], **server: Any) -> Any:
    async def all_of_it() -> Any:
        async with respan(**server) as running:
            return await scenario(Steps(folder, running))

    return run(all_of_it())


def of_plan(plan: Plan) -> dict[str, str]:
    return {action.key: action.operation for action in plan.actions()}


def test_an_acknowledged_model_stands_beside_the_vendors_of_its_name(folder: Folder) -> None:
    async def scenario(steps: Steps) -> None:
        steps.declares(model("gpt-4", {"provider_id": "openai"}))
        [action] = (await steps.plan()).actions("refused")
        [refusal] = action.refusals
        assert refusal.code == "shadow"
        lines = (refusal.acknowledge or "").replace("…", "as agreed")
        head = "apiVersion: reconciler/v1\nkind: Acknowledgements\nacknowledgements:\n"
        (folder.path / "acknowledgements.yaml").write_text(f"{head}{lines}\n")
        assert await steps.apply() == {"Model/gpt-4": "done"}
        assert [one["affiliation_category"] for one in steps.server.models] == ["respan", "custom"]
        assert of_plan(await steps.plan()) == {"Model/gpt-4": "none"}
        steps.declares(model("gpt-4", {"provider_id": "openai"}, limits={"context_window": 1000}))
        assert await steps.apply() == {"Model/gpt-4": "done"}
        assert [one["max_context_window"] for one in steps.server.models] == [8192, 1000]

    stepping(folder, scenario, models=[live_model("gpt-4", affiliation_category="respan")])


def test_a_number_means_the_provider_that_has_it(folder: Folder) -> None:
    nested = {"id": 12, "provider_id": "house", "provider_name": "House"}

    async def scenario(steps: Steps) -> None:
        steps.declares(model("a", {"provider_id": 12}), model("b", {"custom_provider_id": "12"}))
        assert of_plan(await steps.plan()) == {"Model/a": "none", "Model/b": "create"}
        assert await steps.apply() == {"Model/a": "unchanged", "Model/b": "done"}
        created = [body for body in steps.server.bodies("POST") if body.get("model_name") == "b"]
        assert created[-1]["custom_provider_id"] == "house"
        assert set(of_plan(await steps.plan()).values()) == {"none"}
        steps.declares(model("a", {"provider_id": 13}))
        [action] = (await steps.plan()).actions("refused")
        assert [refusal.code for refusal in action.refusals] == ["unknown-provider"]

    stepping(folder, scenario, models=[live_model("a", provider=nested)], providers=[live_provider("house")])


def test_fields_that_the_newest_server_has_dropped_are_not_asked_for_again(folder: Folder) -> None:
    dropped = {"display_name", "streaming_support"}

    async def scenario(steps: Steps) -> None:
        declared = {"display_name": "Support", "capabilities": {"streaming": True, "tools": True}}
        steps.declares(model("support", **declared))
        assert await steps.apply() == {"Model/support": "done"}
        [action] = (await steps.plan()).actions()
        assert (action.operation, set(action.unverified)) == (
            "none",
            {"display_name", "capabilities.streaming"},
        )

    vendors = live_model("gpt-4", affiliation_category="keywordsai")
    stepping(folder, scenario, models=[vendors], hides=dropped)


def test_a_provider_of_which_nothing_is_shown_is_not_sent_again(folder: Folder) -> None:
    async def scenario(steps: Steps) -> None:
        steps.declares(HOUSE)
        [action] = (await steps.plan()).actions()
        assert (action.operation, set(action.unverified)) == (
            "none",
            {"endpoint.base_url", "endpoint.api_key", "native.respan.extra_kwargs.timeout"},
        )

    stepping(folder, scenario, providers=[live_provider("house", provider_name="House", extra_kwargs=...)])


MASKED = {"timeout": 30, "headers": [{"name": "Authorization", "value": "Bear****abcd"}]}


@pytest.mark.parametrize(
    ("extra", "declared", "operation"),
    [
        ({"timeout": 30}, {}, "refused"),
        ({"timeout": 30}, {"endpoint": {"api_key": None}}, "update"),
        ({"timeout": 30}, {"endpoint": endpoint()}, "update"),
        ({"timeout": 30, "api_key": "sk"}, {"endpoint": {"api_key": None}}, "refused"),
        (None, {}, "refused"),
        (MASKED, {"endpoint": endpoint()}, "refused"),
    ],
)
def test_what_is_not_shown_is_not_written_over(
    folder: Folder, extra: Any, declared: Any, operation: str
) -> None:
    async def scenario(steps: Steps) -> None:
        steps.declares(provider("house", {"extra_kwargs": {"timeout": 31}}, **declared))
        assert of_plan(await steps.plan()) == {"Provider/house": operation}

    stepping(folder, scenario, providers=[live_provider("house", extra_kwargs=extra)])


@pytest.mark.parametrize("shown", [..., None])
def test_a_plan_says_what_an_update_may_cost_where_nothing_is_shown(folder: Folder, shown: Any) -> None:
    async def scenario(steps: Steps) -> None:
        steps.declares(provider("house", {"extra_kwargs": {"timeout": 31}}, endpoint=endpoint()))
        [action] = (await steps.plan(resend=("endpoint.api_key",))).actions()
        assert action.operation == "update"
        assert action.notes == ("replaces extra_kwargs whole: what is not declared there may be lost",)
        sent = {".".join(edit.path) for request in action.requests for edit in request.edits}
        assert {"extra_kwargs.api_key", "extra_kwargs.base_url", "extra_kwargs.timeout"} <= sent

    stepping(folder, scenario, providers=[live_provider("house", extra_kwargs=shown)])


def test_of_what_is_shown_nothing_is_lost_and_nothing_said(folder: Folder) -> None:
    async def scenario(steps: Steps) -> None:
        steps.declares(provider("house", endpoint=endpoint()))
        [action] = (await steps.plan(resend=("endpoint.api_key",))).actions()
        assert (action.operation, action.notes) == ("update", ())

    shown = {"base_url": BASE_URL, "timeout": 30}
    stepping(folder, scenario, providers=[live_provider("house", extra_kwargs=shown)])


def test_an_answer_without_the_model_is_made_good_by_reading(folder: Folder) -> None:
    async def scenario(steps: Steps) -> None:
        steps.declares(model("support", pricing=prices(input=0.03)))
        assert await steps.apply() == {"Model/support": "done"}
        assert steps.server.asked()[-1].startswith("POST /api/models/list/")

    vendors = live_model("gpt-4", affiliation_category="keywordsai")
    stepping(folder, scenario, models=[vendors], answers_in_full=False)


VENDORS = live_model("gpt-4", affiliation_category="keywordsai")
THEIRS = {"display_name": "Theirs", "input_cost": 99}


def test_a_model_that_appeared_since_the_plan_is_not_written_over(folder: Folder) -> None:
    async def scenario(steps: Steps) -> None:
        steps.declares(model("support"), model("other"))
        steps.meanwhile = lambda: steps.server.models.append(live_model("support", **THEIRS))
        assert await steps.apply() == {"Model/other": "done", "Model/support": "failed"}
        assert "somebody else made it" in steps.reasons["Model/support"]
        assert [body["model_name"] for body in steps.created()] == ["other"]

    stepping(folder, scenario, models=[VENDORS])


def test_a_model_that_moved_between_pages_is_not_written_over(folder: Folder) -> None:
    async def scenario(steps: Steps) -> None:
        def list_models(exchange: Exchange) -> tuple[int, Any]:
            answer = steps.server.page(exchange, steps.server.models)
            if "page=1&" in exchange.path and steps.server.models[0]["model_name"] == "m1":
                del steps.server.models[0]
            return answer

        steps.server.lists["POST /api/models/list/"] = list_models
        steps.declares(model("m3"))
        assert await steps.apply() == {"Model/m3": "failed"}
        assert "m3" in steps.reasons["Model/m3"]
        assert steps.created() == []

    others = [live_model(name, base_model_name="x") for name in ("m1", "m2")]
    models = [*others, live_model("m3", **THEIRS), VENDORS]
    stepping(folder, scenario, models=models, largest_page=2)


def test_a_create_that_updated_something_is_not_called_done(folder: Folder) -> None:
    async def scenario(steps: Steps) -> None:
        steps.declares(model("support"))
        steps.meanwhile = lambda: steps.server.models.append(live_model("support", **THEIRS))
        # It is made between the last look and the write.
        steps.server.lists["GET /api/models/support/"] = lambda _: NOT_FOUND
        assert await steps.apply() == {"Model/support": "unproven"}
        assert steps.reasons["Model/support"] == (
            "it updated a model that was there since the plan: see what it was, and plan again"
        )

    stepping(folder, scenario, models=[VENDORS])


def test_a_name_that_is_not_kept_where_others_show_theirs_is_not_called_done(folder: Folder) -> None:
    async def scenario(steps: Steps) -> None:
        steps.declares(model("support", display_name="Support"))
        assert await steps.apply() == {"Model/support": "unproven"}
        assert steps.reasons["Model/support"] == "accepted, not stored: display_name"

    models = [VENDORS, live_model("old"), live_model("support", display_name=...)]
    stepping(folder, scenario, models=models, hides={"display_name"})


def test_an_answer_that_lacks_a_name_which_the_list_shows_is_made_good_by_reading(folder: Folder) -> None:
    async def scenario(steps: Steps) -> None:
        steps.declares(model("support", display_name="Support"))
        shown = live_model("support", display_name="Support", max_context_window=1)

        def patch(_: Exchange) -> tuple[int, Any]:
            steps.server.models[-1] = shown
            return 200, {key: value for key, value in shown.items() if key != "display_name"}

        steps.server.lists["PATCH /api/models/support/"] = patch
        assert await steps.apply() == {"Model/support": "done"}

    stepping(folder, scenario, models=[VENDORS, live_model("old"), live_model("support")])


def test_a_price_that_is_accepted_and_not_stored_is_not_called_done(folder: Folder) -> None:
    async def scenario(steps: Steps) -> None:
        steps.declares(model("support", pricing=prices(input=0.03, cache_read=0.001)))
        assert await steps.apply() == {"Model/support": "unproven"}

    vendors = live_model("gpt-4", affiliation_category="keywordsai")
    stepping(folder, scenario, models=[vendors], hides={"cache_hit_input_cost"})


def test_what_comes_after_a_refused_provider_is_refused_in_the_plan_already(site: Site) -> None:
    site.holds(
        providers=[{"provider_id": "old", "provider_name": "Old", "extra_kwargs": {"api_key": "sk-live"}}]
    )
    old = provider("old", {"extra_kwargs": {"timeout": 1}})  # its key is not declared, so it would be lost
    site.declares(model("a", {"provider_id": "old"}), model("b"), old)
    plan = site.plan()
    assert operations(plan) == {"Model/a": "refused", "Model/b": "create", "Provider/old": "refused"}
    [first] = [action for action in plan["actions"] if action["name"] == "a"]
    assert [(one["code"], one["message"]) for one in first["refusals"]] == [
        ("prerequisite", "it comes after old, which is refused")
    ]
    assert site.apply() == {"Model/a": "refused", "Model/b": "done", "Provider/old": "refused"}
