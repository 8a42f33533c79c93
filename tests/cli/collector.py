"""An OpenTelemetry collector on a real socket: as much of OTLP over HTTP as exporters need."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Span:
    """One span as it came off the wire. ``parent`` is the id of another span; empty where it has none."""

    name: str
    id: str
    parent: str
    trace: str
    kind: int
    failed: bool
    facts: dict[str, Any]
    events: list[str]


@dataclass
class Collector:
    url: str = ""
    spans: list[Span] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    status: int = 200
    """What it answers."""
    let_go: threading.Event | None = None
    """What its answers wait for."""

    def named(self, name: str) -> Span:
        [span] = [span for span in self.spans if span.name == name]
        return span

    def below(self, parent: Span) -> list[Span]:
        return [span for span in self.spans if span.parent == parent.id]

    def take(self, path: str, body: bytes) -> None:
        self.paths.append(path)
        self.bodies.append(body)
        request = ExportTraceServiceRequest.FromString(body)
        for each in request.resource_spans:
            self.resource = _facts(each.resource.attributes)
            for scope in each.scope_spans:
                self.spans += [_span(span) for span in scope.spans]


def _span(span: Any) -> Span:
    return Span(
        span.name,
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.trace_id.hex(),
        span.kind,
        span.status.code == 2,
        _facts(span.attributes),
        [event.name for event in span.events],
    )


def _facts(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(self.path, body)
            if collector.let_go is not None:
                collector.let_go.wait(30)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(collector.status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        collector.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield collector
        finally:
            if collector.let_go is not None:
                collector.let_go.set()
            server.shutdown()
            thread.join(timeout=10)
