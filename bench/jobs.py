"""The jobs that are measured: each prepares its input, runs one connector to the end of it, and says how long it took.

A job runs in a process of its own (`python -m bench.jobs NAME ...`), so that CPU seconds are the worker's alone and no
job warms another's caches. It prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from connect.app import open_worker
from connect.records import Columns
from connect.runtime.herder import Herder
from connect.runtime.tuning import tune_process
from connect.runtime.worker_config import WorkerConfig

STRING = "org.apache.kafka.connect.storage.StringConverter"
JSON = "org.apache.kafka.connect.json.JsonConverter"
TIMEOUT_S = 300
CHUNK = 10_000
POLL_S = 0.002


@dataclass(frozen=True, slots=True)
class Context:
    """What a job gets: how many records, a directory of its own, and a PostgreSQL if it asked for one."""

    records: int
    directory: Path
    postgres_url: str | None


@dataclass(slots=True)
class Measured:
    """Wall and CPU seconds of the measured part."""

    wall_s: float
    cpu_s: float


class Stopwatch:
    """Measures wall and CPU time of this process between two points."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = _cpu_s()

    def stop(self) -> Measured:
        return Measured(time.perf_counter() - self._wall, _cpu_s() - self._cpu)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@asynccontextmanager
async def worker(context: Context, **keys: str) -> AsyncIterator[Herder]:
    config = WorkerConfig.parse(
        {
            "data.dir": str(context.directory / "data"),
            "task.shutdown.graceful.timeout.ms": "60000",
            **{key.replace("_", "."): value for key, value in keys.items()},
        }
    )
    async with open_worker(config) as herder:
        yield herder


async def until(condition: Callable[[], bool], herder: Herder) -> None:
    """Wait until a condition holds; a failed task ends the wait with its cause."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        await asyncio.sleep(POLL_S)
        for name in herder.connectors():
            status = herder.status(name)
            trace = next((s.trace for s in (status.connector, *status.tasks) if s.trace), None)
            if trace:
                raise RuntimeError(f"{name} failed: {trace}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"not done after {TIMEOUT_S} s: {herder.progress()}")


def moved(herder: Herder) -> int:
    return sum(progress.records for progress in herder.progress())


async def run_connector(herder: Herder, config: dict[str, str], records: int) -> Measured:
    """Create a connector and measure until it has moved all records and is stopped, so flushed and committed."""
    watch = Stopwatch()
    await herder.create(config["name"], config)
    await until(lambda: moved(herder) >= records, herder)
    await herder.stop(config["name"])
    return watch.stop()


def bytes_of(job: str, records: int) -> int:
    """Return the bytes of a job's records as they are in the topic, without what the log adds."""
    if job in ("file_to_topic", "file_to_topic_exactly_once", "topic_to_file"):
        return records * (len(line(0)) - 1)
    if job == "datagen_to_topic":
        return records * (len("User_2") + len(USER))
    if job == "related_to_topics":
        return records * (len("123456") + len(ORDER))
    return (
        records
        * sum(len(json_value(number)) for number in range(0, records, max(1, records // 1000)))
        // max(1, len(range(0, records, max(1, records // 1000))))
    )


def line(number: int) -> bytes:
    return b"line %09d " % number + b"x" * 84 + b"\n"


def json_value(number: int) -> bytes:
    return orjson.dumps(
        {
            "id": number,
            "user": f"user-{number % 10_000}",
            "email": f"user{number % 10_000}@example.org",
            "amount": number % 1000 + 0.5,
            "active": number % 2 == 0,
            "city": "Amsterdam",
            "comment": "a text of some length for this row",
            "created": 1_700_000_000_000 + number,
        }
    )


async def fill(herder: Herder, topic: str, records: int, make: Callable[[int], bytes]) -> None:
    await herder.cluster.admin.create_topic(topic)
    producer = herder.cluster.producer(client_id="bench")
    for start in range(0, records, CHUNK):
        values = [make(number) for number in range(start, min(start + CHUNK, records))]
        await producer.append(topic, Columns(values, timestamps=1_700_000_000_000))
    await producer.aclose()


def write_lines(context: Context) -> Path:
    """Write the file that is read into a topic."""
    source = context.directory / "in.txt"
    with source.open("wb") as out:
        for start in range(0, context.records, CHUNK):
            out.write(b"".join(map(line, range(start, min(start + CHUNK, context.records)))))
    return source


async def file_to_topic(context: Context) -> Measured:
    return await _file_to_topic(context)


async def file_to_topic_exactly_once(context: Context) -> Measured:
    return await _file_to_topic(context, exactly_once_source_support="enabled")


async def _file_to_topic(context: Context, **keys: str) -> Measured:
    source = write_lines(context)
    async with worker(context, **keys) as herder:
        config = {
            "name": "source",
            "connector.class": "FileStreamSource",
            "file": str(source),
            "topic": "lines",
            "value.converter": STRING,
        }
        return await run_connector(herder, config, context.records)


async def topic_to_file(context: Context) -> Measured:
    async with worker(context) as herder:
        await fill(herder, "lines", context.records, lambda number: line(number)[:-1])
        config = {
            "name": "sink",
            "connector.class": "FileStreamSink",
            "file": str(context.directory / "out.txt"),
            "topics": "lines",
            "value.converter": STRING,
        }
        return await run_connector(herder, config, context.records)


async def json_to_folder(context: Context) -> Measured:
    """JSON into files of a folder, by city and by a hundred thousand records."""
    async with worker(context) as herder:
        await fill(herder, "events", context.records, json_value)
        folder = context.directory / "out"
        folder.mkdir()
        config = {
            "name": "sink",
            "connector.class": "FolderSink",
            "folder": str(folder),
            "topics": "events",
            "flush.size": "100000",
            "partitioner.class": "FieldPartitioner",
            "partition.field.name": "city",
            "value.converter": JSON,
            "value.converter.schemas.enable": "false",
        }
        return await run_connector(herder, config, context.records)


#: One that is as long as they are in the mean.
USER = b'{"registertime":1495765139022,"userid":"User_2","regionid":"Region_5","gender":"OTHER"}'


async def datagen_to_topic(context: Context) -> Measured:
    """Generated users, with their keys."""
    async with worker(context) as herder:
        config = {
            "name": "source",
            "connector.class": "DatagenConnector",
            "quickstart": "users",
            "kafka.topic": "users",
            "max.interval": "0",
            "iterations": str(context.records),
            "random.seed": "1",
            "key.converter": STRING,
            "value.converter": JSON,
            "value.converter.schemas.enable": "false",
        }
        return await run_connector(herder, config, context.records)


def drawn(kind: str, **properties: Any) -> dict[str, Any]:
    """Return a field's type for a model."""
    return {"type": kind, "arg.properties": properties}


#: Customers who move and go, their orders, which go on, and payments for them.
SHOP = {
    "tables": {
        "customers": {
            "fields": [
                {"name": "name", "type": drawn("string", regex="Customer_[1-9]{4}")},
                {"name": "city", "type": drawn("string", options=["Lisbon", "Porto", "Faro"])},
            ],
            "updates": {"per_row": 0.5, "within": 200, "fields": ["city"]},
            "deletes": {"share": 0.02, "within": 500},
        },
        "orders": {
            "rows": 5,
            "references": {"customer_id": {"table": "customers", "pick": "zipf", "exponent": 0.8}},
            "fields": [
                {"name": "quantity", "type": drawn("int", range={"min": 1, "max": 6})},
                {"name": "status", "type": drawn("string", options=["placed", "packed", "sent"])},
            ],
            "updates": {"per_row": 1, "within": 50, "fields": ["status"]},
        },
        "payments": {
            "rows": 4.5,
            "references": {"order_id": {"table": "orders", "pick": "recent", "last": 200}},
            "fields": [{"name": "method", "type": drawn("string", options=["card", "transfer", "cash"])}],
        },
    }
}
#: One that is as long as they are in the mean.
ORDER = b'{"id":123456,"customer_id":1234,"quantity":3,"status":"packed"}'


async def related_to_topics(context: Context) -> Measured:
    """Generated rows of related tables, each table's to a topic, with their keys, updates and tombstones."""
    async with worker(context) as herder:
        config = {
            "name": "source",
            "connector.class": "DatagenConnector",
            "model.string": json.dumps(SHOP),
            "kafka.topic": "shop.{table}",
            "max.interval": "0",
            "iterations": str(context.records),
            "random.seed": "1",
            "key.converter": STRING,
            "value.converter": JSON,
            "value.converter.schemas.enable": "false",
        }
        return await run_connector(herder, config, context.records)


KAFKAS = "org.apache.kafka.connect.transforms."
CHAIN = {
    "transforms.insert.type": KAFKAS + "InsertField$Value",
    "transforms.insert.static.field": "source", "transforms.insert.static.value": "bench",
    "transforms.rename.type": KAFKAS + "ReplaceField$Value",
    "transforms.rename.renames": "city:town", "transforms.rename.exclude": "comment",
    "transforms.mask.type": KAFKAS + "MaskField$Value", "transforms.mask.fields": "email",
    "transforms.cast.type": KAFKAS + "Cast$Value", "transforms.cast.spec": "amount:string",
    "transforms.date.type": KAFKAS + "TimestampConverter$Value", "transforms.date.field": "created",
    "transforms.date.target.type": "string", "transforms.date.format": "yyyy-MM-dd'T'HH:mm:ss.SSSX",
}  # fmt: skip


async def three_transforms(context: Context) -> Measured:
    return await _through_transforms(context, "insert,rename,mask")


async def five_transforms(context: Context) -> Measured:
    return await _through_transforms(context, "insert,rename,mask,cast,date")


async def _through_transforms(context: Context, aliases: str) -> Measured:
    async with worker(context) as herder:
        await fill(herder, "events", context.records, json_value)
        config = {
            "name": "sink",
            "connector.class": "FileStreamSink",
            "file": str(context.directory / "out.txt"),
            "topics": "events",
            "value.converter": JSON,
            "value.converter.schemas.enable": "false",
            "transforms": aliases,
            **{name: value for name, value in CHAIN.items() if name.split(".")[1] in aliases.split(",")},
        }
        return await run_connector(herder, config, context.records)


TABLE = (
    'CREATE TABLE "events" (id bigint PRIMARY KEY, "user" text, email text, amount double precision, active boolean, '
    "city text, comment text, created bigint)"
)


async def execute(context: Context, *statements: str) -> Any:
    import asyncpg

    connection = await asyncpg.connect(context.postgres_url)
    try:
        for statement in statements:
            result = await connection.fetch(statement)
        return result
    finally:
        await connection.close()


async def json_to_postgres(context: Context) -> Measured:
    return await into_postgres(context, json_value)


async def json_to_postgres_exactly_once(context: Context) -> Measured:
    """The same, with the sink's offsets in the target."""
    keys = {"delivery.guarantee": "exactly-once"}
    return await into_postgres(context, json_value, 'DROP TABLE IF EXISTS "connect_offsets"', keys=keys)


async def json_to_postgres_upsert(context: Context) -> Measured:
    """The same into a table with a key, by which rows are replaced; here all are new."""
    keys = {"insert.mode": "upsert", "pk.mode": "record_value", "pk.fields": "id"}
    return await into_postgres(context, json_value, 'ALTER TABLE "events" ADD PRIMARY KEY (id)', keys=keys)


async def json_to_postgres_tolerant(context: Context) -> Measured:
    """The same, where bad records would be tolerated, and there are none."""
    keys = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead"}
    return await into_postgres(context, json_value, keys=keys)


async def json_to_postgres_bad_records(context: Context) -> Measured:
    """The same, where each hundredth record is one that the table refuses, and has its dead letter."""
    keys = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead"}
    return await into_postgres(context, bad_value, 'ALTER TABLE "events" ALTER city SET NOT NULL', keys=keys)


def bad_value(number: int) -> bytes:
    """Each hundredth has no city."""
    value = json_value(number)
    return value if number % 100 else value.replace(b'"Amsterdam"', b"null")


async def into_postgres(
    context: Context, make: Callable[[int], bytes], *statements: str, keys: Mapping[str, str] | None = None
) -> Measured:
    await execute(context, 'DROP TABLE IF EXISTS "events"', TABLE.replace(" PRIMARY KEY", ""), *statements)
    expected = sum(b'"city":null' not in make(number) for number in range(context.records))
    async with worker(context) as herder:
        await fill(herder, "events", context.records, make)
        config = {
            "name": "sink",
            "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
            "topics": "events",
            "connection.url": context.postgres_url or "",
            "insert.mode": "insert",
            "pk.mode": "none",
            "table.name.format": "events",
            "value.converter": JSON,
            "value.converter.schemas.enable": "false",
            **(keys or {}),
        }
        measured = await run_connector(herder, config, context.records)
    (row,) = await execute(context, 'SELECT count(*) FROM "events"')
    assert row[0] == expected, f"{row[0]} rows of {expected}"
    return measured


async def fill_events(context: Context) -> None:
    """Fill the table that is read into a topic."""
    rows = (
        "INSERT INTO \"events\" SELECT i, 'user-' || i % 10000, 'user' || i % 10000 || '@example.org', "
        "i % 1000 + 0.5, i % 2 = 0, 'Amsterdam', 'a text of some length for this row', 1700000000000 + i "
        f"FROM generate_series(1, {context.records}) i"
    )
    await execute(context, 'DROP TABLE IF EXISTS "events"', TABLE, rows, 'ANALYZE "events"')


async def postgres_to_topic(context: Context) -> Measured:
    await fill_events(context)
    async with worker(context) as herder:
        config = {
            "name": "source",
            "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector",
            "mode": "incrementing",
            "incrementing.column.name": "id",
            "table.whitelist": "events",
            "topic.prefix": "pg-",
            "poll.interval.ms": "100",
            "connection.url": context.postgres_url or "",
            "value.converter": JSON,
            "value.converter.schemas.enable": "false",
        }
        return await run_connector(herder, config, context.records)


JOBS: dict[str, Callable[[Context], Awaitable[Measured]]] = {
    "file_to_topic": file_to_topic,
    "file_to_topic_exactly_once": file_to_topic_exactly_once,
    "topic_to_file": topic_to_file,
    "json_to_folder": json_to_folder,
    "datagen_to_topic": datagen_to_topic,
    "related_to_topics": related_to_topics,
    "three_transforms": three_transforms,
    "five_transforms": five_transforms,
    "json_to_postgres": json_to_postgres,
    "json_to_postgres_exactly_once": json_to_postgres_exactly_once,
    "json_to_postgres_upsert": json_to_postgres_upsert,
    "json_to_postgres_tolerant": json_to_postgres_tolerant,
    "json_to_postgres_bad_records": json_to_postgres_bad_records,
    "postgres_to_topic": postgres_to_topic,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--postgres-url")
    parser.add_argument("--limit", action="store_true", help="run the bare loop beside the job, see bench.limits")
    options = parser.parse_args()
    tune_process()
    with tempfile.TemporaryDirectory(prefix="connect-bench-") as directory:
        context = Context(options.records, Path(directory), options.postgres_url)
        job = JOBS[options.job]
        if options.limit:
            from bench.limits import LIMITS

            job = LIMITS[options.job]
        measured = asyncio.run(job(context))
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall_s": measured.wall_s, "cpu_s": measured.cpu_s, "peak_mib": peak_mib}))


if __name__ == "__main__":
    main()
