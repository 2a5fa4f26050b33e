"""The run of a crash test: a worker that is ended at one mark after the other, and the balance of the books."""

from __future__ import annotations

import json
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import connect.testing.crash.plugins as kit_plugins
from connect.testing.crash.faults import Fault
from connect.testing.crash.marks import DEFAULT_MARKS, Mark
from connect.testing.crash.processes import RunningWorker, Workers
from connect.testing.crash.report import Report, Seen, judge
from connect.testing.crash.targets import CallTarget, Target
from connect.testing.crash.upstreams import Upstream

#: The worker's keys where nobody says otherwise: commits come often, segments are small.
WORKER: Final = {"offset.flush.interval.ms": "60", "log.segment.bytes": "262144"}
#: How often it is looked whether a mark was reached; while it was not, the upstream goes on writing.
_LOOK_S: Final = 0.01
_WRITE_AGAIN: Final = 5
#: For how many deadlines records may come again and again, in the end, while none comes that is missing.
_AGAIN_AND_AGAIN: Final = 6


@dataclass
class CrashTest:
    """Runs connectors in a worker that is ended again and again, and counts what became of the records.

    Args:
        folder: An empty folder; the log comes into `folder / "data"`.
        connectors: The configs, by name. Those of the worker's next start are the ones that are there then.
        upstream: Feeds the source, and is the model.
        target: Where the records arrive; a function that reads them will do.
        kills: How many marks are to be reached.
        marks: What is chosen from, at random by the seed; with `in_order` one after the other, round and round.
        seed: The same one chooses the same marks; drawn where it is left out, and in the report.
        worker: Keys of the worker's config.
        plugin_path: Folders of plugins; those that are installed are there anyway.
        faults: What the log does to each worker that is ended at a mark; the last one has a log that works.
        records: Written before each start.
        may_lose: For `delivery.guarantee=at-most-once`: in the end, only what is written then has to arrive.
        deadline_s: How long a mark may take; how long nothing may arrive in the end before it is given up.
        quiet_s: A mark counts as missed, too, once all that was written is in the target and so long nothing more
            arrived: for an upstream that comes to an end. None: the deadline alone counts.
    """

    folder: Path
    connectors: Mapping[str, Mapping[str, str]]
    upstream: Upstream
    target: Target | Callable[[], Sequence[Seen]]
    kills: int = 20
    marks: Sequence[Mark] = DEFAULT_MARKS
    in_order: bool = False
    seed: int = field(default_factory=lambda: random.randrange(1 << 32))
    worker: Mapping[str, str] = field(default_factory=dict)
    plugin_path: Sequence[Path] = ()
    faults: Sequence[Fault] = ()
    records: int = 30
    may_lose: bool = False
    deadline_s: float = 20.0
    quiet_s: float | None = None

    def __post_init__(self) -> None:
        self._target: Target = CallTarget(self.target) if callable(self.target) else self.target
        self._random = random.Random(self.seed)
        self._reached: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()
        self._trouble = ""

    @property
    def data_dir(self) -> Path:
        """Where the worker's log is."""
        return self.folder / "data"

    def run(self) -> Report:
        """Run all of it, print the report and return it. Blocks: from a test that is `async def`, in a thread."""
        began = time.monotonic()
        log = ""
        with Workers(self.folder, self._arguments()) as workers:
            done = 0
            while done < self.kills and not self._trouble:  # a mark that is missed counts, or it might never end
                done += self._one_life(workers, done)
            if not self._trouble:
                self._trouble = self._let_all_arrive(workers)
            log = workers.log_path.read_text(errors="replace") if workers.log_path.exists() else ""
        written, found = self.upstream.written(), self._target.seen()
        books = judge(written, found)
        report = Report(
            written=len(written),
            found=len(found),
            lost=books.lost,
            doubled=books.doubled,
            reordered=books.reordered,
            strangers=books.strangers,
            kills=self._reached.total(),
            missed=self._missed.total(),
            seed=self.seed,
            seconds=time.monotonic() - began,
            marks={**self._reached, **self._missed},
            trouble=self._trouble,
            examples=books.examples,
            log=log,
        )
        print(report)  # noqa: T201 - a test's output is where its reader looks
        return report

    # -- one life of a worker ----------------------------------------------------------------------------------------

    def _mark(self, number: int) -> Mark:
        mark = self.marks[number % len(self.marks)] if self.in_order else self._random.choice(self.marks)
        return mark.chosen(self._random)

    def _one_life(self, workers: Workers, done: int) -> int:
        """Run a worker up to the mark that ends it; return how many marks that took."""
        self.upstream.write(self.records)
        mark, count = self._mark(done), 1
        # The end comes first, or a call that is to fail as well would never reach it.
        faults = [*([mark.fault] if mark.fault is not None else []), *self.faults]
        worker = workers.start(faults=faults, at_await=mark.nth if mark.kind == "await" else 0)
        while (was_reached := self._await_mark(mark, worker)) and mark.do is not None:
            mark.do()
            self._reached[mark.name] += 1
            if done + count >= self.kills:
                worker.kill()
                return count
            mark = self._from_outside(done + count)
            count += 1
        self._end(mark, worker, was_reached=was_reached)
        return count

    def _from_outside(self, number: int) -> Mark:
        """Return the next mark for a worker that runs already: one that is seen from outside."""
        mark = self._mark(number)
        return mark if mark.kind in ("arrived", "log") else Mark("arrived", 1)

    def _await_mark(self, mark: Mark, worker: RunningWorker) -> bool:
        """Wait until a mark is reached; return whether it was. Meanwhile the upstream goes on."""
        deadline, looks = time.monotonic() + self.deadline_s, 0
        start = self._target.count() if mark.kind == "arrived" else 0
        over = _Quiet(self.quiet_s, self._target, self.upstream)
        while worker.status() is None:
            if mark.kind == "arrived" and self._target.count() - start >= mark.nth:
                return True
            if mark.kind == "log" and len(re.findall(mark.pattern, worker.log())) >= mark.nth:
                return True
            if time.monotonic() >= deadline or (looks % _WRITE_AGAIN == 0 and over.is_over()):
                return False
            looks += 1
            if looks % _WRITE_AGAIN == 0:
                self.upstream.write(1 + self.records // 10)
            time.sleep(_LOOK_S)
        return mark.kind in ("call", "await") and worker.status() == -signal.SIGKILL

    def _end(self, mark: Mark, worker: RunningWorker, *, was_reached: bool) -> None:
        ended_by_itself = worker.status()
        if ended_by_itself is not None and ended_by_itself != -signal.SIGKILL:
            self._trouble = f"the worker ended by itself, with {ended_by_itself}"
            return
        if mark.is_clean:
            status = worker.stop()
            if status != 0:
                self._trouble = f"a worker that was asked to stop ended with {status}"
        else:
            worker.kill()
        if was_reached:
            self._reached[mark.name] += 1
        else:
            self._missed[f"{mark.name} (missed)"] += 1

    # -- the end -----------------------------------------------------------------------------------------------------

    def _let_all_arrive(self, workers: Workers) -> str:
        """Run a worker whose log works until everything has arrived, and stop it; return what went wrong."""
        worker = workers.start()
        url = worker.url()
        before = set(self.upstream.written()) if self.may_lose else set[Seen]()
        if self.may_lose:
            self.upstream.write(self.records)
        self.upstream.finish(url)
        trouble = self._last_life(worker, before)
        if not trouble and self._missing(before):
            # All of it may be what the last kill left, which an exactly-once sink cuts off as it begins, and has again
            # from the log: the stop came between the two.
            worker = workers.start()
            worker.url()
            trouble = self._last_life(worker, before)
        return trouble

    def _last_life(self, worker: RunningWorker, may_miss: set[Seen]) -> str:
        trouble = self._arrival(worker, may_miss)
        status = worker.stop()
        if not trouble and status != 0:
            trouble = f"the last worker was asked to stop and ended with {status}"
        return trouble

    def _missing(self, may_miss: set[Seen]) -> set[Seen]:
        return set(self.upstream.written()) - set(self._target.seen()) - may_miss

    def _arrival(self, worker: RunningWorker, may_miss: set[Seen]) -> str:
        before, moved_at = -1, time.monotonic()
        fewest, fewer_at = -1, moved_at
        while True:
            count = self._target.count()
            if count != before:
                before, moved_at = count, time.monotonic()
            missing = self._missing(may_miss)
            if not missing:
                return ""
            if fewest < 0 or len(missing) < fewest:
                fewest, fewer_at = len(missing), time.monotonic()
            if time.monotonic() - fewer_at > _AGAIN_AND_AGAIN * self.deadline_s:
                return f"{count} records are there, more and more, and {len(missing)} are missing all the same"
            if worker.status() is not None:
                return f"the last worker ended by itself, with {worker.status()}"
            if time.monotonic() - moved_at > self.deadline_s:
                some = ", ".join(map(str, sorted(missing)[:5]))
                failed = re.findall(r"task failed: (.*)", worker.log())
                why = f"; a task failed: {failed[-1]}" if failed else ""
                return f"nothing arrived for {self.deadline_s:g} s, and {len(missing)} are missing: {some}{why}"
            time.sleep(5 * _LOOK_S)

    # -- files -------------------------------------------------------------------------------------------------------

    def _arguments(self) -> list[str | Path]:
        """Write the configs, and return the arguments of `connect worker`."""
        own = Path(kit_plugins.__file__).parent
        paths = ",".join(str(path) for path in (own, *self.plugin_path))
        keys = {**WORKER, **self.worker, "plugin.path": paths}
        file = self.folder / "worker.properties"
        file.write_text("".join(f"{name}={value}\n" for name, value in keys.items()))
        arguments: list[str | Path] = ["--config", file]
        for name, config in self.connectors.items():
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps({"name": name, "config": dict(config)}))
            arguments.append(path)
        return arguments


class _Quiet:
    """Looks whether a target has everything, and nothing arrives any more."""

    def __init__(self, quiet_s: float | None, target: Target, upstream: Upstream) -> None:
        self._quiet_s, self._target, self._upstream = quiet_s, target, upstream
        self._count, self._moved_at = -1, time.monotonic()

    def is_over(self) -> bool:
        if self._quiet_s is None:
            return False
        count, now = self._target.count(), time.monotonic()
        if count != self._count or count < len(self._upstream.written()):
            self._count, self._moved_at = count, now
        return now - self._moved_at > self._quiet_s
