"""`python -m bench.registry`: how fast the schema registry answers, beside its target.

Starts `connect registry` as a process of its own and speaks HTTP to it over one connection, as a client would.
Times are milliseconds.

python -m bench.registry [--schemas N] [--requests N]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TARGETS = {"by_id_p50_ms": 1.0}
DEADLINE_S = 60.0


def schema(number: int) -> str:
    """Return a record of eight fields."""
    fields = [{"name": f"field_{number}_{n}", "type": ["null", "string"], "default": None} for n in range(8)]
    return json.dumps({"type": "record", "name": "Order", "namespace": "org.example", "fields": fields})


class Client:
    """One connection to a registry."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)

    def timed(self, method: str, path: str, body: Any = None) -> tuple[float, Any]:
        """Return how many milliseconds a request took, and its answer."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"} if data else {}
        began = time.perf_counter()
        self._connection.request(method, path, data, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        took_ms = (time.perf_counter() - began) * 1000
        if answer.status >= 400:
            sys.exit(f"{method} {path}: {answer.status} {text.decode()}")
        return took_ms, json.loads(text)


def measured(client: Client, schemas: int, requests: int) -> dict[str, float]:
    registering = [
        client.timed("POST", f"/subjects/s{number}/versions", {"schema": schema(number)})[0]
        for number in range(schemas)
    ]
    again = [
        client.timed("POST", f"/subjects/s{number % schemas}/versions", {"schema": schema(number % schemas)})[0]
        for number in range(min(requests, 2000))
    ]
    by_id = [client.timed("GET", f"/schemas/ids/{1 + number % schemas}")[0] for number in range(requests)]
    latest = [
        client.timed("GET", f"/subjects/s{number % schemas}/versions/latest")[0]
        for number in range(min(requests, 2000))
    ]
    found = {"register": registering, "register_again": again, "by_id": by_id, "latest": latest}
    return {
        f"{name}_{label}_ms": statistics.quantiles(times, n=100)[at - 1]
        for name, times in found.items()
        for label, at in (("p50", 50), ("p99", 99))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemas", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=10_000)
    options = parser.parse_args()
    command = [str(Path(sys.executable).with_name("connect")), "registry", "--listeners", "http://127.0.0.1:0"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [*command, "--data-dir", folder], stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}
        )
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "is ready on " in line:
                    break
            else:
                sys.exit("the registry did not start")
            port = int(line.partition("is ready on http://127.0.0.1:")[2].partition(",")[0])
            found = measured(Client(port), options.schemas, options.requests)
        finally:
            process.terminate()
            process.wait(DEADLINE_S)
    for name, value in found.items():
        target = TARGETS.get(name)
        print(f"{name:24} {value:8.2f}{'' if target is None else f'  target {target:g}'}")


if __name__ == "__main__":
    main()
