"""The bundled log alone: append, read, raw batches, codecs, opening, recovery, compaction, fsync.

python -m bench.log [--only NAME ...] prints a table; each figure is the median of three runs in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from connect.codec.header import iterate_batches
from connect.log import LogCluster
from connect.records import Columns, TopicPartition
from connect.runtime.tuning import tune_process

#: 100-byte values, batches of 1,000, one partition.
VALUE_BYTES = 100
BATCH = 1000
NAME = TopicPartition("t", 0)
NOW = 1_750_000_000_000

#: What each figure is to reach on the reference machine; the unit says whether more or less is better.
TARGETS: dict[str, tuple[float, str]] = {
    "append": (1_500_000, "records/s"),
    "read": (1_500_000, "records/s"),
    "append_raw": (1000, "MB/s"),
    "read_raw": (1000, "MB/s"),
    "append_zstd": (900_000, "records/s"),
    "read_zstd": (900_000, "records/s"),
    "open_1000_partitions": (1.0, "s"),
    "open_history": (1.2, "x"),
    "recovery": (500, "MB/s"),
    "compaction": (100, "MB/s"),
    "compaction_memory": (64, "MiB"),
    "fsync_p99": (2.0, "x"),
}
LESS_IS_BETTER = {"s", "x", "MiB"}


def values_of(start: int) -> list[bytes]:
    """Values as logs hold them: JSON-like, no two the same, of which zstd makes about a sixth."""
    dice = random.Random(start)
    return [
        (
            b'{"id":%09d,"user":"user-%06d","amount":%05d,"city":"town-%03d","active":true,"note":"none"}'
            % (start + n, dice.randrange(10**6), dice.randrange(10**5), n % 500)
        ).ljust(VALUE_BYTES, b" ")
        for n in range(BATCH)
    ]


async def opened(directory: Path, **options: Any) -> LogCluster:
    return await LogCluster.open(directory / "data", **options)


async def filled(directory: Path, records: int, codec: str = "none", **options: Any) -> tuple[LogCluster, float]:
    """Return a log with records in one partition, and the seconds that appending took, the last flush with it."""
    cluster = await opened(directory, **options)
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="bench", configs={"compression.type": codec})
    batches = [Columns(values_of(number * BATCH), timestamps=NOW) for number in range(50)]
    began = time.perf_counter()
    for number in range(records // BATCH):
        await producer.append("t", batches[number % 50], partition=0)
    await producer.flush()
    return cluster, time.perf_counter() - began


async def append(directory: Path, records: int, codec: str = "none") -> float:
    cluster, seconds = await filled(directory, records, codec)
    await cluster.aclose()
    return records / seconds


async def read(directory: Path, records: int, codec: str = "none") -> float:
    cluster, _ = await filled(directory, records, codec)
    offset = 0
    began = time.perf_counter()
    while batches := await cluster.admin.fetch(NAME, offset):
        offset = batches[-1].next_offset
    seconds = time.perf_counter() - began
    assert offset == records
    await cluster.aclose()
    return records / seconds


async def append_raw(directory: Path, records: int) -> float:
    cluster, _ = await filled(directory, BATCH * 10)
    fetched = await cluster.admin.fetch_raw(NAME, 0, max_bytes=8 << 20)
    await cluster.admin.create_topic("raw")
    producer = cluster.producer(client_id="bench")
    count = max(1, records // (BATCH * 10))
    began = time.perf_counter()
    for _ in range(count):
        await producer.append_raw("raw", 0, fetched.data)
    seconds = time.perf_counter() - began
    await cluster.aclose()
    return count * len(fetched.data) / seconds / 1e6


async def read_raw(directory: Path, records: int) -> float:
    cluster, _ = await filled(directory, records)
    offset = size_bytes = 0
    end = (await cluster.admin.describe_topic("t")).partitions[0].log_end_offset
    began = time.perf_counter()
    while offset < end:
        data = (await cluster.admin.fetch_raw(NAME, offset, max_bytes=1 << 20)).data
        size_bytes += len(data)
        for header in iterate_batches(data):
            offset = header.next_offset
    seconds = time.perf_counter() - began
    await cluster.aclose()
    return size_bytes / seconds / 1e6


async def append_zstd(directory: Path, records: int) -> float:
    return await append(directory, records, "zstd")


async def read_zstd(directory: Path, records: int) -> float:
    return await read(directory, records, "zstd")


async def open_1000_partitions(directory: Path, records: int) -> float:
    cluster = await opened(directory)
    await cluster.admin.create_topic("t", partitions=1000)
    producer = cluster.producer(client_id="bench")
    for partition in range(1000):
        await producer.append("t", Columns([b"." * 100] * 10, timestamps=NOW), partition=partition)
    await cluster.aclose()
    began = time.perf_counter()
    cluster = await opened(directory)
    await cluster.admin.describe_topic("t")  # opens every partition
    seconds = time.perf_counter() - began
    await cluster.aclose()
    return seconds


async def open_history(directory: Path, records: int) -> float:
    """How much longer opening takes with 500 rolled segments than with one."""
    seconds = []
    for count in (1, 500):
        cluster = await opened(directory / str(count), configs={"segment.bytes": "20000"})
        await cluster.admin.create_topic("t")
        producer = cluster.producer(client_id="bench")
        for _ in range(count):
            await producer.append("t", Columns(values_of(0)[:150], timestamps=NOW), partition=0)
        await cluster.aclose()
        samples = []
        for _ in range(5):
            began = time.perf_counter()
            cluster = await opened(directory / str(count))
            await cluster.admin.partitions("t")
            samples.append(time.perf_counter() - began)
            await cluster.aclose()
        seconds.append(statistics.median(samples))
    return seconds[1] / seconds[0]


async def recovery(directory: Path, records: int) -> float:
    cluster, _ = await filled(directory, max(records, 1_000_000) * 3)
    await cluster.aclose()
    (directory / "data" / ".kafka_cleanshutdown").unlink()
    size_bytes = sum(path.stat().st_size for path in (directory / "data" / "t-0").glob("*.log"))
    began = time.perf_counter()
    cluster = await opened(directory)
    seconds = time.perf_counter() - began
    await cluster.aclose()
    return size_bytes / seconds / 1e6


async def compacted(directory: Path, records: int, keys: int) -> LogCluster:
    cluster = await opened(directory, configs={"log.cleaner.enable": "false"})
    await cluster.admin.create_topic("t", configs={"cleanup.policy": "compact", "segment.bytes": str(64 << 20)})
    producer = cluster.producer(client_id="bench")
    dice = random.Random(1)
    for number in range(records // BATCH):
        names = [b"user-%08d" % dice.randrange(keys) for _ in range(BATCH)]
        await producer.append("t", Columns(values_of(number % 50 * BATCH), names, NOW), partition=0)
    return cluster


async def compaction(directory: Path, records: int) -> float:
    """Bytes of log a second, 100,000 keys."""
    cluster = await compacted(directory, records, 100_000)
    size_bytes = (await cluster.admin.describe_topic("t")).partitions[0].size_bytes
    began = time.perf_counter()
    await cluster.compact("t")
    seconds = time.perf_counter() - began
    await cluster.aclose()
    return size_bytes / seconds / 1e6


async def compaction_memory(directory: Path, records: int) -> float:
    """Peak of what Python allocates while a topic of a million keys is compacted."""
    cluster = await opened(directory, configs={"log.cleaner.enable": "false"})
    await cluster.admin.create_topic("t", configs={"cleanup.policy": "compact"})
    producer = cluster.producer(client_id="bench")
    for start in range(0, 1_000_000, BATCH):
        names = [b"user-%08d" % key for key in range(start, start + BATCH)]
        await producer.append("t", Columns([b"." * 20] * BATCH, names, NOW), partition=0)
    tracemalloc.start()
    await cluster.compact("t")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    await cluster.aclose()
    return peak / (1 << 20)


async def fsync_p99(directory: Path, records: int) -> float:
    """The 99th percentile of a produced batch with acks=durable, by that of the disk's own fsync of as many bytes."""
    batch = Columns(values_of(0), timestamps=NOW)
    cluster = await opened(directory)
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="bench")
    await producer.append("t", batch, partition=0, acks="durable")
    content = b"".join(batch.values) + bytes(11_000)  # type: ignore[arg-type]
    ours, disks = [], []
    with (directory / "plain").open("wb", buffering=0) as file:
        for _ in range(400):  # in turns, since the disk has its moods
            began = time.perf_counter()
            file.write(content)
            os.fdatasync(file.fileno())
            disks.append(time.perf_counter() - began)
            began = time.perf_counter()
            await producer.append("t", batch, partition=0, acks="durable")
            ours.append(time.perf_counter() - began)
    await cluster.aclose()
    print(
        f"fsync p50/p99 ms: log {1e3 * statistics.median(ours):.2f}/{1e3 * p99(ours):.2f}, "
        f"disk {1e3 * statistics.median(disks):.2f}/{1e3 * p99(disks):.2f}",
        file=sys.stderr,
    )
    return p99(ours) / p99(disks)


def p99(samples: list[float]) -> float:
    return sorted(samples)[int(len(samples) * 0.99)]


JOBS: dict[str, Callable[[Path, int], Awaitable[float]]] = {name: globals()[name] for name in TARGETS}


def measure(name: str, records: int, runs: int) -> dict[str, Any]:
    """Run one job in processes of its own; return the median beside its target."""
    samples = []
    for _ in range(runs):
        command = [sys.executable, "-m", "bench.log", "--job", name, "--records", str(records)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr}")
        samples.append(float(done.stdout.splitlines()[-1]))
    target, unit = TARGETS[name]
    value = statistics.median(samples)
    is_met = value <= target if unit in LESS_IS_BETTER else value >= target
    return {"value": value, "unit": unit, "target": target, "is_met": is_met, "runs": samples}


def show(results: dict[str, dict[str, Any]]) -> None:
    print(f"\n{'log':<24}{'measured':>14}{'target':>14}")
    for name, row in results.items():
        mark = "" if row["is_met"] else "  misses its target"
        print(f"{name:<24}{row['value']:>14,.2f}{row['target']:>14,.1f} {row['unit']}{mark}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.log", description="Measure the bundled log.")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=[*JOBS], default=[*JOBS])
    parser.add_argument("--job", choices=[*JOBS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        tune_process()
        directory = Path(tempfile.mkdtemp(prefix="connect-bench-log-"))
        try:
            print(asyncio.run(JOBS[options.job](directory, options.records)))  # type: ignore[arg-type]
        finally:
            shutil.rmtree(directory)
        return
    results = {name: measure(name, options.records, options.runs) for name in options.only}
    show(results)
    print(json.dumps({name: round(row["value"], 3) for name, row in results.items()}))


if __name__ == "__main__":
    main()
