"""`python -m bench.soak`: 50 connectors for ten minutes, with a scrape each second and changes by REST all the while.

Half of the connectors make records at a modest rate, half write them to files. Beside the scrapes one client pauses,
resumes, restarts, changes, makes and deletes connectors, refuses bad ones, and asks for states and histories. Printed
each half minute: resident memory, open files, threads, records and requests. The end is 1 where the memory is not flat
after the second minute, a request failed that should not have, or the log has an error that no connector was given.

python -m bench.soak [--minutes N] [--connectors N] [--rate RECORDS_PER_S]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from bench.rest import DEADLINE_S, STRING, Worker, percentiles, worker

#: Memory is called flat while its median over the last minute is within this of the median over the third.
FLAT: Final = 1.03
FIRST_LOOK_MIN: Final = 2
DONE: Final = (200, 201, 202, 204)
PAUSE_S: Final = 0.05
CHURNED: Final = 10


class Soak:
    """A worker with connectors, what has been asked of it, and what it answered."""

    def __init__(self, at: Worker, client: httpx.AsyncClient, folder: Path, rate: int) -> None:
        self._pid = at.pid
        self._client = client
        self._folder = folder
        self._rate = rate
        self._random = random.Random(1)
        self.asked: Counter[str] = Counter()
        self.failed: list[str] = []
        self.memory: list[tuple[float, float]] = []
        self.scrape_ms: list[float] = []
        self.scrape_bytes = 0

    async def ask(self, method: str, path: str, body: Any = None, *, expected: Sequence[int] = DONE) -> httpx.Response:
        """Send one request; another status than those expected is a failure of the soak."""
        self.asked[method] += 1
        answer = await self._client.request(method, path, json=body)
        if answer.status_code not in expected:
            self.failed.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def source(self, name: str) -> dict[str, str]:
        return {
            "connector.class": "Datagen", "kafka.topic": f"topic-{name}", "quickstart": "users",
            "rate": str(self._rate), "key.converter": STRING,
        }  # fmt: skip

    def sink(self, name: str) -> dict[str, str]:
        return {
            "connector.class": "FileStreamSink", "topics": f"topic-{name}", "file": f"{self._folder}/{name}.txt",
            "key.converter": STRING,
        }  # fmt: skip

    async def fill(self, connectors: int) -> None:
        for number in range(connectors // 2):
            await self.ask("PUT", f"/connectors/source-{number:02}/config", self.source(f"{number:02}"))
            await self.ask("PUT", f"/connectors/sink-{number:02}/config", self.sink(f"{number:02}"))

    async def scrape(self, until: float) -> None:
        """Scrape once a second, as Prometheus does on a short interval."""
        due = time.monotonic()
        while (now := time.monotonic()) < until:
            answer = await self.ask("GET", "/metrics")
            self.scrape_ms.append((time.monotonic() - now) * 1000)
            self.scrape_bytes = max(self.scrape_bytes, len(answer.content))
            due = max(due + 1, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def churn(self, until: float, connectors: int) -> None:
        """Change one thing after the other, each as an operator does: the call, and a look at what came of it."""
        for turn in itertools.count():
            if time.monotonic() >= until:
                return
            number = self._random.randrange(connectors // 2)
            kind = self._random.choice(("source", "sink"))
            name, config = f"{kind}-{number:02}", getattr(self, kind)(f"{number:02}")
            made = f"made-{turn % CHURNED}"
            match turn % 8:
                case 0:
                    await self.ask("PUT", f"/connectors/{name}/pause")
                case 1:
                    for held in (f"{k}-{n:02}" for k in ("source", "sink") for n in range(connectors // 2)):
                        await self.ask("PUT", f"/connectors/{held}/resume")
                case 2:
                    await self.ask("POST", f"/connectors/{name}/restart?includeTasks=true", expected=(200, 202, 204))
                case 3:
                    changed = {**config, "errors.retry.timeout": str(turn % 7)}
                    await self.ask("PUT", f"/connectors/{name}/config", changed)
                case 4:
                    await self.ask("PUT", f"/connectors/{made}/config", self.sink(made))
                    await self.ask("GET", f"/v1/connectors/{name}/history")
                case 5:
                    bad = {"name": "bad", "config": {**config, "tasks.max": "no"}}
                    await self.ask("POST", "/connectors", bad, expected=(400,))
                case 6:
                    await self.ask("GET", "/connectors?expand=status&expand=info")
                    await self.ask("GET", f"/connectors/{name}/status")
                case 7:
                    gone = f"made-{(turn - 3) % CHURNED}"
                    await self.ask("DELETE", f"/connectors/{gone}", expected=(204, 404))
            await asyncio.sleep(PAUSE_S)

    def _files(self) -> list[Path]:
        return list(Path(f"/proc/{self._pid}/fd").iterdir())

    async def watch(self, began: float, until: float) -> None:
        """Take the resident memory each second, and print a line each half minute."""
        last = began
        while (now := time.monotonic()) < until:
            state = status_of(self._pid)
            self.memory.append((now - began, state["VmRSS"] / 1024))
            if now - last >= 30:
                last = now
                print(
                    f"{now - began:>6.0f} s  {state['VmRSS'] / 1024:>7.1f} MiB ({state['RssAnon'] / 1024:.1f} own)"
                    f"  {state['Threads']:>3} threads  {len(self._files()):>4} files"
                    f"  {sum(self.asked.values()):>7,} requests  {len(self.failed)} failed",
                    flush=True,
                )
            await asyncio.sleep(1)


def status_of(pid: int) -> dict[str, int]:
    """Return the numbers of a process's state by their names; sizes in KiB."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name.rstrip(":"): int(value) for name, value, *_ in (x for x in lines if len(x) > 1) if value.isdigit()}


def growth(memory: Sequence[tuple[float, float]]) -> float | None:
    """Return the median of the last minute by that of the third, or None before there are two of them."""
    early = [mib for at_s, mib in memory if FIRST_LOOK_MIN * 60 <= at_s < (FIRST_LOOK_MIN + 1) * 60]
    late = [mib for at_s, mib in memory if at_s >= max(memory[-1][0] - 60, (FIRST_LOOK_MIN + 1) * 60)]
    return statistics.median(late) / statistics.median(early) if early and late else None


async def use(at: Worker, folder: Path, minutes: float, connectors: int, rate: int) -> Soak:
    """Fill a worker, and scrape, change and watch it for that long."""
    async with httpx.AsyncClient(base_url=at.url, timeout=DEADLINE_S) as client:
        it = Soak(at, client, folder, rate)
        await it.fill(connectors)
        began = time.monotonic()
        until = began + minutes * 60
        async with asyncio.TaskGroup() as group:
            group.create_task(it.scrape(until))
            group.create_task(it.churn(until, connectors))
            group.create_task(it.watch(began, until))
        return it


def soak(minutes: float, connectors: int, rate: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="connect-soak-") as name:
        folder, log = Path(name), Path(name, "worker.log")
        with log.open("wb") as out, worker(out) as at:
            it, stopped = asyncio.run(use(at, folder, minutes, connectors, rate)), time.monotonic()
        ended_s, code = time.monotonic() - stopped, at.process.returncode
        lines = log.read_text().splitlines()
    bad = [line for line in lines if " ERROR " in line or "Traceback" in line]
    grown = growth(it.memory)
    p50_ms, p99_ms = percentiles(it.scrape_ms)
    print(f"{len(it.scrape_ms)} scrapes: p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms, {it.scrape_bytes:,} bytes")
    print(f"{sum(it.asked.values()):,} requests, {len(it.failed)} failed; an end of {code} after {ended_s:.2f} s")
    print(f"{len(bad)} errors in {len(lines):,} lines of log")
    if grown is not None:
        print(f"memory: the last minute has {grown:.3f} of the third; flat is up to {FLAT}")
    for line in (*it.failed[:10], *bad[:10]):
        print("   ", line)
    return not it.failed and not bad and code == 0 and (grown is None or grown <= FLAT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--connectors", type=int, default=50)
    parser.add_argument("--rate", type=int, default=20, help="records a second of each source")
    given = parser.parse_args()
    return 0 if soak(given.minutes, given.connectors, given.rate) else 1


if __name__ == "__main__":
    sys.exit(main())
