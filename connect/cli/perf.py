"""`connect perf`: how fast this machine produces and consumes, in the figures of Kafka's perf tests."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import click

from connect.cli.log_access import log_options, open_log, run_async
from connect.cli.output import UsageError, print_json
from connect.cli.produce import ACKS, COMPRESSION_HELP, producer_configs
from connect.records import Columns, TopicPartition

_MIB = 1 << 20
#: Values to choose from; so many that a codec does not see the same ones in one batch.
_DIFFERENT = 20_000


@click.group()
def perf() -> None:
    """Measure producing and consuming."""


@perf.command()
@click.option("--topic", required=True, help="Topic to append to; it must exist.")
@click.option("--num-records", type=click.IntRange(min=1), default=1_000_000, show_default=True)
@click.option("--record-size", type=click.IntRange(min=1), default=100, show_default=True, help="Bytes of a value.")
@click.option(
    "--batch-records", type=click.IntRange(min=1), default=1000, show_default=True, help="Records in one append."
)
@click.option("--throughput", type=int, default=-1, show_default=True, help="Records a second; -1 as fast as it goes.")
@click.option("--acks", type=click.Choice(list(ACKS)), default="written", show_default=True)
@click.option("--compression", default="none", show_default=True, help=COMPRESSION_HELP)
@click.option("--transaction-records", type=click.IntRange(min=1), help="Append in transactions of so many records.")
@log_options
@click.pass_obj
def produce(
    session: Any,
    topic: str,
    num_records: int,
    record_size: int,
    batch_records: int,
    throughput: int,
    acks: str,
    compression: str,
    transaction_records: int | None,
    data_dir: Path,
    url: str | None,
    as_json: bool,
) -> None:
    """Append records, and print records/s, MiB/s and the latency of an append."""
    if throughput == 0 or throughput < -1:
        raise UsageError(f"--throughput: {throughput} is neither -1 nor a number of records a second")
    values = _values(record_size)
    configs = producer_configs(compression, "connect-perf" if transaction_records else None)

    async def main() -> dict[str, Any]:
        async with open_log(session.wiring, data_dir, url) as log:
            await log.admin.describe_topic(topic)
            producer = log.producer(client_id="connect-cli", configs=configs)
            latencies, sent, in_transaction = [], 0, 0
            try:
                if transaction_records:
                    await producer.init_transactions()
                began = time.perf_counter()
                while sent < num_records:
                    if transaction_records and in_transaction == 0:
                        await producer.begin_transaction()
                    count = min(batch_records, num_records - sent)
                    start = sent % _DIFFERENT
                    columns = Columns(values[start : start + count], timestamps=time.time_ns() // 1_000_000)
                    before = time.perf_counter()
                    await producer.append(topic, columns, acks=ACKS[acks])
                    sent += len(columns)
                    in_transaction += len(columns)
                    if transaction_records and (in_transaction >= transaction_records or sent >= num_records):
                        await producer.commit_transaction()
                        in_transaction = 0
                    latencies.append(time.perf_counter() - before)
                    if throughput > 0:
                        await asyncio.sleep(max(0.0, began + sent / throughput - time.perf_counter()))
                seconds = time.perf_counter() - began
            finally:
                await producer.aclose()
            return _figures(sent, sent * record_size, seconds, latencies)

    _show(run_async(main()), "sent", as_json=as_json)


@perf.command()
@click.option("--topic", required=True, help="Topic to read, from its first record.")
@click.option("--num-records", type=click.IntRange(min=1), help="Stop after so many; all that is there when left out.")
@click.option(
    "--fetch-size", type=click.IntRange(min=1), default=1 << 20, show_default=True, help="Bytes in one fetch."
)
@log_options
@click.pass_obj
def consume(
    session: Any, topic: str, num_records: int | None, fetch_size: int, data_dir: Path, url: str | None, as_json: bool
) -> None:
    """Read records, and print records/s, MiB/s and the latency of a fetch."""

    async def main() -> dict[str, Any]:
        async with open_log(session.wiring, data_dir, url) as log:
            info = await log.admin.describe_topic(topic)
            latencies, read, size_bytes = [], 0, 0
            began = time.perf_counter()
            for partition in info.partitions:
                at, offset = TopicPartition(topic, partition.partition), partition.log_start_offset
                while offset < partition.log_end_offset and (num_records is None or read < num_records):
                    before = time.perf_counter()
                    batches = await log.admin.fetch(at, offset, max_bytes=fetch_size)
                    latencies.append(time.perf_counter() - before)
                    if not batches:
                        break
                    offset = batches[-1].next_offset
                    read += sum(map(len, batches))
                    size_bytes += sum(len(value or b"") for batch in batches for value in batch.columns.values)
            return _figures(read, size_bytes, time.perf_counter() - began, latencies)

    _show(run_async(main()), "read", as_json=as_json)


def _values(size: int) -> list[bytes]:
    """Return values of letters and digits, as compressible as text; the list runs past its end by its own beginning."""
    dice = random.Random(7)
    words = [b"%x" % dice.getrandbits(16) for _ in range(4096)]
    values = []
    for _ in range(_DIFFERENT):
        pieces, length = [], 0
        while length < size:
            pieces.append(words[dice.getrandbits(12)])
            length += len(pieces[-1])
        values.append(b"".join(pieces)[:size])
    return values + values


def _figures(records: int, size_bytes: int, seconds: float, latencies: list[float]) -> dict[str, Any]:
    ordered = sorted(latencies) or [0.0]

    def at(share: float) -> float:
        return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)

    return {
        "records": records,
        "seconds": round(seconds, 3),
        "records_per_s": round(records / seconds) if seconds else 0,
        "mib_per_s": round(size_bytes / _MIB / seconds, 2) if seconds else 0,
        "avg_latency_ms": round(1000 * sum(ordered) / len(ordered), 3),
        "max_latency_ms": round(1000 * ordered[-1], 3),
        "p50_ms": at(0.5),
        "p95_ms": at(0.95),
        "p99_ms": at(0.99),
        "p999_ms": at(0.999),
    }


def _show(figures: dict[str, Any], what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(figures)
        return
    f = figures
    click.echo(
        f"{f['records']} records {what}, {f['records_per_s']} records/sec ({f['mib_per_s']:.2f} MB/sec), "
        f"{f['avg_latency_ms']} ms avg latency, {f['max_latency_ms']} ms max latency, "
        f"{f['p50_ms']} ms 50th, {f['p95_ms']} ms 95th, {f['p99_ms']} ms 99th, {f['p999_ms']} ms 99.9th."
    )
