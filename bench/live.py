"""`python -m bench.live`: what a worker pays for who looks: an open page, the rings of the last hour, a sample.

Figures are processor time of the worker, in per cent of one core, so that a busy machine says the same as an idle one.
What a sample costs is the difference of two batches in turns, times how often one is looked at.

python -m bench.live [--only page idle samples] [--connectors N] [--moving N] [--seconds N]
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import tempfile
import threading
import time
from typing import Any

from bench.rest import STRING, Worker, idle_source, worker

PARTS = ("page", "idle", "samples")
TARGETS = {"page_percent": 5.0, "idle_percent": 0.2, "samples_percent": 1.0}


class Page:
    """Reads a stream of events, as a page does; on a thread."""

    def __init__(self, at: Worker) -> None:
        import http.client
        from urllib.parse import urlsplit

        parts = urlsplit(at.url)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        self.began = time.perf_counter()
        self.first_ms = 0.0
        self.snapshot_bytes = self.bytes = self.events = 0
        self._connection.request("GET", "/v1/events")
        self._answer = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while line := self._answer.readline():
            self.bytes += len(line)
            if line.startswith(b"data: ") and not self.first_ms:
                self.first_ms, self.snapshot_bytes = 1000 * (time.perf_counter() - self.began), len(line)
            self.events += line.startswith(b"event: ")


def percent(at: Worker, seconds: float) -> float:
    """Return the worker's processor time over some seconds, in per cent of one core."""
    cpu_s, began = at.cpu_s(), time.monotonic()
    time.sleep(seconds)
    return 100 * (at.cpu_s() - cpu_s) / (time.monotonic() - began)


def measure_page(folder: str, connectors: int, moving: int, seconds: float) -> dict[str, float]:
    """A worker with many connectors, some of which move records, without a page and with one, in turns."""
    with worker() as at:
        for number in range(connectors):
            config = idle_source(folder, number)
            if number < moving:
                config = {
                    "connector.class": "Datagen",
                    "kafka.topic": f"moving-{number}",
                    "quickstart": "users",
                    "max.interval": "2000",
                    "value.converter": STRING,
                    "key.converter": STRING,
                }
            at.request("PUT", f"/connectors/c{number}/config", config)
        at.until(f"c{connectors - 1}")
        time.sleep(3.0)
        without, with_page = [], []
        for _ in range(2):
            without.append(percent(at, seconds))
            page = Page(at)
            time.sleep(2.0)
            with_page.append(percent(at, seconds))
            page._connection.sock.shutdown(2)
            time.sleep(1.5)
        return {
            "page_connectors": connectors, "page_moving": moving, "without_page_percent": statistics.mean(without),
            "with_page_percent": statistics.mean(with_page),
            "page_percent": statistics.mean(with_page) - statistics.mean(without), "first_ms": page.first_ms,
            "snapshot_bytes": page.snapshot_bytes, "events": page.events, "stream_bytes": page.bytes,
            "memory_mib": at.memory_mib(),
        }  # fmt: skip


def measure_idle(folder: str, connectors: int, seconds: float) -> dict[str, float]:
    """A worker whose connectors wait, and at which nobody looks: the rings are kept all the same."""
    with worker() as at:
        for number in range(connectors):
            at.request("PUT", f"/connectors/c{number}/config", idle_source(folder, number))
        at.until(f"c{connectors - 1}")
        time.sleep(3.0)
        return {"idle_connectors": connectors, "idle_percent_of_all": percent(at, seconds)}


def measure_record(tasks: int) -> dict[str, float]:
    """One step of the rings, of so many tasks, and what that is of a core."""
    import asyncio

    from connect.runtime.live.rings import STEP_S, Recorder
    from connect.runtime.model import TaskId
    from connect.runtime.tasks.meter import TaskMeter

    meters = {TaskId(f"c{number}", 0): TaskMeter() for number in range(tasks)}
    recorder = Recorder(lambda: meters.items(), lambda _: True, lambda: time.time_ns() // 1_000_000)
    for meter in meters.values():
        meter.wrote(10, 100, 0.001)
    took = []
    for _ in range(20):
        began = time.process_time()
        asyncio.run(recorder.record())
        took.append(time.process_time() - began)
    step_s = statistics.median(took)
    return {
        "record_tasks": tasks, "record_ms": 1000 * step_s, "idle_percent": 100 * step_s / STEP_S,
        "rings_bytes": recorder.rings.size_bytes, "step_s": recorder.rings.step_s,
    }  # fmt: skip


def measure_samples(seconds: float) -> dict[str, float]:
    """A pipeline of three transforms at full speed, looked at and not, in turns within one process."""
    from connect.api import Batch
    from connect.runtime.connector_config import SinkConnectorConfig
    from connect.runtime.model import TaskId
    from connect.runtime.tasks.pipeline import Pipeline
    from connect.runtime.tasks.sampling import EVERY_S, Sampler
    from connect.runtime.tasks.stages import Stage
    from connect.runtime.tasks.tolerance import Tolerance
    from connect_converters import JsonConverter, SimpleHeaderConverter
    from connect_transforms.hoist_field import HoistFieldValue
    from connect_transforms.insert_field import InsertFieldValue
    from connect_transforms.mask_field import MaskFieldValue

    def made(cls: Any, **config: str) -> Any:
        transform = cls()
        transform.configure(cls.config_class.parse({key.replace("_", "."): v for key, v in config.items()}))
        return transform

    stages = [
        Stage("hoist", made(HoistFieldValue, field="line")),
        Stage("insert", made(InsertFieldValue, static_field="from", static_value="bench")),
        Stage("mask", made(MaskFieldValue, fields="from", replacement="***")),
    ]
    key, value, header = JsonConverter(), JsonConverter(), SimpleHeaderConverter()
    for one, is_key in ((key, "key"), (value, "value")):
        one.configure(type(one).config_class.parse({"schemas.enable": "false", "converter.type": is_key}))
    tolerance = Tolerance(
        SinkConnectorConfig.parse({"name": "c", "connector.class": "C", "topics": "t"}),
        log=logging.getLogger("bench"), interrupted=threading.Event(),
    )  # fmt: skip
    pipeline = Pipeline(stages, key, value, header, tolerance, lambda: 0)
    batch = Batch("t", [f"line {number}" for number in range(500)])
    sampler, took = Sampler(TaskId("c", 0)), dict[bool, list[float]]()
    ends, looks, shown_s = time.monotonic() + seconds, False, list[float]()
    while time.monotonic() < ends:
        looks = not looks
        sampler.ask()
        sampler._next_s = 0.0  # a look at each batch: what one costs is known by many
        pipeline.sampler = sampler if looks else None
        began = time.process_time()
        pipeline.to_bytes([batch])
        took.setdefault(looks, []).append(time.process_time() - began)
        if looks:
            shown_s.append(max(EVERY_S, sampler._next_s - time.monotonic()))
    plain_s, looked_s = statistics.median(took[False]), statistics.median(took[True])
    return {
        "plain_us_each_batch": 1e6 * plain_s, "look_us": 1e6 * (looked_s - plain_s),
        "looks_each_s": 1 / statistics.median(shown_s),
        "samples_percent": 100 * (looked_s - plain_s) / statistics.median(shown_s),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--connectors", type=int, default=1000)
    parser.add_argument("--moving", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        if "samples" in options.only:
            found |= measure_samples(options.seconds)
        if "idle" in options.only:
            found |= measure_record(50) | measure_idle(folder, 50, 2 * options.seconds)
        if "page" in options.only:
            found |= measure_page(folder, options.connectors, options.moving, options.seconds)
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=2))
    for name, target in TARGETS.items():
        if name in found and found[name] > target:
            print(f"{name}: {found[name]:.2f} is more than {target}")


if __name__ == "__main__":
    main()
