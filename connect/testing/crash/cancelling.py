"""A task that is broken off at each of its awaits, in this process: no step of it may be half done for good.

A kill shows what is on disk; a cancellation shows what is in memory. It comes as the worker's own does where a stop is
out of time, or as a stray one of a plugin: the task fails or goes on, is restarted where it failed, and everything has
to arrive all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import connect.testing.crash.plugins as kit_plugins
from connect.app import open_worker
from connect.runtime.herder import Herder
from connect.runtime.model import State
from connect.runtime.worker_config import WorkerConfig
from connect.testing.crash.await_points import AwaitPoints
from connect.testing.crash.report import Report, Seen, judge
from connect.testing.crash.targets import CallTarget, Target
from connect.testing.crash.upstreams import Upstream

_LOOK_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Scenario:
    """What runs once for each await; see `CrashTest` for the fields.

    Attributes:
        records: Written at the start, and as many again once the first ones have arrived.
    """

    connectors: Mapping[str, Mapping[str, str]]
    upstream: Upstream
    target: Target | Callable[[], Sequence[Seen]]
    worker: Mapping[str, str] = field(default_factory=dict)
    plugin_path: Sequence[Path] = ()
    records: int = 20


async def cancel_at_every_await(
    folder: Path,
    scenario: Callable[[Path], Scenario],
    *,
    first: int = 1,
    last: int | None = None,
    step: int = 1,
    deadline_s: float = 20.0,
) -> Report:
    """Run a scenario again and again, broken off one await later each time; return the sum of the reports.

    Args:
        folder: Each run gets an empty folder in it.
        scenario: Makes what runs in such a folder.
        last: The last await that is tried; left out, as many as a run without a break has.
        step: Every how many-th await is tried.
        deadline_s: How long a run may take to have everything arrive.
    """
    began = time.monotonic()
    whole, count, _ = await _run(folder / "whole", scenario, 0, deadline_s)
    reports, marks = [whole], dict[str, int]()
    for at in range(first, (count if last is None else last) + 1, step):
        report, _, where = await _run(folder / f"await-{at}", scenario, at, deadline_s)
        reports.append(report)
        if where:
            marks["cancelled"] = marks.get("cancelled", 0) + 1
    total = Report(
        written=sum(report.written for report in reports),
        found=sum(report.found for report in reports),
        lost=sum(report.lost for report in reports),
        doubled=sum(report.doubled for report in reports),
        reordered=sum(report.reordered for report in reports),
        strangers=sum(report.strangers for report in reports),
        kills=marks.get("cancelled", 0),
        missed=len(reports) - 1 - marks.get("cancelled", 0),
        seconds=time.monotonic() - began,
        marks=marks,
        trouble="; ".join(report.trouble for report in reports if report.trouble),
        examples=tuple(example for report in reports for example in report.examples),
    )
    print(total)  # noqa: T201 - a test's output is where its reader looks
    return total


async def _run(
    folder: Path, scenario: Callable[[Path], Scenario], at: int, deadline_s: float
) -> tuple[Report, int, str]:
    """Return the report of one run, how many awaits it had, and where it was broken off."""
    folder.mkdir(parents=True)
    made = scenario(folder)
    target: Target = CallTarget(made.target) if callable(made.target) else made.target
    points = AwaitPoints(at, asyncio.CancelledError)
    loop = asyncio.get_running_loop()
    factory = loop.get_task_factory()
    points.install(loop)
    paths = ",".join(map(str, (Path(kit_plugins.__file__).parent, *made.plugin_path)))
    keys = {"offset.flush.interval.ms": "20", **made.worker, "data.dir": str(folder / "data"), "plugin.path": paths}
    try:
        async with open_worker(WorkerConfig.parse(keys)) as herder:
            made.upstream.write(made.records)
            for name, config in made.connectors.items():
                await herder.put_config(name, dict(config))
            trouble = await _arrival(herder, made, target, deadline_s)
            made.upstream.write(made.records)
            trouble = trouble or await _arrival(herder, made, target, deadline_s)
    finally:
        loop.set_task_factory(factory)
    written, found = made.upstream.written(), target.seen()
    books = judge(written, found)
    where = f"await {at}, {points.where}" if points.where else ""
    report = Report(
        written=len(written),
        found=len(found),
        lost=books.lost,
        doubled=books.doubled,
        reordered=books.reordered,
        strangers=books.strangers,
        trouble=f"{where or 'without a break'}: {trouble}" if trouble else "",
        # Repetitions are no fault of a task that was broken off.
        examples=tuple(f"{where}: {each}" for each in books.examples if not each.startswith("doubled")),
    )
    return report, points.count, where


async def _arrival(herder: Herder, made: Scenario, target: Target, deadline_s: float) -> str:
    """Wait until everything has arrived, and restart what fails; return what is missing at the deadline."""
    deadline = time.monotonic() + deadline_s
    while missing := set(made.upstream.written()) - set(target.seen()):
        for name in made.connectors:
            status = herder.status(name)
            if State.FAILED in (status.connector.state, *(task.state for task in status.tasks)):
                await herder.restart(name, include_tasks=True, only_failed=True)
        if time.monotonic() > deadline:
            states = {name: [task.state.name for task in herder.status(name).tasks] for name in made.connectors}
            return f"{len(missing)} did not arrive within {deadline_s:g} s; tasks are {states}"
        await asyncio.sleep(_LOOK_S)
    return ""
