"""An API key exchanged for access tokens: real loopback servers, a clock that the test turns."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cli.live import Live, live_registry
from test_http import Act, Seen, Server, Waits, breaks_off, failure_of, opened, says, serving, story

from reconciler.connect import connect
from reconciler.embedded import Options
from reconciler.errors import (
    RateLimited,
    RegistryError,
    Rejected,
    SecretError,
    Unauthorised,
    UnexpectedAnswer,
    Unreachable,
)
from reconciler.http import AccessToken, Clock
from reconciler.manifests.config import load_config
from reconciler.secrets import Secret, TokenExchange

KEY_TEXT = "k&y=/ü+\n1"
KEY = Secret("WXO_API_KEY, the API key of registry 'wxo'", KEY_TEXT)
PATH = "/identity/token"


@dataclass
class Turned:
    """A clock that moves when it is told, and by every wait."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.seconds, monotonic=lambda: self.seconds, sleep=self._sleep)


def issues(seconds: Any = 3600, *, key: str = "access_token") -> Act:
    """Gives out t-1, t-2, ..., each good for ``seconds``."""
    count = iter(range(1, 1000))

    async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
        told = {key: f"t-{next(count)}", "token_type": "Bearer", "expires_in": seconds}
        if seconds is None:
            del told["expires_in"]
        await says(200, told)(seen, writer)

    return act


def takes(*tokens: str) -> Act:
    """A registry to which every other token is 401."""

    async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
        good = seen.headers["authorization"].removeprefix("Bearer ") in tokens
        await says(200 if good else 401, {"detail": seen.headers["authorization"]})(seen, writer)

    return act


def source(server: Server, *, form: Any = "iam", clock: Clock | None = None, path: str = PATH) -> AccessToken:
    exchange = TokenExchange(KEY, server.origin + path, form)
    return AccessToken(exchange, registry="orq-prod", clock=clock or Waits().clock)


def tokens_of(server: Server) -> list[str]:
    return [seen.headers["authorization"].removeprefix("Bearer ") for seen in server.seen]


# --- the exchange ----------------------------------------------------------------------------------


@story
async def test_the_key_goes_to_the_token_endpoint_and_its_token_to_the_registry() -> None:
    async with (
        serving(issues()) as iam,
        serving(says(200, [1])) as server,
        opened(server.origin, token=source(iam)) as transport,
    ):
        assert (await transport.read("GET", "/models")).data == [1]
    (asked,), (seen,) = iam.seen, server.seen
    assert (asked.method, asked.target) == ("POST", PATH)
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["accept"] == "application/json"
    assert "authorization" not in asked.headers
    assert parse_qs(asked.body.decode(), strict_parsing=True) == {
        "grant_type": ["urn:ibm:params:oauth:grant-type:apikey"],
        "apikey": [KEY_TEXT],
    }
    assert seen.headers["authorization"] == "Bearer t-1"
    assert KEY_TEXT not in f"{seen.headers} {seen.target} {seen.body!r}"


@story
async def test_the_multi_cloud_platform_is_asked_in_json() -> None:
    path = "/siusermgr/api/1.0/apikeys/token"
    async with (
        serving(issues(key="token")) as mcsp,
        serving(says()) as server,
        opened(server.origin, token=source(mcsp, form="mcsp", path=path)) as transport,
    ):
        await transport.read("GET", "/models")
    (asked,) = mcsp.seen
    assert (asked.method, asked.target) == ("POST", path)
    assert asked.headers["content-type"] == "application/json"
    assert json.loads(asked.body) == {"apikey": KEY_TEXT}
    assert tokens_of(server) == ["t-1"]


@story
async def test_without_a_call_there_is_no_exchange() -> None:
    async with serving(issues()) as iam, opened("http://127.0.0.1:9", token=source(iam)):
        pass
    assert iam.seen == []


@story
async def test_calls_in_flight_and_two_transports_share_one_exchange() -> None:
    async with serving(issues()) as iam, serving(says()) as server:
        token = source(iam)
        async with opened(server.origin, token=token) as one, opened(server.origin, token=token) as other:
            await asyncio.gather(*(each.read("GET", "/models") for each in (one, other) for _ in range(10)))
    assert len(iam.seen) == 1
    assert tokens_of(server) == ["t-1"] * 20


def test_a_token_serves_the_next_event_loop_too() -> None:
    async def read(token: AccessToken) -> str:
        async with serving(says()) as server, opened(server.origin, token=token) as transport:
            await asyncio.gather(*(transport.read("GET", "/") for _ in range(3)))
        return tokens_of(server)[0]

    async def first() -> tuple[AccessToken, str]:
        async with serving(issues()) as iam:
            token = source(iam)
            return token, await read(token)

    token, text = asyncio.run(first())
    assert text == asyncio.run(read(token)) == "t-1"


# --- renewal ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("life", "still", "renewed"), [(3600, 3539, 3541), (100, 89, 91), (0, 0, 0)])
@story
async def test_a_token_is_renewed_before_it_ends(life: int, still: float, renewed: float) -> None:
    time = Turned()
    async with (
        serving(issues(life)) as iam,
        serving(says()) as server,
        opened(server.origin, token=source(iam, clock=time.clock)) as transport,
    ):
        await transport.read("GET", "/")
        for time.seconds in (still, renewed):
            await transport.read("GET", "/")
    assert tokens_of(server) == (["t-1", "t-1", "t-2"] if life else ["t-1", "t-2", "t-3"])
    assert len(iam.seen) == len(set(tokens_of(server)))


@pytest.mark.parametrize("life", [None, "3600", True])
@story
async def test_a_life_that_is_not_told_ends_with_a_401(life: Any) -> None:
    time = Turned()
    async with (
        serving(issues(life)) as iam,
        serving(says(), says(), says(401), says()) as server,
        opened(server.origin, token=source(iam, clock=time.clock)) as transport,
    ):
        await transport.read("GET", "/")
        time.seconds = 1e9
        await transport.read("GET", "/")
        await transport.read("GET", "/")
    assert tokens_of(server) == ["t-1", "t-1", "t-1", "t-2"]


@story
async def test_a_token_that_is_refused_is_renewed_and_the_same_call_sent_again() -> None:
    async with (
        serving(issues()) as iam,
        serving(takes("t-2")) as server,
        opened(server.origin, token=source(iam)) as transport,
    ):
        reply = await transport.write("PUT", "/models/1", b'{"name":"a"}')
    assert reply.status == 200
    assert [(seen.method, seen.target, seen.body) for seen in server.seen] == [
        ("PUT", "/models/1", b'{"name":"a"}')
    ] * 2
    assert tokens_of(server) == ["t-1", "t-2"]


@story
async def test_calls_that_are_refused_together_share_one_renewal() -> None:
    both = asyncio.Barrier(6)
    late = takes("t-2")

    async def refuses_all_at_once(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.headers["authorization"] == "Bearer t-1":
            await both.wait()
        await late(seen, writer)

    async with (
        serving(issues()) as iam,
        serving(refuses_all_at_once) as server,
        opened(server.origin, token=source(iam)) as transport,
    ):
        await asyncio.gather(*(transport.read("GET", "/") for _ in range(6)))
    assert len(iam.seen) == 2
    assert sorted(tokens_of(server)) == ["t-1"] * 6 + ["t-2"] * 6


@story
async def test_a_late_401_to_an_older_token_ends_no_newer_one() -> None:
    renewed = asyncio.Event()

    async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.target == "/slow" and seen.headers["authorization"] == "Bearer t-1":
            await renewed.wait()
        await takes("t-2")(seen, writer)

    async with (
        serving(issues()) as iam,
        serving(act) as server,
        opened(server.origin, token=source(iam)) as transport,
    ):
        slow = asyncio.create_task(transport.read("GET", "/slow"))
        while not server.seen:  # noqa: ASYNC110 - asyncio has no event for what is asked here
            await asyncio.sleep(0.005)
        await transport.read("GET", "/")
        renewed.set()
        await slow
    assert tokens_of(server) == ["t-1", "t-1", "t-2", "t-2"]
    assert len(iam.seen) == 2


@story
async def test_a_second_401_is_final_and_names_the_key() -> None:
    async with (
        serving(issues()) as iam,
        serving(takes()) as server,
        opened(server.origin, token=source(iam)) as transport,
    ):
        error = await failure_of(transport.write("POST", "/models", b"{}"))
    assert type(error) is Unauthorised
    assert "check WXO_API_KEY, the API key of registry 'wxo'" in str(error.hint)
    assert "[secret the access token of registry 'orq-prod']" in error.message
    assert "t-2" not in error.message
    assert (len(server.seen), len(iam.seen)) == (2, 2)


@story
async def test_403_is_about_permission_and_renews_nothing() -> None:
    async with (
        serving(issues()) as iam,
        serving(says(403)) as server,
        opened(server.origin, token=source(iam)) as transport,
    ):
        error = await failure_of(transport.read("GET", "/"))
    assert type(error) is Unauthorised
    assert (len(server.seen), len(iam.seen)) == (1, 1)


# --- an exchange that fails ------------------------------------------------------------------------

UNKNOWN_KEY = {"errorCode": "BXNIM0415E", "errorMessage": f"Provided API key {KEY_TEXT} could not be found."}
FAILURES: dict[str, tuple[Act, type[RegistryError], int, str, str]] = {
    "an unknown key": (says(400, UNKNOWN_KEY), Unauthorised, 1, "could not be found", "WXO_API_KEY"),
    "401": (says(401, {"message": "no"}), Unauthorised, 1, "401 Unauthorized: no", "WXO_API_KEY"),
    "403": (says(403, {"error_description": "no"}), Unauthorised, 1, "403 Forbidden: no", "WXO_API_KEY"),
    "404": (says(404), Rejected, 1, "404 Not Found", "auth.token_url"),
    "a limit": (says(429), RateLimited, 5, "429", ""),
    "500": (says(500), UnexpectedAnswer, 4, "500", ""),
    "no answer": (breaks_off(b""), Unreachable, 4, "broke before an answer", ""),
    "html": (says(200, b"<title>Log in</title>"), UnexpectedAnswer, 1, "not JSON", "auth.token_url"),
    "a list": (says(200, ["t-1"]), UnexpectedAnswer, 1, "no access token", "'iam' was used"),
    "the other form": (says(200, {"token": "t-1"}), UnexpectedAnswer, 1, "no access token", "auth.form"),
    "no text": (says(200, {"access_token": 1}), UnexpectedAnswer, 1, "no access token", "auth.form"),
    "an empty text": (says(200, {"access_token": ""}), UnexpectedAnswer, 1, "no access token", ""),
    "no header": (says(200, {"access_token": "t\n1"}), UnexpectedAnswer, 1, "no access token", ""),
}


@pytest.mark.parametrize("case", FAILURES)
@story
async def test_an_exchange_that_fails_is_told_with_its_endpoint_and_nothing_is_sent(case: str) -> None:
    act, kind, tries, text, hint = FAILURES[case]
    async with (
        serving(act) as iam,
        serving(says()) as server,
        opened(server.origin, token=source(iam)) as transport,
    ):
        error = await failure_of(transport.write("POST", "/models", b"{}"))
    assert type(error) is kind
    assert error.registry == "orq-prod"
    assert error.request == f"POST {iam.origin}{PATH}"
    assert error.message.startswith(f"orq-prod: POST {iam.origin}{PATH}: ")
    assert text in error.message
    assert hint in str(error.hint)
    for told in (error.message, str(error.hint)):
        assert KEY_TEXT not in told
        assert "k&y" not in told
    assert len(iam.seen) == tries
    assert server.seen == []


@story
async def test_an_endpoint_that_is_not_there() -> None:
    async with serving(says()) as iam:
        pass
    async with opened("http://127.0.0.1:9", token=source(iam)) as transport:
        error = await failure_of(transport.read("GET", "/models"))
    assert type(error) is Unreachable
    assert f"POST {iam.origin}{PATH}: cannot connect" in error.message
    assert "`auth.token_url`" in str(error.hint)


@story
async def test_an_address_that_is_none() -> None:
    token = AccessToken(TokenExchange(KEY, "https://iam..x/token?k=planted", "iam"), registry="orq-prod")
    async with opened("http://127.0.0.1:9", token=token) as transport:
        error = await failure_of(transport.read("GET", "/models"))
    assert error.message == "orq-prod: its auth.token_url is not a valid address"
    assert "`auth.token_url`" in str(error.hint)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@story
async def test_the_key_never_follows_a_redirect(status: int) -> None:
    async with (
        serving(issues()) as other,
        serving(says(status, location=f"{other.origin}{PATH}")) as iam,
        opened("http://127.0.0.1:9", token=source(iam)) as transport,
    ):
        error = await failure_of(transport.read("GET", "/models"))
    assert type(error) is UnexpectedAnswer
    assert "not followed, and nothing was sent there" in error.message
    assert "auth.token_url" in str(error.hint)
    assert (len(iam.seen), other.seen) == (1, [])


@story
async def test_calls_that_wait_for_an_exchange_share_its_failure_and_later_ones_try_again() -> None:
    waiting = asyncio.Event()

    async def refuses_late(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await waiting.wait()
        await says(400, UNKNOWN_KEY)(seen, writer)

    async with (
        serving(refuses_late, issues()) as iam,
        serving(says()) as server,
        opened(server.origin, token=source(iam)) as transport,
    ):
        calls = [asyncio.create_task(transport.read("GET", "/")) for _ in range(5)]
        while not iam.seen:  # noqa: ASYNC110 - asyncio has no event for what is asked here
            await asyncio.sleep(0.005)
        waiting.set()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [Unauthorised] * 5
        assert len(iam.seen) == 1
        assert server.seen == []
        await transport.read("GET", "/")
    assert tokens_of(server) == ["t-1"]


@story
async def test_a_passing_fault_of_the_endpoint_is_waited_out() -> None:
    time = Turned()
    async with (
        serving(says(503), says(429, retry_after="7"), issues()) as iam,
        serving(says()) as server,
        opened(server.origin, token=source(iam, clock=time.clock)) as transport,
    ):
        await transport.write("POST", "/models", b"{}")
    assert len(time.slept) >= 2
    assert 7.0 in time.slept
    assert tokens_of(server) == ["t-1"]


@story
async def test_a_renewal_that_fails_after_a_401_is_the_error() -> None:
    async with (
        serving(issues(), says(400, UNKNOWN_KEY)) as iam,
        serving(takes()) as server,
        opened(server.origin, token=source(iam)) as transport,
    ):
        error = await failure_of(transport.read("GET", "/models"))
    assert error.request == f"POST {iam.origin}{PATH}"
    assert len(server.seen) == 1


@story
async def test_no_log_record_holds_the_key_or_a_token(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("", *logging.root.manager.loggerDict):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]
    told = {"access_token": "planted-token", "expires_in": 1, "apikey": KEY_TEXT}
    async with (
        serving(says(200, told, x_key="planted-token")) as iam,
        serving(says(401), says()) as server,
        opened(server.origin, token=source(iam)) as transport,
    ):
        await transport.read("GET", "/models")
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]
    everything = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert f"POST {iam.origin}{PATH}: 200" in everything
    assert "planted-token" not in everything
    assert KEY_TEXT not in everything


# --- from reconciler.yaml to the embedded registry -------------------------------------------------


def written(folder: Path, auth: str, url: str = "https://wxo.example.com") -> Any:
    path = folder / "reconciler.yaml"
    path.write_text(
        "apiVersion: reconciler/v1\nkind: Config\nregistries:\n"
        f"  wxo: {{kind: orq, url: '{url}', auth: {{ibm_api_key: {{env: WXO_API_KEY}}{auth}}}}}\n"
    )
    return load_config(path, "reconciler.yaml")


PUBLIC = "https://iam.cloud.ibm.com/identity/token"
PLATFORM = "https://iam.platform.saas.ibm.com/siusermgr/api/1.0/apikeys/token"


@pytest.mark.parametrize(
    ("auth", "asked"),
    [
        ("", (PUBLIC, "iam")),
        (", form: iam", (PUBLIC, "iam")),
        (", form: mcsp", (PLATFORM, "mcsp")),
        (", token_url: 'https://x.example/identity/token'", ("https://x.example/identity/token", "iam")),
        (", token_url: 'https://x.example/token'", ("https://x.example/token", "iam")),
        (
            ", token_url: 'https://x.example/api/2.0/apikeys/token'",
            ("https://x.example/api/2.0/apikeys/token", "mcsp"),
        ),
        (", token_url: 'https://x.example/token', form: mcsp", ("https://x.example/token", "mcsp")),
        (
            ", token_url: 'https://x.example/apikeys/token', form: iam",
            ("https://x.example/apikeys/token", "iam"),
        ),
    ],
)
def test_the_endpoint_and_its_form(tmp_path: Path, auth: str, asked: tuple[str, str]) -> None:
    entry = written(tmp_path, auth).value.registries["wxo"]
    assert entry.auth.asked == asked


def test_a_connection_has_the_exchange_and_shows_no_key(tmp_path: Path) -> None:
    connection = connect(written(tmp_path, ""), "wxo", {"WXO_API_KEY": "planted"})
    assert connection.token is None
    assert isinstance(connection.auth, AccessToken)
    assert connection.credentials is connection.auth
    assert connection.auth.name == "WXO_API_KEY, the API key of registry 'wxo'"
    assert "planted" not in f"{connection!r} {TokenExchange(Secret('KEY', 'planted'), PUBLIC, 'iam')!r}"


def test_a_key_that_is_not_set(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="WXO_API_KEY is not set"):
        connect(written(tmp_path, ""), "wxo", {})


class ServerTime:
    """The time of the embedded registry's tokens, in seconds since the epoch."""

    now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def server_time(monkeypatch: pytest.MonkeyPatch) -> ServerTime:
    time = ServerTime()
    monkeypatch.setattr("reconciler.embedded.tokens.time", time)
    return time


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    options = Options(access_token_seconds=20)
    with live_registry(tmp_path / "registry.db", token=KEY_TEXT, options=options) as running:
        yield running


@pytest.mark.parametrize("knows_the_time", [True, False])
@story
async def test_tokens_that_end_between_calls_to_the_embedded_registry(
    live: Live, server_time: ServerTime, knows_the_time: bool
) -> None:
    """Renewed in time where the clocks agree, and after a 401 where ours stands still."""
    clock = Clock(monotonic=server_time.time) if knows_the_time else Turned().clock
    token = AccessToken(TokenExchange(KEY, live.url + PATH, "iam"), registry="orq-prod", clock=clock)
    async with opened(f"{live.url}/v1/orchestrate", token=token) as transport:
        for number in range(6):
            body = json.dumps({"name": f"virtual-model/openai/m-{number}", "connection_id": "c"}).encode()
            await transport.write("POST", "/models", body)
            lists = await asyncio.gather(*(transport.read("GET", "/models") for _ in range(8)))
            assert {len(reply.data) for reply in lists} == {number + 1}
            server_time.now += 21
    exchanges = [seen for seen in live.seen if seen.path == PATH]
    calls = [seen for seen in live.seen if seen.path != PATH]
    assert len(exchanges) == 6
    assert len(calls) == 6 * 9 + (0 if knows_the_time else 5)


@story
async def test_a_key_that_the_embedded_registry_does_not_know(live: Live) -> None:
    exchange = TokenExchange(Secret("WXO_API_KEY", "planted"), live.url + PATH, "iam")
    async with opened(live.url, token=AccessToken(exchange, registry="orq-prod")) as transport:
        error = await failure_of(transport.read("GET", "/v1/orchestrate/models"))
    assert type(error) is Unauthorised
    assert "Provided API key could not be found" in error.message
    assert "check WXO_API_KEY" in str(error.hint)
