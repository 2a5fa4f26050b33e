"""`python -m bench.metrics`: what counting costs of a job's processor time, and what one scrape of 50 connectors takes.

The counting methods are timed as a job calls them, with the clock's own cost taken off: two runs, one with and one
without, differ by more than what is looked for on any machine that does something else as well.

python -m bench.metrics [--records N] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench.jobs import JOBS, Context, worker
from connect.figures import Histogram, Window
from connect.metrics.exposition import render
from connect.metrics.metric import FAMILIES
from connect.metrics.snapshot import Looks
from connect.runtime.tasks.meter import TaskMeter
from connect.runtime.tuning import tune_process

TARGET_SHARE: Final = 0.01
CONNECTORS: Final = 50
TARGET_MS: Final = 20
TARGET_BYTES: Final = 600_000
#: Of the methods that count these alone are called by a job, and not by one another.
COUNTING: Final = (
    (TaskMeter, "polled"), (TaskMeter, "fetched"), (TaskMeter, "converted"), (TaskMeter, "wrote"), (TaskMeter, "put"),
    (TaskMeter, "committed"),
)  # fmt: skip
ONES: Final = 20_000


class Counted:
    """Calls, and the nanoseconds that they took."""

    def __init__(self) -> None:
        self.calls = self.spent_ns = 0

    def timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **named: Any) -> Any:
            began_ns = time.thread_time_ns()
            found = method(*args, **named)
            self.spent_ns += time.thread_time_ns() - began_ns
            self.calls += 1
            return found

        return timed


def cost_ns(call: Callable[[], Any]) -> float:
    """Return what one call takes."""
    began_ns = time.thread_time_ns()
    for _ in range(ONES):
        call()
    return (time.thread_time_ns() - began_ns) / ONES


async def share(job: str, records: int, counted: Counted) -> None:
    """Run a job, and print which share of its processor time went to counting."""
    counted.calls = counted.spent_ns = 0
    with tempfile.TemporaryDirectory(prefix="connect-bench-") as folder:
        measured = await JOBS[job](Context(records, Path(folder), None))
    window, histogram = Window(), Histogram()
    # Beside the methods, each batch is noted once in a window and once in a histogram.
    ones_ns = counted.calls / 3 * (cost_ns(lambda: window.record(1.0)) + cost_ns(lambda: histogram.observe(1.0)))
    spent_s = (counted.spent_ns - counted.calls * cost_ns(time.thread_time_ns) + ones_ns) / 1e9
    found = spent_s / measured.cpu_s
    mark = "" if found <= TARGET_SHARE else "  above target"
    print(f"{job:<28}{counted.calls:>8} calls{spent_s * 1000:>9.2f} ms{found:>9.2%}{mark}", flush=True)


async def scrape() -> None:
    """Run 50 connectors, and print what one scrape takes."""
    with tempfile.TemporaryDirectory(prefix="connect-bench-") as folder:
        async with worker(Context(0, Path(folder), None), offset_flush_interval_ms="500") as herder:
            for number in range(CONNECTORS // 2):
                topic = f"topic-{number:02}"
                made = {"connector.class": "Datagen", "kafka.topic": topic, "quickstart": "users", "iterations": "100"}
                put = {"connector.class": "FileStreamSink", "topics": topic, "file": f"{folder}/{topic}.txt"}
                await herder.create(f"orders-source-{number:02}", {"name": f"orders-source-{number:02}", **made})
                await herder.create(f"orders-sink-{number:02}", {"name": f"orders-sink-{number:02}", **put})
            await asyncio.sleep(2)  # what stands still is measured, with all that it has to tell
            looks = Looks(herder)
            times = []
            for _ in range(20):
                began = time.perf_counter()
                look = await looks.look()
                looked = time.perf_counter()
                text = render(look, FAMILIES)
                times.append((looked - began, time.perf_counter() - looked))
    look_ms, render_ms = (min(one[i] for one in times) * 1000 for i in (0, 1))
    mark = "" if look_ms + render_ms <= TARGET_MS and len(text) <= TARGET_BYTES else "  above target"
    print(
        f"{CONNECTORS} connectors: look {look_ms:.1f} ms, text {render_ms:.1f} ms (target {TARGET_MS} ms together), "
        f"{len(text):,} bytes (target {TARGET_BYTES:,}){mark}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=500_000)
    names = [name for name in JOBS if "postgres" not in name]
    parser.add_argument("--only", nargs="*", choices=names, default=names)
    options = parser.parse_args()
    tune_process()
    counted = Counted()
    for cls, name in COUNTING:
        setattr(cls, name, counted.timed(getattr(cls, name)))
    for job in options.only:
        asyncio.run(share(job, options.records, counted))
    asyncio.run(scrape())


if __name__ == "__main__":
    main()
