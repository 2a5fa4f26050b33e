"""Where a job's time goes: samples of every thread that works while the job is measured, by module.

python -m bench.profile JOB [--records N] [--postgres-url URL]

A sample each ms takes the innermost frame of each thread; threads that wait (for a queue, a lock, the loop's selector)
are left out. Samples are of Python frames, so work in C counts for the line that calls it.
"""

from __future__ import annotations

import collections
import sys
import threading
import time
from pathlib import Path

from bench import jobs

_WAITS = {"threading.py", "selectors.py", "queue.py", "runners.py", "select.py"}
_WAITING = {"_worker", "_work_off", "_run", "_work", "_watch", "wait", "select", "get", "until", "moved", "progress"}


class Sampler(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.counts: collections.Counter[str] = collections.Counter()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            for ident, frame in sys._current_frames().items():
                code = frame.f_code
                if ident == self.ident or Path(code.co_filename).name in _WAITS or code.co_name in _WAITING:
                    continue
                self.counts[f"{Path(code.co_filename).name} {code.co_name}"] += 1
            time.sleep(0.001)


def main() -> None:
    sampler = Sampler()
    start, stop = jobs.Stopwatch.__init__, jobs.Stopwatch.stop

    def started(self: jobs.Stopwatch) -> None:
        start(self)
        sampler.start()

    def stopped(self: jobs.Stopwatch) -> jobs.Measured:
        sampler.ended.set()
        return stop(self)

    jobs.Stopwatch.__init__, jobs.Stopwatch.stop = started, stopped  # type: ignore[method-assign]
    jobs.main()
    total = sum(sampler.counts.values())
    for where, count in sampler.counts.most_common(8):
        print(f"{100 * count / total:5.1f} %  {where}")


if __name__ == "__main__":
    main()
