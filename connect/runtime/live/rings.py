"""Rates and times of the last hour of every connector, in rings of one size for all of them together.

Theory of operation. Every step a look at what tasks have counted gives one point of each series: what was counted since
the look before, by the meter it was counted in, so that a task that begins anew counts from zero and no point is
negative, or that of an hour. All rings share the step and the place that is written next. With many connectors the
step is coarser, so that all rings together stay within `BYTES_MAX`; beyond the coarsest one the newest connectors have
no ring.

Each worker keeps those of its own tasks; who leads also has the lags.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from array import array
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from connect.api import ConnectError
from connect.runtime.model import TaskId
from connect.runtime.tasks.meter import TaskMeter

logger = logging.getLogger(__name__)

#: What all rings together may hold.
BYTES_MAX: Final = 5 << 20
WINDOW_S: Final = 3600
#: The finest step, in seconds; each coarser one is twice as long.
STEP_S: Final = 10
_STEPS_S: Final = (STEP_S, 2 * STEP_S, 4 * STEP_S, 8 * STEP_S, 16 * STEP_S, 32 * STEP_S)
#: The series of a ring, in its order.
RATE, LAG, BATCH_MS, COMMIT_MS, ERRORS = range(5)
SERIES: Final = 5
#: What a ring takes beside its points.
_OWN_BYTES: Final = 400
#: After so many connectors others get their turn on the loop.
_TURN: Final = 100
#: How many steps' lags are looked at for, and how much of the loop's time that may take.
_LAG_EVERY: Final = 3
_LAG_SHARE: Final = 500
_LAG_WITHIN_S: Final = 5.0
#: How much of what was seen until now counts at the next look: a p99 is that of about the last minute.
_FADES: Final = 0.8
_NAN: Final = math.nan


@dataclass(slots=True)
class _Seen:
    """What a task had counted at the last look, and in which meter. `fading`: its batches by how long they took."""

    meter: TaskMeter
    records: int = 0
    batches: int = 0
    batches_s: float = 0.0
    commits: int = 0
    commits_s: float = 0.0
    errors: int = 0
    counts: Sequence[int] = ()
    fading: Sequence[float] = ()


@dataclass(slots=True)
class _Point:
    """What the tasks of one connector did in one step."""

    records: int = 0
    batches: int = 0
    batches_s: float = 0.0
    commits: int = 0
    commits_s: float = 0.0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one connector, the oldest first; None: not known, or nothing was done.

    Attributes:
        step_s: How long one point lasts.
        from_ms: When the first one began, ms since the epoch.
    """

    step_s: int
    from_ms: int
    rows: tuple[tuple[float | None, ...], ...]


class Rings:
    """The rings alone. For one thread.

    Attributes:
        step_s: How long one point lasts.
    """

    def __init__(self, *, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._rings: dict[str, array[float]] = {}
        self.step_s = STEP_S
        self._head = 0  # the place of the newest point

    def __len__(self) -> int:
        return len(self._rings)

    @property
    def points(self) -> int:
        """How many points each series has."""
        return WINDOW_S // self.step_s

    @property
    def size_bytes(self) -> int:
        """About what all rings hold."""
        return len(self._rings) * _ring_bytes(self.step_s)

    def names(self) -> Collection[str]:
        """Return the connectors that have a ring."""
        return self._rings.keys()

    def begin_point(self, steps: int = 1) -> None:
        """Begin the next point of all rings; those that were missed are unknown."""
        for _ in range(min(steps, self.points)):
            self._head = (self._head + 1) % self.points
            for ring in self._rings.values():
                for series in range(SERIES):
                    ring[series * self.points + self._head] = _NAN

    def put(self, name: str, values: Sequence[float]) -> None:
        """Set a connector's newest point. One that has no ring gets one, where there is room."""
        ring = self._rings.get(name)
        if ring is None:
            self._make_room()
            if (len(self._rings) + 1) * _ring_bytes(self.step_s) > self._bytes_max:
                return
            ring = self._rings[name] = array("f", [_NAN]) * (SERIES * self.points)
        for series, value in enumerate(values):
            ring[series * self.points + self._head] = value

    def forget(self, name: str) -> None:
        """Free a connector's ring."""
        self._rings.pop(name, None)

    def of(self, name: str) -> list[list[float]] | None:
        """Return a connector's series, the oldest point first; None where it has no ring."""
        ring = self._rings.get(name)
        if ring is None:
            return None
        first, points = self._head + 1, self.points
        return [[*ring[at + first : at + points], *ring[at : at + first]] for at in range(0, SERIES * points, points)]

    def _make_room(self) -> None:
        """Take the coarser step that one more ring needs."""
        while (len(self._rings) + 1) * _ring_bytes(self.step_s) > self._bytes_max and self.step_s < _STEPS_S[-1]:
            self._coarsen()

    def _coarsen(self) -> None:
        """Make one point of two, in all rings."""
        kept = {name: found for name in self._rings if (found := self.of(name)) is not None}
        self.step_s *= 2
        self._head = self.points - 1
        for name, rows in kept.items():
            ring = array("f")
            for series, row in enumerate(rows):
                pairs = zip(row[-2 * self.points :: 2], row[-2 * self.points + 1 :: 2], strict=True)
                ring.extend(_merged(series, pair) for pair in pairs)
            self._rings[name] = ring


def _merged(series: int, pair: Iterable[float]) -> float:
    known = [value for value in pair if value == value]
    return _over(series, known) if known else _NAN


def _over(series: int, values: Sequence[float]) -> float:
    """Return what a longer step has for the points within it: errors are counted, all else is as it was on average."""
    return sum(values) if series == ERRORS else sum(values) / len(values)


def _ring_bytes(step_s: int) -> int:
    return _OWN_BYTES + SERIES * 4 * (WINDOW_S // step_s)


class Recorder:
    """Fills the rings, and keeps a p99 of each task's batches. For the event loop.

    Args:
        meters: Return the tasks of this process with their meters.
        is_there: Says whether a connector still is.
        clock_ms: The present time, ms since the epoch.

    Attributes:
        rings: For who reads them.
        lags: Returns the lag of each sink, on the worker that leads; None on the others.
    """

    def __init__(
        self,
        meters: Callable[[], Iterable[tuple[TaskId, TaskMeter]]],
        is_there: Callable[[str], bool],
        clock_ms: Callable[[], int],
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rings = Rings()
        self.lags: Callable[[], Awaitable[Mapping[str, int]]] | None = None
        self._meters = meters
        self._is_there = is_there
        self._clock_ms = clock_ms
        self._clock_s = clock_s
        self._seen: dict[TaskId, _Seen] = {}
        self._lag: Mapping[str, int] = {}
        self._lag_wait_s = 0.0
        self._last_s = clock_s()
        self._last_ms = clock_ms()
        self._recording: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to record."""
        self._last_s, self._last_ms = self._clock_s(), self._clock_ms()
        self._recording = asyncio.create_task(self._record_forever(), name="recording rates")

    async def aclose(self) -> None:
        """End; safe to call twice."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.cancel()
            await asyncio.gather(recording, return_exceptions=True)

    def p99_ms(self, task: TaskId) -> float | None:
        """Return how long the longest but one in a hundred of a task's batches took in about the last minute, in ms;
        None where there were none."""
        seen = self._seen.get(task)
        if seen is None or not len(seen.fading):
            return None
        return quantile_ms(seen.meter.batches.bounds, seen.fading, 0.99)

    def forget(self, name: str) -> None:
        """Free what is kept of a connector."""
        self.rings.forget(name)
        for task in [task for task in self._seen if task.connector == name]:
            del self._seen[task]

    def series(self, name: str, since_ms: int = 0) -> Series:
        """Return a connector's points that end after a time; none where nothing is known of it."""
        step_s, rows = self.rings.step_s, self.rings.of(name)
        if rows is None:
            return Series(step_s, self._last_ms, ((),) * SERIES)
        first_ms = self._last_ms - len(rows[0]) * step_s * 1000
        known = next((at for at, point in enumerate(zip(*rows, strict=True)) if any(v == v for v in point)), 0)
        skipped = max(known, min(len(rows[0]), (since_ms - first_ms) // (step_s * 1000)))
        told = tuple(tuple(None if v != v else _short(v) for v in row[skipped:]) for row in rows)
        return Series(step_s, first_ms + skipped * step_s * 1000, told)

    # -- inside ----------------------------------------------------------------------------------------------------

    async def _record_forever(self) -> None:
        turns = 0
        while True:
            await asyncio.sleep(max(0.1, self._last_s + self.rings.step_s - self._clock_s()))
            try:
                if turns % _LAG_EVERY == 0:
                    await self._look_at_lags()
                await self.record()
            except Exception as error:  # without it the graphs would stand still, and nobody would know
                logger.error("the figures of the last %d s are not kept", self.rings.step_s, exc_info=error)
            turns += 1

    async def _look_at_lags(self) -> None:
        if self.lags is None:  # whoever leads by now tells of them
            self._lag = {}
            return
        if self._clock_s() < self._lag_wait_s:
            return
        began = time.thread_time()
        try:
            async with asyncio.timeout(_LAG_WITHIN_S):
                self._lag = await self.lags()
        except (ConnectError, OSError, TimeoutError) as error:
            self._lag = {}
            logger.debug("the lags are not known just now: %s", error)
        self._lag_wait_s = self._clock_s() + _LAG_SHARE * (time.thread_time() - began)

    async def record(self) -> None:
        """Take one point of each connector."""
        now_s = self._clock_s()
        took_s = now_s - self._last_s
        steps = max(1, round(took_s / self.rings.step_s))
        self._last_s, self._last_ms = now_s, self._clock_ms()
        for name in [name for name in self.rings.names() if not self._is_there(name)]:
            self.forget(name)
        points: dict[str, _Point] = {}
        running = [(task, meter) for task, meter in self._meters() if self._is_there(task.connector)]
        for number, (task, meter) in enumerate(running, 1):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            self._add(points.setdefault(task.connector, _Point()), task, meter)
        for task in self._seen.keys() - {task for task, _ in running}:
            del self._seen[task]
        self.rings.begin_point(steps)
        for name in {**points, **self._lag}:
            if self._is_there(name):
                self.rings.put(name, _values(points.get(name), self._lag.get(name), max(took_s, 0.001)))

    def _add(self, point: _Point, task: TaskId, meter: TaskMeter) -> None:
        seen = self._seen.get(task)
        if seen is None or seen.meter is not meter:  # it began since the last look: all that it did is of this step
            seen = self._seen[task] = _Seen(meter)
        batches, commits = meter.batches, meter.stages.get("commit")
        records, errors = meter.sent_total, meter.errors + meter.skipped
        point.records += records - seen.records
        point.errors += errors - seen.errors
        seen.records, seen.errors = records, errors
        counts = list(batches.counts)
        count, sum_s = sum(counts), batches.sum_s
        if count != seen.batches or len(seen.fading):
            before = seen.counts if len(seen.counts) else [0] * len(counts)
            fading = seen.fading if len(seen.fading) else [0.0] * len(counts)
            news = [now - then for now, then in zip(counts, before, strict=True)]
            seen.fading = array("f", (_FADES * old + new for old, new in zip(fading, news, strict=True)))
            if sum(seen.fading) < 0.1:  # long ago
                seen.fading = ()
        point.batches += count - seen.batches
        point.batches_s += sum_s - seen.batches_s
        if count != seen.batches:
            seen.counts = array("Q", counts)
        seen.batches, seen.batches_s = count, sum_s
        if commits is not None:
            count, sum_s = sum(commits.counts), commits.sum_s
            point.commits += count - seen.commits
            point.commits_s += sum_s - seen.commits_s
            seen.commits, seen.commits_s = count, sum_s


def merged(parts: Sequence[Series]) -> Series:
    """Return one of what several workers have of a connector: rates and errors are summed up, of lags and times the
    largest counts. The coarsest step of them is that of all."""
    known = [part for part in parts if part.rows[0]]
    if len(known) < 2:
        return known[0] if known else parts[0]
    step_ms = 1000 * max(part.step_s for part in known)
    points: dict[int, list[list[list[float]]]] = {}
    for number, part in enumerate(known):
        for at, values in enumerate(zip(*part.rows, strict=True)):
            place = (part.from_ms + at * part.step_s * 1000 + part.step_s * 500) // step_ms
            cell = points.setdefault(place, [[[] for _ in range(SERIES)] for _ in known])[number]
            for series, value in enumerate(values):
                if value is not None:
                    cell[series].append(value)
    last = max(points)
    first = max(min(points), last - WINDOW_S * 1000 // step_ms)  # of a worker whose clock is wrong
    rows = tuple(
        tuple(_joined(series, points[place]) if place in points else None for place in range(first, last + 1))
        for series in range(SERIES)
    )
    return Series(step_ms // 1000, first * step_ms, rows)


def _joined(series: int, cells: Sequence[Sequence[Sequence[float]]]) -> float | None:
    told = [_over(series, cell[series]) for cell in cells if cell[series]]
    if not told:
        return None
    return _short(sum(told) if series in (RATE, ERRORS) else max(told))


def _values(point: _Point | None, lag: int | None, took_s: float) -> list[float]:
    known = _NAN if lag is None else float(lag)
    if point is None:
        return [_NAN, known, _NAN, _NAN, _NAN]
    return [
        point.records / took_s,
        known,
        1000 * point.batches_s / point.batches if point.batches else _NAN,
        1000 * point.commits_s / point.commits if point.commits else _NAN,
        float(point.errors),
    ]


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def quantile_ms(bounds: Sequence[float], counts: Sequence[float], share: float) -> float | None:
    """Return a quantile of a histogram of seconds, in ms: within its bucket as if all were spread evenly there; of what
    lies beyond the last bound, that bound."""
    wanted = share * sum(counts)
    if wanted <= 0:
        return None
    below, low = 0.0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and below + count >= wanted:
            return 1000 * (low + (bound - low) * (wanted - below) / count)
        below, low = below + count, bound
    return 1000 * low
