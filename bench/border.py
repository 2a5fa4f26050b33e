"""What the border to plugins costs a batch: `python bench/border.py`.

Times a plain poll's way over the border (the call noted and guarded, the returned batch and its coordinates checked),
a put's, and a converter step's, less the same calls made bare. The best of many rounds, since the machine does other
things too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from connect.api import Batch, SinkTask, SourceTask
from connect.runtime.border.calls import TaskThread
from connect.runtime.tasks import sink_task, source_task

ROUNDS, CALLS = 60, 5_000


class Source(SourceTask):
    batch = Batch("t", ["x"] * 500, source_partition={"file": "a"}, source_offset={"position": 1000})

    def poll_batch(self) -> Batch:
        return self.batch


class Sink(SinkTask):
    def put_batch(self, batch: Batch) -> None:
        return None


def best_us(function: Callable[[], Any]) -> float:
    """Return the least time of one call, in us."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            function()
        found.append((time.perf_counter() - began) / CALLS * 1e6)
    return min(found)


def main() -> None:
    """Print a line for each way over the border."""
    thread, source, sink = TaskThread("bench"), Source(), Sink()
    batch = source.batch

    def bare_poll() -> Any:
        result = source.poll_batch()
        return [result] if isinstance(result, Batch) else list(result)

    rows = {
        "poll": (bare_poll, lambda: thread.inside(source_task.poll, source)),
        "put": (lambda: sink.put_batch(batch), lambda: thread.inside(sink_task.put, sink, batch)),
        "convert": _steps(batch),
    }
    for name, (bare, over) in rows.items():
        without, with_border = best_us(bare), best_us(over)
        print(
            f"{name:8} bare {without:6.3f} us  over the border {with_border:6.3f} us  "
            f"costs {with_border - without:6.3f} us"
        )


def _steps(batch: Batch) -> tuple[Callable[[], Any], Callable[[], Any]]:
    from connect.runtime.tasks.pipeline import Pipeline
    from connect_converters.simple_header import SimpleHeaderConverter
    from connect_converters.string import StringConverter

    without_tolerance: Any = None  # one step does not need it
    pipeline = Pipeline([], StringConverter(), StringConverter(), SimpleHeaderConverter(), without_tolerance, lambda: 0)
    step = lambda part: [part]  # noqa: E731
    return lambda: step(batch), lambda: pipeline._run(step, batch)


if __name__ == "__main__":
    main()
