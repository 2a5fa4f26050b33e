"""`python -m bench.processes`: what a plugin in a process of its own costs, and what it gains.

- sinks: a JSON topic into a sink that makes a row of text of each record, and into one that does nothing, in the
  worker's process and in one of its own;
- transforms: a source with a transform that computes, in one connector and in two at once, on either side.

Each figure is the median of some runs, all of them in turn, so that both sides meet the same machine. `--json` prints
the same as JSON. What is asked for: a sink apart at least half as fast, two transforms apart at least 1.7 times one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench import process_plugins
from connect.app import open_worker
from connect.runtime.herder import Herder
from connect.runtime.tuning import tune_process
from connect.runtime.worker_config import WorkerConfig

SINKS = ("bench.RowsSink", "bench.NoneSink")
SIDES = ("worker", "process")
DEADLINE_S = 600.0
ENDLESS = 1 << 30


@asynccontextmanager
async def worker() -> AsyncIterator[Herder]:
    """Run a worker in this process, with the plugins to be measured."""
    with tempfile.TemporaryDirectory() as folder:
        keys = {"data.dir": str(Path(folder) / "data"), "value.converter.schemas.enable": "false"}
        async with open_worker(WorkerConfig.parse(keys)) as herder:
            herder.plugins.register(process_plugins, "process_plugins")
            yield herder


async def moved(herder: Herder, names: list[str], count: int) -> None:
    """Wait until connectors have moved so many records each."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = {p.id.connector: p for p in herder.progress()}
        if any(p.state == "FAILED" for p in found.values()):
            raise SystemExit(str([herder.status(name) for name in found]))
        if all(name in found and found[name].records >= count for name in names):
            return
        await asyncio.sleep(0.005)
    raise SystemExit(f"{names} did not end")


async def create(herder: Herder, name: str, cls: str, **config: Any) -> None:
    """Make a connector."""
    keys = {key.replace("__", "."): str(value) for key, value in config.items()}
    await herder.put_config(name, {"name": name, "connector.class": cls, **keys})


async def sinks(count: int, runs: int) -> dict[str, dict[str, list[float]]]:
    """Return records a second of each sink on either side."""
    found: dict[str, dict[str, list[float]]] = {sink: {side: [] for side in SIDES} for sink in SINKS}
    async with worker() as herder:
        await create(herder, "fill", "bench.MemorySource", topic="t", count=count)
        await moved(herder, ["fill"], count)
        for run in range(runs):
            for sink in SINKS:
                for side in SIDES:
                    name = f"{sink.rpartition('.')[2]}-{side}-{run}"
                    found[sink][side].append(await _rate(herder, name, sink, count, topics="t", plugin__isolation=side))
    return found


async def _rate(herder: Herder, name: str, cls: str, count: int, **config: Any) -> float:
    """Return records a second from the first tenth on: a start is no rate."""
    await create(herder, name, cls, **config)
    first = count // 10
    await moved(herder, [name], first)
    began, at = time.perf_counter(), _records(herder, name)
    await moved(herder, [name], count)
    rate = (count - at) / (time.perf_counter() - began)
    await herder.delete(name)
    return rate


def _records(herder: Herder, *names: str) -> int:
    return sum(p.records for p in herder.progress() if p.id.connector in names)


async def transforms(seconds: float, runs: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return records a second of one connector and of two at once, on either side."""
    found: dict[str, dict[str, list[float]]] = {side: {"one": [], "two": []} for side in SIDES}
    burn = {"transforms": "x", "transforms__x__type": "bench.Burn", "transforms__x__rounds": rounds}
    async with worker() as herder:
        for run in range(runs):
            for side in SIDES:
                for word, letters in (("one", "a"), ("two", "ab")):
                    names = [f"{side}-{word}-{letter}-{run}" for letter in letters]
                    for name in names:
                        own = {"topic": name, "count": ENDLESS, "plugin__isolation": side}
                        await create(herder, name, "bench.MemorySource", **burn, **own)
                    await moved(herder, names, 1)  # both are at work, from here on
                    began, at = time.perf_counter(), _records(herder, *names)
                    await asyncio.sleep(seconds)
                    found[side][word].append((_records(herder, *names) - at) / (time.perf_counter() - began))
                    for name in names:
                        await herder.delete(name)
    return found


def main() -> None:
    """Print a line for each, and the ratios that are asked for."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--records", type=int, default=200_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=5.0, help="of each run of transforms")
    arguments.add_argument("--rounds", type=int, default=500, help="of a loop, a record")
    arguments.add_argument("--only", choices=("sinks", "transforms"))
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    tune_process()
    found_sinks = asyncio.run(sinks(given.records, given.runs)) if given.only != "transforms" else {}
    is_wanted = given.only != "sinks"
    found_transforms = asyncio.run(transforms(given.seconds, given.runs, given.rounds)) if is_wanted else {}
    if given.json:
        print(json.dumps({"sinks": found_sinks, "transforms": found_transforms}))
        return
    for sink, sides in found_sinks.items():
        rates = {side: statistics.median(samples) for side, samples in sides.items()}
        told = ", ".join(f"{side} {rate:,.0f}/s" for side, rate in rates.items())
        print(f"{sink}: {told}: {rates['process'] / rates['worker']:.0%} ({_all(sides)})")
    for side, words in found_transforms.items():
        rates = {word: statistics.median(samples) for word, samples in words.items()}
        told = ", ".join(f"{word} {rate:,.0f}/s" for word, rate in rates.items())
        best = max(words["two"]) / max(words["one"])  # what others left of two cores, at the best moment of each
        times = rates["two"] / rates["one"]
        print(f"bench.Burn in the {side}: {told}: {times:.2f} times, of the best runs {best:.2f} ({_all(words)})")


def _all(samples: dict[str, list[float]]) -> str:
    return "; ".join(f"{name} {', '.join(f'{rate:,.0f}' for rate in rates)}" for name, rates in samples.items())


if __name__ == "__main__":
    main()
