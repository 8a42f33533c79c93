"""The parts of a probe that the command line's own checks keep away from it, and its rules by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import product

import httpx
import pytest

from reconciler.errors import ExitCode
from reconciler.http.answer import Answer
from reconciler.plan import Failure
from reconciler.probe.calls import _beginning, probe
from reconciler.probe.reading import Voice, read_list
from reconciler.probe.requests import CAPABILITIES, LIST, capability, completion
from reconciler.probe.results import MOST_REQUESTS, Probe, Probed, Sight, exit_code, row, verdict
from reconciler.probe.targets import Target
from reconciler.secrets import EnvSource, SecretRef, SecretRule, SecretStore

KEY = "sk-live-Vq7Wm2Zt9Kc4Rn8B"
URL = "https://llm.invalid/v1"


def failed(target: Target, *, hosts: str = "llm.invalid") -> tuple[Probed, Failure]:
    """Probes a target that must fail before anything is sent."""
    rules = {"HOUSE": SecretRule("HOUSE", EnvSource("HOUSE_KEY"), frozenset({hosts}))}
    found = asyncio.run(probe(target, SecretStore(rules, {"HOUSE_KEY": KEY}), seconds=5))
    assert found.failure is not None
    assert (found.requests, found.rows) == (0, ())
    assert KEY not in repr(found)
    return found, found.failure


def target(url: str = URL, key: str = "HOUSE") -> Target:
    return Target("house", url, "llama", "chat", SecretRef(key), {"one": {}})


def test_the_list_of_hosts_holds_for_a_probe_too() -> None:
    found, failure = failed(target(), hosts="llm.example.com")
    assert (failure.code, failure.message) == ("secret", "HOUSE: may not be sent to llm.invalid")
    assert failure.hint == "its list in reconciler.yaml has llm.example.com"
    assert found.secret == "HOUSE"


def test_a_name_that_no_secret_has_is_not_repeated() -> None:
    found, failure = failed(target(key="sk_live_pasted"))
    assert failure.code == "secret"
    assert found.secret is None
    assert "sk_live_pasted" not in repr(found)


def test_an_address_that_cannot_be_called() -> None:
    _, failure = failed(target("http://[:::::]/v1"), hosts="[:::::]")
    assert failure == Failure(
        "unreachable", "http://[:::::]/v1 is no address that can be called", "correct spec.endpoint.base_url"
    )


@pytest.mark.parametrize("host", ["10.0.0.7", "llm.example.com", "127.0.0.1.example.com"])
def test_a_key_does_not_go_in_clear_to_another_machine(host: str) -> None:
    _, failure = failed(target(f"http://{host}/v1"), hosts=host)
    assert failure == Failure(
        "secret",
        "HOUSE: http:// would send it in clear",
        "use https:// in spec.endpoint.base_url, or set `insecure_http: true` on this secret",
    )


def test_where_a_redirect_leads_may_be_no_address() -> None:
    answer = Answer(302, httpx.Headers(), b"", None, location="http://a:b/")
    sight = read_list(answer, Voice(URL), model="llama")
    assert sight == Sight(
        "unknown", "302 Found: it redirects to an address that is none, which is not followed", 302
    )


class Endless(httpx.AsyncByteStream):
    """A stream of one event in two pieces, which must not be read any further."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b': wait\n\ndata: {"choi'
        yield b'ces": []}\n\ndata: {"cho'
        pytest.fail("read past the first event")


def test_a_stream_is_not_read_past_its_first_event() -> None:
    async def beginning() -> Answer:
        deadline = asyncio.get_running_loop().time() + 60
        return await _beginning(httpx.Response(200, stream=Endless()), deadline)

    answer = asyncio.run(beginning())
    assert (answer.body, answer.flaw) == (b': wait\n\ndata: {"choices": []}\n\n', None)


def test_certificates_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/does/not/exist.pem")
    _, failure = failed(target())
    assert failure.code == "unreachable"
    assert "proxy or certificate settings" in failure.message


def test_no_model_has_more_questions_than_requests() -> None:
    answers = completion("chat", "m")
    assert answers is not None
    questions = [LIST, answers, *(capability(name, "m", "max_tokens") for name in CAPABILITIES)]
    assert len(questions) == MOST_REQUESTS == len({question.about for question in questions})


@pytest.mark.parametrize("declared", ["yes", "no", "not declared"])
@pytest.mark.parametrize("seen", ["yes", "no", "unknown"])
def test_a_verdict_compares_only_what_is_declared_and_seen(declared: str, seen: str) -> None:
    said = verdict(declared, seen)  # type: ignore[arg-type]
    if declared == "not declared":
        assert said == "not declared"
    elif seen == "unknown":
        assert said == "unknown"
    else:
        assert said == ("agrees" if declared == seen else "differs")


@pytest.mark.parametrize(("fails", "differs", "counts"), list(product([True, False], repeat=3)))
def test_the_exit_code_of_a_run(fails: bool, differs: bool, counts: bool) -> None:
    line = row("tools", ["one"], "yes", Sight("no" if differs else "yes"))
    failure = Failure("unreachable", "gone") if fails else None
    good = Probed("a", ("one",), URL, "m", "chat", None, 6)
    one = Probed("b", ("one",), URL, "m", "chat", None, 6, (line,), failure)
    wanted = ExitCode.ERROR if fails else ExitCode.CHANGES if differs and counts else ExitCode.OK
    assert exit_code(Probe((good, one), ()), differences_count=counts) is wanted
