"""The calls of watsonx Orchestrate: which lists it takes, which it refuses, and what its errors become."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cli.folder import Folder
from cli.live import Live, Seen, live_registry
from house import brisk, run
from tenacity import wait_none
from watsonx_house import URL, Wire, says

from reconciler.cli.app import run as command
from reconciler.embedded import Options, create_app
from reconciler.errors import (
    RateLimited,
    RegistryError,
    Rejected,
    Unauthorised,
    UnexpectedAnswer,
    UnknownOutcome,
)
from reconciler.registries import talk
from reconciler.registries.interface import Connection, Observation, OutgoingRequest
from reconciler.registries.watsonx import client
from reconciler.secrets import Secret, SecretJson, SecretRef

NAME = "virtual-model/openai/gpt-4o"
TOKEN = Secret("WXO_TOKEN", "planted-token")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "_settings", brisk())
    monkeypatch.setattr("reconciler.http.repeating._AFTER_FAULT", wait_none())
    monkeypatch.setattr("reconciler.http.repeating._AFTER_LIMIT", wait_none())


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    app = create_app(tmp_path / "registry.db")
    yield Wire(app)
    app.state.store.close()


def reached(wire: Wire, url: str = URL) -> Connection:
    return Connection("wxo", url, TOKEN, 600_000, 2, wire=lambda: wire)


def observed(wire: Wire, url: str = URL) -> Observation:
    async def scenario() -> Observation:
        async with client.reader(reached(wire, url)) as reader:
            return await reader.observe()

    found: Observation = run(scenario())
    return found


def sent(wire: Wire, request: OutgoingRequest) -> Any:
    async def scenario() -> Any:
        async with client.writer(reached(wire)) as writer:
            return await writer.send(request)

    return run(scenario())


def create(**body: Any) -> OutgoingRequest:
    return OutgoingRequest("POST", "/models", {"name": NAME, **body}, None, {})


def model(**changes: Any) -> dict[str, Any]:
    """A model as the service shows it."""
    return {
        "id": "0a1b",
        "tenant_id": "t",
        "name": NAME,
        "display_name": "Four",
        "provider_config": {"api_key": "Dummy", "provider": "openai"},
        "tags": [],
        "model_type": "chat",
        "connection_id": None,
        **changes,
    }


# ---- lists


@pytest.mark.parametrize("container", [None, "resources", "models"])
def test_the_three_shapes_of_a_list(wire: Wire, container: str | None) -> None:
    both = [model(), model(id="1", name="virtual-model/groq/x")]
    wire.shows = lambda _: both if container is None else {container: both}
    found = observed(wire).objects
    assert [(live.id, live.names, live.ours) for live in found] == [
        ("0a1b", (NAME,), True),
        ("1", ("virtual-model/groq/x",), True),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"data": [model()]},
        {"resources": None},
        {"models": {"0a1b": model()}},
        [None],
        ["name"],
        [model(), {"name": NAME}],
        [model(id=7)],
        [model(name=None)],
        b"true",
        b'"text"',
    ],
)
def test_a_shape_that_we_do_not_know_is_refused_whole(wire: Wire, answer: Any) -> None:
    wire.shows = lambda _: answer
    with pytest.raises(UnexpectedAnswer) as caught:
        observed(wire)
    assert caught.value.message == "wxo: GET /models: answered with something that is not a list of models"
    assert "everything before `/models`" in str(caught.value.hint)


@pytest.mark.parametrize("url", ["/api/v1", "/api/v1/", "/v1/orchestrate", "/v1/orchestrate/"])
def test_the_address_is_everything_before_models(wire: Wire, url: str) -> None:
    sent(wire, create())
    assert len(observed(wire, f"http://embedded{url}").objects) == 1


@pytest.mark.parametrize("url", ["", "/api/v1/models", "/v2"])
def test_a_wrong_address_is_told(wire: Wire, url: str) -> None:
    with pytest.raises((Rejected, UnexpectedAnswer)) as caught:
        observed(wire, f"http://embedded{url}")
    assert "everything before `/models`" in str(caught.value.hint)


def test_no_secret_and_nothing_of_the_servers_making_is_kept(wire: Wire) -> None:
    config = {
        "api_key": "planted-1",
        "aws_secret_access_key": "planted-2",
        "vertexServiceAccountJson": {"private_key": "planted-3"},
        "azureAdToken": "",
        "custom_host": "https://x.example",
        "requestTimeout": None,
        "provider": "openai",
        "of_tomorrow": 1,
    }
    wire.shows = lambda _: [model(provider_config=config, tags=["mine", "third party"], more={"a": 1})]
    [live] = observed(wire).objects
    assert "planted" not in repr(live)
    assert live.raw["provider_config"] == {"customHost": "https://x.example", "of_tomorrow": 1}
    assert (live.raw["tags"], live.raw["more"]) == (["mine", "third party"], {"a": 1})
    assert live.hidden == {
        ("provider_config", key) for key in ("api_key", "awsSecretAccessKey", "vertexServiceAccountJson")
    }


@pytest.mark.parametrize("config", [None, {}, {"api_key": "Dummy"}, {"api_key": None}, {"api_key": ""}])
def test_what_hides_nothing(wire: Wire, config: Any) -> None:
    wire.shows = lambda _: [model(provider_config=config)]
    assert observed(wire).objects[0].hidden == frozenset()


@pytest.mark.parametrize(
    ("name", "tags", "is_ours"),
    [
        (NAME, [], True),
        (NAME, ["default"], True),
        ("groq/openai/gpt-oss-120b", ["default", "third party"], False),
        ("groq/openai/gpt-oss-120b", ["wxo-reserved-tag-premier"], False),
        ("my-model", ["mine"], True),
        ("my-model", None, True),
    ],
)
def test_whose_a_model_is(wire: Wire, name: str, tags: Any, *, is_ours: bool) -> None:
    wire.shows = lambda _: [model(name=name, tags=tags)]
    assert observed(wire).objects[0].ours is is_ours


# ---- writes


def test_what_was_written_is_read_by_its_name(wire: Wire) -> None:
    live = sent(wire, create()).live
    assert live == observed(wire).objects[0]
    assert [entry[:2] for entry in wire.seen][:2] == [("POST", "/api/v1/models"), ("GET", "/api/v1/models")]


def test_two_of_one_name_are_left_to_the_whole_list(wire: Wire) -> None:
    sent(wire, create())
    assert sent(wire, create()).live is None


def test_an_update_names_the_model_by_its_id(wire: Wire) -> None:
    sent(wire, create())
    identity = observed(wire).objects[0].id
    sent(wire, OutgoingRequest("PUT", "/models/{id}", {"name": NAME, "description": "x"}, identity, {}))
    assert wire.seen[-2][:2] == ("PUT", f"/api/v1/models/{identity}")
    assert observed(wire).objects[0].raw["description"] == "x"


def test_a_service_account_is_sent_as_the_object_that_it_is(wire: Wire) -> None:
    account = SecretRef("ACCOUNT")
    body = {"name": NAME, "provider_config": {"vertexServiceAccountJson": SecretJson(account)}}
    secret = Secret("ACCOUNT", '{"type": "service_account", "n": 1}')
    sent(wire, OutgoingRequest("POST", "/models", body, None, {account: secret}))
    assert wire.bodies("POST")[0]["provider_config"]["vertexServiceAccountJson"] == {
        "type": "service_account",
        "n": 1,
    }


# ---- errors

QUOTA = {
    "detail": {
        "code": "RESOURCE_QUOTA_EXCEEDED",
        "message": "No more models",
        "resource": "models",
        "current": 50,
        "requested": 1,
        "limit": 50,
    }
}


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, {"detail": "Model exists"}, Rejected, ": Model exists"),
        (
            422,
            {"detail": [{"type": "missing", "loc": ["body", "name"], "msg": "Field required"}]},
            Rejected,
            ": body.name: Field required",
        ),
        (
            422,
            {"detail": [{"loc": ["body", "tags", 0], "msg": "Bad"}, {"msg": "Also bad"}]},
            Rejected,
            ": body.tags.0: Bad; Also bad",
        ),
        (403, {"detail": {"code": "NOPE", "message": "Not allowed"}}, Unauthorised, ": Not allowed (NOPE)"),
        (401, {"detail": "Token expired"}, Unauthorised, ": Token expired"),
        (400, {"detail": []}, Rejected, ': {"detail": []}'),
        (400, {"detail": None}, Rejected, ': {"detail": null}'),
        (400, {"detail": {}}, Rejected, ': {"detail": {}}'),
        (400, ["odd"], Rejected, ': ["odd"]'),
        (
            500,
            {"detail": "Internal Server Error"},
            UnknownOutcome,
            "Internal Server Error; it may have taken effect",
        ),
        (
            429,
            QUOTA,
            RateLimited,
            ": waiting does not lift this limit: No more models (RESOURCE_QUOTA_EXCEEDED), "
            "current 50, limit 50",
        ),
    ],
)
def test_what_errors_become(
    wire: Wire, status: int, body: Any, kind: type[RegistryError], words: str
) -> None:
    wire.fails("POST", says(status, body))
    with pytest.raises(kind) as caught:
        sent(wire, create())
    assert caught.value.message.endswith(words)
    assert caught.value.status == status
    assert len(wire.bodies("POST")) == 1


def test_a_limit_that_is_no_quota_is_waited_for(wire: Wire) -> None:
    wire.fails("POST", *[says(429, {"detail": {"code": "TOO_MANY", "message": "slow down"}})] * 2)
    sent(wire, create())
    assert len(wire.bodies("POST")) == 3


def test_no_error_repeats_the_token(wire: Wire) -> None:
    wire.fails("POST", says(401, {"detail": "planted-token is bad"}))
    with pytest.raises(Unauthorised) as caught:
        sent(wire, create())
    assert "planted" not in str(caught.value)
    assert "WXO_TOKEN" in str(caught.value.hint)


# ---- over a socket, as the command line does it

MANIFEST = """\
apiVersion: reconciler/v1
kind: Model
metadata: {{name: m-{number}}}
spec:
  provider: openai
  model: m-{number}
  native: {{watsonx: {{connection_id: c1}}}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    folder = Folder(tmp_path / "project")
    folder.path.mkdir()
    monkeypatch.chdir(folder.path)
    monkeypatch.setenv("WXO_KEY", "planted-key")
    folder.models(*(MANIFEST.format(number=number) for number in range(5)))
    return folder


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Live]]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            live_registry(tmp_path / "live.db", token="planted-key", options=Options(**options))
        )


@pytest.mark.parametrize("base", ["/api/v1", "/v1/orchestrate/"])
def test_with_a_token(project: Folder, serve: Callable[..., Live], base: str, capsys: Any) -> None:
    live = serve()
    project.config(
        "default_registries: [wxo]\n"
        f'registries:\n  wxo: {{kind: watsonx, url: "{live.url}{base}", token: {{env: WXO_KEY}}}}\n'
    )
    assert command(["apply", "--yes"]) == 0
    assert command(["plan", "--exit-code"]) == 0
    out, err = capsys.readouterr()
    assert "No changes: 5 as declared." in out
    assert "planted" not in out + err


class ServerTime:
    """The time of the embedded registry's tokens, in seconds since the epoch."""

    now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


def test_with_an_api_key_whose_tokens_end_between_calls(
    project: Folder, serve: Callable[..., Live], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    clock = ServerTime()
    monkeypatch.setattr("reconciler.embedded.tokens.time", clock)
    live = serve(access_token_seconds=1000)
    ended: list[str] = []

    def ends_before_some_creates(seen: Seen) -> None:
        token = seen.headers.get("authorization", "")
        creates = [one for one in live.written if one.path.endswith("/models")]
        if seen.writes and seen in creates and len(creates) % 2:
            ended.append(token)
            clock.now += 1001

    live.answer = ends_before_some_creates
    project.config(
        "default_registries: [wxo]\n"
        f'registries:\n  wxo: {{kind: watsonx, url: "{live.url}/v1/orchestrate", concurrency: 1, '
        f'auth: {{ibm_api_key: {{env: WXO_KEY}}, token_url: "{live.url}/identity/token"}}}}\n'
    )
    assert command(["apply", "--yes"]) == 0
    assert command(["plan", "--exit-code"]) == 0
    out, err = capsys.readouterr()
    assert "Apply: 5 done." in out
    assert "planted" not in out + err
    assert len(ended) >= 3
    creates = [seen for seen in live.written if seen.path.endswith("/models")]
    assert len(creates) == 5 + len(ended)
    tokens = {seen.headers["authorization"] for seen in live.seen if seen.path.endswith("/models")}
    assert len(tokens) >= 1 + len(ended)
    assert not any("planted" in token for token in tokens)


# ---- a few by name


def observed_only(wire: Wire, *names: str) -> Observation | None:
    async def scenario() -> Observation | None:
        async with client.reader(reached(wire)) as reader:
            return await reader.observe_only(frozenset(names))

    found: Observation | None = run(scenario())
    return found


def test_every_model_of_each_name_is_read_and_no_other(wire: Wire) -> None:
    for name in (NAME, NAME, f"{NAME}-mini", "virtual-model/openai/other & more"):
        sent(wire, OutgoingRequest("POST", "/models", {"name": name}, None, {}))
    found = observed_only(wire, NAME, "virtual-model/openai/other & more")
    assert found is not None
    assert found.names == {NAME, "virtual-model/openai/other & more"}
    assert [live.names[0] for live in found.objects] == [NAME, NAME, "virtual-model/openai/other & more"]
    whole = {live.id: live for live in observed(wire).objects}
    assert all(whole[live.id] == live for live in found.objects)


def test_a_404_means_none_of_these_names(wire: Wire) -> None:
    wire.fails("GET", says(404, {"detail": "Not Found"}))
    found = observed_only(wire, NAME)
    assert found is not None
    assert (found.objects, found.names) == ((), {NAME})


def test_a_list_with_other_names_is_not_of_these(wire: Wire) -> None:
    sent(wire, create())
    wire.fails("GET", says(200, [model()]))
    assert observed_only(wire, f"{NAME}-mini") is None


def test_a_filter_that_is_turned_down_is_none(wire: Wire) -> None:
    wire.fails("GET", says(422, {"detail": "unknown parameter"}))
    assert observed_only(wire, NAME) is None
    wire.fails("GET", *[says(500, {"detail": "broken"})] * 5)
    with pytest.raises(RegistryError):
        observed_only(wire, NAME)
