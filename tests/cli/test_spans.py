"""OpenTelemetry: the real SDK, and a collector on a socket that decodes what it sends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from tenacity import wait_fixed

from .collector import Collector, Span, collecting
from .conftest import Run
from .folder import Folder, manifest
from .live import Live, Seen
from .test_secrets import KEY, LINES, TOKEN, WITH_KEY, check_silent, outputs, with_secrets

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
CLIENT, INTERNAL = 3, 1
WARNING = "warning: the environment asks for OpenTelemetry traces: "
LOST = "warning: not all traces could be sent to where OTEL_EXPORTER_OTLP_ENDPOINT points\n"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OTEL_", "TRACEPARENT", "TRACESTATE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TOKEN", TOKEN)
    monkeypatch.setenv("UPSTREAM_KEY", KEY)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as one:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", one.url)
        yield one


@pytest.fixture
def live(folder: Folder, serve: Callable[..., Live]) -> Live:
    live = serve()
    folder.registries(prod=f'url: "{live.url}"')
    folder.models(manifest("a"), manifest("b"))
    return live


def path_to(collector: Collector, span: Span) -> list[str]:
    """The names of the spans that it is in, outermost first, then its own."""
    by_id = {each.id: each for each in collector.spans}
    names = [span.name]
    while span.parent in by_id:
        span = by_id[span.parent]
        names.insert(0, span.name)
    return names


def test_an_apply_is_one_trace(cli: Run, live: Live, collector: Collector) -> None:
    result = cli("apply", "--yes")
    assert (result.code, result.err) == (0, "")
    root = collector.named("reconciler apply")
    assert root.parent == ""
    assert root.facts == {"reconciler.exit_code": 0}
    assert {span.trace for span in collector.spans} == {root.trace}
    assert collector.paths == ["/v1/traces"]
    assert collector.resource["service.name"] == "reconciler"
    below = [span.name for span in collector.below(root)]
    assert below[:3] == ["load", "read", "plan"]
    assert {"apply", "proof", "report", "journal"} <= set(below)
    writes = [span for span in collector.spans if span.name == "POST /v2/models"]
    assert [path_to(collector, span) for span in writes] == [
        ["reconciler apply", "apply", "apply", "create Model", "POST /v2/models"]
    ] * 2
    actions = [span for span in collector.spans if span.name == "create Model"]
    actions.sort(key=lambda span: span.facts["reconciler.manifest"])
    assert [(span.kind, span.facts) for span in actions] == [
        (
            INTERNAL,
            {
                "reconciler.registry": "prod",
                "reconciler.registry.kind": "orq",
                "reconciler.operation": "create",
                "reconciler.resource": "Model",
                "reconciler.manifest": name,
                "reconciler.result": "done",
            },
        )
        for name in ("a", "b")
    ]


def test_a_request_has_its_path_template_and_status_and_no_query(
    folder: Folder, cli: Run, live: Live, collector: Collector
) -> None:
    assert cli("apply", "--yes").code == 0
    folder.models(manifest("a", price="0.2"), manifest("b"))
    collector.spans.clear()
    assert cli("apply", "--yes").code == 0
    update = collector.named("PATCH /v2/models/{id}")
    facts = dict(update.facts)
    size = facts.pop("http.response.body.size")
    assert size > 0
    assert facts.pop("reconciler.request_id")
    assert (update.kind, update.failed, facts) == (
        CLIENT,
        False,
        {
            "reconciler.registry": "prod",
            "reconciler.registry.kind": "orq",
            "http.request.method": "PATCH",
            "url.template": "/v2/models/{id}",
            "url.full": f"{live.url}/v2/models/a",
            "http.response.status_code": 200,
        },
    )
    asked = {span.facts["url.full"] for span in collector.spans if "url.full" in span.facts}
    assert len(asked) >= 3
    assert not any("?" in url or "@" in url for url in asked)


def test_an_error_is_told_by_its_code_alone(cli: Run, live: Live, collector: Collector) -> None:
    live.answer = lambda seen: (
        (400, {"message": "the price looks odd", "code": "bad"}) if seen.writes else None
    )
    assert cli("apply", "--yes").code == 1
    writes = [span for span in collector.spans if span.name == "POST /v2/models"]
    assert [(span.failed, span.facts["error.type"]) for span in writes] == [(True, "rejected")] * 2
    assert [span.facts["http.response.status_code"] for span in writes] == [400, 400]
    root = collector.named("reconciler apply")
    assert (root.failed, root.facts["reconciler.exit_code"]) == (True, 1)
    assert not any(b"looks odd" in body for body in collector.bodies)


def test_a_rate_limit_is_seen_as_a_retry_and_a_wait(
    cli: Run, live: Live, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.http.repeating._AFTER_LIMIT", wait_fixed(0.01))
    limited = iter([True])
    live.answer = lambda seen: (429, {}) if not seen.writes and next(limited, False) else None
    assert cli("plan").code == 0
    spans = [span for span in collector.spans if "http.request.resend_count" in span.facts]
    assert [span.facts["http.request.resend_count"] for span in spans] == [1]
    assert [span.facts["http.response.status_code"] for span in spans] == [200]
    assert [span.events for span in spans] == [["waits for a rate limit"]]


def test_the_trace_of_those_who_start_the_run_goes_on_in_it_and_not_to_registries(
    cli: Run, live: Live, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-{PARENT}-01")
    monkeypatch.setenv("TRACESTATE", "house=1")
    assert cli("apply", "--yes").code == 0
    root = collector.named("reconciler apply")
    assert (root.trace, root.parent) == (TRACE, PARENT)
    assert live.seen
    assert not any({"traceparent", "tracestate", "baggage"} & seen.headers.keys() for seen in live.seen)


@pytest.mark.parametrize("text", ["", "nonsense", f"00-{'0' * 32}-{PARENT}-01"])
def test_a_parent_that_is_none_begins_a_new_trace(
    cli: Run, live: Live, collector: Collector, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("TRACEPARENT", text)
    assert cli("validate").code == 0
    assert collector.named("reconciler validate").parent == ""


def test_the_name_of_the_service_can_be_chosen(
    cli: Run, live: Live, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=llm")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "models")
    cli("validate")
    assert (collector.resource["service.name"], collector.resource["team"]) == ("models", "llm")


@pytest.mark.parametrize(("name", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
@pytest.mark.usefixtures("live")
def test_the_environment_can_ask_for_none(
    cli: Run, collector: Collector, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    result = cli("validate")
    assert (result.code, result.err, collector.spans) == (0, "", [])


@pytest.mark.parametrize("line", ["--help", "plan --help", "--version", "unknown", ""])
def test_what_runs_nothing_is_not_traced(cli: Run, live: Live, collector: Collector, line: str) -> None:
    cli(*line.split())
    assert collector.spans == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER must be otlp or none"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "they are sent as http/protobuf only"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "-1"}, "a setting is wrong (ValueError)"),
    ],
)
@pytest.mark.usefixtures("live")
def test_settings_that_cannot_be_are_said_once_and_the_run_goes_on(
    cli: Run,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    words: str,
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    result = cli("apply", "--yes")
    assert result.code == 0
    assert result.err.startswith(f"{WARNING}{words}")
    assert result.err.count("\n") == 1
    check_silent(result, KEY)
    assert collector.spans == []


def test_without_the_extra_the_run_goes_on_with_one_warning(folder: Folder, live: Live) -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None; from reconciler.cli.app import run;"
        "sys.exit(run(sys.argv[1:]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "apply", "--yes"],
        cwd=folder.path,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=True,
    )
    words = "it is not installed, so this run sends none: pip install 'model-reconciler[otel]'\n"
    assert result.stderr == WARNING + words
    assert "Apply: 2 done." in result.stdout


def test_nothing_of_it_is_loaded_where_nobody_asks(folder: Folder, live: Live) -> None:
    program = (
        "import sys; from reconciler.cli.app import run; code = run(sys.argv[1:]);"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'google.protobuf'))]);"
        "sys.exit(code)"
    )
    for line in (["validate"], ["apply", "--yes"]):
        result = subprocess.run(
            [sys.executable, "-c", program, *line],
            cwd=folder.path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.splitlines()[-1] == "[]"


# ---- a collector that is of no use


def test_a_collector_that_is_down_costs_a_remark(
    cli: Run, live: Live, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.cli.spans.FLUSH_SECONDS", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://user:{KEY}@127.0.0.1:{closed_port}")
    result = cli("apply", "--yes")
    assert (result.code, result.err) == (0, LOST)
    assert "Apply: 2 done." in result.out


def test_a_collector_that_never_answers_is_not_waited_for(
    cli: Run, live: Live, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.cli.spans.FLUSH_SECONDS", 0.2)
    collector.let_go = threading.Event()
    result = cli("apply", "--yes")
    assert (result.code, result.err) == (0, LOST)
    assert not collector.let_go.is_set()


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_collector_that_refuses(cli: Run, live: Live, collector: Collector, status: int) -> None:
    collector.status = status
    result = cli("validate")
    assert (result.code, result.err) == (0, LOST)


@pytest.mark.parametrize("url", ["nonsense", "http://[", "ftp://x"])
def test_an_address_that_is_none(cli: Run, live: Live, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr("reconciler.cli.spans.FLUSH_SECONDS", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    result = cli("validate")
    assert result.code == 0
    assert result.err == LOST or result.err.startswith(WARNING)


# ---- secrets


def test_no_secret_is_in_any_span(
    folder: Folder,
    cli: Run,
    serve: Callable[..., Live],
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    header = "hdr-8Kw3Zn5Qx1Rb7Tm2"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-key={header}")
    live = serve(token=TOKEN)
    with_secrets(folder, live)
    folder.models(manifest("a", native=WITH_KEY))
    for words in outputs("validate --timings", "plan -vv --timings", "apply --yes -vv --timings", "drift"):
        check_silent(cli(*words), TOKEN, KEY, header)
    assert KEY.encode() in live.written[0].body
    assert collector.named("create Model").facts["reconciler.result"] == "done"
    sent = b"".join(collector.bodies)
    assert not [secret for secret in (TOKEN, KEY, header, "Bearer") if secret.encode() in sent]


@pytest.mark.parametrize("status", [400, 401, 502])
def test_a_registry_that_echoes_everything_back_puts_nothing_into_spans(
    folder: Folder, cli: Run, serve: Callable[..., Live], collector: Collector, status: int
) -> None:
    live = serve()

    def echo(seen: Seen) -> tuple[int, object]:
        told = {"headers": seen.headers, "body": seen.body.decode(), "message": str(seen.headers)}
        return status, {**told, "error": f"{seen.headers} {seen.body.decode()}"}

    with_secrets(folder, live)
    folder.models(manifest("a", native=WITH_KEY))
    for only_writes in (True, False):
        live.answer = lambda seen, only=only_writes: echo(seen) if seen.writes or not only else None
        for words in outputs(*LINES[1:6]):
            check_silent(cli(*words), TOKEN, KEY)
    assert any(span.name == "POST /v2/models" and span.failed for span in collector.spans)
    sent = b"".join(collector.bodies)
    assert not [secret for secret in (TOKEN, KEY) if secret.encode() in sent]


def test_a_bug_puts_nothing_into_spans(
    folder: Folder,
    cli: Run,
    serve: Callable[..., Live],
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = serve(token=TOKEN)
    with_secrets(folder, live)
    folder.models(manifest("a", native=WITH_KEY))

    def broken(*values: object, **named: object) -> None:
        raise ValueError(f"{TOKEN} {KEY} {values} {named}")

    monkeypatch.setattr("tempfile.tempdir", str(folder.path))
    monkeypatch.setattr("reconciler.registries.orq.client.live_object", broken)
    assert cli("plan").code == 1
    failed = [span for span in collector.spans if span.failed]
    assert "ValueError" in {span.facts.get("error.type") for span in failed}
    sent = b"".join(collector.bodies)
    assert not [secret for secret in (TOKEN, KEY) if secret.encode() in sent]
