"""The calls of Respan: pages, the older lists, names with slashes, errors, and credentials in answers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import cycle
from typing import Any

import pytest
from house import brisk, run
from orq_server import Exchange, says
from respan_server import NOT_FOUND, RespanServer, live_model, live_provider, respan
from tenacity import wait_none

from reconciler.errors import RateLimited, RegistryError, Rejected, Unauthorised, UnexpectedAnswer
from reconciler.registries import talk
from reconciler.registries.interface import Answer, Connection, LiveObject, Observation, OutgoingRequest
from reconciler.registries.respan import client
from reconciler.registries.respan.kind import RESPAN
from reconciler.secrets import Secret, SecretRef

TOKEN = Secret("RESPAN_API_KEY", "tok-planted")
PLANTED = "sk-planted-text"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "_settings", brisk())
    monkeypatch.setattr("reconciler.http.repeating._AFTER_FAULT", wait_none())


def reached(server: RespanServer, path: str = "") -> Connection:
    return Connection("respan", server.url + path, TOKEN, 600_000, 2)


def looked(*, path: str = "", **prepared: Any) -> tuple[RespanServer, Observation]:
    async def scenario() -> tuple[RespanServer, Observation]:
        async with respan(**prepared) as server, client.reader(reached(server, path)) as reader:
            return server, await reader.observe()

    found: tuple[RespanServer, Observation] = run(scenario())
    return found


def fails(**prepared: Any) -> tuple[RespanServer, RegistryError]:
    async def scenario() -> tuple[RespanServer, RegistryError]:
        async with respan(**prepared) as server, client.reader(reached(server)) as reader:
            with pytest.raises(RegistryError) as caught:
                await reader.observe()
            return server, caught.value

    found: tuple[RespanServer, RegistryError] = run(scenario())
    return found


def sent(request: OutgoingRequest, **prepared: Any) -> tuple[RespanServer, Answer]:
    async def scenario() -> tuple[RespanServer, Answer]:
        async with respan(**prepared) as server, client.writer(reached(server)) as writer:
            return server, await writer.send(request)

    found: tuple[RespanServer, Answer] = run(scenario())
    return found


def of(observation: Observation, resource: str) -> list[LiveObject]:
    return [live for live in observation.objects if live.resource == resource]


def always(status: int, body: Any) -> Callable[[Exchange], tuple[int, Any]]:
    return lambda _: (status, body)


NEWEST = "POST /api/models/list/"
BETWEEN = "GET /api/models/list/"
OLDEST = "GET /api/models/"
PROVIDERS = "GET /api/providers/"


# ---- pages


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (100, 1), (101, 2), (250, 3)])
def test_every_page_of_the_models_is_read_and_no_more(count: int, pages: int) -> None:
    server, found = looked(models=[live_model(f"m{index}") for index in range(count)])
    assert [live.id for live in of(found, "Model")] == [f"m{index}" for index in range(count)]
    lists = [asked for asked in server.asked() if asked.startswith(NEWEST)]
    assert lists == [f"{NEWEST}?page={number}&page_size=100" for number in range(1, pages + 1)]


def test_a_server_with_smaller_pages_is_read_to_the_end() -> None:
    models = [live_model(f"m{index}") for index in range(7)]
    providers = [live_provider(f"p{index}") for index in range(7)]
    _, found = looked(models=models, providers=providers, largest_page=3)
    assert len(of(found, "Model")) == 7
    assert {live.id for live in of(found, "Provider")} == {"openai", *(f"p{index}" for index in range(7))}


def test_next_is_never_followed() -> None:
    server, _ = looked(models=[live_model(f"m{index}") for index in range(101)])
    assert all("steal" not in asked for asked in server.asked())


def test_an_empty_page_ends_the_list_whatever_it_says() -> None:
    pages = iter([[live_model("a")], []])
    server, found = looked(
        lists={NEWEST: lambda _: (200, {"count": 9, "next": "https://x.invalid", "results": next(pages)})}
    )
    assert [live.id for live in of(found, "Model")] == ["a"]
    assert len(server.asked()) == 3


@pytest.mark.parametrize("around", [1, 2, 3])
def test_pages_that_come_again_are_an_error_for_the_rest_is_not_known(around: int) -> None:
    pages = cycle([[live_model(f"m{number}")] for number in range(around)])
    lists = {NEWEST: lambda _: (200, {"next": "https://x.invalid", "results": next(pages)})}
    _, error = fails(lists=lists)
    assert isinstance(error, UnexpectedAnswer)
    assert error.message == (
        f"respan: {NEWEST}: answered page {around + 1} with nothing but what is on the pages before it"
    )


def test_a_model_that_moves_to_the_next_page_meanwhile_is_read_once() -> None:
    pages = iter([[live_model("a"), live_model("b")], [live_model("b", input_cost=7), live_model("c")]])
    more = iter(["x", None])
    _, found = looked(lists={NEWEST: lambda _: (200, {"next": next(more), "results": next(pages)})})
    prices = {live.id: live.raw["input_cost"] for live in of(found, "Model")}
    assert prices == {"a": 30, "b": 7, "c": 30}


# ---- older lists


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_between_is_asked_for_its_pages(status: int) -> None:
    def older(exchange: Exchange) -> tuple[int, Any]:
        if "?page=2&" in exchange.path:
            return 200, {"count": 3, "next": None, "results": [live_model("c")]}
        return 200, {"count": 3, "next": "https://x.invalid", "results": [live_model("a"), live_model("b")]}

    lists = {NEWEST: always(status, {"detail": "no"}), BETWEEN: older, OLDEST: always(200, [])}
    server, found = looked(lists=lists)
    assert [live.id for live in of(found, "Model")] == ["a", "b", "c"]
    assert server.asked()[2:] == [f"{BETWEEN}?page={number}&page_size=100" for number in (1, 2)]
    assert all(exchange.data is None for exchange in server.seen if exchange.method == "GET")


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("shape", ["array", "results", "models"])
def test_an_older_server_is_asked_for_its_whole_list(status: int, shape: str) -> None:
    models = [live_model("a"), live_model("b")]
    body = models if shape == "array" else {shape: models}
    no = always(status, {"detail": "no"})
    server, found = looked(lists={NEWEST: no, BETWEEN: no, OLDEST: always(200, body)})
    assert [live.id for live in of(found, "Model")] == ["a", "b"]
    assert server.asked()[1:] == [
        f"{NEWEST}?page=1&page_size=100",
        f"{BETWEEN}?page=1&page_size=100",
        f"{OLDEST}?all=true",
    ]


def test_an_older_list_with_pages_after_all_is_read_to_the_end() -> None:
    def older(exchange: Exchange) -> tuple[int, Any]:
        if "page=2" in exchange.path:
            return 200, {"next": None, "results": [live_model("b")]}
        return 200, {"next": "https://x.invalid", "results": [live_model("a")]}

    server, found = looked(lists={NEWEST: always(*NOT_FOUND), OLDEST: older})
    assert [live.id for live in of(found, "Model")] == ["a", "b"]
    assert server.asked()[-1] == f"{OLDEST}?all=true&page=2&page_size=100"


def test_a_server_that_has_no_list_is_an_error() -> None:
    server, error = fails(lists={NEWEST: always(405, {"detail": "no"})})
    assert isinstance(error, Rejected)
    assert "Not found." in error.message
    assert [asked.split("?")[0] for asked in server.asked()] == [PROVIDERS, NEWEST, BETWEEN, OLDEST]


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("newest", [True, False])
def test_any_other_no_is_not_taken_for_an_older_server(status: int, newest: bool) -> None:
    no = always(status, {"detail": "no"})
    server, _ = fails(lists={NEWEST: no} if newest else {NEWEST: always(*NOT_FOUND), BETWEEN: no})
    assert server.asked()[-1].startswith(NEWEST if newest else BETWEEN)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"data": [live_model()]},
        {"results": None},
        {"results": {"a": live_model()}},
        {"object": "list", "data": []},
        "text",
        7,
        [None],
        [live_model(), live_model(model_name=...)],
        [live_model(model_name="")],
        [live_model(affiliation_category=...)],
    ],
)
@pytest.mark.parametrize("route", [NEWEST, BETWEEN, OLDEST])
def test_a_shape_that_we_do_not_know_is_refused_whole(body: Any, route: str) -> None:
    _, error = fails(lists={NEWEST: always(*NOT_FOUND), route: always(200, body)})
    assert isinstance(error, UnexpectedAnswer)
    assert error.message.endswith("answered with something that is not a list of models")
    assert error.request == route


@pytest.mark.parametrize("body", [None, {}, [None], [live_provider(provider_id=...)], {"results": [7]}])
def test_neither_is_a_list_of_providers_guessed_at(body: Any) -> None:
    server, error = fails(lists={PROVIDERS: always(200, body)})
    assert isinstance(error, UnexpectedAnswer)
    assert error.message.endswith("answered with something that is not a list of providers")
    assert len(server.asked()) == 1


def test_a_list_of_providers_that_fails_stops_the_registry() -> None:
    _, error = fails(lists={PROVIDERS: always(403, {"detail": "no"})})
    assert isinstance(error, Unauthorised)


def test_an_address_may_end_with_a_slash() -> None:
    assert len(of(looked(path="/", models=[live_model()])[1], "Model")) == 1


# ---- whose is what


@pytest.mark.parametrize("word", ["keywordsai", "respan", "", None, "Custom"])
def test_only_custom_models_are_ours(word: str | None) -> None:
    _, found = looked(models=[live_model("own"), live_model("gpt-4", affiliation_category=word)])
    assert [(live.names, live.ours) for live in of(found, "Model")] == [(("own",), True), (("gpt-4",), False)]


def test_a_model_of_ours_and_one_of_the_vendors_with_one_name_are_two() -> None:
    _, found = looked(models=[live_model("gpt-4"), live_model("gpt-4", affiliation_category="respan")])
    models = of(found, "Model")
    assert [(live.names[0], live.ours) for live in models] == [("gpt-4", True), ("gpt-4", False)]
    assert models[0].ref != models[1].ref


def test_managed_providers_and_those_that_only_models_show_are_the_vendors() -> None:
    _, found = looked(
        models=[live_model()],
        providers=[live_provider("house"), live_provider("acme", is_managed=True)],
    )
    assert {live.id: live.ours for live in of(found, "Provider")} == {
        "house": True,
        "acme": False,
        "openai": False,
    }


def test_a_provider_may_be_known_by_its_number_as_well() -> None:
    nested = {"id": 12, "provider_id": "house", "provider_name": "House"}
    _, found = looked(models=[live_model(provider=nested)], providers=[live_provider("house", id="house")])
    [provider] = of(found, "Provider")
    assert (provider.id, provider.names, provider.ours) == ("house", ("house", "12"), True)


def test_a_model_without_a_provider_is_read() -> None:
    _, found = looked(models=[live_model(provider=None)])
    assert of(found, "Provider") == []


@pytest.mark.parametrize(
    ("models", "providers", "whose"),
    [
        ([], [live_provider("house", organization_id="o1")], "organisation o1"),
        ([], [live_provider("acme", organization_id="vendor", is_managed=True)], None),
        ([live_model(provider={"provider_id": "house", "organization_id": 7})], [live_provider("house")],
         "organisation 7"),
        ([live_model(provider={"provider_id": "openai", "organization_id": "vendor"})], [], None),
        ([live_model(provider=None)], [live_provider("house", organization_id=None)], None),
        ([live_model(provider={"provider_id": {}, "organization_id": 7})], [live_provider("house")], None),
    ],
)  # fmt: skip
def test_our_own_providers_tell_whose_registry_it_is(
    models: list[Any], providers: list[Any], whose: str | None
) -> None:
    assert RESPAN.account(looked(models=models, providers=providers)[1].objects) == whose


# ---- credentials in answers

LEAKY = {
    "base_url": "https://llm.example.com/v1",
    "api_key": PLANTED,
    "headers": {"Authorization": f"Bearer {PLANTED}", "X-Team": "a"},
    "fallbacks": [{"model": "b", "api_key": PLANTED}],
    "proxy": f"https://user:{PLANTED}@proxy.example.com",
    "aws_secret_access_key": PLANTED,
    "client_secret": "",
    "timeout": 30,
}


def test_credentials_are_dropped_when_they_are_read_and_where_they_were_is_told() -> None:
    model = live_model(provider={"provider_id": "house", "extra_kwargs": LEAKY, "api_key": PLANTED})
    _, found = looked(models=[model], providers=[live_provider(extra_kwargs=LEAKY, api_key=PLANTED)])
    assert PLANTED not in repr(found)
    [provider] = of(found, "Provider")
    assert provider.raw["extra_kwargs"] == {
        "base_url": "https://llm.example.com/v1",
        "headers": {"X-Team": "a"},
        "fallbacks": [{"model": "b"}],
        "timeout": 30,
    }
    assert provider.hidden == {
        ("api_key",),
        ("extra_kwargs", "api_key"),
        ("extra_kwargs", "headers", "Authorization"),
        ("extra_kwargs", "fallbacks", "0", "api_key"),
        ("extra_kwargs", "proxy"),
        ("extra_kwargs", "aws_secret_access_key"),
    }


def test_neither_does_the_answer_of_a_write_hold_one() -> None:
    body = {"provider_id": "house", "provider_name": "House"}
    request = OutgoingRequest("POST", "/api/providers/", body, None, {})
    _, answer = sent(request, written=(201, live_provider(extra_kwargs=LEAKY, api_key=PLANTED)))
    assert answer.live is not None
    assert PLANTED not in repr(answer)


def test_an_error_that_repeats_a_secret_says_its_name() -> None:
    key = SecretRef("KEY")
    body = {"provider_id": "house", "api_key": key}
    request = OutgoingRequest("POST", "/api/providers/", body, None, {key: Secret("KEY", PLANTED)})
    with pytest.raises(Rejected) as caught:
        sent(request, written=(422, {"detail": "no", "errors": {"api_key": [f"{PLANTED} is no key"]}}))
    assert PLANTED not in caught.value.message
    assert "KEY" in caught.value.message


# ---- writes


def update(name: str, path: str = "/api/models/{id}/", **body: Any) -> OutgoingRequest:
    return OutgoingRequest("PATCH", path, body or {"input_cost": Decimal("1.5")}, name, {})


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("gpt-4", "gpt-4"),
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("a b/c%2Fd?x#y", "a%20b/c%252Fd%3Fx%23y"),
        ("ü:1", "%C3%BC%3A1"),
    ],
)
def test_slashes_of_a_models_name_stay_and_everything_else_is_encoded(name: str, path: str) -> None:
    server, _ = sent(update(name), written=(200, live_model(name)))
    assert server.asked() == [f"PATCH /api/models/{path}/"]
    assert server.seen[0].headers["authorization"] == f"Bearer {TOKEN.reveal()}"


def test_a_slash_of_a_providers_id_is_encoded() -> None:
    server, _ = sent(update("a/b", "/api/providers/{id}/"), written=(200, live_provider("a/b")))
    assert server.asked() == ["PATCH /api/providers/a%2Fb/"]


@pytest.mark.parametrize("status", [200, 201])
def test_an_answer_with_all_that_was_sent_is_the_proof(status: int) -> None:
    body = {"model_name": "support", "input_cost": 30, "provider_id": "openai", "display_name": "Support"}
    request = OutgoingRequest("POST", "/api/models/", body, None, {})
    _, answer = sent(request, written=(status, live_model(display_name=...)))
    assert answer.live is not None
    assert (answer.live.id, answer.live.raw["input_cost"]) == ("support", 30)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"detail": "created"},
        live_model(affiliation_category=...),
        live_model(input_cost=...),
        live_model(provider=...),
    ],
)
def test_an_answer_that_lacks_some_of_it_proves_nothing(answer: Any) -> None:
    body = {"model_name": "support", "input_cost": 30, "provider_id": "openai"}
    request = OutgoingRequest("POST", "/api/models/", body, None, {})
    assert sent(request, written=(201, answer))[1].live is None


NEW = OutgoingRequest("POST", "/api/models/", {"model_name": "team/a b", "input_cost": 30}, None, {})
LOOK = "GET /api/models/team/a%20b/"


def test_a_create_looks_whether_its_name_is_free() -> None:
    server, answer = sent(NEW)
    assert server.asked() == [LOOK, "POST /api/models/"]
    assert answer.created is True


def test_it_does_not_write_over_what_it_finds() -> None:
    with pytest.raises(Rejected) as caught:
        sent(NEW, lists={LOOK: always(200, live_model("team/a b"))})
    assert caught.value.message == "respan: a create would write over the live 'team/a b'"


def test_one_of_the_vendors_with_that_name_is_not_in_the_way() -> None:
    vendors = live_model("team/a b", affiliation_category="respan")
    server, _ = sent(NEW, lists={LOOK: always(200, vendors)})
    assert server.asked()[-1] == "POST /api/models/"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, {"detail": "no"}), Unauthorised),
        ((403, {"detail": "Cannot access objects owned by others"}), Rejected),
        ((400, {"detail": "no"}), Rejected),
        ((200, {"detail": "hello"}), UnexpectedAnswer),
        ((200, None), UnexpectedAnswer),
    ],
)
def test_where_it_cannot_tell_nothing_is_sent(answer: tuple[int, Any], error: type[RegistryError]) -> None:
    async def scenario() -> RespanServer:
        async with respan(lists={LOOK: always(*answer)}) as server, client.writer(reached(server)) as writer:
            with pytest.raises(error):
                await writer.send(NEW)
            return server

    assert run(scenario()).asked() == [LOOK]


@pytest.mark.parametrize("path", ["/api/models/", "/api/providers/"])
@pytest.mark.parametrize(("status", "created"), [(201, True), (200, False), (202, None)])
def test_the_status_tells_whether_it_is_new(path: str, status: int, created: bool | None) -> None:
    lists = {f"POST {path}": always(status, {})}
    request = OutgoingRequest("POST", path, {"model_name": "a", "provider_id": "a"}, None, {})
    assert sent(request, lists=lists)[1].created is created


def test_of_an_update_it_tells_nothing() -> None:
    assert sent(update("gpt-4"), written=(200, live_model("gpt-4")))[1].created is None


def test_403_is_about_one_object_and_401_about_all() -> None:
    with pytest.raises(Rejected) as caught:
        sent(update("gpt-4"), written=(403, {"detail": "Cannot modify hardcoded models"}))
    assert "Cannot modify hardcoded models" in caught.value.message
    assert caught.value.status == 403
    with pytest.raises(Unauthorised):
        sent(update("gpt-4"), written=(401, {"detail": "Invalid token."}))


# ---- errors


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"detail": "Not found."}, "Not found."),
        ({"error": "Base model not found"}, "Base model not found"),
        ({"detail": "Validation error", "errors": {"input_cost": ["a", "b"], "x": "c"}},
         "Validation error: input_cost: a b; x: c"),
        ({"detail": "Validation error", "errors": {}}, "Validation error"),
        ({"detail": "Internal server error", "error_code": "internal_error"},
         "Internal server error (internal_error)"),
        ({"detail": ["x"]}, None),
        ({"message": "x"}, None),
        (["x"], None),
        (None, None),
    ],
)  # fmt: skip
def test_errors_in_the_registrys_own_words(body: Any, words: str | None) -> None:
    assert client.explain(body) == words


def test_a_limit_that_says_how_long_is_waited_out() -> None:
    async def scenario() -> tuple[RespanServer, Observation]:
        async with respan(models=[live_model()]) as server, client.reader(reached(server)) as reader:
            server.fails("POST", says(429, {"detail": "Rate limit exceeded", "retry_after": Decimal("0.05")}))
            return server, await reader.observe()

    server, found = run(scenario())
    assert len(of(found, "Model")) == 1
    assert server.count("POST") == 2


def test_a_limit_that_lasts_too_long_is_an_error_with_the_vendors_words() -> None:
    body = {"detail": "Rate limit exceeded", "retry_after": 3600}
    _, error = fails(lists={PROVIDERS: always(429, body)})
    assert isinstance(error, RateLimited)
    assert "Rate limit exceeded" in error.message


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"retry_after": 30}, 30.0),
        ({"retry_after": Decimal("0.5")}, 0.5),
        ({"retry_after": True}, None),
        ({"retry_after": "30"}, None),
        ({"retry_after": None}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_seconds_to_wait_stand_in_the_body(body: Any, seconds: float | None) -> None:
    assert client.retry_after(body) == seconds


def test_nothing_tells_who_calls_a_model() -> None:
    async def scenario() -> Any:
        async with respan() as server, client.reader(reached(server)) as reader:
            return await reader.usages(), server.asked()

    assert run(scenario()) == (None, [])


# ---- a few by name


def only(*names: str, **prepared: Any) -> tuple[RespanServer, Observation | None]:
    async def scenario() -> tuple[RespanServer, Observation | None]:
        async with respan(**prepared) as server, client.reader(reached(server)) as reader:
            return server, await reader.observe_only(frozenset(names))

    found: tuple[RespanServer, Observation | None] = run(scenario())
    return found


def filtering(exchange: Exchange) -> tuple[int, Any]:
    server = exchange.server
    assert isinstance(server, RespanServer)
    condition = exchange.data["filters"]["model_name"]
    assert condition["operator"] == "in"
    return server.page(exchange, [one for one in server.models if one["model_name"] in condition["value"]])


def test_models_of_the_names_and_every_provider_are_read() -> None:
    models = [live_model(f"m{index}") for index in range(250)]
    models.append(live_model("m1", affiliation_category="respan"))
    prepared = {"models": models, "providers": [live_provider("p")], "lists": {NEWEST: filtering}}
    server, found = only("m1", "m9", **prepared)
    assert found is not None
    assert [live.id for live in of(found, "Model")] == ["m1", "m9", "/m1"]
    assert {live.id for live in of(found, "Provider")} == {"p", "openai"}
    assert found.names == {"m1", "m9"}
    assert len(server.asked()) == 2


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"detail": "Unsupported filter"}),
        (404, {"detail": "Not found."}),
        (405, {"detail": "Method not allowed"}),
        (200, {"results": "none"}),
        (200, {"results": [live_model("other")], "next": "more"}),
    ],
)
def test_where_the_filter_does_not_hold_nothing_is_said(answer: tuple[int, Any]) -> None:
    server, found = only("m1", models=[live_model("m1")], lists={NEWEST: always(*answer)})
    assert found is None
    assert len(server.asked()) == 1
