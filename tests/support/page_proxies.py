"""A reverse proxy in front of a worker, as companies have them: below a prefix, and for who it has let in alone."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

PREFIX: Final = "/connect"
#: Headers of one connection; the proxy's own takes their place.
_HOP: Final = ("connection", "transfer-encoding", "keep-alive", "date", "server", "content-length")


@contextmanager
def proxy_before(url: str, is_let_in: Callable[[Message], bool], **refusal: str) -> Iterator[str]:
    """Run a proxy for a worker at `url`; give the address that has the worker's paths below it.

    Args:
        is_let_in: Says of a request's headers whether the proxy lets it pass.
        refusal: `status` and a header with its value of the answer to who is not let in: `status="302", Location="/"`.
    """
    worker = urlsplit(url)
    status = int(refusal.pop("status"))

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not is_let_in(self.headers):
                self.send_response(status)
                for name, value in {**refusal, "Content-Length": "0"}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                return
            connection = http.client.HTTPConnection(worker.hostname or "", worker.port, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection.request(self.command, self.path.removeprefix(PREFIX), body or None, headers)
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                while piece := answer.read1():
                    self.wfile.write(piece)
                    self.wfile.flush()
            except OSError:  # the browser has gone
                pass
            finally:
                connection.close()

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names of the base

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="page-proxy", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
