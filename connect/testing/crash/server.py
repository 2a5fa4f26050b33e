"""An upstream that prunes: a queue server which deletes what was acknowledged, at once and for good.

It talks over TCP, a line of JSON a request and a line an answer, to the source `PruningSource` (see `plugins/`); so a
`Proxy` can stand in between. Each source partition is a queue of its own, and the key of its records.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from connect.testing.crash.report import Seen
from connect.testing.crash.targets import text_of


class PruningServer:
    """Runs in threads of this process, on a free port of the loopback. Use in a `with`.

    Args:
        partitions: How many queues there are.
    """

    def __init__(self, *, partitions: int = 2) -> None:
        self.acknowledged = 0
        self._lock = threading.Lock()
        self._counts = [0] * partitions
        #: What was not acknowledged yet, of each queue in its order.
        self._waiting: list[list[int]] = [[] for _ in range(partitions)]
        self._server = _Server(("127.0.0.1", 0), self._answer)

    def __enter__(self) -> PruningServer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="pruning-server", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it answers, on 127.0.0.1."""
        return int(self._server.server_address[1])

    def source(self, topic: str, **config: str) -> dict[str, str]:
        """Return the config of a connector that reads it; further keys with '_' for '.'."""
        return {
            "connector.class": "PruningSource",
            "address": f"127.0.0.1:{self.port}",
            "partitions": str(len(self._counts)),
            "topic": topic,
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            **{name.replace("_", "."): value for name, value in config.items()},
        }

    def write(self, count: int) -> None:
        """Put so many records into the queues, one after the other."""
        with self._lock:
            for _ in range(count):
                queue = min(range(len(self._counts)), key=self._counts.__getitem__)
                self._waiting[queue].append(self._counts[queue])
                self._counts[queue] += 1

    def written(self) -> Sequence[Seen]:
        """Return every record that was ever put into a queue."""
        with self._lock:
            return [Seen(f"p{queue}", number) for queue, count in enumerate(self._counts) for number in range(count)]

    def waiting(self) -> int:
        """Return how many records are not acknowledged, and so still there."""
        with self._lock:
            return sum(map(len, self._waiting))

    def finish(self, url: str) -> None:
        """Do nothing: no more records come."""

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            waiting = self._waiting[request["partition"]]
            if request["do"] == "take":
                numbers = [number for number in waiting if number > request["after"]][: request["max"]]
                key = f"p{request['partition']}"
                return {"records": [[number, text_of(Seen(key, number))] for number in numbers]}
            gone = set(request.get("numbers", ()))
            up_to = request.get("up_to", -1)
            kept = [number for number in waiting if number > up_to and number not in gone]
            self.acknowledged += len(waiting) - len(kept)
            waiting[:] = kept
            return {}


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], answer: Any) -> None:
        self.answer = answer
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that was killed in the middle of a request."""


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        for line in self.rfile:
            if not line.endswith(b"\n"):  # cut off within: it was not asked
                return
            self.wfile.write(json.dumps(self.server.answer(json.loads(line))).encode() + b"\n")
