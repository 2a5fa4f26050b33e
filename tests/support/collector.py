"""A collector of OpenTelemetry's in this process: takes OTLP over HTTP, and keeps what it is sent."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """What was sent so far. `refuses`: it answers 400 from now on; `refused` are the paths."""

    def __init__(self) -> None:
        self.url = ""
        self.refuses = False
        self.refused: list[str] = []
        self.resources: list[dict[str, str]] = []
        self.metrics: dict[str, Any] = {}
        self.spans: list[Any] = []

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/metrics":
            sent = ExportMetricsServiceRequest.FromString(body)
            for resource in sent.resource_metrics:
                self.resources.append({one.key: one.value.string_value for one in resource.resource.attributes})
                self.metrics.update({one.name: one for scope in resource.scope_metrics for one in scope.metrics})
        else:
            assert path == "/v1/traces", path
            for spans in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.spans += [span for scope in spans.scope_spans for span in scope.spans]


@contextmanager
def collector() -> Iterator[Collector]:
    """Run one on a free port."""
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if found.refuses:
                found.refused.append(self.path)
            else:
                found.take(self.path, gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(400 if found.refuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
