"""`python -m bench.rest`: how fast the management side is, beside its targets, while nothing or a busy sink runs.

Starts `connect worker` as a process of its own and speaks HTTP to it, as any client would. Times are milliseconds.

python -m bench.rest [--connectors N] [--creations N] [--requests N] [--busy RECORDS_PER_S]
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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

STRING = "org.apache.kafka.connect.storage.StringConverter"
TARGETS = {
    "expand_p50_ms": 2.0,
    "expand_p99_ms": 8.0,
    "create_to_running_ms": 50.0,
    "creations_s": 20.0,
    "idle_mib_each": 0.2,
    "idle_cpu_percent": 1.0,
}
DEADLINE_S = 60.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Worker:
    """A worker process and one connection to it."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.process, self.pid, self.url = process, process.pid, url
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=DEADLINE_S)

    def request(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body)
        self._connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            sys.exit(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text) if text else None

    def reconnect(self) -> None:
        """Leave a connection that the server has closed after some idle seconds."""
        self._connection.close()

    def memory_mib(self) -> float:
        """Resident memory that is the process's own."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise AssertionError("no VmRSS")

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def until(self, name: str, tasks: int = 1) -> None:
        """Wait until a connector and its tasks run."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            status = self.request("GET", f"/connectors/{name}/status")
            states = [status["connector"]["state"], *(task["state"] for task in status["tasks"])]
            if states == ["RUNNING"] * (1 + tasks):
                return
        sys.exit(f"{name} does not run: {status}")


@contextmanager
def worker(log: IO[bytes] | None = None) -> Iterator[Worker]:
    """Run `connect worker` in a folder of its own; what it logs goes nowhere, or to `log`."""
    with tempfile.TemporaryDirectory(prefix="connect-bench-") as folder:
        command = [
            str(Path(sys.executable).with_name("connect")),
            "worker",
            "--data-dir",
            folder,
            "--listeners",
            "http://127.0.0.1:0",
        ]
        process = subprocess.Popen(command, stderr=log or subprocess.DEVNULL, stdout=log)
        try:
            found = Path(folder) / "worker.json"
            while not found.exists() and process.poll() is None:
                time.sleep(0.005)
            yield Worker(process, json.loads(found.read_text())["url"])
        finally:
            process.terminate()
            process.wait(DEADLINE_S)


def idle_source(folder: str, number: int) -> dict[str, str]:
    """A connector that waits for a file: what an idle connector costs."""
    return {
        "connector.class": "FileStreamSource",
        "file": f"{folder}/none-{number}",
        "topic": f"bench-{number}",
        "value.converter": STRING,
    }


def percentiles(samples: list[float]) -> tuple[float, float]:
    ordered = sorted(samples)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def measure_listing(at: Worker, requests: int) -> tuple[float, float]:
    samples = []
    for _ in range(requests):
        began = time.perf_counter()
        at.request("GET", "/connectors?expand=status&expand=info")
        samples.append((time.perf_counter() - began) * 1000)
    return percentiles(samples)


def measure_idle(folder: str, connectors: int, requests: int) -> dict[str, float]:
    """Memory and processor time of idle connectors, and how fast they are listed."""
    with worker() as at:
        at.request("GET", "/connectors?expand=status&expand=info")
        before = at.memory_mib()
        created = []
        for number in range(connectors):
            began = time.perf_counter()
            at.request("PUT", f"/connectors/c{number}/config", idle_source(folder, number))
            at.until(f"c{number}")
            created.append((time.perf_counter() - began) * 1000)
        time.sleep(1.0)
        after, cpu, began = at.memory_mib(), at.cpu_s(), time.monotonic()
        time.sleep(5.0)
        cpu_percent = 100 * (at.cpu_s() - cpu) / (time.monotonic() - began)
        at.reconnect()
        p50, p99 = measure_listing(at, requests)
    running_p50, running_p99 = percentiles(created)
    return {
        "expand_p50_ms": p50, "expand_p99_ms": p99, "create_to_running_ms": running_p50,
        "create_to_running_p99_ms": running_p99, "idle_mib_each": (after - before) / connectors,
        "idle_cpu_percent": cpu_percent,
    }  # fmt: skip


def measure_busy(folder: str, connectors: int, requests: int, rate: int) -> dict[str, float]:
    """The listing while lines come at a steady rate, and go through a source and the log into a sink's file."""
    lines, output = Path(folder) / "lines.txt", Path(folder) / "out.txt"
    lines.touch()
    with worker() as at:
        for number in range(connectors - 2):
            at.request("PUT", f"/connectors/c{number}/config", idle_source(folder, number))
        source = {"connector.class": "FileStreamSource", "file": str(lines), "topic": "busy", "value.converter": STRING}
        sink = {"connector.class": "FileStreamSink", "file": str(output), "topics": "busy", "value.converter": STRING}
        at.request("PUT", "/connectors/source/config", source)
        at.request("PUT", "/connectors/sink/config", sink)
        at.until("sink")
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(lines), str(rate)])
        try:
            wait_for(lambda: output.exists() and output.stat().st_size > 100 * rate, "the sink's first second")
            began, begun_bytes, samples = time.monotonic(), output.stat().st_size, []
            while len(samples) < requests:
                once = time.perf_counter()
                at.request("GET", "/connectors?expand=status&expand=info")
                samples.append((time.perf_counter() - once) * 1000)
                time.sleep(0.01)
            moved = (output.stat().st_size - begun_bytes) / 100 / (time.monotonic() - began)
        finally:
            writer.kill()
            writer.wait()
    p50, p99 = percentiles(samples)
    return {"busy_expand_p50_ms": p50, "busy_expand_p99_ms": p99, "busy_records_per_s": moved}


#: Appends lines of 100 bytes to a file, at a rate a second.
WRITER = """
import sys, time
path, rate = sys.argv[1], int(sys.argv[2])
block = b"".join(b"%098d\\n" % number + b"" for number in range(rate // 50)).replace(b"\\n", b"x\\n")
due = time.monotonic()
with open(path, "ab", buffering=0) as out:
    while True:
        out.write(block)
        due += 0.02
        time.sleep(max(0.0, due - time.monotonic()))
"""


def wait_for(condition: Any, what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.05)


def measure_creations(folder: str, count: int) -> dict[str, float]:
    """Create many connectors one after another, and all of them running."""
    with worker() as at:
        began = time.monotonic()
        for number in range(count):
            body = {"name": f"c{number}", "config": idle_source(folder, number)}
            at.request("POST", "/connectors", body)
        created = time.monotonic() - began
        at.until(f"c{count - 1}")
        memory, cpu, since = at.memory_mib(), at.cpu_s(), time.monotonic()
        time.sleep(3.0)
        at.reconnect()
        cpu_percent = 100 * (at.cpu_s() - cpu) / (time.monotonic() - since)
        p50, p99 = measure_listing(at, 20)
    return {
        "creations": count,
        "creations_s": created,
        "many_memory_mib": memory,
        "many_idle_cpu_percent": cpu_percent,
        "many_expand_p50_ms": p50,
        "many_expand_p99_ms": p99,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connectors", type=int, default=50)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--creations", type=int, default=1000, help="0 leaves this part out")
    parser.add_argument(
        "--busy", type=int, default=300_000, help="records a second of the busy sink; 0 leaves this part out"
    )
    options = parser.parse_args()
    found: dict[str, float] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="connect-bench-"))
        found |= measure_idle(folder, options.connectors, options.requests)
        if options.busy:
            found |= measure_busy(folder, options.connectors, options.requests, options.busy)
        if options.creations:
            found |= measure_creations(folder, options.creations)
    for name, value in found.items():
        target = TARGETS.get(name.removeprefix("busy_"))
        print(
            f"{name:28} {value:12.2f}"
            + ("" if target is None else f"   target {target:g}{'' if value <= target else '   MISSED'}")
        )


if __name__ == "__main__":
    main()
