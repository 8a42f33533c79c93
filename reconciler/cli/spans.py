"""OpenTelemetry: a span for the run, each stage, each action and each request.

Only imported where the environment asks for traces, and the only module that imports the SDK, which comes
with the extra `otel`. Names, numbers and words of ours go into spans; never a secret, a header, a body, or a
text that a registry answered, but for its id of a request.

No `traceparent` goes to a registry: it is somebody else's service, which could join what it sees to our
traces, and to what others see of the same run.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from reconciler import __version__
from reconciler.cli.console import say
from reconciler.errors import ReconcilerError
from reconciler.stages import Fact, Watcher, Work

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

    from reconciler.cli.observing import Observed

FLUSH_SECONDS: Final = 3.0
"""How long the end of a run waits for spans that are not sent yet."""

QUEUE: Final = 65_536
"""So many spans wait to be sent; the SDK's own 2,048 are fewer than a large run makes in a second."""

LONGEST: Final = 500
"""Characters of one attribute."""

_INSTALL: Final = "pip install 'model-reconciler[otel]'"

_ATTRIBUTES: Final[Mapping[str, str]] = {
    "kind": "reconciler.registry.kind",
    "operation": "reconciler.operation",
    "resource": "reconciler.resource",
    "manifest": "reconciler.manifest",
    "result": "reconciler.result",
    "request_id": "reconciler.request_id",
    "error": "error.type",
    "retries": "http.request.resend_count",
    "method": "http.request.method",
    "template": "url.template",
    "url": "url.full",
    "status": "http.response.status_code",
    "total": "reconciler.total",
}
"""What facts are called in a span; those of HTTP as its semantic conventions say."""


class _Unavailable(Exception):
    """Why there are no traces."""


@contextmanager
def traced(run: Observed) -> Iterator[None]:
    """Traces everything inside. Where that cannot be, a warning says so, and the run goes on without."""
    try:
        tracing = _Tracing(run.command)
    except _Unavailable as error:
        say(f"warning: the environment asks for OpenTelemetry traces: {error}")
        yield
        return
    from reconciler.stages import watch

    watch(tracing)
    try:
        yield
    finally:
        tracing.close(run.code)


class _Tracing(Watcher):
    detailed = True

    def __init__(self, command: str) -> None:
        """Raises _Unavailable."""
        exporter = _exporter()
        from opentelemetry import trace
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace = trace
        self._sent = _watched(exporter)
        queue = None if os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE") else QUEUE
        try:
            self._processor = BatchSpanProcessor(self._sent, max_queue_size=queue)
            ours = {SERVICE_VERSION: __version__}
            if "service.name" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
                ours[SERVICE_NAME] = os.environ.get("OTEL_SERVICE_NAME") or "reconciler"
            provider = TracerProvider(resource=Resource.create(ours), shutdown_on_exit=False)
        except Exception as error:  # noqa: BLE001 - a setting that the SDK cannot read; its text may quote it
            raise _Unavailable(f"a setting is wrong ({type(error).__name__})") from None
        provider.add_span_processor(self._processor)
        self._tracer = provider.get_tracer("reconciler", __version__)
        # CI systems and those who start us hand the trace on in the environment.
        carrier = {name.lower(): os.environ.get(name, "") for name in ("TRACEPARENT", "TRACESTATE")}
        parent = TraceContextTextMapPropagator().extract(carrier)
        self._root = self._tracer.start_span(f"reconciler {command}", context=parent)
        self._spans: dict[Work, Span] = {}

    def begins(self, work: Work) -> None:
        above = self._spans.get(work.above, self._root) if work.above is not None else self._root
        kind = self._trace.SpanKind.CLIENT if work.kind == "request" else self._trace.SpanKind.INTERNAL
        context = self._trace.set_span_in_context(above)
        span = self._tracer.start_span(_clean(work.name), context=context, kind=kind)
        if work.registry is not None:
            span.set_attribute("reconciler.registry", _clean(work.registry))
        self._spans[work] = span

    def ends(self, work: Work, error: BaseException | None) -> None:
        span = self._spans.pop(work, None)
        if span is None:
            return
        facts = _facts(work)
        if error is not None:
            facts.setdefault("error", _name_of(error))
        for name, fact in facts.items():
            span.set_attribute(_ATTRIBUTES[name], _clean(fact))
        if "error" in facts:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()

    def counts(self, work: Work, what: str, by: int) -> None:
        if what == "retries" and work.kind == "request":
            work.tell(retries=int(work.facts.get("retries", 0)) + by)
        elif what == "bytes" and work.kind == "request" and work in self._spans:
            self._spans[work].set_attribute("http.response.body.size", by)

    def waits(self, registry: str, seconds: float) -> None:
        from reconciler.stages import current

        span = self._spans.get(work) if (work := current()) is not None else None
        if span is not None:
            span.add_event("waits for a rate limit", {"reconciler.seconds": round(seconds, 3)})

    def close(self, code: int) -> None:
        """Sends what is left, for FLUSH_SECONDS at the most."""
        for work in list(self._spans):
            self.ends(work, None)
        self._root.set_attribute("reconciler.exit_code", code)
        if code not in (0, 2):
            self._root.set_status(self._trace.StatusCode.ERROR)
        self._root.end()
        # The SDK waits up to 30 seconds, and nothing tells it to wait for less.
        ending = threading.Thread(target=self._processor.shutdown, name="traces", daemon=True)
        ending.start()
        with contextlib.suppress(KeyboardInterrupt):  # nobody wants to wait for spans
            ending.join(FLUSH_SECONDS)
        late = ending.is_alive()
        if late:
            self._sent.shutdown()  # so that it gives up its next tries
        if late or self._sent.failed:
            say("warning: not all traces could be sent to where OTEL_EXPORTER_OTLP_ENDPOINT points")


def _facts(work: Work) -> dict[str, Fact]:
    """What is known of ``work``, and the kind of its registry, which only the stage around it may know."""
    facts = dict(work.facts)
    at = work.above
    while "kind" not in facts and at is not None:
        if "kind" in at.facts:
            facts["kind"] = at.facts["kind"]
        at = at.above
    return facts


def _name_of(error: BaseException) -> str:
    return error.code if isinstance(error, ReconcilerError) else type(error).__name__


def _clean(fact: Fact) -> Any:
    """``fact`` in a form that any collector can decode: halves of characters are written out."""
    if not isinstance(fact, str):
        return fact
    return fact[:LONGEST].encode("utf-8", "backslashreplace").decode()


def _exporter() -> SpanExporter:
    """Raises _Unavailable."""
    wanted = [name.strip() for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").lower().split(",")]
    if "otlp" not in wanted:
        raise _Unavailable("OTEL_TRACES_EXPORTER must be otlp or none; this run sends none")
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    if protocol not in (None, "", "http/protobuf"):
        raise _Unavailable("they are sent as http/protobuf only, usually to port 4318; this run sends none")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise _Unavailable(f"it is not installed, so this run sends none: {_INSTALL}") from None
    try:
        return OTLPSpanExporter()
    except Exception as error:  # noqa: BLE001 - a setting that it cannot read; its text may quote a header
        raise _Unavailable(f"a setting is wrong ({type(error).__name__})") from None


def _watched(exporter: SpanExporter) -> Any:
    """``exporter`` as one that remembers whether it has failed; its logs, which nobody sees, would tell."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Sent(SpanExporter):
        failed = False

        def export(self, spans: Sequence[Any]) -> SpanExportResult:
            try:
                result = exporter.export(spans)
            except Exception:  # noqa: BLE001 - an address that is none, and whatever else
                result = SpanExportResult.FAILURE
            self.failed = self.failed or result is not SpanExportResult.SUCCESS
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

    return Sent()
