"""`reconciler probe` against an endpoint whose answers the tests write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from published import published

from .conftest import Run
from .endpoint import CALL, EVENT, MODEL, STREAM, Asked, Endpoint, Says, choice
from .folder import Folder, Result
from .test_startup import HEAVY, loaded

KEY = "sk-live-Vq7Wm2Zt9Kc4Rn8B"
SCHEMA = Draft202012Validator(published("probe.schema.json"))
QUESTIONS = ["listed", "answers", "streaming", "tools", "json_schema", "vision"]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as one:
        yield one


@pytest.fixture(autouse=True)
def house(folder: Folder, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A folder with one manifest that declares the endpoint and a key for it."""
    monkeypatch.setenv("HOUSE_KEY", KEY)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # loopback is never asked through a proxy
    config(folder)
    folder.models(manifest(endpoint))
    return folder


def config(folder: Folder, *, hosts: str = "127.0.0.1") -> None:
    folder.config(
        "default_registries: [one]\n"
        "registries:\n  one: {kind: orq, embedded: one.db}\n  two: {kind: orq, embedded: two.db}\n"
        f"secrets:\n  HOUSE: {{env: HOUSE_KEY, hosts: [{hosts}]}}\n"
    )


def manifest(
    endpoint: Endpoint,
    name: str = "house-llama",
    *,
    key: bool = True,
    kind: str = "chat",
    model: str = MODEL,
    capabilities: str = "tools: true",
    url: str = "",
    more: str = "",
) -> str:
    api_key = ", api_key: {secret: HOUSE}" if key else ""
    return (
        "apiVersion: reconciler/v1\nkind: Model\n"
        f"metadata: {{name: {name}}}\n"
        "spec:\n"
        f"  type: {kind}\n"
        f"  model: {model}\n"
        f'  endpoint: {{base_url: "{url or endpoint.url}", region: europe{api_key}}}\n'
        f"  capabilities: {{{capabilities}}}\n{more}"
    )


def probed(result: Result, index: int = 0) -> dict[str, Any]:
    one: dict[str, Any] = result.document["probed"][index]
    return one


def rows(result: Result, index: int = 0) -> dict[str, tuple[str, str, str]]:
    return {
        row["about"]: (row["declared"], row["seen"], row["verdict"]) for row in probed(result, index)["rows"]
    }


def reason(result: Result, about: str) -> str:
    [row] = [row for row in probed(result)["rows"] if row["about"] == about]
    text: str = row["reason"]
    return text


def run(cli: Run, *words: str) -> Result:
    """A probe with -o json: one document, true to its schema, that says how the run ended."""
    result = cli("probe", "-o", "json", *words)
    assert [error.message for error in SCHEMA.iter_errors(result.document)] == []
    assert result.document["exit_code"] == result.code
    assert KEY not in result.out + result.err
    return result


# --- an endpoint that does everything ----------------------------------------------------------------


def test_what_is_declared_stands_beside_what_is_seen(cli: Run, endpoint: Endpoint) -> None:
    endpoint.key = KEY
    result = run(cli, "--exit-code")
    assert result.code == 0
    assert rows(result) == {
        "listed": ("yes", "yes", "agrees"),
        "answers": ("yes", "yes", "agrees"),
        "streaming": ("not declared", "yes", "not declared"),
        "tools": ("yes", "yes", "agrees"),
        "json_schema": ("not declared", "yes", "not declared"),
        "vision": ("not declared", "yes", "not declared"),
    }
    assert endpoint.questions == QUESTIONS
    assert (probed(result)["requests"], result.document["most_requests"]) == (6, 6)
    assert probed(result)["secret"] == "HOUSE"
    assert {asked.headers["authorization"] for asked in endpoint.asked} == {f"Bearer {KEY}"}


def test_the_text_has_the_table_and_the_greatest_number_of_requests(cli: Run, endpoint: Endpoint) -> None:
    endpoint.says["vision"] = Says(400, {"error": {"message": "no pictures here"}})
    result = cli("probe")
    assert result.code == 0
    assert result.out.splitlines() == [
        f"house-llama  ({MODEL} at {endpoint.url}, secret HOUSE)",
        "  for one; 6 requests",
        "               declared      seen  verdict",
        "  listed       yes           yes   agrees",
        "  answers      yes           yes   agrees",
        "  streaming    not declared  yes   –",
        "  tools        yes           yes   agrees",
        "  json_schema  not declared  yes   –",
        "  vision       not declared  no    –        400 Bad Request: no pictures here",
        "",
        "Probe: 1 endpoint, 6 requests (at most 6 for each): 3 agree, 3 not declared.",
    ]
    assert "at most 6 requests" in " ".join(cli("probe", "--help").out.split())


def test_every_request_is_small_and_asks_for_the_declared_model(cli: Run, endpoint: Endpoint) -> None:
    run(cli)
    bodies = {asked.about: asked.body for asked in endpoint.asked if asked.body is not None}
    assert {body["model"] for body in bodies.values()} == {MODEL}
    limits = {about: body["max_tokens"] for about, body in bodies.items()}
    assert limits == {"answers": 1, "streaming": 1, "tools": 128, "json_schema": 128, "vision": 1}
    assert bodies["tools"]["tool_choice"]["function"]["name"] == "answer"
    assert bodies["vision"]["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png")


def test_without_a_key_none_is_sent(folder: Folder, cli: Run, endpoint: Endpoint) -> None:
    folder.models(manifest(endpoint, key=False))
    result = run(cli)
    assert result.code == 0
    assert probed(result)["secret"] is None
    assert not any("authorization" in asked.headers for asked in endpoint.asked)
    assert "no key" in cli("probe").out


def test_no_registry_is_opened(folder: Folder, cli: Run) -> None:
    run(cli)
    assert not (folder.path / "one.db").exists()


# --- verdicts ----------------------------------------------------------------------------------------


def test_a_declared_capability_that_is_refused_differs(folder: Folder, cli: Run, endpoint: Endpoint) -> None:
    endpoint.says["tools"] = Says(400, {"error": {"message": "this model knows no functions"}})
    assert run(cli).code == 0
    result = run(cli, "--exit-code")
    assert result.code == 2
    assert rows(result)["tools"] == ("yes", "no", "differs")
    assert reason(result, "tools") == "400 Bad Request: this model knows no functions"
    folder.models(manifest(endpoint, capabilities="tools: false"))
    assert rows(run(cli, "--exit-code"))["tools"] == ("no", "no", "agrees")


def test_a_capability_that_is_declared_absent_and_there_differs(
    folder: Folder, cli: Run, endpoint: Endpoint
) -> None:
    folder.models(manifest(endpoint, capabilities="vision: false, tools: null"))
    result = run(cli, "--exit-code")
    assert result.code == 2
    assert rows(result)["vision"] == ("no", "yes", "differs")
    assert rows(result)["tools"] == ("not declared", "yes", "not declared")


def test_a_capability_that_is_never_probed_is_unknown(folder: Folder, cli: Run, endpoint: Endpoint) -> None:
    folder.models(manifest(endpoint, capabilities="reasoning: true"))
    result = run(cli, "--exit-code")
    assert result.code == 0
    assert rows(result)["reasoning"] == ("yes", "unknown", "unknown")
    assert reason(result, "reasoning") == "not probed"


@pytest.mark.parametrize(
    "case",
    [
        ("tools", choice({"content": "pong"}), "no", "does not call the tool"),
        ("tools", choice({"tool_calls": [{**CALL, "function": {"name": "other"}}]}), "no", "does not call"),
        ("tools", choice({"content": "po"}, "length"), "unknown", "cut off at its token limit"),
        ("tools", Says(400, {"error": "tool_choice cannot be forced"}), "unknown", "cannot be forced"),
        ("tools", Says(404, {"error": {"message": "no provider with tools"}}), "no", "no provider"),
        ("tools", Says(body={"choices": []}), "unknown", "holds no result"),
        ("tools", Says(body={"choices": [None]}), "no", "does not call the tool"),
        ("json_schema", choice({"content": "pong"}), "no", "does not keep to the schema"),
        ("json_schema", choice({"content": '{"other": 1}'}), "no", "does not keep to the schema"),
        ("json_schema", choice({"content": '["answer"]'}), "no", "does not keep to the schema"),
        ("json_schema", choice({"content": '{"ans'}, "length"), "unknown", "cut off at its token limit"),
        ("json_schema", Says(422, {"detail": [{"msg": "no such format"}]}), "no", "no such format"),
        ("json_schema", Says(200, {"error": {"message": "overloaded"}}), "unknown", "with an error: overl"),
        ("vision", Says(429, {"error": {"message": "slow down"}}), "unknown", "429 Too Many Requests: slow"),
        ("vision", Says(500, b"Internal Server Error"), "unknown", "500 Internal Server Error"),
        ("vision", Says(401, {"message": "not you"}), "unknown", "401 Unauthorized: not you"),
        ("vision", Says(501), "no", "501 Not Implemented: no message"),
        ("vision", Says(200, b"<html>hello</html>"), "unknown", "not JSON: <html>hello</html>"),
        ("streaming", choice({"content": "pong"}), "no", "came whole, not as a stream"),
        ("streaming", Says(body=b"data: [DONE]\n\n", headers=STREAM), "no", "no event came"),
        ("streaming", Says(body=b'data: {"error": {"message": "busy"}}\n\n'), "unknown", "error: busy"),
        ("streaming", Says(body=b": wait\n" * 20_000), "unknown", "no event in the first 65536 bytes"),
        ("streaming", Says(400, {"error": {"message": "no streams"}}), "no", "no streams"),
        ("listed", Says(404), "unknown", "404 Not Found: the endpoint has no list"),
        ("listed", Says(405), "unknown", "the endpoint has no list"),
        ("listed", Says(501), "unknown", "the endpoint has no list"),
        ("listed", Says(403, {"error": "missing scope"}), "unknown", "403 Forbidden: missing scope"),
        ("listed", Says(500), "unknown", "500 Internal Server Error: no message"),
        ("listed", Says(body={"models": ["a"]}), "unknown", "the answer is no list of models"),
        ("listed", Says(body={"data": [{"id": "llama-3.3-70"}, 7]}), "no", "did you mean 'llama-3.3-70'?"),
    ],
)
def test_what_an_answer_shows(
    folder: Folder, cli: Run, endpoint: Endpoint, case: tuple[str, Says, str, str]
) -> None:
    about, said, seen, told = case
    folder.models(manifest(endpoint, capabilities=f"{about}: true" if about != "listed" else ""))
    endpoint.says[about] = said
    result = run(cli, "--exit-code")
    verdict = "differs" if seen == "no" else "unknown"
    assert rows(result)[about] == ("yes", seen, verdict)
    assert told in reason(result, about)
    assert result.code == (2 if seen == "no" else 0)
    assert endpoint.questions == QUESTIONS


def test_a_stream_is_read_to_its_first_event(folder: Folder, cli: Run, endpoint: Endpoint) -> None:
    endpoint.says["streaming"] = Says(body=EVENT[:20], headers=STREAM, then=endpoint.ended.wait)
    folder.models(manifest(endpoint, capabilities="streaming: true"))
    cut = run(cli, "--timeout", "1.2")
    assert rows(cut)["streaming"] == ("yes", "unknown", "unknown")
    assert "no event came in time" in reason(cut, "streaming")
    endpoint.says["streaming"] = Says(body=EVENT, headers=STREAM, then=endpoint.ended.wait)
    assert rows(run(cli))["streaming"] == ("yes", "yes", "agrees")


def test_a_stream_that_breaks_off_before_its_first_event(cli: Run, endpoint: Endpoint) -> None:
    longer = {**STREAM, "content-length": "500"}
    endpoint.says["streaming"] = Says(body=EVENT[:20], headers=longer, then=lambda: None)
    assert reason(run(cli), "streaming") == "200 OK: the answer broke off"


def test_a_model_that_wants_the_newer_name_of_the_token_limit_gets_it(cli: Run, endpoint: Endpoint) -> None:
    words = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    endpoint.says["answers"] = Says(400, {"error": {"message": words}})
    result = run(cli, "--exit-code")
    assert result.code == 0
    assert endpoint.questions == QUESTIONS
    assert rows(result)["answers"] == ("yes", "yes", "agrees")
    later = [asked.body for asked in endpoint.asked[2:]]
    assert all("max_completion_tokens" in body and "max_tokens" not in body for body in later)


def test_it_has_not_answered_where_nothing_came_of_the_newer_name(cli: Run, endpoint: Endpoint) -> None:
    words = {"error": {"message": "use max_completion_tokens"}}
    endpoint.says = dict.fromkeys(QUESTIONS[1:], Says(400, words))
    result = run(cli)
    assert result.code == 1
    assert "use max_completion_tokens" in probed(result)["failure"]["message"]
    assert endpoint.questions == QUESTIONS


# --- other types -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        ("completion", "/v1/completions", {"choices": [{"text": "p"}]}),
        ("embedding", "/v1/embeddings", {"data": [{"embedding": [0.5]}]}),
    ],
)
def test_types_that_answer_but_do_not_chat(
    folder: Folder, cli: Run, endpoint: Endpoint, case: tuple[str, str, Any]
) -> None:
    kind, path, body = case
    folder.models(manifest(endpoint, kind=kind))
    endpoint.says["answers"] = Says(body=body)
    result = run(cli, "--exit-code")
    assert result.code == 0
    assert [asked.path for asked in endpoint.asked] == ["/v1/models", path]
    assert rows(result)["answers"] == ("yes", "yes", "agrees")
    assert reason(result, "tools") == f"not asked: the type is {kind}, not chat"
    assert set(rows(result)) == {"listed", "answers", "tools"}
    endpoint.says["answers"] = Says(body={"data": [], "choices": []})
    assert run(cli).code == 1


def test_every_other_type_is_only_looked_up_in_the_list(folder: Folder, cli: Run, endpoint: Endpoint) -> None:
    folder.models(manifest(endpoint, kind="image", capabilities=""))
    result = run(cli)
    assert (result.code, endpoint.questions) == (0, ["listed"])
    assert rows(result) == {"listed": ("yes", "yes", "agrees")}
    endpoint.says["listed"] = Says(404)
    assert run(cli).code == 0
    endpoint.says["listed"] = Says(403, {"error": "no"})
    assert run(cli).code == 1
    endpoint.says["listed"] = Says(200, b"<html>")
    assert run(cli).code == 1


def test_without_a_type_only_the_list_is_asked(folder: Folder, cli: Run, endpoint: Endpoint) -> None:
    folder.models(manifest(endpoint))
    folder.edit("  type: chat\n", "")
    result = run(cli)
    assert (result.code, endpoint.questions) == (0, ["listed"])
    assert reason(result, "tools") == "not asked: spec.type is not declared"


# --- endpoints that fail -----------------------------------------------------------------------------


def failure(result: Result, code: str) -> str:
    """The message of the one failure."""
    assert result.code == 1
    found = probed(result)["failure"]
    assert found["code"] == code
    message: str = found["message"]
    return message


def test_a_refused_key_is_named_and_never_shown(cli: Run, endpoint: Endpoint) -> None:
    endpoint.key = "another"
    result = run(cli, "--exit-code")
    message = failure(result, "unauthorised")
    assert f"GET {endpoint.url}/models: 401 Unauthorized: no such key" in message
    assert "[secret HOUSE]" in message
    assert probed(result)["failure"]["hint"].startswith("check HOUSE: ")
    assert endpoint.questions == ["listed"]
    assert rows(result)["tools"] == ("yes", "unknown", "unknown")
    text = cli("probe")
    assert text.code == 1
    assert KEY not in text.out + text.err
    assert text.out.count("401 Unauthorized") == 1
    assert "1 endpoint failed" in text.out


def test_a_key_that_is_missing_is_asked_for(folder: Folder, cli: Run, endpoint: Endpoint) -> None:
    endpoint.key = "one"
    folder.models(manifest(endpoint, key=False))
    result = run(cli)
    failure(result, "unauthorised")
    assert probed(result)["failure"]["hint"] == ("no key was sent: the manifest has no spec.endpoint.api_key")


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        (
            Says(404, {"error": {"message": f"no model {MODEL}"}}),
            "rejected",
            f"404 Not Found: no model {MODEL}",
        ),
        (Says(429, {"error": {"message": "quota"}}), "rate-limited", "429 Too Many Requests: quota"),
        (Says(403, {"error": {"message": "no"}}), "unauthorised", "403 Forbidden: no"),
        (Says(503, b"busy"), "unexpected-answer", "503 Service Unavailable: busy"),
        (Says(200, b"<!doctype html>"), "unexpected-answer", "but the answer is not JSON: <!doctype html>"),
        (Says(200, {"error": {"message": "odd"}}), "unexpected-answer", "200 OK with an error: odd"),
        (Says(200, b" " * 9_000_000), "unexpected-answer", "larger than 8388608 bytes"),
        (Says(200, b"[" * 100_000), "unexpected-answer", "but the answer is not JSON: [[["),
        (Says(500, b"x" * 9_000_000), "unexpected-answer", "500 Internal Server Error: xxx"),
    ],
)
def test_a_model_that_does_not_answer_fails_and_is_asked_no_more(
    cli: Run, endpoint: Endpoint, said: Says, code: str, told: str
) -> None:
    endpoint.says["answers"] = said
    result = run(cli, "--exit-code")
    message = failure(result, code)
    assert message.startswith(f"POST {endpoint.url}/chat/completions: ")
    assert told in message
    assert len(message) < 800
    assert endpoint.questions == ["listed", "answers"]
    assert reason(result, "tools") == "not asked: the endpoint failed before"


def test_an_endpoint_that_is_not_there(
    folder: Folder, cli: Run, endpoint: Endpoint, closed_port: int
) -> None:
    folder.models(
        manifest(endpoint, "gone", url=f"http://127.0.0.1:{closed_port}/v1"), manifest(endpoint, "there")
    )
    result = run(cli)
    message = failure(result, "unreachable")
    assert f"GET http://127.0.0.1:{closed_port}/v1/models: cannot connect" in message
    assert probed(result)["requests"] == 1
    assert rows(result, 1)["tools"] == ("yes", "yes", "agrees")


def test_a_slow_answer_is_given_up(cli: Run, endpoint: Endpoint) -> None:
    endpoint.says["answers"] = endpoint.hangs
    message = failure(run(cli, "--timeout", "1.2"), "unreachable")
    assert message.endswith("no answer within 1.2 seconds")
    assert endpoint.questions == ["listed", "answers"]


def test_an_answer_that_drips_is_given_up(cli: Run, endpoint: Endpoint) -> None:
    def drips(_asked: Asked) -> Says:
        return Says(body=b'{"choices": [', then=endpoint.ended.wait)

    endpoint.says["answers"] = drips
    message = failure(run(cli, "--timeout", "1.2"), "unexpected-answer")
    assert message.endswith("200 OK: the answer did not end in time")


def test_a_slow_list_stops_nothing(cli: Run, endpoint: Endpoint) -> None:
    endpoint.says["listed"] = endpoint.hangs
    result = run(cli, "--timeout", "1.2")
    assert result.code == 0
    assert rows(result)["listed"] == ("yes", "unknown", "unknown")
    assert endpoint.questions == QUESTIONS


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_and_no_key_goes_elsewhere(cli: Run, endpoint: Endpoint, status: int) -> None:
    with Endpoint() as elsewhere:
        location = {"location": f"{elsewhere.url}/chat/completions?key={KEY}"}
        endpoint.says["answers"] = Says(status, headers=location)
        endpoint.says["listed"] = Says(status, headers={"location": f"//{KEY}.invalid/"})
        result = run(cli)
        message = failure(result, "unexpected-answer")
        assert message.endswith(f"it redirects to http://127.0.0.1:{elsewhere.port}, which is not followed")
        assert elsewhere.asked == []
        assert endpoint.questions == ["listed", "answers"]


def test_a_redirect_to_nowhere(cli: Run, endpoint: Endpoint) -> None:
    endpoint.says["listed"] = Says(302)
    assert reason(run(cli), "listed") == "302 Found: it redirects to nowhere, which is not followed"


@pytest.mark.parametrize("location", ["http://a:b/", "http://xn--/", "javascript:x", f"http://{KEY}:b"])
def test_a_redirect_that_cannot_be_read(cli: Run, endpoint: Endpoint, location: str) -> None:
    endpoint.says["listed"] = Says(302, headers={"location": location})
    result = run(cli)
    assert rows(result)["listed"] == ("yes", "unknown", "unknown")
    assert "302 Found: it redirects to " in reason(result, "listed")
    assert "which is not followed" in reason(result, "listed")
    assert endpoint.questions == QUESTIONS


# --- what an endpoint says -----------------------------------------------------------------------------


def test_an_echoed_key_is_struck_out_everywhere(cli: Run, endpoint: Endpoint) -> None:
    words = f"you sent {KEY}, in an address {KEY.replace('-', '%2D')}"
    endpoint.says = {
        "listed": Says(500, {"error": {"message": words}}),
        "streaming": Says(body=f'data: {{"error": "{words}"}}\n\n'.encode()),
        "tools": Says(400, {"error": words}),
        "json_schema": Says(200, words.encode()),
        "vision": Says(403, {"detail": words}),
    }
    result = run(cli)
    assert result.code == 0
    for about in endpoint.says:
        assert "[secret HOUSE]" in reason(result, about), about
        assert "%2D" not in reason(result, about)
    log = cli("probe", "-vv")
    assert KEY not in log.out + log.err
    assert f"GET {endpoint.url}/models: 500" in log.err


def test_control_characters_are_spelled_out(cli: Run, endpoint: Endpoint) -> None:
    endpoint.says["tools"] = Says(400, {"error": {"message": "\x1b[31mred\x07\u202e\r\nnext"}})
    for words in ([], ["-o", "json"]):
        result = cli("probe", *words)
        assert not {"\x1b", "\x07", "\u202e", "\r"} & {*result.out}
    assert reason(run(cli), "tools") == "400 Bad Request: \\x1b[31mred\\x07\\u202e next"


def test_a_listed_name_is_as_harmless_as_other_words(cli: Run, endpoint: Endpoint) -> None:
    endpoint.says["listed"] = Says(body={"data": [{"id": f"{MODEL}\x1b"}]})
    assert "\x1b" not in cli("probe").out
    assert "did you mean 'llama-3.3-70b\\x1b'?" in reason(run(cli), "listed")


# --- keys --------------------------------------------------------------------------------------------


def test_a_key_that_is_not_set_stops_its_endpoint_alone(
    folder: Folder, cli: Run, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOUSE_KEY")
    folder.models(manifest(endpoint, "locked"), manifest(endpoint, "open", key=False))
    result = run(cli)
    assert failure(result, "secret") == "HOUSE: the environment variable HOUSE_KEY is not set"
    assert probed(result)["requests"] == 0
    assert rows(result, 1)["answers"] == ("yes", "yes", "agrees")
    assert "locked" in cli("probe").out


def test_a_key_that_no_header_can_hold(cli: Run, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_KEY", "clé")
    assert "has characters that a token cannot have" in failure(run(cli), "secret")
    assert endpoint.asked == []


def test_a_key_goes_only_where_its_list_allows(folder: Folder, cli: Run, endpoint: Endpoint) -> None:
    config(folder, hosts="llm.example.com")
    result = cli("probe", "-o", "json")
    assert result.code == 1
    assert "may not be sent to 127.0.0.1" in result.out
    assert endpoint.asked == []


# --- which manifests ---------------------------------------------------------------------------------


PLAIN = (
    "apiVersion: reconciler/v1\nkind: Model\nmetadata: {name: plain, labels: {team: support}}\n"
    "spec: {type: chat, model: gpt-4o-mini, provider: openai}\n"
)


def test_manifests_without_an_endpoint_are_skipped_and_named(
    folder: Folder, cli: Run, endpoint: Endpoint
) -> None:
    nameless = manifest(endpoint, "nameless").replace(f"  model: {MODEL}\n", "")
    folder.models(PLAIN, manifest(endpoint), nameless)
    result = run(cli)
    assert [(one["name"], one["reason"]) for one in result.document["skipped"]] == [
        ("plain", "no spec.endpoint.base_url"),
        ("nameless", "no spec.model to ask for"),
    ]
    assert "skipped, no spec.endpoint.base_url: plain for one" in cli("probe").out


def test_nothing_to_probe_is_no_error(folder: Folder, cli: Run, endpoint: Endpoint) -> None:
    folder.models(PLAIN)
    assert run(cli, "--exit-code").code == 0
    result = cli("probe")
    assert result.out.endswith("Probe: no manifest declares an endpoint; nothing was sent.\n")
    folder.models()
    assert run(cli).document["probed"] == []


def test_names_and_globs_choose(folder: Folder, cli: Run, endpoint: Endpoint) -> None:
    folder.models(*(manifest(endpoint, name) for name in ("a-1", "a-2", "b-1")), PLAIN)

    def chosen(*words: str) -> list[str]:
        document = run(cli, *words).document
        return [one["name"] for one in (*document["probed"], *document["skipped"])]

    assert chosen("a-2") == ["a-2"]
    assert chosen("b*", "a-1") == ["a-1", "b-1"]
    assert chosen("team=support") == ["plain"]
    result = cli("probe", "nobody", "-o", "json")
    assert (result.code, result.document["kind"]) == (1, "Error")
    assert "'nobody' fits no manifest" in result.err


def test_overrides_make_other_targets_and_same_ones_are_asked_once(
    folder: Folder, cli: Run, endpoint: Endpoint
) -> None:
    with Endpoint() as staging:
        override = f'{{two: {{endpoint: {{base_url: "{staging.url}", api_key: null}}, model: tiny}}}}'
        more = f"  registries: [one, two]\n  overrides: {override}\n"
        override = "{two: {capabilities: {tools: false}, display_name: Two}}"
        same = f"  registries: [one, two]\n  overrides: {override}\n"
        folder.models(manifest(endpoint, "apart", more=more), manifest(endpoint, "alike", more=same))
        result = run(cli, "--exit-code")
    one, two, alike = result.document["probed"]
    assert (one["registries"], one["model"], one["secret"]) == (["one"], MODEL, "HOUSE")
    assert (two["registries"], two["model"], two["secret"]) == (["two"], "tiny", None)
    assert rows(result, 1)["listed"] == ("yes", "no", "differs")
    assert len(staging.asked) == 6
    assert not any("authorization" in asked.headers for asked in staging.asked)
    assert {asked.body["model"] for asked in staging.asked if asked.body} == {"tiny"}
    assert alike["registries"] == ["one", "two"]
    assert len(endpoint.asked) == 12
    told = [
        (row["registries"], row["declared"], row["verdict"])
        for row in alike["rows"]
        if row["about"] == "tools"
    ]
    assert told == [(["one"], "yes", "agrees"), (["two"], "no", "differs")]
    assert "tools (two)" in cli("probe", "alike").out


def test_an_override_can_take_the_endpoint_away(folder: Folder, cli: Run, endpoint: Endpoint) -> None:
    more = "  registries: [one, two]\n  overrides: {two: {endpoint: {base_url: null}}}\n"
    folder.models(manifest(endpoint, more=more))
    document = run(cli).document
    assert document["probed"][0]["registries"] == ["one"]
    assert document["skipped"] == [
        {"name": "house-llama", "registries": ["two"], "reason": "no spec.endpoint.base_url"}
    ]


# --- requests, endings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", [Says(429, {}, {"retry-after": "0"}), Says(503), Says(307, headers={"location": "/v1/models"})]
)
def test_nothing_is_ever_sent_twice(cli: Run, endpoint: Endpoint, said: Says) -> None:
    endpoint.says = dict.fromkeys(set(QUESTIONS) - {"answers"}, said)
    result = run(cli)
    assert endpoint.questions == QUESTIONS
    assert probed(result)["requests"] == 6
    endpoint.asked.clear()
    endpoint.says = dict.fromkeys(QUESTIONS, said)
    run(cli)
    assert endpoint.questions == ["listed", "answers"]


def test_more_requests_than_are_promised_would_be_a_bug(
    cli: Run, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.probe.calls.MOST_REQUESTS", 3)
    result = cli("probe", "-o", "json")
    assert (result.code, result.document["error"]["code"]) == (1, "internal")
    assert endpoint.questions == QUESTIONS[:3]


def test_a_broken_connection_is_not_tried_again(cli: Run, endpoint: Endpoint) -> None:
    endpoint.says["answers"] = lambda _asked: None
    message = failure(run(cli), "unreachable")
    assert "no answer that can be read: " in message
    assert endpoint.questions == ["listed", "answers"]


@pytest.mark.parametrize("line", ["probe --timeout 0", "probe --timeout soon", "probe --wrong", "probe x y"])
def test_a_wrong_line_ends_with_one_document(cli: Run, endpoint: Endpoint, line: str) -> None:
    result = cli(*line.split(), "-o", "json")
    assert (result.code, result.document["kind"]) == (1, "Error")
    assert endpoint.asked == []


def test_a_mistake_in_a_manifest_is_told_before_anything_is_sent(
    folder: Folder, cli: Run, endpoint: Endpoint
) -> None:
    folder.models(manifest(endpoint, capabilities="tools: maybe"))
    result = cli("probe", "-o", "json")
    assert (result.code, result.document["kind"]) == (1, "Error")
    assert endpoint.asked == []


def test_an_interrupt_ends_it_with_one_document(folder: Folder, endpoint: Endpoint) -> None:
    reached = threading.Event()

    def hangs(asked: Asked) -> Says:
        reached.set()
        return endpoint.hangs(asked)

    endpoint.says["listed"] = hangs
    with folder.start("probe", "-o", "json") as process:
        assert reached.wait(30)
        process.terminate()
        out, err = process.communicate(timeout=30)
    result = Result(process.returncode, out, err)
    assert (result.code, result.document["kind"], result.document["exit_code"]) == (143, "Error", 143)
    assert "Traceback" not in err


def test_its_help_loads_no_client(folder: Folder) -> None:
    assert loaded(folder, HEAVY, "probe", "--help") == "code 0, loaded []"
