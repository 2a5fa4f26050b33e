"""A server with a table of answers, for what a Kafka Connect cluster says and our own worker does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answers = Mapping[tuple[str, str], tuple[int, Any]]


@dataclass(slots=True)
class AnsweringServer:
    """Where it listens, and what it was asked: method, path with query, and body."""

    url: str
    requests: list[tuple[str, str, Any]] = field(default_factory=list)


@contextmanager
def answering(answers: Answers, headers: Mapping[str, str] | None = None) -> Iterator[AnsweringServer]:
    """Serve these answers by method and path with query; anything else is Kafka Connect's 404."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.requests.append((self.command, self.path, json.loads(raw) if raw else None))
            missing = {"error_code": 404, "message": "HTTP 404 Not Found"}
            status, body = answers.get((self.command, self.path), (404, missing))
            content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            for header, value in (headers or {}).items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the base class's names

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        asked = AnsweringServer(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()
